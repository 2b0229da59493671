#include "source/pg_triggers.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/mem.h"
#include "source/pg_text.h"
#include "source/pg_trigger_body.h"
#include "source/sqltext.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    BODY_MAX = 1 << 20,
    VERDICTS_MEMORY = 64 << 20,
    COLUMNS_MAX = 1600, /* PostgreSQL's own bound */
    NAME_BYTES = 63,    /* of any name in PostgreSQL */
    READABLE = 40,      /* bytes of a function's name that people may read */
    ARGUMENTS_MAX = 95, /* of json_build_array; PostgreSQL takes 100 */
};

/* pg_trigger.tgtype, statement triggers: neither ROW nor BEFORE. */
static const struct kind {
    const char *name, *event;
    unsigned type;
    bool has_old, has_new;
} kinds[] = {
    {"unstale_insert_", "INSERT", 4, false, true},
    {"unstale_update_", "UPDATE", 16, true, true},
    {"unstale_delete_", "DELETE", 8, true, false},
    {"unstale_truncate_", "TRUNCATE", 32, false, false},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* ---- a table that is to be told ---- */

struct plan {
    struct str resource;
    const struct watch_table *watched;    /* NULL: by "*" alone */
    const struct pg_trigger_table *table; /* NULL: there is none */
    struct buf name;                      /* the resource, where it is not the watch's */
    size_t values[COLUMNS_MAX], scopes[COLUMNS_MAX], differs[COLUMNS_MAX], key[COLUMNS_MAX];
    struct pg_trigger_body body;
};

static void add_once(size_t *list, size_t *n, size_t column)
{
    for (size_t i = 0; i < *n; i++)
        if (list[i] == column)
            return;
    if (*n < COLUMNS_MAX)
        list[(*n)++] = column;
}

static bool has_foreign(const struct pg_trigger_tables *tables, const struct pg_trigger_table *root)
{
    for (size_t i = 0; i < tables->n; i++)
        if (tables->items[i].root == root->oid && tables->items[i].kind == 'f')
            return true;
    return false;
}

static bool check_kind(const struct plan *plan, const struct pg_trigger_tables *tables,
                       struct err *err)
{
    const struct pg_trigger_table *table = plan->table;
    if (table->kind == 'v' || table->kind == 'm')
        return err_set(err, "\"%.*s\" is a view; name the tables that it reads",
                       STR_ARG(plan->resource));
    if (has_foreign(tables, table))
        return err_set(err,
                       "\"%.*s\" is a foreign table or has one below it, where PostgreSQL has no "
                       "triggers of the kind that is needed: take it out of the rules",
                       STR_ARG(plan->resource));
    if (table->child)
        return err_set(err,
                       "\"%.*s\" is part of another table, and a statement on that one does not "
                       "fire its triggers: name the table that it is a part of",
                       STR_ARG(plan->resource));
    return true;
}

static bool plan_columns(struct plan *plan, struct place *at, struct err *err)
{
    const struct pg_trigger_table *table = plan->table;
    const struct watch_table *watched = plan->watched;
    struct pg_trigger_body *body = &plan->body;
    for (size_t i = 0; i < table->n_key; i++)
        add_once(plan->key, &body->n_key, pg_trigger_table_column(table, table->key[i]));
    for (size_t i = 0; watched && i < watched->n_columns; i++) {
        const struct watch_column *column = &watched->columns[i];
        size_t number = pg_trigger_table_column(table, column->name);
        /* {id} is the primary key where the rule names no id and the table has no such column. */
        if (number == table->n_columns && str_is(column->name, "id") && watched->n_id == 0 &&
            table->n_key > 0)
            continue;
        if (number == table->n_columns) {
            *at = column->at;
            return err_set(err, "the table \"%.*s\" has no column \"%.*s\"",
                           STR_ARG(plan->resource), STR_ARG(column->name));
        }
        if (column->value && !column->data)
            add_once(plan->values, &body->n_values, number);
        if (column->scope)
            add_once(plan->scopes, &body->n_scopes, number);
        if (column->differs)
            add_once(plan->differs, &body->n_watched, number);
    }
    body->key_is_id = !watched || watched->n_id == 0;
    for (size_t i = 0; body->key_is_id && i < body->n_key; i++)
        add_once(plan->values, &body->n_values, plan->key[i]);
    if (body->n_values > ARGUMENTS_MAX)
        return err_set(err, "the rule of \"%.*s\" needs more than %d columns",
                       STR_ARG(plan->resource), ARGUMENTS_MAX);
    return true;
}

/* False: it cannot be followed. */
static bool plan_table(struct plan *plan, const struct pg_trigger_tables *tables, struct place *at,
                       struct err *err)
{
    plan->body = (struct pg_trigger_body){.table = plan->table,
                                          .resource = plan->resource,
                                          .values = plan->values,
                                          .scopes = plan->scopes,
                                          .watched = plan->differs,
                                          .key = plan->key};
    *at = plan->watched ? plan->watched->at : (struct place){0};
    if (!plan->table)
        return err_set(err, "the database has no table \"%.*s\"", STR_ARG(plan->resource));
    return check_kind(plan, tables, err) && plan_columns(plan, at, err);
}

/* ---- all of them ---- */

static const struct watch_table *rule_of(const struct watch *watch,
                                         const struct pg_trigger_table *table)
{
    for (size_t i = 0; i < watch->n_tables; i++)
        if (pg_trigger_table_is(table, watch->tables[i].table))
            return &watch->tables[i];
    return NULL;
}

/* First those with a rule, then, where there is a "*" rule, all others that can be followed. */
struct plans {
    const struct watch *watch;
    const struct pg_trigger_tables *tables;
    size_t next;
    struct plan plan;
};

static bool is_for_everything(const struct plans *plans, const struct pg_trigger_table *table)
{
    return table->oid == table->root && !table->child &&
           (table->kind == 'r' || table->kind == 'p') && !has_foreign(plans->tables, table) &&
           !rule_of(plans->watch, table);
}

static struct plan *next_plan(struct plans *plans)
{
    struct plan *plan = &plans->plan;
    const struct watch *watch = plans->watch;
    size_t end = watch->n_tables + (watch->every_table ? plans->tables->n : 0);
    for (; plans->next < end; plans->next++) {
        size_t i = plans->next;
        if (i < watch->n_tables) {
            plan->watched = &watch->tables[i];
            plan->resource = plan->watched->table;
            plan->table = pg_trigger_tables_find(plans->tables, plan->resource);
        } else {
            plan->table = &plans->tables->items[i - watch->n_tables];
            if (!is_for_everything(plans, plan->table))
                continue;
            plan->watched = NULL;
            buf_clear(&plan->name);
            pg_trigger_table_write_name(&plan->name, plan->table);
            plan->resource = buf_slice(&plan->name);
        }
        plans->next++;
        return plan;
    }
    return NULL;
}

static struct plans *plans_new(const struct watch *watch, const struct pg_trigger_tables *tables)
{
    struct plans *plans = mem_new(sizeof *plans);
    *plans = (struct plans){.watch = watch, .tables = tables};
    plans->plan.name = BUF_INIT(4 * NAME_BYTES);
    return plans;
}

static void plans_free(struct plans *plans)
{
    buf_free(&plans->plan.name);
    free(plans);
}

/* ---- names ---- */

static uint32_t hash_name(struct str resource)
{
    uint64_t hash = hash_bytes((struct hash_seed){0}, resource);
    return (uint32_t)(hash ^ (hash >> 32));
}

struct name {
    char text[NAME_BYTES + 1];
};

/* The beginning for people, the hash so that it is nobody else's. */
static struct name function_name(struct str resource)
{
    struct name name;
    size_t n = resource.n < READABLE ? resource.n : READABLE;
    while (n > 0 && n < resource.n && ((unsigned char)resource.p[n] & 0xc0) == 0x80)
        n--;
    snprintf(name.text, sizeof name.text, "%.*s_%08x", (int)n, resource.p, hash_name(resource));
    return name;
}

static struct name trigger_name(const struct kind *kind, struct str resource)
{
    struct name name;
    snprintf(name.text, sizeof name.text, "%s%08x", kind->name, hash_name(resource));
    return name;
}

/* ---- setup ---- */

static void write_function(struct buf *sql, const struct plan *plan, struct str source)
{
    struct name name = function_name(plan->resource);
    buf_text(sql, "\nCREATE OR REPLACE FUNCTION ");
    pg_text_table(sql, STR(PG_OURS), str_of(name.text));
    buf_text(sql, "() RETURNS trigger\n"
                  "LANGUAGE plpgsql\n"
                  "SET search_path = pg_catalog, pg_temp\n"
                  "SET DateStyle = 'ISO, YMD'\n"
                  "SET IntervalStyle = 'postgres'\n"
                  "SET TimeZone = 'UTC'\n"
                  "SET extra_float_digits = 1\n"
                  "SET bytea_output = 'hex'\n"
                  "AS ");
    pg_text_body(sql, source);
    buf_text(sql, ";\n");
}

static void write_triggers(struct buf *sql, const struct plan *plan,
                           const struct pg_trigger_table *table)
{
    struct name function = function_name(plan->resource);
    for (size_t i = 0; i < KINDS; i++) {
        struct name made = trigger_name(&kinds[i], plan->resource);
        struct str name = str_of(made.text);
        buf_text(sql, "DROP TRIGGER IF EXISTS ");
        sqltext_name(sql, name);
        buf_text(sql, " ON ");
        pg_text_table(sql, table->schema, table->name);
        buf_text(sql, ";\nCREATE TRIGGER ");
        sqltext_name(sql, name);
        buf_printf(sql, " AFTER %s ON ", kinds[i].event);
        pg_text_table(sql, table->schema, table->name);
        if (kinds[i].has_old || kinds[i].has_new)
            buf_printf(sql, "\n  REFERENCING%s%s",
                       kinds[i].has_old ? " OLD TABLE AS " PG_OLD_ROWS : "",
                       kinds[i].has_new ? " NEW TABLE AS " PG_NEW_ROWS : "");
        buf_text(sql, "\n  FOR EACH STATEMENT EXECUTE FUNCTION ");
        pg_text_table(sql, STR(PG_OURS), str_of(function.text));
        buf_text(sql, "();\nALTER TABLE ONLY ");
        pg_text_table(sql, table->schema, table->name);
        buf_text(sql, " ENABLE ALWAYS TRIGGER ");
        sqltext_name(sql, name);
        buf_text(sql, ";\n");
    }
}

static void write_family(struct buf *sql, const struct plan *plan,
                         const struct pg_trigger_tables *tables)
{
    for (size_t i = 0; i < tables->n; i++)
        if (tables->items[i].root == plan->table->oid)
            write_triggers(sql, plan, &tables->items[i]);
}

static const char SETUP_HEAD[] =
    "-- Statement triggers for unstale (capture: notify). They run inside your transactions: each\n"
    "-- statement that changes a row sends one NOTIFY of at most 7,500 bytes, with columns that\n"
    "-- scopes and keys are made of and no others. A failing trigger never fails your statement.\n"
    "BEGIN;\n"
    "SET LOCAL lock_timeout = '5s';\n"
    "SET LOCAL client_min_messages = warning;\n"
    "CREATE SCHEMA IF NOT EXISTS " PG_OURS ";\n";

bool pg_triggers_setup(const struct watch *watch, const struct pg_trigger_tables *tables,
                       bool alone, struct buf *sql, struct place *at, struct err *err)
{
    struct plans *plans = plans_new(watch, tables);
    struct buf source = BUF_INIT(BODY_MAX);
    bool ok = true;
    buf_text(sql, SETUP_HEAD);
    for (struct plan *plan; ok && (plan = next_plan(plans)) != NULL;) {
        if (!plan->table && !alone)
            continue;
        buf_clear(&source);
        ok = plan_table(plan, tables, at, err) &&
             (pg_trigger_body_write(&source, &plan->body) ||
              err_set(err, "the rule of \"%.*s\" is too large", STR_ARG(plan->resource)));
        if (!ok)
            break;
        write_function(sql, plan, buf_slice(&source));
        write_family(sql, plan, tables);
    }
    buf_text(sql, "COMMIT;\n");
    buf_free(&source);
    plans_free(plans);
    return ok && (!sql->overflow || err_set(err, "the SQL is larger than %zu bytes", sql->max));
}

bool pg_triggers_check(const struct watch *watch, const struct pg_trigger_tables *tables,
                       bool alone, struct place *at, struct err *err)
{
    struct plans *plans = plans_new(watch, tables);
    bool ok = true;
    for (struct plan *plan; ok && (plan = next_plan(plans)) != NULL;)
        ok = (!plan->table && !alone) || plan_table(plan, tables, at, err);
    plans_free(plans);
    return ok;
}

bool pg_triggers_teardown(struct buf *sql)
{
    return buf_text(sql, "DO $unstale$\n"
                         "DECLARE\n"
                         "  ours record;\n"
                         "BEGIN\n"
                         "  FOR ours IN SELECT p.oid::regprocedure AS name FROM pg_proc p\n"
                         "    JOIN pg_namespace n ON n.oid = p.pronamespace\n"
                         "    WHERE n.nspname = '" PG_OURS "'\n"
                         "    AND p.prorettype = 'pg_catalog.trigger'::regtype LOOP\n"
                         "    -- With the triggers that call it.\n"
                         "    EXECUTE format('DROP FUNCTION %s CASCADE', ours.name);\n"
                         "  END LOOP;\n"
                         "END\n"
                         "$unstale$;\n"
                         "DROP SCHEMA IF EXISTS " PG_OURS ";\n");
}

/* ---- verification ---- */

static uint64_t mix(uint64_t hash, const void *bytes, size_t n)
{
    return hash_bytes((struct hash_seed){.k0 = hash, .k1 = n}, (struct str){.p = bytes, .n = n});
}

static uint64_t mix_text(uint64_t hash, struct str text)
{
    return mix(hash, text.n ? text.p : "", text.n);
}

static const struct pg_trigger *find_trigger(const struct pg_trigger_table *table, const char *name)
{
    for (size_t i = 0; i < table->n_triggers; i++)
        if (str_is(table->triggers[i].name, name))
            return &table->triggers[i];
    return NULL;
}

static bool is_as_made(const struct pg_trigger *trigger, const struct kind *kind,
                       struct str resource)
{
    return trigger->type == kind->type && !trigger->conditional &&
           str_is(trigger->function, function_name(resource).text) &&
           str_is(trigger->old_table, kind->has_old ? PG_OLD_ROWS : "") &&
           str_is(trigger->new_table, kind->has_new ? PG_NEW_ROWS : "");
}

static uint64_t mark_of(const struct plan *plan, const struct pg_trigger_tables *tables)
{
    uint64_t mark = mix_text(1, plan->resource);
    for (size_t i = 0; plan->table && i < tables->n; i++) {
        const struct pg_trigger_table *table = &tables->items[i];
        if (table->root != plan->table->oid)
            continue;
        mark = mix(mark, &table->oid, sizeof table->oid);
        for (size_t k = 0; k < KINDS; k++) {
            struct name name = trigger_name(&kinds[k], plan->resource);
            const struct pg_trigger *trigger = find_trigger(table, name.text);
            uint32_t oid = trigger ? trigger->oid : 0;
            char enabled = trigger ? trigger->enabled : '-';
            mark = mix(mark, &oid, sizeof oid);
            mark = mix(mark, &enabled, 1);
        }
    }
    const struct pg_trigger_function *function =
        pg_trigger_tables_function(tables, str_of(function_name(plan->resource).text));
    return function ? mix_text(mark, function->source) : mark;
}

static uint64_t activity_of(const struct plan *plan, const struct pg_trigger_tables *tables)
{
    uint64_t activity = 0;
    for (size_t i = 0; plan->table && i < tables->n; i++)
        if (tables->items[i].root == plan->table->oid)
            activity = mix_text(activity, tables->items[i].activity);
    return activity;
}

static bool check_triggers(const struct plan *plan, const struct pg_trigger_table *table,
                           struct err *err)
{
    for (size_t i = 0; i < KINDS; i++) {
        struct name name = trigger_name(&kinds[i], plan->resource);
        const struct pg_trigger *trigger = find_trigger(table, name.text);
        if (!trigger)
            return err_set(err, "%.*s.%.*s has no trigger %s", STR_ARG(table->schema),
                           STR_ARG(table->name), name.text);
        if (!is_as_made(trigger, &kinds[i], plan->resource))
            return err_set(err, "the trigger %s on %.*s.%.*s is not the one that setup makes",
                           name.text, STR_ARG(table->schema), STR_ARG(table->name));
        if (trigger->enabled != 'A')
            return err_set(err, "the trigger %s on %.*s.%.*s is %s", name.text,
                           STR_ARG(table->schema), STR_ARG(table->name),
                           trigger->enabled == 'D'
                               ? "disabled"
                               : "not enabled always (session_replication_role)");
    }
    return true;
}

static bool check_plan(struct plan *plan, const struct pg_trigger_tables *tables,
                       struct buf *source, bool *mendable, struct err *err)
{
    struct place at;
    *mendable = plan_table(plan, tables, &at, err);
    if (!*mendable)
        return false;
    struct name name = function_name(plan->resource);
    const struct pg_trigger_function *function =
        pg_trigger_tables_function(tables, str_of(name.text));
    if (!function)
        return err_set(err, "the table \"%.*s\" has no triggers", STR_ARG(plan->resource));
    buf_clear(source);
    if (!pg_trigger_body_write(source, &plan->body) ||
        !str_equal(buf_slice(source), function->source))
        return err_set(err, "the triggers of \"%.*s\" are those of other rules or columns",
                       STR_ARG(plan->resource));
    for (size_t i = 0; i < tables->n; i++)
        if (tables->items[i].root == plan->table->oid &&
            !check_triggers(plan, &tables->items[i], err))
            return false;
    return true;
}

static struct str copy(struct arena *arena, struct str text)
{
    struct str kept = arena_copy(arena, text);
    CHECK(kept.p); /* as many as the catalog's answer, whose bound is the same */
    return kept;
}

static struct str warning_of(const struct plan *plan, const struct pg_trigger_tables *tables,
                             struct arena *arena)
{
    for (size_t i = 0; i < tables->n; i++) {
        const struct pg_trigger_table *table = &tables->items[i];
        struct err text = ERR_INIT;
        if (table->root != plan->table->oid || !table->subscribed)
            continue;
        err_set(&text,
                "%.*s.%.*s is filled by a subscription, whose rows fire no statement trigger: "
                "those changes are not seen; watch the publisher instead",
                STR_ARG(table->schema), STR_ARG(table->name));
        return copy(arena, str_of(text.text));
    }
    return (struct str){0};
}

struct pg_trigger_verdicts *pg_triggers_verify(const struct watch *watch,
                                               const struct pg_trigger_tables *tables)
{
    struct pg_trigger_verdicts *verdicts = mem_new(sizeof *verdicts);
    struct plans *plans = plans_new(watch, tables);
    struct buf source = BUF_INIT(BODY_MAX);
    arena_init(&verdicts->_arena, VERDICTS_MEMORY);
    verdicts->items = mem_array(watch->n_tables + tables->n + 1, sizeof *verdicts->items);
    for (struct plan *plan; (plan = next_plan(plans)) != NULL;) {
        struct err err = ERR_INIT;
        struct pg_trigger_verdict *verdict = &verdicts->items[verdicts->n++];
        *verdict = (struct pg_trigger_verdict){.resource = copy(&verdicts->_arena, plan->resource),
                                               .ruled = plan->watched != NULL,
                                               .exists = plan->table != NULL,
                                               .mark = mark_of(plan, tables),
                                               .activity = activity_of(plan, tables)};
        verdict->covered = check_plan(plan, tables, &source, &verdict->mendable, &err);
        if (!verdict->covered)
            verdict->problem = copy(&verdicts->_arena, str_of(err.text));
        else
            verdict->warning = warning_of(plan, tables, &verdicts->_arena);
    }
    buf_free(&source);
    plans_free(plans);
    return verdicts;
}

void pg_trigger_verdicts_free(struct pg_trigger_verdicts *verdicts)
{
    if (!verdicts)
        return;
    free(verdicts->items);
    arena_free(&verdicts->_arena);
    free(verdicts);
}

const struct pg_trigger_verdict *
pg_trigger_verdicts_find(const struct pg_trigger_verdicts *verdicts, struct str resource)
{
    for (size_t i = 0; i < verdicts->n; i++)
        if (str_equal(verdicts->items[i].resource, resource))
            return &verdicts->items[i];
    return NULL;
}
