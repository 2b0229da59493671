#include "db_driver.h"

#include <sqlite3.h>
#include <stdlib.h>

static bool failed(sqlite3 *handle, struct problem *problem)
{
    switch (sqlite3_errcode(handle)) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return problem_set(problem, 503, "the database is locked by another writer");
    case SQLITE_CONSTRAINT:
        return problem_set(problem, 409, "%s", sqlite3_errmsg(handle));
    default:
        return problem_set(problem, 500, "database: %s", sqlite3_errmsg(handle));
    }
}

static bool exec(void *handle, const char *sql, struct problem *problem)
{
    return sqlite3_exec(handle, sql, NULL, NULL, NULL) == SQLITE_OK || failed(handle, problem);
}

static bool begin(void *handle, bool write, struct problem *problem)
{
    return exec(handle, write ? "BEGIN IMMEDIATE" : "BEGIN", problem);
}

/* WAL: unstale reads the database while the backend writes it, and only so neither ever waits for
 * the other. */
static void *open_database(const char *path, bool create, struct problem *problem)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (create ? SQLITE_OPEN_CREATE : 0);
    sqlite3 *handle = NULL;

    if (sqlite3_open_v2(path, &handle, flags, NULL) != SQLITE_OK) {
        problem_set(problem, 500, "cannot open the database %s: %s", path,
                    handle == NULL ? "out of memory" : sqlite3_errmsg(handle));
        sqlite3_close(handle);
        return NULL;
    }
    sqlite3_busy_timeout(handle, DB_BUSY_MS);
    /* A wrong file shall stop the start, not the first request. */
    if (!exec(handle, "PRAGMA foreign_keys = ON", problem) ||
        !exec(handle, create ? "PRAGMA journal_mode = WAL" : "SELECT count(*) FROM sqlite_schema",
              problem)) {
        sqlite3_close(handle);
        return NULL;
    }
    return handle;
}

static void close_database(void *handle)
{
    sqlite3_close(handle);
}

static bool in_transaction(void *handle)
{
    return sqlite3_get_autocommit(handle) == 0;
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

static sqlite3_stmt *prepare(sqlite3 *handle, const char *sql, json_t *params,
                             struct problem *problem)
{
    sqlite3_stmt *statement = NULL;
    size_t count = json_array_size(params);

    if (sqlite3_prepare_v2(handle, sql, -1, &statement, NULL) != SQLITE_OK) {
        failed(handle, problem);
        return NULL;
    }
    for (size_t i = 0; i < count && i < (size_t)sqlite3_bind_parameter_count(statement); i++) {
        if (bind_value(statement, (int)i + 1, json_array_get(params, i)) != SQLITE_OK) {
            failed(handle, problem);
            sqlite3_finalize(statement);
            return NULL;
        }
    }
    return statement;
}

static json_t *rows(void *handle, const char *sql, json_t *params, int *changed,
                    struct problem *problem)
{
    sqlite3_stmt *statement = prepare(handle, sql, params, problem);
    json_t *found = NULL;
    int step;

    if (statement == NULL)
        return NULL;
    found = json_array();
    while ((step = sqlite3_step(statement)) == SQLITE_ROW)
        json_array_append_new(found, row_object(statement));
    if (step != SQLITE_DONE) {
        failed(handle, problem);
        json_decref(found);
        found = NULL;
    }
    sqlite3_finalize(statement);
    *changed = sqlite3_changes(handle);
    return found;
}

const struct db_driver DB_SQLITE = {
    .open = open_database,
    .close = close_database,
    .begin = begin,
    .exec = exec,
    .rows = rows,
    .in_transaction = in_transaction,
};
