#include "source/sqlite_rolls.h"

#include "base/err.h"
#include "base/mem.h"
#include "source/sqltext.h"

#include <stdlib.h>

enum { MEMORY = 4 << 20, SQL_MAX = 64 * 1024, SCOPES_MAX = ROLL_SCOPES_MAX };

struct sqlite_rolls {
    struct arena arena;
    struct rolls rolls;
    sqlite3_stmt *statements[ROLLS_MAX];
    struct arena answer; /* of the last one */
    struct str *scopes;
    size_t n;
    struct err err;
};

struct sqlite_rolls *sqlite_rolls_new(const struct rolls *rolls)
{
    struct sqlite_rolls *all = mem_new(sizeof *all);
    arena_init(&all->arena, MEMORY);
    arena_init(&all->answer, (size_t)SCOPES_MAX * (SCOPE_MAX + 64));
    all->rolls = rolls_copy(rolls, &all->arena);
    return all;
}

void sqlite_rolls_drop(struct sqlite_rolls *rolls)
{
    for (size_t i = 0; i < ROLLS_MAX; i++) {
        sqlite3_finalize(rolls->statements[i]);
        rolls->statements[i] = NULL;
    }
}

void sqlite_rolls_free(struct sqlite_rolls *rolls)
{
    if (!rolls)
        return;
    sqlite_rolls_drop(rolls);
    arena_free(&rolls->arena);
    arena_free(&rolls->answer);
    free(rolls->scopes);
    free(rolls);
}

const struct rolls *sqlite_rolls_all(const struct sqlite_rolls *rolls)
{
    return &rolls->rolls;
}

static void write_sql(const struct roll *roll, struct buf *out)
{
    buf_text(out, "SELECT ");
    for (size_t i = 0; i < roll->n_columns; i++) {
        buf_text(out, i ? ", " : "");
        sqltext_name(out, roll->columns[i].name);
    }
    buf_text(out, " FROM main.");
    sqltext_name(out, roll->table);
    buf_text(out, " WHERE ");
    sqltext_name(out, roll->columns[0].name);
    buf_text(out, " = ?1");
}

static int prepare(struct sqlite_rolls *rolls, size_t i, sqlite3 *db)
{
    if (rolls->statements[i])
        return SQLITE_OK;
    struct buf sql = BUF_INIT(SQL_MAX);
    write_sql(&rolls->rolls.items[i], &sql);
    int rc = sql.overflow
                 ? SQLITE_TOOBIG
                 : sqlite3_prepare_v3(db, sql.data, (int)sql.len, SQLITE_PREPARE_PERSISTENT,
                                      &rolls->statements[i], NULL);
    buf_free(&sql);
    return rc;
}

static struct value value_of(sqlite3_stmt *row, int column)
{
    switch (sqlite3_column_type(row, column)) {
    case SQLITE_INTEGER:
        return value_int(sqlite3_column_int64(row, column));
    case SQLITE_FLOAT:
        return (struct value){.type = VALUE_REAL, .real = sqlite3_column_double(row, column)};
    case SQLITE_TEXT: {
        const char *text = (const char *)sqlite3_column_text(row, column);
        return value_text((struct str){.p = text, .n = (size_t)sqlite3_column_bytes(row, column)});
    }
    case SQLITE_NULL:
        return (struct value){.type = VALUE_NULL};
    default: /* bytes are nobody's name */
        return (struct value){.type = VALUE_ABSENT};
    }
}

static bool keep(struct sqlite_rolls *rolls, struct str scope)
{
    struct str copy = arena_copy(&rolls->answer, scope);
    if (!copy.p || rolls->n == SCOPES_MAX)
        return err_set(&rolls->err, "more than %d scopes of one user", SCOPES_MAX);
    rolls->scopes[rolls->n++] = copy;
    return true;
}

static bool ask_one(struct sqlite_rolls *rolls, size_t i, sqlite3 *db, struct str user)
{
    const struct roll *roll = &rolls->rolls.items[i];
    struct value values[ROLL_COLUMNS_MAX];
    struct buf scope = BUF_INIT(SCOPE_MAX + 1);
    bool kept = true;
    int rc = prepare(rolls, i, db);
    sqlite3_stmt *row = rolls->statements[i];
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(row, 1, user.p, (int)user.n, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(row);
    for (; rc == SQLITE_ROW && kept; rc = sqlite3_step(row)) {
        for (size_t k = 0; k < roll->n_columns; k++)
            values[k] = value_of(row, (int)k);
        buf_clear(&scope);
        if (roll_row(roll, user, values, &scope))
            kept = keep(rolls, buf_slice(&scope));
    }
    bool ok = kept && rc == SQLITE_DONE;
    if (kept && !ok)
        err_set(&rolls->err, "%.*s: %s", STR_ARG(roll->table), sqlite3_errmsg(db));
    sqlite3_reset(row);
    buf_free(&scope);
    return ok;
}

struct roll_answer sqlite_rolls_ask(struct sqlite_rolls *rolls, sqlite3 *db, struct str user)
{
    bool ok = true;
    if (!rolls->scopes)
        rolls->scopes = mem_array(SCOPES_MAX, sizeof *rolls->scopes);
    arena_clear(&rolls->answer);
    rolls->n = 0;
    for (size_t i = 0; i < rolls->rolls.n && ok; i++)
        ok = ask_one(rolls, i, db, user);
    return (struct roll_answer){
        .ok = ok, .exact = true, .why = rolls->err.text, .scopes = rolls->scopes, .n = rolls->n};
}
