#include "base/jsontext.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

bool jsontext_string(struct buf *out, struct str text)
{
    if (text.n == 0)
        return buf_text(out, "\"\"");
    const unsigned char *p = (const unsigned char *)text.p;
    buf_byte(out, '"');
    size_t start = 0;
    for (size_t i = 0; i < text.n;) {
        unsigned char c = p[i];
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
            i++;
            continue;
        }
        size_t length = utf8_length(str_from(text, i));
        bool separator = length == 3 && c == 0xe2 && p[i + 1] == 0x80 && (p[i + 2] | 1) == 0xa9;
        if (length > 1 && !separator) {
            i += length;
            continue;
        }
        buf_add(out, text.p + start, i - start);
        switch (c) {
        case '"':
            buf_text(out, "\\\"");
            break;
        case '\\':
            buf_text(out, "\\\\");
            break;
        case '\n':
            buf_text(out, "\\n");
            break;
        case '\r':
            buf_text(out, "\\r");
            break;
        case '\t':
            buf_text(out, "\\t");
            break;
        default:
            if (separator)
                buf_printf(out, "\\u202%d", p[i + 2] & 1 ? 9 : 8);
            else if (length == 0)
                buf_text(out, "\xef\xbf\xbd");
            else
                buf_printf(out, "\\u%04x", c);
        }
        i += length ? length : 1;
        start = i;
    }
    buf_add(out, text.p + start, text.n - start);
    return buf_byte(out, '"');
}

bool jsontext_number(struct buf *out, double value)
{
    if (!isfinite(value))
        return buf_text(out, "null");
    if (value == 0)
        return buf_byte(out, '0');
    /* The fewest digits that read back as the same number. */
    char text[40];
    for (int digits = 0; digits <= 16; digits++) {
        snprintf(text, sizeof text, "%.*e", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    char *mantissa = text;
    if (*mantissa == '-') {
        buf_byte(out, '-');
        mantissa++;
    }
    char *e = strchr(mantissa, 'e');
    int exponent = (int)strtol(e + 1, NULL, 10);
    char digit[20] = {0};
    int k = 0;
    for (char *c = mantissa; c < e; c++)
        if (*c >= '0' && *c <= '9')
            digit[k++] = *c;
    int point = exponent + 1; /* ECMAScript's n: the value is 0.digits x 10^n */
    if (point >= k && point <= 21) {
        buf_add(out, digit, (size_t)k);
        for (int i = k; i < point; i++)
            buf_byte(out, '0');
    } else if (point > 0 && point <= 21) {
        buf_add(out, digit, (size_t)point);
        buf_byte(out, '.');
        buf_add(out, digit + point, (size_t)(k - point));
    } else if (point > -6 && point <= 0) {
        buf_text(out, "0.");
        for (int i = point; i < 0; i++)
            buf_byte(out, '0');
        buf_add(out, digit, (size_t)k);
    } else {
        buf_byte(out, digit[0]);
        if (k > 1) {
            buf_byte(out, '.');
            buf_add(out, digit + 1, (size_t)(k - 1));
        }
        buf_printf(out, "e%+d", point - 1);
    }
    return !out->overflow;
}

bool jsontext_integer(struct buf *out, int64_t value)
{
    const int64_t exact = INT64_C(1) << 53;
    bool text = value > exact || value < -exact;
    return buf_printf(out, text ? "\"%" PRId64 "\"" : "%" PRId64, value);
}

struct member {
    const char *name;
    size_t length;
    const json_t *value;
};

static int by_name(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    size_t n = x->length < y->length ? x->length : y->length;
    int order = memcmp(x->name, y->name, n);
    return order ? order : (x->length > y->length) - (x->length < y->length);
}

static bool object_sorted(struct buf *out, const json_t *object)
{
    json_t *value; /* jansson iterates only over non-const objects; nothing is changed */
    const char *name;
    size_t length = 0, n = 0, size = json_object_size(object);
    struct member *members = calloc(size ? size : 1, sizeof *members);
    if (!members) {
        out->overflow = true;
        return false;
    }
    for (void *at = json_object_iter((json_t *)(uintptr_t)object); at;
         at = json_object_iter_next((json_t *)(uintptr_t)object, at)) {
        name = json_object_iter_key(at);
        length = json_object_iter_key_len(at);
        value = json_object_iter_value(at);
        members[n++] = (struct member){.name = name, .length = length, .value = value};
    }
    qsort(members, n, sizeof *members, by_name);
    buf_byte(out, '{');
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_byte(out, ',');
        jsontext_string(out, (struct str){.p = members[i].name, .n = members[i].length});
        buf_byte(out, ':');
        jsontext_value(out, members[i].value);
    }
    free(members);
    return buf_byte(out, '}');
}

bool jsontext_value(struct buf *out, const json_t *value)
{
    if (out->overflow)
        return false;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return object_sorted(out, value);
    case JSON_ARRAY:
        buf_byte(out, '[');
        for (size_t i = 0; i < json_array_size(value); i++) {
            if (i)
                buf_byte(out, ',');
            jsontext_value(out, json_array_get(value, i));
        }
        return buf_byte(out, ']');
    case JSON_STRING:
        return jsontext_string(
            out, (struct str){.p = json_string_value(value), .n = json_string_length(value)});
    case JSON_INTEGER:
        return jsontext_integer(out, json_integer_value(value));
    case JSON_REAL:
        return jsontext_number(out, json_real_value(value));
    case JSON_TRUE:
        return buf_text(out, "true");
    case JSON_FALSE:
        return buf_text(out, "false");
    case JSON_NULL:
        break;
    }
    return buf_text(out, "null");
}
