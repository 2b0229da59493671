#include "hub/index.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "model/key.h"
#include "model/scope.h"

#include <malloc.h>
#include <stdlib.h>

/* ---- memory ---- */

/* What the allocator took, its own word in front included. */
static size_t taken(void *p)
{
    return p ? malloc_usable_size(p) + sizeof(size_t) : 0;
}

/* Text begins where the last field ends, in what would be padding. */
static size_t inline_size(size_t whole, size_t offset, size_t text)
{
    return offset + text > whole ? offset + text : whole;
}

void *index_alloc(struct index *index, size_t size)
{
    void *p = mem_new(size);
    index->allocated += taken(p);
    return p;
}

void index_release(struct index *index, void *p)
{
    index->allocated -= taken(p);
    free(p);
}

size_t index_memory(const struct index *index)
{
    return index->allocated + index->entries.memory;
}

void index_init(struct index *index, const struct index_limits *limits, struct hash_seed seed)
{
    *index = (struct index){.limits = *limits, .seed = seed};
    dict_init(&index->entries);
    list_init(&index->all);
    list_init(&index->dirty);
    list_init(&index->idle);
    index_keep_family(index, SCOPE_EVERY);
}

static void entry_release(struct index *index, struct entry *entry);

void index_free(struct index *index)
{
    LIST_EACH (node, &index->all)
        free(LIST_ITEM(node, struct mark, in_all));
    size_t cursor = 0;
    struct dict_node *next = dict_next(&index->entries, &cursor, NULL);
    while (next) {
        struct entry *entry = (struct entry *)next;
        next = dict_next(&index->entries, &cursor, next);
        entry_release(index, entry);
    }
    dict_free(&index->entries);
}

/* ---- rows ---- */

static uint32_t *row_hashes(const struct row *row)
{
    return (uint32_t *)(void *)(row->slots + row->cap);
}

uint32_t row_hash(const struct row *row, uint32_t slot)
{
    return row_hashes(row)[slot];
}

/* Everything moves to a block of `cap` slots, without holes. */
static void row_move(struct index *index, struct row *row, uint32_t cap)
{
    struct row to = {.cap = cap, .live = row->live};
    to.slots = cap == row->cap ? row->slots
                               : index_alloc(index, cap * (sizeof *row->slots + sizeof(uint32_t)));
    const uint32_t *from = row->cap ? row_hashes(row) : NULL;
    for (uint32_t i = row->first; i < row->len; i++)
        if (row->slots[i]) {
            to.slots[to.len] = row->slots[i];
            row_hashes(&to)[to.len++] = from[i];
        }
    if (to.slots != row->slots)
        index_release(index, row->slots);
    *row = to;
}

void row_add(struct index *index, struct row *row, struct mark *mark, uint32_t hash)
{
    /* A quarter free is enough to pay for closing the holes again. */
    if (row->len == row->cap)
        row_move(index, row,
                 row->live < row->cap - row->cap / 4 ? row->cap : row->cap + row->cap / 2 + 1);
    CHECK(row->slots);
    row->slots[row->len] = mark;
    row_hashes(row)[row->len++] = hash;
    row->live++;
}

static void row_remove(struct row *row, uint32_t slot)
{
    row->slots[slot] = NULL;
    row->live--;
    while (row->len > row->first && !row->slots[row->len - 1])
        row->len--;
    while (row->first < row->len && !row->slots[row->first])
        row->first++;
    if (row->live == 0)
        row->first = row->len = 0;
}

static void row_release(struct index *index, struct row *row)
{
    index_release(index, row->slots);
    *row = (struct row){0};
}

uint32_t row_after(const struct row *row, uint64_t P)
{
    uint32_t i = row->len;
    while (i > row->first && (!row->slots[i - 1] || row->slots[i - 1]->position > P))
        i--;
    return i;
}

uint32_t row_find(const struct row *row, uint32_t hash, uint32_t below)
{
    enum { STRIDE = 8 };
    if (row->cap == 0)
        return NO_SLOT;
    const uint32_t *hashes = row_hashes(row);
    /* Newest first: what changes often is found early. */
    while (below > row->first) {
        uint32_t hits = 0;
        if (below - row->first >= STRIDE) {
            for (uint32_t k = 1; k <= STRIDE; k++)
                hits |= hashes[below - k] == hash;
            if (!hits) {
                below -= STRIDE;
                continue;
            }
        }
        below--;
        if (hashes[below] == hash && row->slots[below])
            return below;
    }
    return NO_SLOT;
}

/* ---- entries ---- */

static uint32_t hash_name(const struct index *index, struct str name)
{
    return (uint32_t)hash_bytes(index->seed, name);
}

static struct entry *find_hashed(struct index *index, struct str name, uint32_t hash)
{
    struct dict_node *node = dict_first(&index->entries, hash);
    for (; node; node = dict_more(node))
        if (str_equal(entry_name((struct entry *)node), name))
            return index->recent = (struct entry *)node;
    return NULL;
}

struct entry *index_find(struct index *index, struct str name)
{
    if (index->recent && str_equal(entry_name(index->recent), name))
        return index->recent;
    return find_hashed(index, name, hash_name(index, name));
}

