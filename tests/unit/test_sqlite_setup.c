/* Setup and teardown: the SQL, what it refuses, and what it must never do to the application. */
#include "source/sqlite_setup.h"
#include "sqlite_bench.h"
#include "unit.h"

#include <stdlib.h>

struct setup {
    struct sqlite_bench *b;
    struct buf sql;
    struct place at;
    struct err err;
};

static struct setup *setup_new(const char *schema)
{
    struct setup *setup = calloc(1, sizeof *setup);
    assert_non_null(setup);
    setup->b = sqlite_bench_new(schema);
    setup->sql = BUF_INIT(1 << 20);
    return setup;
}

static void setup_free(struct setup *setup)
{
    sqlite_bench_free(setup->b);
    buf_free(&setup->sql);
    free(setup);
}

static bool make(struct setup *setup)
{
    buf_clear(&setup->sql);
    return sqlite_setup_sql(setup->b->path, &setup->b->watch, &setup->sql, &setup->at, &setup->err);
}

static bool contains(const struct buf *sql, const char *text)
{
    return memmem(sql->data, sql->len, text, strlen(text)) != NULL;
}

static void assert_says(const struct setup *setup, const char *text)
{
    if (!strstr(setup->err.text, text))
        fail_msg("expected: %s\ngot: %s", text, setup->err.text);
}

/* ---- what it refuses ---- */

static const struct wrong {
    const char *name, *schema, *table, *columns;
    unsigned line, column;
    const char *sentence;
} wrongs[] = {
    {"a table that is not there", "CREATE TABLE tasks(id)", "taks", "", 2, 1,
     "the database has no table \"taks\" (did you mean \"tasks\"?)"},
    {"a column that is not there", "CREATE TABLE tasks(id, project_id)", "tasks", "id projct_id", 2,
     3, "table tasks has no column \"projct_id\" (did you mean \"project_id\"?)"},
    {"a view", "CREATE VIEW v AS SELECT 1 AS id", "v", "id", 2, 1, "v is a view"},
    {"a virtual table", "CREATE VIRTUAL TABLE w USING fts5(t)", "w", "t", 2, 1,
     "w is a virtual table"},
    {"a table of a virtual table", "CREATE VIRTUAL TABLE w USING fts5(t)", "w_data", "", 2, 1,
     "w_data belongs to a virtual table"},
    {"a table of SQLite's own", "CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT)",
     "sqlite_sequence", "", 2, 1, "the database has no table \"sqlite_sequence\""},
    {"a rowid where there is none", "CREATE TABLE a(k PRIMARY KEY) WITHOUT ROWID", "a", "rowid", 2,
     2, "table a has no column \"rowid\""},
};

static void refuses(void **state)
{
    const struct wrong *wrong = *state;
    struct setup *setup = setup_new(wrong->schema);
    sqlite_bench_watch(setup->b, wrong->table, "", wrong->columns);
    assert_false(make(setup));
    assert_says(setup, wrong->sentence);
    assert_int_equal(setup->at.line, wrong->line);
    assert_int_equal(setup->at.column, wrong->column);
    setup->err = ERR_INIT;
    assert_false(sqlite_setup_check(setup->b->path, &setup->b->watch, &setup->at, &setup->err));
    assert_says(setup, wrong->sentence);
    assert_int_equal(setup->at.line, wrong->line);
    setup_free(setup);
}

static void check_has_nothing_to_say_about_a_file_that_does_not_exist(void **state)
{
    struct sqlite_bench *b = sqlite_bench_bare();
    struct place at;
    struct err err = ERR_INIT;
    struct buf sql = BUF_INIT(1000);
    sqlite_bench_watch(b, "tasks", "id", "");
    assert_true(sqlite_setup_check(b->path, &b->watch, &at, &err));
    assert_false(sqlite_setup_sql(b->path, &b->watch, &sql, &at, &err));
    assert_non_null(strstr(err.text, "no such file"));
    assert_int_equal(at.line, 0);
    FILE *file = fopen(b->path, "w");
    assert_non_null(file);
    fputs("text", file);
    fclose(file);
    assert_false(sqlite_setup_check(b->path, &b->watch, &at, &err));
    assert_non_null(strstr(err.text, "not an SQLite database"));
    sqlite_bench_free(b);
}

