/* sqlite_layout: what the generic columns v0, v1, ... of the change table mean for one table.
 *
 * Written into the database by setup, read from there by the source, so that rows are understood as
 * they were recorded, whatever the rules say by now. Value i: v(2i) before and v(2i+1) after;
 * behind the values one column for each of `differs`, 1 when an update changed it. A blob in a
 * value column means "not recorded" (too long, or a blob itself). */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct sqlite_layout {
    struct str resource; /* the table, as the rules spell it */
    struct str table;    /* as the database spells it */
    struct str *values;
    size_t n_values;
    struct str *differs;
    size_t n_differs;
    size_t *key; /* indexes into `values`: what names a row (the primary key or the rowid); n_key 0:
                    nothing does */
    size_t n_key;
    /* Rows may be displaced (INSERT OR REPLACE) without a record: a unique index on an expression
     * that a trigger must not evaluate. */
    bool opaque;
};

enum { SQLITE_SLOTS_MAX = 1900 }; /* SQLite's own default maximum is 2,000 columns */

static inline size_t sqlite_layout_before(size_t value)
{
    return 2 * value;
}

static inline size_t sqlite_layout_after(size_t value)
{
    return 2 * value + 1;
}

static inline size_t sqlite_layout_differs(const struct sqlite_layout *layout, size_t i)
{
    return 2 * layout->n_values + i;
}

static inline size_t sqlite_layout_slots(const struct sqlite_layout *layout)
{
    return 2 * layout->n_values + layout->n_differs;
}

/* Index into `values`, or n_values. Names are compared as SQLite does. */
size_t sqlite_layout_value(const struct sqlite_layout *layout, struct str column);
/* As a JSON object, without the resource. */
bool sqlite_layout_write(struct buf *out, const struct sqlite_layout *layout);
/* Memory is the arena's; false when the text is not one that sqlite_layout_write writes. */
bool sqlite_layout_parse(struct str text, struct str resource, struct arena *arena,
                         struct sqlite_layout *layout, struct err *err);
