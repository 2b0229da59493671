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

enum { BACKEND_MAX_RESOURCES = 16, BACKEND_MAX_ROUTES = 16 };

/* A route that needs a connection: `db` is the request's for the call. */
struct backend_route {
    const char *method;
    const char *pattern;
    bool (*handle)(struct db *db, const struct http_request *request, struct http_reply *reply,
                   struct problem *problem);
};

struct backend_app {
    const char *name;
    const char *schema;                      /* SQL that may be run again */
    const struct resource *const *resources; /* ended by NULL */
    const struct backend_route *routes;      /* ended by a NULL method; looked at first */
    /* Fills a database that has the schema, if it is empty; inside a transaction. */
    bool (*fill)(struct db *db, struct problem *problem);
};

/* The whole program; returns its exit code: 0, 1 for a failure, 2 for a wrong
 * command line. */
int backend_main(int argc, char **argv, const struct backend_app *app);

#endif
