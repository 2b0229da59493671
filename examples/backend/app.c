#include "app.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SQL_FILE = 1 << 20, MAX_BLOCKS = 512 };

/* What is made besides the JSON is remembered here and freed with it; texts point into the JSON. */
struct app {
    struct backend_app backend;
    json_t *json;
    void *blocks[MAX_BLOCKS];
    size_t block_count;
};

/* Where in app.json the loader is, for sentences; the first problem stays. */
struct place {
    struct app *app;
    const char *what; /* "resources", "routes", "session" */
    const char *name;
    struct problem *problem;
    bool failed;
};

static void wrong(struct place *place, const char *key, const char *expected)
{
    if (!place->failed)
        problem_set(place->problem, 0, "app.json: %s%s%s: %s is to be %s", place->what,
                    place->name == NULL ? "" : " ", place->name == NULL ? "" : place->name, key,
                    expected);
    place->failed = true;
}

/* Zeroed memory that lives as long as the application; NULL is a problem. */
static void *block(struct place *place, size_t count, size_t size)
{
    void *memory =
        place->app->block_count == MAX_BLOCKS ? NULL : calloc(count == 0 ? 1 : count, size);

    if (memory == NULL)
        wrong(place, "the description", "shorter");
    else
        place->app->blocks[place->app->block_count++] = memory;
    return memory;
}

/* ---- values ---- */

static const char *joined(struct place *place, const char *key, json_t *lines)
{
    size_t size = 1, i, used = 0;
    json_t *line;
    char *text;

    json_array_foreach (lines, i, line) {
        if (!json_is_string(line)) {
            wrong(place, key, "a text or several lines of one");
            return NULL;
        }
        size += json_string_length(line) + 1;
    }
    text = block(place, size, 1);
    if (text == NULL)
        return NULL;
    json_array_foreach (lines, i, line) {
        used += (size_t)snprintf(text + used, size - used, "%s%s", i == 0 ? "" : "\n",
                                 json_string_value(line));
    }
    return text;
}

/* A text, or an array of the lines of one; NULL when it is absent. */
static const char *text_of(struct place *place, const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);

    if (json_is_array(value))
        return joined(place, key, value);
    if (value != NULL && !json_is_string(value))
        wrong(place, key, "a text or several lines of one");
    return json_string_value(value);
}

static const char *needed_text(struct place *place, const json_t *object, const char *key)
{
    const char *text = text_of(place, object, key);

    if (text == NULL)
        wrong(place, key, "given, as a text");
    return text;
}

/* Ended by NULL; NULL when it is absent. */
static const char *const *texts_of(struct place *place, const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key), *one;
    const char **texts;
    size_t i;

    if (value == NULL)
        return NULL;
    texts = block(place, json_array_size(value) + 1, sizeof *texts);
    if (!json_is_array(value))
        wrong(place, key, "an array");
    if (texts == NULL)
        return NULL;
    json_array_foreach (value, i, one) {
        texts[i] = json_is_array(one) ? joined(place, key, one) : json_string_value(one);
        if (texts[i] == NULL)
            wrong(place, key, "an array of texts");
    }
    return texts;
}

static json_t *array_of(struct place *place, const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);

    if (value != NULL && !json_is_array(value))
        wrong(place, key, "an array");
    return value;
}

/* ---- resources ---- */

static enum resource_type type_of(struct place *place, const json_t *column)
{
    const char *type = text_of(place, column, "type");

    if (type == NULL || strcmp(type, "text") == 0)
        return RESOURCE_TEXT;
    if (strcmp(type, "integer") == 0)
        return RESOURCE_INTEGER;
    if (strcmp(type, "number") != 0)
        wrong(place, "type", "text, integer or number");
    return RESOURCE_NUMBER;
}

static const struct resource_column *columns_of(struct place *place, const json_t *described)
{
    json_t *columns = array_of(place, described, "columns"), *column;
    struct resource_column *made = block(place, json_array_size(columns) + 1, sizeof *made);
    size_t i;

    if (made == NULL)
        return NULL;
    json_array_foreach (columns, i, column) {
        json_int_t most = json_integer_value(json_object_get(column, "max_length"));

        made[i] = (struct resource_column){
            .name = needed_text(place, column, "name"),
            .type = type_of(place, column),
            .required = json_is_true(json_object_get(column, "required")),
            .max_length = most > 0 ? (size_t)most : 200,
            .one_of = texts_of(place, column, "one_of"),
        };
    }
    return made;
}

static const struct resource_filter *filters_of(struct place *place, const json_t *described)
{
    json_t *filters = json_object_get(described, "filters"), *column;
    struct resource_filter *made = block(place, json_object_size(filters) + 1, sizeof *made);
    const char *argument;
    size_t i = 0;

    if (made == NULL)
        return NULL;
    json_object_foreach(filters, argument, column)
    {
        made[i++] = (struct resource_filter){argument, json_string_value(column)};
        if (!json_is_string(column))
            wrong(place, "filters", "an object of texts");
    }
    return made;
}

static const struct resource *resource_of(struct place *place, const json_t *described)
{
    struct resource *made = block(place, 1, sizeof *made);

    place->name = json_string_value(json_object_get(described, "name"));
    if (made == NULL)
        return NULL;
    *made = (struct resource){
        .name = needed_text(place, described, "name"),
        .one = needed_text(place, described, "one"),
        .table = needed_text(place, described, "table"),
        .id_prefix = text_of(place, described, "id_prefix"),
        .touched = text_of(place, described, "touched"),
        .select = needed_text(place, described, "select"),
        .from = needed_text(place, described, "from"),
        .order = needed_text(place, described, "order"),
        .searched = texts_of(place, described, "searched"),
        .columns = columns_of(place, described),
        .filters = filters_of(place, described),
        .read_role = text_of(place, described, "read_role"),
        .write_role = text_of(place, described, "write_role"),
    };
    return made;
}