/* ---- the SQL ---- */

static void asks_for_wal_only_where_it_is_missing(void **state)
{
    struct setup *setup = setup_new("CREATE TABLE tasks(id)");
    assert_true(make(setup));
    assert_false(contains(&setup->sql, "journal_mode"));
    sqlite_bench_sql(setup->b, "PRAGMA journal_mode=DELETE");
    assert_true(make(setup));
    assert_true(contains(&setup->sql, "\nPRAGMA journal_mode=WAL;\n"));
    assert_true(sqlite_setup_apply(setup->b->path, &setup->sql, &setup->err));
    assert_true(make(setup));
    assert_false(contains(&setup->sql, "journal_mode"));
    setup_free(setup);
}

static void names_only_what_is_needed(void **state)
{
    struct setup *setup = setup_new("CREATE TABLE tasks(id INTEGER PRIMARY KEY, a, b, c)");
    sqlite_bench_watch(setup->b, "tasks", "id", "a");
    assert_true(make(setup));
    assert_true(contains(&setup->sql, "NEW.\"a\""));
    assert_false(contains(&setup->sql, "\"b\""));
    assert_false(contains(&setup->sql, "\"c\""));
    setup_free(setup);
}

static void says_that_there_is_nothing_to_make(void **state)
{
    struct setup *setup = setup_new("CREATE TABLE tasks(id INTEGER PRIMARY KEY, a)");
    sqlite_bench_watch(setup->b, "tasks", "id", "");
    sqlite_bench_setup(setup->b);
    assert_true(make(setup));
    assert_true(contains(&setup->sql, "nothing to make"));
    assert_true(sqlite_setup_apply(setup->b->path, &setup->sql, &setup->err));
    /* Another configuration, and one that no longer follows a table. */
    sqlite_bench_watch(setup->b, "fence", "id", "");
    setup->b->watch.n_tables = 1;
    assert_true(make(setup));
    assert_true(contains(&setup->sql, "BEGIN IMMEDIATE"));
    assert_true(contains(&setup->sql, "DROP TRIGGER IF EXISTS \"_unstale_created_tasks\""));
    assert_true(sqlite_setup_apply(setup->b->path, &setup->sql, &setup->err));
    assert_int_equal(sqlite_bench_number(setup->b, "SELECT count(*) FROM sqlite_schema WHERE name "
                                                   "LIKE '%_unstale_%_tasks'"),
                     0);
    setup_free(setup);
}

static void may_run_twice(void **state)
{
    struct setup *setup = setup_new("CREATE TABLE tasks(id INTEGER PRIMARY KEY, a)");
    assert_true(make(setup));
    for (unsigned i = 0; i < 2; i++)
        if (!sqlite_setup_apply(setup->b->path, &setup->sql, &setup->err))
            fail_msg("%s", setup->err.text);
    setup_free(setup);
}

static void teardown_removes_every_trace(void **state)
{
    static const char count[] = "SELECT count(*) FROM sqlite_schema";
    struct setup *setup = setup_new("CREATE TABLE tasks(id INTEGER PRIMARY KEY, a)");
    sqlite_bench_watch(setup->b, "tasks", "id", "");
    int64_t before = sqlite_bench_number(setup->b, count);
    sqlite_bench_setup(setup->b);
    assert_true(sqlite_bench_number(setup->b, count) > before);
    for (unsigned i = 0; i < 2; i++) {
        buf_clear(&setup->sql);
        assert_true(sqlite_teardown_sql(setup->b->path, &setup->sql, &setup->err));
        assert_true(sqlite_setup_apply(setup->b->path, &setup->sql, &setup->err));
        assert_int_equal(sqlite_bench_number(setup->b, count), before);
    }
    setup_free(setup);
}

static void a_statement_that_fails_is_named_and_nothing_stays(void **state)
{
    static const char sql[] =
        "-- a comment\nBEGIN; CREATE TABLE x(a);\n -- why\n CREATE TABLE x(b); COMMIT;";
    struct setup *setup = setup_new("CREATE TABLE tasks(id)");
    buf_text(&setup->sql, sql);
    assert_false(sqlite_setup_apply(setup->b->path, &setup->sql, &setup->err));
    assert_says(setup, "in the statement\nCREATE TABLE x(b)\n: table x already exists");
    assert_int_equal(
        sqlite_bench_number(setup->b, "SELECT count(*) FROM sqlite_schema WHERE name = 'x'"), 0);
    setup_free(setup);
}

