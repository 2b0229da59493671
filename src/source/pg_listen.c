/* How notifications are followed, and what is said when some may have been missed.
 *
 *            start        connect          ready             canary, triggers
 *     IDLE ────────▶ WAITING ───▶ CONNECTING ───▶ PROVING ──────────────────▶ FOLLOWING
 *                     ▲               │              │                          │  ▲
 *                     ├── no answer ──┴── refused ───┘       complete ones came │  │ handed on
 *                     │                                                         ▼  │
 *                     ├───────── lost, canary missing ─── FOLLOWING, BLOCKED   HANDING
 *                     └──────────────────────────────────────────┘ ▲            ▲
 *                                                begin was refused └── resume ──┘
 *     stop: from everywhere to CLOSING (HANDING first hands on to its end), then CLOSED.
 *
 * PROVING is a row of questions (enum step), and its proof is a canary: a second connection, opened
 * for that alone, sends a notification, and the first one has to get it. So a pooler that gives
 * another server connection to each transaction is found out: there the two have the same server
 * process, or the canary never comes. Later canaries come from the connection itself, through the
 * server's queue and back, whenever nothing else was heard for half of the time-out; a network that
 * swallows everything shows as one that is not answered.
 *
 * One question is under way at a time, and each answer is a fence: it comes behind all
 * notifications of the transactions that the server had begun to send (see the header). Where
 * nothing else is to be asked, the question means nothing.
 *
 * The triggers are read again every 30 s, or ten time-outs. A table whose triggers are not those
 * that setup makes is blind: it is taken as truncated whenever the server's own statistics say that
 * rows were written, as soon as they say it. */
#include "source/pg_listen.h"

#include "base/backoff.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/random.h"
#include "source/pg_asker.h"
#include "source/pg_canary.h"
#include "source/pg_conn.h"
#include "source/pg_inbox.h"
#include "source/pg_payloads.h"
#include "source/pg_trigger_body.h"
#include "source/pg_trigger_watch.h"
#include "source/sqltext.h"
#include "wire/pg_notify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PULSE_MS = 250,
    TABLES_MS = 30000, /* triggers are read again; sooner where `timeout` is short */
    BLIND_MS = 2000,   /* likewise, while a table is blind */
    STABLE_MS = 10000, /* after that a connection has proved good */
    FIRST_MS = 200,
    MAX_MS = 10000,
    SLICE = 200, /* notifications a loop turn */
    WATCH_MEMORY = 64 << 20,
    SQL_MAX = 4 << 20,
    WHY_MAX = ERR_MAX,
};

enum state {
    IDLE,
    WAITING,
    CONNECTING,
    PROVING,
    FOLLOWING,
    BLOCKED,
    HANDING,
    CLOSING,
    CLOSED,
    STATES
};

static const char *const state_names[STATES] = {"idle",       "waiting",   "connecting",
                                                "proving",    "following", "blocked",
                                                "handing on", "closing",   "closed"};

static const bool moves[STATES][STATES] = {
    [IDLE] = {[WAITING] = true, [CLOSING] = true},
    [WAITING] = {[CONNECTING] = true, [CLOSING] = true},
    [CONNECTING] = {[PROVING] = true, [WAITING] = true, [CLOSING] = true},
    [PROVING] = {[FOLLOWING] = true, [WAITING] = true, [CLOSING] = true},
    [FOLLOWING] = {[HANDING] = true, [BLOCKED] = true, [WAITING] = true, [CLOSING] = true},
    [BLOCKED] = {[FOLLOWING] = true, [WAITING] = true, [CLOSING] = true},
    [HANDING] = {[FOLLOWING] = true},
    [CLOSING] = {[CLOSED] = true},
};

/* Of PROVING, in this order. */
enum step { STEP_IDENTITY, STEP_LISTEN, STEP_CANARY, STEP_TABLES };

struct pg_listen {
    struct source source;
    enum state state;
    enum step step;
    struct pg_target *target;
    char *channel; /* NULL: ours alone */
    uint64_t timeout_ms;
    struct arena arena; /* of the watch */
    struct watch watch;
    struct buf tables_sql;
    const struct log *log;
    uv_loop_t *loop;
    uv_timer_t timer, pulse;
    uv_idle_t idle;
    struct backoff backoff;

