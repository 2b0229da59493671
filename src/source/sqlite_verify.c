#include "source/sqlite_verify.h"

#include "base/hash.h"
#include "base/mem.h"
#include "source/sqlite_plan.h"
#include "source/sqlite_schema.h"

#include <stdio.h>
#include <stdlib.h>

enum { VERDICT_MEMORY = 64 << 20 };

static uint64_t mix(uint64_t mark, struct str text)
{
    return hash_bytes((struct hash_seed){.k0 = mark, .k1 = text.n}, text);
}

static uint64_t mix_number(uint64_t mark, uint64_t number)
{
    return mix(mark, (struct str){.p = (const char *)&number, .n = sizeof number});
}

/* Whether the trigger is there as planned. */
static bool has_trigger(const struct sqlite_schema *schema,
                        const struct sqlite_plan_trigger *planned, uint64_t *mark)
{
    const struct sqlite_trigger *trigger = sqlite_schema_trigger(schema, planned->name);
    if (!trigger)
        return false;
    *mark = mix_number(mix(*mark, trigger->sql), (uint64_t)trigger->place);
    return str_equal(trigger->sql, planned->sql);
}

/* Reads a text of _unstale_meta. */
static int read_meta(sqlite3 *db, const char *name, char *out, size_t size)
{
    sqlite3_stmt *stmt = NULL;
    out[0] = '\0';
    int rc = sqlite3_prepare_v2(db, "SELECT value FROM main.\"" SQLITE_META "\" WHERE name = ?1",
                                -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(stmt, 0);
        snprintf(out, size, "%s", text ? text : "");
    }
    int end = sqlite3_finalize(stmt);
    return rc == SQLITE_OK ? end : rc;
}

static void judge(struct sqlite_verdicts *verdicts, const struct sqlite_schema *schema,
                  const struct watch_table *watched, bool ruled)
{
    struct arena scratch;
    struct sqlite_plan plan;
    struct place at;
    struct err err = ERR_INIT;
    struct sqlite_verdict *verdict = &verdicts->items[verdicts->n++];
    const struct sqlite_table *table = sqlite_schema_table(schema, watched->table);
    arena_init(&scratch, VERDICT_MEMORY);
    *verdict = (struct sqlite_verdict){
        .resource = arena_copy(&verdicts->_arena, watched->table),
        .ruled = ruled,
        .exists = table != NULL,
        .covered = sqlite_plan_table(schema, watched, &scratch, &plan, &at, &err),
        .mark = table ? mix(0, table->sql) : 0,
    };
    verdict->fits = verdict->covered;
    for (size_t i = 0; verdict->fits && i < plan.n_triggers; i++) {
        bool there = has_trigger(schema, &plan.triggers[i], &verdict->mark);
        verdict->covered = verdict->covered && there;
    }
    if (verdict->fits && !verdict->covered)
        err_set(&err, "table %.*s lacks its triggers, or has others than this configuration needs",
                STR_ARG(watched->table));
    if (verdict->fits)
        verdict->warning = arena_copy(&verdicts->_arena, plan.warning);
    if (!verdict->covered)
        verdict->problem = arena_copy(&verdicts->_arena, str_of(err.text));
    verdict->mark = mix_number(verdict->mark, verdict->covered);
    verdicts->mark = mix_number(mix(verdicts->mark, verdict->resource), verdict->mark);
    arena_free(&scratch);
}

/* What stands in our own tables. */
static int read_setup(struct sqlite_verdicts *verdicts, const struct sqlite_schema *schema,
                      sqlite3 *db)
{
    char version[16] = "";
    char ring[24] = "";
    if (!schema->has_changes || !schema->has_meta || !schema->has_last)
        return SQLITE_OK;
    int rc = read_meta(db, "version", version, sizeof version);
    if (rc == SQLITE_OK)
        rc = read_meta(db, "ring", ring, sizeof ring);
    if (rc == SQLITE_OK)
        rc = read_meta(db, "instance", verdicts->instance, sizeof verdicts->instance);
    verdicts->set_up = rc == SQLITE_OK && str_is(str_of(version), SQLITE_PLAN_FORMAT) &&
                       verdicts->instance[0] != '\0';
    struct sqlite_plan_trigger trim =
        sqlite_plan_trim(&verdicts->_arena, (int64_t)strtoll(ring, NULL, 10));
    uint64_t mark = 0;
    verdicts->trims = has_trigger(schema, &trim, &mark);
    return rc;
}

struct sqlite_verdicts *sqlite_verify(sqlite3 *db, const struct watch *watch, int *rc,
                                      struct err *err)
{
    struct sqlite_schema *schema = sqlite_schema_read(db, rc, err);
    if (!schema)
        return NULL;
    struct sqlite_verdicts *verdicts = mem_new(sizeof *verdicts);
    arena_init(&verdicts->_arena, VERDICT_MEMORY);
    verdicts->schema_version = schema->version;
    *rc = read_setup(verdicts, schema, db);
    if (*rc != SQLITE_OK) {
        err_set(err, "%s", sqlite3_errmsg(db));
        goto failed;
    }
    size_t room = watch->n_tables + schema->n_tables + 1;
    verdicts->items = arena_alloc(&verdicts->_arena, room * sizeof *verdicts->items);
    if (!verdicts->items) {
        *rc = SQLITE_TOOBIG;
        err_set(err, "too many tables");
        goto failed;
    }
    for (size_t i = 0; i < watch->n_tables; i++)
        judge(verdicts, schema, &watch->tables[i], true);
    for (size_t i = 0; i < schema->n_tables; i++) {
        struct watch_table alone = {.table = schema->tables[i].name};
        if (sqlite_plan_covers(watch, &schema->tables[i]))
            judge(verdicts, schema, &alone, false);
    }
    sqlite_schema_free(schema);
    return verdicts;
failed:
    sqlite_schema_free(schema);
    sqlite_verdicts_free(verdicts);
    return NULL;
}

void sqlite_verdicts_free(struct sqlite_verdicts *verdicts)
{
    if (!verdicts)
        return;
    arena_free(&verdicts->_arena);
    free(verdicts);
}

const struct sqlite_verdict *sqlite_verdicts_find(const struct sqlite_verdicts *verdicts,
                                                  struct str resource)
{
    for (size_t i = 0; i < verdicts->n; i++)
        if (str_equal(verdicts->items[i].resource, resource))
            return &verdicts->items[i];
    return NULL;
}
