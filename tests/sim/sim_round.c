/* Catching up with a slow reader: rounds against a list of everything that happened.
 *
 * One noisy and two quiet scopes, small blobs, and between any two blobs the world goes on:
 * marks, notices, ticks, evictions, dropped notices. In every round: it ends after a number of
 * blobs that does not depend on the noise; its target is above where it began; when the target
 * is granted, everything up to it was sent; a notice is sent once, in order, or its scope was
 * reset.
 *
 * UNSTALE_SIM_HISTORIES (5,000) and UNSTALE_SIM_SEED (1) as in sim_hub_model. */
#include "hub/hub.h"
#include "hub/round.h"
#include "model/key.h"
#include "model/scope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { EVENTS_MAX = 4000, SCOPES = 5, BLOB_ROOM = 6, TEXT = 48, KEYS_MAX = 64 };

static const char *const names[SCOPES] = {"p:noisy", "p:quiet", "u:quiet", "p:*", "*"};

struct event {
    uint64_t position;
    unsigned scope;
    bool notice;
    char text[TEXT];
    bool told, granted;
};

struct world {
    uint64_t seed, random;
    struct hub *hub;
    struct hub_options options;
    uint64_t now;
    struct event *events;
    size_t n_events;
    unsigned serial;
    /* the blob that is being filled */
    unsigned room;
    unsigned blobs, resets;
    unsigned last_notice[SCOPES];
    /* the answer that is being read */
    unsigned scope;
    char keys[KEYS_MAX][TEXT];
    size_t n_keys;
    uint64_t numbers[KEYS_MAX];
    char notices[KEYS_MAX][TEXT];
    size_t n_notices;
};

static uint64_t dice(struct world *w, uint64_t sides)
{
    w->random += 0x9e3779b97f4a7c15U;
    uint64_t z = w->random;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return (z ^ (z >> 31)) % sides;
}

#define BROKEN(w, ...)                                                                 \
    do {                                                                               \
        printf("history with UNSTALE_SIM_SEED=%llu: ", (unsigned long long)(w)->seed); \
        printf(__VA_ARGS__);                                                           \
        printf("\n");                                                                  \
        fail();                                                                        \
    } while (0)

/* ---- the world goes on ---- */

static struct event *record(struct world *w, unsigned scope, bool notice)
{
    if (w->n_events == EVENTS_MAX)
        BROKEN(w, "the list is full");
    struct event *event = &w->events[w->n_events++];
    *event = (struct event){.position = hub_sequence(w->hub) + 1, .scope = scope, .notice = notice};
    return event;
}

static void mark(struct world *w, unsigned scope)
{
    struct event *event = record(w, scope, false);
    snprintf(event->text, TEXT, dice(w, 60) ? "[\"k\",%u]" : "[]", (unsigned)dice(w, 30));
    hub_mark(w->hub, str_of(names[scope]), str_of(event->text), 0);
}

static void notice(struct world *w, unsigned scope)
{
    struct event *event = record(w, scope, true);
    snprintf(event->text, TEXT, "%u", ++w->serial);
    hub_notice(w->hub, str_of(names[scope]), str_of(event->text), STR("{}"), NULL);
}

/* Some transactions; the noisy scope in nearly each of them. */
static void go_on(struct world *w, unsigned most)
{
    for (uint64_t n = dice(w, most + 1); n > 0 && w->n_events < EVENTS_MAX - 20; n--) {
        w->now += dice(w, 60);
        hub_begin(w->hub, w->now);
        for (uint64_t i = dice(w, 6); i > 0; i--)
            mark(w, 0);
        if (dice(w, 8) == 0)
            mark(w, 1 + (unsigned)dice(w, 4));
        if (dice(w, 3) == 0)
            notice(w, (unsigned)dice(w, 3));
        if (dice(w, 12) == 0) { /* strangers push everything else out */
            char scope[TEXT];
            for (int i = 0; i < 40; i++) {
                snprintf(scope, sizeof scope, "x:%u", (unsigned)dice(w, 1000));
                hub_mark(w->hub, str_of(scope), STR("[1]"), 0);
                if (i < 5)
                    hub_notice(w->hub, str_of(scope), STR("x"), STR("{}"), NULL);
            }
        }
        hub_commit(w->hub);
        if (dice(w, 2))
            hub_tick(w->hub, w->now, NULL, NULL);
    }
}

/* ---- filling a blob, as delivery's encoder does ---- */

static void take_key(void *ctx, struct str key)
{
    struct world *w = ctx;
    if (w->n_keys == KEYS_MAX)
        BROKEN(w, "more keys than max_keys");
    snprintf(w->keys[w->n_keys++], TEXT, "%.*s", STR_ARG(key));
}

static bool take_notice(void *ctx, const struct hub_notice *told)
{
    struct world *w = ctx;
    if (w->n_notices == KEYS_MAX)
        BROKEN(w, "more notices than the ring holds");
    w->numbers[w->n_notices] = told->number;
    snprintf(w->notices[w->n_notices++], TEXT, "%.*s", STR_ARG(told->type));
    return true;
}

static unsigned scope_of(struct world *w, struct str name)
{
    for (unsigned i = 0; i < SCOPES; i++)
        if (str_is(name, names[i]))
            return i;
    BROKEN(w, "asked for %.*s", STR_ARG(name));
    return 0;
}

