#include "base/arena.h"

#include "base/mem.h"

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

enum { ARENA_BLOCK = 4096 };

struct arena_block {
    struct arena_block *next;
    size_t used;
    size_t size;
    alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *arena, size_t max)
{
    *arena = (struct arena){._max = max};
}

void arena_free(struct arena *arena)
{
    while (arena->_blocks) {
        struct arena_block *next = arena->_blocks->next;
        free(arena->_blocks);
        arena->_blocks = next;
    }
    arena->_used = 0;
}

void arena_clear(struct arena *arena)
{
    while (arena->_blocks && arena->_blocks->next) {
        struct arena_block *next = arena->_blocks->next;
        free(arena->_blocks);
        arena->_blocks = next;
    }
    if (arena->_blocks)
        arena->_blocks->used = 0;
    arena->_used = 0;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size_t align = alignof(max_align_t);
    if (size > arena->_max || size > PTRDIFF_MAX)
        return NULL; /* so that nothing below can wrap */
    size_t need = (size + align - 1) / align * align;
    if (need > arena->_max - arena->_used)
        return NULL;
    struct arena_block *block = arena->_blocks;
    if (!block || block->size - block->used < need) {
        size_t room = need > ARENA_BLOCK ? need : ARENA_BLOCK;
        block = mem_try(sizeof *block + room);
        if (!block)
            return NULL;
        *block = (struct arena_block){.next = arena->_blocks, .size = room};
        arena->_blocks = block;
    }
    void *p = block->bytes + block->used;
    block->used += need;
    arena->_used += need;
    memset(p, 0, need);
    return p;
}

struct str arena_copy(struct arena *arena, struct str text)
{
    char *copy = arena_alloc(arena, text.n + 1);
    if (!copy)
        return (struct str){0};
    if (text.n)
        memcpy(copy, text.p, text.n);
    return (struct str){.p = copy, .n = text.n};
}
