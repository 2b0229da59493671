/* pg_value: the text of a PostgreSQL value becomes a value, by its type (see pg_relation.h). Pure.
 */
#pragma once

#include "base/arena.h"
#include "base/str.h"
#include "model/value.h"

#include <stdint.h>

enum pg_kind {
    PG_PLAIN, /* text as it is */
    PG_BOOL,
    PG_INTEGER,
    PG_FLOAT,
    PG_JSON,
    PG_TIMESTAMP,
    PG_TIMESTAMPTZ,
};

/* Of a type of PostgreSQL's own; PG_PLAIN for every other. */
enum pg_kind pg_kind_of(uint32_t type_oid);
/* By its name in pg_catalog. */
enum pg_kind pg_kind_named(struct str name);

/* What is written anew lives in the arena, all else in `text`. What cannot be read as its type
 * stays text. ABSENT where the arena is full. */
struct value pg_value(enum pg_kind kind, struct str text, struct arena *arena);
