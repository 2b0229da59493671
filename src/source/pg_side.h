/* pg_side: an ordinary connection beside the replication that comes back by itself, with full
 * jitter, for as long as it takes; one query at a time.
 *
 * Thread: the loop's. Callbacks come from the loop, and none after pg_side_close. */
#pragma once

#include "source/pg_conn.h"

#include <stdbool.h>
#include <stdint.h>

struct pg_side;

struct pg_side_options {
    uv_loop_t *loop;
    const struct pg_target *target; /* must outlive it */
    uint64_t timeout_ms;            /* to connect, and for each answer */
    void *ctx;
    void (*up)(void *ctx, struct pg_side *side);
    void (*down)(void *ctx, struct pg_side *side, const char *why);
};

/* Connects at once. */
struct pg_side *pg_side_new(const struct pg_side_options *options);
/* `closed` is called when no handle is left on the loop, never from inside. */
void pg_side_close(struct pg_side *side, void (*closed)(void *ctx), void *ctx);
/* A query may be asked now. */
bool pg_side_ready(const struct pg_side *side);
bool pg_side_up(const struct pg_side *side);
/* `answer` gets NULL when the connection is lost meanwhile. Only when ready. */
typedef void pg_side_answer(void *ctx, const PGresult *result);
void pg_side_ask(struct pg_side *side, const char *sql, int n, const char *const *values,
                 pg_side_answer *answer, void *ctx);
/* The query that is under way will not be answered to anybody. */
void pg_side_forget(struct pg_side *side);
