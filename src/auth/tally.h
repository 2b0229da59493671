/* tally: how often what happened at the door; counted on every thread, read for /metrics.
 *
 * Kept over reloads. Thread: any. */
#pragma once

#include "auth/jwt.h"

#include <stdatomic.h>
#include <stdint.h>

enum tally_callback {
    TALLY_ASKED,     /* requests to the application */
    TALLY_CACHED,    /* sign-ins that its answer of a moment ago, or on its way, was good for */
    TALLY_GOOD,      /* its answers: somebody */
    TALLY_NOT_GOOD,  /* … not signed in, or may not */
    TALLY_NO_ANSWER, /* … none, or not in our words */
    TALLY_CALLBACKS
};

struct tally {
    atomic_uint_fast64_t tokens[JWT_RESULTS];
    atomic_uint_fast64_t callbacks[TALLY_CALLBACKS];
};

static inline void tally_add(atomic_uint_fast64_t *count)
{
    atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
}
