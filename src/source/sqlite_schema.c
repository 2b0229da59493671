#include "source/sqlite_schema.h"

#include "base/mem.h"
#include "source/sqltext.h"

#include <stdlib.h>

enum { SCHEMA_MEMORY = 64 << 20 };

struct reader {
    sqlite3 *db;
    struct sqlite_schema *schema;
    int rc;
    bool full; /* the arena's maximum was reached */
};

static sqlite3_stmt *prepare(struct reader *reader, const char *sql, struct str argument)
{
    sqlite3_stmt *stmt = NULL;
    reader->rc = sqlite3_prepare_v2(reader->db, sql, -1, &stmt, NULL);
    if (reader->rc == SQLITE_OK && argument.p)
        reader->rc = sqlite3_bind_text(stmt, 1, argument.p, (int)argument.n, SQLITE_STATIC);
    return stmt;
}

/* The next row; false at the end or after an error, which stays in reader->rc. */
static bool step(struct reader *reader, sqlite3_stmt *stmt)
{
    if (reader->rc != SQLITE_OK || reader->full)
        return false;
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        return true;
    reader->rc = rc == SQLITE_DONE ? SQLITE_OK : rc;
    return false;
}

/* How many rows there are; the statement stands before its first one again. */
static size_t count(struct reader *reader, sqlite3_stmt *stmt)
{
    size_t n = 0;
    while (step(reader, stmt))
        n++;
    if (reader->rc == SQLITE_OK)
        reader->rc = sqlite3_reset(stmt);
    return n;
}

static void *take(struct reader *reader, size_t n, size_t size)
{
    void *p = arena_alloc(&reader->schema->_arena, (n + 1) * size);
    if (!p)
        reader->full = true;
    return p;
}

static struct str column_slice(sqlite3_stmt *stmt, int i)
{
    const char *p = (const char *)sqlite3_column_text(stmt, i);
    return (struct str){.p = p, .n = p ? (size_t)sqlite3_column_bytes(stmt, i) : 0};
}

static struct str text(struct reader *reader, sqlite3_stmt *stmt, int i)
{
    struct str slice = column_slice(stmt, i);
    if (!slice.p)
        return (struct str){0};
    struct str copy = arena_copy(&reader->schema->_arena, slice);
    if (!copy.p)
        reader->full = true;
    return copy;
}

static void read_columns(struct reader *reader, struct sqlite_table *table)
{
    /* hidden 2 and 3 are generated columns, which triggers see. */
    sqlite3_stmt *stmt = prepare(reader,
                                 "SELECT name, pk, \"notnull\", dflt_value, type "
                                 "FROM pragma_table_xinfo(?1, 'main') ORDER BY cid",
                                 table->name);
    size_t n = count(reader, stmt);
    table->columns = take(reader, n, sizeof *table->columns);
    const struct sqlite_column *integer = NULL;
    while (table->n_columns < n && step(reader, stmt)) {
        struct sqlite_column *column = &table->columns[table->n_columns++];
        *column = (struct sqlite_column){
            .name = text(reader, stmt, 0),
            .key = (unsigned)sqlite3_column_int(stmt, 1),
            .not_null = sqlite3_column_int(stmt, 2) != 0,
            .initial = text(reader, stmt, 3),
        };
        table->n_key += column->key > 0;
        if (column->key == 1 && sqltext_same_name(column_slice(stmt, 4), STR("integer")))
            integer = column;
    }
    sqlite3_finalize(stmt);
    if (table->without_rowid)
        return;
    static const char *const names[] = {"rowid", "_rowid_", "oid"};
    for (size_t i = 0; i < 3 && table->rowid.n == 0; i++)
        if (!sqlite_schema_column(table, str_of(names[i])))
            table->rowid = str_of(names[i]);
    /* Only while there is no index of its own does it stand for the rowid (an INTEGER PRIMARY KEY
     * DESC does not): read_uniques takes it back. */
    if (integer && table->n_key == 1)
        table->rowid = integer->name;
}

