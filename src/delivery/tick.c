#include "delivery/tick.h"

#include "base/mem.h"

#include <stdlib.h>

struct tick *tick_new(uint64_t previous, uint64_t position)
{
    struct tick *tick = mem_new(sizeof *tick);
    atomic_init(&tick->_refs, 1);
    tick->previous = previous;
    tick->position = position;
    return tick;
}

struct tick_entry *tick_add(struct tick *tick, struct str scope)
{
    if (tick->n_entries == tick->_cap) {
        tick->_cap = tick->_cap ? tick->_cap * 2 : 8;
        tick->entries = mem_grow(tick->entries, tick->_cap * sizeof *tick->entries);
    }
    struct tick_entry *entry = &tick->entries[tick->n_entries++];
    *entry = (struct tick_entry){.scope = {.p = mem_copy(scope.p, scope.n), .n = scope.n}};
    return entry;
}

struct tick *tick_ref(struct tick *tick)
{
    atomic_fetch_add_explicit(&tick->_refs, 1, memory_order_relaxed);
    return tick;
}

void tick_unref(struct tick *tick)
{
    if (!tick || atomic_fetch_sub_explicit(&tick->_refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < tick->n_entries; i++) {
        free((char *)(uintptr_t)tick->entries[i].scope.p);
        for (size_t f = 0; f < FORMAT_COUNT; f++)
            blob_unref(tick->entries[i].blobs[f].blob);
    }
    free(tick->entries);
    free(tick);
}
