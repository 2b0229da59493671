#include "hub/hold.h"

#include "base/mem.h"
#include "model/key.h"

#include <stdlib.h>

struct held {
    uint64_t due; /* last laid + at_most: to be laid when waiting, to be forgotten when not */
    uint64_t at_most;
    size_t place; /* in the heap */
    uint32_t hash;
    uint16_t scope, key; /* bytes of each in text */
    bool waiting;
    char text[];
};

struct wanted {
    struct str scope, key;
};

static uint32_t held_hash(const void *item)
{
    return ((const struct held *)item)->hash;
}

static struct str held_scope(const struct held *held)
{
    return (struct str){.p = held->text, .n = held->scope};
}

static struct str held_key(const struct held *held)
{
    return (struct str){.p = held->text + held->scope, .n = held->key};
}

static bool held_is(const void *item, const void *key)
{
    const struct wanted *wanted = key;
    return str_equal(held_scope(item), wanted->scope) && key_equal(held_key(item), wanted->key);
}

void hold_init(struct hold *hold, size_t max, struct hash_seed seed)
{
    *hold = (struct hold){.max = max, ._seed = seed};
    table_init(&hold->_table, held_hash);
}

void hold_free(struct hold *hold)
{
    for (size_t i = 0; i < hold->_table.count; i++)
        free(hold->_heap[i]);
    free(hold->_heap);
    table_free(&hold->_table);
    hold->_heap = NULL;
    hold->_cap = hold->waiting = 0;
}

/* ---- the heap; its size is the table's count ---- */

static void put(struct hold *hold, size_t place, struct held *held)
{
    hold->_heap[place] = held;
    held->place = place;
}

/* Moves the item to where its due time belongs, from a place whose content is free. */
static void sift(struct hold *hold, size_t place, struct held *held, size_t count)
{
    while (place && hold->_heap[(place - 1) / 2]->due > held->due) {
        put(hold, place, hold->_heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    for (size_t child; (child = place * 2 + 1) < count; place = child) {
        if (child + 1 < count && hold->_heap[child + 1]->due < hold->_heap[child]->due)
            child++;
        if (hold->_heap[child]->due >= held->due)
            break;
        put(hold, place, hold->_heap[child]);
    }
    put(hold, place, held);
}

static void forget(struct hold *hold, struct held *held)
{
    table_remove(&hold->_table, held);
    size_t count = hold->_table.count;
    struct held *last = hold->_heap[count];
    if (last != held)
        sift(hold, held->place, last, count);
    free(held);
}

static struct held *remember(struct hold *hold, const struct wanted *wanted, uint32_t hash)
{
    struct held *held = mem_new(sizeof *held + wanted->scope.n + wanted->key.n);
    held->hash = hash;
    held->scope = (uint16_t)wanted->scope.n;
    held->key = (uint16_t)wanted->key.n;
    memcpy(held->text, wanted->scope.p, wanted->scope.n);
    memcpy(held->text + wanted->scope.n, wanted->key.p, wanted->key.n);
    if (hold->_table.count == hold->_cap) {
        hold->_cap = hold->_cap ? hold->_cap * 2 : 16;
        hold->_heap = mem_grow(hold->_heap, hold->_cap * sizeof *hold->_heap);
    }
    table_add(&hold->_table, held);
    return held;
}

static uint64_t later(uint64_t now, uint64_t at_most)
{
    return at_most > UINT64_MAX - now ? UINT64_MAX - 1 : now + at_most;
}

bool hold_pass(struct hold *hold, struct str scope, struct str key, uint64_t at_most_ms,
               uint64_t now)
{
    struct wanted wanted = {.scope = scope, .key = key};
    uint32_t hash = (uint32_t)(key_hash(hold->_seed, key) + hash_bytes(hold->_seed, scope));
    struct held *held = table_find(&hold->_table, hash, held_is, &wanted);
    if (!held) {
        /* What is only remembered and over makes room first. */
        while (hold->_table.count && !hold->_heap[0]->waiting && hold->_heap[0]->due <= now)
            forget(hold, hold->_heap[0]);
        if (hold->_table.count >= hold->max)
            return true;
        held = remember(hold, &wanted, hash);
        held->at_most = at_most_ms;
        held->due = later(now, at_most_ms);
        sift(hold, hold->_table.count - 1, held, hold->_table.count);
        return true;
    }
    if (at_most_ms < held->at_most) {
        held->due -= held->at_most - at_most_ms;
        held->at_most = at_most_ms;
        sift(hold, held->place, held, hold->_table.count);
    }
    if (!held->waiting && held->due <= now) {
        held->at_most = at_most_ms;
        held->due = later(now, at_most_ms);
        sift(hold, held->place, held, hold->_table.count);
        return true;
    }
    if (!held->waiting) {
        held->waiting = true;
        hold->waiting++;
    }
    return false;
}

uint64_t hold_due(const struct hold *hold)
{
    return hold->waiting ? hold->_heap[0]->due : UINT64_MAX;
}

void hold_lay(struct hold *hold, uint64_t now,
              void (*lay)(void *ctx, struct str scope, struct str key), void *ctx)
{
    while (hold->_table.count && hold->_heap[0]->due <= now) {
        struct held *held = hold->_heap[0];
        if (!held->waiting) {
            forget(hold, held);
            continue;
        }
        held->waiting = false;
        hold->waiting--;
        held->due = later(now, held->at_most ? held->at_most : 1);
        lay(ctx, held_scope(held), held_key(held));
        sift(hold, 0, held, hold->_table.count);
    }
}

void hold_lay_all(struct hold *hold, void (*lay)(void *ctx, struct str scope, struct str key),
                  void *ctx)
{
    for (size_t i = 0; i < hold->_table.count; i++)
        if (hold->_heap[i]->waiting)
            lay(ctx, held_scope(hold->_heap[i]), held_key(hold->_heap[i]));
    struct hash_seed seed = hold->_seed;
    size_t max = hold->max;
    hold_free(hold);
    hold_init(hold, max, seed);
}

void hold_set_max(struct hold *hold, size_t max,
                  void (*lay)(void *ctx, struct str scope, struct str key), void *ctx)
{
    if (hold->_table.count > max)
        hold_lay_all(hold, lay, ctx);
    hold->max = max;
}
