#include "source/sqlite_layout.h"

#include "base/jsontext.h"
#include "source/sqltext.h"

#include <jansson.h>

size_t sqlite_layout_value(const struct sqlite_layout *layout, struct str column)
{
    for (size_t i = 0; i < layout->n_values; i++)
        if (sqltext_same_name(layout->values[i], column))
            return i;
    return layout->n_values;
}

static void write_names(struct buf *out, const char *member, const struct str *names, size_t n)
{
    buf_printf(out, "\"%s\":[", member);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_byte(out, ',');
        jsontext_string(out, names[i]);
    }
    buf_text(out, "],");
}

bool sqlite_layout_write(struct buf *out, const struct sqlite_layout *layout)
{
    buf_text(out, "{\"table\":");
    jsontext_string(out, layout->table);
    buf_byte(out, ',');
    write_names(out, "values", layout->values, layout->n_values);
    write_names(out, "differs", layout->differs, layout->n_differs);
    buf_text(out, "\"key\":[");
    for (size_t i = 0; i < layout->n_key; i++)
        buf_printf(out, "%s%zu", i > 0 ? "," : "", layout->key[i]);
    return buf_printf(out, "],\"opaque\":%s}", layout->opaque ? "true" : "false");
}

static bool read_text(const json_t *value, struct arena *arena, struct str *out)
{
    if (!json_is_string(value))
        return false;
    *out = arena_copy(arena,
                      (struct str){.p = json_string_value(value), .n = json_string_length(value)});
    return out->p != NULL;
}

static bool read_names(const json_t *array, struct arena *arena, struct str **names, size_t *n)
{
    size_t size = json_array_size(array);
    if (!json_is_array(array) || size > SQLITE_SLOTS_MAX)
        return false;
    *names = arena_alloc(arena, (size + 1) * sizeof **names);
    if (!*names)
        return false;
    for (*n = 0; *n < size; ++*n)
        if (!read_text(json_array_get(array, *n), arena, &(*names)[*n]))
            return false;
    return true;
}

static bool read_key(const json_t *array, struct arena *arena, struct sqlite_layout *layout)
{
    size_t size = json_array_size(array);
    if (!json_is_array(array) || size > layout->n_values)
        return false;
    layout->key = arena_alloc(arena, (size + 1) * sizeof *layout->key);
    if (!layout->key)
        return false;
    for (layout->n_key = 0; layout->n_key < size; layout->n_key++) {
        json_int_t index = json_integer_value(json_array_get(array, layout->n_key));
        if (index < 0 || (size_t)index >= layout->n_values)
            return false;
        layout->key[layout->n_key] = (size_t)index;
    }
    return true;
}

bool sqlite_layout_parse(struct str text, struct str resource, struct arena *arena,
                         struct sqlite_layout *layout, struct err *err)
{
    *layout = (struct sqlite_layout){.resource = arena_copy(arena, resource)};
    json_t *root = json_loadb(text.p ? text.p : "", text.n, 0, NULL);
    bool whole =
        layout->resource.p && read_text(json_object_get(root, "table"), arena, &layout->table) &&
        read_names(json_object_get(root, "values"), arena, &layout->values, &layout->n_values) &&
        read_names(json_object_get(root, "differs"), arena, &layout->differs, &layout->n_differs) &&
        read_key(json_object_get(root, "key"), arena, layout) &&
        json_is_boolean(json_object_get(root, "opaque"));
    layout->opaque = json_is_true(json_object_get(root, "opaque"));
    json_decref(root);
    return whole || err_set(err, "the record of what was set up for table %.*s is not readable",
                            STR_ARG(resource));
}
