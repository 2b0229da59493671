/* Why every column comes as two: statements of different tables are one statement only where their
 * columns have the same types, and as what a cast to text writes (a padded character, a boolean)
 * is not what the type's own output writes, which is what the captured change carries. */
#include "source/pg_rolls.h"

#include "base/mem.h"
#include "source/pg_text.h"
#include "source/pg_value.h"
#include "source/sqltext.h"
#include "wire/pgoutput.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    MEMORY = 4 << 20,
    SQL_MAX = 1 << 20,
    ANSWER_MEMORY = ROLL_SCOPES_MAX * (SCOPE_MAX + 64) + (1 << 20),
};

struct pg_rolls {
    struct arena arena;
    struct rolls rolls;
    struct buf sql[2]; /* [as_text] */
    size_t columns;    /* of the roll that has most */
    struct arena answer;
    struct str *scopes;
    struct err err;
};

/* NAME is in the schema public, SCHEMA.NAME says where (pg_catalog.h). */
static void write_table(struct buf *out, struct str table)
{
    size_t dot = str_index(table, '.');
    if (dot == table.n)
        pg_text_table(out, STR("public"), table);
    else
        pg_text_table(out, (struct str){.p = table.p, .n = dot}, str_from(table, dot + 1));
}

static void write_column(struct buf *out, struct str column)
{
    buf_text(out, ", CASE WHEN ");
    sqltext_name(out, column);
    buf_text(out, " IS NULL THEN NULL ELSE format('%s', ");
    sqltext_name(out, column);
    buf_text(out, ") END, pg_typeof(");
    sqltext_name(out, column);
    buf_text(out, ")::oid::text");
}

static void write_roll(const struct pg_rolls *rolls, size_t i, bool as_text, struct buf *out)
{
    const struct roll *roll = &rolls->rolls.items[i];
    buf_printf(out, " UNION ALL SELECT '%zu'", i);
    for (size_t k = 0; k < roll->n_columns; k++)
        write_column(out, roll->columns[k].name);
    for (size_t k = roll->n_columns; k < rolls->columns; k++)
        buf_text(out, ", NULL, NULL");
    buf_text(out, " FROM ");
    write_table(out, roll->table);
    buf_text(out, " WHERE ");
    sqltext_name(out, roll->columns[0].name);
    buf_printf(out, as_text ? "::text = $%zu::text" : " = $%zu", i + 1);
}

static void write_sql(const struct pg_rolls *rolls, bool as_text, struct buf *out)
{
    buf_text(out, "SELECT NULL::text, pg_current_snapshot()::text, CASE WHEN pg_is_in_recovery() "
                  "THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END::text, "
                  "pg_is_in_recovery()::text, NULL::text");
    for (size_t k = 2; k < rolls->columns; k++)
        buf_text(out, ", NULL::text, NULL::text");
    for (size_t i = 0; i < rolls->rolls.n; i++)
        write_roll(rolls, i, as_text, out);
    buf_byte(out, '\0');
}

struct pg_rolls *pg_rolls_new(const struct rolls *from)
{
    struct pg_rolls *rolls = mem_new(sizeof *rolls);
    arena_init(&rolls->arena, MEMORY);
    arena_init(&rolls->answer, ANSWER_MEMORY);
    rolls->rolls = rolls_copy(from, &rolls->arena);
    rolls->columns = 2; /* what is said of the answer itself needs as many */
    for (size_t i = 0; i < from->n; i++)
        if (from->items[i].n_columns > rolls->columns)
            rolls->columns = from->items[i].n_columns;
    for (unsigned as_text = 0; as_text < 2; as_text++) {
        rolls->sql[as_text] = BUF_INIT(SQL_MAX);
        write_sql(rolls, as_text, &rolls->sql[as_text]);
    }
    return rolls;
}

void pg_rolls_free(struct pg_rolls *rolls)
{
    if (!rolls)
        return;
    buf_free(&rolls->sql[0]);
    buf_free(&rolls->sql[1]);
    arena_free(&rolls->arena);
    arena_free(&rolls->answer);
    free(rolls->scopes);
    free(rolls);
}

const struct rolls *pg_rolls_all(const struct pg_rolls *rolls)
{
    return &rolls->rolls;
}

const char *pg_rolls_sql(struct pg_rolls *rolls, bool as_text)
{
    return rolls->sql[as_text].data;
}

int pg_rolls_parameters(const struct pg_rolls *rolls)
{
    return (int)rolls->rolls.n;
}

/* Class 22, data exception: invalid_text_representation and its kind (PostgreSQL, appendix A). */
bool pg_rolls_is_mistyped(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return state && strncmp(state, "22", 2) == 0;
}

static struct str cell(const PGresult *result, int row, int column)
{
    return (struct str){.p = PQgetvalue(result, row, column),
                        .n = (size_t)PQgetlength(result, row, column)};
}

static struct value value_of(struct pg_rolls *rolls, const PGresult *result, int row, size_t column)
{
    int at = 1 + 2 * (int)column;
    if (PQgetisnull(result, row, at))
        return (struct value){.type = VALUE_NULL};
    uint32_t type = (uint32_t)strtoul(PQgetvalue(result, row, at + 1), NULL, 10);
    return pg_value(pg_kind_of(type), cell(result, row, at), &rolls->answer);
}

/* False: there are too many. */
static bool read_row(struct pg_rolls *rolls, const PGresult *result, int row, struct str user,
                     struct roll_answer *answer)
{
    struct value values[ROLL_COLUMNS_MAX];
    struct buf scope = BUF_INIT(SCOPE_MAX + 1);
    size_t i = strtoul(PQgetvalue(result, row, 0), NULL, 10);
    bool ok = i < rolls->rolls.n;
    const struct roll *roll = ok ? &rolls->rolls.items[i] : NULL;
    for (size_t k = 0; ok && k < roll->n_columns; k++)
        values[k] = value_of(rolls, result, row, k);
    if (ok && roll_row(roll, user, values, &scope)) {
        struct str copy = arena_copy(&rolls->answer, buf_slice(&scope));
        ok = copy.p && answer->n < ROLL_SCOPES_MAX;
        if (ok)
            rolls->scopes[answer->n++] = copy;
    }
    buf_free(&scope);
    return ok;
}

bool pg_rolls_read(struct pg_rolls *rolls, const PGresult *result, struct str user,
                   struct pg_rolls_found *found)
{
    *found = (struct pg_rolls_found){.answer = {.ok = true}};
    arena_clear(&rolls->answer);
    if (!rolls->scopes)
        rolls->scopes = mem_array(ROLL_SCOPES_MAX, sizeof *rolls->scopes);
    if (PQresultStatus(result) != PGRES_TUPLES_OK ||
        PQnfields(result) != 1 + 2 * (int)rolls->columns || PQntuples(result) < 1)
        return false;
    for (int row = 0; row < PQntuples(result) && found->answer.ok; row++) {
        if (!PQgetisnull(result, row, 0)) {
            found->answer.ok = read_row(rolls, result, row, user, &found->answer);
            continue;
        }
        found->standby = str_is(cell(result, row, 3), "true");
        found->snapshot = arena_copy(&rolls->answer, cell(result, row, 1));
        if (!found->snapshot.p || !pgoutput_parse_lsn(cell(result, row, 2), &found->lsn))
            return false;
    }
    if (!found->answer.ok) {
        err_set(&rolls->err, "more than %d scopes of one user", ROLL_SCOPES_MAX);
        found->answer.why = rolls->err.text;
    }
    found->answer.scopes = rolls->scopes;
    return found->snapshot.p != NULL;
}
