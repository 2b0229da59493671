/* The life of the SQLite source: starts, stops, proofs, schemas that change under it, files that
 * come and go. */
#include "sqlite_bench.h"
#include "unit.h"

#include "base/mem.h"
#include "source/sqlite_setup.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SCHEMA                                                                        \
    "CREATE TABLE tasks(id INTEGER PRIMARY KEY, project INT, title TEXT, note TEXT);" \
    "INSERT INTO tasks VALUES (1,10,'A',''),(2,20,'B','');"                           \
    "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT);"

static struct sqlite_bench *watched(const char *schema)
{
    struct sqlite_bench *b = sqlite_bench_new(schema);
    sqlite_bench_watch(b, "tasks", "id", "project title~");
    sqlite_bench_watch(b, "users", "id", "");
    return b;
}

/* Set up, running, current, and nothing heard yet. */
static struct sqlite_bench *running(void)
{
    struct sqlite_bench *b = watched(SCHEMA);
    sqlite_bench_setup(b);
    sqlite_bench_start(b, "");
    sqlite_bench_wait_current(b, true);
    assert_text(sqlite_bench_heard(b), "gap *\n");
    return b;
}

/* Setup with a ring of 200 changes. */
static void set_up_small_ring(struct sqlite_bench *b)
{
    struct buf sql = BUF_INIT(1 << 20);
    struct buf small = BUF_INIT(1 << 20);
    struct place at;
    struct err err = ERR_INIT;
    assert_true(sqlite_setup_sql(b->path, &b->watch, &sql, &at, &err));
    for (size_t i = 0; i < sql.len; i++) {
        if (str_starts(str_from(buf_slice(&sql), i), STR("100000"))) {
            buf_text(&small, "200");
            i += strlen("100000") - 1;
        } else {
            buf_byte(&small, sql.data[i]);
        }
    }
    if (!sqlite_setup_apply(b->path, &small, &err))
        fail_msg("%s", err.text);
    buf_free(&sql);
    buf_free(&small);
}

#define UPDATES_400                                                                 \
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)" \
    "INSERT INTO users SELECT i + (SELECT coalesce(max(id), 0) FROM users), 'x' FROM n"

/* ---- start and stop ---- */

static void starts_with_a_gap_when_there_is_no_cursor(void **state)
{
    struct sqlite_bench *b = running();
    sqlite_bench_sql(b, "UPDATE tasks SET project = 11 WHERE id = 1");
    assert_text(sqlite_bench_heard(b), "tasks updated id=1 project=10>11 title=\n--\n");
    sqlite_bench_free(b);
}

static void starts_with_a_gap_when_the_cursor_is_no_cursor(void **state)
{
    static const char *const cursors[] = {
        "x",
        "sqlite1 abc",
        "sqlite1 abcdef 1 zz 1",
        "sqlite1 abcdef 7 1 1 more",
        "sqlite1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1 1 1",
        "sqlite1 0000000000000000 1 1 1"};
    for (size_t i = 0; i < sizeof cursors / sizeof cursors[0]; i++) {
        struct sqlite_bench *b = watched(SCHEMA);
        sqlite_bench_setup(b);
        sqlite_bench_start(b, cursors[i]);
        sqlite_bench_wait_gap(b);
        sqlite_bench_wait_current(b, true);
        sqlite_bench_free(b);
    }
}

static void hands_on_what_happened_while_it_was_stopped(void **state)
{
    struct sqlite_bench *b = running();
    const char *cursor = sqlite_bench_stop(b);
    assert_true(strlen(cursor) > 0);
    sqlite_bench_sql(b, "UPDATE tasks SET project = 11 WHERE id = 1");
    sqlite_bench_sql(b, "DELETE FROM tasks WHERE id = 2");
    sqlite_bench_start(b, cursor);
    sqlite_bench_wait_current(b, true);
    assert_text(sqlite_bench_take(b), "tasks updated id=1 project=10>11 title=\n"
                                      "tasks deleted id=2 project=20 title=?\n--\n");
    sqlite_bench_free(b);
}

static void starts_silently_when_nothing_happened(void **state)
{
    struct sqlite_bench *b = running();
    sqlite_bench_start(b, sqlite_bench_stop(b));
    sqlite_bench_wait_current(b, true);
    assert_text(sqlite_bench_heard(b), "");
    sqlite_bench_free(b);
}

static void says_the_time_of_the_change(void **state)
{
    struct sqlite_bench *b = running();
    uint64_t before = (uint64_t)time(NULL) * 1000;
    sqlite_bench_sql(b, "UPDATE tasks SET project = 11 WHERE id = 1");
    sqlite_bench_heard(b);
    assert_true(b->time_ms >= before && b->time_ms <= ((uint64_t)time(NULL) + 1) * 1000);
    sqlite_bench_free(b);
}

static void stops_in_the_middle_of_a_snapshot_only_after_its_end(void **state)
{
    struct sqlite_bench *b = running();
    for (unsigned i = 0; i < 10; i++)
        sqlite_bench_sql(b, UPDATES_400);
    while (!b->open)
        sqlite_bench_turn(b);
    assert_true(b->changes < 4000);
    const char *cursor = sqlite_bench_stop(b);
    assert_int_equal(b->changes, 4000);
    sqlite_bench_take(b);
    sqlite_bench_start(b, cursor);
    sqlite_bench_wait_current(b, true);
    assert_text(sqlite_bench_heard(b), "");
    sqlite_bench_free(b);
}

