/* sqlite_plan: the triggers that one table needs, and what they record.
 *
 * Setup writes them, the source compares them with those that are there: both ask here, so that
 * they cannot differ. Pure text; nothing is opened or run. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "model/place.h"
#include "source/sqlite_layout.h"
#include "source/sqlite_schema.h"
#include "source/watch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SQLITE_PLAN_TRIGGERS = 5 };
enum { SQLITE_RING = 100000 }; /* changes kept, unless the database says otherwise */

/* What goes into _unstale_meta as "version": another number when the meaning of the tables changes.
 */
#define SQLITE_PLAN_FORMAT "1"

struct sqlite_plan_trigger {
    struct str name;
    struct str sql; /* exactly as sqlite_schema keeps it */
};

struct sqlite_plan {
    struct sqlite_layout layout;
    struct str layout_text;
    struct sqlite_plan_trigger triggers[SQLITE_PLAN_TRIGGERS];
    size_t n_triggers;
    struct str warning; /* a sentence for the operator, or empty */
};

/* `watched` may name the table alone (no columns). False with `at` and a sentence when the table is
 * not one that can be followed, or lacks a column. All memory is the arena's. */
bool sqlite_plan_table(const struct sqlite_schema *schema, const struct watch_table *watched,
                       struct arena *arena, struct sqlite_plan *plan, struct place *at,
                       struct err *err);
/* Whether a "*" rule covers this table: an ordinary one that no watch names. */
bool sqlite_plan_covers(const struct watch *watch, const struct sqlite_table *table);
/* The trigger that keeps the change table a ring. */
struct sqlite_plan_trigger sqlite_plan_trim(struct arena *arena, int64_t ring);
