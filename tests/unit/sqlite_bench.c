#include "sqlite_bench.h"

#include "base/mem.h"
#include "source/sqlite.h"
#include "source/sqlite_setup.h"
#include "unit.h"

#include <ftw.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { HEARD_MAX = 64 << 20, SQL_MAX = 16 << 20, PATIENCE_S = 10 };

/* ---- the sink ---- */

static void write_value(struct buf *out, struct value value)
{
    if (value.type == VALUE_ABSENT)
        buf_byte(out, '?');
    else
        value_write_json(out, value);
}

static void write_field(struct buf *out, const struct change *change,
                        const struct change_field *field)
{
    static const char marks[] = {
        [CHANGE_UNKNOWN] = '?', [CHANGE_SAME] = '=', [CHANGE_DIFFERENT] = '!'};
    buf_byte(out, ' ');
    buf_str(out, field->column);
    bool only_differs = field->before.type == VALUE_ABSENT && field->after.type == VALUE_ABSENT &&
                        field->differs != CHANGE_UNKNOWN;
    if (only_differs) {
        buf_byte(out, marks[field->differs]);
        return;
    }
    buf_byte(out, '=');
    if (change->action == CHANGE_CREATED) {
        assert_int_equal(field->before.type, VALUE_ABSENT);
        write_value(out, field->after);
    } else if (change->action == CHANGE_DELETED) {
        assert_int_equal(field->after.type, VALUE_ABSENT);
        write_value(out, field->before);
    } else {
        write_value(out, field->before);
        if (!value_equal(field->before, field->after)) {
            buf_byte(out, '>');
            write_value(out, field->after);
        }
    }
}

static bool on_begin(void *ctx, struct source *source)
{
    struct sqlite_bench *b = ctx;
    assert_false(b->open);
    b->refused = b->refused || b->refuse;
    b->open = !b->refuse;
    b->changes = 0;
    return b->open;
}

static void on_change(void *ctx, struct source *source, const struct change *change)
{
    struct sqlite_bench *b = ctx;
    assert_true(b->open);
    assert_false(change->sparse);
    if (str_is(change->resource, "fence")) {
        b->fences++;
        return;
    }
    b->changes++;
    b->time_ms = change->time_ms;
    buf_str(&b->heard, change->resource);
    buf_byte(&b->heard, ' ');
    buf_str(&b->heard, change->action_name);
    if (change->id.type != VALUE_ABSENT) {
        buf_text(&b->heard, " #");
        value_write_json(&b->heard, change->id);
    }
    for (size_t i = 0; i < change->n_fields; i++)
        write_field(&b->heard, change, &change->fields[i]);
    buf_byte(&b->heard, '\n');
}

static void on_commit(void *ctx, struct source *source)
{
    struct sqlite_bench *b = ctx;
    assert_true(b->open);
    b->open = false;
    b->transactions++;
    if (b->changes > 0)
        buf_text(&b->heard, "--\n");
}

static void on_gap(void *ctx, struct source *source, struct str resource, const char *reason)
{
    struct sqlite_bench *b = ctx;
    b->gaps++;
    assert_true(strlen(reason) > 0);
    buf_printf(&b->heard, "gap %.*s\n", STR_ARG(resource.n > 0 ? resource : STR("*")));
}

static void on_current(void *ctx, struct source *source, bool current, const char *why)
{
    struct sqlite_bench *b = ctx;
    b->told_current = true;
    b->current = current;
    snprintf(b->why, sizeof b->why, "%s", why);
}

/* ---- the bench ---- */

static char *keep(struct sqlite_bench *b, const char *text)
{
    assert_true(b->n_texts < sizeof b->texts / sizeof b->texts[0]);
    return b->texts[b->n_texts++] = mem_copy(text, strlen(text));
}

struct sqlite_bench *sqlite_bench_bare(void)
{
    struct sqlite_bench *b = mem_new(sizeof *b);
    snprintf(b->dir, sizeof b->dir, "/tmp/unstale-sqlite-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    snprintf(b->path, sizeof b->path, "%s/app.db", b->dir);
    b->heard = BUF_INIT(HEARD_MAX);
    b->watch.tables = b->tables;
    assert_int_equal(uv_loop_init(&b->loop), 0);
    return b;
}

void sqlite_bench_connect(struct sqlite_bench *b)
{
    sqlite3_close(b->db);
    assert_int_equal(sqlite3_open(b->path, &b->db), SQLITE_OK);
    sqlite_bench_sql(b, "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA foreign_keys=ON");
}

struct sqlite_bench *sqlite_bench_new(const char *schema)
{
    struct sqlite_bench *b = sqlite_bench_bare();
    sqlite_bench_connect(b);
    sqlite_bench_sql(b, "CREATE TABLE fence(id INTEGER PRIMARY KEY)");
    sqlite_bench_sql(b, schema);
    sqlite_bench_watch(b, "fence", "id", "");
    return b;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    return remove(path);
}

void sqlite_bench_free(struct sqlite_bench *b)
{
    if (b->source)
        sqlite_bench_stop(b);
    sqlite3_close(b->db);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&b->loop), 0);
    nftw(b->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    for (size_t i = 0; i < b->n_texts; i++)
        free(b->texts[i]);
    buf_free(&b->heard);
    free(b);
}