static void stops_before_its_first_look(void **state)
{
    struct sqlite_bench *b = watched(SCHEMA);
    sqlite_bench_start(b, "");
    assert_string_equal(sqlite_bench_stop(b), "");
    sqlite_bench_free(b);
}

/* ---- rows ---- */

static void two_transactions_in_one_snapshot_are_one(void **state)
{
    struct sqlite_bench *b = running();
    sqlite_bench_sql(b, "UPDATE tasks SET project = 11 WHERE id = 1");
    sqlite_bench_sql(b, "UPDATE tasks SET project = 12 WHERE id = 1");
    assert_text(sqlite_bench_heard(b), "tasks updated id=1 project=10>11 title=\n"
                                       "tasks updated id=1 project=11>12 title=\n--\n");
    sqlite_bench_free(b);
}

static void a_large_transaction_is_read_in_slices(void **state)
{
    struct sqlite_bench *b = running();
    for (unsigned i = 0; i < 10; i++)
        sqlite_bench_sql(b, UPDATES_400);
    unsigned turns = 0;
    while (!b->open)
        sqlite_bench_turn(b);
    for (unsigned seen = b->changes; b->open; turns++) {
        assert_true(b->changes - seen <= 500);
        seen = b->changes;
        sqlite_bench_turn(b);
    }
    assert_true(turns >= 4000 / 500 - 1);
    assert_int_equal(b->changes, 4000);
    sqlite_bench_free(b);
}

static void waits_when_another_transaction_is_open(void **state)
{
    struct sqlite_bench *b = running();
    b->refuse = true;
    sqlite_bench_sql(b, "UPDATE tasks SET project = 11 WHERE id = 1");
    while (!b->refused)
        sqlite_bench_turn(b);
    sqlite_bench_sql(b, "UPDATE tasks SET project = 12 WHERE id = 1");
    b->source->ops->resume(b->source);
    assert_text(sqlite_bench_take(b), "");
    b->refuse = false;
    b->source->ops->resume(b->source);
    assert_text(sqlite_bench_take(b), "tasks updated id=1 project=10>11 title=\n"
                                      "tasks updated id=1 project=11>12 title=\n--\n");
    /* Nobody asked for it: nothing happens. */
    b->source->ops->resume(b->source);
    sqlite_bench_free(b);
}

static void stops_while_another_transaction_is_open(void **state)
{
    struct sqlite_bench *b = running();
    b->refuse = true;
    sqlite_bench_sql(b, "UPDATE tasks SET project = 11 WHERE id = 1");
    while (!b->refused)
        sqlite_bench_turn(b);
    const char *cursor = sqlite_bench_stop(b);
    b->refuse = false;
    sqlite_bench_start(b, cursor);
    sqlite_bench_wait_current(b, true);
    assert_text(sqlite_bench_take(b), "tasks updated id=1 project=10>11 title=\n--\n");
    sqlite_bench_free(b);
}

/* ---- the proof ---- */

static void gap_when_the_ring_was_trimmed_past_the_place(void **state)
{
    struct sqlite_bench *b = watched(SCHEMA);
    set_up_small_ring(b);
    sqlite_bench_start(b, "");
    sqlite_bench_wait_current(b, true);
    assert_text(sqlite_bench_heard(b), "gap *\n");
    sqlite_bench_sql(b, UPDATES_400);
    sqlite_bench_wait_gap(b);
    assert_text(sqlite_bench_take(b), "gap *\n");
    sqlite_bench_sql(b, "UPDATE tasks SET project = 11 WHERE id = 1");
    assert_text(sqlite_bench_heard(b), "tasks updated id=1 project=10>11 title=\n--\n");
    sqlite_bench_free(b);
}

static void gap_when_the_ring_was_trimmed_while_it_was_stopped(void **state)
{
    struct sqlite_bench *b = watched(SCHEMA);
    set_up_small_ring(b);
    sqlite_bench_start(b, "");
    sqlite_bench_wait_current(b, true);
    const char *cursor = sqlite_bench_stop(b);
    sqlite_bench_take(b);
    sqlite_bench_sql(b, UPDATES_400);
    sqlite_bench_start(b, cursor);
    sqlite_bench_wait_current(b, true);
    assert_text(sqlite_bench_take(b), "gap *\n");
    sqlite_bench_sql(b, "UPDATE tasks SET project = 11 WHERE id = 1");
    assert_text(sqlite_bench_heard(b), "tasks updated id=1 project=10>11 title=\n--\n");
    sqlite_bench_free(b);
}

static void the_ring_keeps_its_size(void **state)
{
    struct sqlite_bench *b = watched(SCHEMA);
    set_up_small_ring(b);
    for (unsigned i = 0; i < 5; i++)
        sqlite_bench_sql(b, UPDATES_400);
    assert_int_equal(sqlite_bench_number(b, "SELECT count(*) <= 300 FROM _unstale_changes"), 1);
    assert_int_equal(sqlite_bench_number(b, "SELECT count(*) >= 200 FROM _unstale_changes"), 1);
    sqlite_bench_free(b);
}

static void gap_when_a_change_was_taken_out(void **state)
{
    struct sqlite_bench *b = running();
    sqlite_bench_sql(b, "UPDATE tasks SET project = 11 WHERE id = 1;"
                        "UPDATE tasks SET project = 12 WHERE id = 1;"
                        "DELETE FROM _unstale_changes WHERE id = (SELECT max(id) - 1 FROM "
                        "_unstale_changes)");
    assert_text(sqlite_bench_heard(b), "gap *\ntasks updated id=1 project=11>12 title=\n--\n");
    sqlite_bench_free(b);
}

