#include "source/pg_value.h"

#include "base/jsontext.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

enum {
    JSON_MAX = 64 * 1024, /* longer ones fit neither a key nor `data` */
    JSON_GROWS = 6,       /* a byte that is written as \u007f */
    NUMBER_MAX = 63,
};

/* src/include/catalog/pg_type.dat: these numbers never change. */
static const struct {
    const char *name;
    uint32_t oid;
    enum pg_kind kind;
} types[] = {
    {"bool", 16, PG_BOOL},
    {"int8", 20, PG_INTEGER},
    {"int2", 21, PG_INTEGER},
    {"int4", 23, PG_INTEGER},
    {"oid", 26, PG_INTEGER},
    {"json", 114, PG_JSON},
    {"float4", 700, PG_FLOAT},
    {"float8", 701, PG_FLOAT},
    {"timestamp", 1114, PG_TIMESTAMP},
    {"timestamptz", 1184, PG_TIMESTAMPTZ},
    {"jsonb", 3802, PG_JSON},
};

enum { TYPES = sizeof types / sizeof *types };

enum pg_kind pg_kind_of(uint32_t type_oid)
{
    for (size_t i = 0; i < TYPES; i++)
        if (types[i].oid == type_oid)
            return types[i].kind;
    return PG_PLAIN;
}

enum pg_kind pg_kind_named(struct str name)
{
    for (size_t i = 0; i < TYPES; i++)
        if (str_is(name, types[i].name))
            return types[i].kind;
    return PG_PLAIN;
}

static struct value copied(enum value_type type, struct str text, struct arena *arena)
{
    struct str copy = arena_copy(arena, text);
    return copy.p ? (struct value){.type = type, .text = copy}
                  : (struct value){.type = VALUE_ABSENT};
}

static struct value boolean(struct str text)
{
    if (!str_is(text, "t") && !str_is(text, "f"))
        return value_text(text);
    return (struct value){.type = VALUE_BOOL, .boolean = str_is(text, "t")};
}

static struct value integer(struct str text)
{
    bool negative = text.n > 0 && text.p[0] == '-';
    uint64_t limit = (uint64_t)INT64_MAX + negative, number = 0;
    if (text.n == negative)
        return value_text(text);
    for (size_t i = negative; i < text.n; i++) {
        unsigned digit = (unsigned char)text.p[i] - (unsigned)'0';
        if (digit > 9 || number > (limit - digit) / 10)
            return value_text(text);
        number = number * 10 + digit;
    }
    return value_int(negative ? (int64_t)(0 - number) : (int64_t)number);
}

static struct value real(struct str text)
{
    char bytes[NUMBER_MAX + 1] = "";
    char *end;
    if (text.n == 0 || text.n > NUMBER_MAX)
        return value_text(text);
    memcpy(bytes, text.p, text.n);
    double number = strtod(bytes, &end);
    if (end != bytes + text.n || !isfinite(number))
        return value_text(text);
    return (struct value){.type = VALUE_REAL, .real = number};
}

/* ---- times ---- */

static bool looks_like(struct str text, const char *pattern)
{
    size_t n = strlen(pattern);
    if (text.n < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        bool digit = text.p[i] >= '0' && text.p[i] <= '9';
        if (pattern[i] == '9' ? !digit : text.p[i] != pattern[i])
            return false;
    }
    return true;
}

enum { SECONDS = sizeof "2026-01-31 12:34:56" - 1, DAY = sizeof "2026-01-31" - 1 };

/* Digits of the fraction of a second, which stand behind SECONDS and a point; false when something
 * else stands there than a fraction and `zone`. */
static bool read_fraction(struct str text, const char *zone, struct str *digits)
{
    struct str rest = str_from(text, SECONDS);
    *digits = (struct str){0};
    if (rest.n > 0 && rest.p[0] == '.') {
        size_t n = 1;
        while (n < rest.n && rest.p[n] >= '0' && rest.p[n] <= '9')
            n++;
        *digits = (struct str){.p = rest.p + 1, .n = n - 1};
        rest = str_from(rest, n);
    }
    return str_is(rest, zone);
}

/* Infinity, years before Christ and beyond 9999 stay as they are. */
static struct value timestamp(struct str text, bool zoned, struct arena *arena)
{
    struct str fraction;
    char bytes[SECONDS + sizeof ".123456"];
    if (!looks_like(text, "9999-99-99 99:99:99") ||
        !read_fraction(text, zoned ? "+00" : "", &fraction) || fraction.n > 6)
        return value_text(text);
    struct buf out = BUF_FIXED(bytes);
    buf_add(&out, text.p, DAY);
    buf_byte(&out, 'T');
    buf_add(&out, text.p + DAY + 1, SECONDS - DAY - 1);
    if (zoned) {
        buf_byte(&out, '.');
        for (size_t i = 0; i < 3; i++)
            buf_byte(&out, i < fraction.n ? fraction.p[i] : '0');
        buf_byte(&out, 'Z');
    } else {
        buf_str(&out, str_from(text, SECONDS));
    }
    return copied(VALUE_TEXT, buf_slice(&out), arena);
}

/* ---- JSON ---- */

static struct value from_json(const json_t *json, struct str text, struct arena *arena)
{
    switch (json_typeof(json)) {
    case JSON_NULL:
        return (struct value){.type = VALUE_NULL};
    case JSON_TRUE:
    case JSON_FALSE:
        return (struct value){.type = VALUE_BOOL, .boolean = json_is_true(json)};
    case JSON_INTEGER:
        return value_int(json_integer_value(json));
    case JSON_REAL:
        return (struct value){.type = VALUE_REAL, .real = json_real_value(json)};
    case JSON_STRING: {
        struct str string = {.p = json_string_value(json), .n = json_string_length(json)};
        return copied(VALUE_TEXT, string, arena);
    }
    case JSON_OBJECT:
    case JSON_ARRAY:
        break;
    }
    struct buf out = BUF_INIT(JSON_MAX * JSON_GROWS);
    struct value value = value_text(text);
    if (jsontext_value(&out, json))
        value = copied(VALUE_JSON, buf_slice(&out), arena);
    buf_free(&out);
    return value;
}

static struct value parsed(struct str text, struct arena *arena)
{
    if (text.n > JSON_MAX)
        return value_text(text);
    size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL;
    json_t *json = json_loadb(text.p, text.n, flags, NULL);
    if (!json) /* an integer that is too large */
        json = json_loadb(text.p, text.n, flags | JSON_DECODE_INT_AS_REAL, NULL);
    if (!json)
        return value_text(text);
    struct value value = from_json(json, text, arena);
    json_decref(json);
    return value;
}

struct value pg_value(enum pg_kind kind, struct str text, struct arena *arena)
{
    switch (kind) {
    case PG_PLAIN:
        break;
    case PG_BOOL:
        return boolean(text);
    case PG_INTEGER:
        return integer(text);
    case PG_FLOAT:
        return real(text);
    case PG_JSON:
        return parsed(text, arena);
    case PG_TIMESTAMP:
        return timestamp(text, false, arena);
    case PG_TIMESTAMPTZ:
        return timestamp(text, true, arena);
    }
    return value_text(text);
}
