#include "hub_probe.h"

#include <string.h>

static char answer_text[1 << 16];
static struct buf answer;
static char keys[4][2048];
static unsigned next_key;

struct str probe_key(const char *key)
{
    char *text = keys[next_key++ % 4];
    size_t n = strlen(key);
    for (size_t i = 0; i < n; i++)
        text[i] = key[i] == '\'' ? '"' : key[i];
    return (struct str){.p = text, .n = n};
}

struct hub_options probe_options(void)
{
    return (struct hub_options){
        .limits = {.index_memory = 1 << 20,
                   .notice_memory = 1 << 16,
                   .max_keys = 200,
                   .max_entities = 200,
                   .notices = 100,
                   .held_max = 100,
                   .families_max = 4},
        .epoch = 0x1234567890abcdef,
        .seed = {.k0 = 1, .k1 = 2},
    };
}

struct hub *probe_new(void)
{
    struct hub_options options = probe_options();
    return hub_new(&options);
}

uint64_t probe_mark(struct hub *hub, const char *scope, const char *key)
{
    hub_begin(hub, 0);
    hub_mark(hub, str_of(scope), probe_key(key), 0);
    return hub_commit(hub);
}

void probe_tick(struct hub *hub)
{
    hub_tick(hub, hub_due(hub, 0), NULL, NULL);
}

static void separate(void)
{
    if (answer.len)
        buf_byte(&answer, ' ');
}

static void add(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        buf_byte(&answer, text.p[i] == '"' ? '\'' : text.p[i]);
}

static void take_key(void *ctx, struct str key)
{
    separate();
    add(key);
}

static void take_entity(void *ctx, const struct hub_entity *entity)
{
    separate();
    add(entity->name);
    buf_byte(&answer, '/');
    add(entity->id);
    buf_byte(&answer, '/');
    add(entity->action);
    buf_byte(&answer, '=');
    add(entity->data);
}

static bool take_notice(void *ctx, const struct hub_notice *notice)
{
    separate();
    buf_byte(&answer, '<');
    add(notice->type);
    buf_byte(&answer, '>');
    return true;
}

static const char *ask(struct hub *hub, const char *scope, uint64_t P,
                       const struct hub_reader *reader)
{
    answer = BUF_FIXED(answer_text);
    switch (hub_since(hub, str_of(scope), P, reader)) {
    case HUB_NOTHING:
        buf_text(&answer, "nothing");
        break;
    case HUB_RESET: {
        struct buf notices = answer;
        char kept[1024];
        size_t n = notices.len < sizeof kept ? notices.len : sizeof kept;
        memcpy(kept, answer_text, n);
        buf_clear(&answer);
        buf_text(&answer, n ? "reset " : "reset");
        buf_add(&answer, kept, n);
        break;
    }
    case HUB_KEYS:
        break;
    }
    buf_byte(&answer, '\0');
    return answer_text;
}

const char *probe_since(struct hub *hub, const char *scope, uint64_t P)
{
    const struct hub_reader reader = {.key = take_key, .notice = take_notice};
    return ask(hub, scope, P, &reader);
}

const char *probe_entities(struct hub *hub, const char *scope, uint64_t P)
{
    const struct hub_reader reader = {.entity = take_entity, .entities = true};
    return ask(hub, scope, P, &reader);
}

const char *probe_data(struct hub *hub, const char *scope, uint64_t P)
{
    const struct hub_reader reader = {.entity = take_entity};
    return ask(hub, scope, P, &reader);
}

struct hub_stats probe_stats(const struct hub *hub)
{
    struct hub_stats stats;
    hub_stats(hub, &stats);
    return stats;
}
