/* The hub against a naive model: a plain list of everything that ever happened.
 *
 * For random histories (marks, [], families, held keys, entities, notices, ticks, changing
 * limits, saving and loading, scopes that are freed and come again) every answer must cover
 * what the list says, and be exactly that as long as nothing was widened, cut, dropped or
 * evicted. What a tick tells must cover what happened since the tick before.
 *
 * UNSTALE_SIM_HISTORIES: how many (5,000). UNSTALE_SIM_SEED: the first one's seed (1); a
 * failure prints the seed of its history, so UNSTALE_SIM_SEED=that UNSTALE_SIM_HISTORIES=1
 * shows it again. */
#include "hub/hub.h"
#include "model/key.h"
#include "model/scope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { EVENTS_MAX = 2000, HELD_MAX = 400, ANSWER_MAX = 600, SCOPE_TEXT = 24, KEY_TEXT = 640 };

enum kind { KEY, ENTITY, NOTICE };

struct event {
    enum kind kind;
    uint64_t position;
    char scope[SCOPE_TEXT];
    char key[KEY_TEXT]; /* key, "name/id/action", or the notice's type */
    bool has_data;
};

struct waiting {
    char scope[SCOPE_TEXT], key[KEY_TEXT];
    uint64_t due;
    bool waits;
};

struct answer {
    enum hub_answer answer;
    size_t n;
    char keys[ANSWER_MAX][KEY_TEXT];
};

