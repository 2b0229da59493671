#include "change_text.h"

#include "base/buf.h"
#include "base/jsontext.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>

enum { FIELDS = 80 };

struct scan {
    struct str line;
    size_t at;
    struct arena *arena;
    struct err *err;
};

static char peek(const struct scan *s)
{
    return s->at < s->line.n ? s->line.p[s->at] : '\0';
}

static bool skip(struct scan *s, char c)
{
    if (peek(s) != c)
        return false;
    s->at++;
    return true;
}

static void blanks(struct scan *s)
{
    while (skip(s, ' '))
        ;
}

static bool wrong(const struct scan *s, const char *why)
{
    struct str rest = str_from(s->line, s->at);
    return rest.n ? err_set(s->err, "%s at \"%.*s\"", why, STR_ARG(rest))
                  : err_set(s->err, "%s at the end", why);
}

static struct str word(struct scan *s)
{
    size_t start = s->at;
    while (isalnum((unsigned char)peek(s)) || (peek(s) && strchr("_-.", peek(s))))
        s->at++;
    return (struct str){.p = s->line.p + start, .n = s->at - start};
}

static bool hex(struct scan *s, struct value *out)
{
    size_t start = s->at += 2;
    while (isxdigit((unsigned char)peek(s)))
        s->at++;
    size_t n = (s->at - start) / 2;
    char *bytes = arena_alloc(s->arena, n + 1);
    for (size_t i = 0; i < n; i++) {
        char pair[3] = {s->line.p[start + 2 * i], s->line.p[start + 2 * i + 1], '\0'};
        bytes[i] = (char)(unsigned char)strtoul(pair, NULL, 16);
    }
    *out = value_text((struct str){.p = bytes, .n = n});
    return skip(s, '\'') || wrong(s, "a ' is missing");
}

static bool json(struct scan *s, struct value *out)
{
    json_error_t error;
    *out = (struct value){.type = VALUE_ABSENT};
    struct str rest = str_from(s->line, s->at);
    json_t *parsed = json_loadb(rest.p, rest.n,
                                JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, &error);
    if (!parsed)
        return wrong(s, error.text);
    s->at += (size_t)error.position;
    struct buf text = BUF_INIT(1 << 20);
    switch (json_typeof(parsed)) {
    case JSON_NULL:
        *out = (struct value){.type = VALUE_NULL};
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        *out = (struct value){.type = VALUE_BOOL, .boolean = json_is_true(parsed)};
        break;
    case JSON_INTEGER:
        *out = value_int(json_integer_value(parsed));
        break;
    case JSON_REAL:
        *out = (struct value){.type = VALUE_REAL, .real = json_real_value(parsed)};
        break;
    case JSON_STRING:
        *out = value_text(arena_copy(s->arena, (struct str){.p = json_string_value(parsed),
                                                            .n = json_string_length(parsed)}));
        break;
    case JSON_OBJECT:
    case JSON_ARRAY:
        jsontext_value(&text, parsed);
        *out = (struct value){.type = VALUE_JSON, .text = arena_copy(s->arena, buf_slice(&text))};
        break;
    }
    buf_free(&text);
    json_decref(parsed);
    return true;
}

static bool repeat(struct scan *s, struct value *value)
{
    if (value->type != VALUE_TEXT || !skip(s, '*'))
        return true;
    struct str count = word(s);
    size_t times = strtoul(count.p, NULL, 10), n = value->text.n;
    char *bytes = arena_alloc(s->arena, n * times + 1);
    if (!bytes)
        return wrong(s, "too long");
    for (size_t i = 0; i < times; i++)
        memcpy(bytes + i * n, value->text.p, n);
    value->text = (struct str){.p = bytes, .n = n * times};
    return true;
}

static bool value(struct scan *s, struct value *out)
{
    struct str rest = str_from(s->line, s->at);
    bool literal = str_starts(rest, STR("true")) || str_starts(rest, STR("false")) ||
                   str_starts(rest, STR("null"));
    if (skip(s, '?')) {
        *out = (struct value){.type = VALUE_ABSENT};
        return true;
    }
    bool ok = true;
    if (str_starts(rest, STR("x'")))
        ok = hex(s, out);
    else if (isalpha((unsigned char)peek(s)) && !literal)
        *out = value_text(word(s));
    else
        ok = json(s, out);
    return ok && repeat(s, out);
}

/* A bare word or a JSON string. */
static bool name(struct scan *s, struct str *out)
{
    struct value quoted;
    if (peek(s) != '"') {
        *out = word(s);
        return out->n || wrong(s, "a name is missing");
    }
    if (!value(s, &quoted))
        return false;
    *out = quoted.text;
    return true;
}

static bool field(struct scan *s, const struct change *change, struct change_field *out)
{
    struct value one;
    if (!name(s, &out->column) || !(skip(s, '=') || wrong(s, "a = is missing")))
        return false;
    if (skip(s, '~'))
        out->differs = CHANGE_SAME;
    else if (skip(s, '!'))
        out->differs = CHANGE_DIFFERENT;
    if (peek(s) == ' ' || !peek(s))
        return out->differs != CHANGE_UNKNOWN || wrong(s, "a value is missing");
    if (!value(s, &one))
        return false;
    if (skip(s, '>')) {
        out->before = one;
        return value(s, &out->after);
    }
    if (change->action == CHANGE_DELETED && !change->sparse)
        out->before = one;
    else if (change->action == CHANGE_CREATED || change->sparse)
        out->after = one;
    else
        out->before = out->after = one;
    return true;
}

static bool item(struct scan *s, struct change *change, struct change_field *fields)
{
    struct value data;
    if (skip(s, '#'))
        return value(s, &change->id);
    if (skip(s, '+')) {
        if (!value(s, &data))
            return false;
        change->data = data.text;
        return true;
    }
    if (change->n_fields == FIELDS)
        return wrong(s, "too many fields");
    return field(s, change, &fields[change->n_fields++]);
}

bool change_text_parse(struct str line, struct arena *arena, struct change *out, struct err *err)
{
    struct scan s = {.line = line, .arena = arena, .err = err};
    struct change_field *fields = arena_alloc(arena, FIELDS * sizeof *fields);
    *out = (struct change){.fields = fields};
    if (str_starts(line, STR("publish "))) {
        out->sparse = true;
        s.at = strlen("publish");
    }
    blanks(&s);
    if (!name(&s, &out->resource))
        return false;
    blanks(&s);
    if (!name(&s, &out->action_name))
        return false;
    out->action = change_action_of(out->action_name);
    for (blanks(&s); peek(&s); blanks(&s))
        if (!item(&s, out, fields))
            return false;
    return true;
}
