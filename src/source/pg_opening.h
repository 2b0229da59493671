/* pg_opening: from a replication connection to a running replication: who the server is, the slot,
 * START_REPLICATION.
 *
 * A chain of questions over the replication connection and, for what only SQL can say, over the
 * ordinary one. Thread: the loop's; callbacks come from the loop. */
#pragma once

#include "base/err.h"
#include "source/pg_conn.h"
#include "source/pg_side.h"
#include "source/pg_slot.h"

#include <stdbool.h>

struct pg_opening;

struct pg_opened {
    struct pg_place here; /* everything before `lsn` is known, or a gap */
    uint64_t from;        /* where the server begins to send; perhaps lower */
    bool gap;             /* what was before cannot be proven to be complete */
    bool other;           /* it is another database, or an older state of it */
    char reason[ERR_MAX]; /* of the gap */
};

struct pg_opening_options {
    struct pg_conn *conn; /* a replication connection that is ready */
    struct pg_side *side;
    const char *publication;
    const char *slot; /* its name; of a temporary one too */
    bool permanent;
    struct pg_place cursor;
    bool stuck; /* from the slot that there is nobody can go on: it is made anew */
    uint64_t timeout_ms;
    void *ctx;
    /* The connection copies. */
    void (*opened)(void *ctx, const struct pg_opened *opened);
    /* It cannot be: a sentence. */
    void (*refused)(void *ctx, const char *why);
    /* The slot is being made, which waits for all transactions that are under way. */
    void (*waiting)(void *ctx);
};

struct pg_opening *pg_opening_new(const struct pg_opening_options *options);
/* After `opened` or `refused`, or when a connection is gone. */
void pg_opening_free(struct pg_opening *opening);