void sqlite_bench_watch(struct sqlite_bench *b, const char *table, const char *ids,
                        const char *columns)
{
    size_t n = b->watch.n_tables++;
    assert_true(n < SQLITE_BENCH_TABLES);
    struct watch_table *watched = &b->tables[n];
    *watched = (struct watch_table){.table = str_of(keep(b, table)),
                                    .at = {.line = (unsigned)n + 1, .column = 1},
                                    .columns = b->columns[n],
                                    .id = b->ids[n]};
    char *all = keep(b, "");
    free(all);
    size_t size = strlen(ids) + strlen(columns) + 2;
    b->texts[b->n_texts - 1] = all = mem_new(size);
    snprintf(all, size, "%s %s", ids, columns);
    size_t id_bytes = strlen(ids);
    char *rest = NULL;
    for (char *word = strtok_r(all, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        bool id = (size_t)(word - all) < id_bytes;
        size_t length = strlen(word);
        bool differs = word[length - 1] == '~';
        struct str name = {.p = word, .n = length - differs};
        assert_true(watched->n_columns < SQLITE_BENCH_COLUMNS);
        watched->columns[watched->n_columns] = (struct watch_column){
            .name = name,
            .value = !differs,
            .differs = differs,
            .at = {.line = (unsigned)n + 1, .column = (unsigned)watched->n_columns + 2}};
        watched->n_columns++;
        if (id)
            watched->id[watched->n_id++] = name;
    }
}

void sqlite_bench_setup(struct sqlite_bench *b)
{
    struct buf sql = BUF_INIT(SQL_MAX);
    struct place at;
    struct err err = ERR_INIT;
    if (!sqlite_setup_sql(b->path, &b->watch, &sql, &at, &err) ||
        !sqlite_setup_apply(b->path, &sql, &err))
        fail_msg("setup: %s", err.text);
    buf_free(&sql);
}

void sqlite_bench_start(struct sqlite_bench *b, const char *cursor)
{
    struct source_sink sink = {.ctx = b,
                               .begin = on_begin,
                               .change = on_change,
                               .commit = on_commit,
                               .gap = on_gap,
                               .current = on_current};
    struct sqlite_options options = {
        .path = b->path, .poll_ms = 1, .watch = &b->watch, .loop = &b->loop};
    b->told_current = false;
    b->source = sqlite_new(&options, &sink);
    struct err err = ERR_INIT;
    if (!b->source->ops->start(b->source, str_of(cursor), &err))
        fail_msg("start: %s", err.text);
}

static void on_stopped(void *ctx)
{
    *(bool *)ctx = true;
}

const char *sqlite_bench_stop(struct sqlite_bench *b)
{
    static char text[256];
    struct buf cursor = BUF_INIT(sizeof text - 1);
    bool stopped = false;
    b->source->ops->stop(b->source, on_stopped, &stopped);
    while (!stopped)
        uv_run(&b->loop, UV_RUN_ONCE);
    assert_false(b->open);
    bool known = b->source->ops->cursor(b->source, &cursor);
    snprintf(text, sizeof text, "%.*s", known ? (int)cursor.len : 0, known ? cursor.data : "");
    buf_free(&cursor);
    b->source->ops->free(b->source);
    b->source = NULL;
    return text;
}

int sqlite_bench_try(struct sqlite_bench *b, const char *sql)
{
    return sqlite3_exec(b->db, sql, NULL, NULL, NULL);
}

void sqlite_bench_sql(struct sqlite_bench *b, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(b->db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
}

/* ---- waiting ---- */

void sqlite_bench_turn(struct sqlite_bench *b)
{
    uv_run(&b->loop, UV_RUN_ONCE);
}

static time_t seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

typedef bool condition(const struct sqlite_bench *b, const void *wanted);

static void wait_for(struct sqlite_bench *b, condition *holds, const void *wanted, const char *what)
{
    time_t end = seconds() + PATIENCE_S;
    while (!holds(b, wanted)) {
        if (seconds() >= end)
            fail_msg("waited for %s; %s: %s\n%.*s", what, b->current ? "current" : "not current",
                     b->why, STR_ARG(buf_slice(&b->heard)));
        sqlite_bench_turn(b);
    }
}

static bool is_current(const struct sqlite_bench *b, const void *wanted)
{
    return b->told_current && b->current == *(const bool *)wanted;
}

void sqlite_bench_wait_current(struct sqlite_bench *b, bool current)
{
    wait_for(b, is_current, &current, current ? "current" : "not current");
}

static bool says(const struct sqlite_bench *b, const void *wanted)
{
    return strstr(b->why, wanted) != NULL;
}

void sqlite_bench_wait_why(struct sqlite_bench *b, const char *text)
{
    wait_for(b, says, text, text);
}

static bool has_heard(const struct sqlite_bench *b, const void *wanted)
{
    return b->heard.len > 0 && memmem(b->heard.data, b->heard.len, wanted, strlen(wanted)) != NULL;
}

void sqlite_bench_wait_heard(struct sqlite_bench *b, const char *text)
{
    wait_for(b, has_heard, text, text);
}

int64_t sqlite_bench_number(struct sqlite_bench *b, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_prepare_v2(b->db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return number;
}

static bool has_gap(const struct sqlite_bench *b, const void *wanted)
{
    return b->gaps > *(const unsigned *)wanted;
}

void sqlite_bench_wait_gap(struct sqlite_bench *b)
{
    unsigned gaps = 0;
    wait_for(b, has_gap, &gaps, "a gap");
}

static bool has_fence(const struct sqlite_bench *b, const void *wanted)
{
    return b->fences > *(const unsigned *)wanted && !b->open;
}

struct str sqlite_bench_take(struct sqlite_bench *b)
{
    static char *text;
    free(text);
    size_t n = b->heard.len;
    text = mem_copy(b->heard.data, n);
    buf_clear(&b->heard);
    b->gaps = 0;
    return (struct str){.p = text, .n = n};
}

struct str sqlite_bench_heard(struct sqlite_bench *b)
{
    unsigned fences = b->fences;
    sqlite_bench_sql(b, "INSERT INTO fence DEFAULT VALUES");
    wait_for(b, has_fence, &fences, "the fence");
    return sqlite_bench_take(b);
}
