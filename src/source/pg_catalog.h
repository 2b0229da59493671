/* pg_catalog: what a PostgreSQL database says of itself and of the tables that rules name, and what
 * that means for capturing their changes.
 *
 * The SQL and the reading of its answers are here, the asking is the caller's (pg_conn on the loop,
 * libpq itself for the command line). A judgement is pure.
 *
 * Names of tables are as in pg_relation.h: NAME in the schema public, else SCHEMA.NAME. A table
 * with partitions (or children by inheritance) is one resource with all of them. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "source/watch.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- the server ---- */

extern const char pg_catalog_server_sql[]; /* $1: the publication */

struct pg_server {
    int version;          /* 150004 */
    struct str wal_level; /* "logical" is what is wanted */
    int64_t keep_size_mb; /* max_slot_wal_keep_size; -1: without an end */
    bool standby;         /* in recovery */
    bool synchronous;     /* commits may wait for a standby */
    bool may_replicate;   /* the role has REPLICATION, or is a superuser */
    struct str role;
    bool published;   /* the publication exists */
    bool all_tables;  /* FOR ALL TABLES */
    bool all_actions; /* insert, update, delete and truncate */
    bool via_root;    /* publish_via_partition_root: a truncated partition is not told */
    int slots_max, slots_used, senders_max;
    struct str wal; /* LSN of its WAL; another one: something was written */
};

/* Texts are copied to the arena. False when the answer is another one than asked for. */
bool pg_catalog_server(const PGresult *result, struct arena *arena, struct pg_server *out,
                       struct err *err);
/* Whether it can be followed by logical replication with this publication; a sentence with what
 * mends it. What the role may do shows where it is done. */
bool pg_server_is_fit(const struct pg_server *server, const char *publication, struct err *why);

/* ---- tables ---- */

/* $1: the publication, $2: pg_catalog_names, $3: 't' where every table is watched. */
extern const char pg_catalog_tables_sql[];
/* The tables of the watch as the text of an array. */
void pg_catalog_names(const struct watch *watch, struct buf *out);

struct pg_column {
    struct str name;
    bool key;       /* of the primary key */
    bool identity;  /* its old value is in the WAL: of the replica identity */
    bool generated; /* computed from others, so that it is not sent */
    bool left_out;  /* of the publication's list of columns for this table */
};

/* A table, a partition, or a partitioned table (which holds no rows itself). */
struct pg_table {
    uint32_t oid, root; /* the root's own `root` is itself */
    struct str schema, name;
    char kind;        /* pg_class.relkind: 'r', 'p', others cannot be captured */
    char identity;    /* pg_class.relreplident */
    bool permanent;   /* not unlogged, not temporary */
    bool published;   /* its changes come */
    bool filtered;    /* only some of its rows do */
    struct str entry; /* the publication, as it is, and its entries for it; another text: it may
                         have been taken out, or some of it, and put in again */
    struct pg_column *columns;
    size_t n_columns;
};

struct pg_catalog {
    struct pg_table *tables; /* the members of a family stand together, the root first */
    size_t n;
    struct arena arena;
};

/* NULL when the answer is another one than asked for, or too large. */
struct pg_catalog *pg_catalog_read(const PGresult *result, struct err *err);
void pg_catalog_free(struct pg_catalog *catalog);
const struct pg_table *pg_catalog_find(const struct pg_catalog *catalog, uint32_t oid);
/* NAME or SCHEMA.NAME of the table's root. */
void pg_catalog_resource(const struct pg_catalog *catalog, const struct pg_table *table,
                         struct buf *out);

/* ---- judging ---- */

enum pg_finding {
    PG_COVERED,
    PG_WIDE,        /* captured; but old values are missing, so that marks go to the family */
    PG_COLUMN,      /* captured; but a column of the rule does not exist: marks are wide */
    PG_MISSING,     /* no such table */
    PG_UNFIT,       /* a view, a foreign or unlogged table, …: it cannot be published */
    PG_UNPUBLISHED, /* not in the publication, or only some of its rows or columns are */
    PG_NO_IDENTITY, /* published without identity: the application's own UPDATE fails */
};

struct pg_verdict {
    struct str resource;
    struct place at; /* of the rule, or of the column that it cannot have */
    bool ruled;      /* false: only a "*" rule watches it */
    enum pg_finding finding;
    struct str problem; /* a sentence; empty when covered */
    struct str sql;     /* what mends it, without newline at the end; may be empty */
    struct str lacks;   /* whatever the finding: a sentence about a column that the rule names and
                           cannot have; empty when there is none */
    uint64_t mark;      /* another value: changes between may have been missed */
};

struct pg_verdicts {
    struct pg_verdict *items;
    size_t n;
    uint64_t mark; /* of all of them */
    struct arena arena;
};

/* One verdict for each table of the watch, and with "*" for all others. NULL when there are too
 * many. */
struct pg_verdicts *pg_catalog_judge(const struct pg_catalog *catalog, const struct watch *watch,
                                     const char *publication);
void pg_verdicts_free(struct pg_verdicts *verdicts);
const struct pg_verdict *pg_verdicts_find(const struct pg_verdicts *verdicts, struct str resource);
/* Whether changes of it come at all. */
bool pg_finding_is_captured(enum pg_finding finding);
/* The table of the resource; NULL when there is none. */
const struct pg_table *pg_catalog_root(const struct pg_catalog *catalog, struct str resource);
/* `ALTER TABLE … REPLICA IDENTITY …;` for the family members of the table that need it, one a
 * line; nothing where none does. */
void pg_catalog_identity_sql(const struct pg_catalog *catalog, const struct pg_table *root,
                             const struct watch_table *wanted, struct buf *out);
