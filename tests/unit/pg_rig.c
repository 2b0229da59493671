#include "pg_rig.h"

#include "base/check.h"

#include <inttypes.h>

enum { SHOWN = 48 };

/* Columns by ",", each with what it is for: v value, s scope, d whether it differs, a sent along.
 */
static const struct {
    const char *name, *id, *columns;
} tables[] = {
    {"tasks", "id", "v id,s project_id,d title,a body"},
    {"public.full_tasks", "", "s project_id,d title,d body"},
    {"members", "", "s project_id,d role"},
    {"keyless", "", "s project_id"},
    {"indexed", "", "v name"},
    {"Back Office.Line.Items", "Id", "v Id,s Project Id,d quo\"ted"},
    {"parents", "", "s parent_id"},
    {"children", "", "s parent_id"},
    {"events", "id", "v id,s project_id"},
    {"types", "id",
     "v id,v i2,v i4,v i8,v o,v f4,v f8,v n,v b,v t,v v,v c,v u,v e,v d,v ts,v tz,v tm,v iv,v j,"
     "v jb,v by,v ar,v ip,v p,v dom,v adr"},
};

enum { TABLES = sizeof tables / sizeof *tables, COLUMNS = 32, MEMORY = 64 * 1024 };

static struct watch_column make_column(struct str text)
{
    char use = text.p[0];
    return (struct watch_column){.name = str_from(text, 2),
                                 .value = use != 'd',
                                 .differs = use == 'd',
                                 .scope = use == 's',
                                 .data = use == 'a'};
}

static void make_table(struct watch_table *table, size_t i, struct arena *arena)
{
    table->table = str_of(tables[i].name);
    table->columns = arena_alloc(arena, COLUMNS * sizeof *table->columns);
    table->id = arena_alloc(arena, sizeof *table->id);
    CHECK(table->columns && table->id);
    table->id[0] = str_of(tables[i].id);
    table->n_id = table->id[0].n > 0;
    struct str rest = str_of(tables[i].columns);
    while (rest.n > 0) {
        struct str column = {.p = rest.p, .n = str_index(rest, ',')};
        CHECK(table->n_columns < COLUMNS);
        table->columns[table->n_columns++] = make_column(column);
        rest = str_from(rest, column.n + 1);
    }
}

void pg_rig_open(struct pg_rig *rig, bool every_table, struct buf *out)
{
    *rig = (struct pg_rig){.out = out};
    arena_init(&rig->arena, MEMORY);
    rig->watch.tables = arena_alloc(&rig->arena, TABLES * sizeof *rig->watch.tables);
    CHECK(rig->watch.tables);
    rig->watch.n_tables = TABLES;
    rig->watch.every_table = every_table;
    for (size_t i = 0; i < TABLES; i++)
        make_table(&rig->watch.tables[i], i, &rig->arena);
    rig->relations = pg_relations_new(&rig->watch);
}

void pg_rig_close(struct pg_rig *rig)
{
    pg_relations_free(rig->relations);
    arena_free(&rig->arena);
}

static void write_value(struct buf *out, struct value value)
{
    if (value.type == VALUE_ABSENT)
        buf_text(out, "?");
    else if ((value.type == VALUE_TEXT || value.type == VALUE_JSON) && value.text.n > SHOWN)
        buf_printf(out, "<%zu bytes %.8s>", value.text.n, value.text.p);
    else
        value_write_json(out, value);
}

static void on_change(void *ctx, const struct change *change)
{
    static const char *const marks[] = {
        [CHANGE_UNKNOWN] = "", [CHANGE_SAME] = "same ", [CHANGE_DIFFERENT] = "different "};
    struct buf *out = ctx;
    buf_printf(out, "%.*s %.*s", STR_ARG(change->action_name), STR_ARG(change->resource));
    if (change->id.type != VALUE_ABSENT) {
        buf_text(out, " id ");
        write_value(out, change->id);
    }
    for (size_t i = 0; i < change->n_fields; i++) {
        const struct change_field *field = &change->fields[i];
        buf_printf(out, ", %.*s %s", STR_ARG(field->column), marks[field->differs]);
        if (change->action != CHANGE_CREATED)
            write_value(out, field->before);
        if (change->action == CHANGE_UPDATED)
            buf_text(out, " -> ");
        if (change->action != CHANGE_DELETED)
            write_value(out, field->after);
    }
    buf_byte(out, '\n');
}

