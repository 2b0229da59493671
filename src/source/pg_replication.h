/* pg_replication: one replication of a database, from the connection to its end: who the server is,
 * the slot, the transactions, and what the server is told of how far they were read.
 *
 *     connecting ──▶ opening ──`opened`, pg_replication_follow──▶ following
 *          └────────────┴──────────────── `lost` ──────────────────────┘
 *
 * It is of one go: after `lost` it is closed, and another one made. Thread: the loop's. Callbacks
 * come from the loop, or from inside of pg_replication_beat, pg_replication_break and
 * pg_replication_report (that one calls `confirmed` alone), and none after pg_replication_close. Of
 * the callbacks `lost` alone may call that. */
#pragma once

#include "source/pg_conn.h"
#include "source/pg_opening.h"
#include "source/pg_stream.h"

#include <stdbool.h>
#include <stdint.h>

struct pg_replication;

enum pg_loss {
    PG_LOSS_PLAIN,
    PG_LOSS_GARBLED, /* what the server sent cannot be read: what was read is not to be trusted */
    PG_LOSS_STUCK,   /* the server failed at reading its own WAL for us */
    PG_LOSS_OTHER,   /* as PG_STREAM_OTHER */
};

struct pg_replication_ops {
    /* The connection is copying; nothing is read before pg_replication_follow. */
    void (*opened)(void *ctx, const struct pg_opened *opened);
    /* It cannot be, or is over: a sentence. */
    void (*lost)(void *ctx, const char *why, enum pg_loss loss);
    /* The server may forget what ends before this LSN: asked whenever it is told. */
    uint64_t (*confirmed)(void *ctx);
    /* Something was read. */
    void (*taken)(void *ctx);
};

struct pg_replication_options {
    uv_loop_t *loop;
    const struct pg_target *target; /* must outlive it */
    struct pg_side *side;           /* likewise */
    const struct watch *watch;      /* likewise */
    const char *publication;        /* likewise */
    const char *slot;               /* likewise; the name of a temporary one too */
    bool permanent;
    struct pg_place cursor;
    bool stuck;          /* as in pg_opening.h */
    uint64_t timeout_ms; /* to connect, for each answer, and of silence */
    const struct pg_replication_ops *ops;
    const struct pg_stream_ops *stream_ops;
    void *ctx; /* of both */
};

/* Begins to connect. */
struct pg_replication *pg_replication_new(const struct pg_replication_options *options);
/* `closed` is called when no handle is left on the loop, never from inside. */
void pg_replication_close(struct pg_replication *replication, void (*closed)(void *ctx), void *ctx);
/* Once, after `opened`. `before` is as in pg_stream.h. */
void pg_replication_follow(struct pg_replication *replication, const struct pg_stand *before);
/* The slot has been in the making for a while: it waits for transactions that are under way. */
bool pg_replication_waits(const struct pg_replication *replication);

/* The functions below: only while it follows. */

/* Every quarter of a second: tells the server where it stands, ends a transaction that does not go
 * on, notices silence. False: it was `lost`. */
bool pg_replication_beat(struct pg_replication *replication);
/* Tells the server where it stands. */
void pg_replication_report(struct pg_replication *replication);
/* The stream waits to be given its bytes again. */
bool pg_replication_is_blocked(const struct pg_replication *replication);
/* Gives them again, where it is blocked. */
void pg_replication_resume(struct pg_replication *replication);
/* Ends what is open. Before `follow` too. */
void pg_replication_break(struct pg_replication *replication);
/* NULL before `follow`. */
struct pg_stream *pg_replication_stream(struct pg_replication *replication);
