#include "base/backoff.h"

uint64_t backoff_next(struct backoff *backoff, uint64_t random)
{
    uint64_t bound = backoff->first_ms;
    for (unsigned i = 0; i < backoff->failures && bound < backoff->max_ms; i++)
        bound *= 2;
    if (bound > backoff->max_ms)
        bound = backoff->max_ms;
    backoff->failures++;
    return random % (bound + 1);
}
