#include "delivery/crowd.h"

#include "base/check.h"
#include "base/mem.h"
#include "delivery/beats.h"
#include "delivery/catchup.h"
#include "delivery/clients.h"
#include "delivery/close_code.h"
#include "delivery/endings.h"
#include "delivery/events.h"
#include "delivery/gather.h"
#include "delivery/look.h"
#include "delivery/pass.h"
#include "delivery/roster.h"
#include "delivery/stragglers.h"
#include "delivery/subscriber.h"
#include "model/scope.h"
#include "wire/sse.h"
#include "wire/ws.h"

#include <stdlib.h>

enum {
    CROWD_BUDGET = 500,  /* writes before input is looked at again */
    CROWD_BEATS = 16,    /* heartbeats are looked for so often in the time of one … */
    CROWD_BEAT_MS = 250, /* … and at least so often */
};

struct crowd {
    struct crowd_options options;
    struct roster *roster;
    struct list inbox; /* mails of the hub, in order */
    struct beats beats;
    struct endings endings;
    uint64_t now;    /* of the loop's clock, when it was last looked at */
    uint64_t ticked; /* of the last finished tick */
    bool current;

    struct pass pass; /* of the tick that is being written */
    struct stragglers stragglers;

    /* A longer heartbeat that waits for the streams that were opened up to raised_s. */
    uint64_t wanted_ms;
    uint32_t raised_s;
    unsigned promised; /* how many they are; 0: nothing waits */

    struct clients clients;

    unsigned subscribers, ended;
    struct mail_endpoint endpoints[FORMAT_COUNT - FORMAT_NATIVE];
    uint64_t close_codes[CLOSE_CODE_COUNT];
    uint64_t deliveries, heartbeats;
};

static uint32_t seconds(uint64_t ms)
{
    return (uint32_t)(ms / 1000);
}

static struct position at(const struct crowd *crowd, uint64_t sequence)
{
    return (struct position){.epoch = crowd->options.epoch, .sequence = sequence};
}

static void post(void *ctx, struct mail *mail)
{
    struct crowd *crowd = ctx;
    crowd->options.post(crowd->options.ctx, mail);
}

static void joined(void *ctx, struct str name)
{
    post(ctx, &mail_interest_new(MAIL_JOINED, name)->mail);
}

static void left(void *ctx, struct str name)
{
    post(ctx, &mail_interest_new(MAIL_LEFT, name)->mail);
}

static void say_position(void *ctx, enum format format, uint64_t position, struct buf *out)
{
    const struct crowd *crowd = ctx;
    endpoints_say_position(crowd->beats.endpoints, format, out, at(crowd, position));
}

static struct roster_place *places_of(struct subscriber *subscriber)
{
    return subscriber->places;
}

struct crowd *crowd_new(const struct crowd_options *options)
{
    struct crowd *crowd = mem_new(sizeof *crowd);
    crowd->options = *options;
    crowd->ticked = options->start;
    list_init(&crowd->inbox);
    beats_init(&crowd->beats, options->heartbeat_ms, options->endpoints);
    endings_init(&crowd->endings, options->seed.k0);
    clients_init(&crowd->clients);
    const struct roster_options roster = {
        .seed = options->seed, .ctx = crowd, .joined = joined, .left = left};
    crowd->roster = roster_new(&roster);
    roster_set_places(crowd->roster, places_of);
    const struct stragglers_options stragglers = {.worker = options->worker,
                                                  .roster = crowd->roster,
                                                  .ctx = crowd,
                                                  .post = post,
                                                  .say_position = say_position};
    stragglers_init(&crowd->stragglers, &stragglers);
    return crowd;
}

void crowd_free(struct crowd *crowd)
{
    if (!crowd)
        return;
    CHECK(crowd->subscribers == 0);
    pass_free(&crowd->pass);
    LIST_EACH (node, &crowd->inbox)
        mail_free(LIST_ITEM(node, struct mail, node));
    roster_free(crowd->roster);
    clients_free(&crowd->clients);
    endings_free(&crowd->endings);
    free(crowd);
}

