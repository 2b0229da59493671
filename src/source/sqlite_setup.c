#include "source/sqlite_setup.h"

#include "base/arena.h"
#include "base/check.h"
#include "source/sqlite_file.h"
#include "source/sqlite_plan.h"
#include "source/sqlite_schema.h"
#include "source/sqlite_verify.h"
#include "source/sqltext.h"

#include <stdio.h>
#include <string.h>

enum { PLAN_MEMORY = 64 << 20, STATEMENT_SHOWN = 200, LOOKS = 3, LOOK_MS = 1000, APPLY_MS = 5000 };

struct setup {
    const char *path;
    struct sqlite_schema *schema;
    struct sqlite_verdicts *verdicts; /* of what is there already; NULL when not asked for */
    enum sqlite_file mode;
    struct arena arena;
    struct sqlite_plan *plans;
    size_t n_plans;
};

static void setup_free(struct setup *setup)
{
    sqlite_schema_free(setup->schema);
    sqlite_verdicts_free(setup->verdicts);
    arena_free(&setup->arena);
}

/* In one snapshot; `watch` may be NULL. */
static bool read_open(struct setup *setup, sqlite3 *db, const struct watch *watch, struct err *err)
{
    int rc = sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return err_set(err, "%s", sqlite3_errmsg(db));
    setup->schema = sqlite_schema_read(db, &rc, err);
    if (setup->schema && watch)
        setup->verdicts = sqlite_verify(db, watch, &rc, err);
    if (setup->schema && (!watch || setup->verdicts))
        return true;
    sqlite_schema_free(setup->schema);
    setup->schema = NULL;
    return false;
}

/* A file in rollback mode is read without a lock, so what is read may be torn by a write: then once
 * more. */
static bool setup_read(struct setup *setup, const struct watch *watch, struct err *err)
{
    for (unsigned i = 0; i < LOOKS; i++) {
        sqlite3 *db = NULL;
        setup->mode = sqlite_file_look(setup->path, &db, err);
        if (setup->mode == SQLITE_FILE_MISSING)
            return err_set(err, "%s: no such file", setup->path);
        if (setup->mode == SQLITE_FILE_EMPTY)
            return err_set(err, "%s: it is empty: create its tables first", setup->path);
        if (setup->mode == SQLITE_FILE_FAILED)
            return err_prefix(err, "%s", setup->path);
        sqlite3_busy_timeout(db, LOOK_MS);
        bool ok = read_open(setup, db, watch, err);
        sqlite3_close(db);
        if (ok)
            return true;
        if (setup->mode == SQLITE_FILE_WAL)
            break;
    }
    return err_prefix(err, "%s: reading its schema", setup->path);
}

static bool plan_one(struct setup *setup, const struct watch_table *watched, struct place *at,
                     struct err *err)
{
    return sqlite_plan_table(setup->schema, watched, &setup->arena, &setup->plans[setup->n_plans++],
                             at, err);
}

/* SQLite takes names that differ in case alone for one; their triggers would have one name, too. */
static bool is_another(const struct watch *watch, size_t i, struct place *at, struct err *err)
{
    const struct watch_table *watched = &watch->tables[i];
    for (size_t j = 0; j < i; j++) {
        if (!sqltext_same_name(watch->tables[j].table, watched->table))
            continue;
        *at = watched->at;
        return err_set(err, "to SQLite %.*s is the table %.*s, which stands here already",
                       STR_ARG(watched->table), STR_ARG(watch->tables[j].table));
    }
    return true;
}