static void write_names(struct buf *out, const char *what, const struct str *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "%s%.*s", i ? " " : what, STR_ARG(names[i]));
}

/* As the catalog would say it: only `id` tables have another identity than their key. */
static void tell_key(struct pg_rig *rig, const struct pg_relation *relation)
{
    const struct str id = STR("id");
    if (str_starts(relation->name, STR("leaf_")))
        pg_relations_set_root(rig->relations, relation->oid, STR("public"), STR("events"));
    bool keyed = str_is(relation->name, "full_tasks") || str_is(relation->name, "indexed");
    pg_relations_set_key(rig->relations, relation->oid, &id, keyed ? 1 : 0);
}

static bool learn(struct pg_rig *rig, const struct pgoutput_message *message, struct err *err)
{
    enum pg_learned learned;
    const struct pg_relation *relation;
    if (!pg_relations_learn(rig->relations, message, &learned, &relation, err))
        return false;
    if (learned == PG_LEARNED_NOTHING)
        return true;
    CHECK(relation && relation == pg_relations_find(rig->relations, message->relation.oid));
    buf_printf(rig->out, "%s %.*s of %zu columns, identity %c%s",
               learned == PG_LEARNED_TABLE ? "table" : "shape", STR_ARG(relation->resource),
               relation->n_columns, relation->identity, relation->watched ? "" : ", not watched");
    write_names(rig->out, ", missing ", relation->missing, relation->n_missing);
    write_names(rig->out, ", uncovered ", relation->uncovered, relation->n_uncovered);
    buf_byte(rig->out, '\n');
    tell_key(rig, relation);
    return true;
}

static bool tell(struct pg_rig *rig, const struct pgoutput_message *message, struct err *err)
{
    const struct pg_relations_sink sink = {.ctx = rig->out, .change = on_change};
    struct buf *out = rig->out;
    switch (message->kind) {
    case PGOUTPUT_BEGIN:
        return buf_text(out, "begin\n") || true;
    case PGOUTPUT_COMMIT:
        CHECK(message->commit.commit_lsn == rig->pgoutput.commit_lsn);
        return buf_text(out, "commit\n") || true;
    case PGOUTPUT_ORIGIN:
        return buf_printf(out, "origin %.*s %" PRIX64 "\n", STR_ARG(message->origin.name),
                          message->origin.lsn) ||
               true;
    case PGOUTPUT_MESSAGE:
        return buf_printf(out, "message %s %.*s, %zu bytes %.*s\n",
                          message->emitted.transactional ? "within" : "alone",
                          STR_ARG(message->emitted.prefix), message->emitted.content.n,
                          STR_ARG(message->emitted.content)) ||
               true;
    case PGOUTPUT_RELATION:
    case PGOUTPUT_TYPE:
        return learn(rig, message, err);
    case PGOUTPUT_INSERT:
    case PGOUTPUT_UPDATE:
    case PGOUTPUT_DELETE:
    case PGOUTPUT_TRUNCATE:
        break;
    }
    return pg_relations_apply(rig->relations, message, 0, &sink, err);
}

bool pg_rig_message(struct pg_rig *rig, struct str bytes)
{
    struct pgoutput before = rig->pgoutput;
    struct pgoutput_message message;
    struct err err = ERR_INIT;
    bool decoded = pgoutput_decode(&rig->pgoutput, bytes, &message, &err);
    if (!decoded)
        CHECK(before.stand == rig->pgoutput.stand && before.commit_lsn == rig->pgoutput.commit_lsn);
    bool ok = decoded && tell(rig, &message, &err);
    CHECK(ok || err.text[0]);
    if (!ok)
        buf_printf(rig->out, "refused: %s\n", err.text);
    return ok;
}
