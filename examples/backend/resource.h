/* resource: a table served as REST, described by data.
 *
 *   GET    /api/NAME?page=&pageSize=&q=&FILTER=   {items, total, page, pageSize}
 *   GET    /api/NAME/:id                          the row
 *   POST   /api/NAME                              the new row (201)
 *   PATCH  /api/NAME/:id                          the changed row
 *   DELETE /api/NAME/:id                          204
 *
 * An application writes one constant struct resource per table and hands it to
 * resource_routes. Names in it come from the program text and go into SQL as
 * they are; whatever a client sends is bound, checked against `columns`, and
 * anything unknown is answered 400 with the name of the field. */
#ifndef EXAMPLE_RESOURCE_H
#define EXAMPLE_RESOURCE_H

#include <stddef.h>

#include "db.h"
#include "http.h"

enum { RESOURCE_ROUTES = 5, RESOURCE_PAGE_SIZE = 20, RESOURCE_MAX_PAGE_SIZE = 500 };

enum resource_type { RESOURCE_TEXT, RESOURCE_INTEGER, RESOURCE_NUMBER };

/* A column that clients may write. */
struct resource_column {
    const char *name;
    enum resource_type type;
    bool required;             /* when created; never null */
    size_t max_length;         /* of text, in bytes */
    const char *const *one_of; /* the allowed texts, ended by NULL; or NULL */
};

/* ?argument=value keeps the rows for which `column` equals the value. */
struct resource_filter {
    const char *argument;
    const char *column; /* as in `from`, for example "t.status" */
};

/* Lists end with an entry whose name is NULL. */
struct resource {
    const char *name;            /* in the path */
    const char *one;             /* one of them, in sentences */
    const char *table;           /* with a column `id` */
    const char *id_prefix;       /* of ids made here; NULL: the database makes them */
    const char *touched;         /* column that PATCH sets to now in ms, or NULL */
    const char *select;          /* what follows SELECT; the table is `t` */
    const char *from;            /* what follows FROM */
    const char *order;           /* what follows ORDER BY */
    const char *const *searched; /* columns that ?q= looks into, ended by NULL; or NULL */
    const struct resource_column *columns;
    const struct resource_filter *filters;
    const char *read_role, *write_role; /* who may; NULL: everybody who is signed in */
};

/* What the routes of one resource share; lives as long as the server. */
struct resource_context {
    const struct resource *resource;
    struct db_pool *pool;
    char collection[96];
    char member[96];
};

/* Fills the context and RESOURCE_ROUTES routes that point to it. */
void resource_routes(struct resource_context *context, const struct resource *resource,
                     struct db_pool *pool, struct http_route routes[RESOURCE_ROUTES]);

#endif