static void gap_when_the_change_table_was_emptied(void **state)
{
    struct sqlite_bench *b = running();
    sqlite_bench_sql(b, "UPDATE tasks SET project = 11 WHERE id = 1; DELETE FROM _unstale_changes");
    sqlite_bench_wait_gap(b);
    sqlite_bench_take(b);
    sqlite_bench_sql(b, "UPDATE tasks SET project = 12 WHERE id = 1");
    sqlite_bench_wait_gap(b);
    assert_text(sqlite_bench_take(b), "gap *\n");
    sqlite_bench_sql(b, "UPDATE tasks SET project = 13 WHERE id = 1");
    assert_text(sqlite_bench_heard(b), "tasks updated id=1 project=12>13 title=\n--\n");
    sqlite_bench_free(b);
}

static void copy_database(struct sqlite_bench *b, const char *name)
{
    char sql[512];
    snprintf(sql, sizeof sql, "VACUUM INTO '%s/%s'", b->dir, name);
    sqlite_bench_sql(b, sql);
}

/* As SQLite's own .restore: into the database that is open. */
static void restore_database(struct sqlite_bench *b, const char *name)
{
    char path[256];
    sqlite3 *from = NULL;
    snprintf(path, sizeof path, "%s/%s", b->dir, name);
    assert_int_equal(sqlite3_open(path, &from), SQLITE_OK);
    sqlite3_backup *backup = sqlite3_backup_init(b->db, "main", from, "main");
    assert_non_null(backup);
    assert_int_equal(sqlite3_backup_step(backup, -1), SQLITE_DONE);
    sqlite3_backup_finish(backup);
    sqlite3_close(from);
}

static void gap_when_a_backup_is_restored_while_it_runs(void **state)
{
    struct sqlite_bench *b = running();
    copy_database(b, "backup.db");
    sqlite_bench_sql(b, "UPDATE tasks SET project = 11 WHERE id = 1");
    sqlite_bench_heard(b);
    restore_database(b, "backup.db");
    sqlite_bench_wait_gap(b);
    sqlite_bench_take(b);
    sqlite_bench_sql(b, "UPDATE tasks SET project = 12 WHERE id = 1");
    assert_text(sqlite_bench_heard(b), "tasks updated id=1 project=10>12 title=\n--\n");
    sqlite_bench_free(b);
}

static void gap_when_a_restored_backup_has_gone_on_to_other_changes(void **state)
{
    struct sqlite_bench *b = running();
    copy_database(b, "backup.db");
    sqlite_bench_sql(b, "UPDATE tasks SET project = 11 WHERE id = 1");
    sqlite_bench_heard(b);
    const char *cursor = sqlite_bench_stop(b);
    restore_database(b, "backup.db");
    for (unsigned i = 0; i < 10; i++)
        sqlite_bench_sql(b, "UPDATE users SET name = 'z'; UPDATE tasks SET project = 12");
    sqlite_bench_start(b, cursor);
    sqlite_bench_wait_current(b, true);
    assert_true(b->gaps > 0);
    sqlite_bench_free(b);
}

/* ---- the schema ---- */

static void goes_on_when_something_else_is_made(void **state)
{
    struct sqlite_bench *b = running();
    sqlite_bench_sql(b,
                     "CREATE TABLE other(a); CREATE INDEX tp ON tasks(project); DROP TABLE other;"
                     "CREATE VIEW v AS SELECT * FROM tasks; ANALYZE;");
    assert_text(sqlite_bench_heard(b), "");
    assert_true(b->current);
    sqlite_bench_free(b);
}

static void gap_on_the_table_that_gets_a_column(void **state)
{
    struct sqlite_bench *b = running();
    sqlite_bench_sql(b, "ALTER TABLE tasks ADD COLUMN due TEXT DEFAULT 'x'");
    assert_text(sqlite_bench_heard(b), "gap tasks\n");
    assert_true(b->current);
    sqlite_bench_sql(b, "UPDATE tasks SET project = 11, due = 'y' WHERE id = 1");
    assert_text(sqlite_bench_heard(b), "tasks updated id=1 project=10>11 title=\n--\n");
    sqlite_bench_free(b);
}

static void gap_on_the_table_that_loses_a_column_that_no_rule_names(void **state)
{
    struct sqlite_bench *b = running();
    sqlite_bench_sql(b, "ALTER TABLE tasks DROP COLUMN note");
    assert_text(sqlite_bench_heard(b), "gap tasks\n");
    assert_true(b->current);
    sqlite_bench_free(b);
}

static void a_renamed_column_is_missing_but_still_recorded(void **state)
{
    struct sqlite_bench *b = running();
    sqlite_bench_sql(b, "ALTER TABLE tasks RENAME COLUMN project TO project_id");
    sqlite_bench_wait_current(b, false);
    assert_non_null(strstr(b->why, "table tasks has no column \"project\""));
    assert_non_null(strstr(b->why, "did you mean \"project_id\"?"));
    sqlite_bench_sql(b, "UPDATE tasks SET project_id = 11 WHERE id = 1");
    struct str heard = sqlite_bench_heard(b);
    assert_non_null(strstr(heard.p, "gap tasks\n"));
    assert_non_null(strstr(heard.p, "tasks updated id=1 project=10>11 title=\n"));
    sqlite_bench_sql(b, "ALTER TABLE tasks RENAME COLUMN project_id TO project");
    sqlite_bench_wait_current(b, true);
    assert_non_null(strstr(sqlite_bench_heard(b).p, "gap tasks\n"));
    sqlite_bench_free(b);
}

