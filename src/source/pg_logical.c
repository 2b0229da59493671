/* How a database is followed, and what is said when that cannot be proven to be complete.
 *
 *            start        side up, timer         server fit             slot, START_REPLICATION
 *     IDLE ────────▶ AWAY ───────────▶ LOOKING ────────────▶ OPENING ───────────▶ STREAMING
 *                     ▲                   │                     │                     │
 *                     └──── not fit ──────┴───── refused ───────┴──── lost ───────────┘
 *     stop: from everywhere to CLOSING, then CLOSED.
 *
 * Two connections, or three: the replication, which is made anew after each loss; an ordinary one
 * (`side`) for the questions that only SQL answers, which comes back by itself; and one to the
 * server that readers use, where that is another.
 *
 * Three positions in the WAL. What the stream has applied is in the index. What is settled
 * (`place.lsn`) readers see as well: only that is confirmed to the server and written into the
 * cursor, so that what a restart forgets of the marks that are to be told again is read again.
 * Between them stands what the hold waits for (pg_hold.h). */
#include "source/pg_logical.h"

#include "base/backoff.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/random.h"
#include "source/pg_asker.h"
#include "source/pg_hold.h"
#include "source/pg_replication.h"
#include "source/pg_survey.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PULSE_MS = 250,
    SURVEY_MS = 30000,    /* publication and identities are looked at again */
    TROUBLE_MS = 2000,    /* likewise, while something is wrong */
    UNANSWERED_MS = 1000, /* a stop of PostgreSQL is not kept waiting for longer */
    STABLE_MS = 10000,    /* after that a connection has proved good */
    FIRST_MS = 200,
    MAX_MS = 10000,
    WATCH_MEMORY = 64 << 20,
    EMITTED_MEMORY = 8 << 20,
    EMITTED_MAX = 1 << 20,
};

enum state { IDLE, AWAY, LOOKING, OPENING, STREAMING, CLOSING, CLOSED, STATES };

static const char *const state_names[STATES] = {"idle",      "away",    "looking", "opening",
                                                "streaming", "closing", "closed"};

static const bool moves[STATES][STATES] = {
    [IDLE] = {[AWAY] = true, [CLOSING] = true},
    [AWAY] = {[LOOKING] = true, [CLOSING] = true},
    [LOOKING] = {[OPENING] = true, [AWAY] = true, [CLOSING] = true},
    [OPENING] = {[STREAMING] = true, [AWAY] = true, [CLOSING] = true},
    [STREAMING] = {[AWAY] = true, [CLOSING] = true},
    [CLOSING] = {[CLOSED] = true},
};

struct pg_logical {
    struct source source;
    enum state state;
    struct pg_target *target, *readers; /* `readers` NULL: the same */
    char *publication, *slot_name;
    bool permanent, alone;
    uint64_t timeout_ms;
    struct arena arena; /* of the watch and the rolls */
    struct watch watch;
    const struct log *log;
    uv_loop_t *loop;
    uv_timer_t timer; /* AWAY: the next attempt */
    uv_timer_t pulse;
    struct backoff backoff;

    struct pg_side *side, *reader; /* `reader` is `side` where `readers` is NULL */
    struct pg_survey *survey;
    struct pg_hold *hold;
    struct rolls rolls;
    struct pg_asker *asker;             /* NULL: there is nothing to be asked */
    bool moves_rights;                  /* the open transaction touched a table of the rolls */
    struct pg_replication *replication; /* OPENING and STREAMING */
    struct pg_place place;              /* settled; known once it was opened */
    struct pg_stand stand;              /* of the last stream */
    uint64_t began;                     /* where the last stream did */
    uint64_t stuck_at;                  /* where the last one did that the server failed at */
    bool stuck;                         /* at the same place twice: the slot is given up */
    uint32_t stranger;                  /* a table that the survey under way is to find */
    uint64_t opened_at, answered_at, surveyed_at, slot_at;
    bool survey_due;

    uint64_t connects, emitted_wrong;
    int64_t retained;

    unsigned handles;
    bool stopping;
    void (*done)(void *ctx);
    void *done_ctx;
};

static void move(struct pg_logical *s, enum state to)
{
    CHECK(moves[s->state][to]);
    log_debug(s->log, "postgres", "%s: %s -> %s", s->source.name, state_names[s->state],
              state_names[to]);
    s->state = to;
}

