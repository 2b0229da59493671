/* db: connections to a database, rows as JSON. SQLite by a path, PostgreSQL by postgres://….
 *
 * A struct db is one connection, used by one thread at a time. One to SQLite has busy_timeout (a
 * shell or a worker may be writing) and foreign_keys set, and the WAL is switched on where the
 * database is made; a PostgreSQL database has to be there.
 * A pool hands connections to request threads and keeps at most DB_POOL_IDLE of
 * them open; it never closes the last one, so the WAL stays in place.
 *
 * Parameters are a JSON array whose elements are bound to ?1, ?2, …, as many as
 * the statement has; the caller keeps it. Values become: text as strings, integers and reals as
 * numbers, booleans and JSON as themselves, NULL as null. */
#ifndef EXAMPLE_DB_H
#define EXAMPLE_DB_H

#include <jansson.h>
#include <stdbool.h>

#include "problem.h"

enum { DB_BUSY_MS = 5000, DB_POOL_IDLE = 4 };

struct db;
struct db_pool;

enum db_open_mode { DB_EXISTING, DB_CREATE };

struct db *db_open(const char *path, enum db_open_mode mode, struct problem *problem);
void db_close(struct db *db);

/* For reading, or so that others cannot write in between. */
bool db_begin(struct db *db, bool write, struct problem *problem);
/* Any number of statements without parameters. */
bool db_exec(struct db *db, const char *sql, struct problem *problem);
/* One statement; an array of objects, the caller's, or NULL. */
json_t *db_rows(struct db *db, const char *sql, json_t *params, struct problem *problem);
/* One statement; its first row, or JSON null when there is none, or NULL on error. */
json_t *db_row(struct db *db, const char *sql, json_t *params, struct problem *problem);
/* One statement; `changed` (may be NULL) gets the number of rows it changed. */
bool db_run(struct db *db, const char *sql, json_t *params, int *changed, struct problem *problem);

struct db_pool *db_pool_new(const char *path);
void db_pool_free(struct db_pool *pool);
struct db *db_pool_take(struct db_pool *pool, struct problem *problem);
/* A transaction left open is rolled back. NULL is allowed. */
void db_pool_give(struct db_pool *pool, struct db *db);

#endif