struct world {
    uint64_t seed, random;
    struct hub *hub;
    struct hub_options options;
    uint64_t now;
    struct event *events;
    size_t n_events;
    struct waiting *held;
    size_t n_held;
    bool exact;            /* nothing was given up so far */
    struct answer *answer; /* of the last question; `other` that of the one before */
    struct answer *other;
    char touched[200][SCOPE_TEXT];
    size_t n_touched;
    uint64_t previous;
    unsigned serial;
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

/* ---- what happens ---- */

static void random_scope(struct world *w, char scope[SCOPE_TEXT])
{
    switch (dice(w, 20)) {
    case 0:
        snprintf(scope, SCOPE_TEXT, "*");
        break;
    case 1:
        snprintf(scope, SCOPE_TEXT, "f%d:*", (int)dice(w, 6));
        break;
    case 2:
        snprintf(scope, SCOPE_TEXT, "plain%d", (int)dice(w, 3));
        break;
    default:
        snprintf(scope, SCOPE_TEXT, "f%d:%d", (int)dice(w, 3), (int)dice(w, 4));
    }
}

static void random_key(struct world *w, char key[KEY_TEXT])
{
    int a = (int)dice(w, 3), b = (int)dice(w, 5);
    switch (dice(w, 12)) {
    case 0:
        snprintf(key, KEY_TEXT, "[\"t%d\"]", a);
        break;
    case 1:
        snprintf(key, KEY_TEXT, "[\"t%d\",{\"p\":%d,\"q\":[\"%d\"]}]", a, b, a);
        break;
    case 2:
        snprintf(key, KEY_TEXT, "[[\"t%d\",\"list\"],{\"input\":{\"p\":\"%d\"}}]", a, b);
        break;
    case 3:
        snprintf(key, KEY_TEXT, "[\"t%d\",%d]", a, b);
        break;
    case 4:
        snprintf(key, KEY_TEXT, "[\"t%d\",\"%d\",%u]", a, b, w->serial++);
        break;
    case 5:
        if (dice(w, 4) == 0)
            snprintf(key, KEY_TEXT, "[\"t%d\",\"%0500d\",\"%d\"]", a, b, a);
        else
            snprintf(key, KEY_TEXT, "[]");
        break;
    default:
        snprintf(key, KEY_TEXT, "[\"t%d\",\"%d\"]", a, b);
    }
}

static void record(struct world *w, enum kind kind, const char *scope, const char *key,
                   uint64_t position)
{
    if (w->n_events == EVENTS_MAX)
        return;
    struct event *event = &w->events[w->n_events++];
    *event = (struct event){.kind = kind, .position = position};
    snprintf(event->scope, sizeof event->scope, "%s", scope);
    snprintf(event->key, sizeof event->key, "%s", key);
}

static uint64_t at_most_of(const char *key)
{
    return key[2] == 't' && key[3] == '1' ? 300 : 0;
}

/* True when the key is laid now; what hold.c should do, said plainly. */
static bool passes(struct world *w, const char *scope, const char *key, uint64_t at_most)
{
    if (!at_most)
        return true;
    for (size_t i = 0; i < w->n_held; i++) {
        struct waiting *held = &w->held[i];
        if (strcmp(held->scope, scope) != 0 || !key_equal(str_of(held->key), str_of(key)))
            continue;
        if (!held->waits && held->due <= w->now) {
            held->due = w->now + at_most;
            return true;
        }
        held->waits = true;
        return false;
    }
    if (w->n_held == HELD_MAX)
        BROKEN(w, "the model's own table of held keys is too small");
    struct waiting *held = &w->held[w->n_held++];
    snprintf(held->scope, sizeof held->scope, "%s", scope);
    snprintf(held->key, sizeof held->key, "%s", key);
    held->due = w->now + at_most;
    held->waits = false;
    return true;
}

static void lay_due(struct world *w, bool all)
{
    uint64_t position = hub_sequence(w->hub) + 1;
    for (size_t i = 0; i < w->n_held; i++) {
        struct waiting *held = &w->held[i];
        if (!held->waits || (!all && held->due > w->now))
            continue;
        record(w, KEY, held->scope, held->key, position);
        held->waits = false;
        held->due = w->now + at_most_of(held->key);
    }
    if (all)
        w->n_held = 0;
}

static void transact(struct world *w)
{
    char scope[SCOPE_TEXT], key[KEY_TEXT];
    uint64_t position = hub_sequence(w->hub) + 1;
    hub_begin(w->hub, w->now);
    size_t n = dice(w, 12) == 0 ? dice(w, 40) : dice(w, 4);
    for (size_t i = 0; i < n; i++) {
        random_scope(w, scope);
        switch (dice(w, 8)) {
        case 0: {
            char id[16], data[32];
            struct hub_entity entity = {.name = STR("task"), .action = STR("updated")};
            snprintf(id, sizeof id, "%d", (int)dice(w, 6));
            snprintf(data, sizeof data, "{\"a%d\":%d}", (int)dice(w, 3), (int)dice(w, 9));
            entity.id = str_of(id);
            entity.has_data = dice(w, 2);
            if (entity.has_data)
                entity.data = str_of(data);
            if (dice(w, 5) == 0)
                entity.action = STR("deleted");
            hub_entity(w->hub, str_of(scope), &entity);
            if (scope_is_family(str_of(scope)))
                break;
            snprintf(key, sizeof key, "task/%s/%.*s", id, STR_ARG(entity.action));
            record(w, ENTITY, scope, key, position);
            w->events[w->n_events - 1].has_data = entity.has_data;
            break;
        }
        case 1:
            snprintf(key, sizeof key, "n%u", w->serial++);
            hub_notice(w->hub, str_of(scope), str_of(key), STR("{}"), NULL);
            if (!scope_is_family(str_of(scope)))
                record(w, NOTICE, scope, key, position);
            break;
        default:
            random_key(w, key);
            if (strlen(key) > KEY_MAX)
                w->exact = false;
            hub_mark(w->hub, str_of(scope), str_of(key), at_most_of(key));
            if (passes(w, scope, key, at_most_of(key)))
                record(w, KEY, scope, key, position);
        }
    }
    hub_commit(w->hub);
}

/* ---- what the hub says ---- */

static void take(struct world *w, struct str text)
{
    if (w->answer->n == ANSWER_MAX)
        BROKEN(w, "an answer with more than %d items", ANSWER_MAX);
    snprintf(w->answer->keys[w->answer->n++], KEY_TEXT, "%.*s", STR_ARG(text));
}

static void take_key(void *ctx, struct str key)
{
    take(ctx, key);
}

static void take_entity(void *ctx, const struct hub_entity *entity)
{
    char text[KEY_TEXT];
    snprintf(text, sizeof text, "%.*s/%.*s/%.*s", STR_ARG(entity->name), STR_ARG(entity->id),
             STR_ARG(entity->action));
    take(ctx, str_of(text));
}

static bool take_notice(void *ctx, const struct hub_notice *notice)
{
    take(ctx, notice->type);
    return true;
}

static const struct answer *ask(struct world *w, const char *scope, uint64_t P, enum kind kind)
{
    struct hub_reader reader = {.ctx = w, .entities = kind == ENTITY};
    if (kind == KEY)
        reader.key = take_key;
    if (kind == ENTITY)
        reader.entity = take_entity;
    if (kind == NOTICE)
        reader.notice = take_notice;
    struct answer *before = w->answer;
    w->answer = w->other;
    w->other = before;
    w->answer->n = 0;
    w->answer->answer = hub_since(w->hub, str_of(scope), P, &reader);
    return w->answer;
}

static bool covered(const struct answer *answer, const struct event *event)
{
    if (answer->answer == HUB_RESET)
        return true;
    for (size_t i = 0; i < answer->n; i++)
        if (event->kind == KEY ? key_covers(str_of(answer->keys[i]), str_of(event->key))
                               : strcmp(answer->keys[i], event->key) == 0)
            return true;
    return false;
}

/* ---- comparing ---- */

static bool is_reset(const struct event *event)
{
    return event->kind == KEY && strcmp(event->key, "[]") == 0;
}

/* Everything of `scope` after P, in one answer; a family's marks may stand with "*". */
static void check_covers(struct world *w, const char *scope, uint64_t P, enum kind kind)
{
    const struct answer *own = ask(w, scope, P, kind);
    bool family = scope_is_family(str_of(scope));
    if (family)
        ask(w, "*", P, kind);
    for (size_t i = 0; i < w->n_events; i++) {
        const struct event *event = &w->events[i];
        if (event->kind != kind || event->position <= P || strcmp(event->scope, scope) != 0)
            continue;
        if (!covered(own, event) && !(family && covered(w->answer, event)))
            BROKEN(w, "since(%s, %llu) misses %s at %llu", scope, (unsigned long long)P, event->key,
                   (unsigned long long)event->position);
    }
}

static bool expected(const struct world *w, const char *text, const char *scope, uint64_t P,
                     enum kind kind)
{
    for (size_t i = 0; i < w->n_events; i++) {
        const struct event *event = &w->events[i];
        if (event->kind == kind && event->position > P && strcmp(event->scope, scope) == 0 &&
            (kind == KEY ? key_equal(str_of(event->key), str_of(text))
                         : strcmp(event->key, text) == 0))
            return true;
    }
    return false;
}

static void check_exact(struct world *w, const char *scope, uint64_t P, enum kind kind)
{
    const struct answer *answer = ask(w, scope, P, kind);
    bool reset = false;
    for (size_t i = 0; i < w->n_events; i++)
        if (is_reset(&w->events[i]) && w->events[i].position > P &&
            strcmp(w->events[i].scope, scope) == 0)
            reset = true;
    if (reset != (answer->answer == HUB_RESET))
        BROKEN(w, "since(%s, %llu) is %s", scope, (unsigned long long)P,
               reset ? "no reset" : "a reset");
    if (kind != NOTICE && reset && answer->n)
        BROKEN(w, "since(%s, %llu) is a reset with keys", scope, (unsigned long long)P);
    for (size_t i = 0; i < answer->n; i++) {
        if (!expected(w, answer->keys[i], scope, P, kind))
            BROKEN(w, "since(%s, %llu) says %s, which nobody marked", scope, (unsigned long long)P,
                   answer->keys[i]);
        for (size_t j = 0; j < i; j++)
            if (kind == KEY ? key_equal(str_of(answer->keys[i]), str_of(answer->keys[j]))
                            : strcmp(answer->keys[i], answer->keys[j]) == 0)
                BROKEN(w, "since(%s, %llu) says %s twice", scope, (unsigned long long)P,
                       answer->keys[i]);
    }
}

static void check_bounds(struct world *w)
{
    struct hub_stats stats;
    hub_stats(w->hub, &stats);
    if (stats.evicted || stats.widened || stats.notices_dropped)
        w->exact = false;
    if (stats.index_memory > w->options.limits.index_memory &&
        stats.marks + stats.entities + stats.notices)
        BROKEN(w, "%zu bytes of index with a bound of %zu", stats.index_memory,
               w->options.limits.index_memory);
    if (stats.notice_memory > w->options.limits.notice_memory)
        BROKEN(w, "%zu bytes of notices", stats.notice_memory);
}

static void check(struct world *w)
{
    char scope[SCOPE_TEXT];
    check_bounds(w);
    for (int i = 0; i < 6; i++) {
        random_scope(w, scope);
        if (dice(w, 10) == 0)
            snprintf(scope, sizeof scope, "never:%d", i);
        uint64_t P = dice(w, hub_sequence(w->hub) + 1);
        enum kind kind = (enum kind)dice(w, 3);
        check_covers(w, scope, P, kind);
        if (w->exact)
            check_exact(w, scope, P, kind);
        if (ask(w, scope, hub_sequence(w->hub) + 1 + dice(w, 3), kind)->answer != HUB_RESET)
            BROKEN(w, "a position of the future is not reset");
    }
}

/* ---- ticks ---- */

static void touch(void *ctx, struct str scope, uint64_t previous)
{
    struct world *w = ctx;
    if (w->n_touched == 200)
        BROKEN(w, "more scopes touched than there are");
    w->previous = previous;
    snprintf(w->touched[w->n_touched++], SCOPE_TEXT, "%.*s", STR_ARG(scope));
}

static bool told(struct world *w, const char *name, const struct event *event, bool only_reset)
{
    for (size_t i = 0; i < w->n_touched; i++)
        if (strcmp(w->touched[i], name) == 0) {
            const struct answer *answer = ask(w, name, w->previous, event->kind);
            return only_reset ? answer->answer == HUB_RESET : covered(answer, event);
        }
    return false;
}

/* Whoever was live at the tick before and reads only what this one touched has missed nothing. */
static void tick(struct world *w)
{
    struct hub_stats stats;
    w->n_touched = 0;
    lay_due(w, false);
    if (!hub_tick(w->hub, w->now, touch, w))
        return;
    hub_stats(w->hub, &stats);
    for (size_t i = 0; i < w->n_events; i++) {
        const struct event *event = &w->events[i];
        char name[SCOPE_TEXT];
        struct buf family = BUF_FIXED(name);
        if (event->position <= w->previous)
            continue;
        scope_family(&family, str_of(event->scope));
        buf_byte(&family, '\0');
        bool in_family = scope_is_family(str_of(event->scope));
        if (!told(w, event->scope, event, false) && !told(w, name, event, !in_family) &&
            !told(w, "*", event, !in_family))
            BROKEN(w, "the tick to %llu does not tell %s of %s",
                   (unsigned long long)hub_ticked(w->hub), event->scope, event->key);
    }
}

/* ---- the rest ---- */

static void random_limits(struct world *w)
{
    struct hub_limits *limits = &w->options.limits;
    bool ample = dice(w, 3) == 0;
    *limits = (struct hub_limits){
        .index_memory = ample         ? 1 << 20
                        : dice(w, 10) ? 5200 + dice(w, 8000)
                                      : dice(w, 5000),
        .notice_memory = ample ? 1 << 20 : dice(w, 2000),
        .max_keys = ample ? 500 : (unsigned)dice(w, 30),
        .max_entities = ample ? 500 : (unsigned)dice(w, 8),
        .notices = ample ? 500 : (unsigned)dice(w, 5),
        .held_max = HELD_MAX,
        .families_max = ample ? 20 : (unsigned)dice(w, 8),
        .batch_ms = dice(w, 2) * 100,
    };
    if (!ample && limits->families_max < 8)
        w->exact = false;
}

static void save_and_load(struct world *w)
{
    struct buf bytes = BUF_INIT(1 << 20);
    struct err err = ERR_INIT;
    lay_due(w, true);
    hub_lay_held(w->hub, w->now);
    w->now += 1000;
    tick(w);
    check_bounds(w);
    if (!hub_save(w->hub, &bytes, &err))
        BROKEN(w, "not saved: %s", err.text);
    hub_free(w->hub);
    w->options.seed.k0 = dice(w, UINT64_MAX);
    if (dice(w, 3) == 0)
        random_limits(w);
    w->hub = hub_load(&w->options, buf_slice(&bytes), &err);
    if (!w->hub)
        BROKEN(w, "not loaded: %s", err.text);
    buf_free(&bytes);
}

static void history(uint64_t seed)
{
    static struct event events[EVENTS_MAX];
    static struct waiting held[HELD_MAX];
    static struct answer answers[2];
    static struct world world;
    struct world *w = &world;
    *w = (struct world){.seed = seed,
                        .random = seed,
                        .events = events,
                        .held = held,
                        .answer = &answers[0],
                        .other = &answers[1],
                        .exact = true};
    random_limits(w);
    w->options.epoch = seed;
    w->options.seed = (struct hash_seed){.k0 = seed, .k1 = 1};
    w->hub = hub_new(&w->options);
    if (dice(w, 2))
        hub_keep_family(w->hub, STR("f0:*"));
    size_t steps = 20 + dice(w, 100);
    for (size_t i = 0; i < steps && w->n_events < EVENTS_MAX - 50; i++) {
        w->now += dice(w, 80);
        switch (dice(w, 40)) {
        case 0:
            random_limits(w);
            hub_set_limits(w->hub, &w->options.limits);
            break;
        case 1:
            save_and_load(w);
            break;
        default:
            transact(w);
        }
        if (dice(w, 3) == 0)
            tick(w);
        check(w);
    }
    hub_free(w->hub);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static void every_answer_covers_what_happened(void **state)
{
    uint64_t first = from_environment("UNSTALE_SIM_SEED", 1),
             n = from_environment("UNSTALE_SIM_HISTORIES", 5000);
    for (uint64_t seed = first; seed < first + n; seed++)
        history(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_covers_what_happened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
