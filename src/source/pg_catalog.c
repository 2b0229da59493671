#include "source/pg_catalog.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "source/pg_target.h"
#include "source/sqltext.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    MEMORY = 64 << 20,
    SENTENCE_MAX = 2048,
    SQL_MAX = 1 << 20,
    STANDBY_VERSION = 160000 /* decodes on a standby */
};

/* ---- the server ---- */

const char pg_catalog_server_sql[] =
    "SELECT current_setting('server_version_num'), current_setting('wal_level'),"
    " (SELECT setting FROM pg_settings WHERE name = 'max_slot_wal_keep_size'),"
    " pg_is_in_recovery(), current_setting('synchronous_standby_names') <> '',"
    " (SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user),"
    " current_user, p.pubname IS NOT NULL, coalesce(p.puballtables, false),"
    " coalesce(p.pubinsert AND p.pubupdate AND p.pubdelete AND"
    "  coalesce((to_jsonb(p)->>'pubtruncate')::boolean, false), false),"
    " coalesce((to_jsonb(p)->>'pubviaroot')::boolean, false),"
    " current_setting('max_replication_slots'),"
    " (SELECT count(*) FROM pg_replication_slots), current_setting('max_wal_senders'),"
    " CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END "
    "FROM (SELECT 1) one LEFT JOIN pg_publication p ON p.pubname = $1";

enum { SERVER_COLUMNS = 15 };

static struct str text_at(const PGresult *result, int row, int column)
{
    return (struct str){.p = PQgetvalue(result, row, column),
                        .n = (size_t)PQgetlength(result, row, column)};
}

static bool bool_at(const PGresult *result, int row, int column)
{
    return str_is(text_at(result, row, column), "t");
}

static int64_t int_at(const PGresult *result, int row, int column)
{
    return strtoll(PQgetvalue(result, row, column), NULL, 10);
}

bool pg_catalog_server(const PGresult *result, struct arena *arena, struct pg_server *out,
                       struct err *err)
{
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1 ||
        PQnfields(result) != SERVER_COLUMNS) {
        pg_sentence(err, PQresultErrorMessage(result));
        return err_prefix(err, "the server did not say how it is configured");
    }
    *out = (struct pg_server){
        .version = (int)int_at(result, 0, 0),
        .wal_level = arena_copy(arena, text_at(result, 0, 1)),
        .keep_size_mb = PQgetisnull(result, 0, 2) ? -1 : int_at(result, 0, 2),
        .standby = bool_at(result, 0, 3),
        .synchronous = bool_at(result, 0, 4),
        .may_replicate = bool_at(result, 0, 5),
        .role = arena_copy(arena, text_at(result, 0, 6)),
        .published = bool_at(result, 0, 7),
        .all_tables = bool_at(result, 0, 8),
        .all_actions = bool_at(result, 0, 9),
        .via_root = bool_at(result, 0, 10),
        .slots_max = (int)int_at(result, 0, 11),
        .slots_used = (int)int_at(result, 0, 12),
        .senders_max = (int)int_at(result, 0, 13),
        .wal = arena_copy(arena, text_at(result, 0, 14)),
    };
    return (out->wal_level.p && out->role.p && out->wal.p) ||
           err_set(err, "the server said too much");
}

bool pg_server_is_fit(const struct pg_server *server, const char *publication, struct err *why)
{
    if (!str_is(server->wal_level, "logical"))
        return err_set(why,
                       "wal_level is %.*s; run: ALTER SYSTEM SET wal_level = 'logical'; and "
                       "restart PostgreSQL (or use capture: notify)",
                       STR_ARG(server->wal_level));
    if (server->standby && server->version < STANDBY_VERSION)
        return err_set(why, "it is a standby, which cannot decode its WAL before PostgreSQL 16; "
                            "name the primary");
    if (!server->published)
        return err_set(why,
                       "there is no publication %s; run: unstale setup postgres -c CONFIG --apply",
                       publication);
    if (!server->all_actions)
        return err_set(why,
                       "the publication %s leaves actions out; run: ALTER PUBLICATION \"%s\" SET "
                       "(publish = 'insert, update, delete, truncate');",
                       publication, publication);
    if (server->via_root)
        return err_set(why,
                       "the publication %s does not tell of truncated partitions; run: ALTER "
                       "PUBLICATION \"%s\" SET (publish_via_partition_root = false);",
                       publication, publication);
    return true;
}

