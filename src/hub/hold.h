/* hold: keys under `at_most`, before the index. Private to src/hub.
 *
 * The first mark of a key passes at once and its time is remembered; a further one within
 * at_most waits until that time is over. So a key is known here for at most at_most after it
 * was last laid. A bounded table: when it is full, keys pass. A heap by due time: O(log n). */
#pragma once

#include "base/hash.h"
#include "base/str.h"
#include "base/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct held;

struct hold {
    struct table _table;
    struct held **_heap; /* by due, the earliest first */
    size_t _cap;
    size_t max;
    size_t waiting; /* keys that wait to be laid; the others are only remembered */
    struct hash_seed _seed;
};

void hold_init(struct hold *hold, size_t max, struct hash_seed seed);
void hold_free(struct hold *hold);
/* True: lay it now. False: it waits. `key` is at most KEY_MAX bytes and not []. */
bool hold_pass(struct hold *hold, struct str scope, struct str key, uint64_t at_most_ms,
               uint64_t now);
/* When the first waiting key is due; UINT64_MAX when none waits. May be early, never late. */
uint64_t hold_due(const struct hold *hold);
/* Calls `lay` for every waiting key that is due by `now`, and forgets what is over. */
void hold_lay(struct hold *hold, uint64_t now,
              void (*lay)(void *ctx, struct str scope, struct str key), void *ctx);
/* Lays whatever waits and forgets everything. */
void hold_lay_all(struct hold *hold, void (*lay)(void *ctx, struct str scope, struct str key),
                  void *ctx);
/* With a lower bound than what is known here, everything that waits is laid at once. */
void hold_set_max(struct hold *hold, size_t max,
                  void (*lay)(void *ctx, struct str scope, struct str key), void *ctx);
