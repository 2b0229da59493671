#include "wire/json_quick.h"

#include <stdbool.h>
#include <stdint.h>

enum { DEPTH_MAX = 32, DIGITS_MAX = 18 };

struct reader {
    const char *p, *end;
};

static json_t *read_value(struct reader *reader, unsigned depth);

static void skip_space(struct reader *reader)
{
    while (reader->p < reader->end &&
           (*reader->p == ' ' || *reader->p == '\n' || *reader->p == '\r' || *reader->p == '\t'))
        reader->p++;
}

static bool take(struct reader *reader, char c)
{
    skip_space(reader);
    if (reader->p == reader->end || *reader->p != c)
        return false;
    reader->p++;
    return true;
}

/* What stands between two quotes, the first of which was taken. */
struct text {
    const char *p;
    size_t n;
    bool ascii; /* otherwise jansson's functions look whether it is UTF-8 */
};

static bool read_text(struct reader *reader, struct text *out)
{
    const char *p = reader->p;
    unsigned char all = 0;
    for (; p < reader->end && *p != '"'; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < 0x20 || c == '\\')
            return false;
        all |= c;
    }
    if (p == reader->end)
        return false;
    *out = (struct text){.p = reader->p, .n = (size_t)(p - reader->p), .ascii = all < 0x80};
    reader->p = p + 1;
    return true;
}

static json_t *read_string(struct reader *reader)
{
    struct text text;
    if (!read_text(reader, &text))
        return NULL;
    return text.ascii ? json_stringn_nocheck(text.p, text.n) : json_stringn(text.p, text.n);
}

static json_t *read_object(struct reader *reader, unsigned depth)
{
    json_t *object = json_object();
    if (take(reader, '}'))
        return object;
    do {
        struct text name;
        if (!take(reader, '"') || !read_text(reader, &name) || !take(reader, ':') ||
            json_object_getn(object, name.p, name.n))
            goto unknown;
        json_t *value = read_value(reader, depth - 1);
        if (name.ascii ? json_object_setn_new_nocheck(object, name.p, name.n, value)
                       : json_object_setn_new(object, name.p, name.n, value))
            goto unknown;
    } while (take(reader, ','));
    if (take(reader, '}'))
        return object;
unknown:
    json_decref(object);
    return NULL;
}

static json_t *read_array(struct reader *reader, unsigned depth)
{
    json_t *array = json_array();
    if (take(reader, ']'))
        return array;
    do {
        if (json_array_append_new(array, read_value(reader, depth - 1)))
            goto unknown;
    } while (take(reader, ','));
    if (take(reader, ']'))
        return array;
unknown:
    json_decref(array);
    return NULL;
}

static json_t *read_integer(struct reader *reader)
{
    const char *p = reader->p;
    bool minus = *p == '-';
    const char *digits = minus ? ++p : p;
    int64_t value = 0;
    for (; p < reader->end && *p >= '0' && *p <= '9' && p - digits < DIGITS_MAX; p++)
        value = value * 10 + (*p - '0');
    if (p == digits || (*digits == '0' && (minus || p - digits > 1)) ||
        (p < reader->end && ((*p >= '0' && *p <= '9') || *p == '.' || *p == 'e' || *p == 'E')))
        return NULL;
    reader->p = p;
    return json_integer(minus ? -value : value);
}

static json_t *read_literal(struct reader *reader, struct str name, json_t *value)
{
    struct str rest = {.p = reader->p, .n = (size_t)(reader->end - reader->p)};
    if (!str_starts(rest, name))
        return NULL;
    rest = str_from(rest, name.n);
    if (rest.n && ((*rest.p >= 'a' && *rest.p <= 'z') || (*rest.p >= 'A' && *rest.p <= 'Z')))
        return NULL; /* a longer word */
    reader->p += name.n;
    return value;
}

static json_t *read_value(struct reader *reader, unsigned depth)
{
    skip_space(reader);
    if (reader->p == reader->end || depth == 0)
        return NULL;
    switch (*reader->p) {
    case '{':
        reader->p++;
        return read_object(reader, depth);
    case '[':
        reader->p++;
        return read_array(reader, depth);
    case '"':
        reader->p++;
        return read_string(reader);
    case 't':
        return read_literal(reader, STR("true"), json_true());
    case 'f':
        return read_literal(reader, STR("false"), json_false());
    case 'n':
        return read_literal(reader, STR("null"), json_null());
    default:
        return read_integer(reader);
    }
}

json_t *json_quick(struct str text, size_t *used)
{
    if (text.n == 0)
        return NULL;
    struct reader reader = {.p = text.p, .end = text.p + text.n};
    json_t *value = read_value(&reader, DEPTH_MAX);
    *used = (size_t)(reader.p - text.p);
    return value;
}
