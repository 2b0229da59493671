/* A trigger runs inside the writer's transaction. So it is one scan or two of the statement's own
 * rows, it reads nothing else, and whatever goes wrong in it is caught: the writer gets a WARNING,
 * and we get "anything in this table".
 *
 * What it says has to fit one payload (8,000 bytes), and is said in the narrowest of three ways
 * that does:
 *  1. each different row, as far as the rules look at it;
 *  2. each different set of scope columns: for a statement that changes a thousand rows of one
 *     project the scope is still known, only the keys are cut before their first other column;
 *  3. "overflow": anything in the table.
 * Rows are counted before they are written as JSON, so a statement of a million rows costs one scan
 * more and no megabytes of text.
 *
 * Values are compared as their text where two values that are equal may be written differently
 * (1.0 and 1.00, 'a' and 'A' in a collation that ignores case): pages show the text. */
#include "source/pg_trigger_body.h"

#include "base/jsontext.h"
#include "source/pg_text.h"
#include "source/pg_value.h"
#include "source/sqltext.h"

enum {
    PAYLOAD_MAX = 7500, /* of the 7,999 that PostgreSQL takes */
    HEAD_MAX = 4000,    /* names of columns; beyond that every statement is "overflow" */
    ROWS_MAX = 2000,    /* no row is written in less than 4 bytes */
};

/* ---- values ---- */

static bool is_any(struct str type, const char *const *names)
{
    for (; *names; names++)
        if (str_is(type, *names))
            return true;
    return false;
}

static void write_text_of(struct buf *out, const char *side, size_t column)
{
    buf_printf(out, "CASE WHEN %s.c%zu IS NOT NULL THEN format('%%s', %s.c%zu) END", side, column,
               side, column);
}

/* So that two values are equal exactly if they are written alike. */
static void write_comparable(struct buf *out, const struct pg_trigger_column *column,
                             const char *side, size_t number)
{
    static const char *const exact[] = {"bool", "int2",      "int4",        "int8",
                                        "oid",  "uuid",      "float4",      "float8",
                                        "date", "timestamp", "timestamptz", NULL};
    static const char *const texts[] = {"text", "varchar", NULL};
    if (is_any(column->type, exact) || column->type_kind == 'e')
        buf_printf(out, "%s.c%zu", side, number);
    else if (is_any(column->type, texts))
        buf_printf(out, "%s.c%zu COLLATE \"C\"", side, number);
    else
        write_text_of(out, side, number);
}

/* As an argument of json_build_array; see pg_relation.h for what becomes of which type. */
static void write_value(struct buf *out, const struct pg_trigger_column *column, const char *side,
                        size_t number)
{
    static const char *const plain[] = {"text", "varchar", "uuid", "date", NULL};
    switch (pg_kind_named(column->type)) {
    case PG_BOOL:
    case PG_FLOAT:
    case PG_JSON:
    case PG_TIMESTAMP:
        buf_printf(out, "%s.c%zu", side, number);
        return;
    case PG_INTEGER:
        buf_printf(out, "%s.c%zu::int8", side, number);
        return;
    case PG_TIMESTAMPTZ:
        buf_printf(out,
                   "CASE WHEN isfinite(%s.c%zu) THEN to_char(%s.c%zu AT TIME ZONE 'UTC', "
                   "'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') ELSE %s.c%zu::text END",
                   side, number, side, number, side, number);
        return;
    case PG_PLAIN:
        break;
    }
    if (is_any(column->type, plain) || column->type_kind == 'e')
        buf_printf(out, "%s.c%zu", side, number);
    else
        write_text_of(out, side, number);
}

/* json_build_array(...)::text of these columns. */
static void write_tuple(struct buf *out, const struct pg_trigger_table *table,
                        const size_t *columns, size_t n, const char *side)
{
    buf_text(out, "json_build_array(");
    for (size_t i = 0; i < n; i++) {
        buf_text(out, i ? ", " : "");
        write_value(out, &table->columns[columns[i]], side, columns[i]);
    }
    buf_text(out, ")::text");
}

/* ---- rows ---- */

static bool is_among(const size_t *columns, size_t n, size_t column)
{
    for (size_t i = 0; i < n; i++)
        if (columns[i] == column)
            return true;
    return false;
}

/* (SELECT "name" AS c0, ... FROM rows) side: under names of ours, so that none of the table's can
 * be in the way. */
