#include "wire/cookie.h"

#include "wire/http_head.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static struct str trimmed(struct str text)
{
    while (text.n && is_space(text.p[0])) {
        text.p++;
        text.n--;
    }
    while (text.n && is_space(text.p[text.n - 1]))
        text.n--;
    return text;
}

/* cookie-octet, and what browsers let through besides: everything but controls and the semicolon
 * that ends it. */
static bool value_ok(struct str value)
{
    for (size_t i = 0; i < value.n; i++)
        if ((unsigned char)value.p[i] < 0x20 || value.p[i] == 0x7f)
            return false;
    return true;
}

bool cookie_name_ok(struct str name)
{
    return name.n && http_token(name);
}

bool cookie_next(struct str *rest, struct cookie *out)
{
    while (rest->n) {
        struct str pair = {.p = rest->p, .n = str_index(*rest, ';')};
        size_t equals = str_index(pair, '=');
        *rest = str_from(*rest, pair.n + 1);
        if (equals == pair.n)
            continue;
        out->name = trimmed((struct str){.p = pair.p, .n = equals});
        out->value = trimmed((struct str){.p = pair.p + equals + 1, .n = pair.n - equals - 1});
        if (out->value.n >= 2 && out->value.p[0] == '"' && out->value.p[out->value.n - 1] == '"')
            out->value = (struct str){.p = out->value.p + 1, .n = out->value.n - 2};
        if (cookie_name_ok(out->name) && value_ok(out->value))
            return true;
    }
    return false;
}

enum cookie_found cookie_find(struct str header, struct str name, struct str *value)
{
    enum cookie_found found = COOKIE_NONE;
    struct cookie cookie;
    *value = (struct str){0};
    while (cookie_next(&header, &cookie)) {
        if (!str_equal(cookie.name, name))
            continue;
        if (found == COOKIE_NONE) {
            found = COOKIE_ONE;
            *value = cookie.value;
        } else if (!str_equal(cookie.value, *value)) {
            found = COOKIE_DIFFERENT;
        }
    }
    return found;
}