/* ---- what is said ---- */

static void say_standing(struct pg_logical *s)
{
    struct err trouble = ERR_INIT;
    if (s->state != STREAMING)
        return;
    if (pg_survey_trouble(s->survey, &trouble))
        source_say(&s->source, false, "%s", trouble.text);
    else if (pg_hold_late(s->hold))
        source_say(&s->source, false,
                   "commits cannot be seen by readers yet, for more than %d ms: %s", PG_HOLD_MS,
                   s->readers
                       ? "the server of visible_on is behind, or cannot be asked"
                       : "they wait for a synchronous standby, or the server cannot be asked");
    else
        source_say(&s->source, true, "its commits are read");
}

/* ---- being away ---- */

static void look(struct pg_logical *s);

static void on_timer(uv_timer_t *timer)
{
    look(timer->data);
}

static void retry(struct pg_logical *s, uint64_t ms)
{
    uv_timer_start(&s->timer, on_timer, ms, 0);
}

static void close_source(struct pg_logical *s);

static void handle_is_gone(void *ctx)
{
    struct pg_logical *s = ctx;
    if (--s->handles > 0 || s->state != CLOSING)
        return;
    move(s, CLOSED);
    s->done(s->done_ctx);
}

static struct pg_stream *stream_of(const struct pg_logical *s)
{
    return pg_replication_stream(s->replication);
}

/* No replication any more. */
static void drop_replication(struct pg_logical *s)
{
    if (!s->replication)
        return;
    pg_replication_break(s->replication);
    if (s->state == STREAMING)
        s->stand = pg_stream_stand(stream_of(s));
    pg_replication_close(s->replication, handle_is_gone, s);
    s->replication = NULL;
}

/* Whatever is under way ends; it is tried again. */
static void leave(struct pg_logical *s, const char *why)
{
    drop_replication(s);
    move(s, AWAY);
    source_say(&s->source, false, "%s; trying again", why);
    retry(s, backoff_next(&s->backoff, random_u64()));
}

/* ---- the positions ---- */

static void settle_place(struct pg_logical *s)
{
    if (s->state != STREAMING || !pg_hold_is_empty(s->hold))
        return;
    struct pg_stand stand = pg_stream_stand(stream_of(s));
    s->place.lsn = stand.applied;
    s->place.last = stand.last;
}

/* PostgreSQL does not stop before its walsenders have been confirmed everything, and while it stops
 * it answers no questions, so what readers see cannot be waited for. Nobody reads a temporary slot
 * again: what is in the index is done. With a permanent one, see leave_unanswered. */
static uint64_t on_confirmed(void *ctx)
{
    struct pg_logical *s = ctx;
    settle_place(s);
    return s->permanent ? s->place.lsn : pg_stream_applied(stream_of(s));
}

static void go_on(struct pg_logical *s)
{
    if (s->state == STREAMING)
        pg_replication_resume(s->replication);
}

/* ---- the stream's calls ---- */

static bool on_begin(void *ctx)
{
    struct pg_logical *s = ctx;
    return !pg_hold_settling(s->hold) && s->source.sink.begin(s->source.sink.ctx, &s->source);
}

static void on_change(void *ctx, const struct change *change)
{
    struct pg_logical *s = ctx;
    s->moves_rights = s->moves_rights || (s->asker && pg_asker_knows(s->asker, change->resource));
    s->source.sink.change(s->source.sink.ctx, &s->source, change);
}

static void on_commit(void *ctx, uint32_t xid, uint64_t end)
{
    struct pg_logical *s = ctx;
    if (xid)
        pg_hold_add(s->hold, xid, end);
    if (s->moves_rights)
        pg_asker_commit(s->asker, xid, end);
    s->moves_rights = false;
    s->source.sink.commit(s->source.sink.ctx, &s->source);
}

/* A table that no survey has seen may be a new partition of one that is watched: it is looked for
 * before its rows are read. */
static bool on_described(void *ctx, const struct pgoutput_relation *relation)
{
    struct pg_logical *s = ctx;
    if (s->stranger == relation->oid ||
        pg_catalog_find(pg_survey_catalog(s->survey), relation->oid))
        return true;
    s->stranger = relation->oid;
    s->survey_due = true;
    return false;
}

