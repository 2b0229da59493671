/* pg_trigger_body: the function that tells the statements of one table, as PL/pgSQL.
 *
 * Pure text; what it says of rows is the format of wire/pg_notify.h. */
#pragma once

#include "base/buf.h"
#include "base/str.h"
#include "source/pg_trigger_tables.h"

#include <stdbool.h>
#include <stddef.h>

/* The channel on which our triggers speak. */
#define PG_CHANNEL "unstale"

/* The names of the transition tables. */
#define PG_OLD_ROWS "unstale_old"
#define PG_NEW_ROWS "unstale_new"

/* Columns are places in table->columns. */
struct pg_trigger_body {
    const struct pg_trigger_table *table;
    struct str resource;
    const size_t *values; /* what is told of a row */
    size_t n_values;
    const size_t *scopes; /* those of them that scopes are written with */
    size_t n_scopes;
    const size_t *watched; /* of which it is told whether they changed */
    size_t n_watched;
    const size_t *key; /* primary key: pairs old and new rows; may be none */
    size_t n_key;
    bool key_is_id; /* the rule names no id: the key is among `values`, and is it */
};

bool pg_trigger_body_write(struct buf *out, const struct pg_trigger_body *body);
