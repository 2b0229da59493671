#include "delivery/exchange.h"

#include "base/check.h"
#include "base/mem.h"
#include "delivery/audience.h"
#include "delivery/catchup.h"
#include "delivery/encoder.h"
#include "delivery/events.h"
#include "model/scope.h"

#include <stdlib.h>

enum {
    EXCHANGE_AHEAD = 1,          /* ticks that a thread may have before it */
    EXCHANGE_ROUND_SCOPES = 256, /* looked at for one answer */
    /* Of one answer while it is being written. What leaves is 16 kB; more only where a single
     * notice, or a `ready` of very many scopes, is larger, and those are bounded by the body
     * (wire/publish.c: 16 MiB of data) and the head of a request. */
    EXCHANGE_OUT_MAX = 20 * 1024 * 1024,
    EXCHANGE_OUT_KEPT = 256 * 1024, /* of its memory between answers */
};

struct exchange {
    struct exchange_options options;
    struct audience *audience;
    struct encoder *encoder;
    unsigned *ahead; /* ticks sent to each thread and not yet written */
    bool used[FORMAT_COUNT];
    unsigned n_formats; /* the last one in use, plus one */
    bool current;
    const char *reason;
    struct buf out;
    struct tick *tick; /* the one that is being cut */
    size_t tick_bytes; /* encoded for it */
    struct exchange_stats stats;
};

struct exchange *exchange_new(const struct exchange_options *options)
{
    struct exchange *exchange = mem_new(sizeof *exchange);
    exchange->options = *options;
    exchange->audience = audience_new(options->seed);
    exchange->encoder = encoder_new(options->spread_ms);
    exchange->ahead = mem_array(options->workers, sizeof *exchange->ahead);
    exchange->out = BUF_INIT(EXCHANGE_OUT_MAX);
    return exchange;
}

void exchange_free(struct exchange *exchange)
{
    if (!exchange)
        return;
    audience_free(exchange->audience);
    encoder_free(exchange->encoder);
    buf_free(&exchange->out);
    free(exchange->ahead);
    free(exchange);
}

static struct position at(const struct exchange *exchange, uint64_t sequence)
{
    return (struct position){.epoch = hub_epoch(exchange->options.hub), .sequence = sequence};
}

static struct blob *take_out(struct exchange *exchange)
{
    CHECK(!exchange->out.overflow);
    struct blob *blob = blob_new(buf_slice(&exchange->out));
    exchange->stats.blobs++;
    exchange->stats.blob_bytes += blob->len;
    if (exchange->out.cap > EXCHANGE_OUT_KEPT) {
        buf_free(&exchange->out);
        exchange->out = BUF_INIT(EXCHANGE_OUT_MAX);
    }
    return blob;
}

/* NULL for a native format. */
static struct encoder_voice *voice_of(const struct exchange *exchange, enum format format,
                                      struct encoder_voice *voice)
{
    const struct endpoint *endpoint = endpoints_at(exchange->options.endpoints, format);
    if (!endpoint)
        return NULL;
    *voice = (struct encoder_voice){.dialect = &endpoint->dialect, .now = exchange->options.now};
    voice->resources =
        endpoints_resources(exchange->options.endpoints, format, &voice->n_resources);
    return voice;
}

static void say_position(struct exchange *exchange, enum format format, uint64_t sequence)
{
    endpoints_say_position(exchange->options.endpoints, format, &exchange->out,
                           at(exchange, sequence));
}

/* ---- ticks ---- */

static void encode(struct exchange *exchange, struct str scope, uint64_t previous,
                   enum format format, size_t first)
{
    struct round_ask ask = {.scope = scope, .since = previous, .notice_until = UINT64_MAX};
    struct tick *tick = exchange->tick;
    for (size_t i = first;; i++) {
        uint64_t notice = 0;
        struct encoder_voice words, *voice = voice_of(exchange, format, &words);
        buf_clear(&exchange->out);
        enum round_took took = encoder_scope(exchange->encoder, exchange->options.hub, format, &ask,
                                             exchange->reason ? exchange->reason : "behind", voice,
                                             &exchange->out, &notice);
        bool ends = voice && voice->ends;
        if (exchange->out.len == 0 && !ends)
            return;
        uint32_t body = (uint32_t)exchange->out.len;
        say_position(exchange, format, tick->position);
        exchange->tick_bytes += exchange->out.len;
        struct tick_entry *entry =
            i < tick->n_entries ? &tick->entries[i] : tick_add(tick, scope, exchange->n_formats);
        entry->blobs[format] = (struct tick_blob){
            .blob = take_out(exchange), .body = body, .notice = notice, .ends = ends};
        if (took == ROUND_TOOK_ALL)
            return;
        /* The same scope's next entry: the notices that had no room. */
        ask.only_notices = true;
        ask.notice_after = notice;
    }
}

