/* pg_triggers: the statement triggers that the notify source listens to: which ones a watch needs,
 * the SQL that makes them, and whether those that are there are the ones.
 *
 * One function a table of the rules, in the schema "unstale", and four triggers (insert, update,
 * delete, truncate) on the table and on each partition below it: a statement fires those of the
 * table that it names, with the rows of all partitions. They fire with
 * session_replication_role = replica too (ENABLE ALWAYS). What they say is pg_trigger_body.h's.
 *
 * What they never see, and what therefore makes a table one that cannot be followed: a view, a
 * foreign table (also as a partition: PostgreSQL has no transition tables there), a partition by
 * its own name (a statement on its parent does not fire its triggers). Rows that a subscription's
 * apply worker writes fire no statement trigger either: `warning`.
 *
 * Pure: reads a watch and a catalog, writes text. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "model/place.h"
#include "source/pg_trigger_tables.h"
#include "source/watch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Appends the whole script, one transaction, idempotent. False where a watched table or column does
 * not exist or cannot be followed: `at` is then its place in the configuration. `alone`: a table
 * that is missing can be in no other database; otherwise it is left out. */
bool pg_triggers_setup(const struct watch *watch, const struct pg_trigger_tables *tables,
                       bool alone, struct buf *sql, struct place *at, struct err *err);
/* The same, without writing anything. */
bool pg_triggers_check(const struct watch *watch, const struct pg_trigger_tables *tables,
                       bool alone, struct place *at, struct err *err);
/* Appends the script that removes every function and trigger of ours. */
bool pg_triggers_teardown(struct buf *sql);

struct pg_trigger_verdict {
    struct str resource;
    bool ruled;    /* has a rule of its own; false: covered by "*" alone */
    bool exists;   /* the table is there */
    bool covered;  /* its triggers are those that setup would make */
    bool mendable; /* not covered, and setup would mend that */
    /* Another number once the table, a partition or a trigger was made, dropped or altered, perhaps
     * with changes in between that nobody told. */
    uint64_t mark;
    uint64_t activity;  /* another number once rows were written, seconds late */
    struct str problem; /* not covered: a sentence */
    struct str warning; /* covered, but something is not seen: a sentence, or empty */
};

struct pg_trigger_verdicts {
    struct pg_trigger_verdict *items;
    size_t n;
    struct arena _arena;
};

/* Never NULL. */
struct pg_trigger_verdicts *pg_triggers_verify(const struct watch *watch,
                                               const struct pg_trigger_tables *tables);
void pg_trigger_verdicts_free(struct pg_trigger_verdicts *verdicts);
/* NULL when there is none. */
const struct pg_trigger_verdict *
pg_trigger_verdicts_find(const struct pg_trigger_verdicts *verdicts, struct str resource);
