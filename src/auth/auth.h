/* auth: `auth:` of the configuration as an authorizer: tokens, the application's callback, tickets.
 *
 * What a request may be, in this order: a ticket in its URL; a token (Authorization, a WebSocket
 * subprotocol, a cookie, the URL); somebody whom the application knows. The first that is there
 * decides: a bad token is not tried again as a cookie.
 *
 * `auth: none` is the same with everybody let in, for a loopback listener: what protects the
 * machine's owner from web pages of others then is that Host and Origin must be names of loopback.
 *
 * Immutable: a reload makes another. What lives longer than one configuration (tickets, counts, a
 * key set at a URL) is the caller's. Thread: any, see authorizer.h. */
#pragma once

#include "auth/jwks.h"
#include "auth/spec.h"
#include "auth/tally.h"
#include "auth/tickets.h"
#include "base/err.h"
#include "base/log.h"
#include "delivery/authorizer.h"

#include <stdbool.h>

struct auth_options {
    const struct auth_spec *spec; /* lives longer */
    bool loopback;                /* the listener is: pages of this machine may talk to it */
    bool publish;                 /* there is a publish source */
    const char *publish_token;    /* NULL: open; copied */
    struct jwks *jwks;            /* where the keys are at a URL; lives longer */
    struct tickets *tickets;      /* these live longer, too */
    struct tally *tally;
    const struct log *log;
};

struct auth;

/* NULL with a sentence; nothing that a configuration's own check lets through. */
struct auth *auth_new(const struct auth_options *options, struct err *err);
/* Every desk must be closed. */
void auth_free(struct auth *auth);
const struct authorizer *auth_authorizer(const struct auth *auth);