/* ---- tables ---- */

/* A row a column, so that no array has to be read. Children are those of inheritance too, of which
 * partitions are one kind. What some versions lack (row filters) is asked for as JSON. */
const char pg_catalog_tables_sql[] =
    "WITH RECURSIVE wanted AS ("
    " SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND"
    "  ((n.nspname = 'public' AND c.relname::text = ANY ($2::text[])) OR"
    "   n.nspname || '.' || c.relname = ANY ($2::text[]) OR"
    "   ($3::boolean AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND"
    "    NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid) AND"
    "    n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'))"
    "), family AS ("
    " SELECT oid, oid AS root FROM wanted"
    " UNION SELECT i.inhrelid, f.root FROM family f JOIN pg_inherits i ON i.inhparent = f.oid"
    "), entries AS ("
    " SELECT r.oid, r.prrelid, to_jsonb(r)->>'prqual' IS NOT NULL AS filtered,"
    "  to_jsonb(r)->'prattrs' AS list"
    " FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid WHERE p.pubname = $1"
    "), sent AS ("
    " SELECT DISTINCT schemaname, tablename FROM pg_publication_tables WHERE pubname = $1"
    "), above AS ("
    " SELECT oid AS member, oid FROM family"
    " UNION SELECT a.member, i.inhparent FROM above a JOIN pg_inherits i ON i.inhrelid = a.oid"
    "), published AS ("
    " SELECT DISTINCT a.member FROM sent s JOIN pg_namespace n ON n.nspname = s.schemaname"
    " JOIN pg_class c ON c.relname = s.tablename AND c.relnamespace = n.oid"
    " JOIN above a ON a.oid = c.oid"
    "), entered AS ("
    " SELECT a.member, bool_or(e.filtered) AS filtered,"
    "  string_agg(e.oid::text, ',' ORDER BY e.oid) AS entry"
    " FROM entries e JOIN above a ON a.oid = e.prrelid GROUP BY a.member"
    ") "
    "SELECT f.root, c.oid, n.nspname, c.relname, c.relkind, c.relreplident,"
    " c.relpersistence = 'p', p.member IS NOT NULL, coalesce(e.filtered, false),"
    " concat((SELECT xmin FROM pg_publication WHERE pubname = $1), '/', e.entry),"
    " a.attname, coalesce(a.attnum = ANY ((k.indkey::int2[])[0:k.indnkeyatts - 1]), false),"
    " c.relreplident = 'f' OR"
    "  coalesce(a.attnum = ANY ((r.indkey::int2[])[0:r.indnkeyatts - 1]), false),"
    " coalesce(a.attgenerated <> '' AND NOT (a.attgenerated = 's' AND EXISTS ("
    "  SELECT FROM pg_publication p WHERE p.pubname = $1 AND to_jsonb(p)->>'pubgencols' = 's')),"
    "  false),"
    " EXISTS (SELECT FROM entries l WHERE l.prrelid = c.oid AND"
    "  jsonb_typeof(l.list) = 'array' AND NOT l.list @> to_jsonb(a.attnum)) "
    "FROM family f JOIN pg_class c ON c.oid = f.oid JOIN pg_namespace n ON n.oid = c.relnamespace"
    " LEFT JOIN published p ON p.member = c.oid LEFT JOIN entered e ON e.member = c.oid"
    " LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
    " LEFT JOIN pg_index k ON k.indrelid = c.oid AND k.indisprimary"
    " LEFT JOIN pg_index r ON r.indrelid = c.oid AND r.indisvalid AND r.indimmediate AND"
    "  ((c.relreplident = 'd' AND r.indisprimary) OR"
    "   (c.relreplident = 'i' AND r.indisreplident)) "
    "ORDER BY f.root, c.oid <> f.root, c.oid, a.attnum";

enum { TABLE_COLUMNS = 15 };

void pg_catalog_names(const struct watch *watch, struct buf *out)
{
    buf_byte(out, '{');
    for (size_t i = 0; i < watch->n_tables; i++) {
        struct str name = watch->tables[i].table;
        buf_text(out, i ? ",\"" : "\"");
        for (size_t k = 0; k < name.n; k++) {
            if (name.p[k] == '"' || name.p[k] == '\\')
                buf_byte(out, '\\');
            buf_byte(out, name.p[k]);
        }
        buf_byte(out, '"');
    }
    buf_byte(out, '}');
}