uint64_t crowd_ticked(const struct crowd *crowd)
{
    return crowd->ticked;
}

/* Of one subscriber alone. */
static void send_text(struct subscriber *subscriber, struct str text)
{
    struct blob *blob = blob_new(text);
    const struct piece piece = {.blob = blob, .to = blob->len};
    conn_send(subscriber->conn, &piece, 1, NULL);
    blob_unref(blob);
}

/* ---- who is behind ---- */

/* NULL for a native format. */
static struct mail_endpoint *counts_of(struct crowd *crowd, enum format format)
{
    return format_is_dialect(format) ? &crowd->endpoints[format - FORMAT_NATIVE] : NULL;
}

/* A reset that its dialect says by the end of the stream; until then it goes on as before. */
static void end_some_time(struct crowd *crowd, struct subscriber *subscriber, bool ends)
{
    if (!ends || subscriber->ending)
        return;
    subscriber->ending = 1;
    endings_add(&crowd->endings, conn_id(subscriber->conn), crowd->now, crowd->options.spread_ms);
}

static void take_answer(struct crowd *crowd, struct catchup *catchup)
{
    struct conn *conn = conn_find(crowd->options.server, catchup->conn);
    struct subscriber *subscriber = conn ? conn_user(conn) : NULL;
    if (!subscriber) {
        catchup_free(catchup);
        return;
    }
    end_some_time(crowd, subscriber, catchup->ends);
    catchup->ends = false;
    stragglers_answer(&crowd->stragglers, subscriber, catchup);
}

void crowd_writable(struct crowd *crowd, struct conn *conn)
{
    struct subscriber *subscriber = conn_user(conn);
    if (subscriber->closing)
        crowd_close(crowd, conn, subscriber->closing);
    else
        stragglers_writable(&crowd->stragglers, subscriber, crowd->ticked);
}

/* ---- ticks ---- */

static void deliver(struct crowd *crowd, uint64_t id)
{
    struct conn *conn = conn_find(crowd->options.server, id);
    struct subscriber *subscriber = conn ? conn_user(conn) : NULL;
    if (!subscriber || subscriber->state != SUBSCRIBER_LIVE)
        return;
    if (conn_busy(conn)) { /* a heartbeat is still in flight */
        stragglers_cut(&crowd->stragglers, subscriber, crowd->pass.tick->previous);
        return;
    }
    struct gather gather;
    struct blob *position = NULL; /* it goes without where something is withheld */
    if (subscriber->pin >= crowd->pass.tick->position)
        position = pass_position(&crowd->pass, (enum format)subscriber->format,
                                 crowd->beats.endpoints, crowd->options.epoch);
    gather_tick(&gather, crowd->pass.tick, crowd->roster, subscriber, position,
                roster_stamp(crowd->roster));
    end_some_time(crowd, subscriber, gather.ends && !gather.full);
    if (gather.full) {
        /* Nothing was written: the round starts at once. */
        stragglers_cut(&crowd->stragglers, subscriber, crowd->pass.tick->previous);
        stragglers_writable(&crowd->stragglers, subscriber, crowd->ticked);
        return;
    }
    unsigned fell = 0;
    if (gather.n == 0)
        return;
    switch (conn_send(conn, gather.pieces, gather.n, &fell)) {
    case CONN_SENT:
        crowd->deliveries++;
        break;
    case CONN_CUT:
        stragglers_cut_in(&crowd->stragglers, subscriber, crowd->pass.tick, &gather, fell);
        break;
    case CONN_GONE:
        break;
    }
}

static void finish_tick(struct crowd *crowd)
{
    crowd->ticked = crowd->pass.tick->position;
    pass_end(&crowd->pass);
    struct mail_ticked *ticked = mem_new(sizeof *ticked);
    ticked->mail.kind = MAIL_TICKED;
    ticked->worker = crowd->options.worker;
    post(crowd, &ticked->mail);
}

/* ---- the hub's mails ---- */

void crowd_mail(struct crowd *crowd, struct mail *mail)
{
    list_push_back(&crowd->inbox, &mail->node);
    server_wake(crowd->options.server);
}

