/* PostgreSQL by libpq, blocking: each request has a thread of its own. Statements are written with
 * ?1, ?2, … as everywhere here and get $1, $2, …; the server finds out the types of parameters, so
 * a statement may have to say one (?1::text). */
#include <ctype.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db_driver.h"

/* Of pg_type, which never change. */
enum {
    TYPE_BOOL = 16,
    TYPE_INT8 = 20,
    TYPE_INT2 = 21,
    TYPE_INT4 = 23,
    TYPE_JSON = 114,
    TYPE_FLOAT4 = 700,
    TYPE_FLOAT8 = 701,
    TYPE_NUMERIC = 1700,
    TYPE_JSONB = 3802
};

enum { MAX_PARAMS = 16, NUMBER_TEXT = 32 };

/* "message\n" without its end, in one line. */
static bool failed(const char *message, const char *state, struct problem *problem)
{
    unsigned status = strncmp(state, "23", 2) == 0                             ? 409
                      : strcmp(state, "") == 0 || strncmp(state, "57", 2) == 0 ? 503
                                                                               : 500;

    return problem_set(problem, status, "database: %.*s", (int)strcspn(message, "\n"), message);
}

static void ignore_notice(void *ctx, const PGresult *result)
{
    (void)ctx;
    (void)result;
}

static void *open_database(const char *path, bool create, struct problem *problem)
{
    PGconn *connection = PQconnectdb(path);

    (void)create;
    if (PQstatus(connection) != CONNECTION_OK) {
        failed(PQerrorMessage(connection), "", problem);
        PQfinish(connection);
        return NULL;
    }
    PQsetNoticeReceiver(connection, ignore_notice, NULL);
    return connection;
}

static void close_database(void *handle)
{
    PQfinish(handle);
}

static bool in_transaction(void *handle)
{
    return PQtransactionStatus(handle) != PQTRANS_IDLE;
}

/* Takes the result. */
static bool is_good(PGresult *result, struct problem *problem)
{
    ExecStatusType status = PQresultStatus(result);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return true;
    return failed(PQresultErrorMessage(result), state != NULL ? state : "", problem);
}

static bool exec(void *handle, const char *sql, struct problem *problem)
{
    PGresult *result = PQexec(handle, sql);
    bool ok = is_good(result, problem);

    PQclear(result);
    return ok;
}

/* A connection that broke while it was idle is opened once more. */
static bool begin(void *handle, bool write, struct problem *problem)
{
    (void)write;
    if (PQstatus(handle) == CONNECTION_BAD)
        PQreset(handle);
    return exec(handle, "BEGIN", problem);
}

/* ?1 becomes $1 outside of quotes; returns the highest number. The text is the caller's, or NULL.
 */
static char *numbered(const char *sql, int *highest)
{
    char *text = strdup(sql), quote = '\0';

    *highest = 0;
    for (char *at = text; at != NULL && *at != '\0'; at++) {
        if (quote != '\0') {
            quote = *at == quote ? '\0' : quote;
        } else if (*at == '\'' || *at == '"') {
            quote = *at;
        } else if (*at == '?' && isdigit((unsigned char)at[1])) {
            int number = (int)strtol(at + 1, NULL, 10);

            *at = '$';
            *highest = number > *highest ? number : *highest;
        }
    }
    return text;
}

struct params {
    const char *text[MAX_PARAMS];
    char numbers[MAX_PARAMS][NUMBER_TEXT];
};

static void fill_params(struct params *params, json_t *values, int count)
{
    for (int i = 0; i < count; i++) {
        json_t *value = json_array_get(values, (size_t)i);
        char *number = params->numbers[i];

        params->text[i] = number;
        switch (value == NULL ? JSON_NULL : json_typeof(value)) {
        case JSON_STRING:
            params->text[i] = json_string_value(value);
            break;
        case JSON_INTEGER:
            snprintf(number, NUMBER_TEXT, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
            break;
        case JSON_REAL:
            snprintf(number, NUMBER_TEXT, "%.17g", json_real_value(value));
            break;
        case JSON_TRUE:
            snprintf(number, NUMBER_TEXT, "true");
            break;
        case JSON_FALSE:
            snprintf(number, NUMBER_TEXT, "false");
            break;
        default:
            params->text[i] = NULL;
        }
    }
}

static json_t *column_value(const PGresult *result, int row, int column)
{
    const char *text = PQgetvalue(result, row, column);
    json_t *value;

    if (PQgetisnull(result, row, column))
        return json_null();
    switch (PQftype(result, column)) {
    case TYPE_BOOL:
        return json_boolean(text[0] == 't');
    case TYPE_INT2:
    case TYPE_INT4:
    case TYPE_INT8:
        return json_integer(strtoll(text, NULL, 10));
    case TYPE_FLOAT4:
    case TYPE_FLOAT8:
    case TYPE_NUMERIC:
        value = json_real(strtod(text, NULL));
        return value != NULL ? value : json_null(); /* NaN */
    case TYPE_JSON:
    case TYPE_JSONB:
        value = json_loads(text, JSON_DECODE_ANY, NULL);
        return value != NULL ? value : json_string(text);
    default:
        return json_string(text);
    }
}

static json_t *rows(void *handle, const char *sql, json_t *values, int *changed,
                    struct problem *problem)
{
    struct params params;
    int count;
    char *text = numbered(sql, &count);
    PGresult *result;
    json_t *found = NULL;

    *changed = 0;
    if (text == NULL || count > MAX_PARAMS) {
        free(text);
        problem_set(problem, 500, "a statement has at most %d parameters", MAX_PARAMS);
        return NULL;
    }
    fill_params(&params, values, count);
    result = PQexecParams(handle, text, count, NULL, params.text, NULL, NULL, 0);
    free(text);
    if (is_good(result, problem)) {
        *changed = (int)strtol(PQcmdTuples(result), NULL, 10);
        found = json_array();
        for (int row = 0; row < PQntuples(result); row++) {
            json_t *object = json_object();

            for (int column = 0; column < PQnfields(result); column++)
                json_object_set_new(object, PQfname(result, column),
                                    column_value(result, row, column));
            json_array_append_new(found, object);
        }
    }
    PQclear(result);
    return found;
}

const struct db_driver DB_POSTGRES = {
    .open = open_database,
    .close = close_database,
    .begin = begin,
    .exec = exec,
    .rows = rows,
    .in_transaction = in_transaction,
};
