/* arena: memory that is freed all at once, with a maximum.
 *
 * One owner, one thread. Pointers live until arena_clear or arena_free.
 * arena_alloc answers NULL past `max`; what a peer sends is parsed into an
 * arena, so NULL becomes "too large", never a crash. */
#pragma once

#include "base/str.h"

#include <stdbool.h>

struct arena_block;

struct arena {
    struct arena_block *_blocks;
    size_t _used;
    size_t _max;
};

void arena_init(struct arena *arena, size_t max);
void arena_free(struct arena *arena);
/* Frees everything but the first block, which is used again. */
void arena_clear(struct arena *arena);
/* Zeroed, aligned for any type. NULL past the maximum. */
void *arena_alloc(struct arena *arena, size_t size);
/* A NUL-terminated copy; .p is NULL past the maximum. */
struct str arena_copy(struct arena *arena, struct str text);
