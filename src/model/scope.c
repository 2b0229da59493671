#include "model/scope.h"

#include "base/utf8.h"

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

bool scope_check(struct str scope, struct err *err)
{
    if (scope.n == 0)
        return err_set(err, "a scope may not be empty");
    if (scope.n > SCOPE_MAX)
        return err_set(err, "a scope may have %d bytes, this one has %zu", SCOPE_MAX, scope.n);
    for (size_t i = 0; i < scope.n; i++)
        if (is_control(scope.p[i]))
            return err_set(err, "a scope may not contain a control character (byte %zu is 0x%02x)",
                           i + 1, (unsigned)(unsigned char)scope.p[i]);
    if (!utf8_check(scope))
        return err_set(err, "a scope must be UTF-8 text");
    if (scope_is_family(scope))
        return err_set(err, "\"%.*s\" is a family of scopes, not a scope", STR_ARG(scope));
    return true;
}

/* A family's "*" ends it, and only its last ":" is in front of that: "a:b:*" is no family,
 * since the family of everything that begins with "a:" is "a:*". */
bool scope_is_family(struct str scope)
{
    if (str_equal(scope, SCOPE_EVERY))
        return true;
    return scope.n >= 2 && scope.p[scope.n - 1] == '*' && str_index(scope, ':') == scope.n - 2;
}

struct str scope_stem(struct str scope)
{
    if (scope_is_family(scope))
        return (struct str){.p = scope.p, .n = scope.n - 1};
    size_t colon = str_index(scope, ':');
    return colon == scope.n ? (struct str){.p = scope.p, .n = 0}
                            : (struct str){.p = scope.p, .n = colon + 1};
}

bool scope_family(struct buf *out, struct str scope)
{
    buf_str(out, scope_stem(scope));
    return buf_byte(out, '*');
}

bool scope_in_family(struct str scope, struct str family)
{
    return scope_is_family(family) && str_starts(scope, scope_stem(family)) &&
           !str_equal(scope, family);
}

static bool write_encoded(struct buf *out, struct str text)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.n && !out->overflow;) {
        char c = text.p[i];
        size_t length = utf8_length(str_from(text, i));
        if (length && c != ':' && c != '%' && c != '*' && !is_control(c)) {
            buf_add(out, text.p + i, length);
            i += length;
            continue;
        }
        unsigned char byte = (unsigned char)c;
        char escape[3] = {'%', hex[byte >> 4], hex[byte & 15]};
        buf_add(out, escape, sizeof escape);
        i++;
    }
    return !out->overflow;
}

bool scope_write_value(struct buf *out, struct value value)
{
    size_t start = out->len;
    bool ok = value.type == VALUE_TEXT || value.type == VALUE_JSON ? write_encoded(out, value.text)
                                                                   : value_write_text(out, value);
    if (!ok)
        out->len = start; /* overflow stays set: the writer sees that this scope was not written */
    return ok && out->len > start;
}
