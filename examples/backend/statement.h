/* statement: a route that is SQL, described by data.
 *
 *   run     statements of one transaction, in order
 *   row     one query, whose first row is the answer; 404 when there is none
 *   rows    one query, whose rows are the answer, as an array
 *   parts   several of these under their names, from one state of the database
 *
 * Without row, rows and parts the answer is empty (204). ?1, ?2, … are the `params`, in order:
 * "query.NAME", "path.id", "body.NAME" or "user.CLAIM"; with a "!" at the end it is a 400 when it
 * is missing or empty. A statement may use only the first of them. */
#ifndef EXAMPLE_STATEMENT_H
#define EXAMPLE_STATEMENT_H

#include "db.h"
#include "http.h"

struct statement_part {
    const char *name; /* NULL: it is the whole answer */
    bool many;
    const char *sql;
};

/* Lists end with NULL or an entry whose sql is NULL. */
struct statement {
    const char *const *params;
    const char *const *run;
    const struct statement_part *parts;
    unsigned status;
};

bool statement_handle(const struct statement *statement, struct db *db,
                      const struct http_request *request, struct http_reply *reply,
                      struct problem *problem);

#endif
