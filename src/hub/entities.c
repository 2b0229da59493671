#include "hub/entities.h"

#include "base/buf.h"
#include "base/jsontext.h"

#include <jansson.h>

struct head {
    uint16_t name, id, action, data;
    bool has_data;
};

enum { TEXT_MAX = sizeof(struct head) + ENTITY_TEXT_MAX + ENTITY_DATA_MAX };

struct hub_entity entities_read(const struct mark *mark)
{
    struct head head;
    memcpy(&head, mark->text, sizeof head);
    const char *p = mark->text + sizeof head;
    return (struct hub_entity){
        .name = {.p = p, .n = head.name},
        .id = {.p = p + head.name, .n = head.id},
        .action = {.p = p + head.name + head.id, .n = head.action},
        .data = {.p = p + head.name + head.id + head.action, .n = head.data},
        .has_data = head.has_data,
    };
}

static struct str pack(struct buf *out, const struct hub_entity *entity)
{
    struct head head;
    memset(&head, 0, sizeof head);
    head.name = (uint16_t)entity->name.n;
    head.id = (uint16_t)entity->id.n;
    head.action = (uint16_t)entity->action.n;
    head.data = (uint16_t)entity->data.n;
    head.has_data = entity->has_data;
    buf_add(out, &head, sizeof head);
    buf_str(out, entity->name);
    buf_str(out, entity->id);
    buf_str(out, entity->action);
    buf_str(out, entity->data);
    return buf_slice(out);
}

/* Of the entity, not of the action: so that its other actions can be told from strangers'. */
static uint32_t hash_entity(const struct index *index, const struct hub_entity *entity)
{
    uint64_t hash = hash_bytes(index->seed, entity->name) * 3 + hash_bytes(index->seed, entity->id);
    return (uint32_t)(hash ^ (hash >> 32));
}

static bool same_entity(const struct hub_entity *a, const struct hub_entity *b)
{
    return str_equal(a->name, b->name) && str_equal(a->id, b->id);
}

static uint32_t find(const struct row *row, uint32_t hash, const struct hub_entity *entity)
{
    uint32_t slot = row->len;
    while ((slot = row_find(row, hash, slot)) != NO_SLOT) {
        struct hub_entity other = entities_read(row->slots[slot]);
        if (same_entity(&other, entity) && str_equal(other.action, entity->action))
            break;
    }
    return slot;
}

static void add(struct index *index, struct entry *entry, uint32_t hash,
                const struct hub_entity *entity)
{
    char bytes[TEXT_MAX];
    struct buf text = BUF_FIXED(bytes);
    row_add(index, &entry->extra->entities,
            mark_new(index, entry, MARK_ENTITY, pack(&text, entity)), hash);
}

/* Same mark, other data; its place and position stay. */
static void set_data(struct index *index, struct row *row, uint32_t slot, struct hub_entity entity)
{
    char bytes[TEXT_MAX];
    struct buf text = BUF_FIXED(bytes);
    struct mark *heir = mark_new(index, row->slots[slot]->entry, MARK_ENTITY, pack(&text, &entity));
    mark_replace(index, row, slot, heir, row_hash(row, slot));
}

/* A row that was created or deleted has nothing to do with what was known of it before. */
static void forget_data(struct index *index, struct row *row, uint32_t hash,
                        const struct hub_entity *entity)
{
    uint32_t slot = row->len;
    while ((slot = row_find(row, hash, slot)) != NO_SLOT) {
        struct hub_entity other = entities_read(row->slots[slot]);
        if (other.data.n == 0 || !same_entity(&other, entity))
            continue;
        other.data.n = 0;
        set_data(index, row, slot, other);
    }
}

/* Field by field, the later wins. The later alone when one of them is no object. */
static struct str merge(struct buf *out, struct str older, struct str later)
{
    json_t *whole = json_loadb(older.p, older.n, JSON_ALLOW_NUL, NULL);
    json_t *update = json_loadb(later.p, later.n, JSON_ALLOW_NUL, NULL);
    struct str merged = later;
    if (json_is_object(whole) && json_is_object(update) && json_object_update(whole, update) == 0) {
        jsontext_value(out, whole);
        merged = out->overflow ? (struct str){0} : buf_slice(out);
    }
    json_decref(whole);
    json_decref(update);
    return merged;
}

static struct str capped(struct str data)
{
    return data.n > ENTITY_DATA_MAX ? (struct str){0} : data;
}

void entities_trim(struct index *index, struct entry *entry)
{
    struct extra *extra = entry->extra;
    while (extra && extra->entities.live > index->limits.max_entities) {
        struct row *row = &extra->entities;
        uint64_t oldest = row->slots[row->first]->position;
        extra->entity_floor = oldest > extra->entity_floor ? oldest : extra->entity_floor;
        mark_drop(index, row, row->first);
        index->evicted++;
    }
}

static bool fits(const struct hub_entity *entity)
{
    return entity->name.n <= ENTITY_TEXT_MAX && entity->id.n <= ENTITY_TEXT_MAX &&
           entity->action.n <= ENTITY_TEXT_MAX &&
           entity->name.n + entity->id.n + entity->action.n <= ENTITY_TEXT_MAX;
}

void entities_mark(struct index *index, struct str scope, const struct hub_entity *entity)
{
    struct entry *entry;
    if (index_told(index, scope, &entry))
        return;
    struct extra *extra = index_extra(index, entry);
    if (!fits(entity) || index->limits.max_entities == 0) {
        extra->entity_floor = index->now;
        index_settle(index, entry);
        return;
    }
    struct row *row = &extra->entities;
    uint32_t hash = hash_entity(index, entity);
    if (str_is(entity->action, "created") || str_is(entity->action, "deleted"))
        forget_data(index, row, hash, entity);
    uint32_t slot = find(row, hash, entity);
    struct hub_entity laid = *entity;
    laid.data = capped(entity->data);
    if (slot == NO_SLOT) {
        add(index, entry, hash, &laid);
        entities_trim(index, entry);
        return;
    }
    struct hub_entity older = entities_read(row->slots[slot]);
    char bytes[ENTITY_DATA_MAX];
    struct buf merged = BUF_FIXED(bytes);
    if (entity->data.n == 0)
        laid.data = older.data;
    else if (laid.data.n && older.data.n && !str_equal(laid.data, older.data))
        laid.data = merge(&merged, older.data, laid.data);
    laid.has_data = entity->has_data || older.has_data;
    if (laid.has_data != older.has_data || !str_equal(laid.data, older.data))
        set_data(index, row, slot, laid);
    mark_move_to_end(index, row, slot);
}

bool entities_restore(struct index *index, struct entry *entry, const struct hub_entity *entity)
{
    uint32_t hash = hash_entity(index, entity);
    struct extra *extra = index_extra(index, entry);
    if (!fits(entity) || entity->data.n > ENTITY_DATA_MAX ||
        find(&extra->entities, hash, entity) != NO_SLOT)
        return false;
    add(index, entry, hash, entity);
    return true;
}

size_t entities_after(const struct entry *entry, uint64_t P, bool all,
                      void (*each)(void *ctx, const struct hub_entity *entity), void *ctx)
{
    size_t n = 0;
    const struct row *row = entry->extra ? &entry->extra->entities : NULL;
    for (uint32_t i = row ? row_after(row, P) : 0; row && i < row->len; i++) {
        if (!row->slots[i])
            continue;
        struct hub_entity entity = entities_read(row->slots[i]);
        if (!all && !entity.has_data)
            continue;
        n++;
        if (each)
            each(ctx, &entity);
    }
    return n;
}