static uint32_t oid_at(const PGresult *result, int row, int column)
{
    return (uint32_t)strtoul(PQgetvalue(result, row, column), NULL, 10);
}

static void *take(struct arena *arena, size_t count, size_t size)
{
    return arena_alloc(arena, (count ? count : 1) * size);
}

static bool read_table(const PGresult *result, int row, struct arena *arena, struct pg_table *table)
{
    *table = (struct pg_table){
        .root = oid_at(result, row, 0),
        .oid = oid_at(result, row, 1),
        .schema = arena_copy(arena, text_at(result, row, 2)),
        .name = arena_copy(arena, text_at(result, row, 3)),
        .kind = PQgetvalue(result, row, 4)[0],
        .identity = PQgetvalue(result, row, 5)[0],
        .permanent = bool_at(result, row, 6),
        .published = bool_at(result, row, 7),
        .filtered = bool_at(result, row, 8),
        .entry = arena_copy(arena, text_at(result, row, 9)),
    };
    return table->schema.p && table->name.p && table->entry.p;
}

struct pg_catalog *pg_catalog_read(const PGresult *result, struct err *err)
{
    int rows = PQntuples(result);
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQnfields(result) != TABLE_COLUMNS) {
        pg_sentence(err, PQresultErrorMessage(result));
        err_prefix(err, "the server did not say which tables there are");
        return NULL;
    }
    struct pg_catalog *catalog = mem_new(sizeof *catalog);
    arena_init(&catalog->arena, MEMORY);
    catalog->tables = take(&catalog->arena, (size_t)rows, sizeof *catalog->tables);
    struct pg_column *columns = take(&catalog->arena, (size_t)rows, sizeof *columns);
    if (!catalog->tables || !columns)
        goto full;
    for (int row = 0; row < rows; row++) {
        struct pg_table *table = catalog->n ? &catalog->tables[catalog->n - 1] : NULL;
        if (!table || table->oid != oid_at(result, row, 1) ||
            table->root != oid_at(result, row, 0)) {
            table = &catalog->tables[catalog->n++];
            if (!read_table(result, row, &catalog->arena, table))
                goto full;
            table->columns = columns;
        }
        if (PQgetisnull(result, row, 10))
            continue;
        *columns = (struct pg_column){
            .name = arena_copy(&catalog->arena, text_at(result, row, 10)),
            .key = bool_at(result, row, 11),
            .identity = bool_at(result, row, 12),
            .generated = bool_at(result, row, 13),
            .left_out = bool_at(result, row, 14),
        };
        if (!columns->name.p)
            goto full;
        columns++;
        table->n_columns++;
    }
    return catalog;
full:
    err_set(err, "there are too many tables to watch");
    pg_catalog_free(catalog);
    return NULL;
}

void pg_catalog_free(struct pg_catalog *catalog)
{
    if (!catalog)
        return;
    arena_free(&catalog->arena);
    free(catalog);
}

const struct pg_table *pg_catalog_find(const struct pg_catalog *catalog, uint32_t oid)
{
    for (size_t i = 0; i < catalog->n; i++)
        if (catalog->tables[i].oid == oid)
            return &catalog->tables[i];
    return NULL;
}

static const struct pg_table *root_of(const struct pg_catalog *catalog,
                                      const struct pg_table *table)
{
    const struct pg_table *root = pg_catalog_find(catalog, table->root);
    return root ? root : table;
}

static void write_resource(const struct pg_table *root, struct buf *out)
{
    if (!str_is(root->schema, "public")) {
        buf_str(out, root->schema);
        buf_byte(out, '.');
    }
    buf_str(out, root->name);
}

void pg_catalog_resource(const struct pg_catalog *catalog, const struct pg_table *table,
                         struct buf *out)
{
    write_resource(root_of(catalog, table), out);
}

/* "public.tasks" is "tasks" by its long name. */
static bool is_called(const struct pg_table *table, struct str resource)
{
    struct str dotted = table->schema;
    if (str_is(dotted, "public") && str_equal(table->name, resource))
        return true;
    return resource.n == dotted.n + 1 + table->name.n && str_starts(resource, dotted) &&
           resource.p[dotted.n] == '.' && str_equal(str_from(resource, dotted.n + 1), table->name);
}