/* The plan of every table that is to be followed. */
static bool setup_plan(struct setup *setup, const struct watch *watch, struct place *at,
                       struct err *err)
{
    CHECK(setup->schema);
    size_t room = watch->n_tables + setup->schema->n_tables + 1;
    setup->plans = arena_alloc(&setup->arena, room * sizeof *setup->plans);
    if (!setup->plans)
        return err_set(err, "%s: too many tables", setup->path);
    for (size_t i = 0; i < watch->n_tables; i++)
        if (!is_another(watch, i, at, err) || !plan_one(setup, &watch->tables[i], at, err))
            return err_prefix(err, "%s", setup->path);
    for (size_t i = 0; i < setup->schema->n_tables; i++) {
        const struct sqlite_table *table = &setup->schema->tables[i];
        struct watch_table alone = {.table = table->name};
        if (sqlite_plan_covers(watch, table) && !plan_one(setup, &alone, at, err))
            return err_prefix(err, "%s", setup->path);
    }
    return true;
}

static void drop_trigger(struct buf *sql, struct str name)
{
    buf_text(sql, "DROP TRIGGER IF EXISTS ");
    sqltext_name(sql, name);
    buf_text(sql, ";\n");
}

/* What is there, and what will be made: the text may run at another time than it was written. */
static void drop_ours(struct buf *sql, const struct setup *setup)
{
    CHECK(setup->schema);
    for (size_t i = 0; i < setup->schema->n_triggers; i++)
        drop_trigger(sql, setup->schema->triggers[i].name);
    for (size_t i = 0; i < setup->n_plans; i++)
        for (size_t k = 0; k < setup->plans[i].n_triggers; k++)
            if (!sqlite_schema_trigger(setup->schema, setup->plans[i].triggers[k].name))
                drop_trigger(sql, setup->plans[i].triggers[k].name);
    buf_text(sql, "DROP VIEW IF EXISTS \"" SQLITE_LAST "\";\n"
                  "DROP TABLE IF EXISTS \"" SQLITE_CHANGES "\";\n"
                  "DROP TABLE IF EXISTS \"" SQLITE_META "\";\n");
}

static void write_meta(struct buf *sql, struct str name, struct str value)
{
    buf_text(sql, "INSERT INTO \"" SQLITE_META "\" VALUES (");
    sqltext_string(sql, name);
    buf_text(sql, ", ");
    sqltext_string(sql, value);
    buf_text(sql, ");\n");
}

static void write_tables(struct buf *sql, const struct setup *setup)
{
    size_t slots = 0;
    for (size_t i = 0; i < setup->n_plans; i++) {
        size_t n = sqlite_layout_slots(&setup->plans[i].layout);
        slots = n > slots ? n : slots;
    }
    buf_text(sql,
             "\n-- What was set up, and the random name of this setup: by it unstale knows its\n"
             "-- place in the changes again after a restart.\n"
             "CREATE TABLE \"" SQLITE_META "\" (name TEXT PRIMARY KEY, value);\n"
             "INSERT INTO \"" SQLITE_META "\" VALUES ('instance', lower(hex(randomblob(8))));\n");
    write_meta(sql, STR("version"), STR(SQLITE_PLAN_FORMAT));
    buf_printf(sql, "INSERT INTO \"" SQLITE_META "\" VALUES ('ring', %d);\n", SQLITE_RING);
    for (size_t i = 0; i < setup->n_plans; i++) {
        buf_text(sql, "INSERT INTO \"" SQLITE_META "\" VALUES (");
        struct buf name = BUF_INIT(4096);
        buf_printf(&name, "table:%.*s", STR_ARG(setup->plans[i].layout.resource));
        sqltext_string(sql, buf_slice(&name));
        buf_free(&name);
        buf_text(sql, ",\n  ");
        sqltext_string(sql, setup->plans[i].layout_text);
        buf_text(sql, ");\n");
    }
    buf_printf(
        sql,
        "\n-- One row for each change, written by the triggers below in your own transactions:\n"
        "-- C created, U updated, D deleted, R in the way of a REPLACE, S this setup.\n"
        "-- It is a ring: it keeps the last %d changes.\n"
        "CREATE TABLE \"" SQLITE_CHANGES "\" (\n"
        "  id INTEGER PRIMARY KEY,\n  tbl TEXT,\n  op TEXT,\n"
        "  at INTEGER DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 + 0.5 AS "
        "INTEGER))",
        SQLITE_RING);
    for (size_t i = 0; i < slots; i++)
        buf_printf(sql, "%s v%zu", i % 16 == 0 ? ",\n " : ",", i);
    buf_text(sql, "\n);\nINSERT INTO \"" SQLITE_CHANGES "\" (tbl, op) VALUES ('', 'S');\n");
}