static void on_learned(void *ctx, const struct pg_relation *relation, enum pg_learned learned)
{
    struct pg_logical *s = ctx;
    /* What it lacks may be news since the last survey, which says it aloud. */
    if (learned == PG_LEARNED_SHAPE ||
        (learned == PG_LEARNED_TABLE && relation->n_missing + relation->n_uncovered > 0))
        s->survey_due = true;
    pg_survey_teach(s->survey, pg_stream_relations(stream_of(s)), relation->oid);
}

static void on_emitted(void *ctx, struct str content)
{
    struct pg_logical *s = ctx;
    struct publish publish;
    struct err err = ERR_INIT;
    struct arena arena;
    arena_init(&arena, EMITTED_MEMORY);
    if (!publish_parse_any(content, EMITTED_MAX, &arena, &publish, &err) ||
        !s->source.sink.publish(s->source.sink.ctx, &s->source, &publish, &err)) {
        s->emitted_wrong++;
        log_warn(s->log, "postgres",
                 "%s: a message of pg_logical_emit_message('unstale', …) is ignored: %s",
                 s->source.name, err.text);
    }
    arena_free(&arena);
}

static const struct pg_stream_ops stream_ops = {.begin = on_begin,
                                                .change = on_change,
                                                .commit = on_commit,
                                                .described = on_described,
                                                .learned = on_learned,
                                                .emitted = on_emitted};

/* ---- the replication's calls ---- */

/* What was waited for is of another history. */
static void forget_waiting(struct pg_logical *s)
{
    pg_hold_clear(s->hold);
    s->source.sink.seen(s->source.sink.ctx, &s->source);
}

static void on_opened(void *ctx, const struct pg_opened *opened)
{
    struct pg_logical *s = ctx;
    bool behind = opened->gap || s->stand.applied < opened->here.lsn;
    struct pg_stand here = {.applied = opened->here.lsn, .last = opened->here.last};
    uint64_t tables = pg_survey_verdicts(s->survey)->mark;
    bool altered = !opened->gap && s->place.tables != tables;
    move(s, STREAMING);
    s->place = opened->here;
    s->place.tables = tables;
    pg_replication_follow(s->replication, behind ? &here : &s->stand);
    s->opened_at = s->answered_at = s->surveyed_at = uv_now(s->loop);
    s->began = opened->here.lsn;
    s->stuck = false;
    s->connects++;
    if (opened->other)
        forget_waiting(s);
    if (opened->gap)
        source_gap(&s->source, (struct str){0}, opened->reason);
    else if (altered)
        source_gap(&s->source, (struct str){0},
                   "tables, or their place in the publication, are others");
    /* A commit before the beginning of the slot is not read, and readers may not see it yet. */
    if (opened->gap && (pg_survey_server(s->survey)->synchronous || s->readers))
        pg_hold_add_older(s->hold, opened->here.lsn);
    say_standing(s);
    pg_replication_report(s->replication);
}

/* A publication that was dropped and made anew, for instance, does not exist yet where a slot
 * stands that is older: the server fails at the first row, there, each time. */
static void on_stuck(struct pg_logical *s, const char *why)
{
    s->stuck = s->permanent && s->stuck_at == s->began;
    s->stuck_at = s->began;
    if (s->stuck)
        log_warn(s->log, "postgres",
                 "%s: the server cannot read on from where the slot %s stands (%s): it is dropped "
                 "and made anew",
                 s->source.name, s->slot_name, why);
}

static void on_lost(void *ctx, const char *why, enum pg_loss loss)
{
    struct pg_logical *s = ctx;
    if (loss == PG_LOSS_STUCK || loss == PG_LOSS_GARBLED)
        on_stuck(s, why);
    if (loss == PG_LOSS_GARBLED)
        log_error(s->log, "postgres", "%s: what the server sends cannot be read: %s",
                  s->source.name, why);
    if (loss == PG_LOSS_OTHER) {
        forget_waiting(s);
        source_gap(&s->source, (struct str){0}, why);
    }
    /* What was read of it so far is not to be trusted, so neither is where it was. */
    if (loss == PG_LOSS_GARBLED || loss == PG_LOSS_OTHER)
        s->place.known = false;
    leave(s, why);
}

