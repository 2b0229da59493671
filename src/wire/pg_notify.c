/* An update of our own is told in pairs of tuples, and each pair is one change: where the tuples
 * are of one row it is an update, where one is missing the row came or went. Which columns changed
 * is known for "watched" alone; for all others in "columns" both values stand there. */
#include "wire/pg_notify.h"

#include "base/jsontext.h"
#include "wire/json_value.h"

#include <jansson.h>

enum { NAMES_MAX = 1600, TABLE_MAX = 256, TOKEN_MAX = 64 };

struct payload {
    struct arena *arena;
    struct err *err;
    struct pg_notify *out;
    const struct str *columns;
    size_t n_columns;
    const struct str *watched;
    size_t n_watched;
    const size_t *key; /* places in `columns` */
    size_t n_key;
};

static bool full(const struct payload *payload)
{
    return err_set(payload->err, "it is too large");
}

static void *take(const struct payload *payload, size_t count, size_t size)
{
    void *p = arena_alloc(payload->arena, (count ? count : 1) * size);
    if (!p)
        full(payload);
    return p;
}

static bool take_text(const struct payload *payload, const json_t *object, const char *name,
                      size_t max, struct str *out)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_string(value) || json_string_length(value) == 0 || json_string_length(value) > max)
        return err_set(payload->err, "\"%s\" must be text of 1 to %zu bytes", name, max);
    *out = arena_copy(payload->arena, json_value_text(value));
    return out->p || full(payload);
}

/* Any number that JSON can write and a double cannot hold is refused: a rounded id is another id.
 */
static json_t *load(struct str text, struct err *err)
{
    json_error_t why;
    json_t *json = json_loadb(text.n ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &why);
    if (!json)
        err_set(err, "it is not JSON: %s", why.text);
    else if (!json_is_object(json))
        err_set(err, "it is not an object");
    else
        return json;
    json_decref(json);
    return NULL;
}

static bool take_value(const struct payload *payload, const json_t *json, struct value *out)
{
    switch (json_value(json, payload->arena, out)) {
    case JSON_VALUE_OK:
        return true;
    case JSON_VALUE_DEEP:
        return err_set(payload->err, "a value is nested deeper than %d", JSON_VALUE_DEPTH);
    case JSON_VALUE_FULL:
        break;
    }
    return full(payload);
}

/* ---- ours ---- */

/* A list of names; absent: none. */
static bool take_names(const struct payload *payload, const json_t *object, const char *name,
                       const struct str **out, size_t *n)
{
    const json_t *list = json_object_get(object, name);
    *out = NULL;
    *n = 0;
    if (!list)
        return true;
    if (!json_is_array(list) || json_array_size(list) > NAMES_MAX)
        return err_set(payload->err, "\"%s\" must be a list of names", name);
    struct str *names = take(payload, json_array_size(list), sizeof *names);
    if (!names)
        return false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        if (!json_is_string(item) || json_string_length(item) == 0)
            return err_set(payload->err, "\"%s\" must be a list of names", name);
        names[i] = arena_copy(payload->arena, json_value_text(item));
        if (!names[i].p)
            return full(payload);
    }
    *out = names;
    *n = json_array_size(list);
    return true;
}

static bool take_key(struct payload *payload, const json_t *object)
{
    const struct str *names;
    if (!take_names(payload, object, "key", &names, &payload->n_key))
        return false;
    size_t *key = take(payload, payload->n_key, sizeof *key);
    if (!key)
        return false;
    for (size_t i = 0; i < payload->n_key; i++) {
        while (key[i] < payload->n_columns && !str_equal(payload->columns[key[i]], names[i]))
            key[i]++;
        if (key[i] == payload->n_columns)
            return err_set(payload->err, "\"key\" names \"%.*s\", which is not among \"columns\"",
                           STR_ARG(names[i]));
    }
    payload->key = key;
    return true;
}

