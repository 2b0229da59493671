/* What a trigger of ours may do, and why it looks as it does:
 *
 * - It must never make the application's own statement fail. So: no function that can raise an
 *   error for some value (JSON functions on a blob), no unique column in the change table (the
 *   statement's OR clause rules inside its triggers too, OR ROLLBACK included), nothing that is
 *   looked up by a name that may be missing (INDEXED BY).
 * - REPLACE fires no DELETE trigger unless recursive_triggers is on. So a BEFORE trigger records
 * the rows that are in the way ("R", a provisional record: nobody knows yet whether the statement
 * is a REPLACE, an IGNORE or an upsert); sqlite_replay finds out what became of them. One INSERT
 * ... SELECT for each unique index, so that each is a plain index look-up.
 * - An UPDATE of any column is recorded, not of the named ones alone: a detail key is stale then
 * too.
 * - Only columns that the rules need are named, because DROP COLUMN fails on a column that a
 * trigger names. Key and unique columns are named as well; those cannot be dropped anyway.
 *
 * Comparisons are binary where "has it changed" is asked (a NOCASE column may change its letters),
 * and by the index's own collation where "is it in the way" is. */
#include "source/sqlite_plan.h"

#include "base/mem.h"
#include "base/nearest.h"
#include "source/sqltext.h"

enum { LONG_VALUE = 1024, SQL_MAX = 4 << 20 };

/* One row of a table as a trigger names it: NEW, OLD, or the row that is being selected. */
enum side { SIDE_SELECTED, SIDE_NEW, SIDE_OLD };

struct writer {
    struct buf *out;
    const struct sqlite_table *table;
    const struct sqlite_layout *layout;
};

static void write_column(struct buf *out, enum side side, struct str column)
{
    if (side != SIDE_SELECTED)
        buf_text(out, side == SIDE_NEW ? "NEW." : "OLD.");
    sqltext_name(out, column);
}

static bool is_rowid(const struct sqlite_table *table, struct str column)
{
    return table->rowid.n > 0 && sqltext_same_name(table->rowid, column);
}

static bool is_key(const struct sqlite_layout *layout, size_t value)
{
    for (size_t i = 0; i < layout->n_key; i++)
        if (layout->key[i] == value)
            return true;
    return false;
}

/* A value as it is recorded: blobs and long text become x'', which is read as "unknown". Short
 * blobs of a key are kept, to find the row again. */
static void write_value(const struct writer *w, enum side side, size_t value)
{
    struct str column = w->layout->values[value];
    if (is_rowid(w->table, column)) {
        write_column(w->out, side, column);
        return;
    }
    buf_text(w->out, "CASE WHEN ");
    if (!is_key(w->layout, value)) {
        buf_text(w->out, "typeof(");
        write_column(w->out, side, column);
        buf_text(w->out, ") = 'blob' OR ");
    }
    buf_text(w->out, "length(CAST(");
    write_column(w->out, side, column);
    buf_printf(w->out, " AS BLOB)) > %d THEN x'' ELSE ", LONG_VALUE);
    write_column(w->out, side, column);
    buf_text(w->out, " END");
}

static void write_columns(const struct writer *w, bool before, bool after, bool differs)
{
    for (size_t i = 0; i < w->layout->n_values; i++) {
        if (before)
            buf_printf(w->out, ", v%zu", sqlite_layout_before(i));
        if (after)
            buf_printf(w->out, ", v%zu", sqlite_layout_after(i));
    }
    for (size_t i = 0; differs && i < w->layout->n_differs; i++)
        buf_printf(w->out, ", v%zu", sqlite_layout_differs(w->layout, i));
}

static void write_insert(const struct writer *w, bool before, bool after, bool differs)
{
    buf_text(w->out, "  INSERT INTO \"" SQLITE_CHANGES "\" (tbl, op");
    write_columns(w, before, after, differs);
    buf_text(w->out, ")");
}

static void write_what(const struct writer *w, char op)
{
    sqltext_string(w->out, w->layout->resource);
    buf_printf(w->out, ", '%c'", op);
}

