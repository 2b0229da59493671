/* The items of a body are parsed one by one, so that an error knows its index, and so that the
 * parser's tree (some hundred bytes for each value) is never there for more than one of them. */
#include "wire/publish.h"

#include "base/nearest.h"
#include "model/scope.h"
#include "wire/json_quick.h"
#include "wire/json_value.h"

#include <jansson.h>

enum { NAME_MAX_BYTES = 256, FIELDS_MAX = 8 };

/* One item on its way from JSON to struct. */
struct item {
    const json_t *object;
    struct arena *arena;
    struct publish_item *out;
    struct err *err;
};

struct field {
    const char *name;
    bool required;
    /* `value` is NULL when the field is absent. False: err has a sentence. */
    bool (*take)(struct item *item, const char *name, const json_t *value);
};

static bool full(struct err *err)
{
    return err_set(err, "it is too large");
}

static bool canonical(struct item *item, const json_t *value, struct str *out)
{
    return json_value_canonical(value, item->arena, out) || full(item->err);
}

static bool copy(struct item *item, struct str text, struct str *out)
{
    *out = arena_copy(item->arena, text);
    return out->p || full(item->err);
}

/* A name: text that is not empty, not long, and has no control characters. */
static bool take_name(struct item *item, const char *name, const json_t *value, struct str *out)
{
    if (!json_is_string(value))
        return err_set(item->err, "\"%s\": must be text", name);
    struct str text = json_value_text(value);
    if (text.n == 0)
        return err_set(item->err, "\"%s\": may not be empty", name);
    if (text.n > NAME_MAX_BYTES)
        return err_set(item->err, "\"%s\": may have %d bytes, this has %zu", name, NAME_MAX_BYTES,
                       text.n);
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f)
            return err_set(item->err, "\"%s\": may not contain a control character", name);
    return copy(item, text, out);
}

static bool take_resource(struct item *item, const char *name, const json_t *value)
{
    return take_name(item, name, value, &item->out->change.resource);
}

