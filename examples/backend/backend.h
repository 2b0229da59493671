/* backend: the program around one example application.
 *
 * An application is data: its schema, its tables as resources, and a few routes
 * of its own. backend_main does the rest: options, database, page, tests' hooks,
 * signals. See examples/recordings/backend.c for a whole application. */
#ifndef EXAMPLE_BACKEND_H
#define EXAMPLE_BACKEND_H

#include "db.h"
#include "http.h"
#include "resource.h"
#include "session.h"
#include "statement.h"

enum { BACKEND_MAX_RESOURCES = 16, BACKEND_MAX_ROUTES = 32 };

/* A route that needs a connection: `db` is the request's for the call. Either a function or a
 * statement. */
struct backend_route {
    const char *method;
    const char *pattern;
    bool (*handle)(struct db *db, const struct http_request *request, struct http_reply *reply,
                   struct problem *problem);
    const struct statement *statement;
    const char *role; /* who may; NULL: everybody who is signed in */
};

struct backend_app {
    const char *name;
    const char *schema;                      /* SQL that may be run again */
    const struct resource *const *resources; /* ended by NULL */
    const struct backend_route *routes;      /* ended by a NULL method; looked at first */
    /* Fills a database that has the schema, if it is empty; inside a transaction. */
    bool (*fill)(struct db *db, struct problem *problem);
    const char *sample; /* or SQL that does so */
    /* NULL: nobody has to sign in. Else everything below /api but the sign-in itself is for those
     * who did, and a role is their claim `role`. */
    const struct session_rules *session;
};

/* The whole program; returns its exit code: 0, 1 for a failure, 2 for a wrong
 * command line. */
int backend_main(int argc, char **argv, const struct backend_app *app);

#endif