static void read_parts(struct reader *reader, struct sqlite_unique *unique, struct str sql)
{
    sqlite3_stmt *stmt = prepare(reader,
                                 "SELECT name, coll, cid FROM pragma_index_xinfo(?1, 'main') "
                                 "WHERE key ORDER BY seqno",
                                 unique->name);
    size_t n = count(reader, stmt);
    unique->parts = take(reader, n, sizeof *unique->parts);
    while (unique->n_parts < n && step(reader, stmt)) {
        struct sqlite_part *part = &unique->parts[unique->n_parts++];
        *part = (struct sqlite_part){.column = text(reader, stmt, 0),
                                     .collation = text(reader, stmt, 1)};
        if (part->column.n == 0 && sqlite3_column_int(stmt, 2) == -2)
            sqltext_index_part(sql, unique->n_parts - 1, &part->expression);
    }
    sqlite3_finalize(stmt);
    if (unique->partial)
        unique->where = sqltext_index_where(sql);
}

static void read_uniques(struct reader *reader, struct sqlite_table *table)
{
    sqlite3_stmt *stmt =
        prepare(reader,
                "SELECT l.name, l.origin, l.partial, s.sql FROM pragma_index_list(?1, 'main') AS l "
                "LEFT JOIN main.sqlite_schema AS s ON s.type = 'index' AND s.name = l.name "
                "WHERE l.\"unique\" ORDER BY l.name",
                table->name);
    size_t n = count(reader, stmt);
    table->uniques = take(reader, n, sizeof *table->uniques);
    bool key_index = false;
    while (table->n_uniques < n && step(reader, stmt)) {
        struct sqlite_unique *unique = &table->uniques[table->n_uniques++];
        *unique = (struct sqlite_unique){.name = text(reader, stmt, 0),
                                         .partial = sqlite3_column_int(stmt, 2) != 0};
        key_index = key_index || str_is(column_slice(stmt, 1), "pk");
        read_parts(reader, unique, text(reader, stmt, 3));
    }
    sqlite3_finalize(stmt);
    const struct sqlite_column *column =
        key_index && table->rowid.n > 0 ? sqlite_schema_column(table, table->rowid) : NULL;
    if (!column)
        return;
    static const char *const names[] = {"rowid", "_rowid_", "oid"};
    table->rowid = (struct str){0};
    for (size_t i = 0; i < 3 && table->rowid.n == 0; i++)
        if (!sqlite_schema_column(table, str_of(names[i])))
            table->rowid = str_of(names[i]);
}

static enum sqlite_kind kind_of(struct str name)
{
    if (str_is(name, "view"))
        return SQLITE_KIND_VIEW;
    if (str_is(name, "virtual"))
        return SQLITE_KIND_VIRTUAL;
    if (str_is(name, "shadow"))
        return SQLITE_KIND_SHADOW;
    return SQLITE_KIND_TABLE;
}

static void read_tables(struct reader *reader)
{
    struct sqlite_schema *schema = reader->schema;
    sqlite3_stmt *stmt =
        prepare(reader,
                "SELECT l.name, l.type, l.wr, s.sql "
                "FROM pragma_table_list AS l JOIN main.sqlite_schema AS s "
                "ON s.name = l.name AND s.type IN ('table', 'view') "
                "WHERE l.schema = 'main' AND l.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
                "ORDER BY l.name",
                (struct str){0});
    size_t n = count(reader, stmt);
    schema->tables = take(reader, n, sizeof *schema->tables);
    while (schema->n_tables < n && step(reader, stmt)) {
        struct str name = column_slice(stmt, 0);
        struct str prefix = {.p = name.p, .n = sizeof SQLITE_OURS - 1};
        if (name.n > prefix.n && sqltext_same_name(prefix, STR(SQLITE_OURS))) {
            schema->has_changes =
                schema->has_changes || sqltext_same_name(name, STR(SQLITE_CHANGES));
            schema->has_meta = schema->has_meta || sqltext_same_name(name, STR(SQLITE_META));
            schema->has_last = schema->has_last || sqltext_same_name(name, STR(SQLITE_LAST));
            continue;
        }
        schema->tables[schema->n_tables++] = (struct sqlite_table){
            .name = text(reader, stmt, 0),
            .kind = kind_of(column_slice(stmt, 1)),
            .without_rowid = sqlite3_column_int(stmt, 2) != 0,
            .sql = text(reader, stmt, 3),
        };
    }
    sqlite3_finalize(stmt);
    /* Of tables alone: asking for the columns of a view whose tables are gone, or of a virtual
     * table whose module only the application has, is an error. */
    for (size_t i = 0; i < schema->n_tables && reader->rc == SQLITE_OK && !reader->full; i++) {
        if (schema->tables[i].kind != SQLITE_KIND_TABLE)
            continue;
        read_columns(reader, &schema->tables[i]);
        read_uniques(reader, &schema->tables[i]);
    }
}

