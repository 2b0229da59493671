#include "source/pg_replication.h"

#include "base/check.h"
#include "base/mem.h"
#include "wire/pgoutput.h"

#include <stdlib.h>
#include <time.h>

enum {
    STATUS_MS = 5000, /* between two status updates */
    QUIET_MS = 1000,  /* so long a transaction may stay open without a row */
};

struct pg_replication {
    struct pg_replication_options options;
    struct pg_conn *conn;
    struct pg_opening *opening; /* until it follows */
    uint64_t from;              /* where the server begins; known once it was opened */
    struct pg_stream *stream;   /* from then on */
    bool blocked;
    uint64_t waiting_since; /* for a slot; 0: not */
    uint64_t read_at, status_at;
};

static uint64_t now_ms(const struct pg_replication *replication)
{
    return uv_now(replication->options.loop);
}

static void lose(struct pg_replication *replication, const char *why, enum pg_loss loss)
{
    replication->options.ops->lost(replication->options.ctx, why, loss);
}

static void lose_connection(struct pg_replication *replication, const char *why)
{
    struct err text = ERR_INIT;
    bool stuck = replication->stream && pg_conn_is_failed_copy(replication->conn);
    err_set(&text, "the replication connection: %s", why);
    lose(replication, text.text, stuck ? PG_LOSS_STUCK : PG_LOSS_PLAIN);
}

/* ---- what the server is told ---- */

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return pgoutput_time_us((uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
}

static void send_status(struct pg_replication *replication, bool reply)
{
    char bytes[PGOUTPUT_STATUS_BYTES];
    const uint64_t done = replication->options.ops->confirmed(replication->options.ctx);
    const struct pgoutput_status status = {
        .written = done, .flushed = done, .applied = done, .now_us = now_us(), .reply = reply};
    pgoutput_status(&status, bytes);
    pg_conn_put(replication->conn, (struct str){.p = bytes, .n = sizeof bytes});
    replication->status_at = now_ms(replication);
}

void pg_replication_report(struct pg_replication *replication)
{
    send_status(replication, false);
}

/* ---- the connection's calls ---- */

static bool on_data(void *ctx, struct pg_conn *conn, struct str bytes)
{
    struct pg_replication *replication = ctx;
    struct err err = ERR_INIT;
    replication->read_at = now_ms(replication);
    switch (pg_stream_take(replication->stream, bytes, &err)) {
    case PG_STREAM_TAKEN:
        if (pg_stream_wants_reply(replication->stream))
            send_status(replication, false);
        replication->options.ops->taken(replication->options.ctx);
        return true;
    case PG_STREAM_LATER:
        replication->blocked = true;
        return false;
    case PG_STREAM_OTHER:
        lose(replication, "the database was set back", PG_LOSS_OTHER);
        return true;
    case PG_STREAM_BROKEN:
        break;
    }
    lose(replication, err.text, PG_LOSS_GARBLED);
    return true;
}

static void on_opened(void *ctx, const struct pg_opened *opened)
{
    struct pg_replication *replication = ctx;
    const struct pg_opened found = *opened; /* which goes with the opening */
    pg_opening_free(replication->opening);
    replication->opening = NULL;
    replication->waiting_since = 0;
    replication->from = found.from;
    replication->options.ops->opened(replication->options.ctx, &found);
}

static void on_refused(void *ctx, const char *why)
{
    lose(ctx, why, PG_LOSS_PLAIN);
}

static void on_waiting(void *ctx)
{
    struct pg_replication *replication = ctx;
    replication->waiting_since = now_ms(replication);
}

static void on_ready(void *ctx, struct pg_conn *conn)
{
    struct pg_replication *replication = ctx;
    const struct pg_replication_options *options = &replication->options;
    const struct pg_opening_options opening = {.conn = conn,
                                               .side = options->side,
                                               .publication = options->publication,
                                               .slot = options->slot,
                                               .permanent = options->permanent,
                                               .cursor = options->cursor,
                                               .stuck = options->stuck,
                                               .timeout_ms = options->timeout_ms,
                                               .ctx = replication,
                                               .opened = on_opened,
                                               .refused = on_refused,
                                               .waiting = on_waiting};
    replication->opening = pg_opening_new(&opening);
}

static void on_lost(void *ctx, struct pg_conn *conn, const char *why)
{
    lose_connection(ctx, why);
}

static const struct pg_conn_ops conn_ops = {.ready = on_ready, .lost = on_lost, .data = on_data};

/* ---- its life ---- */

struct pg_replication *pg_replication_new(const struct pg_replication_options *options)
{
    struct pg_replication *replication = mem_new(sizeof *replication);
    replication->options = *options;
    const struct pg_conn_options conn = {.loop = options->loop,
                                         .target = options->target,
                                         .kind = PG_TARGET_REPLICATION,
                                         .timeout_ms = options->timeout_ms,
                                         .ops = &conn_ops,
                                         .ctx = replication};
    replication->conn = pg_conn_new(&conn);
    return replication;
}

void pg_replication_close(struct pg_replication *replication, void (*closed)(void *ctx), void *ctx)
{
    pg_opening_free(replication->opening);
    pg_stream_free(replication->stream);
    pg_conn_close(replication->conn, closed, ctx);
    free(replication);
}

void pg_replication_follow(struct pg_replication *replication, const struct pg_stand *before)
{
    const struct pg_replication_options *options = &replication->options;
    CHECK(!replication->stream);
    replication->stream =
        pg_stream_new(options->watch, replication->from, before, options->stream_ops, options->ctx);
    replication->read_at = now_ms(replication);
}

bool pg_replication_waits(const struct pg_replication *replication)
{
    return replication->waiting_since &&
           now_ms(replication) > replication->waiting_since + QUIET_MS;
}

bool pg_replication_beat(struct pg_replication *replication)
{
    const uint64_t timeout_ms = replication->options.timeout_ms;
    const uint64_t now = now_ms(replication);
    const uint64_t heard = pg_conn_heard(replication->conn);
    const uint64_t every = timeout_ms / 4 < STATUS_MS ? timeout_ms / 4 : STATUS_MS;
    if (!replication->blocked && now > heard + timeout_ms) {
        lose_connection(replication, "the server does not answer");
        return false;
    }
    if (replication->status_at + every <= now)
        send_status(replication, now > heard + every);
    if (pg_stream_is_open(replication->stream) && now > replication->read_at + QUIET_MS)
        pg_stream_break(replication->stream);
    return true;
}

bool pg_replication_is_blocked(const struct pg_replication *replication)
{
    return replication->blocked;
}

void pg_replication_resume(struct pg_replication *replication)
{
    if (!replication->blocked)
        return;
    replication->blocked = false;
    pg_conn_resume(replication->conn);
}

void pg_replication_break(struct pg_replication *replication)
{
    if (replication->stream)
        pg_stream_break(replication->stream);
}

struct pg_stream *pg_replication_stream(struct pg_replication *replication)
{
    return replication->stream;
}
