/* Widening: a scope with too many keys trades the deepest ones for their common prefixes.
 *
 * Level by level, from the deepest keys up, keys with the same prefix of that level are a
 * group; the largest group goes first, until three quarters of max_keys are left, so that the
 * next time is at least a quarter of max_keys insertions away. Before any precision is given
 * up, keys go that some wider key stands for already, at the same position or a later one. */
#include "hub/index.h"

#include "base/buf.h"
#include "base/mem.h"
#include "model/key.h"

#include <stdlib.h>

struct item {
    struct mark *mark;
    uint64_t hash; /* of the prefix */
    uint32_t slot, parts;
};

struct group {
    size_t first, n; /* of the items, sorted by hash */
};

struct widening {
    struct index *index;
    struct entry *entry;
    struct item *items;
    struct group *groups;
    size_t n_items, n_groups;
    uint32_t target;
};

static int by_hash(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

static int by_size(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    return (x->n < y->n) - (x->n > y->n);
}

static struct str prefix_of(struct buf *out, struct str key, size_t level)
{
    buf_clear(out);
    key_prefix(out, key, level);
    return buf_slice(out);
}

/* Groups of at least two keys with at least `level` parts that begin alike. */
static void gather(struct widening *w, size_t level)
{
    char text[KEY_MAX + 1];
    struct buf prefix = BUF_FIXED(text);
    w->n_items = w->n_groups = 0;
    const struct row *row = &w->entry->keys;
    for (uint32_t i = row->first; i < row->len; i++) {
        struct mark *mark = row->slots[i];
        size_t parts = mark ? key_parts(mark_text(mark)) : 0;
        if (!mark || parts < level)
            continue;
        w->items[w->n_items++] = (struct item){
            .mark = mark,
            .hash = key_hash(w->index->seed, prefix_of(&prefix, mark_text(mark), level)),
            .slot = i,
            .parts = (uint32_t)parts,
        };
    }
    qsort(w->items, w->n_items, sizeof *w->items, by_hash);
    for (size_t first = 0, end; first < w->n_items; first = end) {
        for (end = first + 1; end < w->n_items && w->items[end].hash == w->items[first].hash;)
            end++;
        if (end - first > 1)
            w->groups[w->n_groups++] = (struct group){.first = first, .n = end - first};
    }
    qsort(w->groups, w->n_groups, sizeof *w->groups, by_size);
}

/* Drops what the group's own prefix, where it is itself a mark, covers at no earlier position. */
static void drop_covered(struct widening *w, const struct group *group, size_t level)
{
    struct item *items = w->items + group->first;
    const struct mark *wide = NULL;
    for (size_t i = 0; i < group->n; i++)
        if (items[i].parts == level)
            wide = items[i].mark;
    for (size_t i = 0; wide && i < group->n; i++)
        if (items[i].mark != wide && items[i].mark->position <= wide->position &&
            key_covers(mark_text(wide), mark_text(items[i].mark)))
            mark_drop(w->index, &w->entry->keys, items[i].slot);
}

/* One mark in place of the group's newest, at that position. */
static void replace(struct widening *w, const struct group *group, size_t level)
{
    char text[KEY_MAX + 1];
    struct buf prefix = BUF_FIXED(text);
    struct item *items = w->items + group->first;
    struct str key = prefix_of(&prefix, mark_text(items[0].mark), level);
    const struct item *newest = items;
    for (size_t i = 0; i < group->n; i++) {
        if (!key_covers(key, mark_text(items[i].mark)))
            return; /* two prefixes with one hash: not in our time, but then nothing is lost */
        if (items[i].mark->position > newest->mark->position)
            newest = &items[i];
    }
    struct mark *wide = mark_new(w->index, w->entry, MARK_KEY, key);
    mark_replace(w->index, &w->entry->keys, newest->slot, wide, mark_hash_key(w->index, key));
    for (size_t i = 0; i < group->n; i++)
        if (&items[i] != newest)
            mark_drop(w->index, &w->entry->keys, items[i].slot);
}

static bool wide_enough(const struct widening *w)
{
    return w->entry->keys.live <= w->target;
}

void index_widen(struct index *index, struct entry *entry)
{
    uint32_t max = index->limits.max_keys, target = max - max / 4;
    struct widening w = {
        .index = index,
        .entry = entry,
        .items = mem_array(entry->keys.live, sizeof *w.items),
        .groups = mem_array(entry->keys.live, sizeof *w.groups),
        .target = target ? target : 1,
    };
    size_t deepest = 0;
    for (uint32_t i = entry->keys.first; i < entry->keys.len; i++) {
        size_t parts = entry->keys.slots[i] ? key_parts(mark_text(entry->keys.slots[i])) : 0;
        deepest = parts > deepest ? parts : deepest;
    }
    index->widened++;
    for (size_t level = 1; level < deepest && !wide_enough(&w); level++) {
        gather(&w, level);
        for (size_t i = 0; i < w.n_groups; i++)
            drop_covered(&w, &w.groups[i], level);
    }
    for (size_t level = deepest; level-- > 1 && !wide_enough(&w);) {
        gather(&w, level);
        for (size_t i = 0; i < w.n_groups && !wide_enough(&w); i++)
            replace(&w, &w.groups[i], level);
    }
    if (!wide_enough(&w))
        index_reset(index, entry);
    free(w.items);
    free(w.groups);
}