static void told_marks(struct world *w, unsigned scope, bool reset)
{
    w->resets += reset;
    for (size_t i = 0; i < w->n_events; i++) {
        struct event *event = &w->events[i];
        if (event->scope != scope)
            continue;
        if (reset)
            event->told = true;
        for (size_t k = 0; k < w->n_keys && !event->notice; k++)
            event->told = event->told || key_covers(str_of(w->keys[k]), str_of(event->text));
    }
}

static void told_notice(struct world *w, unsigned scope, const char *text)
{
    unsigned number = (unsigned)atoi(text);
    if (number <= w->last_notice[scope])
        BROKEN(w, "notice %s of %s comes again or late", text, names[scope]);
    w->last_notice[scope] = number;
    for (size_t i = 0; i < w->n_events; i++)
        if (w->events[i].notice && strcmp(w->events[i].text, text) == 0)
            w->events[i].told = true;
}

static enum round_took take(void *ctx, const struct round_ask *ask, uint64_t *last_notice)
{
    struct world *w = ctx;
    unsigned scope = scope_of(w, ask->scope);
    const struct hub_reader reader = {
        .ctx = w,
        .key = take_key,
        .notice = take_notice,
        .notice_after = ask->notice_after,
        .notice_until = ask->notice_until,
    };
    w->n_keys = w->n_notices = 0;
    bool reset = hub_since(w->hub, ask->scope, ask->since, &reader) == HUB_RESET;
    if (!ask->only_notices) {
        /* What would not fit into an empty blob is widened, here always to []. */
        reset = reset || w->n_keys > BLOB_ROOM;
        unsigned size = reset ? 1 : (unsigned)w->n_keys;
        if (size > w->room)
            return ROUND_TOOK_NOTHING;
        w->room -= size;
        told_marks(w, scope, reset);
    }
    for (size_t i = 0; i < w->n_notices; i++) {
        /* Some notices are larger than a blob: they go alone. */
        unsigned size = atoi(w->notices[i]) % 7 == 0 ? BLOB_ROOM + 1 : 1;
        if (size > w->room && w->room < BLOB_ROOM)
            return ROUND_TOOK_MARKS;
        w->room -= size < w->room ? size : w->room;
        told_notice(w, scope, w->notices[i]);
        *last_notice = w->numbers[i];
    }
    return ROUND_TOOK_ALL;
}

/* ---- rounds ---- */

static uint64_t one_round(struct world *w, uint64_t from)
{
    struct round round;
    struct round_scope scopes[SCOPES];
    for (unsigned i = 0; i < SCOPES; i++)
        scopes[i] = (struct round_scope){.name = str_of(names[i]), .since = from};
    round_start(&round, from);
    for (size_t i = 0; i < w->n_events; i++)
        w->events[i].told = w->events[i].granted;
    uint64_t ticked = hub_ticked(w->hub);
    size_t limit = 1 + dice(w, SCOPES);
    for (w->blobs = 1;; w->blobs++) {
        w->room = BLOB_ROOM;
        if (round_next(w->hub, &round, scopes, SCOPES, limit, take, w) == ROUND_DONE)
            break;
        /* Five scopes, at most 25 notices each that were there when the target was set, and as
         * many resets for what was dropped meanwhile. */
        if (w->blobs > SCOPES * 2 * 26)
            BROKEN(w, "a round of %u blobs", w->blobs);
        go_on(w, 3);
    }
    if (round.target != ticked)
        BROKEN(w, "target %llu, but the last tick was %llu", (unsigned long long)round.target,
               (unsigned long long)ticked);
    for (size_t i = 0; i < w->n_events; i++) {
        struct event *event = &w->events[i];
        if (event->position > round.target)
            continue;
        if (!event->told)
            BROKEN(w, "%llu is granted, but %s at %llu in %s was not sent",
                   (unsigned long long)round.target, event->text,
                   (unsigned long long)event->position, names[event->scope]);
        event->granted = true;
    }
    return round.target;
}

static void history(uint64_t seed)
{
    static struct event events[EVENTS_MAX];
    static struct world world;
    struct world *w = &world;
    *w = (struct world){.seed = seed, .random = seed, .events = events};
    w->options = (struct hub_options){
        .limits = {.index_memory = dice(w, 2) ? 1 << 20 : 5200 + dice(w, 4000),
                   .notice_memory = dice(w, 2) ? 1 << 20 : 500 + dice(w, 3000),
                   .max_keys = 2 + (unsigned)dice(w, KEYS_MAX - 2),
                   .notices = 1 + (unsigned)dice(w, 25),
                   .families_max = 10,
                   .batch_ms = dice(w, 2) * 100},
        .epoch = seed,
        .seed = {.k0 = seed},
    };
    w->hub = hub_new(&w->options);
    uint64_t position = 0;
    for (int i = 0; i < 12; i++) {
        go_on(w, 6);
        if (hub_ticked(w->hub) == position)
            continue; /* live */
        uint64_t next = one_round(w, position);
        if (next <= position)
            BROKEN(w, "a round from %llu granted %llu", (unsigned long long)position,
                   (unsigned long long)next);
        position = next;
    }
    hub_free(w->hub);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static void position_rises_in_every_round_and_nothing_up_to_it_is_missing(void **state)
{
    uint64_t first = from_environment("UNSTALE_SIM_SEED", 1),
             n = from_environment("UNSTALE_SIM_HISTORIES", 5000);
    for (uint64_t seed = first; seed < first + n; seed++)
        history(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(position_rises_in_every_round_and_nothing_up_to_it_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