/* The body of an AFTER trigger. */
static void write_record(const struct writer *w, char op, bool before, bool after)
{
    write_insert(w, before, after, before && after);
    buf_text(w->out, "\n  VALUES (");
    write_what(w, op);
    for (size_t i = 0; i < w->layout->n_values; i++) {
        if (before) {
            buf_text(w->out, ",\n    ");
            write_value(w, SIDE_OLD, i);
        }
        if (after) {
            buf_text(w->out, ",\n    ");
            write_value(w, SIDE_NEW, i);
        }
    }
    for (size_t i = 0; before && after && i < w->layout->n_differs; i++) {
        buf_text(w->out, ",\n    ");
        write_column(w->out, SIDE_OLD, w->layout->differs[i]);
        buf_text(w->out, " COLLATE BINARY IS NOT ");
        write_column(w->out, SIDE_NEW, w->layout->differs[i]);
    }
    buf_text(w->out, ");\n");
}

/* "the selected row has what the new row will have" for one part of a unique index. */
static void write_match(const struct writer *w, const struct sqlite_part *part)
{
    struct buf *out = w->out;
    if (part->column.n == 0) {
        /* The new row's columns, under their own names, so that the index's own text reads them. */
        buf_printf(out, "(%.*s) COLLATE ", STR_ARG(part->expression));
        sqltext_name(out, part->collation);
        buf_printf(out, " = (SELECT %.*s FROM (SELECT ", STR_ARG(part->expression));
        bool any = false;
        for (size_t i = 0; i < w->table->n_columns; i++) {
            struct str name = w->table->columns[i].name;
            if (!sqltext_mentions(part->expression, name))
                continue;
            buf_text(out, any ? ", " : "");
            write_column(out, SIDE_NEW, name);
            buf_text(out, " AS ");
            sqltext_name(out, name);
            any = true;
        }
        buf_text(out, any ? ") AS " : "1) AS ");
        sqltext_name(out, w->table->name);
        buf_text(out, ")");
        return;
    }
    sqltext_name(out, part->column);
    buf_text(out, " COLLATE ");
    sqltext_name(out, part->collation);
    buf_text(out, " = ");
    /* REPLACE puts the DEFAULT in the place of a NULL that is not allowed, after this trigger ran.
     */
    const struct sqlite_column *column = sqlite_schema_column(w->table, part->column);
    bool fills = column && column->not_null && sqltext_is_literal(column->initial);
    if (fills)
        buf_text(out, "coalesce(");
    write_column(out, SIDE_NEW, part->column);
    if (fills)
        buf_printf(out, ", %.*s)", STR_ARG(column->initial));
}

/* "and it is not the row that is being updated itself". */
static void write_other(const struct writer *w)
{
    if (w->table->rowid.n > 0) {
        buf_text(w->out, " AND ");
        write_column(w->out, SIDE_SELECTED, w->table->rowid);
        buf_text(w->out, " <> ");
        write_column(w->out, SIDE_OLD, w->table->rowid);
        return;
    }
    if (w->table->n_key == 0)
        return;
    buf_text(w->out, " AND NOT (");
    bool any = false;
    for (size_t i = 0; i < w->table->n_columns; i++) {
        if (w->table->columns[i].key == 0)
            continue;
        buf_text(w->out, any ? " AND " : "");
        write_column(w->out, SIDE_SELECTED, w->table->columns[i].name);
        buf_text(w->out, " COLLATE BINARY IS ");
        write_column(w->out, SIDE_OLD, w->table->columns[i].name);
        any = true;
    }
    buf_text(w->out, ")");
}

static void write_displaced_head(const struct writer *w)
{
    write_insert(w, true, false, false);
    buf_text(w->out, "\n  SELECT ");
    write_what(w, 'R');
    for (size_t i = 0; i < w->layout->n_values; i++) {
        buf_text(w->out, ",\n    ");
        write_value(w, SIDE_SELECTED, i);
    }
    buf_text(w->out, "\n  FROM ");
    sqltext_name(w->out, w->table->name);
    buf_text(w->out, " WHERE ");
}

/* Whether a trigger may evaluate what the index evaluates. */
static bool can_follow(const struct sqlite_unique *unique)
{
    if (unique->n_parts == 0 || (unique->partial && unique->where.n == 0))
        return false;
    for (size_t i = 0; i < unique->n_parts; i++) {
        const struct sqlite_part *part = &unique->parts[i];
        if (part->column.n == 0 &&
            (part->expression.n == 0 || !sqltext_is_harmless(part->expression)))
            return false;
    }
    return true;
}