static void a_line_break_in_a_name_does_not_end_a_comment(void **state)
{
    struct setup *setup = setup_new("CREATE TABLE \"a\n;DROP TABLE fence;--\"(id, \"b\nc\")");
    sqlite_bench_watch(setup->b, "a\n;DROP", "", "");
    setup->b->tables[1].table = STR("a\n;DROP TABLE fence;--");
    sqlite_bench_setup(setup->b);
    sqlite_bench_sql(setup->b, "INSERT INTO \"a\n;DROP TABLE fence;--\" VALUES (1, 2)");
    sqlite_bench_sql(setup->b, "INSERT INTO fence DEFAULT VALUES");
    setup_free(setup);
}

/* ---- what the application may go on doing ---- */

static void columns_that_no_rule_names_can_be_dropped_and_renamed(void **state)
{
    struct setup *setup = setup_new("CREATE TABLE tasks(id INTEGER PRIMARY KEY, a, b, c, u UNIQUE);"
                                    "CREATE UNIQUE INDEX tc ON tasks(lower(c)) WHERE u > 1");
    sqlite_bench_watch(setup->b, "tasks", "id", "a");
    sqlite_bench_setup(setup->b);
    sqlite_bench_sql(setup->b, "ALTER TABLE tasks DROP COLUMN b;"
                               "ALTER TABLE tasks RENAME COLUMN a TO aa;"
                               "ALTER TABLE tasks RENAME COLUMN c TO cc;"
                               "ALTER TABLE tasks RENAME COLUMN u TO uu;"
                               "ALTER TABLE tasks RENAME TO jobs;"
                               "ALTER TABLE jobs ADD COLUMN d;"
                               "INSERT INTO jobs VALUES (1, 2, 'C', 4, 5);"
                               "REPLACE INTO jobs VALUES (2, 2, 'c', 4, 5);"
                               "UPDATE jobs SET cc = 'D'; DELETE FROM jobs; DROP TABLE jobs");
    setup_free(setup);
}

/* Each fails or not for the application's own reasons, the same with and without our triggers. */
static void statements_end_as_they_would_without_us(void **state)
{
    static const char schema[] =
        "CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT UNIQUE, doc TEXT CHECK (json_valid(doc)),"
        " n INT NOT NULL DEFAULT 5, b BLOB);"
        "CREATE UNIQUE INDEX td ON t(json_extract(doc, '$.k'));"
        "CREATE UNIQUE INDEX tl ON t(lower(u) || abs(n)) WHERE n > 0;"
        "CREATE TABLE s(id INTEGER PRIMARY KEY, v INT) STRICT;"
        "INSERT INTO t VALUES (1,'a','{\"k\":1}',1,x'00');";
    static const char *const statements[] = {
        "INSERT INTO t VALUES (2,'b','no json',1,NULL)",
        "INSERT OR IGNORE INTO t VALUES (2,'b','no json',1,NULL)",
        "INSERT OR IGNORE INTO t(u, doc, n) VALUES ('b','{}',NULL)",
        "INSERT OR REPLACE INTO t(u, doc, n) VALUES ('c','{}',NULL)",
        "INSERT OR REPLACE INTO t VALUES (1,x'ff',NULL,-9223372036854775808,zeroblob(100000))",
        "INSERT OR FAIL INTO t VALUES (7,'a','{}',1,NULL)",
        "INSERT OR ROLLBACK INTO t VALUES (8,'a','{}',1,NULL)",
        "INSERT INTO t VALUES (9,'a','{}',1,NULL) ON CONFLICT DO NOTHING",
        "INSERT INTO t VALUES (9,'a','{}',1,NULL) ON CONFLICT(u) DO UPDATE SET n = n + 1",
        "INSERT INTO t VALUES (9,'a','{}',1,NULL) ON CONFLICT(u) DO UPDATE SET doc = 'x'",
        "UPDATE OR REPLACE t SET u = 'c'",
        "UPDATE OR IGNORE t SET id = 1",
        "UPDATE t SET doc = x'00'",
        "UPDATE t SET id = NULL",
        "INSERT INTO t(doc) VALUES (x'7b7d')",
        "INSERT INTO t(rowid, doc) VALUES (77, '{}')",
        "INSERT INTO s VALUES (1, 'text')",
        "INSERT INTO s(v) VALUES (1)",
        "INSERT INTO s VALUES (9223372036854775807, 1)",
        "PRAGMA recursive_triggers=ON; REPLACE INTO t VALUES (1,'a','{\"k\":1}',1,NULL)",
        "DELETE FROM t RETURNING id",
        "DELETE FROM s",
    };
    struct setup *with = setup_new(schema);
    struct setup *without = setup_new(schema);
    sqlite_bench_watch(with->b, "t", "id", "u doc n b~");
    sqlite_bench_watch(with->b, "s", "", "v");
    sqlite_bench_setup(with->b);
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        int expected = sqlite_bench_try(without->b, statements[i]);
        if (sqlite_bench_try(with->b, statements[i]) != expected)
            fail_msg("%s: %s, not %s", statements[i], sqlite3_errmsg(with->b->db),
                     sqlite3_errstr(expected));
        assert_int_equal(sqlite3_changes(with->b->db), sqlite3_changes(without->b->db));
        assert_int_equal(sqlite3_last_insert_rowid(with->b->db),
                         sqlite3_last_insert_rowid(without->b->db));
    }
    setup_free(with);
    setup_free(without);
}