static void write_side(struct buf *out, const struct pg_trigger_body *body, const char *rows,
                       const char *side)
{
    buf_text(out, "(SELECT true AS there");
    for (size_t i = 0; i < body->table->n_columns; i++) {
        if (!is_among(body->values, body->n_values, i) &&
            !is_among(body->watched, body->n_watched, i) && !is_among(body->key, body->n_key, i))
            continue;
        buf_text(out, ", ");
        sqltext_name(out, body->table->columns[i].name);
        buf_printf(out, " AS c%zu", i);
    }
    buf_printf(out, " FROM %s) %s", rows, side);
}

/* One row r of an insert or a delete. */
static void write_one_sided(struct buf *out, const struct pg_trigger_body *body,
                            const size_t *columns, size_t n, const char *rows)
{
    buf_text(out, "SELECT DISTINCT ");
    write_tuple(out, body->table, columns, n, "x");
    buf_text(out, " COLLATE \"C\" AS r FROM ");
    write_side(out, body, rows, "x");
}

static void write_touched(struct buf *out, const struct pg_trigger_body *body,
                          const size_t *columns, size_t n)
{
    write_one_sided(out, body, columns, n, PG_OLD_ROWS);
    buf_text(out, " UNION ");
    write_one_sided(out, body, columns, n, PG_NEW_ROWS);
}

static void write_paired(struct buf *out, const struct pg_trigger_body *body, const size_t *columns,
                         size_t n)
{
    buf_text(out, "SELECT DISTINCT concat('[', CASE WHEN x.a = x.b THEN x.a ELSE\n"
                  "        concat(COALESCE(x.a, 'null'), ',', COALESCE(x.b, 'null')) END,\n"
                  "        ',[', x.changed, ']]') COLLATE \"C\" AS r FROM (\n"
                  "      SELECT CASE WHEN o.there THEN ");
    write_tuple(out, body->table, columns, n, "o");
    buf_text(out, " COLLATE \"C\" END AS a,\n        CASE WHEN n.there THEN ");
    write_tuple(out, body->table, columns, n, "n");
    buf_text(out, " COLLATE \"C\" END AS b,\n        concat_ws(',', NULL");
    for (size_t i = 0; i < body->n_watched; i++) {
        size_t number = body->watched[i];
        const struct pg_trigger_column *column = &body->table->columns[number];
        buf_text(out, ", CASE WHEN ");
        write_comparable(out, column, "o", number);
        buf_text(out, " IS DISTINCT FROM ");
        write_comparable(out, column, "n", number);
        buf_printf(out, " THEN %zu END", i);
    }
    buf_text(out, ") AS changed\n      FROM ");
    write_side(out, body, PG_OLD_ROWS, "o");
    buf_text(out, "\n      FULL JOIN ");
    write_side(out, body, PG_NEW_ROWS, "n");
    for (size_t i = 0; i < body->n_key; i++) {
        const struct pg_trigger_column *column = &body->table->columns[body->key[i]];
        buf_text(out, i ? " AND " : " ON ");
        write_comparable(out, column, "o", body->key[i]);
        buf_text(out, " = ");
        write_comparable(out, column, "n", body->key[i]);
    }
    buf_text(out, ") x");
}

/* ---- statements ---- */

struct statement {
    const char *tg_op;
    const char *op;   /* of the payload */
    const char *rows; /* the table to count */
};

static void write_names(struct buf *out, const struct pg_trigger_table *table, const char *member,
                        const size_t *columns, size_t n)
{
    buf_printf(out, ",\"%s\":[", member);
    for (size_t i = 0; i < n; i++) {
        buf_text(out, i ? "," : "");
        jsontext_string(out, table->columns[columns[i]].name);
    }
    buf_byte(out, ']');
}

static void write_start(struct buf *json, const struct pg_trigger_body *body, const char *op)
{
    buf_text(json, "{\"v\":1,\"table\":");
    jsontext_string(json, body->resource);
    buf_printf(json, ",\"op\":\"%s\"", op);
}

static void write_notify(struct buf *out, struct str json, const char *tail)
{
    buf_text(out, "PERFORM pg_notify('" PG_CHANNEL "', ");
    pg_text_string(out, json);
    buf_printf(out, "%s);\n", tail);
}

