#include "db.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

struct db {
    sqlite3 *handle;
    struct db *next; /* while it is idle in the pool */
};

static bool failed(struct db *db, struct problem *problem)
{
    switch (sqlite3_errcode(db->handle)) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return problem_set(problem, 503, "the database is locked by another writer");
    case SQLITE_CONSTRAINT:
        return problem_set(problem, 409, "%s", sqlite3_errmsg(db->handle));
    default:
        return problem_set(problem, 500, "database: %s", sqlite3_errmsg(db->handle));
    }
}

struct db *db_open(const char *path, enum db_open_mode mode, struct problem *problem)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    struct db *db = calloc(1, sizeof *db);

    if (db == NULL) {
        problem_set(problem, 500, "out of memory");
        return NULL;
    }
    if (mode == DB_CREATE)
        flags |= SQLITE_OPEN_CREATE;
    if (sqlite3_open_v2(path, &db->handle, flags, NULL) != SQLITE_OK) {
        problem_set(problem, 500, "cannot open the database %s: %s", path,
                    db->handle == NULL ? "out of memory" : sqlite3_errmsg(db->handle));
        db_close(db);
        return NULL;
    }
    sqlite3_busy_timeout(db->handle, DB_BUSY_MS);
    if (!db_exec(db, "PRAGMA foreign_keys = ON", problem)) {
        db_close(db);
        return NULL;
    }
    return db;
}

void db_close(struct db *db)
{
    if (db == NULL)
        return;
    sqlite3_close(db->handle);
    free(db);
}

bool db_exec(struct db *db, const char *sql, struct problem *problem)
{
    return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK || failed(db, problem);
}

/* ---- values ---- */

static int bind_value(sqlite3_stmt *statement, int index, json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        return sqlite3_bind_text64(statement, index, json_string_value(value),
                                   json_string_length(value), SQLITE_TRANSIENT, SQLITE_UTF8);
    case JSON_INTEGER:
        return sqlite3_bind_int64(statement, index, json_integer_value(value));
    case JSON_REAL:
        return sqlite3_bind_double(statement, index, json_real_value(value));
    case JSON_TRUE:
        return sqlite3_bind_int(statement, index, 1);
    case JSON_FALSE:
        return sqlite3_bind_int(statement, index, 0);
    default:
        return sqlite3_bind_null(statement, index);
    }
}

static json_t *column_value(sqlite3_stmt *statement, int column)
{
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        return json_integer(sqlite3_column_int64(statement, column));
    case SQLITE_FLOAT:
        return json_real(sqlite3_column_double(statement, column));
    case SQLITE_TEXT: {
        const char *text = (const char *)sqlite3_column_text(statement, column);
        json_t *value = text == NULL
                            ? NULL
                            : json_stringn(text, (size_t)sqlite3_column_bytes(statement, column));

        /* SQLite stores any bytes as text, JSON cannot. */
        return value != NULL ? value : json_string("(not UTF-8)");
    }
    default:
        return json_null();
    }
}

static json_t *row_object(sqlite3_stmt *statement)
{
    json_t *row = json_object();

    for (int i = 0; i < sqlite3_column_count(statement); i++)
        json_object_set_new(row, sqlite3_column_name(statement, i), column_value(statement, i));
    return row;
}

/* ---- statements ---- */

static sqlite3_stmt *prepare(struct db *db, const char *sql, json_t *params,
                             struct problem *problem)
{
    sqlite3_stmt *statement = NULL;
    size_t count = json_array_size(params);

    if (sqlite3_prepare_v2(db->handle, sql, -1, &statement, NULL) != SQLITE_OK) {
        failed(db, problem);
        return NULL;
    }
    for (size_t i = 0; i < count && i < (size_t)sqlite3_bind_parameter_count(statement); i++) {
        if (bind_value(statement, (int)i + 1, json_array_get(params, i)) != SQLITE_OK) {
            failed(db, problem);
            sqlite3_finalize(statement);
            return NULL;
        }
    }
    return statement;
}

json_t *db_rows(struct db *db, const char *sql, json_t *params, struct problem *problem)
{
    sqlite3_stmt *statement = prepare(db, sql, params, problem);
    json_t *rows = NULL;
    int step;

    if (statement == NULL)
        return NULL;
    rows = json_array();
    while ((step = sqlite3_step(statement)) == SQLITE_ROW)
        json_array_append_new(rows, row_object(statement));
    if (step != SQLITE_DONE) {
        failed(db, problem);
        json_decref(rows);
        rows = NULL;
    }
    sqlite3_finalize(statement);
    return rows;
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
    json_t *rows = db_rows(db, sql, params, problem);

    if (rows == NULL)
        return false;
    json_decref(rows);
    if (changed != NULL)
        *changed = sqlite3_changes(db->handle);
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
    if (sqlite3_get_autocommit(db->handle) == 0)
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
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
