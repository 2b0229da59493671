#include "db.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "db_driver.h"

struct db {
    const struct db_driver *driver;
    void *handle;
    struct db *next; /* while it is idle in the pool */
};

static const struct db_driver *driver_of(const char *path)
{
    bool postgres =
        strncmp(path, "postgres://", 11) == 0 || strncmp(path, "postgresql://", 13) == 0;

    return postgres ? &DB_POSTGRES : &DB_SQLITE;
}

struct db *db_open(const char *path, enum db_open_mode mode, struct problem *problem)
{
    struct db *db = calloc(1, sizeof *db);

    if (db == NULL) {
        problem_set(problem, 500, "out of memory");
        return NULL;
    }
    db->driver = driver_of(path);
    db->handle = db->driver->open(path, mode == DB_CREATE, problem);
    if (db->handle == NULL) {
        free(db);
        return NULL;
    }
    return db;
}

void db_close(struct db *db)
{
    if (db == NULL)
        return;
    db->driver->close(db->handle);
    free(db);
}

bool db_exec(struct db *db, const char *sql, struct problem *problem)
{
    return db->driver->exec(db->handle, sql, problem);
}

bool db_begin(struct db *db, bool write, struct problem *problem)
{
    return db->driver->begin(db->handle, write, problem);
}

json_t *db_rows(struct db *db, const char *sql, json_t *params, struct problem *problem)
{
    int changed;

    return db->driver->rows(db->handle, sql, params, &changed, problem);
}

json_t *db_row(struct db *db, const char *sql, json_t *params, struct problem *problem)
{
    json_t *rows = db_rows(db, sql, params, problem);
    json_t *row;

    if (rows == NULL)
        return NULL;
    row = json_array_size(rows) == 0 ? json_null() : json_incref(json_array_get(rows, 0));
    json_decref(rows);
    return row;
}

bool db_run(struct db *db, const char *sql, json_t *params, int *changed, struct problem *problem)
{
    int count;
    json_t *rows = db->driver->rows(db->handle, sql, params, &count, problem);

    if (rows == NULL)
        return false;
    json_decref(rows);
    if (changed != NULL)
        *changed = count;
    return true;
}

/* ---- pool ---- */

struct db_pool {
    char *path;
    pthread_mutex_t lock;
    struct db *idle;
    int idle_count;
};

struct db_pool *db_pool_new(const char *path)
{
    struct db_pool *pool = calloc(1, sizeof *pool);

    if (pool == NULL)
        return NULL;
    pool->path = strdup(path);
    if (pool->path == NULL || pthread_mutex_init(&pool->lock, NULL) != 0) {
        free(pool->path);
        free(pool);
        return NULL;
    }
    return pool;
}

void db_pool_free(struct db_pool *pool)
{
    if (pool == NULL)
        return;
    while (pool->idle != NULL) {
        struct db *db = pool->idle;

        pool->idle = db->next;
        db_close(db);
    }
    pthread_mutex_destroy(&pool->lock);
    free(pool->path);
    free(pool);
}

struct db *db_pool_take(struct db_pool *pool, struct problem *problem)
{
    struct db *db;

    pthread_mutex_lock(&pool->lock);
    db = pool->idle;
    if (db != NULL) {
        pool->idle = db->next;
        pool->idle_count--;
    }
    pthread_mutex_unlock(&pool->lock);
    return db != NULL ? db : db_open(pool->path, DB_EXISTING, problem);
}

void db_pool_give(struct db_pool *pool, struct db *db)
{
    if (db == NULL)
        return;
    if (db->driver->in_transaction(db->handle)) {
        struct problem nobody;

        db->driver->exec(db->handle, "ROLLBACK", &nobody);
    }
    pthread_mutex_lock(&pool->lock);
    if (pool->idle_count < DB_POOL_IDLE) {
        db->next = pool->idle;
        pool->idle = db;
        pool->idle_count++;
        db = NULL;
    }
    pthread_mutex_unlock(&pool->lock);
    db_close(db);
}
