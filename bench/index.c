/* The staleness index alone: what a mark, a question and a mark's memory cost.
 *
 *     bench/index [scopes] [keys]      1000000 10
 *
 * Every scope gets its keys, scope after scope; then known keys are marked again, once in the
 * same order, once at random (every access a cache miss: the worst case); then scopes are asked
 * for everything, in order and at random. Prints one line of JSON. */
#include "hub/hub.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double resident(void)
{
    long pages = 0, total = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file && fscanf(file, "%ld %ld", &total, &pages) != 2)
        pages = 0;
    if (file)
        fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static uint64_t dice(uint64_t *random)
{
    uint64_t z = (*random += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

struct names {
    char scope[40], key[48];
};

static void name(struct names *names, uint64_t scope, uint64_t key)
{
    snprintf(names->scope, sizeof names->scope, "project:%07u", (unsigned)scope);
    snprintf(names->key, sizeof names->key, "[\"tasks\",\"detail\",\"%07u\"]",
             (unsigned)(scope * 10 + key));
}

static void take_key(void *ctx, struct str key)
{
    uint64_t *sum = ctx;
    *sum += key.n + (unsigned char)key.p[key.n / 2];
}

enum { BATCH = 1 << 14 };

/* Marks n times; names are made beforehand, batch by batch, and not measured. */
static double marks(struct hub *hub, uint64_t n, uint64_t scopes, uint64_t keys, bool shuffled)
{
    static struct names batch[BATCH];
    uint64_t random = 1;
    double spent = 0;
    for (uint64_t i = 0; i < n;) {
        size_t filled = 0;
        for (; filled < BATCH && i < n; i++, filled++) {
            uint64_t at = shuffled ? dice(&random) % (scopes * keys) : i % (scopes * keys);
            name(&batch[filled], at / keys, at % keys);
        }
        double start = now();
        for (size_t j = 0; j < filled; j++) {
            if (j % 100 == 0)
                hub_begin(hub, 0);
            hub_mark(hub, str_of(batch[j].scope), str_of(batch[j].key), 0);
            if (j % 100 == 99 || j + 1 == filled)
                hub_commit(hub);
        }
        spent += now() - start;
        hub_tick(hub, 0, NULL, NULL);
    }
    return spent / (double)n;
}

static double questions(struct hub *hub, uint64_t n, uint64_t scopes, uint64_t keys, bool shuffled)
{
    uint64_t random = 1, sum = 0;
    const struct hub_reader reader = {.ctx = &sum, .key = take_key};
    double spent = 0;
    struct names names;
    static char batch[BATCH][40];
    for (uint64_t i = 0; i < n;) {
        size_t filled = 0;
        for (; filled < BATCH && i < n; i++, filled++) {
            name(&names, shuffled ? dice(&random) % scopes : i % scopes, 0);
            memcpy(batch[filled], names.scope, sizeof names.scope);
        }
        double start = now();
        for (size_t j = 0; j < filled; j++)
            hub_since(hub, str_of(batch[j]), 0, &reader);
        spent += now() - start;
    }
    if (sum == 0)
        printf("nothing was there\n");
    return spent / (double)(n * keys);
}

int main(int argc, char **argv)
{
    uint64_t scopes = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    uint64_t keys = argc > 2 ? strtoull(argv[2], NULL, 10) : 10;
    struct hub_options options = {
        .limits = {.index_memory = SIZE_MAX,
                   .max_keys = 200,
                   .max_entities = 200,
                   .families_max = 1000},
        .epoch = 1,
        .seed = {.k0 = (uint64_t)time(NULL), .k1 = 2},
    };
    double before = resident();
    struct hub *hub = hub_new(&options);
    uint64_t total = scopes * keys;
    double new_ns = marks(hub, total, scopes, keys, false);
    double grown = resident() - before;
    struct hub_stats stats;
    hub_stats(hub, &stats);
    uint64_t some = total < 4000000 ? total : 4000000;
    double again_ns = marks(hub, some, scopes, keys, false);
    double random_ns = marks(hub, some, scopes, keys, true);
    double since_ns = questions(hub, scopes, scopes, keys, false);
    double since_random_ns = questions(hub, scopes < 500000 ? scopes : 500000, scopes, keys, true);
    hub_stats(hub, &stats);
    printf("{\"scopes\":%zu,\"marks\":%zu,\"mark_new_ns\":%.0f,\"mark_again_ns\":%.0f,\"mark_"
           "random_ns\":%.0f,"
           "\"since_key_ns\":%.1f,\"since_random_key_ns\":%.1f,\"bytes_a_mark\":%.1f,\"resident_a_"
           "mark\":%.1f}\n",
           stats.scopes, stats.marks, new_ns, again_ns, random_ns, since_ns, since_random_ns,
           (double)stats.index_memory / (double)stats.marks, grown / (double)stats.marks);
    hub_free(hub);
    return 0;
}