const struct pg_table *pg_catalog_root(const struct pg_catalog *catalog, struct str resource)
{
    for (size_t i = 0; i < catalog->n; i++)
        if (catalog->tables[i].oid == catalog->tables[i].root &&
            is_called(&catalog->tables[i], resource))
            return &catalog->tables[i];
    return NULL;
}

/* ---- judging ---- */

bool pg_finding_is_captured(enum pg_finding finding)
{
    return finding == PG_COVERED || finding == PG_WIDE || finding == PG_COLUMN;
}

static const struct pg_column *find_column(const struct pg_table *table, struct str name)
{
    for (size_t i = 0; i < table->n_columns; i++)
        if (str_equal(table->columns[i].name, name))
            return &table->columns[i];
    return NULL;
}

/* The old value stands in a scope or a key. */
static bool needs_old(const struct watch_column *column)
{
    return column->value && !column->data;
}

/* A partitioned table has no rows and no WAL of its own. */
static bool holds_rows(const struct pg_table *table)
{
    return table->kind == 'r';
}

static bool has_identity(const struct pg_table *table)
{
    for (size_t i = 0; i < table->n_columns; i++)
        if (table->columns[i].identity)
            return true;
    return table->identity == 'f';
}

/* NULL: the identity has all that the rule needs of an old row. */
static const struct watch_column *first_uncovered(const struct pg_table *table,
                                                  const struct watch_table *wanted)
{
    for (size_t i = 0; wanted && i < wanted->n_columns; i++) {
        const struct pg_column *column = find_column(table, wanted->columns[i].name);
        if (column && needs_old(&wanted->columns[i]) && !column->identity)
            return &wanted->columns[i];
    }
    return NULL;
}

static void write_name(struct buf *out, const struct pg_table *table)
{
    sqltext_name(out, table->schema);
    buf_byte(out, '.');
    sqltext_name(out, table->name);
}

static bool key_covers(const struct pg_table *table, const struct watch_table *wanted)
{
    bool any = false;
    for (size_t i = 0; i < table->n_columns; i++)
        any = any || table->columns[i].key;
    for (size_t i = 0; wanted && i < wanted->n_columns; i++) {
        const struct pg_column *column = find_column(table, wanted->columns[i].name);
        if (column && needs_old(&wanted->columns[i]) && !column->key)
            return false;
    }
    return any;
}

void pg_catalog_identity_sql(const struct pg_catalog *catalog, const struct pg_table *root,
                             const struct watch_table *wanted, struct buf *out)
{
    for (const struct pg_table *table = root;
         table < catalog->tables + catalog->n && table->root == root->oid; table++) {
        if (!holds_rows(table) || (has_identity(table) && !first_uncovered(table, wanted)))
            continue;
        buf_text(out, out->len ? "\nALTER TABLE " : "ALTER TABLE ");
        write_name(out, table);
        buf_printf(out, " REPLICA IDENTITY %s;", key_covers(table, wanted) ? "DEFAULT" : "FULL");
    }
}

struct judge {
    const struct pg_catalog *catalog;
    const char *publication;
    struct arena *arena;
    struct buf problem, sql;
};

static uint64_t mix(uint64_t seed, struct str bytes)
{
    return hash_bytes((struct hash_seed){.k0 = seed, .k1 = 1}, bytes);
}

static uint64_t mark_of(const struct pg_catalog *catalog, const struct pg_table *root)
{
    uint64_t mark = 0;
    for (const struct pg_table *table = root;
         table < catalog->tables + catalog->n && table->root == root->oid; table++) {
        mark = mix(mark, (struct str){.p = (const char *)&table->oid, .n = sizeof table->oid});
        mark = mix(mark, table->entry);
        mark = mix(mark, table->published ? STR("p") : STR("-"));
        mark = mix(mark, table->filtered ? STR("f") : STR("-"));
    }
    return mark;
}

static void write_add(struct judge *judge, const struct pg_table *root)
{
    buf_text(&judge->sql, "ALTER PUBLICATION ");
    sqltext_name(&judge->sql, str_of(judge->publication));
    buf_text(&judge->sql, " ADD TABLE ");
    write_name(&judge->sql, root);
    buf_byte(&judge->sql, ';');
}

