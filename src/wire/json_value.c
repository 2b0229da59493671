#include "wire/json_value.h"

#include "base/buf.h"
#include "base/jsontext.h"

enum { TEXT_MAX = 16 * 1024 * 1024 };

struct str json_value_text(const json_t *string)
{
    return (struct str){.p = json_string_value(string), .n = json_string_length(string)};
}

struct str json_value_member(void *at)
{
    return (struct str){.p = json_object_iter_key(at), .n = json_object_iter_key_len(at)};
}

static bool shallow(const json_t *json, unsigned max)
{
    if (!json_is_array(json) && !json_is_object(json))
        return true;
    if (max == 0)
        return false;
    for (size_t i = 0; i < json_array_size(json); i++)
        if (!shallow(json_array_get(json, i), max - 1))
            return false;
    for (JSON_EACH_MEMBER(at, json))
        if (!shallow(json_object_iter_value(at), max - 1))
            return false;
    return true;
}

bool json_value_shallow(const json_t *json)
{
    return shallow(json, JSON_VALUE_DEPTH);
}

bool json_value_canonical(const json_t *json, struct arena *arena, struct str *out)
{
    struct buf text = BUF_INIT(TEXT_MAX);
    bool ok = jsontext_value(&text, json);
    *out = ok ? arena_copy(arena, buf_slice(&text)) : (struct str){0};
    buf_free(&text);
    return out->p != NULL;
}

enum json_value json_value(const json_t *json, struct arena *arena, struct value *out)
{
    switch (json_typeof(json)) {
    case JSON_NULL:
        *out = (struct value){.type = VALUE_NULL};
        return JSON_VALUE_OK;
    case JSON_TRUE:
    case JSON_FALSE:
        *out = (struct value){.type = VALUE_BOOL, .boolean = json_is_true(json)};
        return JSON_VALUE_OK;
    case JSON_INTEGER:
        *out = value_int(json_integer_value(json));
        return JSON_VALUE_OK;
    case JSON_REAL:
        *out = (struct value){.type = VALUE_REAL, .real = json_real_value(json)};
        return JSON_VALUE_OK;
    case JSON_STRING:
        *out = value_text(arena_copy(arena, json_value_text(json)));
        return out->text.p ? JSON_VALUE_OK : JSON_VALUE_FULL;
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    *out = (struct value){.type = VALUE_JSON};
    if (!json_value_shallow(json))
        return JSON_VALUE_DEEP;
    return json_value_canonical(json, arena, &out->text) ? JSON_VALUE_OK : JSON_VALUE_FULL;
}
