/* How changes are read without ever hurting a writer, and how it is proven that none is missing.
 *
 *            start            opened                 rows, begin ok
 *     IDLE ────────▶ AWAY ────────────▶ FOLLOWING ────────────────▶ READING
 *                     ▲  ▲                │ ▲  │ begin refused       │  │
 *                     │  └── trouble ─────┘ │  ▼                     │  │
 *                     │                     │ BLOCKED ─ resume ──▶───┘  │
 *                     │                     └───────── all read ────────┤
 *                     └────────────────────── trouble ──────────────────┘
 *     stop: from everywhere to CLOSING (READING first reads to its end), then CLOSED.
 *
 * A look is one read transaction, so one snapshot: in it stand the schema, our place in the change
 * table and the rows behind that place, and the end of a snapshot is never inside a transaction of
 * the application. What is handed on from one snapshot is one transaction of the sink.
 *
 * The proof that nothing is missing is the row at the cursor: the next look must find that same row
 * (its number and a hash of all its columns) in the setup of the same random name, and the numbers
 * behind it without a hole. The number of a row is the one before it plus one (no AUTOINCREMENT:
 * the newest row is never trimmed, so numbers are not given twice, and a rolled back transaction
 * leaves no hole). So a trimmed ring, a restored backup, another file and a table that was emptied
 * by hand are all one case: the row is not there, or it is another. And what the triggers cannot
 * have seen, because they were not there, shows as another verdict on the table (sqlite_verify.h),
 * which is a gap of that table.
 *
 * A table without its triggers is blind. Whenever anything was committed it is handed on as
 * truncated, at most once a second: wide, but not silent. */
#include "source/sqlite.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/mem.h"
#include "source/sqlite_cursor.h"
#include "source/sqlite_file.h"
#include "source/sqlite_names.h"
#include "source/sqlite_read.h"
#include "source/sqlite_replay.h"
#include "source/sqlite_rolls.h"
#include "source/sqlite_schema.h"
#include "source/sqlite_verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SLICE = 500,   /* rows a loop turn */
    ANSWERS = 200, /* questions in one snapshot */
    RETRY_MS = 1000,
    BUSY_MS = 1000,  /* so long it may be locked before that is called "not current" */
    BLIND_MS = 1000, /* between two truncations of blind tables */
    WATCH_MEMORY = 64 << 20,
};

enum state { IDLE, AWAY, FOLLOWING, BLOCKED, READING, CLOSING, CLOSED, STATES };

static const char *const state_names[STATES] = {"idle",    "away",    "following", "blocked",
                                                "reading", "closing", "closed"};

static const bool moves[STATES][STATES] = {
    [IDLE] = {[AWAY] = true, [CLOSING] = true},
    [AWAY] = {[FOLLOWING] = true, [CLOSING] = true},
    [FOLLOWING] = {[READING] = true, [BLOCKED] = true, [AWAY] = true, [CLOSING] = true},
    [BLOCKED] = {[FOLLOWING] = true, [AWAY] = true, [CLOSING] = true},
    [READING] = {[FOLLOWING] = true, [AWAY] = true},
    [CLOSING] = {[CLOSED] = true},
};

struct sqlite_source {
    struct source source;
    enum state state;
    char *path;
    struct arena arena; /* of the watch */
    struct watch watch;
    uint64_t poll_ms;
    const struct log *log;
    uv_loop_t *loop;
    uv_timer_t timer;
    /* Slices: a timer of 0 ms that starts itself again runs within the same loop turn (libuv before
     * 1.45), and I/O would starve. */
    uv_idle_t idle;
    unsigned handles; /* open on the loop */

    sqlite3 *db;
    struct sqlite_names names;
    int64_t data_version;
    bool dirty; /* something was committed that no look has seen */
    uint64_t busy_since;
    uint64_t retry_ms;

    struct sqlite_verdicts *verdicts; /* of the last look */
    struct sqlite_replay *replay;
    struct sqlite_cursor cursor;
    bool blind; /* a table may have changed unseen */
    uint64_t blind_at;

    sqlite3_stmt *rows; /* READING */
    int64_t last;       /* the newest id of the snapshot */
    bool truncate_blind;

    struct sqlite_rolls *rolls;
    struct list questions;

    bool stopping;
    void (*done)(void *ctx);
    void *done_ctx;
};

static void on_timer(uv_timer_t *timer);