static void on_taken(void *ctx)
{
    struct pg_logical *s = ctx;
    if (s->asker)
        pg_asker_look(s->asker);
}

static const struct pg_replication_ops replication_ops = {
    .opened = on_opened, .lost = on_lost, .confirmed = on_confirmed, .taken = on_taken};

static void open_replication(struct pg_logical *s)
{
    const struct pg_replication_options options = {.loop = s->loop,
                                                   .target = s->target,
                                                   .side = s->side,
                                                   .watch = &s->watch,
                                                   .publication = s->publication,
                                                   .slot = s->slot_name,
                                                   .permanent = s->permanent,
                                                   .cursor = s->place,
                                                   .stuck = s->stuck,
                                                   .timeout_ms = s->timeout_ms,
                                                   .ops = &replication_ops,
                                                   .stream_ops = &stream_ops,
                                                   .ctx = s};
    move(s, OPENING);
    s->replication = pg_replication_new(&options);
    s->handles++;
}

/* ---- surveys ---- */

/* A table of which nothing is read may have changed with whatever was written: wide, not silent. */
static void truncate_blind(struct pg_logical *s)
{
    const struct pg_verdicts *verdicts = pg_survey_verdicts(s->survey);
    struct source_sink *sink = &s->source.sink;
    bool open = false;
    if (!pg_survey_wal_moved(s->survey) || pg_stream_is_open(stream_of(s)) ||
        pg_hold_settling(s->hold))
        return;
    for (size_t i = 0; i < verdicts->n; i++) {
        const struct pg_verdict *verdict = &verdicts->items[i];
        if (!pg_survey_is_trouble(s->survey, verdict) || verdict->finding == PG_MISSING)
            continue;
        if (!open && !sink->begin(sink->ctx, &s->source))
            return;
        open = true;
        const struct change change = {.resource = verdict->resource,
                                      .action = CHANGE_TRUNCATED,
                                      .action_name = change_action_name(CHANGE_TRUNCATED)};
        sink->change(sink->ctx, &s->source, &change);
    }
    if (open)
        sink->commit(sink->ctx, &s->source);
}

static void on_surveyed(void *ctx, const char *why)
{
    struct pg_logical *s = ctx;
    struct err unfit = ERR_INIT;
    s->surveyed_at = uv_now(s->loop);
    if (s->state == LOOKING && why) {
        leave(s, why);
    } else if (s->state == LOOKING &&
               !pg_server_is_fit(pg_survey_server(s->survey), s->publication, &unfit)) {
        move(s, AWAY);
        source_say(&s->source, false, "%s", unfit.text);
        retry(s, TROUBLE_MS);
    } else if (s->state == LOOKING) {
        open_replication(s);
    } else if (s->state == STREAMING && why) {
        s->survey_due = true;
    } else if (s->state == STREAMING &&
               !pg_server_is_fit(pg_survey_server(s->survey), s->publication, &unfit)) {
        leave(s, unfit.text);
    } else if (s->state == STREAMING) {
        s->place.tables = pg_survey_verdicts(s->survey)->mark;
        truncate_blind(s);
        say_standing(s);
        go_on(s);
    }
}

static void on_missed(void *ctx, struct str resource, const char *reason)
{
    struct pg_logical *s = ctx;
    /* Before the stream there is nothing that could be missed in it: its beginning is a gap. */
    if (s->state == STREAMING)
        source_gap(&s->source, resource, reason);
    else
        s->place.known = false;
}

static void look(struct pg_logical *s)
{
    if (s->state != AWAY || !pg_survey_begin(s->survey))
        return; /* `up` comes back here */
    uv_timer_stop(&s->timer);
    move(s, LOOKING);
}

static void on_up(void *ctx, struct pg_side *side)
{
    struct pg_logical *s = ctx;
    if (side == s->side && !uv_is_active((uv_handle_t *)&s->timer))
        look(s);
}

static void on_down(void *ctx, struct pg_side *side, const char *why)
{
    struct pg_logical *s = ctx;
    if (side != s->side)
        log_warn(s->log, "postgres", "%s: the server of visible_on: %s", s->source.name, why);
    else if (s->state == AWAY || s->state == LOOKING)
        source_say(&s->source, false, "%s; trying again", why);
    else
        log_warn(s->log, "postgres", "%s: the connection for questions: %s", s->source.name, why);
}

