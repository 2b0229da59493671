#include "source/watch.h"

#include "base/check.h"

/* The watch is of our own making: that it is too large is a mistake of ours. */
static void *take(struct arena *arena, size_t size)
{
    void *p = arena_alloc(arena, size);
    CHECK(p);
    return p;
}

static struct str copy(struct arena *arena, struct str text)
{
    struct str kept = arena_copy(arena, text);
    CHECK(kept.p);
    return kept;
}

struct watch watch_copy(const struct watch *watch, struct arena *arena)
{
    struct watch kept = *watch;
    kept.tables = take(arena, (watch->n_tables + 1) * sizeof *kept.tables);
    for (size_t i = 0; i < watch->n_tables; i++) {
        const struct watch_table *from = &watch->tables[i];
        struct watch_table *to = &kept.tables[i];
        *to = *from;
        to->table = copy(arena, from->table);
        to->name = copy(arena, from->name);
        to->columns = take(arena, (from->n_columns + 1) * sizeof *to->columns);
        for (size_t k = 0; k < from->n_columns; k++) {
            to->columns[k] = from->columns[k];
            to->columns[k].name = copy(arena, from->columns[k].name);
        }
        to->id = take(arena, (from->n_id + 1) * sizeof *to->id);
        for (size_t k = 0; k < from->n_id; k++)
            to->id[k] = copy(arena, from->id[k]);
    }
    return kept;
}

/* ---- rolls ---- */

static struct watch_table *watched(struct watch *watch, struct str table)
{
    for (size_t i = 0; i < watch->n_tables; i++)
        if (str_equal(watch->tables[i].table, table))
            return &watch->tables[i];
    return NULL;
}

/* Each column's value counts, and a wrong one lets somebody in: as a scope's column does. */
static bool watch_columns(const struct roll *roll, struct watch_table *table, struct arena *arena)
{
    size_t room = table->n_columns + roll->n_columns;
    struct watch_column *columns = arena_alloc(arena, room * sizeof *columns);
    if (!columns)
        return false;
    if (table->n_columns)
        memcpy(columns, table->columns, table->n_columns * sizeof *columns);
    table->columns = columns;
    for (size_t i = 0; i < roll->n_columns; i++) {
        size_t k = 0;
        while (k < table->n_columns && !str_equal(columns[k].name, roll->columns[i].name))
            k++;
        if (k == table->n_columns)
            columns[table->n_columns++] =
                (struct watch_column){.name = roll->columns[i].name, .at = roll->columns[i].at};
        columns[k].value = columns[k].scope = true;
        columns[k].data = false;
    }
    return true;
}

bool watch_rolls(struct watch *watch, const struct rolls *rolls, struct arena *arena)
{
    if (rolls->n == 0)
        return true;
    struct watch_table *tables =
        arena_alloc(arena, (watch->n_tables + rolls->n) * sizeof *watch->tables);
    if (!tables)
        return false;
    if (watch->n_tables)
        memcpy(tables, watch->tables, watch->n_tables * sizeof *tables);
    watch->tables = tables;
    for (size_t i = 0; i < rolls->n; i++) {
        const struct roll *roll = &rolls->items[i];
        struct watch_table *table = watched(watch, roll->table);
        if (!table) {
            table = &watch->tables[watch->n_tables++];
            *table = (struct watch_table){
                .table = roll->table, .name = roll->table, .at = roll->table_at};
        }
        if (!watch_columns(roll, table, arena))
            return false;
    }
    return true;
}