static void set_current(struct crowd *crowd, bool current);

bool crowd_work(struct crowd *crowd)
{
    unsigned budget = CROWD_BUDGET;
    while (budget > 0) {
        if (crowd->pass.tick) {
            uint64_t conn;
            while (budget > 0 && pass_next(&crowd->pass, &conn)) {
                deliver(crowd, conn);
                budget--;
            }
            if (!pass_is_over(&crowd->pass))
                return true;
            finish_tick(crowd);
        }
        if (list_empty(&crowd->inbox))
            return false;
        struct mail *mail = LIST_ITEM(crowd->inbox.next, struct mail, node);
        list_remove(&mail->node);
        switch (mail->kind) {
        case MAIL_TICK:
            pass_begin(&crowd->pass, ((struct mail_tick *)mail)->tick, crowd->roster);
            free(mail);
            break;
        case MAIL_ANSWER:
            take_answer(crowd, (struct catchup *)mail);
            budget--;
            break;
        case MAIL_CURRENT:
            set_current(crowd, ((struct mail_current *)mail)->current);
            free(mail);
            break;
        default:
            CHECK(mail->kind == MAIL_STOP);
            free(mail);
            crowd->options.stop(crowd->options.ctx);
        }
    }
    return crowd->pass.tick || !list_empty(&crowd->inbox);
}

/* ---- heartbeats ---- */

static void set_current(struct crowd *crowd, bool current)
{
    if (crowd->current == current)
        return;
    crowd->current = current;
    /* Pages must hear it now, not at their next heartbeat. */
    beats_hurry(&crowd->beats);
}

/* The heartbeat of who was granted `position`, and for a WebSocket a ping, which its peer must
 * answer. */
static struct blob *beat_of(const struct crowd *crowd, enum format format, uint64_t position,
                            uint64_t wall_ms)
{
    const struct endpoint *endpoint = endpoints_at(crowd->beats.endpoints, format);
    struct buf text = BUF_INIT(512);
    if (endpoint)
        dialect_say_heartbeat(&endpoint->dialect, &text, wall_ms);
    else
        events_heartbeat(&text, format, wall_ms, crowd->current, at(crowd, position));
    if (!endpoint && format_is_websocket(format))
        ws_ping(&text, (struct str){0});
    struct blob *blob = blob_new(buf_slice(&text));
    buf_free(&text);
    return blob;
}

/* Silent for two heartbeats and for `stalled`, although nothing was in the way of an answer: no
 * bytes of ours wait for the socket, here or in the kernel, and a ping was sent. Asked once a
 * heartbeat, so it is noticed within `stalled` and one heartbeat. A peer that takes no byte at all
 * is the server's to close (net/server.h: stalled_ms), and SSE peers have nothing to say. */
static bool is_dead(const struct crowd *crowd, struct subscriber *subscriber, uint64_t now)
{
    if (!format_is_websocket((enum format)subscriber->format))
        return false;
    uint64_t silent = now - subscriber->heard_at;
    bool overdue = silent >= 2 * beats_interval(&crowd->beats, (enum format)subscriber->format) &&
                   silent >= crowd->options.stalled_ms;
    if (subscriber->state != SUBSCRIBER_LIVE || conn_busy(subscriber->conn) ||
        (overdue && conn_unsent(subscriber->conn))) {
        subscriber->heard_at = now;
        return false;
    }
    return overdue;
}

uint64_t crowd_beat_every(const struct crowd *crowd)
{
    uint64_t ms = beats_shortest(&crowd->beats) / CROWD_BEATS;
    return ms < 1 ? 1 : ms > CROWD_BEAT_MS ? CROWD_BEAT_MS : ms;
}

/* No heartbeat any more, and not ended twice. */
static void end_now(struct crowd *crowd, struct subscriber *subscriber)
{
    crowd->ended++;
    list_remove(&subscriber->beat);
    if (format_is_websocket((enum format)subscriber->format))
        crowd_close(crowd, subscriber->conn, WS_RESTART);
    else
        conn_close(subscriber->conn, CLOSE_RESET, true);
}