static void write_names(struct buf *sql, const char *what, const struct str *names, size_t n)
{
    if (n == 0)
        return;
    buf_printf(sql, "\n--   %s", what);
    for (size_t i = 0; i < n; i++) {
        buf_text(sql, i > 0 ? ", " : " ");
        /* In a comment a line break would end it. */
        for (size_t k = 0; k < names[i].n; k++)
            buf_byte(sql, (unsigned char)names[i].p[k] < ' ' ? '?' : names[i].p[k]);
    }
}

static void write_plan(struct buf *sql, const struct sqlite_plan *plan)
{
    write_names(sql, "---- table", &plan->layout.table, 1);
    write_names(sql, "records:", plan->layout.values, plan->layout.n_values);
    write_names(sql, "whether an update changed:", plan->layout.differs, plan->layout.n_differs);
    if (plan->warning.n > 0)
        write_names(sql, "BEWARE:", &plan->warning, 1);
    buf_byte(sql, '\n');
    for (size_t i = 0; i < plan->n_triggers; i++) {
        buf_str(sql, plan->triggers[i].sql);
        buf_text(sql, ";\n");
    }
}

/* Everything is there, and nothing else of ours. Making it anew would be harmless, but clients
 * would have to refetch everything, at each deployment that runs setup. */
static bool is_up_to_date(const struct setup *setup)
{
    const struct sqlite_verdicts *verdicts = setup->verdicts;
    size_t triggers = 1; /* the one that trims */
    for (size_t i = 0; i < verdicts->n; i++)
        if (!verdicts->items[i].covered)
            return false;
    for (size_t i = 0; i < setup->n_plans; i++)
        triggers += setup->plans[i].n_triggers;
    return verdicts->set_up && verdicts->trims && triggers == setup->schema->n_triggers;
}

static bool done(const char *path, const struct buf *sql, struct err *err)
{
    return !sql->overflow || err_set(err, "%s: the SQL is longer than %zu bytes", path, sql->max);
}

bool sqlite_setup_sql(const char *path, const struct watch *watch, struct buf *sql,
                      struct place *at, struct err *err)
{
    struct setup setup = {.path = path};
    arena_init(&setup.arena, PLAN_MEMORY);
    *at = (struct place){0};
    bool ok = setup_read(&setup, watch, err) && setup_plan(&setup, watch, at, err);
    if (!ok)
        goto out;
    buf_text(sql,
             "-- Lets unstale follow the changes of this database. May be run again at any time;\n"
             "-- `unstale teardown sqlite` gives the SQL that removes it.\n");
    if (setup.mode == SQLITE_FILE_ROLLBACK)
        buf_text(sql,
                 "\n-- So that a reader never makes a writer wait or fail. Stays with the file.\n"
                 "PRAGMA journal_mode=WAL;\n");
    if (is_up_to_date(&setup)) {
        buf_text(sql,
                 "\n-- The triggers for this configuration are there already: nothing to make.\n");
        ok = done(path, sql, err);
        goto out;
    }
    buf_text(sql, "\nBEGIN IMMEDIATE;\n");
    drop_ours(sql, &setup);
    write_tables(sql, &setup);
    buf_str(sql, sqlite_plan_trim(&setup.arena, SQLITE_RING).sql);
    buf_text(sql, ";\n");
    for (size_t i = 0; i < setup.n_plans; i++)
        write_plan(sql, &setup.plans[i]);
    buf_text(sql, "\n-- Stands last in the schema: a trigger that is dropped and made again comes "
                  "behind it,\n"
                  "-- and unstale sees that it was away.\n"
                  "CREATE VIEW \"" SQLITE_LAST "\" AS SELECT 1 AS one;\n"
                  "\nCOMMIT;\n");
    ok = done(path, sql, err);
out:
    setup_free(&setup);
    return ok;
}

