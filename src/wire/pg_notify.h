/* pg_notify: payloads of PostgreSQL's NOTIFY, JSON in, changes out.
 *
 * Ours, as the triggers of source/pg_triggers.h send them; always an object with "v":1 and one of
 *
 *     {"v":1,"table":T,"op":"insert","columns":[C...],"key":[C...],"rows":[[V...]...]}
 *     {"v":1,"table":T,"op":"delete", the same }
 *     {"v":1,"table":T,"op":"update", ..., "watched":[C...],"rows":[ROW...]}
 *         ROW is [[V...],[N...]]          the columns are the same before and after
 *             or [OLD,NEW,[N...]]         OLD or NEW null: the row was not there before, or after
 *         N are places in "watched": which of those columns changed
 *     {"v":1,"table":T,"op":"touch", ...,"rows":[[V...]...]}
 *         rows that were, or are now, among those of an update that nobody can pair (no primary
 *         key): each may have changed in any way
 *     {"v":1,"table":T,"op":"truncate"}
 *     {"v":1,"table":T,"op":"overflow","error":SQLSTATE}
 *         too much for one payload, or (with "error") the trigger failed: anything in the table
 *     {"v":1,"canary":TOKEN}
 *
 * T is the table as the rules call it. "columns" are those whose values are in "rows"; what is not
 * among them is unknown, so that the rules widen. "key" are those of them that are the row's id
 * where the rule names none: one is the id itself, several are an array.
 *
 * A trigger of somebody else's:
 *
 *     {"resource":R,"action":A,"id":I,COLUMN:V,...}
 *
 * R is a table or the name that a rule gives it; A is INSERT, UPDATE, DELETE or TRUNCATE in any
 * case, an action's name as in POST /v1/changes, or a name of its own. "id" may be left out. All
 * other members with a plain value are columns, of which nobody says whether they are the old or
 * the new ones: the change is sparse (model/change.h). "timestamp" is left aside.
 *
 * Pure. Anybody who may connect to the database may send anything: whatever is not as above is
 * refused with a sentence, and nothing is asserted. Everything lives in the arena. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "model/change.h"

#include <stdbool.h>
#include <stddef.h>

enum { PG_NOTIFY_MAX = 7999 }; /* bytes of a payload that PostgreSQL takes */

enum pg_notify_kind {
    PG_NOTIFY_CHANGES,  /* one statement's; truncated among them */
    PG_NOTIFY_OVERFLOW, /* anything in `table`: one change, truncated */
    PG_NOTIFY_CANARY,
};

struct pg_notify {
    enum pg_notify_kind kind;
    struct str table; /* not for a canary */
    struct change *changes;
    size_t n;
    struct str error;  /* OVERFLOW: SQLSTATE where the trigger failed, else empty */
    struct str canary; /* CANARY */
};

/* Of a table that nobody told of: {"v":1,"table":T,"op":"truncate"}. */
bool pg_notify_write_truncate(struct buf *out, struct str table);

bool pg_notify_parse(struct str payload, struct arena *arena, struct pg_notify *out,
                     struct err *err);
bool pg_notify_parse_foreign(struct str payload, struct arena *arena, struct pg_notify *out,
                             struct err *err);
