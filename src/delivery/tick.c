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

struct tick_entry *tick_add(struct tick *tick, struct str scope, unsigned n_blobs)
{
    if (tick->n_entries == tick->_cap) {
        tick->_cap = tick->_cap ? tick->_cap * 2 : 8;
        tick->entries = mem_grow(tick->entries, tick->_cap * sizeof *tick->entries);
    }
    struct tick_entry *entry = &tick->entries[tick->n_entries++];
    /* One piece of memory: the blobs, and the name behind them. */
    struct tick_blob *blobs = mem_new(n_blobs * sizeof *blobs + scope.n + 1);
    char *name = (char *)(blobs + n_blobs);
    memcpy(name, scope.p, scope.n);
    *entry =
        (struct tick_entry){.scope = {.p = name, .n = scope.n}, .blobs = blobs, .n_blobs = n_blobs};
    return entry;
}

const struct tick_blob *tick_blob_for(const struct tick_entry *entry, enum format format)
{
    return format < entry->n_blobs && entry->blobs[format].blob ? &entry->blobs[format] : NULL;
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
        for (size_t f = 0; f < tick->entries[i].n_blobs; f++)
            blob_unref(tick->entries[i].blobs[f].blob);
        free(tick->entries[i].blobs);
    }
    free(tick->entries);
    free(tick);
}