static enum pg_finding judge_column(struct judge *judge, const struct pg_table *root,
                                    const struct watch_table *wanted, struct place *at)
{
    for (size_t i = 0; wanted && i < wanted->n_columns; i++) {
        const struct watch_column *column = &wanted->columns[i];
        const struct pg_column *found = find_column(root, column->name);
        if (found && !found->generated)
            continue;
        *at = column->at;
        if (found) {
            buf_printf(&judge->problem,
                       "column \"%.*s\" of table %.*s is generated, and so not in what PostgreSQL "
                       "replicates: name those that it is made of, or use capture: notify",
                       STR_ARG(column->name), STR_ARG(wanted->table));
            return PG_COLUMN;
        }
        struct nearest near = nearest_to(column->name);
        for (size_t k = 0; k < root->n_columns; k++)
            nearest_offer(&near, root->columns[k].name);
        buf_printf(&judge->problem, "table %.*s has no column \"%.*s\"%s", STR_ARG(wanted->table),
                   STR_ARG(column->name), nearest_hint(&near));
        return PG_COLUMN;
    }
    return PG_COVERED;
}

/* NULL: there is none of which nothing is sent. */
static const struct watch_column *first_left_out(const struct pg_table *table,
                                                 const struct watch_table *wanted)
{
    for (size_t i = 0; wanted && i < wanted->n_columns; i++) {
        const struct pg_column *column = find_column(table, wanted->columns[i].name);
        if (column && column->left_out)
            return &wanted->columns[i];
    }
    return NULL;
}

/* An UPDATE of the application fails where the list has not what the identity has. */
static bool is_list_short(const struct pg_table *table)
{
    for (size_t i = 0; i < table->n_columns; i++)
        if (table->columns[i].left_out && table->columns[i].identity)
            return true;
    return false;
}

/* The worst of the table and its partitions. */
static enum pg_finding judge_family(struct judge *judge, const struct pg_table *root,
                                    const struct watch_table *wanted)
{
    const struct pg_table *end = judge->catalog->tables + judge->catalog->n;
    for (const struct pg_table *table = root; table < end && table->root == root->oid; table++) {
        if (table->kind != 'r' && table->kind != 'p') {
            buf_printf(&judge->problem,
                       "%.*s is no ordinary table: changes can be captured of those alone",
                       STR_ARG(table->name));
            return PG_UNFIT;
        }
        if (!table->permanent) {
            buf_printf(&judge->problem,
                       "table %.*s is unlogged or temporary, so its changes are not in the WAL",
                       STR_ARG(table->name));
            return PG_UNFIT;
        }
        if (holds_rows(table) && table->published &&
            (table->filtered || first_left_out(table, wanted) || is_list_short(table))) {
            buf_printf(&judge->problem, "publication %s has only some %s of table %.*s",
                       judge->publication, table->filtered ? "rows" : "columns",
                       STR_ARG(table->name));
            buf_text(&judge->sql, "ALTER PUBLICATION ");
            sqltext_name(&judge->sql, str_of(judge->publication));
            buf_text(&judge->sql, " DROP TABLE ");
            write_name(&judge->sql, root);
            buf_text(&judge->sql, "; ");
            write_add(judge, root);
            return PG_UNPUBLISHED;
        }
        if (holds_rows(table) && !table->published) {
            buf_printf(&judge->problem, "table %.*s is not in the publication %s",
                       STR_ARG(table->name), judge->publication);
            pg_catalog_identity_sql(judge->catalog, root, wanted, &judge->sql);
            if (judge->sql.len)
                buf_byte(&judge->sql, '\n');
            write_add(judge, root);
            return PG_UNPUBLISHED;
        }
        if (holds_rows(table) && !has_identity(table)) {
            buf_printf(&judge->problem,
                       "table %.*s is published without a replica identity: UPDATE and DELETE on "
                       "it fail",
                       STR_ARG(table->name));
            pg_catalog_identity_sql(judge->catalog, root, wanted, &judge->sql);
            return PG_NO_IDENTITY;
        }
    }
    return PG_COVERED;
}

static enum pg_finding judge_identity(struct judge *judge, const struct pg_table *root,
                                      const struct watch_table *wanted)
{
    const struct pg_table *end = judge->catalog->tables + judge->catalog->n;
    for (const struct pg_table *table = root; table < end && table->root == root->oid; table++) {
        const struct watch_column *column =
            holds_rows(table) ? first_uncovered(table, wanted) : NULL;
        if (!column)
            continue;
        buf_printf(&judge->problem,
                   "the replica identity of table %.*s does not have \"%.*s\": where an update or "
                   "a delete needs its old value, the whole family is marked",
                   STR_ARG(table->name), STR_ARG(column->name));
        pg_catalog_identity_sql(judge->catalog, root, wanted, &judge->sql);
        return PG_WIDE;
    }
    return PG_COVERED;
}

