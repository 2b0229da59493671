/* pg_asker: the questions of auth.membership beside a logical replication: on an ordinary
 * connection of its own, and answered for a moment of the stream.
 *
 *     asked ──▶ the answer, with its snapshot and the WAL's end ──▶ the stream has come to that end
 *       ▲                                                                │
 *       └── a commit that was handed on is not in the snapshot ──────────┴──▶ answered, exact
 *
 * At the WAL's end that the answer carries everything that it has seen is handed on; and it has
 * seen everything that was handed on, or it is asked again (a commit stands in the WAL before
 * anybody sees it). So the answer is exact in both directions. What a transaction commits without
 * waiting for the disk (synchronous_commit = off) an answer may see a moment before the stream
 * does.
 *
 * Thread: the loop's. */
#pragma once

#include "model/roll.h"
#include "source/pg_side.h"
#include "source/pg_target.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct pg_asker;

struct pg_asker_options {
    uv_loop_t *loop;
    const struct pg_target *target; /* must outlive it */
    uint64_t timeout_ms;
    const struct rolls *rolls; /* copied */
    void *ctx;
    /* The stream's end so far, when it may be answered now: `false` while it does not run, inside
     * of a transaction, or while a table of the rolls is not captured (`why`). */
    bool (*reached)(void *ctx, uint64_t *lsn);
    /* For a stream whose places are not those of the WAL; NULL: they are. An answer has come: which
     * end has the stream to reach for everything that the answer may know of? Such answers are not
     * exact: what moved while one was asked for it may know or not. A standby's are refused. */
    uint64_t (*fence)(void *ctx);
    void (*answered)(void *ctx, struct roll_question *question, const struct roll_answer *answer);
};

/* Connects at once. */
struct pg_asker *pg_asker_new(const struct pg_asker_options *options);
/* Every question is answered with not ok, in this call. */
void pg_asker_close(struct pg_asker *asker, void (*closed)(void *ctx), void *ctx);
void pg_asker_ask(struct pg_asker *asker, struct roll_question *question);
/* A transaction that touched a table of the rolls was handed on; `end` is behind its commit. */
void pg_asker_commit(struct pg_asker *asker, uint32_t xid, uint64_t end);
/* Is a change of this table a matter of the rolls? */
bool pg_asker_knows(const struct pg_asker *asker, struct str table);
/* The stream may have come further. */
void pg_asker_look(struct pg_asker *asker);
