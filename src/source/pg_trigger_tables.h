/* pg_trigger_tables: the tables that a watch names, as a database's catalog has them, with our
 * triggers on them.
 *
 * One query answers with one JSON text; this file writes the query and reads the answer. Pure: who
 * asks is somebody else. A plain tree, immutable once read, owned by whoever read it.
 *
 * Changes of a partitioned table may be made in it or in one of its partitions (and of a table that
 * others inherit from, in those), so a table is a family of relations: its root and what is below.
 * Names are as in pg_relation.h: NAME or public.NAME, else SCHEMA.NAME. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "source/watch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The schema in which everything of ours is. */
#define PG_OURS "unstale"

struct pg_trigger_column {
    struct str name;
    struct str type; /* of a domain: its base; empty where it is not one of pg_catalog */
    char type_kind;  /* pg_type.typtype: 'b' base, 'e' enum, ... */
};

struct pg_trigger {
    uint32_t oid;
    struct str name;
    struct str function; /* in our schema */
    struct str old_table, new_table;
    unsigned type;    /* pg_trigger.tgtype */
    char enabled;     /* 'O' origin, 'D' disabled, 'R' replica, 'A' always */
    bool conditional; /* WHEN, or UPDATE OF */
};

struct pg_trigger_function {
    struct str name;
    struct str source;
};

/* A relation in the family of a root; one that is in two families stands here twice. */
struct pg_trigger_table {
    uint32_t oid, root; /* its own where it is the root */
    struct str schema, name;
    char kind;  /* pg_class.relkind: 'r' table, 'p' partitioned, 'f' foreign, 'v', 'm' views */
    bool child; /* partition of another table, or inherits from one */
    struct str activity; /* another text once rows were written */
    bool subscribed; /* filled by a subscription: the rows that arrive fire no statement trigger */
    struct pg_trigger_column *columns;
    size_t n_columns;
    struct str *key; /* primary key */
    size_t n_key;
    struct pg_trigger *triggers; /* ours */
    size_t n_triggers;
};

struct pg_trigger_tables {
    struct pg_trigger_table *items; /* by schema and name */
    size_t n;
    struct pg_trigger_function *functions; /* ours */
    size_t n_functions;
    double queue; /* how full the server's queue of notifications is, 0 to 1 */
    struct arena _arena;
};

/* Appends the query: one row with one column. */
bool pg_trigger_tables_query(struct buf *sql, const struct watch *watch);
/* NULL with a sentence. */
struct pg_trigger_tables *pg_trigger_tables_parse(struct str json, struct err *err);
void pg_trigger_tables_free(struct pg_trigger_tables *tables);

/* The root that a rule calls so; NULL: there is none. */
const struct pg_trigger_table *pg_trigger_tables_find(const struct pg_trigger_tables *tables,
                                                      struct str resource);
/* Whether a rule that says `resource` means this table. */
bool pg_trigger_table_is(const struct pg_trigger_table *table, struct str resource);
const struct pg_trigger_function *pg_trigger_tables_function(const struct pg_trigger_tables *tables,
                                                             struct str name);
/* n_columns where there is none. */
size_t pg_trigger_table_column(const struct pg_trigger_table *table, struct str name);
/* NAME, or SCHEMA.NAME outside of `public`. */
bool pg_trigger_table_write_name(struct buf *out, const struct pg_trigger_table *table);