bool sqlite_teardown_sql(const char *path, struct buf *sql, struct err *err)
{
    struct setup setup = {.path = path};
    bool ok = setup_read(&setup, NULL, err);
    if (ok) {
        buf_text(sql,
                 "-- Removes everything that `unstale setup sqlite` made.\nBEGIN IMMEDIATE;\n");
        drop_ours(sql, &setup);
        buf_text(sql, "COMMIT;\n");
        ok = done(path, sql, err);
    }
    setup_free(&setup);
    return ok;
}

/* Runs one statement. PRAGMA journal_mode answers with the mode that holds afterwards, and calls it
 * no error when that is another one. */
static bool run(sqlite3 *db, sqlite3_stmt *stmt, struct err *err)
{
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW && strcmp(sqlite3_column_name(stmt, 0), "journal_mode") == 0 &&
        strcmp((const char *)sqlite3_column_text(stmt, 0), "wal") != 0)
        return err_set(err, "the journal mode stays \"%s\"",
                       (const char *)sqlite3_column_text(stmt, 0));
    while (rc == SQLITE_ROW)
        rc = sqlite3_step(stmt);
    return rc == SQLITE_DONE || err_set(err, "%s", sqlite3_errmsg(db));
}

/* Puts the statement that failed in front of the error: from its first word to its first ";". */
static bool name_statement(const char *sql, struct err *err)
{
    struct str rest = str_of(sql);
    struct sqltext_token token = sqltext_next(&rest);
    struct str text = {.p = token.text.p, .n = 0};
    while (token.kind != SQLTEXT_END && !str_is(token.text, ";") && text.n < STATEMENT_SHOWN) {
        text.n = (size_t)(token.text.p - text.p) + token.text.n;
        token = sqltext_next(&rest);
    }
    bool cut = text.n > STATEMENT_SHOWN;
    text.n = cut ? STATEMENT_SHOWN : text.n;
    return err_prefix(err, "in the statement\n%.*s%s\n", STR_ARG(text), cut ? "..." : "");
}

static bool run_all(sqlite3 *db, const char *sql, struct err *err)
{
    while (*sql) {
        sqlite3_stmt *stmt = NULL;
        const char *rest = NULL;
        int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, &rest);
        bool ok =
            rc == SQLITE_OK ? !stmt || run(db, stmt, err) : err_set(err, "%s", sqlite3_errmsg(db));
        sqlite3_finalize(stmt);
        if (!ok)
            return name_statement(sql, err);
        sql = rest;
    }
    return true;
}

bool sqlite_setup_apply(const char *path, const struct buf *sql, struct err *err)
{
    sqlite3 *db = NULL;
    char *text = NULL;
    bool ok = false;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
        err_set(err, "%s", db ? sqlite3_errmsg(db) : "out of memory");
        goto out;
    }
    sqlite3_busy_timeout(db, APPLY_MS);
    text = sqlite3_mprintf("%.*s", (int)sql->len, sql->data ? sql->data : "");
    if (!text)
        err_set(err, "out of memory");
    else
        ok = run_all(db, text, err);
    if (db && !sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
out:
    sqlite3_free(text);
    sqlite3_close(db);
    return ok || err_prefix(err, "%s", path);
}

bool sqlite_setup_check(const char *path, const struct watch *watch, struct place *at,
                        struct err *err)
{
    struct setup setup = {.path = path};
    arena_init(&setup.arena, PLAN_MEMORY);
    *at = (struct place){0};
    bool ok = setup_read(&setup, NULL, err);
    if (ok)
        ok = setup_plan(&setup, watch, at, err);
    else
        ok = setup.mode == SQLITE_FILE_MISSING || setup.mode == SQLITE_FILE_EMPTY;
    setup_free(&setup);
    return ok;
}