static void a_renamed_table_is_missing(void **state)
{
    struct sqlite_bench *b = running();
    sqlite_bench_sql(b, "ALTER TABLE tasks RENAME TO jobs");
    sqlite_bench_wait_current(b, false);
    assert_non_null(strstr(b->why, "the database has no table \"tasks\""));
    assert_non_null(strstr(b->why, "mend the rule or the table, then run: unstale setup sqlite"));
    assert_non_null(strstr(sqlite_bench_take(b).p, "gap tasks\n"));
    sqlite_bench_sql(b, "INSERT INTO jobs(id) VALUES (99)"); /* never fails because of us */
    sqlite_bench_free(b);
}

static void a_dropped_table_is_missing(void **state)
{
    struct sqlite_bench *b = running();
    sqlite_bench_sql(b, "DROP TABLE tasks");
    sqlite_bench_wait_current(b, false);
    assert_non_null(strstr(b->why, "the database has no table \"tasks\""));
    assert_text(sqlite_bench_heard(b), "gap tasks\n");
    sqlite_bench_free(b);
}

#define REBUILD                                                                          \
    "BEGIN; CREATE TABLE new_tasks(id INTEGER PRIMARY KEY, project INT, title TEXT, x);" \
    "INSERT INTO new_tasks SELECT id, project, title, 1 FROM tasks; DROP TABLE tasks;"   \
    "ALTER TABLE new_tasks RENAME TO tasks; COMMIT"

static void a_rebuilt_table_needs_setup_and_is_wide_until_then(void **state)
{
    struct sqlite_bench *b = running();
    sqlite_bench_sql(b, REBUILD);
    sqlite_bench_wait_current(b, false);
    assert_non_null(strstr(b->why, "table tasks lacks its triggers"));
    assert_non_null(strstr(b->why, "run: unstale setup sqlite '"));
    assert_non_null(strstr(b->why, "/app.db' -c CONFIG --apply"));
    sqlite_bench_take(b);
    sqlite_bench_sql(b, "UPDATE tasks SET project = 11");
    sqlite_bench_wait_heard(b, "tasks truncated\n");
    sqlite_bench_setup(b);
    sqlite_bench_wait_current(b, true);
    assert_true(b->gaps > 0);
    sqlite_bench_heard(b);
    sqlite_bench_sql(b, "UPDATE tasks SET project = 12 WHERE id = 1");
    assert_text(sqlite_bench_heard(b), "tasks updated id=1 project=11>12 title=\n--\n");
    sqlite_bench_free(b);
}

static void a_rebuilt_table_is_seen_after_a_restart(void **state)
{
    struct sqlite_bench *b = running();
    const char *cursor = sqlite_bench_stop(b);
    sqlite_bench_sql(b, REBUILD);
    sqlite_bench_start(b, cursor);
    sqlite_bench_wait_gap(b);
    sqlite_bench_wait_current(b, false);
    sqlite_bench_free(b);
}

/* A script that drops triggers for a bulk load and makes them again, word by word. */
static void bulk_load(struct sqlite_bench *b)
{
    sqlite3_stmt *stmt = NULL;
    struct buf drop = BUF_INIT(1 << 20);
    struct buf make = BUF_INIT(1 << 20);
    assert_int_equal(
        sqlite3_prepare_v2(b->db,
                           "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' "
                           "ORDER BY rowid",
                           -1, &stmt, NULL),
        SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        buf_printf(&drop, "DROP TRIGGER \"%s\";", (const char *)sqlite3_column_text(stmt, 0));
        buf_printf(&make, "%s;", (const char *)sqlite3_column_text(stmt, 1));
    }
    sqlite3_finalize(stmt);
    buf_byte(&drop, '\0');
    buf_byte(&make, '\0');
    sqlite_bench_sql(b, "BEGIN");
    sqlite_bench_sql(b, drop.data);
    sqlite_bench_sql(b, "UPDATE tasks SET project = 99");
    sqlite_bench_sql(b, make.data);
    sqlite_bench_sql(b, "COMMIT");
    buf_free(&drop);
    buf_free(&make);
}

static void gap_when_triggers_were_away_for_a_while(void **state)
{
    struct sqlite_bench *b = running();
    bulk_load(b);
    assert_non_null(strstr(sqlite_bench_heard(b).p, "gap tasks\n"));
    assert_true(b->current);
    sqlite_bench_free(b);
}

static void gap_when_triggers_were_away_after_a_vacuum(void **state)
{
    struct sqlite_bench *b = running();
    sqlite_bench_sql(b, "VACUUM");
    sqlite_bench_heard(b);
    assert_true(b->current);
    bulk_load(b);
    assert_non_null(strstr(sqlite_bench_heard(b).p, "gap tasks\n"));
    assert_true(b->current);
    sqlite_bench_free(b);
}

static void gap_when_triggers_were_away_while_it_was_stopped(void **state)
{
    struct sqlite_bench *b = running();
    const char *cursor = sqlite_bench_stop(b);
    bulk_load(b);
    sqlite_bench_take(b);
    sqlite_bench_start(b, cursor);
    sqlite_bench_wait_current(b, true);
    assert_text(sqlite_bench_take(b), "gap *\n");
    sqlite_bench_free(b);
}

static void a_new_unique_index_needs_setup(void **state)
{
    struct sqlite_bench *b = running();
    sqlite_bench_sql(b, "CREATE UNIQUE INDEX tt ON tasks(title)");
    sqlite_bench_wait_current(b, false);
    sqlite_bench_setup(b);
    sqlite_bench_wait_current(b, true);
    sqlite_bench_free(b);
}