/* Streams whose time has come, whoever they are. */
static void end_due(struct crowd *crowd)
{
    uint64_t id;
    while (endings_take(&crowd->endings, crowd->now, &id)) {
        struct conn *conn = conn_find(crowd->options.server, id);
        struct subscriber *subscriber = conn ? conn_user(conn) : NULL;
        if (subscriber && !list_empty(&subscriber->beat)) /* not gone, not ended yet */
            end_now(crowd, subscriber);
    }
}

bool crowd_beat(struct crowd *crowd, uint64_t now, uint64_t wall_ms)
{
    crowd->now = now;
    end_due(crowd);
    /* In the middle of a tick some have its position and some do not: the next call will do. */
    if (crowd->pass.tick)
        return true;
    struct blob *blobs[FORMAT_COUNT] = {NULL};
    unsigned budget = CROWD_BUDGET;
    uint64_t early = crowd_beat_every(crowd);
    struct subscriber *subscriber;
    while (budget > 0 && (subscriber = beats_take(&crowd->beats, now + early, now))) {
        if (is_dead(crowd, subscriber, now)) {
            conn_close(subscriber->conn, CLOSE_SILENT, false);
            continue;
        }
        /* Who is behind is being written to anyway, or accepts nothing. */
        if (subscriber->state != SUBSCRIBER_LIVE || conn_busy(subscriber->conn))
            continue;
        enum format format = (enum format)subscriber->format;
        uint64_t position = subscriber_told(subscriber, crowd->ticked);
        struct blob *own = NULL, **blob = position == crowd->ticked ? &blobs[format] : &own;
        if (!*blob)
            *blob = beat_of(crowd, format, position, wall_ms);
        const struct piece piece = {.blob = *blob, .to = (*blob)->len};
        conn_send(subscriber->conn, &piece, 1, NULL);
        blob_unref(own);
        crowd->heartbeats++;
        budget--;
    }
    for (size_t f = 0; f < FORMAT_COUNT; f++)
        blob_unref(blobs[f]);
    return budget == 0;
}

/* Up to where it was sent what happened in the scopes that were greeted. */
static uint64_t granted_to(const struct crowd *crowd, const struct subscriber *subscriber)
{
    return subscriber->state == SUBSCRIBER_LIVE ? crowd->ticked : subscriber->position;
}

static uint64_t told_to(const struct crowd *crowd, const struct subscriber *subscriber)
{
    return subscriber_told(subscriber, granted_to(crowd, subscriber));
}

void crowd_write_heartbeat(const struct crowd *crowd, const struct conn *conn, uint64_t wall_ms,
                           struct buf *out)
{
    /* What the last finished tick granted to who is live is less than what some already have, and
     * so it is for who is behind only where a position was stored. */
    const struct subscriber *subscriber = conn_user(conn);
    if (subscriber->greeting || subscriber->n_added > 0)
        return;
    events_heartbeat(out, (enum format)subscriber->format, wall_ms, crowd->current,
                     at(crowd, told_to(crowd, subscriber)));
}

void crowd_set_limits(struct crowd *crowd, uint64_t heartbeat_ms, uint64_t spread_ms,
                      uint64_t stalled_ms, uint64_t now)
{
    crowd->options.spread_ms = spread_ms;
    crowd->options.stalled_ms = stalled_ms;
    crowd->wanted_ms = heartbeat_ms;
    crowd->promised = 0;
    if (heartbeat_ms > crowd->beats.native_ms && crowd->subscribers > 0) {
        crowd->raised_s = seconds(now);
        crowd->promised = crowd->subscribers;
        return;
    }
    crowd->beats.native_ms = heartbeat_ms;
    beats_shorten(&crowd->beats, now);
}