static struct entry *entry_new(struct index *index, struct str name, bool family)
{
    CHECK(name.n <= INDEX_NAME_MAX);
    struct entry *entry =
        index_alloc(index, inline_size(sizeof *entry, offsetof(struct entry, name), name.n));
    entry->node.hash = hash_name(index, name);
    entry->node.len = (uint16_t)name.n;
    memcpy(entry->name, name.p, name.n);
    list_init(&entry->dirty);
    if (family) {
        entry->node.flags = ENTRY_FAMILY;
        index->n_families++;
        index->n_other_families++;
    } else {
        entry->floor = index->global_floor;
    }
    dict_add(&index->entries, &entry->node);
    return index->recent = entry;
}

struct entry *index_entry(struct index *index, struct str name)
{
    struct entry *entry = index_find(index, name);
    if (entry)
        return entry;
    bool family = scope_is_family(name);
    if (family && index->n_other_families >= index->limits.families_max)
        return index_find(index, SCOPE_EVERY);
    return entry_new(index, name, family);
}

struct entry *index_restore(struct index *index, struct str name, bool family)
{
    return index_find(index, name) ? NULL : entry_new(index, name, family);
}

void index_keep_family(struct index *index, struct str family)
{
    struct entry *entry = index_find(index, family);
    if (!entry)
        entry = entry_new(index, family, true);
    if (entry->node.flags & ENTRY_KEPT)
        return;
    entry->node.flags |= ENTRY_KEPT;
    index->n_other_families--;
}

struct extra *index_extra(struct index *index, struct entry *entry)
{
    if (!entry->extra) {
        struct extra *extra = index_alloc(index, sizeof *extra);
        extra->entry = entry;
        extra->entity_floor = extra->notice_floor = entry->floor;
        extra->notice_number = index->freed_notice;
        list_init(&extra->notices);
        list_init(&extra->idle);
        entry->extra = extra;
    }
    return entry->extra;
}

/* The entry's own memory; its marks and notices are gone or go by themselves. */
static void entry_release(struct index *index, struct entry *entry)
{
    if (index->recent == entry)
        index->recent = NULL;
    list_remove(&entry->dirty);
    if (entry->extra) {
        list_remove(&entry->extra->idle);
        row_release(index, &entry->extra->entities);
        index_release(index, entry->extra);
    }
    row_release(index, &entry->keys);
    index_release(index, entry);
}

/* Behind this somebody may have missed something of the scope. */
static uint64_t highest_floor(const struct entry *entry)
{
    uint64_t floor = entry->floor;
    if (entry->extra && entry->extra->entity_floor > floor)
        floor = entry->extra->entity_floor;
    if (entry->extra && entry->extra->notice_floor > floor)
        floor = entry->extra->notice_floor;
    return floor;
}

/* Its floors become everybody's who has no entry. */
static void entry_free(struct index *index, struct entry *entry)
{
    uint64_t floor = highest_floor(entry);
    if (floor > index->global_floor)
        index->global_floor = floor;
    if (entry->extra && entry->extra->notice_number > index->freed_notice)
        index->freed_notice = entry->extra->notice_number;
    if (!list_empty(&entry->dirty))
        index_reset_family(index, entry_name(entry));
    dict_remove(&index->entries, &entry->node);
    entry_release(index, entry);
}

static bool holds_nothing(const struct entry *entry)
{
    const struct extra *extra = entry->extra;
    return !entry_is_family(entry) && !entry->keys.live &&
           !(extra && (extra->entities.live || extra->n_notices));
}

void index_idle(struct index *index, struct entry *entry)
{
    if (holds_nothing(entry) && list_empty(&entry->extra->idle))
        list_push_back(&index->idle, &entry->extra->idle);
}

void index_settle(struct index *index, struct entry *entry)
{
    if (!holds_nothing(entry))
        return;
    /* A floor that only readers of notices or entities fell below: while there is memory,
     * nobody else needs to pay for it. */
    if (highest_floor(entry) > entry->floor)
        index_idle(index, entry);
    else
        entry_free(index, entry);
}

void index_touch(struct index *index, struct entry *entry)
{
    index->laid = true;
    if (list_empty(&entry->dirty))
        list_push_back(&index->dirty, &entry->dirty);
    if (entry->extra)
        list_remove(&entry->extra->idle);
}

void index_clean(struct index *index)
{
    LIST_EACH (node, &index->dirty)
        list_remove(node);
}

/* ---- marks ---- */

uint32_t mark_hash_key(const struct index *index, struct str key)
{
    return (uint32_t)key_hash(index->seed, key);
}

uint32_t mark_find_key(const struct entry *entry, uint32_t hash, struct str key)
{
    const struct row *row = &entry->keys;
    uint32_t slot = row_find(row, hash, row->len);
    while (slot != NO_SLOT && !key_equal(mark_text(row->slots[slot]), key))
        slot = row_find(row, hash, slot);
    return slot;
}

static size_t *counter(struct index *index, const struct mark *mark)
{
    return mark->kind == MARK_KEY ? &index->n_keys : &index->n_entities;
}

