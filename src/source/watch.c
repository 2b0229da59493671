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