static void move(struct sqlite_source *s, enum state to)
{
    CHECK(moves[s->state][to]);
    log_debug(s->log, "sqlite", "%s: %s -> %s", s->path, state_names[s->state], state_names[to]);
    s->state = to;
}

static void wake(struct sqlite_source *s, uint64_t ms)
{
    uv_timer_start(&s->timer, on_timer, ms, 0);
}

/* ---- what is said ---- */

static void gap_all(struct sqlite_source *s, const char *reason)
{
    source_gap(&s->source, (struct str){0}, reason);
}

/* ---- the connection ---- */

static void close_db(struct sqlite_source *s)
{
    sqlite3_finalize(s->rows);
    s->rows = NULL;
    if (s->replay)
        sqlite_replay_drop(s->replay);
    sqlite_rolls_drop(s->rolls);
    sqlite3_close(s->db);
    s->db = NULL;
}

/* Closes the connection; it is opened again after `ms`. */
static void leave(struct sqlite_source *s, uint64_t ms)
{
    close_db(s);
    move(s, AWAY);
    wake(s, ms);
}

static uint64_t next_retry(struct sqlite_source *s)
{
    uint64_t ms = s->retry_ms;
    s->retry_ms = ms * 2 < RETRY_MS ? ms * 2 : RETRY_MS;
    return ms;
}

static bool is_locked(int rc)
{
    int primary = rc & 0xff;
    return primary == SQLITE_BUSY || primary == SQLITE_LOCKED || primary == SQLITE_PROTOCOL;
}

/* A look could not be finished. */
static void trouble(struct sqlite_source *s, int rc, const char *text)
{
    if (is_locked(rc)) {
        uint64_t now = uv_now(s->loop);
        s->busy_since = s->busy_since ? s->busy_since : now;
        s->dirty = true;
        if (now - s->busy_since >= BUSY_MS)
            source_say(
                &s->source, false,
                "%s is locked by another process for %d ms and more; trying again (does it use "
                "PRAGMA locking_mode=EXCLUSIVE?)",
                s->path, BUSY_MS);
        wake(s, s->poll_ms);
        return;
    }
    int primary = rc & 0xff;
    bool beside = primary == SQLITE_CANTOPEN || primary == SQLITE_READONLY;
    source_say(
        &s->source, false, "%s cannot be read: %s%s; trying again", s->path, text,
        beside
            ? " (its folder must be writable for this user, for the files -shm and -wal beside it)"
            : "");
    leave(s, next_retry(s));
}

static void open_db(struct sqlite_source *s)
{
    struct err err = ERR_INIT;
    sqlite_names_note(&s->names, s->path); /* before: replaced in between, it is opened again */
    switch (sqlite_file_open(s->path, &s->db, &err)) {
    case SQLITE_FILE_WAL:
        break;
    case SQLITE_FILE_ROLLBACK:
        source_say(
            &s->source, false,
            "%s is not in WAL mode, where reading it could make your own writes fail; run once: "
            "sqlite3 '%s' 'PRAGMA journal_mode=WAL;'",
            s->path, s->path);
        wake(s, next_retry(s));
        return;
    case SQLITE_FILE_MISSING:
        source_say(&s->source, false, "%s does not exist; waiting for it", s->path);
        wake(s, next_retry(s));
        return;
    case SQLITE_FILE_EMPTY:
        source_say(&s->source, false, "%s is empty; waiting for its tables", s->path);
        wake(s, next_retry(s));
        return;
    case SQLITE_FILE_FAILED:
        source_say(&s->source, false, "%s cannot be opened: %s; trying again", s->path, err.text);
        wake(s, next_retry(s));
        return;
    }
    sqlite3_busy_timeout(s->db, 0); /* waiting here would stop the whole loop */
    sqlite3_exec(s->db, "PRAGMA query_only=1", NULL, NULL, NULL);
    s->dirty = true;
    s->blind = false;
    s->busy_since = 0;
    sqlite_verdicts_free(s->verdicts);
    s->verdicts = NULL;
    move(s, FOLLOWING);
    wake(s, 0);
}

/* ---- a look: the schema ---- */

