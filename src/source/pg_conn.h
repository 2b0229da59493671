/* pg_conn: one connection to PostgreSQL on the loop; nothing blocks it.
 *
 *     STARTING ──▶ CONNECTING ──▶ READY ⇄ ASKING ──▶ COPYING
 *        │             │            │        │           │
 *        └─────────────┴────────────┴────────┴───────────┴──▶ LOST
 *     pg_conn_close: from everywhere to CLOSING; freed when its handles are off the loop.
 *
 * STARTING is on a thread of libuv's pool: libpq looks up names and reads files there, and both can
 * take their time. Everything else, and every callback, is on the loop's thread. A connection that
 * was lost is of no more use: close it and make another one.
 *
 * Callbacks come from the loop, never from inside a call of these functions, and none after
 * pg_conn_close, which may be called in each of them. */
#pragma once

#include "base/str.h"
#include "source/pg_target.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct pg_conn;

struct pg_conn_ops {
    /* Connected, and queries may be asked. Of a replication connection the settings in which values
     * are written are those that pg_relation.h wants. */
    void (*ready)(void *ctx, struct pg_conn *conn);
    /* It cannot be reached, or is gone. Once. `why` is a sentence without secrets. */
    void (*lost)(void *ctx, struct pg_conn *conn, const char *why);
    /* May be NULL. NOTIFY of a channel that this connection listens to. */
    void (*notified)(void *ctx, struct pg_conn *conn, struct str channel, struct str payload);
    /* COPYING: one CopyData payload. False: not now; it is given again after pg_conn_resume, and
     * nothing is read from the server meanwhile. May be NULL where nothing is copied. */
    bool (*data)(void *ctx, struct pg_conn *conn, struct str bytes);
};

struct pg_conn_options {
    uv_loop_t *loop;
    const struct pg_target *target; /* must outlive the connection */
    enum pg_target_kind kind;
    uint64_t timeout_ms; /* until `ready` */
    const struct pg_conn_ops *ops;
    void *ctx;
};

/* Begins to connect. */
struct pg_conn *pg_conn_new(const struct pg_conn_options *options);
/* `closed` (may be NULL) is called when no handle is left on the loop, never from inside. */
void pg_conn_close(struct pg_conn *conn, void (*closed)(void *ctx), void *ctx);

/* The answer: the last statement's result, or the first error's; for START_REPLICATION
 * PGRES_COPY_BOTH. Freed after the call. */
typedef void pg_conn_answer(void *ctx, struct pg_conn *conn, const PGresult *result);

/* READY only. Statements separated by ";" are one transaction. No answer within timeout_ms (0: for
 * ever) is `lost`. */
void pg_conn_query(struct pg_conn *conn, const char *sql, uint64_t timeout_ms,
                   pg_conn_answer *answer, void *ctx);
/* With $1, $2, … as text; NULL is null. Not for a replication connection. */
void pg_conn_ask(struct pg_conn *conn, const char *sql, int n, const char *const *values,
                 uint64_t timeout_ms, pg_conn_answer *answer, void *ctx);
/* True when a query may be asked now. */
bool pg_conn_ready(const struct pg_conn *conn);

/* COPYING: sends one CopyData payload. What the server does not take is kept by libpq; so send
 * little. */
void pg_conn_put(struct pg_conn *conn, struct str bytes);
/* After `data` answered false. */
void pg_conn_resume(struct pg_conn *conn);
/* Why it was lost: while it was copying the server failed at what it had to send, and not because
 * it, or the connection, was to end. */
bool pg_conn_is_failed_copy(const struct pg_conn *conn);

/* As 150004; 0 until it is connected. */
int pg_conn_version(const struct pg_conn *conn);
/* The process of the server that this connection was told it has. Through a pooler that is another
 * one than pg_backend_pid() says. */
int pg_conn_backend(const struct pg_conn *conn);
/* Ms of the loop's clock when the server last said anything. */
uint64_t pg_conn_heard(const struct pg_conn *conn);
/* The first line of the server's or libpq's complaint, with hint, on one line. */
const char *pg_conn_complaint(const struct pg_conn *conn, const PGresult *result, struct err *err);