/* The values of one row; NULL where `json` is null. False: wrong. */
static bool take_tuple(const struct payload *payload, const json_t *json, struct value **out)
{
    *out = NULL;
    if (json_is_null(json))
        return true;
    if (!json_is_array(json) || json_array_size(json) != payload->n_columns)
        return err_set(payload->err, "a row must be a list of %zu values", payload->n_columns);
    struct value *values = take(payload, payload->n_columns, sizeof *values);
    for (size_t i = 0; values && i < payload->n_columns; i++)
        if (!take_value(payload, json_array_get(json, i), &values[i]))
            return false;
    *out = values;
    return values != NULL;
}

static bool make_id(const struct payload *payload, const struct value *values, struct value *id)
{
    *id = (struct value){.type = VALUE_ABSENT};
    if (payload->n_key == 0)
        return true;
    if (payload->n_key == 1) {
        *id = values[payload->key[0]];
        return true;
    }
    struct buf text = BUF_INIT(PG_NOTIFY_MAX * 2);
    buf_byte(&text, '[');
    for (size_t i = 0; i < payload->n_key; i++) {
        if (i)
            buf_byte(&text, ',');
        value_write_json(&text, values[payload->key[i]]);
    }
    bool ok = buf_byte(&text, ']');
    *id = (struct value){.type = VALUE_JSON};
    if (ok)
        id->text = arena_copy(payload->arena, buf_slice(&text));
    buf_free(&text);
    return id->text.p || full(payload);
}

/* `changed` NULL: nobody knows which of the columns changed. */
static bool add_change(const struct payload *payload, enum change_action action,
                       const struct value *before, const struct value *after, const bool *changed)
{
    struct change *change = &payload->out->changes[payload->out->n];
    bool pairs = action == CHANGE_UPDATED;
    size_t n_watched = pairs ? payload->n_watched : 0, n = 0;
    struct change_field *fields = take(payload, payload->n_columns + n_watched, sizeof *fields);
    if (!fields)
        return false;
    for (size_t i = 0; i < payload->n_columns; i++)
        fields[n++] = (struct change_field){
            .column = payload->columns[i],
            .before = before ? before[i] : (struct value){.type = VALUE_ABSENT},
            .after = after ? after[i] : (struct value){.type = VALUE_ABSENT},
            .differs = pairs && !changed ? CHANGE_DIFFERENT : CHANGE_UNKNOWN,
        };
    for (size_t i = 0; i < n_watched; i++) {
        size_t place = 0;
        enum change_known differs = !changed || changed[i] ? CHANGE_DIFFERENT : CHANGE_SAME;
        while (place < payload->n_columns &&
               !str_equal(payload->columns[place], payload->watched[i]))
            place++;
        if (place < payload->n_columns)
            fields[place].differs = differs;
        else
            fields[n++] = (struct change_field){.column = payload->watched[i], .differs = differs};
    }
    *change = (struct change){.resource = payload->out->table,
                              .action = action,
                              .action_name = change_action_name(action),
                              .fields = fields,
                              .n_fields = n};
    payload->out->n++;
    return make_id(payload, after ? after : before, &change->id);
}

static bool add_truncated(const struct payload *payload)
{
    struct change *change = &payload->out->changes[payload->out->n++];
    *change = (struct change){.resource = payload->out->table,
                              .action = CHANGE_TRUNCATED,
                              .action_name = change_action_name(CHANGE_TRUNCATED)};
    return true;
}

static bool take_changed(const struct payload *payload, const json_t *list, bool **out)
{
    *out = take(payload, payload->n_watched, sizeof **out);
    if (!*out)
        return false;
    if (!json_is_array(list))
        return err_set(payload->err, "what changed must be a list of places in \"watched\"");
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_int_t place = json_integer_value(json_array_get(list, i));
        if (!json_is_integer(json_array_get(list, i)) || place < 0 ||
            (size_t)place >= payload->n_watched)
            return err_set(payload->err, "what changed must be a list of places in \"watched\"");
        (*out)[place] = true;
    }
    return true;
}

static bool is_same(const struct payload *payload, size_t column, const struct value *before,
                    const struct value *after)
{
    return value_equal(before[column], after[column]);
}