/* A look-up by index for each row, never a scan: a table with a million rows stays as fast. */
static void looks_up_displaced_rows_by_index(void **state)
{
    struct setup *setup =
        setup_new("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE, b, "
                  "c, UNIQUE(b, a)); CREATE UNIQUE INDEX tc ON t(c) WHERE b > 1;"
                  "CREATE UNIQUE INDEX te ON t(lower(a), b)");
    sqlite_bench_watch(setup->b, "t", "id", "a");
    sqlite_bench_setup(setup->b);
    static const char *const statements[] = {"INSERT INTO t VALUES (1, 'x', 2, 3)",
                                             "UPDATE t SET a = 'y', c = 4 WHERE id = 1"};
    for (size_t i = 0; i < 2; i++) {
        sqlite3_stmt *stmt = NULL;
        sqlite_bench_sql(
            setup->b, "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < "
                      "5000) INSERT OR IGNORE INTO t SELECT i, 'r' || i, i, i FROM n");
        assert_int_equal(sqlite3_prepare_v2(setup->b->db, statements[i], -1, &stmt, NULL),
                         SQLITE_OK);
        assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
        assert_true(sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_FULLSCAN_STEP, 0) < 10);
        assert_true(sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_AUTOINDEX, 0) == 0);
        sqlite3_finalize(stmt);
    }
    setup_free(setup);
}

int main(void)
{
    enum { N = sizeof wrongs / sizeof wrongs[0] };
    static struct CMUnitTest refusals[N];
    for (size_t i = 0; i < N; i++)
        refusals[i] = (struct CMUnitTest){
            .name = wrongs[i].name, .test_func = refuses, .initial_state = (void *)&wrongs[i]};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_has_nothing_to_say_about_a_file_that_does_not_exist),
        cmocka_unit_test(asks_for_wal_only_where_it_is_missing),
        cmocka_unit_test(names_only_what_is_needed),
        cmocka_unit_test(says_that_there_is_nothing_to_make),
        cmocka_unit_test(may_run_twice),
        cmocka_unit_test(teardown_removes_every_trace),
        cmocka_unit_test(a_statement_that_fails_is_named_and_nothing_stays),
        cmocka_unit_test(a_line_break_in_a_name_does_not_end_a_comment),
        cmocka_unit_test(columns_that_no_rule_names_can_be_dropped_and_renamed),
        cmocka_unit_test(statements_end_as_they_would_without_us),
        cmocka_unit_test(looks_up_displaced_rows_by_index),
    };
    return cmocka_run_group_tests(refusals, NULL, NULL) + cmocka_run_group_tests(tests, NULL, NULL);
}