/* ---- the pulse ---- */

static void on_slot(void *ctx, const PGresult *result)
{
    struct pg_logical *s = ctx;
    struct pg_slot slot;
    if (s->state != STREAMING || !result || !pg_slot_read(result, &slot, NULL))
        return;
    s->retained = slot.retained;
    if (s->permanent && pg_slot_is_heavy(&slot)) {
        log_warn(s->log, "postgres",
                 "%s: the slot %s keeps %lld bytes of WAL, half of max_slot_wal_keep_size: it is "
                 "dropped and made anew",
                 s->source.name, s->slot_name, (long long)slot.retained);
        leave(s, "the slot kept too much WAL");
    }
}

/* What only an answer could bring on: a table that is looked for, readers that see what is settled.
 * With a permanent slot nothing is lost: it goes on from where it was settled. */
static bool leave_unanswered(struct pg_logical *s, uint64_t now)
{
    bool asks = pg_replication_is_blocked(s->replication) && s->survey_due;
    bool settles = s->permanent && !pg_hold_is_empty(s->hold);
    if (pg_side_up(s->side) || !(asks || settles))
        s->answered_at = now;
    if (now <= s->answered_at + UNANSWERED_MS)
        return false;
    leave(s, "the server answers no questions; perhaps it is being stopped");
    return true;
}

static void beat(struct pg_logical *s)
{
    uint64_t now = uv_now(s->loop);
    if (leave_unanswered(s, now) || !pg_replication_beat(s->replication))
        return;
    if (now > s->opened_at + STABLE_MS)
        s->backoff.failures = 0;
    pg_hold_look(s->hold);
    if (s->survey_due ||
        now >= s->surveyed_at + (pg_survey_trouble(s->survey, NULL) ? TROUBLE_MS : SURVEY_MS)) {
        s->survey_due = !pg_survey_begin(s->survey);
    } else if (pg_side_ready(s->side) && now >= s->slot_at + TROUBLE_MS) {
        const char *const values[] = {s->slot_name};
        s->slot_at = now;
        pg_side_ask(s->side, pg_slot_sql, 1, values, on_slot, s);
    }
}

static void on_pulse(uv_timer_t *timer)
{
    struct pg_logical *s = timer->data;
    if (s->state == STREAMING)
        beat(s);
    else if (s->state == AWAY && !uv_is_active((uv_handle_t *)&s->timer))
        look(s);
    else if (s->state == OPENING && pg_replication_waits(s->replication))
        source_say(
            &s->source, false,
            "making a replication slot, which waits for all transactions that are under way");
}

/* ---- the asker's calls ---- */

static bool is_captured(const struct pg_logical *s, struct str table)
{
    const struct pg_verdict *verdict = pg_verdicts_find(pg_survey_verdicts(s->survey), table);
    return verdict && pg_finding_is_captured(verdict->finding);
}

static bool on_reached(void *ctx, uint64_t *lsn)
{
    struct pg_logical *s = ctx;
    if (s->state != STREAMING || pg_stream_is_open(stream_of(s)))
        return false;
    for (size_t i = 0; i < s->rolls.n; i++)
        if (!is_captured(s, s->rolls.items[i].table))
            return false;
    *lsn = pg_stream_applied(stream_of(s));
    return true;
}

static void on_told(void *ctx, struct roll_question *question, const struct roll_answer *answer)
{
    struct pg_logical *s = ctx;
    s->source.sink.answered(s->source.sink.ctx, &s->source, question, answer);
}

static void open_asker(struct pg_logical *s)
{
    const struct pg_asker_options options = {.loop = s->loop,
                                             .target = s->target,
                                             .timeout_ms = s->timeout_ms,
                                             .rolls = &s->rolls,
                                             .ctx = s,
                                             .reached = on_reached,
                                             .answered = on_told};
    if (s->rolls.n == 0)
        return;
    s->handles++;
    s->asker = pg_asker_new(&options);
}

/* ---- the hold's calls ---- */

static void on_settled(void *ctx, bool visible)
{
    struct pg_logical *s = ctx;
    s->source.sink.settled(s->source.sink.ctx, &s->source, visible);
    go_on(s);
}

