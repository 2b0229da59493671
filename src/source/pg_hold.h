/* pg_hold: holds a tick until readers can see what is in it, and says when that is so late that the
 * tick leaves without.
 *
 * Asks a server that readers use (the primary, or the replica of `visible_on`) for its snapshot;
 * one query for a tick, as long as commits become visible at once. While some are late nothing new
 * is waited for: it joins them.
 *
 * Thread: the loop's. Callbacks may come from inside pg_hold_settle. */
#pragma once

#include "source/pg_side.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PG_HOLD_MS = 1000 };

struct pg_hold;

struct pg_hold_options {
    uv_loop_t *loop;
    struct pg_side *side; /* must outlive it */
    void *ctx;
    /* The answer to pg_hold_settle. */
    void (*settled)(void *ctx, bool visible);
    /* All that was late can be seen now. */
    void (*seen)(void *ctx);
    /* All that was older than pg_hold_add_older can be seen now, and something could not. */
    void (*older_seen)(void *ctx);
    /* pg_hold_late, or pg_hold_is_empty, may be another. */
    void (*moved)(void *ctx);
};

struct pg_hold *pg_hold_new(const struct pg_hold_options *options);
void pg_hold_close(struct pg_hold *hold, void (*closed)(void *ctx), void *ctx);
/* A transaction was handed on. `end` is the LSN behind its commit. */
void pg_hold_add(struct pg_hold *hold, uint32_t xid, uint64_t end);
/* Commits up to now that were never added, and that end before `lsn`: looked for once. */
void pg_hold_add_older(struct pg_hold *hold, uint64_t lsn);
/* Whether readers see all that was added: answered by `settled` within PG_HOLD_MS. */
void pg_hold_settle(struct pg_hold *hold);
bool pg_hold_settling(const struct pg_hold *hold);
/* Looks, if there is something to look for. */
void pg_hold_look(struct pg_hold *hold);
/* Nothing that was added is unseen. */
bool pg_hold_is_empty(const struct pg_hold *hold);
/* Commits that a tick did not wait for. */
size_t pg_hold_late(const struct pg_hold *hold);
/* Forgets everything; a settle that waits is answered. */
void pg_hold_clear(struct pg_hold *hold);