    struct pg_conn *conn;
    struct pg_conn *prober; /* while the first canary is sent */
    long server_pid;        /* that really serves `conn` */
    bool pooled;            /* somebody stands between it and us */
    bool asking;
    uint64_t heard_at; /* a notification, or the start */
    struct pg_canary canary;
    uint64_t proved_at, tables_at;

    struct rolls rolls;
    struct pg_asker *asker; /* NULL: there is nothing to be asked */
    struct pg_inbox inbox;  /* tagged with enum pg_payload_of */
    struct pg_payloads payloads;
    struct pg_trigger_watch triggers;

    uint64_t connects;

    unsigned handles;
    bool stopping;
    void (*done)(void *ctx);
    void *done_ctx;
};

static void pump(struct pg_listen *s);
static void on_timer(uv_timer_t *timer);

static void move(struct pg_listen *s, enum state to)
{
    CHECK(moves[s->state][to]);
    log_debug(s->log, "postgres", "%s: %s -> %s", s->source.name, state_names[s->state],
              state_names[to]);
    s->state = to;
}

/* ---- what is said ---- */

static void gap_all(struct pg_listen *s, const char *reason)
{
    source_gap(&s->source, (struct str){0}, reason);
}

/* ---- handing on ---- */

static void pass_fence(struct pg_listen *s)
{
    if (!s->asker || s->state != FOLLOWING || pg_inbox_has_closed(&s->inbox))
        return;
    pg_canary_pass(&s->canary);
    pg_asker_look(s->asker);
}

/* Notifications of one loop turn. True: there are more. */
static bool hand_slice(struct pg_listen *s)
{
    char tag;
    struct str payload;
    for (unsigned i = 0; i < SLICE; i++) {
        if (!pg_inbox_take(&s->inbox, &tag, &payload)) {
            uv_idle_stop(&s->idle);
            s->source.sink.commit(s->source.sink.ctx, &s->source);
            move(s, FOLLOWING);
            pass_fence(s);
            return false;
        }
        pg_payloads_hand(&s->payloads, (enum pg_payload_of)tag, payload);
    }
    return true;
}

static void on_idle(uv_idle_t *idle)
{
    struct pg_listen *s = idle->data;
    if (!hand_slice(s))
        pump(s);
}

static void hand_to_the_end(struct pg_listen *s)
{
    while (s->state == HANDING && hand_slice(s)) {
    }
}

static void hand_on(struct pg_listen *s)
{
    if (pg_inbox_overrun(&s->inbox))
        gap_all(s, "more notifications than there is room for");
    pass_fence(s);
    if (s->state != FOLLOWING || !pg_inbox_has_closed(&s->inbox))
        return;
    if (!s->source.sink.begin(s->source.sink.ctx, &s->source)) {
        move(s, BLOCKED);
        return;
    }
    move(s, HANDING);
    uv_idle_start(&s->idle, on_idle);
    hand_slice(s);
}

/* ---- the connections ---- */

static void handle_is_gone(void *ctx)
{
    struct pg_listen *s = ctx;
    if (--s->handles > 0 || s->state != CLOSING)
        return;
    move(s, CLOSED);
    s->done(s->done_ctx);
}

static void drop(struct pg_listen *s, struct pg_conn **conn)
{
    if (*conn)
        pg_conn_close(*conn, handle_is_gone, s);
    *conn = NULL;
}

static void drop_connections(struct pg_listen *s)
{
    drop(s, &s->prober);
    drop(s, &s->conn);
    s->asking = false;
    pg_inbox_clear(&s->inbox);
    pg_canary_forget(&s->canary);
}

