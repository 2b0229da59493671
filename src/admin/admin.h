/* admin: the operator's listener: /livez, /readyz, /metrics, /debug/scopes, /debug/connections.
 *
 * Whoever reaches the listener may ask; on a loopback address only under a name of loopback (Host,
 * and Origin where a page asks), else 403.
 *
 * Thread: the hub's. Knows routes, not what they say: that is asked of the roof. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct admin;

enum admin_debug { ADMIN_SCOPES, ADMIN_CONNECTIONS };

struct admin_options {
    uv_loop_t *loop;
    const char *listen;
    const struct log *log;
    void *ctx;
    /* True: ready. Appends a JSON object that says why or why not. */
    bool (*ready)(void *ctx, struct buf *json);
    void (*metrics)(void *ctx, struct buf *text);
    /* Answered by admin_answer, at once or later. `scope` may be empty; `limit` is `rows` where
     * nobody asked for another one, and rows_max at most. */
    void (*debug)(void *ctx, uint64_t conn, enum admin_debug what, struct str scope,
                  unsigned limit);
    unsigned rows, rows_max;
};

struct admin *admin_new(const struct admin_options *options, struct err *err);
const char *admin_address(const struct admin *admin);
/* Nothing happens when the asker is gone. */
void admin_answer(struct admin *admin, uint64_t conn, unsigned status, struct str json);
/* Closes everything; admin_free after `done`. */
void admin_stop(struct admin *admin, void (*done)(void *ctx), void *ctx);
/* NULL is allowed. */
void admin_free(struct admin *admin);
