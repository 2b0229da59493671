#include "resource.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* SQL is put together from the resource's constant texts only, so this bound is
 * met by construction; a description that outgrows it fails every request. */
struct sql {
    char text[4096];
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void sql_add(struct sql *sql, const char *format, ...)
{
    size_t room = sizeof sql->text - sql->length;
    va_list args;
    int written;

    va_start(args, format);
    written = vsnprintf(sql->text + sql->length, room, format, args);
    va_end(args);
    if (written > 0)
        sql->length += (size_t)written < room ? (size_t)written : room - 1;
}

static json_int_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (json_int_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static json_t *one_param(const char *id)
{
    return json_pack("[s]", id);
}

/* ---- reading ---- */

static json_t *read_one(const struct resource *resource, struct db *db, const char *id,
                        struct problem *problem)
{
    struct sql sql = {.length = 0};
    json_t *params = one_param(id);
    json_t *row;

    sql_add(&sql, "SELECT %s FROM %s WHERE t.id = ?1", resource->select, resource->from);
    row = db_row(db, sql.text, params, problem);
    json_decref(params);
    if (json_is_null(row)) {
        json_decref(row);
        problem_set(problem, 404, "there is no %s %s", resource->one, id);
        return NULL;
    }
    return row;
}

static bool get_one(void *context, const struct http_request *request, struct http_reply *reply,
                    struct problem *problem)
{
    const struct resource_context *self = context;
    struct db *db = db_pool_take(self->pool, problem);
    json_t *row = NULL;

    if (db == NULL)
        return false;
    row = read_one(self->resource, db, request->id, problem);
    db_pool_give(self->pool, db);
    return row != NULL && http_reply_json(reply, 200, row);
}

static bool number_arg(const struct http_request *request, const char *name, json_int_t standard,
                       json_int_t least, json_int_t most, json_int_t *value,
                       struct problem *problem)
{
    const char *text = http_request_arg(request, name);
    char *end;
    long long number;

    *value = standard;
    if (text == NULL || *text == '\0')
        return true;
    number = strtoll(text, &end, 10);
    if (*end != '\0' || number < least || number > most)
        return problem_set(problem, 400, "%s must be a number from %lld to %lld", name,
                           (long long)least, (long long)most);
    *value = number;
    return true;
}

/* What a person types is looked for as it is: % and _ mean themselves. */
static json_t *like_pattern(const char *text)
{
    char pattern[512] = "%";
    size_t length = 1;

    for (; *text != '\0' && length < sizeof pattern - 4; text++) {
        if (strchr("%_\\", *text) != NULL)
            pattern[length++] = '\\';
        pattern[length++] = *text;
    }
    pattern[length++] = '%';
    return json_stringn(pattern, length);
}

static bool add_conditions(const struct resource *resource, const struct http_request *request,
                           struct sql *where, json_t *params, struct problem *problem)
{
    const char *q = http_request_arg(request, "q");
    const char *joint = " WHERE";

    for (const struct resource_filter *f = resource->filters; f != NULL && f->argument != NULL;
         f++) {
        const char *value = http_request_arg(request, f->argument);

        if (value == NULL || *value == '\0')
            continue;
        if (json_array_append_new(params, json_string(value)) != 0)
            return problem_set(problem, 400, "%s is not UTF-8", f->argument);
        sql_add(where, "%s %s = ?%zu", joint, f->column, json_array_size(params));
        joint = " AND";
    }
    if (q == NULL || *q == '\0' || resource->searched == NULL)
        return true;
    if (json_array_append_new(params, like_pattern(q)) != 0)
        return problem_set(problem, 400, "q is not UTF-8");
    sql_add(where, "%s (", joint);
    for (size_t i = 0; resource->searched[i] != NULL; i++)
        sql_add(where, "%s%s LIKE ?%zu ESCAPE '\\'", i == 0 ? "" : " OR ", resource->searched[i],
                json_array_size(params));
    sql_add(where, ")");
    return true;
}

static bool get_list(void *context, const struct http_request *request, struct http_reply *reply,
                     struct problem *problem)
{
    const struct resource_context *self = context;
    const struct resource *resource = self->resource;
    struct sql where = {.length = 0}, sql = {.length = 0};
    json_t *params = json_array(), *total = NULL, *items = NULL;
    json_int_t page, page_size;
    struct db *db = NULL;
    bool ok = false;

    if (!number_arg(request, "page", 1, 1, 1000000, &page, problem) ||
        !number_arg(request, "pageSize", RESOURCE_PAGE_SIZE, 1, RESOURCE_MAX_PAGE_SIZE, &page_size,
                    problem) ||
        !add_conditions(resource, request, &where, params, problem))
        goto out;
    db = db_pool_take(self->pool, problem);
    /* Both numbers from one state of the database. */
    if (db == NULL || !db_exec(db, "BEGIN", problem))
        goto out;
    sql_add(&sql, "SELECT count(*) AS n FROM %s%s", resource->from, where.text);
    total = db_row(db, sql.text, params, problem);
    if (total == NULL)
        goto out;
    sql.length = 0;
    sql_add(&sql, "SELECT %s FROM %s%s ORDER BY %s LIMIT %lld OFFSET %lld", resource->select,
            resource->from, where.text, resource->order, (long long)page_size,
            (long long)((page - 1) * page_size));
    items = db_rows(db, sql.text, params, problem);
    if (items == NULL)
        goto out;
    ok = http_reply_json(reply, 200,
                         json_pack("{s:O, s:O, s:I, s:I}", "items", items, "total",
                                   json_object_get(total, "n"), "page", page, "pageSize",
                                   page_size));
out:
    db_pool_give(self->pool, db);
    json_decref(items);
    json_decref(total);
    json_decref(params);
    return ok;
}

/* ---- writing ---- */

static const struct resource_column *find_column(const struct resource *resource, const char *name)
{
    for (const struct resource_column *c = resource->columns; c->name != NULL; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

static bool check_text(const struct resource_column *column, json_t *value, struct problem *problem)
{
    const char *text = json_string_value(value);

    if (json_string_length(value) > column->max_length)
        return problem_set(problem, 400, "%s may have at most %zu bytes", column->name,
                           column->max_length);
    if (column->required && text[strspn(text, " \t\r\n")] == '\0')
        return problem_set(problem, 400, "%s must not be empty", column->name);
    if (column->one_of == NULL)
        return true;
    for (size_t i = 0; column->one_of[i] != NULL; i++)
        if (strcmp(column->one_of[i], text) == 0)
            return true;
    return problem_set(problem, 400, "%s cannot be \"%.80s\"", column->name, text);
}

static bool check_value(const struct resource_column *column, json_t *value,
                        struct problem *problem)
{
    if (json_is_null(value) && !column->required)
        return true;
    switch (column->type) {
    case RESOURCE_TEXT:
        if (json_is_string(value))
            return check_text(column, value, problem);
        return problem_set(problem, 400, "%s must be a text", column->name);
    case RESOURCE_INTEGER:
        return json_is_integer(value) ||
               problem_set(problem, 400, "%s must be an integer", column->name);
    case RESOURCE_NUMBER:
        return json_is_number(value) ||
               problem_set(problem, 400, "%s must be a number", column->name);
    }
    return false;
}

static bool check_body(const struct resource *resource, json_t *body, struct problem *problem)
{
    const char *name;
    json_t *value;

    if (json_object_size(body) == 0)
        return problem_set(problem, 400, "a JSON object with at least one field is needed");
    json_object_foreach(body, name, value)
    {
        const struct resource_column *column = find_column(resource, name);

        if (column == NULL)
            return problem_set(problem, 400, "a %s has no field %.80s that can be set",
                               resource->one, name);
        if (!check_value(column, value, problem))
            return false;
    }
    return true;
}

static bool check_required(const struct resource *resource, json_t *body, struct problem *problem)
{
    for (const struct resource_column *c = resource->columns; c->name != NULL; c++)
        if (c->required && json_object_get(body, c->name) == NULL)
            return problem_set(problem, 400, "%s is missing", c->name);
    return true;
}

static bool make_id(const struct resource *resource, char *id, size_t size, struct problem *problem)
{
    uint64_t bits;

    if (getrandom(&bits, sizeof bits, 0) != (ssize_t)sizeof bits)
        return problem_set(problem, 500, "no random bytes");
    snprintf(id, size, "%s%010llx", resource->id_prefix,
             (unsigned long long)(bits & 0xffffffffffULL));
    return true;
}

static json_t *insert(const struct resource *resource, struct db *db, json_t *body,
                      struct problem *problem)
{
    struct sql names = {.length = 0}, sql = {.length = 0};
    json_t *params = json_array(), *row = NULL;
    char id[HTTP_MAX_ID];
    const char *name;
    json_t *value;

    if (resource->id_prefix != NULL) {
        if (!make_id(resource, id, sizeof id, problem))
            goto out;
        sql_add(&names, "id");
        json_array_append_new(params, json_string(id));
    }
    json_object_foreach(body, name, value)
    {
        sql_add(&names, "%s%s", names.length == 0 ? "" : ", ", find_column(resource, name)->name);
        json_array_append(params, value);
    }
    sql_add(&sql, "INSERT INTO %s (%s) VALUES (", resource->table, names.text);
    for (size_t i = 0; i < json_array_size(params); i++)
        sql_add(&sql, "%s?%zu", i == 0 ? "" : ", ", i + 1);
    sql_add(&sql, ") RETURNING CAST(id AS TEXT) AS id");
    row = db_row(db, sql.text, params, problem);
out:
    json_decref(params);
    return row;
}

static bool create(void *context, const struct http_request *request, struct http_reply *reply,
                   struct problem *problem)
{
    const struct resource_context *self = context;
    struct db *db = NULL;
    json_t *made = NULL, *row = NULL;

    if (!check_body(self->resource, request->body, problem) ||
        !check_required(self->resource, request->body, problem))
        return false;
    db = db_pool_take(self->pool, problem);
    if (db == NULL)
        return false;
    made = insert(self->resource, db, request->body, problem);
    if (made != NULL)
        row = read_one(self->resource, db, json_string_value(json_object_get(made, "id")), problem);
    db_pool_give(self->pool, db);
    json_decref(made);
    return row != NULL && http_reply_json(reply, 201, row);
}

static bool update(const struct resource *resource, struct db *db, const char *id, json_t *body,
                   struct problem *problem)
{
    struct sql sql = {.length = 0};
    json_t *params = one_param(id);
    const char *name;
    json_t *value;
    bool ok;

    sql_add(&sql, "UPDATE %s SET ", resource->table);
    json_object_foreach(body, name, value)
    {
        json_array_append(params, value);
        sql_add(&sql, "%s%s = ?%zu", json_array_size(params) == 2 ? "" : ", ",
                find_column(resource, name)->name, json_array_size(params));
    }
    if (resource->touched != NULL)
        sql_add(&sql, ", %s = %lld", resource->touched, (long long)now_ms());
    sql_add(&sql, " WHERE id = ?1");
    ok = db_run(db, sql.text, params, NULL, problem);
    json_decref(params);
    return ok;
}

static bool patch(void *context, const struct http_request *request, struct http_reply *reply,
                  struct problem *problem)
{
    const struct resource_context *self = context;
    struct db *db = NULL;
    json_t *row = NULL;

    if (!check_body(self->resource, request->body, problem))
        return false;
    db = db_pool_take(self->pool, problem);
    if (db == NULL)
        return false;
    if (update(self->resource, db, request->id, request->body, problem))
        row = read_one(self->resource, db, request->id, problem);
    db_pool_give(self->pool, db);
    return row != NULL && http_reply_json(reply, 200, row);
}

static bool remove_one(void *context, const struct http_request *request, struct http_reply *reply,
                       struct problem *problem)
{
    const struct resource_context *self = context;
    const struct resource *resource = self->resource;
    struct db *db = db_pool_take(self->pool, problem);
    struct sql sql = {.length = 0};
    json_t *params = one_param(request->id);
    int changed = 0;
    bool ok = false;

    if (db == NULL)
        goto out;
    sql_add(&sql, "DELETE FROM %s WHERE id = ?1", resource->table);
    ok = db_run(db, sql.text, params, &changed, problem);
    if (ok && changed == 0)
        ok = problem_set(problem, 404, "there is no %s %s", resource->one, request->id);
out:
    db_pool_give(self->pool, db);
    json_decref(params);
    return ok && http_reply_empty(reply, 204);
}

void resource_routes(struct resource_context *context, const struct resource *resource,
                     struct db_pool *pool, struct http_route routes[RESOURCE_ROUTES])
{
    context->resource = resource;
    context->pool = pool;
    snprintf(context->collection, sizeof context->collection, "/api/%s", resource->name);
    snprintf(context->member, sizeof context->member, "/api/%s/:id", resource->name);
    routes[0] =
        (struct http_route){"GET", context->collection, get_list, context, resource->read_role};
    routes[1] =
        (struct http_route){"POST", context->collection, create, context, resource->write_role};
    routes[2] = (struct http_route){"GET", context->member, get_one, context, resource->read_role};
    routes[3] = (struct http_route){"PATCH", context->member, patch, context, resource->write_role};
    routes[4] =
        (struct http_route){"DELETE", context->member, remove_one, context, resource->write_role};
}
