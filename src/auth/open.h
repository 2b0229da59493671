/* open: `auth: none`. Everyone may read every scope; loopback listener only.
 *
 * What still protects the machine's owner from web pages of others: the Host must be
 * a name of this machine's loopback, the Origin too. Publishing follows the `publish`
 * source: a token, or open, or not at all. */
#pragma once

#include "delivery/authorizer.h"

#include <stdbool.h>

struct open_options {
    bool publish;      /* there is a publish source */
    const char *token; /* NULL: open; copied */
};

struct open_auth;

struct open_auth *open_new(const struct open_options *options);
void open_free(struct open_auth *auth);
const struct authorizer *open_authorizer(const struct open_auth *auth);
