#include "source/pg_side.h"

#include "base/backoff.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/random.h"

#include <stdlib.h>

enum { FIRST_MS = 200, MAX_MS = 10000 };

struct pg_side {
    struct pg_side_options options;
    struct pg_conn *conn; /* NULL: waiting for the next attempt */
    bool up, asking, closing;
    struct backoff backoff;
    uv_timer_t timer;
    unsigned handles; /* connections and the timer that are not closed yet */
    pg_side_answer *answer;
    void *answer_ctx;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

static void connect_side(struct pg_side *side);

static void one_closed(struct pg_side *side)
{
    if (--side->handles > 0)
        return;
    if (side->closed)
        side->closed(side->closed_ctx);
    free(side);
}

static void on_conn_closed(void *ctx)
{
    one_closed(ctx);
}

static void on_timer_closed(uv_handle_t *handle)
{
    one_closed(handle->data);
}

static void on_timer(uv_timer_t *timer)
{
    connect_side(timer->data);
}

static void give(struct pg_side *side, const PGresult *result)
{
    if (!side->asking)
        return;
    side->asking = false;
    if (side->answer)
        side->answer(side->answer_ctx, result);
}

static void on_ready(void *ctx, struct pg_conn *conn)
{
    struct pg_side *side = ctx;
    side->up = true;
    side->options.up(side->options.ctx, side);
}

static void on_lost(void *ctx, struct pg_conn *conn, const char *why)
{
    struct pg_side *side = ctx;
    struct err text = ERR_INIT;
    err_set(&text, "%s", why);
    side->conn = NULL;
    side->up = false;
    pg_conn_close(conn, on_conn_closed, side);
    uv_timer_start(&side->timer, on_timer, backoff_next(&side->backoff, random_u64()), 0);
    give(side, NULL);
    if (!side->closing)
        side->options.down(side->options.ctx, side, text.text);
}

static const struct pg_conn_ops conn_ops = {.ready = on_ready, .lost = on_lost};

static void connect_side(struct pg_side *side)
{
    const struct pg_conn_options options = {.loop = side->options.loop,
                                            .target = side->options.target,
                                            .kind = PG_TARGET_ORDINARY,
                                            .timeout_ms = side->options.timeout_ms,
                                            .ops = &conn_ops,
                                            .ctx = side};
    side->conn = pg_conn_new(&options);
    side->handles++;
}

struct pg_side *pg_side_new(const struct pg_side_options *options)
{
    struct pg_side *side = mem_new(sizeof *side);
    side->options = *options;
    side->backoff = (struct backoff){.first_ms = FIRST_MS, .max_ms = MAX_MS};
    uv_timer_init(options->loop, &side->timer);
    side->timer.data = side;
    side->handles = 1;
    connect_side(side);
    return side;
}

void pg_side_close(struct pg_side *side, void (*closed)(void *ctx), void *ctx)
{
    CHECK(!side->closing);
    side->closing = true;
    side->asking = false;
    side->closed = closed;
    side->closed_ctx = ctx;
    if (side->conn)
        pg_conn_close(side->conn, on_conn_closed, side);
    side->conn = NULL;
    uv_close((uv_handle_t *)&side->timer, on_timer_closed);
}

bool pg_side_up(const struct pg_side *side)
{
    return side->up;
}

bool pg_side_ready(const struct pg_side *side)
{
    return side->up && !side->asking && pg_conn_ready(side->conn);
}

static void on_answer(void *ctx, struct pg_conn *conn, const PGresult *result)
{
    struct pg_side *side = ctx;
    side->backoff.failures = 0; /* it has proved good */
    give(side, result);
}

void pg_side_ask(struct pg_side *side, const char *sql, int n, const char *const *values,
                 pg_side_answer *answer, void *ctx)
{
    CHECK(pg_side_ready(side));
    side->asking = true;
    side->answer = answer;
    side->answer_ctx = ctx;
    pg_conn_ask(side->conn, sql, n, values, side->options.timeout_ms, on_answer, side);
}

void pg_side_forget(struct pg_side *side)
{
    side->answer = NULL;
}