static void write_displaced(const struct writer *w, bool update)
{
    if (w->table->rowid.n > 0) {
        write_displaced_head(w);
        write_column(w->out, SIDE_SELECTED, w->table->rowid);
        buf_text(w->out, " = ");
        write_column(w->out, SIDE_NEW, w->table->rowid);
        if (update)
            write_other(w);
        buf_text(w->out, ";\n");
    }
    for (size_t i = 0; i < w->table->n_uniques; i++) {
        const struct sqlite_unique *unique = &w->table->uniques[i];
        if (!can_follow(unique))
            continue;
        write_displaced_head(w);
        for (size_t k = 0; k < unique->n_parts; k++) {
            buf_text(w->out, k > 0 ? " AND " : "");
            write_match(w, &unique->parts[k]);
        }
        /* Makes the partial index usable for the look-up. */
        if (unique->partial)
            buf_printf(w->out, " AND (%.*s)", STR_ARG(unique->where));
        if (update)
            write_other(w);
        buf_text(w->out, ";\n");
    }
}

static bool in_unique(const struct sqlite_table *table, struct str column)
{
    for (size_t i = 0; i < table->n_uniques; i++) {
        const struct sqlite_unique *unique = &table->uniques[i];
        if (!can_follow(unique))
            continue;
        for (size_t k = 0; k < unique->n_parts; k++)
            if (sqltext_same_name(unique->parts[k].column, column) ||
                sqltext_mentions(unique->parts[k].expression, column))
                return true;
        if (sqltext_mentions(unique->where, column))
            return true;
    }
    return false;
}

/* Most updates leave all unique columns alone and then displace nothing. */
static void write_unique_changed(const struct writer *w)
{
    bool any = w->table->rowid.n > 0;
    if (any) {
        write_column(w->out, SIDE_OLD, w->table->rowid);
        buf_text(w->out, " IS NOT ");
        write_column(w->out, SIDE_NEW, w->table->rowid);
    }
    for (size_t i = 0; i < w->table->n_columns; i++) {
        struct str name = w->table->columns[i].name;
        if (is_rowid(w->table, name) || !in_unique(w->table, name))
            continue;
        buf_text(w->out, any ? "\n  OR " : "");
        write_column(w->out, SIDE_OLD, name);
        buf_text(w->out, " COLLATE BINARY IS NOT ");
        write_column(w->out, SIDE_NEW, name);
        any = true;
    }
    buf_text(w->out, any ? "" : "1");
}

/* ---- one trigger each ---- */

struct kind {
    const char *name;
    const char *when; /* "AFTER INSERT" */
    void (*write)(const struct writer *w);
};

static void created(const struct writer *w)
{
    buf_text(w->out, " BEGIN\n");
    write_record(w, 'C', false, true);
}

static void updated(const struct writer *w)
{
    buf_text(w->out, " BEGIN\n");
    write_record(w, 'U', true, true);
}

static void deleted(const struct writer *w)
{
    buf_text(w->out, " BEGIN\n");
    write_record(w, 'D', true, false);
}

static void displaced_by_insert(const struct writer *w)
{
    buf_text(w->out, " BEGIN\n");
    write_displaced(w, false);
}

static void displaced_by_update(const struct writer *w)
{
    buf_text(w->out, "\nWHEN ");
    write_unique_changed(w);
    buf_text(w->out, " BEGIN\n");
    write_displaced(w, true);
}

static const struct kind kinds[SQLITE_PLAN_TRIGGERS] = {
    {"created", "AFTER INSERT", created},
    {"updated", "AFTER UPDATE", updated},
    {"deleted", "AFTER DELETE", deleted},
    {"displaced_by_insert", "BEFORE INSERT", displaced_by_insert},
    {"displaced_by_update", "BEFORE UPDATE", displaced_by_update},
};

/* Whether anything can be displaced: no rowid to name and no unique index to look at, then no. */
static bool has_displaced(const struct sqlite_table *table)
{
    bool any = table->rowid.n > 0;
    for (size_t i = 0; i < table->n_uniques; i++)
        any = any || can_follow(&table->uniques[i]);
    return any;
}

/* ---- the plan ---- */

static bool too_large(struct err *err, struct str table)
{
    return err_set(err, "table %.*s: its triggers take too much memory", STR_ARG(table));
}

static bool keep(struct arena *arena, struct buf *out, struct str *kept)
{
    *kept = arena_copy(arena, buf_slice(out));
    bool ok = kept->p && !out->overflow;
    buf_clear(out);
    return ok;
}

