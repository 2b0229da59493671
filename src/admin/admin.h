/* admin: the operator's listener: /livez, /readyz, /metrics.
 *
 * Thread: the hub's. Knows routes, not what they say: that is asked of the roof. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"

#include <stdbool.h>
#include <uv.h>

struct admin;

struct admin_options {
    uv_loop_t *loop;
    const char *listen;
    const struct log *log;
    void *ctx;
    /* True: ready. Appends a JSON object that says why or why not. */
    bool (*ready)(void *ctx, struct buf *json);
    void (*metrics)(void *ctx, struct buf *text);
};

struct admin *admin_new(const struct admin_options *options, struct err *err);
const char *admin_address(const struct admin *admin);
/* Closes everything; admin_free after `done`. */
void admin_stop(struct admin *admin, void (*done)(void *ctx), void *ctx);
/* NULL is allowed. */
void admin_free(struct admin *admin);
