#include "source/pg_hold.h"

#include "base/mem.h"
#include "source/pg_visible.h"
#include "wire/pgoutput.h"

#include <stdlib.h>

enum { FIRST_RETRY_MS = 1, MAX_RETRY_MS = 50, LATE_MS = 100 };

struct pg_hold {
    struct pg_hold_options options;
    struct pg_visible *fresh, *late, *older;
    /* The snapshot that says what is older has to be younger than the wish. */
    bool older_wanted, older_asked;
    uint64_t older_end;
    uv_timer_t timer;
    bool settling, asking, closing;
    uint64_t since;    /* of settling */
    uint64_t retry_ms; /* to the next look */
    void (*closed)(void *ctx);
    void *closed_ctx;
};

/* txid_current_snapshot is there in every version. A replica is as far as it has replayed. */
static const char SNAPSHOT_SQL[] =
    "SELECT txid_current_snapshot()::text, CASE WHEN pg_is_in_recovery() THEN "
    "coalesce(pg_last_wal_replay_lsn(), '0/0')::text ELSE '' END";

static void look(struct pg_hold *hold);

static void on_timer(uv_timer_t *timer)
{
    look(timer->data);
}

static void look_in(struct pg_hold *hold, uint64_t ms)
{
    uv_timer_start(&hold->timer, on_timer, ms, 0);
}

static void look_again(struct pg_hold *hold)
{
    hold->retry_ms = hold->retry_ms ? hold->retry_ms * 2 : FIRST_RETRY_MS;
    if (hold->retry_ms > MAX_RETRY_MS)
        hold->retry_ms = MAX_RETRY_MS;
    look_in(hold, hold->settling ? hold->retry_ms : LATE_MS);
}

static void answer(struct pg_hold *hold, bool visible)
{
    hold->settling = false;
    hold->options.settled(hold->options.ctx, visible);
}

/* What is known now decides; or it is looked again. */
static void decide(struct pg_hold *hold)
{
    bool late = pg_visible_left(hold->late) > 0;
    if (hold->settling && pg_visible_left(hold->fresh) == 0) {
        answer(hold, true);
    } else if (hold->settling && (late || uv_now(hold->options.loop) - hold->since >= PG_HOLD_MS)) {
        pg_visible_move(hold->late, hold->fresh);
        answer(hold, false);
        hold->options.moved(hold->options.ctx);
    }
    bool waits =
        pg_visible_left(hold->late) > 0 || hold->older_wanted || pg_visible_left(hold->older) > 0;
    if (!hold->closing && (hold->settling || waits))
        look_again(hold);
}

static void see_older(struct pg_hold *hold, struct str snapshot, uint64_t replayed)
{
    if (hold->older_asked) {
        hold->older_wanted = false;
        pg_visible_add(hold->older, 0, hold->older_end);
        pg_visible_add_running(hold->older, snapshot);
        pg_visible_see(hold->older, snapshot, replayed);
    } else if (pg_visible_left(hold->older) > 0) {
        pg_visible_see(hold->older, snapshot, replayed);
        if (pg_visible_left(hold->older) == 0)
            hold->options.older_seen(hold->options.ctx);
    }
    hold->older_asked = false;
}

static void on_answer(void *ctx, const PGresult *result)
{
    struct pg_hold *hold = ctx;
    uint64_t replayed = UINT64_MAX;
    bool late = pg_visible_left(hold->late) > 0;
    hold->asking = false;
    if (hold->closing)
        return;
    if (result && PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1 &&
        (PQgetlength(result, 0, 1) == 0 ||
         pgoutput_parse_lsn(str_of(PQgetvalue(result, 0, 1)), &replayed))) {
        struct str snapshot = str_of(PQgetvalue(result, 0, 0));
        pg_visible_see(hold->fresh, snapshot, replayed);
        pg_visible_see(hold->late, snapshot, replayed);
        see_older(hold, snapshot, replayed);
    }
    if (late && pg_visible_left(hold->late) == 0)
        hold->options.seen(hold->options.ctx);
    decide(hold);
    hold->options.moved(hold->options.ctx);
}

static bool has_questions(const struct pg_hold *hold)
{
    return hold->older_wanted || pg_visible_left(hold->fresh) + pg_visible_left(hold->late) +
                                         pg_visible_left(hold->older) >
                                     0;
}

static void look(struct pg_hold *hold)
{
    if (hold->asking || hold->closing)
        return;
    if (!has_questions(hold) || !pg_side_ready(hold->options.side)) {
        decide(hold);
        return;
    }
    hold->asking = true;
    hold->older_asked = hold->older_wanted;
    pg_side_ask(hold->options.side, SNAPSHOT_SQL, 0, NULL, on_answer, hold);
}

struct pg_hold *pg_hold_new(const struct pg_hold_options *options)
{
    struct pg_hold *hold = mem_new(sizeof *hold);
    hold->options = *options;
    hold->fresh = pg_visible_new();
    hold->late = pg_visible_new();
    hold->older = pg_visible_new();
    uv_timer_init(options->loop, &hold->timer);
    hold->timer.data = hold;
    return hold;
}

static void on_closed(uv_handle_t *handle)
{
    struct pg_hold *hold = handle->data;
    if (hold->closed)
        hold->closed(hold->closed_ctx);
    pg_visible_free(hold->fresh);
    pg_visible_free(hold->late);
    pg_visible_free(hold->older);
    free(hold);
}

void pg_hold_close(struct pg_hold *hold, void (*closed)(void *ctx), void *ctx)
{
    hold->closing = true;
    hold->closed = closed;
    hold->closed_ctx = ctx;
    uv_close((uv_handle_t *)&hold->timer, on_closed);
}

void pg_hold_add(struct pg_hold *hold, uint32_t xid, uint64_t end)
{
    pg_visible_add(hold->fresh, xid, end);
}

void pg_hold_add_older(struct pg_hold *hold, uint64_t lsn)
{
    hold->older_wanted = true;
    hold->older_asked = false;
    hold->older_end = lsn;
    look(hold);
}

void pg_hold_settle(struct pg_hold *hold)
{
    hold->settling = true;
    hold->since = uv_now(hold->options.loop);
    hold->retry_ms = 0;
    look(hold);
}

bool pg_hold_settling(const struct pg_hold *hold)
{
    return hold->settling;
}

void pg_hold_look(struct pg_hold *hold)
{
    if (has_questions(hold))
        look(hold);
}

bool pg_hold_is_empty(const struct pg_hold *hold)
{
    return pg_visible_left(hold->fresh) + pg_visible_left(hold->late) == 0;
}

size_t pg_hold_late(const struct pg_hold *hold)
{
    return pg_visible_left(hold->late);
}

void pg_hold_clear(struct pg_hold *hold)
{
    pg_visible_clear(hold->fresh);
    pg_visible_clear(hold->late);
    pg_visible_clear(hold->older);
    hold->older_wanted = hold->older_asked = false;
    if (hold->settling)
        answer(hold, true);
}