/* What may have changed unseen between two verifications. */
static void compare(struct sqlite_source *s, const struct sqlite_verdicts *old,
                    const struct sqlite_verdicts *new)
{
    for (size_t i = 0; i < new->n; i++) {
        const struct sqlite_verdict *verdict = &new->items[i];
        const struct sqlite_verdict *before = sqlite_verdicts_find(old, verdict->resource);
        if (!before || before->mark != verdict->mark)
            source_gap(&s->source, verdict->resource, "the table was altered");
    }
    for (size_t i = 0; i < old->n; i++)
        if (!sqlite_verdicts_find(new, old->items[i].resource))
            source_gap(&s->source, old->items[i].resource, "the table is gone");
}

static void note_blind(struct sqlite_source *s)
{
    s->blind = false;
    for (size_t i = 0; i < s->verdicts->n; i++) {
        const struct sqlite_verdict *verdict = &s->verdicts->items[i];
        if (verdict->warning.n > 0)
            log_warn(s->log, "sqlite", "%s: %.*s", s->path, STR_ARG(verdict->warning));
        if (verdict->covered || !verdict->exists)
            continue;
        s->blind = true;
        if (!verdict->ruled && s->verdicts->set_up)
            log_warn(
                s->log, "sqlite",
                "%s: table %.*s has no triggers; it is taken as changed by every commit until you "
                "run: unstale setup sqlite '%s' -c CONFIG --apply",
                s->path, STR_ARG(verdict->resource), s->path);
    }
    if (s->verdicts->set_up && !s->verdicts->trims)
        log_warn(s->log, "sqlite",
                 "%s: nothing keeps the change table short; run: unstale setup sqlite '%s' -c "
                 "CONFIG --apply",
                 s->path, s->path);
}

/* Verifies again when the schema of this snapshot is another one. */
static int check_schema(struct sqlite_source *s, struct err *err)
{
    int64_t version = 0;
    bool found;
    int rc = sqlite_read_integer(s->db, "PRAGMA main.schema_version", &version, &found);
    if (rc != SQLITE_OK) {
        err_set(err, "%s", sqlite3_errmsg(s->db));
        return rc;
    }
    if (s->verdicts && s->verdicts->schema_version == version)
        return SQLITE_OK;
    struct sqlite_verdicts *verdicts = sqlite_verify(s->db, &s->watch, &rc, err);
    if (!verdicts)
        return rc;
    if (verdicts->set_up) {
        rc = sqlite_replay_layouts(s->replay, s->db);
        if (rc != SQLITE_OK) {
            err_set(err, "%s", sqlite3_errmsg(s->db));
            sqlite_verdicts_free(verdicts);
            return rc;
        }
    }
    if (s->verdicts)
        compare(s, s->verdicts, verdicts);
    else if (s->cursor.known && s->cursor.schema != verdicts->mark) {
        gap_all(s, "the schema is another one");
        s->cursor.schema = verdicts->mark;
    }
    sqlite_verdicts_free(s->verdicts);
    s->verdicts = verdicts;
    note_blind(s);
    return SQLITE_OK;
}

/* ---- a look: our place ---- */

/* Begins anew at the end of the change table, what was before it is a gap. */
static int begin_anew(struct sqlite_source *s, const char *reason)
{
    bool found;
    int rc = sqlite_read_row_hash(s->db, s->last, &s->cursor.row, &found);
    if (rc != SQLITE_OK)
        return rc;
    gap_all(s, reason);
    s->cursor.known = found;
    s->cursor.id = s->last;
    memcpy(s->cursor.instance, s->verdicts->instance, sizeof s->cursor.instance);
    return SQLITE_OK;
}

static int check_cursor(struct sqlite_source *s)
{
    bool found;
    s->last = 0;
    int rc = sqlite_read_integer(s->db, "SELECT max(id) FROM main.\"" SQLITE_CHANGES "\"", &s->last,
                                 &found);
    if (rc != SQLITE_OK)
        return rc;
    if (!s->cursor.known)
        return begin_anew(s, "no place to go on from");
    if (strcmp(s->cursor.instance, s->verdicts->instance) != 0)
        return begin_anew(s, "it is another database, or it was set up again");
    uint64_t row = 0;
    rc = sqlite_read_row_hash(s->db, s->cursor.id, &row, &found);
    if (rc != SQLITE_OK)
        return rc;
    if (!found && s->last > s->cursor.id)
        return begin_anew(s, "more changes than the change table keeps");
    if (!found || row != s->cursor.row)
        return begin_anew(s, "the database was set back");
    return SQLITE_OK;
}

/* ---- questions ---- */

