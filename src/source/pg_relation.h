/* pg_relation: rows as pgoutput sends them become changes.
 *
 * Knows the tables by their OID, as the server described them (Relation and Type messages of one
 * replication connection, which sends them again after every change of a table), and what the rules
 * want of them (struct watch). Pure.
 *
 * A rule's table is called NAME or public.NAME where it is in the schema `public`, else
 * SCHEMA.NAME; exactly as the catalog has it, no quotes, small and capital letters apart. Where a
 * watch has both NAME and public.NAME the first one of them wins: whoever makes the watch refuses
 * that.
 *
 * What is handed on:
 *  - Fields are the columns that the watch names and, where the rule has no `id:`, those of the
 *    primary key.
 *  - before is known where an old row was sent and has the column: all of them with REPLICA
 * IDENTITY FULL, else the columns of the identity, and those only when one of them changed. Where
 * no old row was sent the columns of the identity are the same (differs SAME). What else was before
 * is ABSENT: the rules widen.
 *  - An unchanged value that was not sent (TOAST) is ABSENT after, and differs is SAME; with FULL
 *    its value stands in before.
 *  - Without `id:` in the rule the primary key is the id; an update that changes it is a deletion
 *    and a creation.
 *  - A table of which more was said than fits is truncated by each of its rows: wide, never wrong.
 *
 * Values, by type (a domain is its base type):
 *    smallint, integer, bigint, oid       INT; beyond 2^53 it becomes text where JSON is written
 *    boolean                              BOOL
 *    real, double precision               REAL; NaN and infinities TEXT
 *    json, jsonb                          objects and arrays JSON, canonical; what else it holds as
 *                                         JSON.parse has it; above 64 kB, or where no double can
 *                                         hold a number, TEXT as it is
 *    timestamptz                          TEXT "2026-01-31T12:34:56.789Z", as Date.toISOString
 *                                         writes it, microseconds cut
 *    timestamp                            TEXT "2026-01-31T12:34:56.789012", as to_json writes it
 *    all others (numeric, uuid, enum, …)  TEXT as psql shows it
 * The connection must have client_encoding UTF8, DateStyle ISO, TimeZone UTC, extra_float_digits 1
 * or more, bytea_output hex, and must not ask for binary. */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "model/change.h"
#include "source/watch.h"
#include "wire/pgoutput.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pg_relations;

struct pg_relation {
    uint32_t oid;
    struct str schema, name;
    struct str resource;               /* as the watch spells it; else NAME or SCHEMA.NAME */
    const struct watch_table *watched; /* NULL: the watch does not name it */
    char identity;                     /* 'd', 'n', 'f', 'i' */
    size_t n_columns;
    bool opaque; /* no room for its columns */
    /* Columns that the watch names and the server does not send: dropped, renamed, generated, or
     * not in the publication's column list. Slices of the watch. */
    const struct str *missing;
    size_t n_missing;
    /* Columns of the watch whose old value is needed (scope, key, id) and is not part of the
     * replica identity: updates and deletes widen. Slices of the watch. */
    const struct str *uncovered;
    size_t n_uncovered;
};

enum pg_learned {
    PG_LEARNED_NOTHING, /* a type, or a table as it was */
    PG_LEARNED_TABLE,   /* seen for the first time */
    PG_LEARNED_SHAPE,   /* columns, names, types or identity are others than before */
};

/* `watch` must outlive it. */
struct pg_relations *pg_relations_new(const struct watch *watch);
void pg_relations_free(struct pg_relations *relations);
/* Forgets all tables, types and keys: a new connection. */
void pg_relations_clear(struct pg_relations *relations);

/* The rows of a learned table are those of another one: of a partition, of what inherits. Keeps
 * until clear, and forgets what pg_relations_set_key said. Nothing where no such table was learned.
 */
void pg_relations_set_root(struct pg_relations *relations, uint32_t oid, struct str schema,
                           struct str name);

/* The primary key of a learned table, as the catalog has it; n 0: it has none. Of use where the
 * replica identity is not the default one, which the stream itself tells, and until the table's
 * shape changes. Without it the id is not known there. Nothing where no such table was learned. */
void pg_relations_set_key(struct pg_relations *relations, uint32_t oid, const struct str *columns,
                          size_t n);

/* RELATION and TYPE. *relation (may be NULL) is the table, valid until the next call but apply.
 * False only where there are more tables than anybody has (100,000). */
bool pg_relations_learn(struct pg_relations *relations, const struct pgoutput_message *message,
                        enum pg_learned *learned, const struct pg_relation **relation,
                        struct err *err);
/* NULL when no such table was learned. */
const struct pg_relation *pg_relations_find(const struct pg_relations *relations, uint32_t oid);

struct pg_relations_sink {
    void *ctx;
    /* The change lives until the call returns. */
    void (*change)(void *ctx, const struct change *change);
};

/* INSERT, UPDATE, DELETE and TRUNCATE: none, one or several changes. Tables that nobody watches
 * give none (with a "*" rule all are watched). False when the message contradicts what was learned:
 * the stream is not to be trusted any more; nothing was handed on then. */
bool pg_relations_apply(struct pg_relations *relations, const struct pgoutput_message *message,
                        uint64_t time_ms, const struct pg_relations_sink *sink, struct err *err);