static void each_scope(void *ctx, struct str scope, uint64_t previous)
{
    struct exchange *exchange = ctx;
    if (!audience_has(exchange->audience, scope))
        return;
    exchange->tick->position = hub_sequence(exchange->options.hub); /* what hub_tick is moving to */
    if (exchange->tick_bytes >= exchange->options.tick_bytes) {
        tick_add(exchange->tick, scope, exchange->n_formats)->ask = true;
        exchange->stats.left_to_rounds++;
        return;
    }
    size_t first = exchange->tick->n_entries;
    for (size_t f = 0; f < exchange->n_formats; f++)
        if (exchange->used[f])
            encode(exchange, scope, previous, (enum format)f, first);
}

bool exchange_ready(const struct exchange *exchange)
{
    for (unsigned i = 0; i < exchange->options.workers; i++)
        if (exchange->ahead[i] >= EXCHANGE_AHEAD)
            return false;
    return true;
}

bool exchange_tick(struct exchange *exchange, uint64_t now)
{
    struct hub *hub = exchange->options.hub;
    if (now > exchange->options.now)
        exchange->options.now = now;
    exchange->tick_bytes = 0;
    exchange->tick = tick_new(hub_ticked(hub), 0);
    bool cut = hub_tick(hub, now, each_scope, exchange);
    exchange->tick->position = hub_ticked(hub);
    for (unsigned i = 0; cut && i < exchange->options.workers; i++) {
        struct mail_tick *mail = mem_new(sizeof *mail);
        mail->mail.kind = MAIL_TICK;
        mail->tick = tick_ref(exchange->tick);
        exchange->ahead[i]++;
        exchange->options.send(exchange->options.ctx, i, &mail->mail);
    }
    if (cut)
        exchange->reason = NULL;
    tick_unref(exchange->tick);
    exchange->tick = NULL;
    return cut;
}

void exchange_reason(struct exchange *exchange, const char *reason)
{
    exchange->reason = reason;
}

/* ---- asks ---- */

/* In the words of a dialect: `ready`, and a reset of what does not go on exactly, where its clients
 * do not refetch on a connect by themselves. */
static void greet_dialect(struct exchange *exchange, struct catchup *catchup,
                          struct encoder_voice *voice, const struct str *names,
                          const enum standing *standings, size_t n, uint64_t position)
{
    const struct dialect *dialect = voice->dialect;
    struct dialect_place place = {.scope = names[0], .now = voice->now};
    const struct dialect_ready ready = {.worker = catchup->worker,
                                        .connection = catchup->conn,
                                        .heartbeat_ms = dialect->heartbeat_ms
                                                            ? dialect->heartbeat_ms
                                                            : exchange->options.heartbeat_ms};
    dialect_say_ready(dialect, &exchange->out, &place, &ready);
    for (size_t i = 0; i < n && dialect->reset != DIALECT_RESET_END; i++) {
        bool fresh = standings[i] == STANDING_FRESH;
        if (standings[i] == STANDING_EXACT || (fresh && !dialect->reset_on_connect))
            continue;
        place.scope = names[i];
        if (dialect_say_reset(dialect, &exchange->out, &place, voice->resources, voice->n_resources,
                              fresh ? "connected" : "behind", exchange->options.spread_ms))
            catchup->ends = true;
    }
    dialect_say_position(dialect, &exchange->out, at(exchange, position));
}

/* Writes `ready` for the added scopes, or for all, and sets from where each goes on: exact ones
 * from their position; fresh and reset ones are promised nothing before this moment. The others go
 * on from what they were granted, and families speak for whoever is furthest behind. */
static void greet(struct exchange *exchange, struct catchup *catchup)
{
    struct hub *hub = exchange->options.hub;
    uint64_t now = hub_ticked(hub);
    uint32_t first = catchup->whole ? 0 : catchup->first_added, n = catchup->n_scopes - first;
    uint64_t lowest = catchup->first_added > 0 ? catchup->round.from : now;
    bool any_reset = false;
    struct str *names = mem_array(n, sizeof *names);
    enum standing *standings = mem_array(n, sizeof *standings);
    for (uint32_t i = 0; i < n; i++) {
        struct round_scope *scope = &catchup->scopes[first + i];
        names[i] = scope->name;
        if (scope->since == CATCHUP_FRESH)
            standings[i] = STANDING_FRESH;
        else if (scope->since > hub_sequence(hub) ||
                 hub_standing(hub, scope->name, scope->since,
                              format_reads_entities(catchup->format)) == HUB_RESET)
            standings[i] = STANDING_RESET;
        else
            standings[i] = STANDING_EXACT;
        if (standings[i] == STANDING_EXACT)
            lowest = scope->since < lowest ? scope->since : lowest;
        else
            scope->since = now;
        any_reset = any_reset || standings[i] == STANDING_RESET;
    }
    for (uint32_t i = catchup->n_scopes; i < catchup->n; i++) {
        catchup->scopes[i].since = now;
        for (uint32_t j = 0; j < catchup->n_scopes; j++)
            if (catchup->scopes[j].since < catchup->scopes[i].since &&
                scope_in_family(catchup->scopes[j].name, catchup->scopes[i].name))
                catchup->scopes[i].since = catchup->scopes[j].since;
    }
    uint64_t told = lowest < catchup->pin ? lowest : catchup->pin;
    const struct events_ready ready = {.worker = catchup->worker,
                                       .connection = catchup->conn,
                                       .scopes = names,
                                       .standings = standings,
                                       .n = n,
                                       .position = at(exchange, told),
                                       .heartbeat_ms = exchange->options.heartbeat_ms,
                                       .spread_ms = any_reset ? exchange->options.spread_ms : 0,
                                       .current = exchange->current};
    struct encoder_voice words, *voice = voice_of(exchange, catchup->format, &words);
    if (voice)
        greet_dialect(exchange, catchup, voice, names, standings, n, told);
    else
        events_ready(&exchange->out, catchup->format, &ready);
    round_start(&catchup->round, lowest);
    if (lowest == now) {
        /* `ready` has granted this moment; there is nothing to catch up with. */
        catchup->round.target = now;
        catchup->done = true;
    }
    exchange->stats.hellos++;
    exchange->stats.resets_told += any_reset;
    free(names);
    free(standings);
}

