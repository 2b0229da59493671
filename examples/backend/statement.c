#include "statement.h"

#include <string.h>

/* A new reference, JSON null for what was not sent; NULL with a problem. */
static json_t *param_value(const char *param, const struct http_request *request,
                           struct problem *problem)
{
    const char *dot = strchr(param, '.');
    char name[64] = "";
    size_t length = dot == NULL ? 0 : strcspn(dot + 1, "!");
    bool needed = dot != NULL && dot[1 + length] == '!';
    json_t *value = NULL;

    if (length == 0 || length >= sizeof name) {
        problem_set(problem, 500, "%.60s is no parameter", param);
        return NULL;
    }
    memcpy(name, dot + 1, length);
    if (strncmp(param, "query.", 6) == 0) {
        const char *text = http_request_arg(request, name);

        value = text == NULL || *text == '\0' ? NULL : json_string(text);
    } else if (strncmp(param, "path.", 5) == 0) {
        value = json_string(request->id);
    } else if (strncmp(param, "body.", 5) == 0) {
        value = json_incref(json_object_get(request->body, name));
    } else if (strncmp(param, "user.", 5) == 0) {
        value = json_incref(json_object_get(request->user, name));
    }
    if (needed && (value == NULL || json_is_null(value))) {
        json_decref(value);
        problem_set(problem, 400, "%s is missing", name);
        return NULL;
    }
    return value != NULL ? value : json_null();
}

static bool read_params(const struct statement *statement, const struct http_request *request,
                        json_t *params, struct problem *problem)
{
    for (size_t i = 0; statement->params != NULL && statement->params[i] != NULL; i++) {
        json_t *value = param_value(statement->params[i], request, problem);

        if (value == NULL)
            return false;
        json_array_append_new(params, value);
    }
    return true;
}

static json_t *read_parts(const struct statement *statement, struct db *db, json_t *params,
                          struct problem *problem)
{
    json_t *answer = json_object();

    for (const struct statement_part *part = statement->parts; part->sql != NULL; part++) {
        json_t *found = part->many ? db_rows(db, part->sql, params, problem)
                                   : db_row(db, part->sql, params, problem);

        if (found == NULL || part->name == NULL) {
            json_decref(answer);
            return found;
        }
        json_object_set_new(answer, part->name, found);
    }
    return answer;
}

bool statement_handle(const struct statement *statement, struct db *db,
                      const struct http_request *request, struct http_reply *reply,
                      struct problem *problem)
{
    json_t *params = json_array(), *answer = NULL;
    bool ok = read_params(statement, request, params, problem) &&
              db_begin(db, statement->run != NULL, problem);

    for (size_t i = 0; ok && statement->run != NULL && statement->run[i] != NULL; i++)
        ok = db_run(db, statement->run[i], params, NULL, problem);
    if (ok && statement->parts != NULL) {
        answer = read_parts(statement, db, params, problem);
        ok = answer != NULL;
        if (json_is_null(answer))
            ok = problem_set(problem, 404, "there is no such thing");
    }
    /* What is still open is rolled back when the connection goes back to its pool. */
    ok = ok && db_exec(db, "COMMIT", problem);
    json_decref(params);
    if (!ok) {
        json_decref(answer);
        return false;
    }
    return answer == NULL ? http_reply_empty(reply, 204)
                          : http_reply_json(reply, statement->status, answer);
}