void crowd_set_endpoints(struct crowd *crowd, const struct endpoints *endpoints, uint64_t now)
{
    const struct endpoints *before = crowd->beats.endpoints;
    struct beats_walk walk = {0};
    struct subscriber *subscriber;
    crowd->now = now;
    crowd->beats.endpoints = endpoints;
    for (unsigned f = FORMAT_NATIVE; f < FORMAT_COUNT; f++)
        if (!endpoints_same(before, endpoints, (enum format)f))
            crowd->endpoints[f - FORMAT_NATIVE].opened =
                crowd->endpoints[f - FORMAT_NATIVE].refused = 0;
    while ((subscriber = beats_next(&crowd->beats, &walk))) {
        enum format format = (enum format)subscriber->format;
        if (!format_is_dialect(format))
            continue;
        if (!endpoints_same(before, endpoints, format))
            end_now(crowd, subscriber);
        else
            end_some_time(crowd, subscriber, !endpoints_serves(endpoints, format));
    }
    beats_shorten(&crowd->beats, now);
}

/* ---- coming and going ---- */

/* Was it told the shorter heartbeat, before a longer one was wanted? */
static bool is_promised(const struct crowd *crowd, const struct subscriber *subscriber)
{
    return crowd->promised > 0 && subscriber->opened_s <= crowd->raised_s;
}

void crowd_open(struct crowd *crowd, struct conn *conn, enum format format,
                const struct crowd_scope *scopes, size_t n, struct str head, uint64_t now)
{
    struct subscriber *subscriber = mem_new(sizeof *subscriber);
    subscriber->conn = conn;
    subscriber->format = (uint8_t)format;
    subscriber->state = SUBSCRIBER_OPENING;
    subscriber->pin = SUBSCRIBER_UNPINNED;
    subscriber->heard_at = now;
    subscriber->opened_s = seconds(now);
    if (is_promised(crowd, subscriber))
        crowd->promised++; /* in the same second; harmless */
    beats_add(&crowd->beats, subscriber, now);
    /* Seats first, then the ask: from here on every tick that touches the scopes is noticed. */
    for (size_t i = 0; i < n; i++)
        subscriber_sit(subscriber, crowd->roster, scopes[i].name, scopes[i].since);
    conn_set_user(conn, subscriber);
    conn_stream(conn);
    crowd->subscribers++;
    struct mail_endpoint *counts = counts_of(crowd, format);
    if (counts) {
        counts->open++;
        counts->opened++;
    }
    bool at_once = format_is_websocket(format) || n == 0; /* nothing else will come soon */
    if (at_once)
        send_text(subscriber, head);
    if (n == 0) {
        subscriber_move(subscriber, SUBSCRIBER_LIVE);
        return;
    }
    stragglers_open(&crowd->stragglers, subscriber, at_once ? NULL : blob_new(head));
}

void crowd_add(struct crowd *crowd, struct conn *conn, const struct crowd_scope *scopes, size_t n)
{
    struct subscriber *subscriber = conn_user(conn);
    for (size_t i = 0; i < n; i++)
        subscriber_sit(subscriber, crowd->roster, scopes[i].name, scopes[i].since);
    if (n > 0 && subscriber->state == SUBSCRIBER_LIVE && !conn_busy(conn))
        stragglers_ask(&crowd->stragglers, subscriber, crowd->ticked);
}

void crowd_grant(struct crowd *crowd, struct conn *conn, const struct crowd_scope *scope)
{
    struct subscriber *subscriber = conn_user(conn);
    subscriber->whole = !format_is_dialect((enum format)subscriber->format);
    crowd_add(crowd, conn, scope, 1);
}

void crowd_remove(struct crowd *crowd, struct conn *conn, struct str scope)
{
    struct subscriber *subscriber = conn_user(conn);
    uint32_t place = subscriber_find(subscriber, scope);
    if (place == subscriber->n_places)
        return;
    struct roster_place taken = subscriber_take(subscriber, place);
    roster_leave(crowd->roster, &taken);
    subscriber_settle(subscriber);
}

bool crowd_revoke(struct crowd *crowd, struct conn *conn, struct str scope)
{
    struct subscriber *subscriber = conn_user(conn);
    if (!crowd_holds(conn, scope))
        return false;
    crowd_remove(crowd, conn, scope);
    if (subscriber->state == SUBSCRIBER_OPENING)
        crowd_close(crowd, conn, WS_TRY_LATER);
    else if (subscriber->state != SUBSCRIBER_LIVE)
        subscriber->narrowed = true;
    return true;
}