static bool judge_one(struct judge *judge, const struct pg_table *root,
                      const struct watch_table *wanted, struct pg_verdict *verdict)
{
    buf_clear(&judge->problem);
    buf_clear(&judge->sql);
    if (!root) {
        buf_printf(&judge->problem, "there is no table %.*s", STR_ARG(wanted->table));
        verdict->finding = PG_MISSING;
    } else {
        verdict->mark = mark_of(judge->catalog, root);
        enum pg_finding column = judge_column(judge, root, wanted, &verdict->at);
        verdict->lacks = arena_copy(judge->arena, buf_slice(&judge->problem));
        buf_clear(&judge->problem);
        verdict->finding = judge_family(judge, root, wanted);
        if (verdict->finding == PG_COVERED && column == PG_COLUMN) {
            buf_str(&judge->problem, verdict->lacks);
            verdict->finding = column;
        }
        if (verdict->finding == PG_COVERED)
            verdict->finding = judge_identity(judge, root, wanted);
    }
    verdict->problem = arena_copy(judge->arena, buf_slice(&judge->problem));
    verdict->sql = arena_copy(judge->arena, buf_slice(&judge->sql));
    return verdict->problem.p && verdict->sql.p && verdict->resource.p;
}

struct pg_verdicts *pg_catalog_judge(const struct pg_catalog *catalog, const struct watch *watch,
                                     const char *publication)
{
    struct pg_verdicts *verdicts = mem_new(sizeof *verdicts);
    arena_init(&verdicts->arena, MEMORY);
    struct judge judge = {.catalog = catalog,
                          .publication = publication,
                          .arena = &verdicts->arena,
                          .problem = BUF_INIT(SENTENCE_MAX),
                          .sql = BUF_INIT(SQL_MAX)};
    bool ok = true;
    verdicts->items = take(&verdicts->arena, watch->n_tables + catalog->n, sizeof *verdicts->items);
    ok = verdicts->items != NULL;
    for (size_t i = 0; ok && i < watch->n_tables; i++) {
        const struct watch_table *wanted = &watch->tables[i];
        struct pg_verdict *verdict = &verdicts->items[verdicts->n++];
        *verdict = (struct pg_verdict){.resource = arena_copy(&verdicts->arena, wanted->table),
                                       .at = wanted->at,
                                       .ruled = true};
        ok = judge_one(&judge, pg_catalog_root(catalog, wanted->table), wanted, verdict);
    }
    for (size_t i = 0; ok && watch->every_table && i < catalog->n; i++) {
        const struct pg_table *table = &catalog->tables[i];
        bool ruled = table->oid != table->root;
        for (size_t k = 0; !ruled && k < watch->n_tables; k++)
            ruled = is_called(table, watch->tables[k].table);
        if (ruled)
            continue;
        struct buf resource = BUF_INIT(SENTENCE_MAX);
        struct pg_verdict *verdict = &verdicts->items[verdicts->n++];
        write_resource(table, &resource);
        *verdict =
            (struct pg_verdict){.resource = arena_copy(&verdicts->arena, buf_slice(&resource))};
        buf_free(&resource);
        ok = judge_one(&judge, table, NULL, verdict);
    }
    for (size_t i = 0; ok && i < verdicts->n; i++) {
        const struct pg_verdict *verdict = &verdicts->items[i];
        verdicts->mark = mix(verdicts->mark ^ verdict->mark, verdict->resource);
    }
    buf_free(&judge.problem);
    buf_free(&judge.sql);
    if (ok)
        return verdicts;
    pg_verdicts_free(verdicts);
    return NULL;
}

void pg_verdicts_free(struct pg_verdicts *verdicts)
{
    if (!verdicts)
        return;
    arena_free(&verdicts->arena);
    free(verdicts);
}

const struct pg_verdict *pg_verdicts_find(const struct pg_verdicts *verdicts, struct str resource)
{
    for (size_t i = 0; i < verdicts->n; i++)
        if (str_equal(verdicts->items[i].resource, resource))
            return &verdicts->items[i];
    return NULL;
}
