/* backoff: how long to wait before the next attempt: full jitter, so that many who lost the same
 * server do not come back together. Pure; the dice are the caller's. */
#pragma once

#include <stdint.h>

struct backoff {
    uint64_t first_ms, max_ms;
    unsigned failures; /* in a row; set to 0 when an attempt has proved good */
};

/* Counts a failure. Between 0 and min(max_ms, first_ms * 2^(failures - 1)), evenly. */
uint64_t backoff_next(struct backoff *backoff, uint64_t random);
