#include "config/watch_of.h"

#include "base/mem.h"

#include <stdlib.h>

static bool fill_columns(const struct rules *rules, struct watch_table *table, struct arena *arena)
{
    size_t n = rules_columns(rules, table->table, NULL, 0);
    struct rules_column *columns = mem_array(n ? n : 1, sizeof *columns);
    rules_columns(rules, table->table, columns, n);
    table->columns = arena_alloc(arena, (n ? n : 1) * sizeof *table->columns);
    for (size_t i = 0; table->columns && i < n; i++)
        table->columns[table->n_columns++] = (struct watch_column){.name = columns[i].column,
                                                                   .value = columns[i].value,
                                                                   .differs = columns[i].differs,
                                                                   .scope = columns[i].scope,
                                                                   .data = columns[i].data,
                                                                   .at = columns[i].at};
    free(columns);
    return table->columns != NULL;
}

static bool fill_id(const struct rules *rules, struct watch_table *table, struct arena *arena)
{
    table->n_id = rules_id_columns(rules, table->table, NULL, 0);
    table->id = arena_alloc(arena, (table->n_id ? table->n_id : 1) * sizeof *table->id);
    if (table->id)
        rules_id_columns(rules, table->table, table->id, table->n_id);
    return table->id != NULL;
}

struct watch *watch_from_rules(const struct rules *rules, struct arena *arena)
{
    size_t n = rules_count(rules);
    struct watch *watch = arena_alloc(arena, sizeof *watch);
    if (!watch)
        return NULL;
    watch->every_table = rules_has_wildcard(rules);
    watch->tables = arena_alloc(arena, (n ? n : 1) * sizeof *watch->tables);
    if (!watch->tables)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        struct watch_table *table = &watch->tables[watch->n_tables++];
        table->table = rules_resource(rules, i, &table->at);
        table->name = rules_name(rules, table->table);
        if (!fill_columns(rules, table, arena) || !fill_id(rules, table, arena))
            return NULL;
    }
    return watch;
}

struct watch *watch_of(const struct config *config, const struct rules *rules, struct arena *arena)
{
    struct watch *watch = watch_from_rules(rules, arena);
    return watch && watch_rolls(watch, &config->auth.membership, arena) ? watch : NULL;
}
