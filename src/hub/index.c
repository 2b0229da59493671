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
    return index->allocated + index->entries.memory + index->marks.memory;
}

void index_init(struct index *index, const struct index_limits *limits, struct hash_seed seed)
{
    *index = (struct index){.limits = *limits, .seed = seed};
    dict_init(&index->entries);
    dict_init(&index->marks);
    list_init(&index->all);
    list_init(&index->dirty);
    list_init(&index->idle);
    index_keep_family(index, SCOPE_EVERY);
}

static void entry_release(struct index *index, struct entry *entry);

void index_free(struct index *index)
{
    LIST_EACH(node, &index->all)
    free(LIST_ITEM(node, struct mark, in_all));
    size_t cursor = 0;
    struct dict_node *next = dict_next(&index->entries, &cursor, NULL);
    while (next) {
        struct entry *entry = (struct entry *)next;
        next = dict_next(&index->entries, &cursor, next);
        entry_release(index, entry);
    }
    dict_free(&index->entries);
    dict_free(&index->marks);
}

/* ---- rows ---- */

/* Of a mark whose place somebody else has taken. */
#define NO_SLOT UINT32_MAX

void row_add(struct index *index, struct row *row, struct mark *mark)
{
    if (row->len == row->cap) {
        uint32_t kept = 0;
        for (uint32_t i = 0; i < row->len; i++)
            if (row->slots[i]) {
                row->slots[i]->slot = kept;
                row->slots[kept++] = row->slots[i];
            }
        row->len = kept;
        /* A quarter free is enough to pay for closing the holes again. */
        if (kept >= row->cap - row->cap / 4) {
            row->cap = row->cap < 2 ? row->cap + 1 : row->cap + row->cap / 2 + 1;
            index->allocated -= taken(row->slots);
            row->slots = mem_grow(row->slots, row->cap * sizeof *row->slots);
            index->allocated += taken(row->slots);
        }
    }
    mark->slot = row->len;
    row->slots[row->len++] = mark;
}

static void row_remove(struct row *row, const struct mark *mark)
{
    row->slots[mark->slot] = NULL;
    while (row->len && !row->slots[row->len - 1])
        row->len--;
}

static void row_release(struct index *index, struct row *row)
{
    index_release(index, row->slots);
    *row = (struct row){0};
}

uint32_t row_after(const struct row *row, uint64_t P)
{
    uint32_t i = row->len;
    while (i && (!row->slots[i - 1] || row->slots[i - 1]->position > P))
        i--;
    return i;
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
    return !entry_is_family(entry) && !entry->n_keys &&
           !(extra && (extra->n_entities || extra->n_notices));
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
    LIST_EACH(node, &index->dirty)
    list_remove(node);
}

/* ---- marks ---- */

static uint32_t mix(const struct entry *entry, uint64_t hash)
{
    return (uint32_t)((hash ^ (hash >> 32)) + entry->node.hash * UINT32_C(0x9e3779b1));
}

uint32_t mark_hash_key(const struct index *index, const struct entry *entry, struct str key)
{
    return mix(entry, key_hash(index->seed, key));
}

struct mark *mark_find_key(struct index *index, const struct entry *entry, uint32_t hash,
                           struct str key)
{
    struct dict_node *node = dict_first(&index->marks, hash);
    for (; node; node = dict_more(node)) {
        struct mark *mark = (struct mark *)node;
        if (mark->entry == entry && node->kind == MARK_KEY && key_equal(mark_text(mark), key))
            return mark;
    }
    return NULL;
}

struct mark *mark_new(struct index *index, struct entry *entry, enum mark_kind kind, uint32_t hash,
                      struct str text)
{
    struct mark *mark =
        index_alloc(index, inline_size(sizeof *mark, offsetof(struct mark, text), text.n));
    mark->node.hash = hash;
    mark->node.len = (uint16_t)text.n;
    mark->node.kind = (uint8_t)kind;
    mark->entry = entry;
    mark->position = index->now;
    memcpy(mark->text, text.p, text.n);
    list_push_back(&index->all, &mark->in_all);
    dict_add(&index->marks, &mark->node);
    if (kind == MARK_KEY) {
        entry->n_keys++;
        index->n_keys++;
    } else {
        entry->extra->n_entities++;
        index->n_entities++;
    }
    return mark;
}

static struct row *row_of(struct mark *mark)
{
    return mark->node.kind == MARK_KEY ? &mark->entry->keys : &mark->entry->extra->entities;
}

void mark_drop(struct index *index, struct mark *mark)
{
    if (mark->slot != NO_SLOT)
        row_remove(row_of(mark), mark);
    list_remove(&mark->in_all);
    dict_remove(&index->marks, &mark->node);
    if (mark->node.kind == MARK_KEY) {
        mark->entry->n_keys--;
        index->n_keys--;
    } else {
        mark->entry->extra->n_entities--;
        index->n_entities--;
    }
    index_release(index, mark);
}

void mark_move_to_end(struct index *index, struct mark *mark)
{
    if (mark->position == index->now)
        return;
    struct row *row = row_of(mark);
    mark->position = index->now;
    list_remove(&mark->in_all);
    list_push_back(&index->all, &mark->in_all);
    row_remove(row, mark);
    row_add(index, row, mark);
}

void mark_replace(struct index *index, struct mark *mark, struct mark *heir)
{
    struct row *row = row_of(mark);
    uint32_t slot = mark->slot;
    heir->position = mark->position;
    heir->slot = slot;
    row->slots[slot] = heir;
    list_remove(&heir->in_all);
    list_push_back(&mark->in_all, &heir->in_all);
    mark->slot = NO_SLOT;
    mark_drop(index, mark);
}

static void row_clear(struct index *index, struct row *row)
{
    while (row->len)
        mark_drop(index, row->slots[row->len - 1]);
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
    row_add(index, &entry->keys,
            mark_new(index, entry, MARK_KEY, mark_hash_key(index, entry, all), all));
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
    uint32_t hash = mark_hash_key(index, entry, key);
    struct mark *mark = mark_find_key(index, entry, hash, key);
    if (mark) {
        mark_move_to_end(index, mark);
        return;
    }
    row_add(index, &entry->keys, mark_new(index, entry, MARK_KEY, hash, key));
    if (entry->n_keys > index->limits.max_keys)
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
    uint64_t *floor = mark->node.kind == MARK_KEY ? &entry->floor : &entry->extra->entity_floor;
    if (mark->position > *floor)
        *floor = mark->position;
    mark_drop(index, mark);
    index->evicted++;
    if (!entry->n_keys && entry->keys.cap)
        row_release(index, &entry->keys);
    index_settle(index, entry);
    return true;
}