/* What came of it is handed on; a gap follows once it is listened to again. */
static void lose(struct pg_listen *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void lose(struct pg_listen *s, const char *format, ...)
{
    char why[WHY_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    hand_to_the_end(s);
    drop_connections(s);
    move(s, WAITING);
    uint64_t ms = backoff_next(&s->backoff, random_u64());
    uv_timer_start(&s->timer, on_timer, ms, 0);
    source_say(&s->source, false, "%s; trying again", why);
}

static bool is_bad(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK;
}

static void ask(struct pg_listen *s, const char *sql, pg_conn_answer *answer)
{
    CHECK(!s->asking);
    s->asking = true;
    pg_conn_query(s->conn, sql, s->timeout_ms, answer, s);
}

/* What every answer needs first: it is a fence, whatever was asked. False when it was lost for its
 * answer. */
static bool answered(struct pg_listen *s, struct pg_conn *conn, const PGresult *result,
                     const char *what)
{
    struct err err = ERR_INIT;
    s->asking = false;
    pg_inbox_close(&s->inbox);
    pg_canary_close(&s->canary);
    if (!is_bad(result))
        return true;
    pg_conn_complaint(conn, result, &err);
    lose(s, "%s: %s", what, err.text);
    return false;
}

/* ---- canaries ---- */

static void write_canary(struct pg_listen *s, struct buf *sql)
{
    pg_canary_write(&s->canary, sql, random_u64(), uv_now(s->loop) + s->timeout_ms);
    buf_byte(sql, '\0');
}

static void on_canary_sent(void *ctx, struct pg_conn *conn, const PGresult *result)
{
    struct pg_listen *s = ctx;
    if (answered(s, conn, result, "a notification cannot be sent"))
        pump(s);
}

static void send_canary(struct pg_listen *s)
{
    struct buf sql = BUF_INIT(SQL_MAX);
    write_canary(s, &sql);
    ask(s, sql.data, on_canary_sent);
    buf_free(&sql);
}

static void canary_came(struct pg_listen *s)
{
    if (!pg_inbox_has_open(&s->inbox))
        pg_canary_close(&s->canary);
    if (s->state == PROVING && s->step == STEP_CANARY) {
        drop(s, &s->prober);
        s->step = STEP_TABLES;
    }
    pump(s);
}

static void canary_is_missing(struct pg_listen *s)
{
    if (s->pooled)
        lose(s, "it is reached through a pooler that does not pass notifications on, as PgBouncer "
                "in transaction mode: give the address of PostgreSQL itself, or of a pool in "
                "session mode");
    else
        lose(s, "it does not send back our own notification");
}

/* ---- the first canary, from a connection of its own ---- */

static void on_prober_answer(void *ctx, struct pg_conn *conn, const PGresult *result)
{
    struct pg_listen *s = ctx;
    struct err err = ERR_INIT;
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1) {
        pg_conn_complaint(conn, result, &err);
        lose(s, "a notification cannot be sent: %s", err.text);
        return;
    }
    if (strtol(PQgetvalue(result, 0, 0), NULL, 10) == s->server_pid) {
        s->pooled = true;
        canary_is_missing(s);
        return;
    }
    drop(s, &s->prober);
}

static void on_prober_ready(void *ctx, struct pg_conn *conn)
{
    struct pg_listen *s = ctx;
    struct buf sql = BUF_INIT(SQL_MAX);
    write_canary(s, &sql);
    pg_conn_query(conn, sql.data, s->timeout_ms, on_prober_answer, s);
    buf_free(&sql);
}

static void on_lost(void *ctx, struct pg_conn *conn, const char *why)
{
    lose(ctx, "%s", why);
}

static const struct pg_conn_ops prober_ops = {.ready = on_prober_ready, .lost = on_lost};

static struct pg_conn *open_connection(struct pg_listen *s, const struct pg_conn_ops *conn_ops)
{
    s->handles++;
    return pg_conn_new(&(struct pg_conn_options){.loop = s->loop,
                                                 .target = s->target,
                                                 .kind = PG_TARGET_ORDINARY,
                                                 .timeout_ms = s->timeout_ms,
                                                 .ops = conn_ops,
                                                 .ctx = s});
}

/* ---- triggers ---- */

/* A table that nobody tells of is as if it was truncated. */
static void on_written(void *ctx, struct str resource)
{
    struct pg_listen *s = ctx;
    struct buf json = BUF_INIT(PG_NOTIFY_MAX);
    pg_notify_write_truncate(&json, resource);
    pg_inbox_add(&s->inbox, PG_PAYLOAD_OURS, buf_slice(&json));
    buf_free(&json);
}

static void on_missed(void *ctx, struct str resource, const char *reason)
{
    struct pg_listen *s = ctx;
    source_gap(&s->source, resource, reason);
}

static void say_standing(struct pg_listen *s)
{
    struct err why = ERR_INIT;
    if (pg_trigger_watch_stands(&s->triggers, &why))
        source_say(&s->source, true, "it is listened to");
    else
        source_say(&s->source, false, "%s", why.text);
}

static void begin_following(struct pg_listen *s)
{
    s->connects++;
    s->proved_at = s->heard_at = uv_now(s->loop);
    move(s, FOLLOWING);
    gap_all(s, s->connects == 1 ? "what happened before the start is not known"
                                : "notifications may have come while nobody listened");
    say_standing(s);
}

static void on_tables(void *ctx, struct pg_conn *conn, const PGresult *result)
{
    struct pg_listen *s = ctx;
    struct err err = ERR_INIT;
    if (!answered(s, conn, result, "the triggers cannot be read"))
        return;
    struct pg_trigger_tables *tables = NULL;
    if (PQntuples(result) == 1)
        tables = pg_trigger_tables_parse(
            (struct str){.p = PQgetvalue(result, 0, 0), .n = (size_t)PQgetlength(result, 0, 0)},
            &err);
    if (!tables) {
        lose(s, "the triggers cannot be read: %s", err.text);
        return;
    }
    s->tables_at = uv_now(s->loop);
    pg_trigger_watch_look(&s->triggers, tables, s->state == PROVING);
    pg_trigger_tables_free(tables);
    if (s->state == PROVING)
        begin_following(s);
    else
        say_standing(s);
    pump(s);
}

/* ---- proving ---- */

static void on_listening(void *ctx, struct pg_conn *conn, const PGresult *result)
{
    struct pg_listen *s = ctx;
    if (!answered(s, conn, result, "LISTEN failed"))
        return;
    s->step = STEP_CANARY;
    pg_canary_expect(&s->canary,
                     uv_now(s->loop) + 2 * s->timeout_ms); /* with the time to connect */
    s->prober = open_connection(s, &prober_ops);
}

static void listen_now(struct pg_listen *s)
{
    struct buf sql = BUF_INIT(SQL_MAX);
    buf_text(&sql, "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings "
                   "WHERE name IN ('idle_session_timeout', 'statement_timeout', 'lock_timeout');"
                   "SET search_path = pg_catalog;"
                   "LISTEN " PG_CHANNEL);
    if (s->channel) {
        buf_text(&sql, ";LISTEN ");
        sqltext_name(&sql, str_of(s->channel));
    }
    buf_byte(&sql, '\0');
    s->step = STEP_LISTEN;
    ask(s, sql.data, on_listening);
    buf_free(&sql);
}

static void on_identity(void *ctx, struct pg_conn *conn, const PGresult *result)
{
    struct pg_listen *s = ctx;
    if (!answered(s, conn, result, "it does not say what it is"))
        return;
    if (PQntuples(result) != 1 || PQnfields(result) != 2) {
        lose(s, "it does not say what it is");
        return;
    }
    if (PQgetvalue(result, 0, 0)[0] == 't') {
        lose(s, "it is a standby, where LISTEN is not possible: give the address of the primary");
        return;
    }
    s->server_pid = strtol(PQgetvalue(result, 0, 1), NULL, 10);
    s->pooled = s->server_pid != pg_conn_backend(conn);
    listen_now(s);
}

static void on_ready(void *ctx, struct pg_conn *conn)
{
    struct pg_listen *s = ctx;
    move(s, PROVING);
    s->step = STEP_IDENTITY;
    ask(s, "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.pg_backend_pid()", on_identity);
}

static void on_notified(void *ctx, struct pg_conn *conn, struct str channel, struct str payload)
{
    struct pg_listen *s = ctx;
    bool ours = str_is(channel, PG_CHANNEL);
    s->heard_at = uv_now(s->loop);
    if (ours && pg_canary_is_one(payload)) {
        if (pg_canary_take(&s->canary, payload))
            canary_came(s);
        return; /* or another server's */
    }
    pg_inbox_add(&s->inbox, ours ? PG_PAYLOAD_OURS : PG_PAYLOAD_FOREIGN, payload);
    pump(s);
}

static const struct pg_conn_ops conn_ops = {
    .ready = on_ready, .lost = on_lost, .notified = on_notified};

/* ---- what is asked next ---- */

static void on_fence(void *ctx, struct pg_conn *conn, const PGresult *result)
{
    struct pg_listen *s = ctx;
    if (answered(s, conn, result, "a question was not answered"))
        pump(s);
}

static bool canary_is_due(const struct pg_listen *s)
{
    return !pg_canary_is_out(&s->canary) && uv_now(s->loop) - s->heard_at >= s->timeout_ms / 2;
}

static bool tables_are_due(const struct pg_listen *s)
{
    uint64_t every = 10 * s->timeout_ms < TABLES_MS ? 10 * s->timeout_ms : TABLES_MS;
    every = s->triggers.blind ? BLIND_MS : every;
    return !s->channel && uv_now(s->loop) - s->tables_at >= every;
}

static bool may_ask(const struct pg_listen *s)
{
    return s->conn && !s->asking && pg_conn_ready(s->conn);
}

static void ask_next(struct pg_listen *s)
{
    if (!may_ask(s))
        return;
    if (s->state == PROVING) {
        if (s->step == STEP_TABLES && s->channel)
            begin_following(s);
        else if (s->step == STEP_TABLES)
            ask(s, s->tables_sql.data, on_tables);
        return;
    }
    if (s->state != FOLLOWING && s->state != BLOCKED && s->state != HANDING)
        return;
    /* The tables first, or a steady stream of notifications would leave no time for them. */
    if (tables_are_due(s))
        ask(s, s->tables_sql.data, on_tables);
    else if (pg_canary_is_wanted(&s->canary)) {
        pg_canary_serve(&s->canary);
        send_canary(s);
    } else if (pg_inbox_has_open(&s->inbox))
        ask(s, "SELECT 1", on_fence);
    else if (canary_is_due(s))
        send_canary(s);
}

static void pump(struct pg_listen *s)
{
    hand_on(s);
    ask_next(s);
}

static void on_timer(uv_timer_t *timer)
{
    struct pg_listen *s = timer->data;
    if (s->state != WAITING)
        return;
    move(s, CONNECTING);
    s->conn = open_connection(s, &conn_ops);
}

static void on_pulse(uv_timer_t *timer)
{
    struct pg_listen *s = timer->data;
    uint64_t now = uv_now(s->loop);
    if (pg_canary_is_missing(&s->canary, now)) {
        canary_is_missing(s);
        return;
    }
    if (s->backoff.failures && s->proved_at && now - s->proved_at >= STABLE_MS &&
        (s->state == FOLLOWING || s->state == HANDING))
        s->backoff.failures = 0;
    if (s->conn)
        pump(s);
}

/* ---- the asker's calls ---- */

static bool on_reached(void *ctx, uint64_t *lsn)
{
    const struct pg_listen *s = ctx;
    *lsn = pg_canary_passed(&s->canary);
    return s->state == FOLLOWING && s->source.said.any && s->source.said.current;
}

static uint64_t on_wanted(void *ctx)
{
    struct pg_listen *s = ctx;
    uint64_t fence = pg_canary_want(&s->canary);
    ask_next(s);
    return fence;
}

static void on_told(void *ctx, struct roll_question *question, const struct roll_answer *answer)
{
    struct pg_listen *s = ctx;
    s->source.sink.answered(s->source.sink.ctx, &s->source, question, answer);
}

static void open_asker(struct pg_listen *s)
{
    const struct pg_asker_options options = {.loop = s->loop,
                                             .target = s->target,
                                             .timeout_ms = s->timeout_ms,
                                             .rolls = &s->rolls,
                                             .ctx = s,
                                             .reached = on_reached,
                                             .fence = on_wanted,
                                             .answered = on_told};
    if (s->rolls.n == 0)
        return;
    s->handles++;
    s->asker = pg_asker_new(&options);
}

static void listen_ask(struct source *source, struct roll_question *question)
{
    static const struct roll_answer refused = {.ok = false, .why = "it is not asked"};
    struct pg_listen *s = (struct pg_listen *)source;
    if (s->asker)
        pg_asker_ask(s->asker, question);
    else
        on_told(s, question, &refused);
}

/* ---- the interface ---- */

static bool listen_start(struct source *source, struct str cursor, struct err *err)
{
    struct pg_listen *s = (struct pg_listen *)source;
    CHECK(s->state == IDLE);
    if (s->tables_sql.overflow)
        return err_set(err, "the rules name too many tables");
    uv_timer_init(s->loop, &s->timer);
    uv_timer_init(s->loop, &s->pulse);
    uv_idle_init(s->loop, &s->idle);
    s->timer.data = s->pulse.data = s->idle.data = s;
    s->handles = 3;
    open_asker(s);
    move(s, WAITING);
    uv_timer_start(&s->timer, on_timer, 0, 0);
    uv_timer_start(&s->pulse, on_pulse, PULSE_MS, PULSE_MS);
    return true;
}

static void listen_resume(struct source *source)
{
    struct pg_listen *s = (struct pg_listen *)source;
    if (s->state != BLOCKED)
        return;
    move(s, FOLLOWING);
    hand_on(s);
}

static bool listen_cursor(struct source *source, struct buf *out)
{
    return false; /* what is not listened to is lost */
}

static void on_handle_closed(uv_handle_t *handle)
{
    handle_is_gone(handle->data);
}

static void listen_stop(struct source *source, void (*done)(void *ctx), void *ctx)
{
    struct pg_listen *s = (struct pg_listen *)source;
    CHECK(!s->stopping);
    s->stopping = true;
    s->done = done;
    s->done_ctx = ctx;
    bool idle = s->state == IDLE;
    hand_to_the_end(s);
    drop_connections(s);
    move(s, CLOSING);
    if (s->asker)
        pg_asker_close(s->asker, handle_is_gone, s);
    s->asker = NULL;
    if (idle) {
        move(s, CLOSED);
        done(ctx);
        return;
    }
    uv_close((uv_handle_t *)&s->timer, on_handle_closed);
    uv_close((uv_handle_t *)&s->pulse, on_handle_closed);
    uv_close((uv_handle_t *)&s->idle, on_handle_closed);
}

static void listen_free(struct source *source)
{
    struct pg_listen *s = (struct pg_listen *)source;
    if (!s)
        return;
    CHECK(s->state == IDLE || s->state == CLOSED);
    pg_trigger_watch_free(&s->triggers);
    pg_inbox_free(&s->inbox);
    pg_target_free(s->target);
    pg_payloads_free(&s->payloads);
    arena_free(&s->arena);
    buf_free(&s->tables_sql);
    free((char *)s->source.name);
    free(s->channel);
    free(s);
}

static size_t listen_numbers(const struct source *source, struct source_number *out)
{
    const struct pg_listen *s = (const struct pg_listen *)source;
    const struct source_number numbers[] = {
        {"unstale_notify_connects_total", "Times that LISTEN began; each is a reset.", true,
         s->connects},
        {"unstale_notify_tables_untold", "Tables whose triggers are missing, disabled or others.",
         false, s->triggers.untold},
        {"unstale_notify_queue_percent",
         "How full the server's queue of notifications is; full, commits fail.", false,
         (uint64_t)(s->triggers.queue * 100)},
    };
    enum { N = sizeof numbers / sizeof numbers[0] };
    for (size_t i = 0; i < N; i++)
        out[i] = numbers[i];
    return N + pg_payloads_numbers(&s->payloads, out + N);
}

static const struct source_ops ops = {
    .kind = "postgres",
    .start = listen_start,
    .resume = listen_resume,
    .cursor = listen_cursor,
    .stop = listen_stop,
    .free = listen_free,
    .numbers = listen_numbers,
    .ask = listen_ask,
};

struct source *pg_listen_new(const struct pg_listen_options *options,
                             const struct source_sink *sink, struct err *err)
{
    static const char kind[] = "postgres ";
    struct pg_target *target = pg_target_new(options->url, options->password_file, err);
    if (!target)
        return NULL;
    struct pg_listen *s = mem_new(sizeof *s);
    size_t length = sizeof kind + strlen(pg_target_name(target));
    char *name = mem_new(length);
    snprintf(name, length, "%s%s", kind, pg_target_name(target));
    s->source = (struct source){
        .ops = &ops, .sink = *sink, .name = name, .patience_ms = options->patience_ms};
    s->target = target;
    s->channel = options->channel ? mem_copy(options->channel, strlen(options->channel)) : NULL;
    s->timeout_ms = options->timeout_ms;
    s->backoff = (struct backoff){.first_ms = FIRST_MS, .max_ms = MAX_MS};
    s->log = options->log;
    s->loop = options->loop;
    arena_init(&s->arena, WATCH_MEMORY);
    pg_inbox_init(&s->inbox);
    s->watch = watch_copy(options->watch, &s->arena);
    if (options->rolls)
        s->rolls = rolls_copy(options->rolls, &s->arena);
    s->triggers = (struct pg_trigger_watch){.watch = &s->watch,
                                            .alone = options->alone,
                                            .name = name,
                                            .log = options->log,
                                            .ctx = s,
                                            .missed = on_missed,
                                            .written = on_written};
    s->payloads = (struct pg_payloads){
        .source = &s->source, .watch = &s->watch, .channel = s->channel, .log = options->log};
    pg_payloads_init(&s->payloads);
    s->tables_sql = BUF_INIT(SQL_MAX);
    pg_trigger_tables_query(&s->tables_sql, &s->watch);
    buf_byte(&s->tables_sql, '\0');
    return &s->source;
}