static void load_resources(struct place *place)
{
    json_t *resources = array_of(place, place->app->json, "resources"), *one;
    const struct resource **made = block(place, json_array_size(resources) + 1, sizeof *made);
    size_t i;

    if (made == NULL)
        return;
    json_array_foreach (resources, i, one)
        made[i] = resource_of(place, one);
    place->app->backend.resources = made;
}

/* ---- routes ---- */

/* `row` or `rows` of the object, if it has one. */
static bool part_of(struct place *place, const json_t *object, const char *name,
                    struct statement_part *part)
{
    bool many = json_object_get(object, "rows") != NULL;
    const char *sql = text_of(place, object, many ? "rows" : "row");

    *part = (struct statement_part){name, many, sql};
    return sql != NULL;
}

static const struct statement_part *parts_of(struct place *place, const json_t *described)
{
    json_t *parts = json_object_get(described, "parts"), *one;
    struct statement_part *made = block(place, json_object_size(parts) + 2, sizeof *made);
    const char *name;
    size_t i = 0;

    if (made == NULL)
        return NULL;
    if (parts == NULL)
        return part_of(place, described, NULL, &made[0]) ? made : NULL;
    json_object_foreach(parts, name, one) if (!part_of(place, one, name, &made[i++]))
        wrong(place, name, "an object with row or rows");
    return made;
}

static void load_routes(struct place *place)
{
    json_t *routes = array_of(place, place->app->json, "routes"), *one;
    size_t count = json_array_size(routes), i;
    struct backend_route *made = block(place, count + 1, sizeof *made);
    struct statement *statements = block(place, count, sizeof *statements);

    if (made == NULL || statements == NULL)
        return;
    json_array_foreach (routes, i, one) {
        json_int_t status = json_integer_value(json_object_get(one, "status"));

        place->name = json_string_value(json_object_get(one, "path"));
        statements[i] = (struct statement){.params = texts_of(place, one, "params"),
                                           .run = texts_of(place, one, "run"),
                                           .parts = parts_of(place, one),
                                           .status = status > 0 ? (unsigned)status : 200};
        made[i] = (struct backend_route){.method = needed_text(place, one, "method"),
                                         .pattern = needed_text(place, one, "path"),
                                         .statement = &statements[i],
                                         .role = text_of(place, one, "role")};
    }
    place->app->backend.routes = made;
}

/* ---- session ---- */

static void load_session(struct place *place)
{
    json_t *described = json_object_get(place->app->json, "session");
    struct session_rules *made;
    json_int_t ttl = json_integer_value(json_object_get(described, "ttl_s"));

    if (described == NULL)
        return;
    made = block(place, 1, sizeof *made);
    if (made == NULL)
        return;
    *made = (struct session_rules){
        .cookie = needed_text(place, described, "cookie"),
        .opaque = json_is_true(json_object_get(described, "opaque")),
        .ttl_s = ttl > 0 ? (long)ttl : SESSION_DEFAULT_TTL_S,
        .login = needed_text(place, described, "login"),
        .user = needed_text(place, described, "user"),
        .users = needed_text(place, described, "users"),
        .json = texts_of(place, described, "json"),
    };
    place->app->backend.session = made;
}

/* ---- files ---- */

static const char *load_sql(struct place *place, const char *folder, const char *name)
{
    char path[4096];
    char *text = NULL;
    size_t length = 0;
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "re");
    if (file == NULL) {
        problem_set(place->problem, 0, "%.200s: %s", path, strerror(errno));
        place->failed = true;
        return NULL;
    }
    text = block(place, MAX_SQL_FILE, 1);
    if (text != NULL)
        length = fread(text, 1, MAX_SQL_FILE, file);
    fclose(file);
    if (length == MAX_SQL_FILE)
        wrong(place, name, "shorter than 1 MiB");
    return text;
}

struct app *app_load(const char *folder, struct problem *problem)
{
    struct app *app = calloc(1, sizeof *app);
    struct place place = {.app = app, .what = "application", .problem = problem};
    json_error_t error;
    char path[4096];

    if (app == NULL) {
        problem_set(problem, 0, "out of memory");
        return NULL;
    }
    snprintf(path, sizeof path, "%s/app.json", folder);
    app->json = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (app->json == NULL) {
        problem_set(problem, 0, "%.120s:%d:%d: %.90s", path, error.line, error.column, error.text);
        app_free(app);
        return NULL;
    }
    app->backend.name = needed_text(&place, app->json, "name");
    app->backend.schema = load_sql(&place, folder, "schema.sql");
    app->backend.sample = load_sql(&place, folder, "sample.sql");
    place.what = "session";
    load_session(&place);
    place.what = "resources";
    load_resources(&place);
    place.what = "routes";
    load_routes(&place);
    if (!place.failed)
        return app;
    app_free(app);
    return NULL;
}

void app_free(struct app *app)
{
    if (app == NULL)
        return;
    for (size_t i = 0; i < app->block_count; i++)
        free(app->blocks[i]);
    json_decref(app->json);
    free(app);
}

const struct backend_app *app_backend(const struct app *app)
{
    return &app->backend;
}
