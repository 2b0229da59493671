/* Random statements of every kind against a table with many ways to conflict, compared with what a
 * look at the table before and after shows:
 *
 *  - every row that came, went or became another is named by a change, on its old side with the old
 *    project and on its new side with the new one, unless the table was truncated;
 *  - what was last said about a row that is there is not "deleted", and about one that is not there
 *    it is;
 *  - no statement ends otherwise than it does without the triggers. (Not asked of an update of many
 *    rows: in which order SQLite takes them depends on whether there are triggers, anybody's.)
 *
 * Numbers come from a seed, so a failure can be had again. */
#include "sqlite_bench.h"
#include "unit.h"

#include <stdlib.h>

enum { RUNS = 6, BATCHES = 60, ROWS = 12, PROJECTS = 5 };

#define SCHEMA                                                                                     \
    "CREATE TABLE tasks(id INTEGER PRIMARY KEY, a INT UNIQUE, b INT, c INT, project INT NOT NULL " \
    "DEFAULT 3 CHECK (project < 5), CHECK (c <> 2));"                                              \
    "CREATE UNIQUE INDEX tb ON tasks(b) WHERE c > 0; CREATE UNIQUE INDEX tc ON tasks(lower(a), "   \
    "c);"
#define SCHEMA_WITHOUT_ROWID                                                                     \
    "CREATE TABLE tasks(id INT PRIMARY KEY, a INT UNIQUE, b INT, c INT, project INT NOT NULL "   \
    "DEFAULT 3 CHECK (project < 5), CHECK (c <> 2)) WITHOUT ROWID;"                              \
    "CREATE UNIQUE INDEX tb ON tasks(b) WHERE c > 0; CREATE UNIQUE INDEX tc ON tasks(lower(a), " \
    "c);"

struct random {
    uint64_t state;
};

static unsigned pick(struct random *random, unsigned n)
{
    random->state = random->state * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(random->state >> 33) % n;
}

static void add_row(struct buf *sql, struct random *random)
{
    buf_printf(sql, "(%u,%u,%u,%u,", pick(random, ROWS), pick(random, ROWS), pick(random, ROWS),
               pick(random, 4));
    if (pick(random, 8) == 0)
        buf_text(sql, "NULL)");
    else
        buf_printf(sql, "%u)", pick(random, PROJECTS + 1));
}

static void add_statement(struct buf *sql, struct random *random, bool many)
{
    static const char *const conflicts[] = {"",         "OR IGNORE ",  "OR REPLACE ", "OR REPLACE ",
                                            "OR FAIL ", "OR ROLLBACK "};
    static const char *const columns[] = {"id", "a", "b", "c", "project"};
    const char *conflict = conflicts[pick(random, 6)];
    switch (many ? pick(random, 9) : 1 + pick(random, 8)) {
    case 0:
        buf_printf(sql, "UPDATE %stasks SET %s = %s + %u WHERE a > %u", conflict,
                   columns[pick(random, 5)], columns[pick(random, 5)], pick(random, 4),
                   pick(random, ROWS));
        break;
    case 1:
    case 2:
        buf_printf(sql, "UPDATE %stasks SET %s = %u WHERE id = %u", conflict,
                   columns[pick(random, 5)], pick(random, ROWS), pick(random, ROWS));
        break;
    case 3:
        buf_printf(sql, "DELETE FROM tasks WHERE id %% 5 = %u", pick(random, 5));
        break;
    case 4:
        buf_text(sql, "INSERT INTO tasks VALUES ");
        add_row(sql, random);
        buf_printf(sql, " ON CONFLICT(%s) DO UPDATE SET project = %u, a = a + %u",
                   pick(random, 2) ? "id" : "a", pick(random, PROJECTS), pick(random, 3));
        break;
    case 5:
        buf_text(sql, "INSERT INTO tasks VALUES ");
        add_row(sql, random);
        buf_text(sql, " ON CONFLICT DO NOTHING");
        break;
    default:
        buf_printf(sql, "INSERT %sINTO tasks VALUES ", conflict);
        add_row(sql, random);
        for (unsigned n = pick(random, 4); n > 0; n--) {
            buf_byte(sql, ',');
            add_row(sql, random);
        }
        break;
    }
}

/* ---- what a look shows ---- */

enum { IDS = 64 };

struct look {
    char rows[IDS][64]; /* empty: not there */
    int projects[IDS];
};

static void look_at(struct sqlite_bench *b, struct look *look)
{
    sqlite3_stmt *stmt = NULL;
    *look = (struct look){.projects = {0}};
    assert_int_equal(
        sqlite3_prepare_v2(b->db, "SELECT id, a, b, c, project FROM tasks", -1, &stmt, NULL),
        SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        int id = sqlite3_column_int(stmt, 0);
        assert_true(id >= 0 && id < IDS);
        snprintf(look->rows[id], sizeof look->rows[id], "%d %d %d %d", sqlite3_column_int(stmt, 1),
                 sqlite3_column_int(stmt, 2), sqlite3_column_int(stmt, 3),
                 sqlite3_column_int(stmt, 4));
        look->projects[id] = sqlite3_column_int(stmt, 4);
    }
    sqlite3_finalize(stmt);
}

/* ---- what was heard ---- */

struct heard {
    bool before[IDS][PROJECTS]; /* the old side of a row was in this project */
    bool after[IDS][PROJECTS];
    bool gone[IDS]; /* what was said last */
    bool named[IDS];
};

