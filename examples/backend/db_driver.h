/* db_driver: what a kind of database gives to db.c. A handle is used by one thread at a time. */
#ifndef EXAMPLE_DB_DRIVER_H
#define EXAMPLE_DB_DRIVER_H

#include "db.h"

struct db_driver {
    void *(*open)(const char *path, bool create, struct problem *problem);
    void (*close)(void *handle);
    /* So that others cannot write in between, where `write`. */
    bool (*begin)(void *handle, bool write, struct problem *problem);
    bool (*exec)(void *handle, const char *sql, struct problem *problem);
    /* One statement; an array of objects, the caller's, or NULL. */
    json_t *(*rows)(void *handle, const char *sql, json_t *params, int *changed,
                    struct problem *problem);
    bool (*in_transaction)(void *handle);
};

extern const struct db_driver DB_SQLITE;
extern const struct db_driver DB_POSTGRES;

#endif
