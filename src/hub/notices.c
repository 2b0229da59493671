#include "hub/notices.h"

#include "base/mem.h"

#include <malloc.h>
#include <stdlib.h>

void notices_init(struct notices *notices, size_t memory_max, uint32_t per_scope)
{
    *notices = (struct notices){.memory_max = memory_max, .per_scope = per_scope};
    list_init(&notices->all);
}

void notices_free(struct notices *notices)
{
    LIST_EACH (node, &notices->all)
        free(LIST_ITEM(node, struct notice, in_all));
    list_init(&notices->all);
}

static void drop(struct notices *notices, struct index *index, struct notice *notice)
{
    struct extra *extra = notice->extra;
    extra->notice_floor = notice->position;
    extra->notice_number = notice->number;
    extra->n_notices--;
    list_remove(&notice->in_all);
    list_remove(&notice->in_ring);
    notices->memory -= malloc_usable_size(notice) + sizeof(size_t);
    notices->count--;
    notices->dropped++;
    free(notice);
    index_settle(index, extra->entry);
}

static void keep_bounds(struct notices *notices, struct index *index, struct extra *extra)
{
    while (extra && extra->n_notices > notices->per_scope) {
        bool last = extra->n_notices == 1;
        drop(notices, index, LIST_ITEM(extra->notices.next, struct notice, in_ring));
        /* With the last one the entry itself may have gone. */
        if (last)
            break;
    }
    while (notices->memory > notices->memory_max && notices_drop(notices, index))
        continue;
}

void notices_restore(struct notices *notices, struct index *index, struct entry *entry,
                     uint64_t number, uint64_t position, const struct str text[3])
{
    struct extra *extra = index_extra(index, entry);
    struct notice *notice = mem_new(sizeof *notice + text[0].n + text[1].n + text[2].n);
    notices->memory += malloc_usable_size(notice) + sizeof(size_t);
    notices->count++;
    notice->extra = extra;
    notice->number = notices->last = number;
    notice->position = position;
    notice->id = (uint32_t)text[0].n;
    notice->type = (uint32_t)text[1].n;
    notice->data = (uint32_t)text[2].n;
    char *at = notice->text;
    for (size_t i = 0; i < 3; i++) {
        if (text[i].n)
            memcpy(at, text[i].p, text[i].n);
        at += text[i].n;
    }
    list_push_back(&notices->all, &notice->in_all);
    list_push_back(&extra->notices, &notice->in_ring);
    extra->n_notices++;
}

void notices_add(struct notices *notices, struct index *index, struct str scope, struct str id,
                 struct str type, struct str data)
{
    struct entry *entry = index_entry(index, scope);
    index_touch(index, entry);
    notices_restore(notices, index, entry, notices->last + 1, index->now,
                    (const struct str[]){id, type, data});
    keep_bounds(notices, index, entry->extra);
}

void notices_trim(struct notices *notices, struct index *index)
{
    size_t cursor = 0;
    struct dict_node *node = dict_next(&index->entries, &cursor, NULL);
    while (node) {
        struct entry *entry = (struct entry *)node;
        struct extra *extra = entry->extra;
        /* All but one of each ring first: the entry stays, and so does the walk. */
        while (extra && extra->n_notices > 1 && extra->n_notices > notices->per_scope)
            drop(notices, index, LIST_ITEM(extra->notices.next, struct notice, in_ring));
        node = dict_next(&index->entries, &cursor, node);
    }
    if (notices->per_scope == 0)
        while (notices_drop(notices, index))
            continue;
    keep_bounds(notices, index, NULL);
}

bool notices_drop(struct notices *notices, struct index *index)
{
    if (list_empty(&notices->all))
        return false;
    drop(notices, index, LIST_ITEM(notices->all.next, struct notice, in_all));
    return true;
}