static void write_attempt(struct buf *out, const struct pg_trigger_body *body,
                          const struct statement *statement, bool wide)
{
    const size_t *columns = wide ? body->scopes : body->values;
    size_t n = wide ? body->n_scopes : body->n_values;
    bool update = strcmp(statement->tg_op, "UPDATE") == 0;
    struct buf head = BUF_INIT(HEAD_MAX);
    write_start(&head, body, statement->op);
    write_names(&head, body->table, "columns", columns, n);
    if (!wide && body->key_is_id)
        write_names(&head, body->table, "key", body->key, body->n_key);
    if (update)
        write_names(&head, body->table, "watched", body->watched, body->n_watched);
    buf_text(&head, ",\"rows\":[");
    if (!head.overflow) {
        buf_text(out, "    SELECT string_agg(d.r, ',') INTO told FROM (\n      ");
        if (!update)
            write_one_sided(out, body, columns, n, statement->rows);
        else if (body->n_key)
            write_paired(out, body, columns, n);
        else
            write_touched(out, body, columns, n);
        buf_printf(out,
                   "\n      LIMIT %d) d;\n"
                   "    IF octet_length(told) <= %zu THEN\n      ",
                   ROWS_MAX + 1, PAYLOAD_MAX - head.len - 2);
        write_notify(out, buf_slice(&head), " || told || ']}'");
        buf_text(out, "      RETURN NULL;\n    END IF;\n");
    }
    buf_free(&head);
}

/* Whether what is said of a row cannot be less than what scopes need. */
static bool is_wide_already(const struct pg_trigger_body *body)
{
    for (size_t i = 0; i < body->n_values; i++)
        if (!is_among(body->scopes, body->n_scopes, body->values[i]))
            return false;
    return true;
}

static void write_statement(struct buf *out, const struct pg_trigger_body *body,
                            const struct statement *statement)
{
    buf_printf(out,
               "  IF TG_OP = '%s' THEN\n"
               "    IF NOT EXISTS (SELECT FROM %s) THEN\n"
               "      RETURN NULL;\n"
               "    END IF;\n",
               statement->tg_op, statement->rows);
    if (!is_wide_already(body)) {
        buf_printf(out, "    IF NOT EXISTS (SELECT FROM %s OFFSET %d) THEN\n", statement->rows,
                   ROWS_MAX);
        write_attempt(out, body, statement, false);
        buf_text(out, "    END IF;\n");
    }
    write_attempt(out, body, statement, true);
    buf_text(out, "  END IF;\n");
}

bool pg_trigger_body_write(struct buf *out, const struct pg_trigger_body *body)
{
    const struct statement statements[] = {
        {"INSERT", "insert", PG_NEW_ROWS},
        {"UPDATE", body->n_key ? "update" : "touch", PG_NEW_ROWS},
        {"DELETE", "delete", PG_OLD_ROWS},
    };
    struct buf json = BUF_INIT(HEAD_MAX);
    buf_text(out, "\nDECLARE\n  told text;\nBEGIN\n");
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        write_statement(out, body, &statements[i]);
    buf_text(out, "  IF TG_OP = 'TRUNCATE' THEN\n    ");
    write_start(&json, body, "truncate");
    buf_byte(&json, '}');
    write_notify(out, buf_slice(&json), "");
    buf_text(out, "    RETURN NULL;\n  END IF;\n  ");
    buf_clear(&json);
    write_start(&json, body, "overflow");
    buf_byte(&json, '}');
    write_notify(out, buf_slice(&json), "");
    buf_text(out, "  RETURN NULL;\n"
                  "EXCEPTION WHEN OTHERS THEN\n"
                  "  RAISE WARNING 'unstale: % (%)', SQLERRM, SQLSTATE\n"
                  "    USING HINT = 'The statement itself succeeded. Run: unstale doctor';\n"
                  "  BEGIN\n    ");
    buf_clear(&json);
    write_start(&json, body, "overflow");
    buf_text(&json, ",\"error\":\"");
    write_notify(out, buf_slice(&json), " || SQLSTATE || '\"}'");
    buf_text(out, "  EXCEPTION WHEN OTHERS THEN\n"
                  "    RAISE WARNING 'unstale: % (%)', SQLERRM, SQLSTATE;\n"
                  "  END;\n"
                  "  RETURN NULL;\n"
                  "END\n");
    bool ok = !json.overflow;
    buf_free(&json);
    return ok && !out->overflow;
}
