/* The state file's bytes: hub_save and hub_load (hub.h).
 *
 *     magic and version · epoch, sequence, floors · entries · checksum
 *     an entry: name, floors, its key marks, its entity marks, its notices
 *
 * Integers are little-endian. The checksum is SipHash with a fixed key: it is there to notice a
 * file that was cut short or damaged, not an author; nevertheless the reader trusts nothing
 * (lengths, order, duplicates), since what it takes in is believed from then on. Whatever is
 * wrong, the answer is the same: not whole. */
#include "base/check.h"
#include "base/mem.h"
#include "hub/entities.h"
#include "hub/hub.h"
#include "hub/state.h"
#include "model/key.h"
#include "model/scope.h"

#include <stdlib.h>

static const char magic[8] = {'u', 'n', 's', 't',
                              'a', 'l', 'e', '\1'}; /* the last is the version */
static const struct hash_seed checksum_seed = {.k0 = 0x68756273, .k1 = 0x74617465};

/* ---- writing ---- */

static void write_number(struct buf *out, uint64_t value, size_t bytes)
{
    char text[8];
    for (size_t i = 0; i < bytes; i++)
        text[i] = (char)(value >> (8 * i));
    buf_add(out, text, bytes);
}

static void write_text(struct buf *out, struct str text)
{
    write_number(out, text.n, 4);
    buf_str(out, text);
}

static void write_keys(struct buf *out, const struct entry *entry)
{
    write_number(out, entry->keys.live, 4);
    for (uint32_t i = entry->keys.first; i < entry->keys.len; i++) {
        const struct mark *mark = entry->keys.slots[i];
        if (!mark)
            continue;
        write_number(out, mark->position, 8);
        write_text(out, mark_text(mark));
    }
}

static void write_extra(struct buf *out, const struct extra *extra)
{
    write_number(out, extra->entity_floor, 8);
    write_number(out, extra->notice_floor, 8);
    write_number(out, extra->notice_number, 8);
    write_number(out, extra->entities.live, 4);
    for (uint32_t i = extra->entities.first; i < extra->entities.len; i++) {
        const struct mark *mark = extra->entities.slots[i];
        if (!mark)
            continue;
        struct hub_entity entity = entities_read(mark);
        write_number(out, mark->position, 8);
        write_text(out, entity.name);
        write_text(out, entity.id);
        write_text(out, entity.action);
        write_text(out, entity.data);
        write_number(out, entity.has_data, 1);
    }
    write_number(out, extra->n_notices, 4);
    LIST_EACH (node, &extra->notices) {
        const struct notice *notice = LIST_ITEM(node, struct notice, in_ring);
        write_number(out, notice->number, 8);
        write_number(out, notice->position, 8);
        write_text(out, (struct str){.p = notice->text, .n = notice->id});
        write_text(out, (struct str){.p = notice->text + notice->id, .n = notice->type});
        write_text(out,
                   (struct str){.p = notice->text + notice->id + notice->type, .n = notice->data});
    }
}

bool hub_save(const struct hub *hub, struct buf *out, struct err *err)
{
    if (hub->open)
        return err_set(err, "a transaction is open");
    if (hub->hold.waiting)
        return err_set(err, "%zu keys are held back", hub->hold.waiting);
    if (hub->ticked != hub->sequence)
        return err_set(err, "the last transaction was not ticked");
    size_t start = out->len;
    const struct index *index = &hub->index;
    buf_add(out, magic, sizeof magic);
    write_number(out, hub->epoch, 8);
    write_number(out, hub->sequence, 8);
    write_number(out, index->global_floor, 8);
    write_number(out, index->freed_notice, 8);
    write_number(out, hub->notices.last, 8);
    write_number(out, index->entries.count, 8);
    size_t cursor = 0;
    const struct dict_node *node = dict_next(&index->entries, &cursor, NULL);
    for (; node && !out->overflow; node = dict_next(&index->entries, &cursor, node)) {
        const struct entry *entry = (const struct entry *)node;
        write_text(out, entry_name(entry));
        write_number(out, entry->floor, 8);
        write_keys(out, entry);
        write_number(out, entry->extra != NULL, 1);
        if (entry->extra)
            write_extra(out, entry->extra);
    }
    if (!out->overflow)
        write_number(out, hash_bytes(checksum_seed, str_from(buf_slice(out), start)), 8);
    if (out->overflow)
        return err_set(err, "the index does not fit into %zu bytes", out->max);
    return true;
}