/* The key that is the id is another one: one row went and another came. */
static bool is_another(const struct payload *payload, const struct value *before,
                       const struct value *after)
{
    for (size_t i = 0; i < payload->n_key; i++)
        if (!is_same(payload, payload->key[i], before, after))
            return true;
    return false;
}

static bool add_update(const struct payload *payload, const json_t *row)
{
    struct value *before, *after;
    bool *changed;
    size_t n = json_array_size(row);
    if (!json_is_array(row) || n < 2 || n > 3)
        return err_set(payload->err, "a row of an update must be a list of 2 or 3");
    if (!take_tuple(payload, json_array_get(row, 0), &before) ||
        !take_tuple(payload, json_array_get(row, n - 2), &after) ||
        !take_changed(payload, json_array_get(row, n - 1), &changed))
        return false;
    if (!before && !after)
        return err_set(payload->err, "a row of an update must have values");
    if (!before)
        return add_change(payload, CHANGE_CREATED, NULL, after, NULL);
    if (!after)
        return add_change(payload, CHANGE_DELETED, before, NULL, NULL);
    if (is_another(payload, before, after))
        return add_change(payload, CHANGE_DELETED, before, NULL, NULL) &&
               add_change(payload, CHANGE_CREATED, NULL, after, NULL);
    return add_change(payload, CHANGE_UPDATED, before, after, changed);
}

static bool add_row(const struct payload *payload, struct str op, const json_t *row)
{
    struct value *values;
    if (str_is(op, "update"))
        return add_update(payload, row);
    if (!take_tuple(payload, row, &values))
        return false;
    if (!values)
        return err_set(payload->err, "a row may not be null");
    if (str_is(op, "insert"))
        return add_change(payload, CHANGE_CREATED, NULL, values, NULL);
    if (str_is(op, "delete"))
        return add_change(payload, CHANGE_DELETED, values, NULL, NULL);
    return add_change(payload, CHANGE_UPDATED, values, values, NULL);
}

static bool take_rows(struct payload *payload, const json_t *object, struct str op)
{
    const json_t *rows = json_object_get(object, "rows");
    if (!json_is_array(rows))
        return err_set(payload->err, "\"rows\" must be a list");
    if (!take_names(payload, object, "columns", &payload->columns, &payload->n_columns) ||
        !take_names(payload, object, "watched", &payload->watched, &payload->n_watched) ||
        !take_key(payload, object))
        return false;
    /* An update that changes the id is two. */
    payload->out->changes = take(payload, 2 * json_array_size(rows), sizeof(struct change));
    if (!payload->out->changes)
        return false;
    for (size_t i = 0; i < json_array_size(rows); i++)
        if (!add_row(payload, op, json_array_get(rows, i)))
            return err_prefix(payload->err, "row %zu", i);
    return true;
}

static bool take_statement(struct payload *payload, const json_t *object)
{
    static const char *const ops[] = {"insert", "update", "delete", "touch"};
    struct pg_notify *out = payload->out;
    struct str op = {0};
    if (!take_text(payload, object, "table", TABLE_MAX, &out->table) ||
        !take_text(payload, object, "op", TOKEN_MAX, &op))
        return false;
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (str_is(op, ops[i]))
            return take_rows(payload, object, op);
    if (!str_is(op, "truncate") && !str_is(op, "overflow"))
        return err_set(payload->err, "\"op\" may not be \"%.*s\"", STR_ARG(op));
    out->kind = str_is(op, "overflow") ? PG_NOTIFY_OVERFLOW : PG_NOTIFY_CHANGES;
    if (json_object_get(object, "error") &&
        !take_text(payload, object, "error", TOKEN_MAX, &out->error))
        return false;
    out->changes = take(payload, 1, sizeof *out->changes);
    return out->changes && add_truncated(payload);
}

