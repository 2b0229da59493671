#include "base/table.h"

#include "base/check.h"
#include "base/mem.h"

#include <stdlib.h>

void table_init(struct table *table, table_hash *hash)
{
    *table = (struct table){._hash = hash};
}

void table_free(struct table *table)
{
    free(table->_slots);
    table_init(table, table->_hash);
}

void *table_find(const struct table *table, uint32_t hash, table_equal *equal, const void *key)
{
    if (!table->_cap)
        return NULL;
    size_t mask = table->_cap - 1;
    for (size_t i = hash & mask; table->_slots[i]; i = (i + 1) & mask)
        if (table->_hash(table->_slots[i]) == hash && equal(table->_slots[i], key))
            return table->_slots[i];
    return NULL;
}

static void place(struct table *table, void *item)
{
    size_t mask = table->_cap - 1;
    size_t i = table->_hash(item) & mask;
    while (table->_slots[i])
        i = (i + 1) & mask;
    table->_slots[i] = item;
}

static void resize(struct table *table, size_t cap)
{
    void **old = table->_slots;
    size_t old_cap = table->_cap;
    table->_slots = mem_array(cap, sizeof(void *));
    table->_cap = cap;
    for (size_t i = 0; i < old_cap; i++)
        if (old[i])
            place(table, old[i]);
    free(old);
}

void table_add(struct table *table, void *item)
{
    if (table->count + 1 > table->_cap - table->_cap / 8)
        resize(table, table->_cap ? table->_cap * 2 : 16);
    place(table, item);
    table->count++;
}

void table_remove(struct table *table, void *item)
{
    size_t mask = table->_cap - 1;
    CHECK(table->_cap);
    size_t hole = table->_hash(item) & mask;
    while (table->_slots[hole] != item) {
        CHECK(table->_slots[hole]);
        hole = (hole + 1) & mask;
    }
    /* Shift back whoever was pushed over the hole, so that no tombstone is needed. */
    for (size_t i = (hole + 1) & mask; table->_slots[i]; i = (i + 1) & mask) {
        size_t home = table->_hash(table->_slots[i]) & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            table->_slots[hole] = table->_slots[i];
            hole = i;
        }
    }
    table->_slots[hole] = NULL;
    table->count--;
    if (table->_cap > 64 && table->count < table->_cap / 8)
        resize(table, table->_cap / 2);
}

void *table_next(const struct table *table, size_t *cursor)
{
    while (*cursor < table->_cap) {
        void *item = table->_slots[(*cursor)++];
        if (item)
            return item;
    }
    return NULL;
}

size_t table_memory(const struct table *table)
{
    return table->_cap * sizeof(void *);
}