static bool write_triggers(const struct sqlite_table *table, struct arena *arena,
                           struct sqlite_plan *plan)
{
    struct buf out = BUF_INIT(SQL_MAX);
    struct writer w = {.out = &out, .table = table, .layout = &plan->layout};
    bool ok = true;
    for (size_t i = 0; i < SQLITE_PLAN_TRIGGERS && ok; i++) {
        bool displaced =
            kinds[i].write == displaced_by_insert || kinds[i].write == displaced_by_update;
        if (displaced && !has_displaced(table))
            continue;
        struct sqlite_plan_trigger *trigger = &plan->triggers[plan->n_triggers++];
        buf_printf(&out, SQLITE_OURS "%s_%.*s", kinds[i].name, STR_ARG(table->name));
        ok = keep(arena, &out, &trigger->name);
        if (!ok)
            break;
        buf_text(&out, "CREATE TRIGGER ");
        sqltext_name(&out, trigger->name);
        buf_printf(&out, " %s ON ", kinds[i].when);
        sqltext_name(&out, table->name);
        kinds[i].write(&w);
        buf_text(&out, "END");
        ok = keep(arena, &out, &trigger->sql);
    }
    buf_free(&out);
    return ok;
}

static bool is_followable(const struct sqlite_table *table, struct err *err)
{
    struct str name = table->name;
    switch (table->kind) {
    case SQLITE_KIND_TABLE:
        return true;
    case SQLITE_KIND_VIEW:
        return err_set(err,
                       "%.*s is a view, and SQLite cannot say when a view changes: write rules for "
                       "the tables that it reads",
                       STR_ARG(name));
    case SQLITE_KIND_VIRTUAL:
        return err_set(
            err,
            "%.*s is a virtual table, on which SQLite allows no triggers: write rules for "
            "the ordinary table that it is filled from",
            STR_ARG(name));
    case SQLITE_KIND_SHADOW:
        break;
    }
    return err_set(
        err,
        "%.*s belongs to a virtual table, and is not to be followed: write rules for the "
        "ordinary table that the virtual table is filled from",
        STR_ARG(name));
}

static const struct sqlite_table *find_table(const struct sqlite_schema *schema,
                                             const struct watch_table *watched, struct err *err)
{
    const struct sqlite_table *table = sqlite_schema_table(schema, watched->table);
    if (table)
        return table;
    struct nearest near = nearest_to(watched->table);
    for (size_t i = 0; i < schema->n_tables; i++)
        nearest_offer(&near, schema->tables[i].name);
    err_set(err, "the database has no table \"%.*s\"%s", STR_ARG(watched->table),
            nearest_hint(&near));
    return NULL;
}

static bool is_rowid_name(struct str name)
{
    return sqltext_same_name(name, STR("rowid")) || sqltext_same_name(name, STR("_rowid_")) ||
           sqltext_same_name(name, STR("oid"));
}

static bool has_column(const struct sqlite_table *table, const struct watch_column *wanted,
                       struct err *err)
{
    bool rowid = table->rowid.n > 0 && is_rowid_name(wanted->name);
    if (rowid || sqlite_schema_column(table, wanted->name))
        return true;
    struct nearest near = nearest_to(wanted->name);
    for (size_t i = 0; i < table->n_columns; i++)
        nearest_offer(&near, table->columns[i].name);
    return err_set(err, "table %.*s has no column \"%.*s\"%s", STR_ARG(table->name),
                   STR_ARG(wanted->name), nearest_hint(&near));
}

static size_t add_value(struct sqlite_layout *layout, struct str column)
{
    size_t i = sqlite_layout_value(layout, column);
    if (i == layout->n_values)
        layout->values[layout->n_values++] = column;
    return i;
}

static void add_key(const struct sqlite_table *table, struct sqlite_layout *layout)
{
    for (unsigned place = 1; place <= table->n_key; place++)
        for (size_t i = 0; i < table->n_columns; i++)
            if (table->columns[i].key == place)
                layout->key[layout->n_key++] = add_value(layout, table->columns[i].name);
    if (layout->n_key == 0 && table->rowid.n > 0)
        layout->key[layout->n_key++] = add_value(layout, table->rowid);
}