static void on_seen(void *ctx)
{
    struct pg_logical *s = ctx;
    s->source.sink.seen(s->source.sink.ctx, &s->source);
}

static void on_older_seen(void *ctx)
{
    struct pg_logical *s = ctx;
    source_gap(&s->source, (struct str){0}, "readers could not see all that was committed before");
}

static void on_moved(void *ctx)
{
    struct pg_logical *s = ctx;
    settle_place(s);
    say_standing(s);
}

/* ---- the interface ---- */

static struct pg_side *new_side(struct pg_logical *s, const struct pg_target *target)
{
    const struct pg_side_options options = {.loop = s->loop,
                                            .target = target,
                                            .timeout_ms = s->timeout_ms,
                                            .ctx = s,
                                            .up = on_up,
                                            .down = on_down};
    s->handles++;
    return pg_side_new(&options);
}

static bool pg_start(struct source *source, struct str cursor, struct err *err)
{
    struct pg_logical *s = (struct pg_logical *)source;
    CHECK(s->state == IDLE);
    s->place = pg_place_parse(cursor);
    s->stand = (struct pg_stand){.applied = s->place.lsn, .last = s->place.last};
    uv_timer_init(s->loop, &s->timer);
    uv_timer_init(s->loop, &s->pulse);
    s->timer.data = s->pulse.data = s;
    s->handles = 2;
    move(s, AWAY);
    s->side = new_side(s, s->target);
    s->reader = s->readers ? new_side(s, s->readers) : s->side;
    const struct pg_survey_options survey = {.side = s->side,
                                             .watch = &s->watch,
                                             .publication = s->publication,
                                             .alone = s->alone,
                                             .name = s->source.name,
                                             .log = s->log,
                                             .ctx = s,
                                             .done = on_surveyed,
                                             .missed = on_missed};
    const struct pg_hold_options hold = {.loop = s->loop,
                                         .side = s->reader,
                                         .ctx = s,
                                         .settled = on_settled,
                                         .seen = on_seen,
                                         .older_seen = on_older_seen,
                                         .moved = on_moved};
    s->survey = pg_survey_new(&survey);
    s->hold = pg_hold_new(&hold);
    s->handles++;
    open_asker(s);
    uv_timer_start(&s->pulse, on_pulse, PULSE_MS, PULSE_MS);
    return true;
}

static void pg_resume(struct source *source)
{
    go_on((struct pg_logical *)source);
}

static bool pg_cursor(struct source *source, struct buf *out)
{
    struct pg_logical *s = (struct pg_logical *)source;
    return s->permanent && pg_place_write(out, &s->place);
}

static void on_timer_closed(uv_handle_t *handle)
{
    handle_is_gone(handle->data);
}

static void close_source(struct pg_logical *s)
{
    drop_replication(s);
    move(s, CLOSING);
    uv_close((uv_handle_t *)&s->timer, on_timer_closed);
    uv_close((uv_handle_t *)&s->pulse, on_timer_closed);
    struct pg_hold *hold = s->hold;
    s->hold = NULL;
    pg_hold_clear(hold);
    pg_hold_close(hold, handle_is_gone, s);
    if (s->asker)
        pg_asker_close(s->asker, handle_is_gone, s);
    s->asker = NULL;
    if (s->reader != s->side)
        pg_side_close(s->reader, handle_is_gone, s);
    pg_side_close(s->side, handle_is_gone, s);
}

static void pg_stop(struct source *source, void (*done)(void *ctx), void *ctx)
{
    struct pg_logical *s = (struct pg_logical *)source;
    CHECK(!s->stopping);
    s->stopping = true;
    s->done = done;
    s->done_ctx = ctx;
    if (s->state == IDLE) {
        move(s, CLOSING);
        move(s, CLOSED);
        done(ctx);
        return;
    }
    if (s->state == STREAMING)
        pg_replication_report(s->replication);
    close_source(s);
}

static void pg_free(struct source *source)
{
    struct pg_logical *s = (struct pg_logical *)source;
    if (!s)
        return;
    CHECK(s->state == IDLE || s->state == CLOSED);
    pg_survey_free(s->survey);
    pg_target_free(s->target);
    pg_target_free(s->readers);
    arena_free(&s->arena);
    free((char *)s->source.name);
    free(s->publication);
    free(s->slot_name);
    free(s);
}

