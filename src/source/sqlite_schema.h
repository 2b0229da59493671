/* sqlite_schema: what a database holds, as far as its triggers need to know.
 *
 * Read inside the caller's transaction, so that it belongs to the rows that are read in the same
 * snapshot. A plain tree, immutable once read, owned by whoever read it. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Everything that is ours in a database begins with this. */
#define SQLITE_OURS    "_unstale_"
#define SQLITE_CHANGES SQLITE_OURS "changes"
#define SQLITE_META    SQLITE_OURS "meta"
/* A view that stands behind our triggers in the schema: what is made later gets a higher place, so
 * a trigger that was dropped for a while does not come back to its old one. VACUUM keeps the order
 * of triggers and views. */
#define SQLITE_LAST SQLITE_OURS "last"

struct sqlite_column {
    struct str name;
    unsigned key;       /* 1-based place in the primary key, 0: not in it */
    bool not_null;      /* declared */
    struct str initial; /* SQL text of its DEFAULT, or empty */
};

/* One part of a unique index: a column or an expression. */
struct sqlite_part {
    struct str column;     /* empty: an expression */
    struct str expression; /* its SQL text; empty when it could not be found */
    struct str collation;
};

/* A unique index, of a PRIMARY KEY, a UNIQUE constraint or a CREATE UNIQUE INDEX. */
struct sqlite_unique {
    struct str name;
    struct sqlite_part *parts;
    size_t n_parts;
    bool partial;
    struct str where; /* SQL text of a partial index; empty when it could not be found */
};

enum sqlite_kind { SQLITE_KIND_TABLE, SQLITE_KIND_VIEW, SQLITE_KIND_VIRTUAL, SQLITE_KIND_SHADOW };

struct sqlite_table {
    struct str name;
    enum sqlite_kind kind;
    bool without_rowid;
    /* A name under which the rowid can be read: a column that is an INTEGER PRIMARY KEY, else
     * "rowid", "_rowid_" or "oid"; empty when there is none. */
    struct str rowid;
    struct sqlite_column *columns; /* none of a view or a virtual table */
    size_t n_columns;
    size_t n_key; /* columns in the primary key */
    struct sqlite_unique *uniques;
    size_t n_uniques;
    struct str sql; /* its CREATE TABLE */
};

struct sqlite_trigger {
    struct str name;
    struct str sql;
    int64_t place; /* in the schema; another once it was dropped and made again (SQLITE_LAST) */
};

struct sqlite_schema {
    struct sqlite_table *tables; /* views and virtual tables too; not SQLite's own, not ours */
    size_t n_tables;
    struct sqlite_trigger *triggers; /* ours alone */
    size_t n_triggers;
    bool has_changes, has_meta, has_last;
    int64_t version; /* PRAGMA schema_version */
    struct arena _arena;
};

/* NULL with `err`; `rc` is then SQLite's answer (SQLITE_BUSY: try again). */
struct sqlite_schema *sqlite_schema_read(sqlite3 *db, int *rc, struct err *err);
void sqlite_schema_free(struct sqlite_schema *schema);
/* As SQLite finds names: without case. NULL when there is none. */
const struct sqlite_table *sqlite_schema_table(const struct sqlite_schema *schema, struct str name);
const struct sqlite_column *sqlite_schema_column(const struct sqlite_table *table, struct str name);
/* One of our triggers; NULL when there is none. */
const struct sqlite_trigger *sqlite_schema_trigger(const struct sqlite_schema *schema,
                                                   struct str name);
