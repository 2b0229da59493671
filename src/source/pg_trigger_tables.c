#include "source/pg_trigger_tables.h"

#include "base/mem.h"
#include "source/pg_text.h"

#include <jansson.h>
#include <stdlib.h>

enum { TABLES_MEMORY = 64 << 20 };

/* ---- the query ---- */

/* Names in full, so that it does not depend on the search_path. */
static const char QUERY_HEAD[] =
    "WITH RECURSIVE named AS (\n"
    "  SELECT c.oid FROM pg_catalog.pg_class c\n"
    "  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace\n"
    "  WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND c.relpersistence <> 't'\n"
    "  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', '" PG_OURS "')\n"
    "  AND (";
static const char QUERY_TAIL[] =
    ")\n"
    "), tree(oid, root) AS (\n"
    "  SELECT oid, oid FROM named\n"
    "  UNION SELECT i.inhrelid, t.root FROM pg_catalog.pg_inherits i JOIN tree t\n"
    "    ON i.inhparent = t.oid\n"
    ")\n"
    "SELECT pg_catalog.json_build_object('queue', pg_catalog.pg_notification_queue_usage(),\n"
    "  'functions', (\n"
    "  SELECT pg_catalog.json_agg(pg_catalog.json_build_object('name', p.proname, 'source',\n"
    "    p.prosrc) ORDER BY p.proname)\n"
    "  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace\n"
    "  WHERE n.nspname = '" PG_OURS "'\n"
    "), 'tables', (SELECT pg_catalog.json_agg(x) FROM (\n"
    "  SELECT c.oid::bigint AS oid, t.root::bigint AS root, n.nspname AS schema,\n"
    "    c.relname AS name, c.relkind AS kind,\n"
    "    pg_catalog.concat_ws('/', pg_catalog.pg_relation_filenode(c.oid),\n"
    "      pg_catalog.pg_stat_get_tuples_inserted(c.oid),\n"
    "      pg_catalog.pg_stat_get_tuples_updated(c.oid),\n"
    "      pg_catalog.pg_stat_get_tuples_deleted(c.oid)) AS activity,\n"
    "    EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid) AS child,\n"
    "    EXISTS (SELECT FROM pg_catalog.pg_subscription_rel s WHERE s.srrelid = c.oid)\n"
    "      AS subscribed,\n"
    "    (SELECT pg_catalog.json_agg(pg_catalog.json_build_object('name', a.attname,\n"
    "        'type', CASE WHEN b.typnamespace = 'pg_catalog'::pg_catalog.regnamespace\n"
    "          THEN b.typname ELSE '' END, 'kind', b.typtype) ORDER BY a.attnum)\n"
    "      FROM pg_catalog.pg_attribute a, LATERAL (\n"
    "        WITH RECURSIVE base AS (\n"
    "          SELECT y.* FROM pg_catalog.pg_type y WHERE y.oid = a.atttypid\n"
    "          UNION ALL SELECT y.* FROM pg_catalog.pg_type y JOIN base\n"
    "            ON y.oid = base.typbasetype)\n"
    "        SELECT * FROM base WHERE typbasetype = 0) b\n"
    "      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,\n"
    "    (SELECT pg_catalog.json_agg(a.attname ORDER BY k.place)\n"
    "      FROM pg_catalog.pg_index i,\n"
    "      LATERAL pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, place)\n"
    "      JOIN pg_catalog.pg_attribute a ON a.attnum = k.attnum\n"
    "      WHERE i.indrelid = c.oid AND a.attrelid = c.oid AND i.indisprimary\n"
    "      AND k.place <= i.indnkeyatts) AS key,\n"
    "    (SELECT pg_catalog.json_agg(pg_catalog.json_build_object('oid', g.oid::bigint,\n"
    "        'name', g.tgname, 'function', p.proname, 'type', g.tgtype,\n"
    "        'enabled', g.tgenabled, 'old_table', COALESCE(g.tgoldtable, ''),\n"
    "        'new_table', COALESCE(g.tgnewtable, ''),\n"
    "        'conditional', g.tgqual IS NOT NULL OR g.tgattr::text <> '') ORDER BY g.tgname)\n"
    "      FROM pg_catalog.pg_trigger g JOIN pg_catalog.pg_proc p ON p.oid = g.tgfoid\n"
    "      JOIN pg_catalog.pg_namespace f ON f.oid = p.pronamespace\n"
    "      WHERE g.tgrelid = c.oid AND NOT g.tgisinternal AND f.nspname = '" PG_OURS "')\n"
    "      AS triggers\n"
    "  FROM tree t JOIN pg_catalog.pg_class c ON c.oid = t.oid\n"
    "  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace\n"
    "  ORDER BY n.nspname, c.relname, t.root) x))";

