/* nearest: the known name that somebody probably meant.
 *
 *     struct nearest near = nearest_to(word);
 *     for (each known name) nearest_offer(&near, name);
 *     err_set(err, "unknown key \"%.*s\"%s", STR_ARG(word), nearest_hint(&near));
 *
 * A value; slices must outlive it. Close means: letters left out, added, mistaken or
 * swapped, at most one in three of them; case does not count. Names above 64 bytes are
 * never close. */
#pragma once

#include "base/str.h"

struct nearest {
    struct str word;
    struct str best; /* .p NULL while nothing is near */
    size_t distance;
    char hint[96];
};

struct nearest nearest_to(struct str word);
void nearest_offer(struct nearest *near, struct str name);
/* " (did you mean \"listen\"?)", or "" when nothing is near. Lives as long as `near`. */
const char *nearest_hint(struct nearest *near);