struct mark *mark_new(struct index *index, struct entry *entry, enum mark_kind kind,
                      struct str text)
{
    struct mark *mark =
        index_alloc(index, inline_size(sizeof *mark, offsetof(struct mark, text), text.n));
    mark->len = (uint16_t)text.n;
    mark->kind = (uint8_t)kind;
    mark->entry = entry;
    mark->position = index->now;
    memcpy(mark->text, text.p, text.n);
    list_push_back(&index->all, &mark->in_all);
    ++*counter(index, mark);
    return mark;
}

static void mark_free(struct index *index, struct mark *mark)
{
    list_remove(&mark->in_all);
    --*counter(index, mark);
    index_release(index, mark);
}

void mark_drop(struct index *index, struct row *row, uint32_t slot)
{
    struct mark *mark = row->slots[slot];
    row_remove(row, slot);
    mark_free(index, mark);
}

void mark_replace(struct index *index, struct row *row, uint32_t slot, struct mark *heir,
                  uint32_t hash)
{
    struct mark *mark = row->slots[slot];
    heir->position = mark->position;
    row->slots[slot] = heir;
    row_hashes(row)[slot] = hash;
    list_remove(&heir->in_all);
    list_push_back(&mark->in_all, &heir->in_all);
    mark_free(index, mark);
}

void mark_move_to_end(struct index *index, struct row *row, uint32_t slot)
{
    struct mark *mark = row->slots[slot];
    if (mark->position == index->now)
        return;
    mark->position = index->now;
    list_remove(&mark->in_all);
    list_push_back(&index->all, &mark->in_all);
    if (slot + 1 == row->len)
        return;
    uint32_t hash = row_hash(row, slot);
    row_remove(row, slot);
    row_add(index, row, mark, hash);
}

static void row_clear(struct index *index, struct row *row)
{
    for (uint32_t i = row->first; i < row->len; i++)
        if (row->slots[i])
            mark_free(index, row->slots[i]);
    row_release(index, row);
}

void index_reset(struct index *index, struct entry *entry)
{
    index_touch(index, entry);
    if (entry->floor >= index->now)
        return;
    row_clear(index, &entry->keys);
    if (entry->extra)
        row_clear(index, &entry->extra->entities);
    entry->floor = index->now;
    index->resets++;
    if (entry_is_family(entry))
        return;
    struct str all = KEY_ALL;
    row_add(index, &entry->keys, mark_new(index, entry, MARK_KEY, all), mark_hash_key(index, all));
}

void index_reset_family(struct index *index, struct str scope)
{
    char name[INDEX_NAME_MAX];
    struct buf family = BUF_FIXED(name);
    scope_family(&family, scope);
    struct entry *recent = index->recent;
    index_reset(index, index_entry(index, buf_slice(&family)));
    index->recent = recent;
}

bool index_told(struct index *index, struct str scope, struct entry **entry)
{
    *entry = index_find(index, scope);
    if (!*entry) {
        /* All of an index went by within this transaction: to make an entry for one more scope
         * would only push out another of the same age. */
        if (index->global_floor >= index->now && !scope_is_family(scope)) {
            index_reset_family(index, scope);
            return true;
        }
        *entry = index_entry(index, scope);
    }
    index_touch(index, *entry);
    return (*entry)->floor >= index->now;
}

void index_mark(struct index *index, struct str scope, struct str key)
{
    struct entry *entry;
    if (index_told(index, scope, &entry))
        return;
    if (str_equal(key, KEY_ALL)) {
        index_reset(index, entry);
        return;
    }
    uint32_t hash = mark_hash_key(index, key);
    uint32_t slot = mark_find_key(entry, hash, key);
    if (slot != NO_SLOT) {
        mark_move_to_end(index, &entry->keys, slot);
        return;
    }
    row_add(index, &entry->keys, mark_new(index, entry, MARK_KEY, key), hash);
    if (entry->keys.live > index->limits.max_keys)
        index_widen(index, entry);
}

/* ---- eviction ---- */

bool index_evict(struct index *index)
{
    struct mark *mark =
        list_empty(&index->all) ? NULL : LIST_ITEM(index->all.next, struct mark, in_all);
    if (!list_empty(&index->idle)) {
        struct extra *extra = LIST_ITEM(index->idle.next, struct extra, idle);
        if (!mark || highest_floor(extra->entry) <= mark->position) {
            entry_free(index, extra->entry);
            return true;
        }
    }
    if (!mark)
        return false;
    struct entry *entry = mark->entry;
    bool key = mark->kind == MARK_KEY;
    struct row *row = key ? &entry->keys : &entry->extra->entities;
    uint64_t *floor = key ? &entry->floor : &entry->extra->entity_floor;
    if (mark->position > *floor)
        *floor = mark->position;
    /* The oldest of all is the first of its row; only after loading a neighbour of the same
     * position may stand in front of it. */
    uint32_t slot = row->first;
    while (row->slots[slot] != mark)
        slot++;
    mark_drop(index, row, slot);
    index->evicted++;
    if (row->live == 0)
        row_release(index, row);
    index_settle(index, entry);
    return true;
}
