#include "delivery/quota.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/table.h"

#include <pthread.h>
#include <stdlib.h>

struct quota {
    pthread_mutex_t lock;
    struct hash_seed seed;
    struct table table;
    uint64_t refused[QUOTA_KINDS];
};

struct count {
    uint64_t key;
    unsigned n;
};

const char *quota_kind_name(enum quota_kind kind)
{
    static const char *const names[QUOTA_KINDS] = {
        [QUOTA_USER] = "user", [QUOTA_TOKEN] = "token", [QUOTA_ADDRESS] = "address"};
    return names[kind];
}

static uint32_t hash(const void *item)
{
    return (uint32_t)((const struct count *)item)->key;
}

static bool equal(const void *item, const void *key)
{
    return ((const struct count *)item)->key == *(const uint64_t *)key;
}

static struct count *find(const struct quota *quota, uint64_t key)
{
    return quota->table.count ? table_find(&quota->table, (uint32_t)key, equal, &key) : NULL;
}

struct quota *quota_new(struct hash_seed seed)
{
    struct quota *quota = mem_new(sizeof *quota);
    CHECK(pthread_mutex_init(&quota->lock, NULL) == 0);
    quota->seed = seed;
    table_init(&quota->table, hash);
    return quota;
}

void quota_free(struct quota *quota)
{
    if (!quota)
        return;
    CHECK(quota->table.count == 0);
    table_free(&quota->table);
    pthread_mutex_destroy(&quota->lock);
    free(quota);
}

/* The kind goes in too: a user may be called like an address. */
static uint64_t key_of(const struct quota *quota, enum quota_kind kind, struct str name)
{
    const struct hash_seed seed = {.k0 = quota->seed.k0 ^ ((uint64_t)kind + 1),
                                   .k1 = quota->seed.k1};
    uint64_t key = hash_bytes(seed, name);
    return key ? key : 1;
}

static void add(struct quota *quota, uint64_t key)
{
    struct count *count = find(quota, key);
    if (!count) {
        count = mem_new(sizeof *count);
        count->key = key;
        table_add(&quota->table, count);
    }
    count->n++;
}

bool quota_take(struct quota *quota, const struct str names[QUOTA_KINDS],
                const unsigned max[QUOTA_KINDS], struct quota_seat *seat, enum quota_kind *kind)
{
    bool ok = true;
    *seat = (struct quota_seat){0};
    for (unsigned k = 0; k < QUOTA_KINDS; k++)
        if (names[k].n && max[k])
            seat->keys[k] = key_of(quota, (enum quota_kind)k, names[k]);
    pthread_mutex_lock(&quota->lock);
    for (unsigned k = 0; k < QUOTA_KINDS && ok; k++) {
        const struct count *count = seat->keys[k] ? find(quota, seat->keys[k]) : NULL;
        if (count && count->n >= max[k]) {
            ok = false;
            *kind = (enum quota_kind)k;
            quota->refused[k]++;
        }
    }
    for (unsigned k = 0; k < QUOTA_KINDS && ok; k++)
        if (seat->keys[k])
            add(quota, seat->keys[k]);
    pthread_mutex_unlock(&quota->lock);
    if (!ok)
        *seat = (struct quota_seat){0};
    return ok;
}

void quota_give_back(struct quota *quota, struct quota_seat *seat)
{
    pthread_mutex_lock(&quota->lock);
    for (unsigned k = 0; k < QUOTA_KINDS; k++) {
        struct count *count = seat->keys[k] ? find(quota, seat->keys[k]) : NULL;
        if (count && --count->n == 0) {
            table_remove(&quota->table, count);
            free(count);
        }
    }
    pthread_mutex_unlock(&quota->lock);
    *seat = (struct quota_seat){0};
}

uint64_t quota_refused(struct quota *quota, enum quota_kind kind)
{
    pthread_mutex_lock(&quota->lock);
    uint64_t refused = quota->refused[kind];
    pthread_mutex_unlock(&quota->lock);
    return refused;
}