bool pg_trigger_tables_query(struct buf *sql, const struct watch *watch)
{
    buf_text(sql, QUERY_HEAD);
    if (watch->every_table) {
        buf_text(sql, "true");
    } else {
        struct buf names = BUF_INIT(sql->max);
        buf_text(&names, "ARRAY[");
        for (size_t i = 0; i < watch->n_tables; i++) {
            buf_text(&names, i ? ", " : "");
            pg_text_string(&names, watch->tables[i].table);
        }
        buf_text(&names, "]::pg_catalog.text[]");
        if (names.overflow)
            sql->overflow = true;
        buf_text(sql, "(n.nspname = 'public' AND c.relname::pg_catalog.text = ANY (");
        buf_str(sql, buf_slice(&names));
        buf_text(sql, "))\n    OR pg_catalog.concat(n.nspname, '.', c.relname) = ANY (");
        buf_str(sql, buf_slice(&names));
        buf_text(sql, ")");
        buf_free(&names);
    }
    return buf_text(sql, QUERY_TAIL);
}

/* ---- the answer ---- */

struct reading {
    struct arena *arena;
    bool ok;
};

static struct str text_at(struct reading *reading, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    struct str text = arena_copy(reading->arena, (struct str){.p = json_string_value(value),
                                                              .n = json_string_length(value)});
    reading->ok = reading->ok && json_is_string(value) && text.p;
    return text;
}

static char char_at(struct reading *reading, const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    reading->ok = reading->ok && text && text[0];
    return text ? text[0] : '\0';
}

static uint32_t number_at(struct reading *reading, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    json_int_t number = json_integer_value(value);
    reading->ok = reading->ok && json_is_integer(value) && number >= 0 && number <= UINT32_MAX;
    return (uint32_t)number;
}

/* A list, null where it would be empty; *n items of `size`. */
static void *list_at(struct reading *reading, const json_t *object, const char *name, size_t size,
                     size_t *n, const json_t **list)
{
    *list = json_object_get(object, name);
    *n = json_array_size(*list);
    reading->ok = reading->ok && (json_is_array(*list) || json_is_null(*list));
    void *items = arena_alloc(reading->arena, (*n ? *n : 1) * size);
    reading->ok = reading->ok && items;
    if (!items)
        *n = 0;
    return items;
}

static struct str *names_at(struct reading *reading, const json_t *object, const char *name,
                            size_t *n)
{
    const json_t *list;
    struct str *names = list_at(reading, object, name, sizeof *names, n, &list);
    for (size_t i = 0; i < *n; i++) {
        const json_t *item = json_array_get(list, i);
        names[i] = arena_copy(reading->arena, (struct str){.p = json_string_value(item),
                                                           .n = json_string_length(item)});
        reading->ok = reading->ok && json_is_string(item) && names[i].p;
    }
    return names;
}

static void read_triggers(struct reading *reading, const json_t *object,
                          struct pg_trigger_table *table)
{
    const json_t *list;
    table->triggers =
        list_at(reading, object, "triggers", sizeof *table->triggers, &table->n_triggers, &list);
    for (size_t i = 0; i < table->n_triggers; i++) {
        const json_t *item = json_array_get(list, i);
        table->triggers[i] =
            (struct pg_trigger){.oid = number_at(reading, item, "oid"),
                                .name = text_at(reading, item, "name"),
                                .function = text_at(reading, item, "function"),
                                .old_table = text_at(reading, item, "old_table"),
                                .new_table = text_at(reading, item, "new_table"),
                                .type = number_at(reading, item, "type"),
                                .enabled = char_at(reading, item, "enabled"),
                                .conditional = json_is_true(json_object_get(item, "conditional"))};
    }
}