/* ---- reading ---- */

struct reader {
    struct str rest;
    bool broken;
    struct hub *hub;
};

static uint64_t read_number(struct reader *r, size_t bytes)
{
    uint64_t value = 0;
    if (r->rest.n < bytes) {
        r->broken = true;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)(unsigned char)r->rest.p[i] << (8 * i);
    r->rest = str_from(r->rest, bytes);
    return value;
}

static struct str read_text(struct reader *r)
{
    size_t n = read_number(r, 4);
    if (r->broken || r->rest.n < n) {
        r->broken = true;
        return (struct str){0};
    }
    struct str text = {.p = r->rest.p, .n = n};
    r->rest = str_from(r->rest, n);
    return text;
}

/* A position that is neither in the future nor before `least`. */
static uint64_t read_position(struct reader *r, uint64_t least)
{
    uint64_t position = read_number(r, 8);
    if (position > r->hub->sequence || position < least)
        r->broken = true;
    return position;
}

static void read_keys(struct reader *r, struct entry *entry)
{
    struct index *index = &r->hub->index;
    uint64_t n = read_number(r, 4), last = 1;
    for (uint64_t i = 0; i < n && !r->broken; i++) {
        index->now = last = read_position(r, last);
        struct str key = read_text(r);
        if (r->broken || key.n > KEY_MAX || !key_check(key)) {
            r->broken = true;
            return;
        }
        uint32_t hash = mark_hash_key(index, key);
        if (mark_find_key(entry, hash, key) != NO_SLOT) {
            r->broken = true;
            return;
        }
        row_add(index, &entry->keys, mark_new(index, entry, MARK_KEY, key), hash);
    }
}

static void read_entities(struct reader *r, struct entry *entry)
{
    uint64_t n = read_number(r, 4), last = 1;
    for (uint64_t i = 0; i < n && !r->broken; i++) {
        struct hub_entity entity;
        r->hub->index.now = last = read_position(r, last);
        entity.name = read_text(r);
        entity.id = read_text(r);
        entity.action = read_text(r);
        entity.data = read_text(r);
        entity.has_data = read_number(r, 1);
        if (!r->broken && !entities_restore(&r->hub->index, entry, &entity))
            r->broken = true;
    }
}

static void read_notices(struct reader *r, struct entry *entry)
{
    uint64_t n = read_number(r, 4), position = 1, newest = r->hub->notices.last, number = 0;
    for (uint64_t i = 0; i < n && !r->broken; i++) {
        uint64_t before = number;
        number = read_number(r, 8);
        position = read_position(r, position);
        struct str id = read_text(r), type = read_text(r), data = read_text(r);
        if (number <= before || number > newest)
            r->broken = true;
        if (!r->broken)
            notices_restore(&r->hub->notices, &r->hub->index, entry, number, position,
                            (const struct str[]){id, type, data});
    }
    r->hub->notices.last = newest;
}

static void read_entry(struct reader *r)
{
    struct index *index = &r->hub->index;
    struct str name = read_text(r);
    bool family = scope_is_family(name);
    if (r->broken || name.n == 0 || name.n > INDEX_NAME_MAX) {
        r->broken = true;
        return;
    }
    struct entry *entry = index_restore(index, name, family);
    if (!entry) { /* "*" is always there */
        entry = index_find(index, name);
        r->broken |= !str_equal(name, SCOPE_EVERY) || entry->floor || entry->keys.live;
    }
    entry->floor = read_position(r, 0);
    if (!r->broken)
        read_keys(r, entry);
    if (!read_number(r, 1))
        return;
    if (family) {
        r->broken = true;
        return;
    }
    struct extra *extra = index_extra(index, entry);
    extra->entity_floor = read_position(r, 0);
    extra->notice_floor = read_position(r, 0);
    extra->notice_number = read_number(r, 8);
    read_entities(r, entry);
    read_notices(r, entry);
}

