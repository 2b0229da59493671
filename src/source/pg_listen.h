/* pg_listen: the source that follows a PostgreSQL database by LISTEN (`capture: notify`), for
 * servers without logical decoding.
 *
 * The triggers that speak are made by pg_triggers.h, or are the application's own (`channel`).
 * This source writes nothing to the database, and its connection is never inside a transaction: an
 * open one would keep every other session's notifications in the server's queue.
 *
 * NOTIFY keeps nothing for a listener that is away. So whenever it was (re)connected, whenever its
 * own canary did not come back, whenever more came than there is room for, and once at the start,
 * changes may have been missed: that shows as a gap of everything (`gap` with an empty resource),
 * never as a gap of a length; there is no cursor. A table whose triggers are altered, disabled or
 * gone is a gap of that table, and current(false) while they are.
 *
 * Whole transactions: notifications are handed on after a question that was asked behind them is
 * answered. A server sends what it has up to a commit before it answers, so no transaction is cut.
 * They are of committed transactions that every new snapshot of that server sees: there is nothing
 * to settle.
 *
 * Who may read what is asked over another connection. An answer counts when a canary that was sent
 * after it has come back, and everything in front of the canary is handed on: the server's queue
 * keeps the order of commits, so nothing that the answer knows of can come behind. */
#pragma once

#include "base/err.h"
#include "base/log.h"
#include "source/source.h"
#include "source/watch.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct pg_listen_options {
    const char *url;
    const char *password_file; /* may be NULL */
    const char *channel;       /* of triggers that are the application's own; NULL: ours */
    uint64_t timeout_ms;       /* to connect, and for each answer; half of it between canaries */
    uint64_t patience_ms;
    const struct watch *watch;
    const struct rolls *rolls; /* as in pg_logical.h; none where there is a `channel` */
    bool alone;                /* a table that is missing here can be nowhere else */
    uv_loop_t *loop;
    const struct log *log;
};

/* Copies the options and the sink. NULL when the URL is none. */
struct source *pg_listen_new(const struct pg_listen_options *options,
                             const struct source_sink *sink, struct err *err);
