/* candidate: a configuration that was read and checked as a start would check it, away from the
 * loop, and that may become the one in use.
 *
 * candidate_load begins on the loop's thread, reads files and databases on a thread of libuv's
 * pool, and calls back on the loop's thread. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "config/config.h"
#include "rules/rules.h"
#include "source/watch.h"

#include <uv.h>

struct candidate {
    struct config *config;
    struct rules *rules;
    struct watch *watch; /* names are slices of the rules */
    struct err err;      /* why it is of no use; the three are NULL then */
    struct arena _arena;
};

/* `done` owns the candidate; it is called exactly once, never before this returns. `log` is told of
 * rules whose table is in none of the databases. */
void candidate_load(uv_loop_t *loop, const char *file, const struct log *log,
                    void (*done)(void *ctx, struct candidate *candidate), void *ctx);
/* NULL is allowed. What was taken out (set to NULL) is not freed. */
void candidate_free(struct candidate *candidate);