/* NULL: the tables that are asked are followed. */
static const char *uncovered(const struct sqlite_source *s)
{
    const struct rolls *rolls = sqlite_rolls_all(s->rolls);
    if (!s->verdicts->set_up)
        return "the database is not set up for unstale";
    for (size_t i = 0; i < rolls->n; i++) {
        const struct sqlite_verdict *verdict =
            sqlite_verdicts_find(s->verdicts, rolls->items[i].table);
        if (!verdict || !verdict->covered)
            return "a table of auth.membership is not followed";
    }
    return NULL;
}

static void answer(struct sqlite_source *s, const struct roll_answer *answer)
{
    struct roll_question *question = LIST_ITEM(s->questions.next, struct roll_question, node);
    list_remove(&question->node);
    s->source.sink.answered(s->source.sink.ctx, &s->source, question, answer);
}

/* In a snapshot whose changes are all handed on. */
static void answer_questions(struct sqlite_source *s)
{
    if (list_empty(&s->questions))
        return;
    const char *why = uncovered(s);
    for (unsigned i = 0; i < ANSWERS && !list_empty(&s->questions); i++) {
        const struct roll_question *question =
            LIST_ITEM(s->questions.next, struct roll_question, node);
        const struct roll_answer said = why ? (struct roll_answer){.ok = false, .why = why}
                                            : sqlite_rolls_ask(s->rolls, s->db, question->user);
        answer(s, &said);
    }
}

static void refuse_questions(struct sqlite_source *s)
{
    const struct roll_answer refused = {.ok = false, .why = "the source stops"};
    while (!list_empty(&s->questions))
        answer(s, &refused);
}

/* ---- a look ---- */