static bool take_action(struct item *item, const char *name, const json_t *value)
{
    struct change *change = &item->out->change;
    if (!take_name(item, name, value, &change->action_name))
        return false;
    change->action = change_action_of(change->action_name);
    if (change->action != CHANGE_TRUNCATED)
        return true;
    static const char *const rows[] = {"id", "old", "new", "data"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (json_object_get(item->object, rows[i]))
            return err_set(item->err, "\"%s\": \"truncated\" is about the whole resource", rows[i]);
    return true;
}

static bool take_value(struct item *item, const char *name, const json_t *json, struct value *out)
{
    switch (json_value(json, item->arena, out)) {
    case JSON_VALUE_OK:
        return true;
    case JSON_VALUE_DEEP:
        return err_set(item->err, "\"%s\": is nested deeper than %d", name, JSON_VALUE_DEPTH);
    case JSON_VALUE_FULL:
        break;
    }
    return full(item->err);
}

static bool take_id(struct item *item, const char *name, const json_t *value)
{
    if (!value)
        return true;
    if (!json_is_string(value) && !json_is_number(value))
        return err_set(item->err, "\"%s\": must be text or a number", name);
    return take_value(item, name, value, &item->out->change.id);
}

/* The columns of old and new together, each once: first those of `old`, then what `new` adds. */
static bool take_rows(struct item *item, const char *name, const json_t *new)
{
    const json_t *old = json_object_get(item->object, "old");
    if (old && !json_is_object(old))
        return err_set(item->err, "\"old\": must be an object");
    if (new && !json_is_object(new))
        return err_set(item->err, "\"%s\": must be an object", name);
    struct change *change = &item->out->change;
    size_t n = 0;
    size_t max = json_object_size(old) + json_object_size(new);
    struct change_field *fields = arena_alloc(item->arena, (max ? max : 1) * sizeof *fields);
    if (!fields)
        return full(item->err);
    for (JSON_EACH_MEMBER(at, old)) {
        struct change_field *field = &fields[n++];
        const json_t *after =
            json_object_getn(new, json_value_member(at).p, json_value_member(at).n);
        if (!copy(item, json_value_member(at), &field->column) ||
            !take_value(item, "old", json_object_iter_value(at), &field->before) ||
            (after && !take_value(item, name, after, &field->after)))
            return false;
    }
    for (JSON_EACH_MEMBER(at, new)) {
        if (json_object_getn(old, json_value_member(at).p, json_value_member(at).n))
            continue;
        struct change_field *field = &fields[n++];
        if (!copy(item, json_value_member(at), &field->column) ||
            !take_value(item, name, json_object_iter_value(at), &field->after))
            return false;
    }
    change->fields = fields;
    change->n_fields = n;
    return true;
}

/* Read by take_rows. */
static bool take_nothing(struct item *item, const char *name, const json_t *value)
{
    return true;
}

static bool take_change_data(struct item *item, const char *name, const json_t *value)
{
    if (!value)
        return true;
    if (!json_is_object(value))
        return err_set(item->err, "\"%s\": must be an object", name);
    if (!json_value_shallow(value))
        return err_set(item->err, "\"%s\": is nested deeper than %d", name, JSON_VALUE_DEPTH);
    return canonical(item, value, &item->out->change.data);
}

static bool scope_error(struct item *item, const char *name, const struct err *why)
{
    return err_set(item->err, "\"%s\": %s", name, why->text);
}

static bool take_marks_scope(struct item *item, const char *name, const json_t *value)
{
    struct err why;
    if (!json_is_string(value))
        return err_set(item->err, "\"%s\": must be text", name);
    struct str scope = json_value_text(value);
    if (scope_is_family(scope)) {
        /* What stands in front of the "*" obeys the same rules as a scope. */
        struct str stem = scope_stem(scope);
        if (stem.n && !scope_check(stem, &why))
            return scope_error(item, name, &why);
    } else if (!scope_check(scope, &why)) {
        return scope_error(item, name, &why);
    }
    return copy(item, scope, &item->out->marks.scope);
}

static bool take_keys(struct item *item, const char *name, const json_t *value)
{
    if (!json_is_array(value))
        return err_set(item->err, "\"%s\": must be an array of keys, which are arrays themselves",
                       name);
    struct publish_marks *marks = &item->out->marks;
    marks->n = json_array_size(value);
    marks->keys = arena_alloc(item->arena, (marks->n ? marks->n : 1) * sizeof *marks->keys);
    if (!marks->keys)
        return full(item->err);
    for (size_t i = 0; i < marks->n; i++) {
        const json_t *key = json_array_get(value, i);
        if (!json_is_array(key))
            return err_set(item->err, "\"%s\": key %zu: must be an array", name, i);
        if (!json_value_shallow(key))
            return err_set(item->err, "\"%s\": key %zu: is nested deeper than %d", name, i,
                           JSON_VALUE_DEPTH);
        if (!canonical(item, key, &marks->keys[i]))
            return false;
    }
    return true;
}

static bool take_notice_scope(struct item *item, const char *name, const json_t *value)
{
    struct err why;
    if (!json_is_string(value))
        return err_set(item->err, "\"%s\": must be text", name);
    if (!scope_check(json_value_text(value), &why))
        return scope_error(item, name, &why);
    return copy(item, json_value_text(value), &item->out->notice.scope);
}

static bool take_notice_type(struct item *item, const char *name, const json_t *value)
{
    return take_name(item, name, value, &item->out->notice.type);
}

static bool take_notice_data(struct item *item, const char *name, const json_t *value)
{
    if (!value)
        return copy(item, STR("null"), &item->out->notice.data);
    if (!json_value_shallow(value))
        return err_set(item->err, "\"%s\": is nested deeper than %d", name, JSON_VALUE_DEPTH);
    return canonical(item, value, &item->out->notice.data);
}

struct form {
    const char *what;
    struct field fields[FIELDS_MAX]; /* ends with a NULL name */
};

static const struct form forms[] = {
    [PUBLISH_CHANGE] = {"a change",
                        {{"resource", true, take_resource},
                         {"action", true, take_action},
                         {"id", false, take_id},
                         {"new", false, take_rows},
                         {"old", false, take_nothing},
                         {"data", false, take_change_data}}},
    [PUBLISH_MARKS] = {"a list of marks",
                       {{"scope", true, take_marks_scope}, {"keys", true, take_keys}}},
    [PUBLISH_NOTICE] = {"a notice",
                        {{"scope", true, take_notice_scope},
                         {"type", true, take_notice_type},
                         {"data", false, take_notice_data}}},
};

static bool is_field(const struct form *form, struct str name)
{
    for (const struct field *field = form->fields; field->name; field++)
        if (str_is(name, field->name))
            return true;
    return false;
}

/* The nearest name is looked for only where one is wrong: it costs more than reading the item. */
static bool fields_known(const json_t *object, const struct form *form, struct err *err)
{
    for (JSON_EACH_MEMBER(at, object)) {
        if (is_field(form, json_value_member(at)))
            continue;
        if (json_value_member(at).n > NAME_MAX_BYTES)
            return err_set(err, "%s has no field with so long a name", form->what);
        struct nearest near = nearest_to(json_value_member(at));
        for (const struct field *field = form->fields; field->name; field++)
            nearest_offer(&near, str_of(field->name));
        return err_set(err, "\"%.*s\": %s has no such field%s", STR_ARG(json_value_member(at)),
                       form->what, nearest_hint(&near));
    }
    return true;
}

/* Whoever names scope or keys means marks. */
static enum publish_kind kind_of(enum publish_body body, const json_t *object)
{
    if (body == PUBLISH_NOTICES)
        return PUBLISH_NOTICE;
    return json_object_get(object, "scope") || json_object_get(object, "keys") ? PUBLISH_MARKS
                                                                               : PUBLISH_CHANGE;
}

static bool parse_item(enum publish_body body, struct item *item)
{
    if (!json_is_object(item->object))
        return err_set(item->err, "must be an object");
    item->out->kind = kind_of(body, item->object);
    item->out->change.sparse = true;
    const struct form *form = &forms[item->out->kind];
    if (!fields_known(item->object, form, item->err))
        return false;
    for (const struct field *field = form->fields; field->name; field++) {
        const json_t *value = json_object_get(item->object, field->name);
        if (!value && field->required)
            return err_set(item->err, "\"%s\": missing", field->name);
        if (!field->take(item, field->name, value))
            return false;
    }
    return true;
}

/* Where the next item is looked for. */
struct cursor {
    struct str rest;
    size_t whole; /* bytes of the body */
    size_t index;
};

static void skip_space(struct cursor *cursor)
{
    while (cursor->rest.n && strchr(" \t\r\n", cursor->rest.p[0]) && cursor->rest.p[0])
        cursor->rest = str_from(cursor->rest, 1);
}

static bool skip_char(struct cursor *cursor, char c)
{
    skip_space(cursor);
    if (cursor->rest.n == 0 || cursor->rest.p[0] != c)
        return false;
    cursor->rest = str_from(cursor->rest, 1);
    return true;
}

/* The next JSON value, which may be of any type; NULL with a sentence when there is none. */
static json_t *next_value(struct cursor *cursor, struct err *err)
{
    json_error_t why;
    size_t used;
    skip_space(cursor);
    json_t *value = json_quick(cursor->rest, &used);
    if (value) {
        cursor->rest = str_from(cursor->rest, used);
        return value;
    }
    value = json_loadb(
        cursor->rest.p ? cursor->rest.p : "", cursor->rest.n,
        JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, &why);
    if (!value) {
        /* What stands "near" it may be any bytes; where it is says as much. */
        const char *near = strstr(why.text, " near ");
        size_t n = near ? (size_t)(near - why.text) : strlen(why.text);
        err_set(err, "%.*s at byte %zu of the body", (int)n, why.text,
                cursor->whole - cursor->rest.n + (size_t)why.position);
        return NULL;
    }
    cursor->rest = str_from(cursor->rest, (size_t)why.position);
    return value;
}

/* Items in chunks that double, so that the array itself needs no count in advance. */
static struct publish_item *new_item(struct publish *out, size_t *room, struct arena *arena)
{
    if (out->n == *room) {
        size_t larger = *room ? *room * 2 : 1;
        struct publish_item *items = arena_alloc(arena, larger * sizeof *items);
        if (!items)
            return NULL;
        if (out->n)
            memcpy(items, out->items, out->n * sizeof *items);
        out->items = items;
        *room = larger;
    }
    return &out->items[out->n++];
}

static bool parse_next(enum publish_body body, struct cursor *cursor, struct arena *arena,
                       struct publish *out, size_t *room, struct err *err)
{
    json_t *value = next_value(cursor, err);
    struct publish_item *slot = value ? new_item(out, room, arena) : NULL;
    struct item item = {.object = value, .arena = arena, .out = slot, .err = err};
    bool ok = value && (slot ? parse_item(body, &item) : full(err));
    json_decref(value);
    return ok || err_prefix(err, "item %zu", cursor->index);
}

bool publish_parse(enum publish_body body, struct str json, struct arena *arena,
                   struct publish *out, struct err *err)
{
    struct cursor cursor = {.rest = json, .whole = json.n};
    size_t room = 0;
    *out = (struct publish){0};
    bool array = skip_char(&cursor, '[');
    if (!array || !skip_char(&cursor, ']')) {
        do {
            if (!parse_next(body, &cursor, arena, out, &room, err))
                return false;
            cursor.index++;
        } while (array && skip_char(&cursor, ','));
        if (array && !skip_char(&cursor, ']'))
            return err_set(err, "item %zu: \",\" or \"]\" must stand in front of it", cursor.index);
    }
    skip_space(&cursor);
    if (cursor.rest.n)
        return err_set(err, "there is something behind the end of the body");
    return true;
}

bool publish_parse_any(struct str json, size_t max, struct arena *arena, struct publish *out,
                       struct err *err)
{
    struct err notice = ERR_INIT;
    if (json.n > max)
        return err_set(err, "it has more than %zu bytes", max);
    if (publish_parse(PUBLISH_CHANGES, json, arena, out, err) ||
        publish_parse(PUBLISH_NOTICES, json, arena, out, &notice))
        return true;
    struct err change = *err;
    return err_set(err, "%.400s; as a notice: %.400s", change.text, notice.text);
}
