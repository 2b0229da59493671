#include "delivery/encoder.h"

#include "base/arena.h"
#include "base/mem.h"
#include "delivery/events.h"
#include "model/key.h"
#include "model/scope.h"

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
    bool rows; /* this answer is for a dialect */
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
    /* Of marks that name no row only dialects have to know: who reads keys is told the keys. */
    if (entity->name.n == 0 && !encoder->rows)
        return;
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

static bool fits_in(const struct buf *out, size_t max)
{
    return !out->overflow && out->len <= max;
}

static bool fits(const struct buf *out)
{
    return fits_in(out, ENCODER_BLOB_MAX);
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

/* ---- dialects ---- */

/* The rows that changed, without their data where they are too many; false when only a reset is
 * left to be said. */
static bool rows(const struct encoder *encoder, const struct encoder_voice *voice,
                 const struct dialect_place *place, struct buf *out, bool *try_again)
{
    size_t before = out->len;
    for (int without_data = 0; without_data < 2; without_data++) {
        if (!dialect_say_changes(voice->dialect, out, place, encoder->entities, encoder->n_entities,
                                 without_data))
            return false;
        if (fits_in(out, ENCODER_DIALECT_MAX))
            return true;
        buf_cut(out, before);
        *try_again = before > 0; /* a whole blob may hold it */
        if (*try_again)
            return false;
    }
    return false;
}

/* A dialect names rows. What is marked in a family has none, so it is a reset. False: there is no
 * room in this blob. */
static bool dialect_marks(const struct encoder *encoder, struct encoder_voice *voice,
                          const struct dialect_place *place, bool reset, const char *reason,
                          struct buf *out)
{
    size_t before = out->len;
    bool try_again = false;
    reset = reset || (scope_is_family(place->scope) && encoder->n_keys > 0);
    if (!reset && encoder->n_entities > 0 && !rows(encoder, voice, place, out, &try_again))
        reset = true;
    if (try_again)
        return false;
    if (reset && dialect_say_reset(voice->dialect, out, place, voice->resources, voice->n_resources,
                                   reason, encoder->spread_ms))
        voice->ends = true;
    if (before > 0 && !fits_in(out, ENCODER_DIALECT_MAX)) {
        buf_cut(out, before);
        return false;
    }
    return true;
}

static bool native_marks(struct encoder *encoder, enum format format, struct str scope, bool reset,
                         const char *reason, struct buf *out)
{
    size_t before = out->len;
    bool marks = encoder->n_keys > 0 || encoder->n_entities > 0;
    if (!reset && marks && !stale(encoder, format, scope, out)) {
        if (before > 0)
            return false;
        reset = true;
    }
    if (reset)
        events_reset(out, format, scope, reason, encoder->spread_ms);
    if (!fits(out)) {
        buf_cut(out, before);
        return false;
    }
    return true;
}

enum round_took encoder_scope(struct encoder *encoder, struct hub *hub, enum format format,
                              const struct round_ask *ask, const char *reason,
                              struct encoder_voice *voice, struct buf *out, uint64_t *last_notice)
{
    const struct dialect_place place = {.scope = ask->scope, .now = voice ? voice->now : 0};
    size_t max = voice ? ENCODER_DIALECT_MAX : ENCODER_BLOB_MAX;
    encoder->n_keys = encoder->n_entities = encoder->n_notices = 0;
    encoder->rows = voice != NULL;
    const struct hub_reader reader = {.ctx = encoder,
                                      .key = take_key,
                                      .entity = take_entity,
                                      .notice = take_notice,
                                      .notice_after = ask->notice_after,
                                      .notice_until = ask->notice_until,
                                      .entities = format_reads_entities(format)};
    enum hub_answer answer = hub_since(hub, ask->scope, ask->since, &reader);
    size_t before = out->len;

    bool reset = answer == HUB_RESET;
    if (!ask->only_notices &&
        !(voice ? dialect_marks(encoder, voice, &place, reset, reason, out)
                : native_marks(encoder, format, ask->scope, reset, reason, out)))
        return ROUND_TOOK_NOTHING;
    for (size_t i = 0; i < encoder->n_notices; i++) {
        size_t start = out->len;
        if (voice)
            dialect_say_notice(voice->dialect, out, &place, &encoder->notices[i]);
        else
            events_notice(out, format, ask->scope, &encoder->notices[i]);
        if (!fits_in(out, max) && start > 0) {
            buf_cut(out, start);
            return start == before && ask->only_notices ? ROUND_TOOK_NOTHING : ROUND_TOOK_MARKS;
        }
        *last_notice = encoder->notices[i].number;
    }
    return ROUND_TOOK_ALL;
}