static void end_snapshot(struct sqlite_source *s)
{
    sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

/* Everything up to the last snapshot is known. */
static void say_standing(struct sqlite_source *s)
{
    const char *run = "run: unstale setup sqlite";
    s->cursor.schema = s->verdicts->mark;
    if (!s->verdicts->set_up) {
        source_say(&s->source, false, "%s is not set up for unstale; %s '%s' -c CONFIG --apply",
                   s->path, run, s->path);
        return;
    }
    size_t missing = 0;
    struct str problem = {0};
    for (size_t i = 0; i < s->verdicts->n; i++) {
        const struct sqlite_verdict *verdict = &s->verdicts->items[i];
        if (verdict->covered || !verdict->ruled)
            continue;
        if (!verdict->fits) /* setup would stop at its line */
            run = "mend the rule or the table, then run: unstale setup sqlite";
        if (missing++ == 0)
            problem = verdict->problem;
    }
    if (missing == 0)
        source_say(&s->source, true, "%s is followed", s->path);
    else if (missing == 1)
        source_say(&s->source, false, "%s: %.*s; %s '%s' -c CONFIG --apply", s->path,
                   STR_ARG(problem), run, s->path);
    else
        source_say(&s->source, false, "%s: %.*s (and %zu tables more); %s '%s' -c CONFIG --apply",
                   s->path, STR_ARG(problem), missing - 1, run, s->path);
}

static bool blind_is_due(const struct sqlite_source *s)
{
    return s->blind && s->dirty && uv_now(s->loop) - s->blind_at >= BLIND_MS;
}

static int start_rows(struct sqlite_source *s)
{
    int rc = sqlite3_prepare_v2(s->db, SQLITE_READ_ROWS "WHERE id > ?1 AND id <= ?2 ORDER BY id",
                                -1, &s->rows, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(s->rows, 1, s->cursor.id);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(s->rows, 2, s->verdicts->set_up ? s->last : s->cursor.id);
    return rc;
}

/* The snapshot was read to its end, or there was nothing in it. */
static void settle(struct sqlite_source *s)
{
    s->busy_since = 0;
    s->retry_ms = s->poll_ms;
    sqlite_names_note_beside(&s->names, s->db);
    /* Blind tables wait for their second. */
    s->dirty = s->dirty && s->blind && !s->truncate_blind;
    s->truncate_blind = false;
    say_standing(s);
}

static void close_source(struct sqlite_source *s);

static void truncate_blind(struct sqlite_source *s)
{
    for (size_t i = 0; i < s->verdicts->n; i++) {
        const struct sqlite_verdict *verdict = &s->verdicts->items[i];
        if (!verdict->covered && verdict->exists)
            sqlite_replay_truncated(s->replay, verdict->resource, 0);
    }
    s->blind_at = uv_now(s->loop);
}

static void commit(struct sqlite_source *s)
{
    sqlite3_finalize(s->rows);
    s->rows = NULL;
    s->source.sink.commit(s->source.sink.ctx, &s->source);
}

/* Rows of one loop turn. */
static void read_slice(struct sqlite_source *s)
{
    int rc = SQLITE_DONE;
    for (unsigned i = 0; s->rows && i < SLICE; i++) {
        rc = sqlite3_step(s->rows);
        if (rc != SQLITE_ROW)
            break;
        int64_t id = sqlite3_column_int64(s->rows, SQLITE_REPLAY_ID);
        if (id != s->cursor.id + 1)
            gap_all(s, "changes were taken out of the change table");
        sqlite_replay_row(s->replay, s->db, s->rows);
        s->cursor.id = id;
        s->cursor.row = sqlite_read_hash(s->rows);
    }
    if (rc == SQLITE_ROW)
        return;
    uv_idle_stop(&s->idle);
    if (rc != SQLITE_DONE) {
        char text[ERR_MAX];
        snprintf(text, sizeof text, "%s", sqlite3_errmsg(s->db));
        gap_all(s, "reading broke off");
        commit(s);
        source_say(&s->source, false, "%s cannot be read: %s; trying again", s->path, text);
        leave(s, next_retry(s));
    } else {
        sqlite_replay_end(s->replay);
        if (s->truncate_blind)
            truncate_blind(s);
        commit(s);
        answer_questions(s);
        end_snapshot(s);
        move(s, FOLLOWING);
        settle(s);
        wake(s, list_empty(&s->questions) ? s->poll_ms : 0);
    }
    if (s->stopping)
        close_source(s);
}

static void on_idle(uv_idle_t *idle)
{
    read_slice(idle->data);
}

static void look(struct sqlite_source *s)
{
    struct err err = ERR_INIT;
    int rc = sqlite3_exec(s->db, "BEGIN", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = check_schema(s, &err);
    if (rc == SQLITE_OK && s->verdicts->set_up)
        rc = check_cursor(s);
    if (rc == SQLITE_OK && !s->verdicts->set_up && s->cursor.known) {
        gap_all(s, "it is not set up any more");
        s->cursor.known = false;
    }
    if (rc != SQLITE_OK)
        goto failed;
    bool rows = s->verdicts->set_up && s->last > s->cursor.id;
    s->truncate_blind = blind_is_due(s);
    if (!rows && !s->truncate_blind) {
        answer_questions(s);
        end_snapshot(s);
        settle(s);
        wake(s, list_empty(&s->questions) ? s->poll_ms : 0);
        return;
    }
    if (rows)
        rc = start_rows(s);
    if (rc != SQLITE_OK)
        goto failed;
    if (!s->source.sink.begin(s->source.sink.ctx, &s->source)) {
        sqlite3_finalize(s->rows);
        s->rows = NULL;
        end_snapshot(s);
        s->dirty = true;
        move(s, BLOCKED);
        return;
    }
    move(s, READING);
    uv_idle_start(&s->idle, on_idle);
    read_slice(s);
    return;
failed:
    if (err.text[0] == '\0')
        err_set(&err, "%s", sqlite3_errmsg(s->db));
    sqlite3_finalize(s->rows);
    s->rows = NULL;
    end_snapshot(s);
    trouble(s, rc, err.text);
}

static void poll_file(struct sqlite_source *s)
{
    int64_t version = 0;
    bool found;
    if (sqlite_names_moved(&s->names, s->path, s->db)) {
        log_info(s->log, "sqlite", "%s was replaced; opening it again", s->path);
        leave(s, 0);
        return;
    }
    int rc = sqlite_read_integer(s->db, "PRAGMA main.data_version", &version, &found);
    if (rc != SQLITE_OK) {
        trouble(s, rc, sqlite3_errmsg(s->db));
        return;
    }
    bool changed = version != s->data_version;
    bool waiting = s->dirty && s->blind && !blind_is_due(s) && s->busy_since == 0;
    s->data_version = version;
    s->dirty = s->dirty || changed;
    if (changed || (s->dirty && !waiting) || !list_empty(&s->questions))
        look(s);
    else
        wake(s, s->poll_ms);
}

static void on_timer(uv_timer_t *timer)
{
    struct sqlite_source *s = timer->data;
    if (s->state == AWAY)
        open_db(s);
    else if (s->state == FOLLOWING)
        poll_file(s);
}

/* ---- the interface ---- */

static bool sqlite_start(struct source *source, struct str cursor, struct err *err)
{
    struct sqlite_source *s = (struct sqlite_source *)source;
    CHECK(s->state == IDLE);
    uv_timer_init(s->loop, &s->timer); /* neither can fail */
    uv_idle_init(s->loop, &s->idle);
    s->timer.data = s->idle.data = s;
    s->handles = 2;
    s->cursor = sqlite_cursor_parse(cursor);
    move(s, AWAY);
    wake(s, 0);
    return true;
}

static void sqlite_resume(struct source *source)
{
    struct sqlite_source *s = (struct sqlite_source *)source;
    if (s->state != BLOCKED)
        return;
    move(s, FOLLOWING);
    look(s);
}

static bool sqlite_place(struct source *source, struct buf *out)
{
    struct sqlite_source *s = (struct sqlite_source *)source;
    return s->cursor.known && s->state != READING && sqlite_cursor_write(out, &s->cursor);
}

static void on_closed(uv_handle_t *handle)
{
    struct sqlite_source *s = handle->data;
    if (--s->handles > 0)
        return;
    move(s, CLOSED);
    s->done(s->done_ctx);
}

static void close_source(struct sqlite_source *s)
{
    refuse_questions(s);
    close_db(s);
    move(s, CLOSING);
    if (s->handles > 0) {
        uv_close((uv_handle_t *)&s->timer, on_closed);
        uv_close((uv_handle_t *)&s->idle, on_closed);
        return;
    }
    move(s, CLOSED);
    s->done(s->done_ctx);
}

static void sqlite_stop(struct source *source, void (*done)(void *ctx), void *ctx)
{
    struct sqlite_source *s = (struct sqlite_source *)source;
    CHECK(!s->stopping);
    s->stopping = true;
    s->done = done;
    s->done_ctx = ctx;
    if (s->state != READING)
        close_source(s);
}

static void sqlite_ask(struct source *source, struct roll_question *question)
{
    struct sqlite_source *s = (struct sqlite_source *)source;
    list_push_back(&s->questions, &question->node);
    if (s->state == FOLLOWING)
        wake(s, 0);
}

static void sqlite_free(struct source *source)
{
    struct sqlite_source *s = (struct sqlite_source *)source;
    if (!s)
        return;
    CHECK(s->state == IDLE || s->state == CLOSED);
    sqlite_replay_free(s->replay);
    sqlite_verdicts_free(s->verdicts);
    sqlite_rolls_free(s->rolls);
    arena_free(&s->arena);
    free((char *)s->source.name);
    free(s->path);
    free(s);
}

static const struct source_ops ops = {
    .kind = "sqlite",
    .start = sqlite_start,
    .resume = sqlite_resume,
    .cursor = sqlite_place,
    .stop = sqlite_stop,
    .free = sqlite_free,
    .ask = sqlite_ask,
};

static void on_change(void *ctx, const struct change *change)
{
    struct sqlite_source *s = ctx;
    s->source.sink.change(s->source.sink.ctx, &s->source, change);
}

static void on_unreadable(void *ctx, struct str table)
{
    struct sqlite_source *s = ctx;
    source_gap(&s->source, table, "its changes cannot be read: the setup is another one");
}

struct source *sqlite_new(const struct sqlite_options *options, const struct source_sink *sink)
{
    static const char kind[] = "sqlite ";
    struct sqlite_source *s = mem_new(sizeof *s);
    size_t length = strlen(options->path);
    char *name = mem_new(sizeof kind + length);
    snprintf(name, sizeof kind + length, "%s%s", kind, options->path);
    s->source = (struct source){.ops = &ops, .sink = *sink, .name = name};
    s->path = mem_copy(options->path, length);
    s->poll_ms = options->poll_ms > 0 ? options->poll_ms : 1;
    s->retry_ms = s->poll_ms < RETRY_MS ? s->poll_ms : RETRY_MS;
    s->log = options->log;
    s->loop = options->loop;
    arena_init(&s->arena, WATCH_MEMORY);
    s->watch = watch_copy(options->watch, &s->arena);
    list_init(&s->questions);
    s->rolls = sqlite_rolls_new(options->rolls ? options->rolls : &(struct rolls){0});
    s->replay = sqlite_replay_new(
        &s->watch,
        &(struct sqlite_replay_sink){.ctx = s, .change = on_change, .unreadable = on_unreadable});
    return &s->source;
}
