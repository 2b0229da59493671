/* table: a hash set of pointers, open addressing, for items that know their hash.
 *
 * Does not own the items. At most 7/8 full, so lookups stay short; 8 bytes a
 * slot. Growing moves every item once (about 10 ns each): a table of ten
 * million items pauses for some 0.1 s, once.
 * An item must not be in the table twice; its hash must not change while in. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint32_t table_hash(const void *item);
typedef bool table_equal(const void *item, const void *key);

struct table {
    void **_slots;
    size_t _cap; /* a power of two, or 0 */
    size_t count;
    table_hash *_hash;
};

void table_init(struct table *table, table_hash *hash);
void table_free(struct table *table);
/* NULL when there is none. */
void *table_find(const struct table *table, uint32_t hash, table_equal *equal, const void *key);
void table_add(struct table *table, void *item);
/* The item must be in the table. */
void table_remove(struct table *table, void *item);
/* Start with *cursor = 0; NULL at the end. Not stable under changes. */
void *table_next(const struct table *table, size_t *cursor);
/* Bytes allocated. */
size_t table_memory(const struct table *table);
