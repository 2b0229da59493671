/* sqlite_verify: whether a database records what the configuration needs.
 *
 * Compares the triggers that are there with those that setup would make for the schema of the same
 * snapshot. One verdict a table that is to be followed; immutable, owned by whoever asked. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "source/watch.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sqlite_verdict {
    struct str resource;
    bool ruled;   /* has a rule of its own; false: covered by "*" alone */
    bool exists;  /* the table is there */
    bool fits;    /* and has the columns that the rules need: setup can make its triggers */
    bool covered; /* its triggers are those that setup would make */
    /* Another number once the table or its triggers were altered, dropped or made anew, perhaps
     * with changes in between that nobody recorded. */
    uint64_t mark;
    struct str problem; /* not covered: a sentence */
    struct str warning; /* covered, but at a price: a sentence, or empty */
};

struct sqlite_verdicts {
    struct sqlite_verdict *items;
    size_t n;
    int64_t schema_version;
    bool set_up;       /* our two tables are there, in our format */
    char instance[40]; /* random text of this setup */
    bool trims;        /* the change table is kept short */
    uint64_t mark;     /* of all of them */
    struct arena _arena;
};

/* NULL with `rc` (SQLite's) and `err`. */
struct sqlite_verdicts *sqlite_verify(sqlite3 *db, const struct watch *watch, int *rc,
                                      struct err *err);
void sqlite_verdicts_free(struct sqlite_verdicts *verdicts);
/* NULL when there is none. */
const struct sqlite_verdict *sqlite_verdicts_find(const struct sqlite_verdicts *verdicts,
                                                  struct str resource);