static int by_position(const void *a, const void *b)
{
    const struct mark *x = *(struct mark *const *)a, *y = *(struct mark *const *)b;
    return (x->position > y->position) - (x->position < y->position);
}

static int by_number(const void *a, const void *b)
{
    const struct notice *x = *(struct notice *const *)a, *y = *(struct notice *const *)b;
    return (x->number > y->number) - (x->number < y->number);
}

/* The bytes go entry by entry; the lists of all are by age again. */
static void sort_marks(struct index *index)
{
    size_t n = 0;
    struct mark **marks = mem_array(index->n_keys + index->n_entities + 1, sizeof(struct mark *));
    LIST_EACH (node, &index->all)
        marks[n++] = LIST_ITEM(node, struct mark, in_all);
    qsort(marks, n, sizeof(struct mark *), by_position);
    list_init(&index->all);
    for (size_t i = 0; i < n; i++)
        list_push_back(&index->all, &marks[i]->in_all);
    free(marks);
}

static bool sort_notices(struct notices *all)
{
    size_t n = 0;
    bool ordered = true;
    struct notice **notices = mem_array(all->count + 1, sizeof(struct notice *));
    LIST_EACH (node, &all->all)
        notices[n++] = LIST_ITEM(node, struct notice, in_all);
    qsort(notices, n, sizeof(struct notice *), by_number);
    list_init(&all->all);
    for (size_t i = 0; i < n; i++) {
        list_push_back(&all->all, &notices[i]->in_all);
        ordered = ordered && (i == 0 || (notices[i]->number > notices[i - 1]->number &&
                                         notices[i]->position >= notices[i - 1]->position));
    }
    free(notices);
    return ordered;
}

/* Entries that held only floors when they were saved are idle again. */
static void settle_all(struct index *index)
{
    size_t cursor = 0;
    struct dict_node *node = dict_next(&index->entries, &cursor, NULL);
    for (; node; node = dict_next(&index->entries, &cursor, node))
        if (((struct entry *)node)->extra)
            index_idle(index, (struct entry *)node);
}

static bool is_whole(struct str bytes)
{
    if (bytes.n < sizeof magic + 8 || memcmp(bytes.p, magic, sizeof magic) != 0)
        return false;
    struct reader tail = {.rest = str_from(bytes, bytes.n - 8)};
    return read_number(&tail, 8) ==
           hash_bytes(checksum_seed, (struct str){.p = bytes.p, .n = bytes.n - 8});
}

struct hub *hub_load(const struct hub_options *options, struct str bytes, struct err *err)
{
    if (!is_whole(bytes)) {
        err_set(err, "these %zu bytes are not a whole state of this version", bytes.n);
        return NULL;
    }
    struct hub *hub = hub_new(options);
    struct reader r = {.rest = {.p = bytes.p + sizeof magic, .n = bytes.n - sizeof magic - 8},
                       .hub = hub};
    hub->epoch = read_number(&r, 8);
    hub->sequence = hub->ticked = read_number(&r, 8);
    r.broken |= hub->sequence >= UINT64_MAX / 2;
    hub->index.global_floor = read_position(&r, 0);
    hub->index.freed_notice = read_number(&r, 8);
    hub->notices.last = read_number(&r, 8);
    uint64_t n = read_number(&r, 8);
    for (uint64_t i = 0; i < n && !r.broken; i++)
        read_entry(&r);
    sort_marks(&hub->index);
    if (!sort_notices(&hub->notices) || r.broken || r.rest.n) {
        err_set(err, "the state contradicts itself");
        hub_free(hub);
        return NULL;
    }
    settle_all(&hub->index);
    hub->index.now = hub->sequence + 1;
    hub_set_limits(hub, &options->limits);
    return hub;
}