static void another_configuration_needs_setup_and_widens_until_then(void **state)
{
    struct sqlite_bench *b = running();
    const char *cursor = sqlite_bench_stop(b);
    b->columns[1][3] = (struct watch_column){.name = STR("note"), .value = true};
    b->tables[1].n_columns = 4;
    sqlite_bench_take(b);
    sqlite_bench_start(b, cursor);
    sqlite_bench_wait_current(b, false);
    assert_non_null(strstr(b->why, "others than this configuration needs"));
    sqlite_bench_wait_gap(b);
    sqlite_bench_take(b);
    sqlite_bench_sql(b, "UPDATE tasks SET project = 11 WHERE id = 1");
    assert_non_null(strstr(sqlite_bench_heard(b).p, "tasks updated id=1 project=10>11 title=\n"));
    sqlite_bench_free(b);
}

static void teardown_leaves_nothing_and_is_noticed(void **state)
{
    struct sqlite_bench *b = running();
    struct buf sql = BUF_INIT(1 << 20);
    struct err err = ERR_INIT;
    assert_true(sqlite_teardown_sql(b->path, &sql, &err));
    assert_true(sqlite_setup_apply(b->path, &sql, &err));
    buf_free(&sql);
    sqlite_bench_wait_why(b, "is not set up for unstale; run: unstale setup sqlite '");
    assert_false(b->current);
    sqlite_bench_wait_gap(b);
    assert_int_equal(
        sqlite_bench_number(b, "SELECT count(*) FROM sqlite_schema WHERE name LIKE '%unstale%'"),
        0);
    sqlite_bench_take(b);
    sqlite_bench_sql(b, "UPDATE tasks SET project = 11");
    sqlite_bench_wait_heard(b, "tasks truncated\n");
    sqlite_bench_setup(b);
    sqlite_bench_wait_current(b, true);
    sqlite_bench_wait_gap(b);
    sqlite_bench_free(b);
}

static void setup_while_it_runs_is_a_gap(void **state)
{
    struct sqlite_bench *b = watched(SCHEMA);
    sqlite_bench_start(b, "");
    sqlite_bench_wait_why(b, "is not set up");
    sqlite_bench_take(b);
    sqlite_bench_setup(b);
    sqlite_bench_wait_current(b, true);
    assert_non_null(strstr(sqlite_bench_heard(b).p, "gap *\n"));
    sqlite_bench_free(b);
}

/* ---- a rule for every table ---- */

static void every_table_is_followed_by_its_key(void **state)
{
    struct sqlite_bench *b = watched(SCHEMA "CREATE TABLE \"an other\"(k TEXT PRIMARY KEY, v);"
                                            "CREATE VIRTUAL TABLE words USING fts5(w);");
    b->watch.every_table = true;
    sqlite_bench_setup(b);
    sqlite_bench_start(b, "");
    sqlite_bench_wait_current(b, true);
    sqlite_bench_heard(b);
    sqlite_bench_sql(b, "INSERT INTO \"an other\" VALUES ('x',1); INSERT INTO words VALUES ('w')");
    assert_text(sqlite_bench_heard(b), "an other created #\"x\" k=\"x\"\n--\n");
    sqlite_bench_free(b);
}

static void a_table_made_later_is_wide_and_stays_current(void **state)
{
    struct sqlite_bench *b = watched(SCHEMA);
    b->watch.every_table = true;
    sqlite_bench_setup(b);
    sqlite_bench_start(b, "");
    sqlite_bench_wait_current(b, true);
    sqlite_bench_heard(b);
    sqlite_bench_sql(b, "CREATE TABLE later(id INTEGER PRIMARY KEY)");
    sqlite_bench_wait_heard(b, "gap later\n");
    sqlite_bench_wait_heard(b, "later truncated\n");
    sqlite_bench_take(b);
    sqlite_bench_sql(b, "INSERT INTO later VALUES (1)");
    sqlite_bench_wait_heard(b, "later truncated\n");
    assert_true(b->current);
    sqlite_bench_free(b);
}

/* ---- what only the application understands ---- */

static void a_view_whose_table_is_gone_hinders_nothing(void **state)
{
    struct sqlite_bench *b =
        watched(SCHEMA "CREATE TABLE gone(x); CREATE VIEW v AS SELECT x FROM gone;"
                       "DROP TABLE gone;");
    sqlite_bench_setup(b);
    sqlite_bench_start(b, "");
    sqlite_bench_wait_current(b, true);
    sqlite_bench_take(b);
    sqlite_bench_sql(b, "INSERT INTO tasks VALUES (3,42,'a','')");
    assert_non_null(strstr(sqlite_bench_heard(b).p, "tasks created"));
    sqlite_bench_free(b);
}

static void a_virtual_table_of_an_unknown_module_hinders_nothing(void **state)
{
    struct sqlite_bench *b = watched(SCHEMA);
    sqlite_bench_sql(b, "PRAGMA writable_schema=ON;"
                        "INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql) VALUES"
                        "('table','vec','vec',0,'CREATE VIRTUAL TABLE vec USING nowhere(e)');"
                        "PRAGMA writable_schema=RESET");
    sqlite_bench_setup(b);
    sqlite_bench_start(b, "");
    sqlite_bench_wait_current(b, true);
    sqlite_bench_take(b);
    sqlite_bench_sql(b, "INSERT INTO tasks VALUES (3,42,'a','')");
    assert_non_null(strstr(sqlite_bench_heard(b).p, "tasks created"));
    sqlite_bench_free(b);
}

