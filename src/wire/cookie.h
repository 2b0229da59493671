/* cookie: what stands in a Cookie header, read as a server reads it (RFC 6265, 4.2.1 and 5.4).
 *
 * "name=value; name=value". Values are taken as they are, but for one pair of double quotes around
 * the whole; nothing is decoded. Pairs without "=" and with characters that no name has are left
 * out, one by one: another application's odd cookie must not lock the user out. Pure; slices point
 * into the header. */
#pragma once

#include "base/str.h"

#include <stdbool.h>

struct cookie {
    struct str name, value;
};

/* The next pair; *rest starts as the header's value. False at the end. */
bool cookie_next(struct str *rest, struct cookie *out);

enum cookie_found {
    COOKIE_NONE,
    COOKIE_ONE,      /* once, or always with the same value */
    COOKIE_DIFFERENT /* several values: a neighbouring host can lay its own beside ours (RFC 6265,
                        8.6), and nobody can tell which is whose */
};

/* Names are compared byte by byte. *value is the first of that name, or .p NULL. */
enum cookie_found cookie_find(struct str header, struct str name, struct str *value);
/* Whether a configuration may ask for a cookie of that name: a token of RFC 9110, 5.6.2. */
bool cookie_name_ok(struct str name);