uint64_t crowd_suspend(struct crowd *crowd, struct conn *conn, struct str scope)
{
    struct subscriber *subscriber = conn_user(conn);
    uint32_t place = subscriber_find(subscriber, scope);
    uint64_t granted = granted_to(crowd, subscriber);
    /* Perhaps the `ready` that is on its way is this one's. */
    bool greeted = !subscriber->greeting && place < subscriber->n_places - subscriber->n_added;
    subscriber_withhold(subscriber, granted);
    crowd_revoke(crowd, conn, scope);
    return greeted ? granted : CATCHUP_LOST;
}

void crowd_resume(struct crowd *crowd, struct conn *conn, const struct crowd_scope *scope,
                  bool last)
{
    struct subscriber *subscriber = conn_user(conn);
    subscriber->withheld = !last;
    crowd_grant(crowd, conn, scope);
}

void crowd_release(struct conn *conn)
{
    struct subscriber *subscriber = conn_user(conn);
    subscriber->withheld = false;
    subscriber_settle(subscriber);
}

bool crowd_holds(const struct conn *conn, struct str scope)
{
    const struct subscriber *subscriber = conn_user(conn);
    return subscriber_find(subscriber, scope) < subscriber->n_places;
}

size_t crowd_held(const struct conn *conn)
{
    const struct subscriber *subscriber = conn_user(conn);
    return subscriber->n_places;
}

void crowd_each_held(const struct conn *conn, void (*each)(void *ctx, struct str scope), void *ctx)
{
    const struct subscriber *subscriber = conn_user(conn);
    for (uint32_t i = 0; i < subscriber->n_places; i++)
        each(ctx, subscriber->places[i].scope->cell.name);
}

void *crowd_peer(const struct conn *conn)
{
    const struct subscriber *subscriber = conn_user(conn);
    return subscriber->peer;
}

void crowd_set_peer(struct conn *conn, void *peer)
{
    struct subscriber *subscriber = conn_user(conn);
    subscriber->peer = peer;
}

void crowd_set_client(struct crowd *crowd, const struct conn *conn, const char *client)
{
    clients_add(&crowd->clients, conn_id(conn), client);
}

const char *crowd_client(const struct crowd *crowd, const struct conn *conn)
{
    return clients_find(&crowd->clients, conn_id(conn));
}

bool crowd_closing(const struct conn *conn)
{
    const struct subscriber *subscriber = conn_user(conn);
    return subscriber->closing != 0;
}

void crowd_heard(struct conn *conn, uint64_t now)
{
    struct subscriber *subscriber = conn_user(conn);
    subscriber->heard_at = now;
}

enum format crowd_format(const struct conn *conn)
{
    const struct subscriber *subscriber = conn_user(conn);
    return (enum format)subscriber->format;
}

void crowd_refused(struct crowd *crowd, enum format format)
{
    struct mail_endpoint *counts = counts_of(crowd, format);
    if (counts)
        counts->refused++;
}

void crowd_closed(struct crowd *crowd, struct conn *conn)
{
    struct subscriber *subscriber = conn_user(conn);
    conn_set_user(conn, NULL);
    clients_remove(&crowd->clients, conn_id(conn));
    stragglers_leave(&crowd->stragglers, subscriber);
    crowd->subscribers--;
    struct mail_endpoint *counts = counts_of(crowd, (enum format)subscriber->format);
    if (counts)
        counts->open--;
    if (list_empty(&subscriber->beat))
        crowd->ended--;
    list_remove(&subscriber->beat);
    if (is_promised(crowd, subscriber) && --crowd->promised == 0)
        crowd->beats.native_ms = crowd->wanted_ms;
    for (uint32_t i = 0; i < subscriber->n_places; i++)
        roster_leave(crowd->roster, &subscriber->places[i]);
    if (subscriber->places != &subscriber->one)
        free(subscriber->places);
    free(subscriber->added);
    free(subscriber);
}