static void read_triggers(struct reader *reader)
{
    struct sqlite_schema *schema = reader->schema;
    sqlite3_stmt *stmt =
        prepare(reader,
                "SELECT name, sql, rowid FROM main.sqlite_schema WHERE type = 'trigger' "
                "AND name LIKE '\\_unstale\\_%' ESCAPE '\\' ORDER BY name",
                (struct str){0});
    size_t n = count(reader, stmt);
    schema->triggers = take(reader, n, sizeof *schema->triggers);
    while (schema->n_triggers < n && step(reader, stmt))
        schema->triggers[schema->n_triggers++] = (struct sqlite_trigger){
            .name = text(reader, stmt, 0),
            .sql = text(reader, stmt, 1),
            .place = sqlite3_column_int64(stmt, 2),
        };
    sqlite3_finalize(stmt);
}

static void read_version(struct reader *reader)
{
    sqlite3_stmt *stmt = prepare(reader, "PRAGMA main.schema_version", (struct str){0});
    if (step(reader, stmt))
        reader->schema->version = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
}

struct sqlite_schema *sqlite_schema_read(sqlite3 *db, int *rc, struct err *err)
{
    struct reader reader = {.db = db, .schema = mem_new(sizeof *reader.schema), .rc = SQLITE_OK};
    arena_init(&reader.schema->_arena, SCHEMA_MEMORY);
    read_version(&reader);
    if (reader.rc == SQLITE_OK)
        read_tables(&reader);
    if (reader.rc == SQLITE_OK)
        read_triggers(&reader);
    if (rc)
        *rc = reader.full ? SQLITE_TOOBIG : reader.rc;
    if (reader.rc == SQLITE_OK && !reader.full)
        return reader.schema;
    if (reader.full)
        err_set(err, "its schema takes more than %d MiB", SCHEMA_MEMORY >> 20);
    else
        err_set(err, "%s", sqlite3_errmsg(db));
    sqlite_schema_free(reader.schema);
    return NULL;
}

void sqlite_schema_free(struct sqlite_schema *schema)
{
    if (!schema)
        return;
    arena_free(&schema->_arena);
    free(schema);
}

const struct sqlite_table *sqlite_schema_table(const struct sqlite_schema *schema, struct str name)
{
    for (size_t i = 0; i < schema->n_tables; i++)
        if (sqltext_same_name(schema->tables[i].name, name))
            return &schema->tables[i];
    return NULL;
}

const struct sqlite_column *sqlite_schema_column(const struct sqlite_table *table, struct str name)
{
    for (size_t i = 0; i < table->n_columns; i++)
        if (sqltext_same_name(table->columns[i].name, name))
            return &table->columns[i];
    return NULL;
}

const struct sqlite_trigger *sqlite_schema_trigger(const struct sqlite_schema *schema,
                                                   struct str name)
{
    for (size_t i = 0; i < schema->n_triggers; i++)
        if (sqltext_same_name(schema->triggers[i].name, name))
            return &schema->triggers[i];
    return NULL;
}