/* ---- the file ---- */

static void waits_for_a_file_that_does_not_exist_yet(void **state)
{
    struct sqlite_bench *b = sqlite_bench_bare();
    sqlite_bench_watch(b, "tasks", "id", "project title~");
    sqlite_bench_start(b, "");
    sqlite_bench_wait_why(b, "does not exist; waiting for it");
    assert_false(b->current);
    sqlite_bench_connect(b);
    sqlite_bench_wait_current(b, false);
    sqlite_bench_sql(b, SCHEMA);
    sqlite_bench_wait_why(b, "is not set up");
    sqlite_bench_setup(b);
    sqlite_bench_wait_current(b, true);
    sqlite_bench_wait_gap(b);
    sqlite_bench_free(b);
}

static void a_database_without_wal_is_not_touched(void **state)
{
    struct sqlite_bench *b = watched(SCHEMA);
    sqlite_bench_setup(b);
    sqlite_bench_sql(b, "PRAGMA journal_mode=DELETE; BEGIN; UPDATE tasks SET project = 1");
    sqlite_bench_start(b, "");
    sqlite_bench_wait_why(b, "PRAGMA journal_mode=WAL;");
    assert_false(b->current);
    /* A reader at work would make this fail: nobody waits here. */
    for (unsigned i = 0; i < 8; i++) {
        sqlite_bench_turn(b);
        sqlite_bench_sql(b, "COMMIT; BEGIN; UPDATE tasks SET project = project + 1");
    }
    sqlite_bench_sql(b, "COMMIT; PRAGMA journal_mode=WAL");
    sqlite_bench_wait_current(b, true);
    sqlite_bench_free(b);
}

static void another_file_under_the_same_name_is_a_gap(void **state)
{
    struct sqlite_bench *b = running();
    char from[256];
    copy_database(b, "other.db");
    snprintf(from, sizeof from, "%s/other.db", b->dir);
    sqlite3_close(b->db);
    b->db = NULL;
    struct sqlite_bench other = *b;
    snprintf(other.path, sizeof other.path, "%s/other.db", b->dir);
    other.db = NULL;
    sqlite_bench_connect(&other);
    sqlite_bench_sql(&other, "DELETE FROM _unstale_meta WHERE name = 'instance'; INSERT INTO "
                             "_unstale_meta VALUES ('instance', 'another')");
    sqlite3_close(other.db);
    char name[256];
    snprintf(name, sizeof name, "%s-wal", b->path);
    unlink(name);
    snprintf(name, sizeof name, "%s-shm", b->path);
    unlink(name);
    assert_int_equal(rename(from, b->path), 0);
    sqlite_bench_connect(b);
    sqlite_bench_wait_gap(b);
    sqlite_bench_wait_current(b, true);
    sqlite_bench_heard(b);
    sqlite_bench_sql(b, "UPDATE tasks SET project = 11 WHERE id = 1");
    assert_text(sqlite_bench_heard(b), "tasks updated id=1 project=10>11 title=\n--\n");
    sqlite_bench_free(b);
}

static void remove_database(struct sqlite_bench *b)
{
    char name[256];
    sqlite3_close(b->db);
    b->db = NULL;
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s%s", b->path, suffixes[i]);
        unlink(name);
    }
}

static void a_file_that_is_deleted_while_it_runs(void **state)
{
    struct sqlite_bench *b = running();
    remove_database(b);
    sqlite_bench_wait_why(b, "does not exist; waiting for it");
    assert_false(b->current);
    sqlite_bench_connect(b);
    sqlite_bench_sql(b, SCHEMA "CREATE TABLE fence(id INTEGER PRIMARY KEY)");
    sqlite_bench_wait_why(b, "is not set up");
    sqlite_bench_setup(b);
    sqlite_bench_wait_current(b, true);
    assert_true(b->gaps > 0);
    sqlite_bench_heard(b);
    sqlite_bench_sql(b, "UPDATE tasks SET project = 11 WHERE id = 1");
    assert_text(sqlite_bench_heard(b), "tasks updated id=1 project=10>11 title=\n--\n");
    sqlite_bench_free(b);
}

/* The WAL is deleted under it while the application is stopped; the application makes a new one. */
static void a_wal_that_is_deleted_while_it_runs(void **state)
{
    struct sqlite_bench *b = running();
    char name[256];
    sqlite_bench_sql(b, "PRAGMA wal_checkpoint(TRUNCATE)");
    sqlite3_close(b->db);
    b->db = NULL;
    snprintf(name, sizeof name, "%s-wal", b->path);
    unlink(name);
    snprintf(name, sizeof name, "%s-shm", b->path);
    unlink(name);
    sqlite_bench_connect(b);
    sqlite_bench_sql(b, "UPDATE tasks SET project = 11 WHERE id = 1");
    assert_text(sqlite_bench_heard(b), "tasks updated id=1 project=10>11 title=\n--\n");
    assert_true(b->current);
    sqlite_bench_free(b);
}