bool pg_notify_parse(struct str text, struct arena *arena, struct pg_notify *out, struct err *err)
{
    *out = (struct pg_notify){.kind = PG_NOTIFY_CHANGES};
    struct payload payload = {.arena = arena, .err = err, .out = out};
    bool ok = false;
    json_t *object = load(text, err);
    if (!object)
        return false;
    const json_t *version = json_object_get(object, "v");
    if (!json_is_integer(version) || json_integer_value(version) != 1) {
        err_set(err, "\"v\" must be 1");
        goto out;
    }
    if (json_object_get(object, "canary")) {
        out->kind = PG_NOTIFY_CANARY;
        ok = take_text(&payload, object, "canary", TOKEN_MAX, &out->canary);
        goto out;
    }
    ok = take_statement(&payload, object);
out:
    json_decref(object);
    return ok;
}

bool pg_notify_write_truncate(struct buf *out, struct str table)
{
    buf_text(out, "{\"v\":1,\"table\":");
    jsontext_string(out, table);
    return buf_text(out, ",\"op\":\"truncate\"}");
}

/* ---- somebody else's ---- */

static char small(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_word(struct str text, const char *word)
{
    struct str other = str_of(word);
    if (text.n != other.n)
        return false;
    for (size_t i = 0; i < text.n; i++)
        if (small(text.p[i]) != other.p[i])
            return false;
    return true;
}

static enum change_action foreign_action(struct str text)
{
    static const struct {
        const char *word;
        enum change_action action;
    } words[] = {{"insert", CHANGE_CREATED},
                 {"update", CHANGE_UPDATED},
                 {"delete", CHANGE_DELETED},
                 {"truncate", CHANGE_TRUNCATED}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (is_word(text, words[i].word))
            return words[i].action;
    return change_action_of(text);
}

static bool is_column(struct str name, const json_t *value)
{
    static const char *const others[] = {"resource", "action", "id", "timestamp"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (str_is(name, others[i]))
            return false;
    return name.n > 0 && !json_is_array(value) && !json_is_object(value);
}

static bool take_columns(const struct payload *payload, const json_t *object, struct change *change)
{
    struct change_field *fields = take(payload, json_object_size(object), sizeof *fields);
    if (!fields)
        return false;
    for (JSON_EACH_MEMBER(at, object)) {
        const json_t *json = json_object_iter_value(at);
        struct change_field *field = &fields[change->n_fields];
        struct value value;
        if (!is_column(json_value_member(at), json))
            continue;
        field->column = arena_copy(payload->arena, json_value_member(at));
        if (!field->column.p)
            return full(payload);
        if (!take_value(payload, json, &value))
            return false;
        if (change->action == CHANGE_DELETED)
            field->before = value;
        else
            field->after = value;
        change->n_fields++;
    }
    change->fields = fields;
    return true;
}

static bool take_foreign(const struct payload *payload, const json_t *object)
{
    struct pg_notify *out = payload->out;
    struct change *change = out->changes = take(payload, 1, sizeof *change);
    const json_t *id = json_object_get(object, "id");
    struct str action = {0};
    if (!change || !take_text(payload, object, "resource", TABLE_MAX, &out->table) ||
        !take_text(payload, object, "action", TOKEN_MAX, &action))
        return false;
    change->resource = out->table;
    change->action = foreign_action(action);
    change->action_name =
        change->action == CHANGE_CUSTOM ? action : change_action_name(change->action);
    change->sparse = true;
    out->n = 1;
    if (change->action == CHANGE_TRUNCATED)
        return true;
    if (id && !json_is_null(id) && !json_is_string(id) && !json_is_number(id))
        return err_set(payload->err, "\"id\" must be text or a number");
    if (id && !json_is_null(id) && !take_value(payload, id, &change->id))
        return false;
    return take_columns(payload, object, change);
}

bool pg_notify_parse_foreign(struct str text, struct arena *arena, struct pg_notify *out,
                             struct err *err)
{
    *out = (struct pg_notify){.kind = PG_NOTIFY_CHANGES};
    const struct payload payload = {.arena = arena, .err = err, .out = out};
    json_t *object = load(text, err);
    bool ok = object && take_foreign(&payload, object);
    json_decref(object);
    return ok;
}
