#include "delivery/audience.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/table.h"

#include <stdlib.h>

struct group {
    uint32_t hash;
    unsigned threads; /* how many listen */
    struct str scope;
};

struct audience {
    struct table groups;
    struct hash_seed seed;
};

static uint32_t group_hash(const void *item)
{
    return ((const struct group *)item)->hash;
}

static bool group_is(const void *item, const void *key)
{
    return str_equal(((const struct group *)item)->scope, *(const struct str *)key);
}

static struct group *find(const struct audience *audience, struct str scope, uint32_t hash)
{
    return table_find(&audience->groups, hash, group_is, &scope);
}

struct audience *audience_new(struct hash_seed seed)
{
    struct audience *audience = mem_new(sizeof *audience);
    audience->seed = seed;
    table_init(&audience->groups, group_hash);
    return audience;
}

static void group_free(struct group *group)
{
    free((char *)(uintptr_t)group->scope.p);
    free(group);
}

void audience_free(struct audience *audience)
{
    if (!audience)
        return;
    size_t cursor = 0;
    struct group *group;
    while ((group = table_next(&audience->groups, &cursor)))
        group_free(group);
    table_free(&audience->groups);
    free(audience);
}

void audience_join(struct audience *audience, struct str scope)
{
    uint32_t hash = (uint32_t)hash_bytes(audience->seed, scope);
    struct group *group = find(audience, scope, hash);
    if (!group) {
        group = mem_new(sizeof *group);
        group->hash = hash;
        group->scope = (struct str){.p = mem_copy(scope.p, scope.n), .n = scope.n};
        table_add(&audience->groups, group);
    }
    group->threads++;
}

void audience_leave(struct audience *audience, struct str scope)
{
    struct group *group = find(audience, scope, (uint32_t)hash_bytes(audience->seed, scope));
    CHECK(group);
    if (--group->threads == 0) {
        table_remove(&audience->groups, group);
        group_free(group);
    }
}

bool audience_has(const struct audience *audience, struct str scope)
{
    return find(audience, scope, (uint32_t)hash_bytes(audience->seed, scope)) != NULL;
}

size_t audience_count(const struct audience *audience)
{
    return audience->groups.count;
}