/* The application died: its WAL is there, the index beside it is not. */
static void a_wal_that_nobody_folded_back(void **state)
{
    struct sqlite_bench *b = running();
    char command[1024];
    sqlite_bench_sql(b, "UPDATE tasks SET project = 11 WHERE id = 1");
    snprintf(command, sizeof command, "cp '%s' '%s/copy.db' && cp '%s-wal' '%s/copy.db-wal'",
             b->path, b->dir, b->path, b->dir);
    assert_int_equal(system(command), 0);
    sqlite_bench_heard(b);
    const char *cursor = sqlite_bench_stop(b);
    sqlite3_close(b->db);
    b->db = NULL;
    snprintf(b->path, sizeof b->path, "%s/copy.db", b->dir);
    sqlite_bench_start(b, cursor);
    sqlite_bench_wait_current(b, true);
    assert_true(b->gaps > 0); /* the fence came after the copy: it was set back */
    sqlite_bench_connect(b);
    sqlite_bench_heard(b);
    sqlite_bench_sql(b, "UPDATE tasks SET project = 12 WHERE id = 1");
    assert_text(sqlite_bench_heard(b), "tasks updated id=1 project=11>12 title=\n--\n");
    sqlite_bench_free(b);
}

static void a_symbolic_link_that_is_turned_to_another_database(void **state)
{
    struct sqlite_bench *b = running();
    struct sqlite_bench *other = running();
    char link[160];
    sqlite_bench_stop(b);
    snprintf(link, sizeof link, "%s/link.db", b->dir);
    assert_int_equal(symlink(b->path, link), 0);
    snprintf(b->path, sizeof b->path, "%s", link);
    sqlite_bench_start(b, "");
    sqlite_bench_wait_current(b, true);
    sqlite_bench_heard(b);
    unlink(link);
    assert_int_equal(symlink(other->path, link), 0);
    sqlite_bench_wait_gap(b);
    sqlite_bench_connect(b);
    sqlite_bench_heard(b);
    sqlite_bench_sql(b, "UPDATE tasks SET project = 11 WHERE id = 1");
    assert_text(sqlite_bench_heard(b), "tasks updated id=1 project=10>11 title=\n--\n");
    sqlite_bench_free(b);
    sqlite_bench_free(other);
}

static void a_database_in_utf_16(void **state)
{
    struct sqlite_bench *b = sqlite_bench_bare();
    assert_int_equal(sqlite3_open(b->path, &b->db), SQLITE_OK);
    sqlite_bench_sql(b, "PRAGMA encoding='UTF-16le'; PRAGMA journal_mode=WAL;"
                        "CREATE TABLE fence(id INTEGER PRIMARY KEY);"
                        "CREATE TABLE tags(id TEXT PRIMARY KEY, name TEXT);"
                        "INSERT INTO tags VALUES ('\u00e4', 'x'), ('b', 'y')");
    sqlite_bench_watch(b, "fence", "id", "");
    sqlite_bench_watch(b, "tags", "id", "name");
    sqlite_bench_setup(b);
    sqlite_bench_start(b, "");
    sqlite_bench_wait_current(b, true);
    assert_text(sqlite_bench_heard(b), "gap *\n");
    sqlite_bench_sql(b, "REPLACE INTO tags VALUES ('\u00e4', '\u20ac'); INSERT OR IGNORE INTO tags "
                        "VALUES ('b', 'z')");
    assert_text(sqlite_bench_heard(b), "tags updated id=\"\u00e4\" name=\"x\">\"\u20ac\"\n--\n");
    sqlite_bench_sql(b, "DELETE FROM tags WHERE id = 'b'");
    assert_text(sqlite_bench_heard(b), "tags deleted id=\"b\" name=\"y\"\n--\n");
    sqlite_bench_start(b, sqlite_bench_stop(b));
    sqlite_bench_wait_current(b, true);
    assert_text(sqlite_bench_heard(b), "");
    sqlite_bench_free(b);
}

