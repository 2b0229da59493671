/* endings: streams that are to end, each at a random moment, so that their clients do not come back
 * all at once.
 *
 * Thread: one delivery thread's. A connection that is gone by then is the caller's to notice. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct endings {
    struct ending *_items;
    size_t _n, _cap;
    uint64_t _random;
};

void endings_init(struct endings *endings, uint64_t seed);
void endings_free(struct endings *endings);
/* At a moment in [now, now + spread]. */
void endings_add(struct endings *endings, uint64_t conn, uint64_t now, uint64_t spread_ms);
/* Takes out one whose moment has come. */
bool endings_take(struct endings *endings, uint64_t now, uint64_t *conn);
