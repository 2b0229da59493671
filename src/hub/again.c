#include "hub/again.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/table.h"
#include "model/key.h"
#include "model/scope.h"

#include <stdlib.h>

enum kind { MARK, ENTITY };

/* The texts stand behind the struct, one after the other. */
struct kept {
    uint32_t hash;
    enum kind kind;
    bool has_data;
    struct str scope, key; /* of an entity: `key` is its name */
    struct str id, action;
    char bytes[];
};

struct again {
    struct hash_seed seed;
    struct table marks;
    bool wide; /* only families are kept */
    bool all;  /* only "*" */
};

static uint32_t hash_kept(const void *item)
{
    return ((const struct kept *)item)->hash;
}

static bool equal_kept(const void *item, const void *key)
{
    const struct kept *a = item, *b = key;
    return a->kind == b->kind && str_equal(a->scope, b->scope) && str_equal(a->key, b->key) &&
           str_equal(a->id, b->id) && str_equal(a->action, b->action);
}

struct again *again_new(struct hash_seed seed)
{
    struct again *again = mem_new(sizeof *again);
    again->seed = seed;
    table_init(&again->marks, hash_kept);
    return again;
}

static void drop(struct again *again)
{
    size_t cursor = 0;
    struct kept *kept;
    while ((kept = table_next(&again->marks, &cursor)) != NULL)
        free(kept);
    table_free(&again->marks);
    table_init(&again->marks, hash_kept);
}

void again_free(struct again *again)
{
    if (!again)
        return;
    drop(again);
    table_free(&again->marks);
    free(again);
}

void again_clear(struct again *again)
{
    drop(again);
    again->wide = again->all = false;
}

static struct str put(char **at, struct str text)
{
    char *start = *at;
    if (text.n)
        memcpy(start, text.p, text.n);
    *at += text.n;
    return (struct str){.p = start, .n = text.n};
}

/* False when there was no room. */
static bool keep(struct again *again, struct kept *wanted, size_t max)
{
    struct hash_seed seed = again->seed;
    const struct str texts[] = {wanted->scope, wanted->key, wanted->id, wanted->action};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        seed.k0 = hash_bytes(seed, texts[i]);
    wanted->hash = (uint32_t)seed.k0;
    if (table_find(&again->marks, wanted->hash, equal_kept, wanted))
        return true;
    if (again->marks.count >= max)
        return false;
    struct kept *kept =
        mem_new(sizeof *kept + texts[0].n + texts[1].n + texts[2].n + texts[3].n + 1);
    *kept = *wanted;
    char *at = kept->bytes;
    kept->scope = put(&at, wanted->scope);
    kept->key = put(&at, wanted->key);
    kept->id = put(&at, wanted->id);
    kept->action = put(&at, wanted->action);
    table_add(&again->marks, kept);
    return true;
}

static void keep_family(struct again *again, struct str scope)
{
    char bytes[SCOPE_MAX + 2];
    struct buf family = BUF_FIXED(bytes);
    if (again->all)
        return;
    if (scope_is_family(scope))
        buf_str(&family, scope);
    else
        scope_family(&family, scope);
    struct kept wanted = {.kind = MARK, .scope = buf_slice(&family), .key = KEY_ALL};
    if (!family.overflow && keep(again, &wanted, AGAIN_FAMILIES))
        return;
    drop(again);
    again->all = true;
    wanted.scope = SCOPE_EVERY;
    keep(again, &wanted, 1);
}

static void widen(struct again *again)
{
    struct table old = again->marks;
    size_t cursor = 0;
    struct kept *kept;
    table_init(&again->marks, hash_kept);
    again->wide = true;
    while ((kept = table_next(&old, &cursor)) != NULL) {
        keep_family(again, kept->scope);
        free(kept);
    }
    table_free(&old);
}

static void add(struct again *again, struct kept *wanted)
{
    if (!again->wide) {
        if (keep(again, wanted, AGAIN_MARKS))
            return;
        widen(again);
    }
    keep_family(again, wanted->scope);
}

void again_mark(struct again *again, struct str scope, struct str key)
{
    struct kept wanted = {.kind = MARK, .scope = scope, .key = key};
    add(again, &wanted);
}

void again_entity(struct again *again, struct str scope, const struct hub_entity *entity)
{
    struct kept wanted = {.kind = ENTITY,
                          .scope = scope,
                          .key = entity->name,
                          .id = entity->id,
                          .action = entity->action,
                          .has_data = entity->has_data};
    add(again, &wanted);
}

void again_move(struct again *into, struct again *from)
{
    size_t cursor = 0;
    struct kept *kept;
    if (from->wide && !into->wide)
        widen(into);
    while ((kept = table_next(&from->marks, &cursor)) != NULL)
        add(into, kept);
    again_clear(from);
}

bool again_is_empty(const struct again *again)
{
    return again->marks.count == 0;
}

size_t again_count(const struct again *again)
{
    return again->marks.count;
}

void again_lay(const struct again *again, struct hub *hub)
{
    size_t cursor = 0;
    const struct kept *kept;
    while ((kept = table_next(&again->marks, &cursor)) != NULL) {
        if (kept->kind == MARK) {
            hub_mark(hub, kept->scope, kept->key, 0);
            continue;
        }
        const struct hub_entity entity = {
            .name = kept->key, .id = kept->id, .action = kept->action, .has_data = kept->has_data};
        hub_entity(hub, kept->scope, &entity);
    }
}
