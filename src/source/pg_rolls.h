/* pg_rolls: the questions of auth.membership to a PostgreSQL database: the statement, and what its
 * result means.
 *
 * One statement asks all rolls about one user in one snapshot, and that snapshot for itself: which
 * transactions it does not see, and up to where the WAL was written then. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "model/roll.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

struct pg_rolls;

/* Copies. */
struct pg_rolls *pg_rolls_new(const struct rolls *rolls);
/* NULL is allowed. */
void pg_rolls_free(struct pg_rolls *rolls);
const struct rolls *pg_rolls_all(const struct pg_rolls *rolls);

/* With as many parameters as there are rolls, all of them the user. `as_text`: compares the
 * column's text, for a user that is no value of the column's type. */
const char *pg_rolls_sql(struct pg_rolls *rolls, bool as_text);
int pg_rolls_parameters(const struct pg_rolls *rolls);
/* The server says that the user is no value of the column's type. */
bool pg_rolls_is_mistyped(const PGresult *result);

struct pg_rolls_found {
    struct str snapshot;
    uint64_t lsn;
    bool standby;              /* that is who answered */
    struct roll_answer answer; /* not exact */
};

/* Lives until the next call. The sentence for a result that is none is the caller's. */
bool pg_rolls_read(struct pg_rolls *rolls, const PGresult *result, struct str user,
                   struct pg_rolls_found *found);