static bool make_layout(const struct sqlite_table *table, const struct watch_table *watched,
                        struct arena *arena, struct sqlite_layout *layout)
{
    size_t room = watched->n_columns + table->n_columns + 1;
    layout->resource = arena_copy(arena, watched->table);
    layout->table = arena_copy(arena, table->name);
    layout->values = arena_alloc(arena, room * sizeof *layout->values);
    layout->differs = arena_alloc(arena, room * sizeof *layout->differs);
    layout->key = arena_alloc(arena, room * sizeof *layout->key);
    if (!layout->resource.p || !layout->table.p || !layout->values || !layout->differs ||
        !layout->key)
        return false;
    /* The rules' own spelling comes first, so that a key column keeps it. */
    for (size_t i = 0; i < watched->n_columns; i++)
        if (watched->columns[i].value)
            add_value(layout, watched->columns[i].name);
    add_key(table, layout);
    for (size_t i = 0; i < watched->n_columns; i++) {
        const struct watch_column *column = &watched->columns[i];
        if (!column->value && column->differs &&
            sqlite_layout_value(layout, column->name) == layout->n_values)
            layout->differs[layout->n_differs++] = column->name;
    }
    for (size_t i = 0; i < layout->n_values; i++) {
        layout->values[i] = arena_copy(arena, layout->values[i]);
        if (!layout->values[i].p)
            return false;
    }
    for (size_t i = 0; i < layout->n_differs; i++) {
        layout->differs[i] = arena_copy(arena, layout->differs[i]);
        if (!layout->differs[i].p)
            return false;
    }
    for (size_t i = 0; i < table->n_uniques; i++)
        layout->opaque = layout->opaque || !can_follow(&table->uniques[i]);
    return true;
}

static bool make_warning(const struct sqlite_table *table, struct arena *arena,
                         struct sqlite_plan *plan)
{
    struct buf out = BUF_INIT(SQL_MAX);
    for (size_t i = 0; i < table->n_uniques; i++)
        if (!can_follow(&table->uniques[i]))
            buf_printf(
                &out,
                "%sThe unique index %.*s is on an expression that a trigger must not evaluate, "
                "because it can fail: every insert and update of %.*s is taken for one that "
                "may have displaced a row, and widens.",
                out.len > 0 ? " " : "", STR_ARG(table->uniques[i].name), STR_ARG(table->name));
    bool ok = out.len == 0 || keep(arena, &out, &plan->warning);
    buf_free(&out);
    return ok;
}

bool sqlite_plan_table(const struct sqlite_schema *schema, const struct watch_table *watched,
                       struct arena *arena, struct sqlite_plan *plan, struct place *at,
                       struct err *err)
{
    *plan = (struct sqlite_plan){.n_triggers = 0};
    *at = watched->at;
    const struct sqlite_table *table = find_table(schema, watched, err);
    if (!table || !is_followable(table, err))
        return false;
    for (size_t i = 0; i < watched->n_columns; i++) {
        *at = watched->columns[i].at;
        if (!has_column(table, &watched->columns[i], err))
            return false;
    }
    *at = watched->at;
    if (!make_layout(table, watched, arena, &plan->layout) || !make_warning(table, arena, plan))
        return too_large(err, table->name);
    if (sqlite_layout_slots(&plan->layout) > SQLITE_SLOTS_MAX)
        return err_set(err, "table %.*s: the rules use more columns than can be recorded",
                       STR_ARG(table->name));
    struct buf text = BUF_INIT(SQL_MAX);
    sqlite_layout_write(&text, &plan->layout);
    bool ok = keep(arena, &text, &plan->layout_text) && write_triggers(table, arena, plan);
    buf_free(&text);
    return ok || too_large(err, table->name);
}

bool sqlite_plan_covers(const struct watch *watch, const struct sqlite_table *table)
{
    if (!watch->every_table || table->kind != SQLITE_KIND_TABLE)
        return false;
    for (size_t i = 0; i < watch->n_tables; i++)
        if (sqltext_same_name(watch->tables[i].table, table->name))
            return false;
    return true;
}

struct sqlite_plan_trigger sqlite_plan_trim(struct arena *arena, int64_t ring)
{
    struct buf out = BUF_INIT(SQL_MAX);
    struct sqlite_plan_trigger trigger = {.name = STR(SQLITE_OURS "trim")};
    /* Every hundredth time: a delete for each insert would double the work. */
    buf_printf(&out,
               "CREATE TRIGGER \"" SQLITE_OURS "trim\" AFTER INSERT ON \"" SQLITE_CHANGES "\"\n"
               "WHEN NEW.id %% 100 = 0 BEGIN\n"
               "  DELETE FROM \"" SQLITE_CHANGES "\" WHERE id <= NEW.id - %lld;\nEND",
               (long long)ring);
    keep(arena, &out, &trigger.sql);
    buf_free(&out);
    return trigger;
}