struct filling {
    struct exchange *exchange;
    struct catchup *catchup;
};

static enum round_took take(void *ctx, const struct round_ask *ask, uint64_t *last_notice)
{
    struct filling *filling = ctx;
    struct exchange *exchange = filling->exchange;
    enum format format = filling->catchup->format;
    struct encoder_voice words, *voice = voice_of(exchange, format, &words);
    enum round_took took = encoder_scope(exchange->encoder, exchange->options.hub, format, ask,
                                         "behind", voice, &exchange->out, last_notice);
    if (voice && voice->ends && took != ROUND_TOOK_NOTHING)
        filling->catchup->ends = true;
    return took;
}

/* One blob of the round; with the target's position behind its last one. */
static bool step(struct exchange *exchange, struct catchup *catchup)
{
    struct filling filling = {.exchange = exchange, .catchup = catchup};
    if (round_next(exchange->options.hub, &catchup->round, catchup->scopes, catchup->n,
                   EXCHANGE_ROUND_SCOPES, take, &filling) == ROUND_MORE)
        return false;
    if (catchup->round.target > catchup->round.from && catchup->round.target <= catchup->pin)
        say_position(exchange, catchup->format, catchup->round.target);
    return true;
}

static void answer(struct exchange *exchange, struct catchup *catchup)
{
    buf_clear(&exchange->out);
    catchup->done = false;
    if (catchup->hello) {
        if (catchup->blob) {
            buf_add(&exchange->out, catchup->blob->bytes, catchup->blob->len);
            blob_unref(catchup->blob);
        }
        greet(exchange, catchup);
    }
    exchange->used[catchup->format] = true;
    if (catchup->format >= exchange->n_formats)
        exchange->n_formats = (unsigned)catchup->format + 1;
    if (!catchup->done)
        catchup->done = step(exchange, catchup);
    catchup->blob = take_out(exchange);
    catchup->mail.kind = MAIL_ANSWER;
    exchange->stats.answers++;
    exchange->options.send(exchange->options.ctx, catchup->worker, &catchup->mail);
}

void exchange_mail(struct exchange *exchange, struct mail *mail)
{
    switch (mail->kind) {
    case MAIL_JOINED:
    case MAIL_LEFT: {
        struct mail_interest *interest = (struct mail_interest *)mail;
        struct str scope = {.p = interest->scope, .n = interest->n};
        if (mail->kind == MAIL_JOINED)
            audience_join(exchange->audience, scope);
        else
            audience_leave(exchange->audience, scope);
        free(mail);
        break;
    }
    case MAIL_TICKED:
        exchange->ahead[((struct mail_ticked *)mail)->worker]--;
        free(mail);
        break;
    default:
        CHECK(mail->kind == MAIL_ASK);
        answer(exchange, (struct catchup *)mail);
    }
}

void exchange_current(struct exchange *exchange, bool current)
{
    exchange->current = current;
    for (unsigned i = 0; i < exchange->options.workers; i++) {
        struct mail_current *mail = mem_new(sizeof *mail);
        mail->mail.kind = MAIL_CURRENT;
        mail->current = current;
        exchange->options.send(exchange->options.ctx, i, &mail->mail);
    }
}

void exchange_set_limits(struct exchange *exchange, uint64_t heartbeat_ms, uint64_t spread_ms)
{
    exchange->options.heartbeat_ms = heartbeat_ms;
    exchange->options.spread_ms = spread_ms;
    encoder_set_spread(exchange->encoder, spread_ms);
}

void exchange_set_endpoints(struct exchange *exchange, const struct endpoints *endpoints)
{
    exchange->options.endpoints = endpoints;
    for (unsigned f = FORMAT_NATIVE; f < FORMAT_COUNT; f++)
        exchange->used[f] = exchange->used[f] && endpoints_at(endpoints, (enum format)f);
}

void exchange_stats(const struct exchange *exchange, struct exchange_stats *stats)
{
    *stats = exchange->stats;
    stats->audience = audience_count(exchange->audience);
}