static void read_table(struct reading *reading, const json_t *object,
                       struct pg_trigger_table *table)
{
    const json_t *list;
    *table = (struct pg_trigger_table){.oid = number_at(reading, object, "oid"),
                                       .root = number_at(reading, object, "root"),
                                       .schema = text_at(reading, object, "schema"),
                                       .name = text_at(reading, object, "name"),
                                       .kind = char_at(reading, object, "kind"),
                                       .activity = text_at(reading, object, "activity"),
                                       .child = json_is_true(json_object_get(object, "child")),
                                       .subscribed =
                                           json_is_true(json_object_get(object, "subscribed"))};
    table->columns =
        list_at(reading, object, "columns", sizeof *table->columns, &table->n_columns, &list);
    for (size_t i = 0; i < table->n_columns; i++) {
        const json_t *item = json_array_get(list, i);
        table->columns[i] = (struct pg_trigger_column){.name = text_at(reading, item, "name"),
                                                       .type = text_at(reading, item, "type"),
                                                       .type_kind = char_at(reading, item, "kind")};
    }
    table->key = names_at(reading, object, "key", &table->n_key);
    read_triggers(reading, object, table);
}

struct pg_trigger_tables *pg_trigger_tables_parse(struct str json, struct err *err)
{
    json_error_t why;
    const json_t *list;
    struct pg_trigger_tables *tables = mem_new(sizeof *tables);
    struct reading reading = {.arena = &tables->_arena, .ok = true};
    arena_init(&tables->_arena, TABLES_MEMORY);
    json_t *all = json_loadb(json.n ? json.p : "", json.n, 0, &why);
    tables->items = list_at(&reading, all, "tables", sizeof *tables->items, &tables->n, &list);
    for (size_t i = 0; i < tables->n; i++)
        read_table(&reading, json_array_get(list, i), &tables->items[i]);
    tables->functions =
        list_at(&reading, all, "functions", sizeof *tables->functions, &tables->n_functions, &list);
    for (size_t i = 0; i < tables->n_functions; i++) {
        const json_t *item = json_array_get(list, i);
        tables->functions[i] = (struct pg_trigger_function){
            .name = text_at(&reading, item, "name"), .source = text_at(&reading, item, "source")};
    }
    tables->queue = json_number_value(json_object_get(all, "queue"));
    json_decref(all);
    if (reading.ok)
        return tables;
    pg_trigger_tables_free(tables);
    err_set(err, "the catalog's answer is not understood, or larger than %d MB",
            TABLES_MEMORY >> 20);
    return NULL;
}

void pg_trigger_tables_free(struct pg_trigger_tables *tables)
{
    if (!tables)
        return;
    arena_free(&tables->_arena);
    free(tables);
}

/* ---- looking up ---- */

bool pg_trigger_table_is(const struct pg_trigger_table *table, struct str resource)
{
    if (str_is(table->schema, "public") && str_equal(table->name, resource))
        return true;
    return resource.n == table->schema.n + 1 + table->name.n &&
           str_starts(resource, table->schema) && resource.p[table->schema.n] == '.' &&
           str_equal(str_from(resource, table->schema.n + 1), table->name);
}

const struct pg_trigger_table *pg_trigger_tables_find(const struct pg_trigger_tables *tables,
                                                      struct str resource)
{
    for (size_t i = 0; i < tables->n; i++)
        if (tables->items[i].oid == tables->items[i].root &&
            pg_trigger_table_is(&tables->items[i], resource))
            return &tables->items[i];
    return NULL;
}

const struct pg_trigger_function *pg_trigger_tables_function(const struct pg_trigger_tables *tables,
                                                             struct str name)
{
    for (size_t i = 0; i < tables->n_functions; i++)
        if (str_equal(tables->functions[i].name, name))
            return &tables->functions[i];
    return NULL;
}

size_t pg_trigger_table_column(const struct pg_trigger_table *table, struct str name)
{
    size_t i = 0;
    while (i < table->n_columns && !str_equal(table->columns[i].name, name))
        i++;
    return i;
}

bool pg_trigger_table_write_name(struct buf *out, const struct pg_trigger_table *table)
{
    if (!str_is(table->schema, "public")) {
        buf_str(out, table->schema);
        buf_byte(out, '.');
    }
    return buf_str(out, table->name);
}