static void hear_side(struct heard *heard, bool gone, int id, int project)
{
    assert_true(id >= 0 && id < IDS && project >= 0 && project < PROJECTS);
    (gone ? heard->before : heard->after)[id][project] = true;
    heard->named[id] = true;
    heard->gone[id] = gone;
}

static void hear(struct heard *heard, const char *line)
{
    int id;
    int id_after;
    int project;
    int after;
    if (sscanf(line, "tasks created id=%d project=%d", &id, &project) == 2) {
        hear_side(heard, false, id, project);
    } else if (sscanf(line, "tasks deleted id=%d project=%d", &id, &project) == 2) {
        hear_side(heard, true, id, project);
    } else {
        const char *where = strstr(line, "project=");
        assert_int_equal(sscanf(line, "tasks updated id=%d", &id), 1);
        if (sscanf(line, "tasks updated id=%d>%d", &id, &id_after) < 2)
            id_after = id;
        assert_non_null(where);
        if (sscanf(where, "project=%d>%d", &project, &after) < 2)
            after = project;
        hear_side(heard, true, id, project);
        hear_side(heard, false, id_after, after);
    }
}

static void check(const struct look *old, const struct look *new, const char *text, const char *sql)
{
    struct heard heard = {.gone = {false}};
    for (const char *line = text; *line; line = strchr(line, '\n') + 1)
        if (strncmp(line, "--", 2) != 0)
            hear(&heard, line);
    for (int id = 0; id < IDS; id++) {
        bool was = old->rows[id][0] != '\0';
        bool is = new->rows[id][0] != '\0';
        bool same = strcmp(old->rows[id], new->rows[id]) == 0;
        bool ok = same || ((!was || heard.before[id][old->projects[id]]) &&
                           (!is || heard.after[id][new->projects[id]]));
        ok = ok && (!heard.named[id] || heard.gone[id] == !is);
        if (!ok)
            fail_msg("row %d was [%s], is [%s]\n%s\n%s", id, old->rows[id], new->rows[id], sql,
                     text);
    }
}

/* ---- runs ---- */

static void run(const char *schema, bool recursive, bool many, uint64_t seed)
{
    struct random random = {.state = seed};
    struct sqlite_bench *b = sqlite_bench_new(schema);
    struct sqlite_bench *plain = sqlite_bench_new(schema);
    struct buf sql = BUF_INIT(1 << 16);
    struct buf all = BUF_INIT(1 << 16);
    struct look old;
    struct look new;
    sqlite_bench_watch(b, "tasks", "id", "project");
    sqlite_bench_setup(b);
    if (recursive) {
        sqlite_bench_sql(b, "PRAGMA recursive_triggers=ON");
        sqlite_bench_sql(plain, "PRAGMA recursive_triggers=ON");
    }
    sqlite_bench_start(b, "");
    sqlite_bench_wait_current(b, true);
    sqlite_bench_heard(b);
    look_at(b, &old);
    for (unsigned i = 0; i < BATCHES; i++) {
        buf_clear(&all);
        for (unsigned n = pick(&random, 6); n > 0; n--) {
            buf_clear(&sql);
            unsigned kind = pick(&random, 12);
            if (kind == 0)
                buf_text(&sql, "BEGIN");
            else if (kind == 1)
                buf_text(&sql, "COMMIT");
            else if (kind == 2)
                buf_text(&sql, "SAVEPOINT s");
            else if (kind == 3)
                buf_text(&sql, "ROLLBACK TO s");
            else
                add_statement(&sql, &random, many);
            buf_byte(&sql, '\0');
            buf_printf(&all, "%s;\n", sql.data);
            int rc = sqlite_bench_try(b, sql.data);
            if (sqlite_bench_try(plain, sql.data) != rc && !many)
                fail_msg("%s: %s and %s", sql.data, sqlite3_errmsg(b->db),
                         sqlite3_errmsg(plain->db));
        }
        while (!sqlite3_get_autocommit(b->db))
            if (sqlite_bench_try(b, "COMMIT") != SQLITE_OK)
                sqlite_bench_sql(b, "ROLLBACK");
        if (!sqlite3_get_autocommit(plain->db))
            sqlite_bench_try(plain, "COMMIT");
        buf_byte(&all, '\0');
        look_at(b, &new);
        check(&old, &new, sqlite_bench_heard(b).p, all.data);
        old = new;
        look_at(plain, &new);
        for (int id = 0; id < IDS; id++)
            if (!many && strcmp(old.rows[id], new.rows[id]) != 0)
                fail_msg("row %d is [%s], without triggers [%s]\n%s", id, old.rows[id],
                         new.rows[id], all.data);
    }
    assert_true(b->current);
    buf_free(&sql);
    buf_free(&all);
    sqlite_bench_free(b);
    sqlite_bench_free(plain);
}

static void run_both(const char *schema, bool recursive)
{
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        run(schema, recursive, false, seed);
        run(schema, recursive, true, seed);
    }
}

static void names_every_row_that_changed(void **state)
{
    run_both(SCHEMA, false);
}

static void names_every_row_that_changed_without_rowid(void **state)
{
    run_both(SCHEMA_WITHOUT_ROWID, false);
}

static void names_every_row_that_changed_with_recursive_triggers(void **state)
{
    run_both(SCHEMA, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_every_row_that_changed),
        cmocka_unit_test(names_every_row_that_changed_without_rowid),
        cmocka_unit_test(names_every_row_that_changed_with_recursive_triggers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
