#include "delivery/encoder.h"

#include "base/arena.h"
#include "base/mem.h"
#include "delivery/events.h"
#include "model/key.h"

#include <stdlib.h>

enum { ENCODER_WIDENED_MAX = 64 * 1024 * 1024 /* every key of a scope: max_keys times KEY_MAX */ };

struct encoder {
    uint64_t spread_ms;
    /* What the hub answered: slices into the hub, valid until its next write. */
    struct str *keys;
    size_t n_keys, cap_keys;
    struct hub_entity *entities;
    size_t n_entities, cap_entities;
    struct hub_notice *notices;
    size_t n_notices, cap_notices;
    struct arena widened;
};

/* A scope has at most max_keys keys and max_entities entity marks, and the hub's rings are
 * bounded; so these arrays are. */
static void *room(void *items, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return items;
    *cap = *cap ? *cap * 2 : 64;
    return mem_grow(items, *cap * size);
}

static void take_key(void *ctx, struct str key)
{
    struct encoder *encoder = ctx;
    encoder->keys = room(encoder->keys, encoder->n_keys, &encoder->cap_keys, sizeof *encoder->keys);
    encoder->keys[encoder->n_keys++] = key;
}

static void take_entity(void *ctx, const struct hub_entity *entity)
{
    struct encoder *encoder = ctx;
    encoder->entities = room(encoder->entities, encoder->n_entities, &encoder->cap_entities,
                             sizeof *encoder->entities);
    encoder->entities[encoder->n_entities++] = *entity;
}

static bool take_notice(void *ctx, const struct hub_notice *notice)
{
    struct encoder *encoder = ctx;
    encoder->notices =
        room(encoder->notices, encoder->n_notices, &encoder->cap_notices, sizeof *encoder->notices);
    encoder->notices[encoder->n_notices++] = *notice;
    return true;
}

struct encoder *encoder_new(uint64_t spread_ms)
{
    struct encoder *encoder = mem_new(sizeof *encoder);
    encoder->spread_ms = spread_ms;
    arena_init(&encoder->widened, ENCODER_WIDENED_MAX);
    return encoder;
}

void encoder_free(struct encoder *encoder)
{
    if (!encoder)
        return;
    free(encoder->keys);
    free(encoder->entities);
    free(encoder->notices);
    arena_free(&encoder->widened);
    free(encoder);
}

void encoder_set_spread(struct encoder *encoder, uint64_t spread_ms)
{
    encoder->spread_ms = spread_ms;
}

static bool fits(const struct buf *out)
{
    return !out->overflow && out->len <= ENCODER_BLOB_MAX;
}

/* Cuts every key to at most `parts` parts and keeps one of each. */
static size_t widen(struct encoder *encoder, size_t parts, struct str *keys)
{
    size_t n = 0;
    struct buf prefix = BUF_INIT(KEY_MAX + 1);
    arena_clear(&encoder->widened);
    for (size_t i = 0; i < encoder->n_keys; i++) {
        size_t own = key_parts(encoder->keys[i]);
        buf_clear(&prefix);
        key_prefix(&prefix, encoder->keys[i], own < parts ? own : parts);
        bool known = false;
        for (size_t j = 0; j < n && !known; j++)
            known = str_equal(keys[j], buf_slice(&prefix));
        if (!known)
            keys[n++] = arena_copy(&encoder->widened, buf_slice(&prefix));
    }
    buf_free(&prefix);
    return n;
}

/* The marks as one stale event that fits an empty blob, giving up data, then depth. */
static bool stale(struct encoder *encoder, enum format format, struct str scope, struct buf *out)
{
    struct events_stale answer = {.scope = scope,
                                  .keys = encoder->keys,
                                  .n_keys = encoder->n_keys,
                                  .entities = encoder->entities,
                                  .n_entities = encoder->n_entities};
    size_t before = out->len;
    events_stale(out, format, &answer);
    if (fits(out))
        return true;
    if (before > 0) {
        buf_cut(out, before);
        return false; /* a whole blob may hold it */
    }
    buf_cut(out, 0);
    answer.without_data = true;
    events_stale(out, format, &answer);
    if (fits(out))
        return true;
    buf_cut(out, 0);
    if (format_reads_entities(format) && encoder->n_entities > 0)
        return false; /* the entities are promised, and keys cannot stand for them */
    answer.n_entities = 0;
    size_t deepest = 0;
    for (size_t i = 0; i < encoder->n_keys; i++) {
        size_t parts = key_parts(encoder->keys[i]);
        deepest = parts > deepest ? parts : deepest;
    }
    struct str *keys = mem_array(encoder->n_keys ? encoder->n_keys : 1, sizeof *keys);
    bool ok = false;
    for (size_t parts = deepest; parts > 0 && !ok; parts--) {
        answer.keys = keys;
        answer.n_keys = widen(encoder, parts, keys);
        events_stale(out, format, &answer);
        ok = fits(out);
        if (!ok)
            buf_cut(out, 0);
    }
    free(keys);
    return ok;
}

enum round_took encoder_scope(struct encoder *encoder, struct hub *hub, enum format format,
                              const struct round_ask *ask, const char *reason, struct buf *out,
                              uint64_t *last_notice)
{
    encoder->n_keys = encoder->n_entities = encoder->n_notices = 0;
    const struct hub_reader reader = {.ctx = encoder,
                                      .key = take_key,
                                      .entity = take_entity,
                                      .notice = take_notice,
                                      .notice_after = ask->notice_after,
                                      .notice_until = ask->notice_until,
                                      .entities = format_reads_entities(format)};
    enum hub_answer answer = hub_since(hub, ask->scope, ask->since, &reader);
    size_t before = out->len;

    if (!ask->only_notices) {
        bool marks = encoder->n_keys > 0 || encoder->n_entities > 0;
        bool reset = answer == HUB_RESET;
        if (!reset && marks && !stale(encoder, format, ask->scope, out)) {
            if (before > 0)
                return ROUND_TOOK_NOTHING;
            reset = true;
        }
        if (reset)
            events_reset(out, format, ask->scope, reason, encoder->spread_ms);
        if (!fits(out)) {
            buf_cut(out, before);
            return ROUND_TOOK_NOTHING;
        }
    }
    for (size_t i = 0; i < encoder->n_notices; i++) {
        size_t start = out->len;
        events_notice(out, format, ask->scope, &encoder->notices[i]);
        if (!fits(out) && start > 0) {
            buf_cut(out, start);
            return start == before && ask->only_notices ? ROUND_TOOK_NOTHING : ROUND_TOOK_MARKS;
        }
        *last_notice = encoder->notices[i].number;
    }
    return ROUND_TOOK_ALL;
}
