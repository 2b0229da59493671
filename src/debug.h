/* debug: what the admin listener says of single scopes and connections.
 *
 *     GET /debug/scopes?limit=100&scope=NAME        what the index has
 *     GET /debug/connections?limit=100&scope=NAME   who is connected, asked of the delivery threads
 *
 * Thread: the hub's. Answers are bounded (`limit`, at most DEBUG_MAX rows), the walk over the index
 * is not: with a million scopes it takes some tens of milliseconds of the hub's thread. */
#pragma once

#include "delivery/mails.h"
#include "hub/hub.h"

#include <stdbool.h>

enum { DEBUG_ROWS = 100, DEBUG_MAX = 1000 };

struct debug;

struct debug_options {
    const struct hub *hub;
    unsigned workers;
    void *ctx;
    void (*send)(void *ctx, unsigned worker, struct mail *mail);
    void (*answer)(void *ctx, uint64_t conn, unsigned status, struct str json);
};

struct debug *debug_new(const struct debug_options *options);
/* No thread may be asked any more. NULL is allowed. */
void debug_free(struct debug *debug);
/* `conn` is whom `answer` is for, at once or later. `scope` empty: all of them. */
void debug_scopes(struct debug *debug, uint64_t conn, struct str scope, unsigned limit);
void debug_connections(struct debug *debug, uint64_t conn, struct str scope, unsigned limit);
/* MAIL_LOOKED; takes the mail. */
void debug_mail(struct debug *debug, struct mail_look *look);
