/* change: one committed fact, as every source hands it to the rules.
 *
 * A value: everything it points at is owned by the source until its sink call
 * returns. Names are the database's own (the table); `rules` maps them. */
#pragma once

#include "base/str.h"
#include "model/value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum change_action {
    CHANGE_CREATED,
    CHANGE_UPDATED,
    CHANGE_DELETED,
    CHANGE_TRUNCATED, /* of the whole table: no row, no id */
    CHANGE_CUSTOM,    /* a name of the publisher's, see action_name */
};

enum change_known { CHANGE_UNKNOWN, CHANGE_SAME, CHANGE_DIFFERENT };

struct change_field {
    struct str column;
    struct value before; /* ABSENT where not recorded, or for a created row */
    struct value after;  /* ABSENT where not recorded, or for a deleted row */
    /* Whether the column changed, where the source recorded just that (a wide
     * column of `or_changed:`). UNKNOWN: compare before and after. */
    enum change_known differs;
};

struct change {
    struct str resource;
    enum change_action action;
    struct str action_name; /* "created", ... or the custom name; never empty */
    const struct change_field *fields;
    size_t n_fields;
    /* The id as given by a publisher; ABSENT: computed from the rule's `id:` columns. */
    struct value id;
    struct str data;  /* canonical JSON object sent along by a publisher, or empty */
    uint64_t time_ms; /* commit or capture time, Unix ms; 0 unknown */
    /* The row's old and new columns come from somebody who names only what he
     * thinks of (publish, explain): a scope or key column named on one side only
     * has that value on the other side too. False for databases: there a column
     * that is not recorded is unknown, and widens. */
    bool sparse;
};

/* NULL when the column is not among the fields. */
const struct change_field *change_field(const struct change *change, struct str column);
/* DIFFERENT also for every column of a created or deleted row; UNKNOWN where nobody can say. */
enum change_known change_differs(const struct change *change, struct str column);
/* "created" -> CHANGE_CREATED; any other name is CHANGE_CUSTOM. */
enum change_action change_action_of(struct str name);
struct str change_action_name(enum change_action action);