static void pg_settle(struct source *source)
{
    struct pg_logical *s = (struct pg_logical *)source;
    if (s->hold)
        pg_hold_settle(s->hold);
    else /* stopped: what is not settled is read again, the cursor stands before it */
        s->source.sink.settled(s->source.sink.ctx, source, true);
}

static void pg_ask(struct source *source, struct roll_question *question)
{
    struct pg_logical *s = (struct pg_logical *)source;
    const struct roll_answer none = {.ok = false, .why = "the source does not run"};
    if (s->asker)
        pg_asker_ask(s->asker, question);
    else
        on_told(s, question, &none);
}

static size_t pg_numbers(const struct source *source, struct source_number *out)
{
    const struct pg_logical *s = (const struct pg_logical *)source;
    const struct source_number numbers[] = {
        {"unstale_postgres_connects_total", "Times that a replication began.", true, s->connects},
        {"unstale_postgres_retained_bytes", "WAL that the server keeps for the slot.", false,
         s->retained > 0 ? (uint64_t)s->retained : 0},
        {"unstale_postgres_late_commits",
         "Commits that a tick did not wait for, since readers could not see them in time.", false,
         s->hold ? pg_hold_late(s->hold) : 0},
        {"unstale_postgres_tables_uncaptured", "Tables whose changes do not come (see the log).",
         false, s->survey ? pg_survey_trouble(s->survey, NULL) : 0},
        {"unstale_postgres_tables_wide",
         "Tables of which a rule marks more than it has to: a column or the replica identity is "
         "missing (see the log).",
         false, s->survey ? pg_survey_wide(s->survey) : 0},
        {"unstale_postgres_messages_refused_total",
         "Messages of pg_logical_emit_message that were none.", true, s->emitted_wrong},
    };
    enum { N = sizeof numbers / sizeof numbers[0] };
    for (size_t i = 0; i < N; i++)
        out[i] = numbers[i];
    return N;
}

static const struct source_ops ops = {
    .kind = "postgres",
    .start = pg_start,
    .resume = pg_resume,
    .cursor = pg_cursor,
    .stop = pg_stop,
    .free = pg_free,
    .settle = pg_settle,
    .numbers = pg_numbers,
    .ask = pg_ask,
};

static char *copy_text(const char *text)
{
    return mem_copy(text, strlen(text));
}

/* Nobody else has the name of a temporary slot. */
static char *slot_name_of(const struct pg_logical_options *options)
{
    char name[PG_SLOT_NAME_MAX];
    if (options->permanent)
        return copy_text(options->slot_name);
    snprintf(name, sizeof name, "unstale_%016llx", (unsigned long long)random_u64());
    return copy_text(name);
}

struct source *pg_logical_new(const struct pg_logical_options *options,
                              const struct source_sink *sink, struct err *err)
{
    static const char kind[] = "postgres ";
    struct pg_target *target = pg_target_new(options->url, options->password_file, err);
    struct pg_target *readers = NULL;
    if (target && options->visible_on)
        readers = pg_target_new(options->visible_on, options->password_file, err);
    if (!target || (options->visible_on && !readers)) {
        pg_target_free(target);
        return NULL;
    }
    struct pg_logical *s = mem_new(sizeof *s);
    size_t length = sizeof kind + strlen(pg_target_name(target));
    char *name = mem_new(length);
    snprintf(name, length, "%s%s", kind, pg_target_name(target));
    s->source = (struct source){
        .ops = &ops, .sink = *sink, .name = name, .patience_ms = options->patience_ms};
    s->target = target;
    s->readers = readers;
    s->publication = copy_text(options->publication);
    s->slot_name = slot_name_of(options);
    s->permanent = options->permanent;
    s->alone = options->alone;
    s->timeout_ms = options->timeout_ms;
    s->backoff = (struct backoff){.first_ms = FIRST_MS, .max_ms = MAX_MS};
    s->log = options->log;
    s->loop = options->loop;
    arena_init(&s->arena, WATCH_MEMORY);
    s->watch = watch_copy(options->watch, &s->arena);
    if (options->rolls)
        s->rolls = rolls_copy(options->rolls, &s->arena);
    return &s->source;
}