static void a_database_that_the_application_attaches(void **state)
{
    struct sqlite_bench *b = running();
    sqlite3 *db = NULL;
    char sql[512];
    snprintf(sql, sizeof sql,
             "ATTACH '%s' AS app; CREATE TABLE tasks(id); CREATE TEMP TABLE users(id);"
             "UPDATE app.tasks SET project = 11 WHERE id = 1; INSERT INTO tasks VALUES (1);"
             "INSERT INTO temp.users VALUES (1)",
             b->path);
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_text(sqlite_bench_heard(b), "tasks updated id=1 project=10>11 title=\n--\n");
    sqlite_bench_free(b);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void a_file_that_is_no_database(void **state)
{
    struct sqlite_bench *b = sqlite_bench_bare();
    sqlite_bench_watch(b, "tasks", "id", "");
    write_file(b->path, "certainly not a database, and long enough to have a whole header: "
                        "0123456789 0123456789 0123456789 0123456789 0123456789");
    sqlite_bench_start(b, "");
    sqlite_bench_wait_why(b, "not an SQLite database");
    write_file(b->path, "");
    sqlite_bench_wait_why(b, "is empty");
    assert_false(b->current);
    sqlite_bench_free(b);
}

static void a_database_that_is_overwritten_while_it_runs(void **state)
{
    struct sqlite_bench *b = running();
    remove_database(b);
    write_file(b->path, "no database any more");
    sqlite_bench_wait_why(b, "not an SQLite database");
    assert_false(b->current);
    sqlite_bench_free(b);
}

static void a_database_that_is_cut_short_while_it_runs(void **state)
{
    struct sqlite_bench *b = running();
    sqlite_bench_sql(b, "PRAGMA wal_checkpoint(TRUNCATE)");
    sqlite3_close(b->db);
    b->db = NULL;
    assert_int_equal(truncate(b->path, 4096), 0);
    /* Whatever it reads from its cache, it does not fall over, nor after a new start. */
    for (unsigned i = 0; i < 8; i++)
        sqlite_bench_turn(b);
    sqlite_bench_start(b, sqlite_bench_stop(b));
    sqlite_bench_wait_current(b, false);
    sqlite_bench_free(b);
}

static void a_database_that_is_locked_for_long(void **state)
{
    struct sqlite_bench *b = watched(SCHEMA);
    sqlite_bench_setup(b);
    sqlite_bench_sql(b, "PRAGMA wal_checkpoint(TRUNCATE)");
    sqlite3_close(b->db);
    assert_int_equal(sqlite3_open(b->path, &b->db), SQLITE_OK);
    sqlite_bench_sql(b, "PRAGMA locking_mode=EXCLUSIVE; UPDATE tasks SET project = 1");
    sqlite_bench_start(b, "");
    sqlite_bench_wait_why(b, "is locked by another process");
    assert_false(b->current);
    sqlite3_close(b->db);
    b->db = NULL;
    sqlite_bench_wait_current(b, true);
    sqlite_bench_free(b);
}

static void a_folder_that_may_not_be_written(void **state)
{
    if (geteuid() != 0)
        skip();
    struct sqlite_bench *b = watched(SCHEMA);
    sqlite_bench_setup(b);
    sqlite3_close(b->db);
    b->db = NULL;
    assert_int_equal(chmod(b->dir, 0755), 0);
    if (seteuid(65534) != 0) {
        sqlite_bench_free(b);
        skip();
    }
    sqlite_bench_start(b, "");
    sqlite_bench_wait_why(b, "its folder must be writable");
    assert_false(b->current);
    assert_int_equal(seteuid(0), 0);
    sqlite_bench_wait_current(b, true);
    sqlite_bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_with_a_gap_when_there_is_no_cursor),
        cmocka_unit_test(starts_with_a_gap_when_the_cursor_is_no_cursor),
        cmocka_unit_test(hands_on_what_happened_while_it_was_stopped),
        cmocka_unit_test(starts_silently_when_nothing_happened),
        cmocka_unit_test(says_the_time_of_the_change),
        cmocka_unit_test(stops_in_the_middle_of_a_snapshot_only_after_its_end),
        cmocka_unit_test(stops_before_its_first_look),
        cmocka_unit_test(two_transactions_in_one_snapshot_are_one),
        cmocka_unit_test(a_large_transaction_is_read_in_slices),
        cmocka_unit_test(waits_when_another_transaction_is_open),
        cmocka_unit_test(stops_while_another_transaction_is_open),
        cmocka_unit_test(gap_when_the_ring_was_trimmed_past_the_place),
        cmocka_unit_test(gap_when_the_ring_was_trimmed_while_it_was_stopped),
        cmocka_unit_test(the_ring_keeps_its_size),
        cmocka_unit_test(gap_when_a_change_was_taken_out),
        cmocka_unit_test(gap_when_the_change_table_was_emptied),
        cmocka_unit_test(gap_when_a_backup_is_restored_while_it_runs),
        cmocka_unit_test(gap_when_a_restored_backup_has_gone_on_to_other_changes),
        cmocka_unit_test(goes_on_when_something_else_is_made),
        cmocka_unit_test(gap_on_the_table_that_gets_a_column),
        cmocka_unit_test(gap_on_the_table_that_loses_a_column_that_no_rule_names),
        cmocka_unit_test(a_renamed_column_is_missing_but_still_recorded),
        cmocka_unit_test(a_renamed_table_is_missing),
        cmocka_unit_test(a_dropped_table_is_missing),
        cmocka_unit_test(a_rebuilt_table_needs_setup_and_is_wide_until_then),
        cmocka_unit_test(a_rebuilt_table_is_seen_after_a_restart),
        cmocka_unit_test(gap_when_triggers_were_away_for_a_while),
        cmocka_unit_test(gap_when_triggers_were_away_after_a_vacuum),
        cmocka_unit_test(gap_when_triggers_were_away_while_it_was_stopped),
        cmocka_unit_test(a_new_unique_index_needs_setup),
        cmocka_unit_test(another_configuration_needs_setup_and_widens_until_then),
        cmocka_unit_test(teardown_leaves_nothing_and_is_noticed),
        cmocka_unit_test(setup_while_it_runs_is_a_gap),
        cmocka_unit_test(every_table_is_followed_by_its_key),
        cmocka_unit_test(a_view_whose_table_is_gone_hinders_nothing),
        cmocka_unit_test(a_virtual_table_of_an_unknown_module_hinders_nothing),
        cmocka_unit_test(a_table_made_later_is_wide_and_stays_current),
        cmocka_unit_test(waits_for_a_file_that_does_not_exist_yet),
        cmocka_unit_test(a_database_without_wal_is_not_touched),
        cmocka_unit_test(another_file_under_the_same_name_is_a_gap),
        cmocka_unit_test(a_file_that_is_deleted_while_it_runs),
        cmocka_unit_test(a_wal_that_is_deleted_while_it_runs),
        cmocka_unit_test(a_wal_that_nobody_folded_back),
        cmocka_unit_test(a_symbolic_link_that_is_turned_to_another_database),
        cmocka_unit_test(a_database_in_utf_16),
        cmocka_unit_test(a_database_that_the_application_attaches),
        cmocka_unit_test(a_file_that_is_no_database),
        cmocka_unit_test(a_database_that_is_overwritten_while_it_runs),
        cmocka_unit_test(a_database_that_is_cut_short_while_it_runs),
        cmocka_unit_test(a_database_that_is_locked_for_long),
        cmocka_unit_test(a_folder_that_may_not_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