void crowd_close(struct crowd *crowd, struct conn *conn, unsigned code)
{
    struct subscriber *subscriber = conn_user(conn);
    if (subscriber->closing == 0)
        subscriber->closing = code & 0x1fff;
    if (conn_busy(conn))
        return; /* crowd_writable comes back here */
    size_t index = close_code_index(subscriber->closing);
    if (index < CLOSE_CODE_COUNT)
        crowd->close_codes[index]++;
    struct buf text = BUF_INIT(256);
    const char *sentence = close_code_sentence(subscriber->closing);
    if (format_is_websocket((enum format)subscriber->format))
        ws_close(&text, subscriber->closing, str_of(sentence));
    else if (subscriber->state != SUBSCRIBER_OPENING &&
             !format_is_dialect((enum format)subscriber->format))
        events_closed(&text, subscriber->closing, sentence);
    if (text.len > 0)
        send_text(subscriber, buf_slice(&text));
    buf_free(&text);
    conn_close(conn, CLOSE_DONE, true);
}

void crowd_end(struct crowd *crowd, size_t n, bool all, uint64_t random)
{
    struct beats_walk walk = {0};
    struct subscriber *subscriber;
    while (n > 0 && (subscriber = beats_next(&crowd->beats, &walk))) {
        bool idle = subscriber->state == SUBSCRIBER_LIVE && !conn_busy(subscriber->conn);
        if (!idle && !all)
            continue;
        n--;
        crowd->ended++;
        list_remove(&subscriber->beat); /* no heartbeat any more, and not ended twice */
        if (format_is_websocket((enum format)subscriber->format)) {
            crowd_close(crowd, subscriber->conn, WS_RESTART);
            continue;
        }
        /* Each comes back at a moment of its own, so that a restart is not a herd. */
        random = random * 6364136223846793005u + 1442695040888963407u;
        if (idle) {
            struct buf text = BUF_INIT(64);
            sse_retry(&text, (random >> 33) % (crowd->options.spread_ms + 1));
            send_text(subscriber, buf_slice(&text));
            buf_free(&text);
        }
        conn_close(subscriber->conn, CLOSE_SHUTDOWN, true);
    }
}

size_t crowd_open_streams(const struct crowd *crowd)
{
    return crowd->subscribers - crowd->ended;
}

/* ---- looking ---- */

static void look_at(const struct crowd *crowd, const struct subscriber *subscriber,
                    struct mail_look *look, uint64_t now)
{
    const struct endpoint *endpoint =
        endpoints_at(crowd->beats.endpoints, (enum format)subscriber->format);
    look_add(look, subscriber, endpoint, clients_find(&crowd->clients, conn_id(subscriber->conn)),
             at(crowd, told_to(crowd, subscriber)), seconds(now) - subscriber->opened_s);
}

void crowd_look(const struct crowd *crowd, struct mail_look *look, uint64_t now)
{
    struct beats_walk walk = {0};
    struct subscriber *subscriber;
    if (look->n == 0) {
        while ((subscriber = beats_next(&crowd->beats, &walk)))
            look_at(crowd, subscriber, look, now);
        return;
    }
    const struct roster_scope *scope =
        roster_find(crowd->roster, (struct str){.p = look->scope, .n = look->n});
    for (uint32_t i = 0; scope && i < scope->n_seats; i++)
        look_at(crowd, scope->seats[i].subscriber, look, now);
}

void crowd_stats(const struct crowd *crowd, struct mail_stats *stats)
{
    stats->subscribers = crowd->subscribers;
    stats->behind = crowd->stragglers.n;
    stats->scopes = (unsigned)roster_scopes(crowd->roster);
    stats->deliveries = crowd->deliveries;
    stats->cuts = crowd->stragglers.cuts;
    stats->rounds = crowd->stragglers.rounds;
    stats->heartbeats = crowd->heartbeats;
    memcpy(stats->close_codes, crowd->close_codes, sizeof stats->close_codes);
    memcpy(stats->endpoints, crowd->endpoints, sizeof stats->endpoints);
}
