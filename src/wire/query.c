#include "wire/query.h"

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool decode(struct str text, struct arena *arena, struct str *out, struct err *err)
{
    char *p = arena_alloc(arena, text.n + 1);
    if (!p)
        return err_set(err, "the query is too large");
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            if (text.n - i < 3 || hex(text.p[i + 1]) < 0 || hex(text.p[i + 2]) < 0)
                return err_set(err, "the query has a \"%%\" without two hexadecimal digits");
            c = (char)(hex(text.p[i + 1]) * 16 + hex(text.p[i + 2]));
            i += 2;
        }
        p[n++] = c;
    }
    *out = (struct str){.p = p, .n = n};
    return true;
}

/* The next piece that is not empty; .n 0 at the end. */
static struct str next_piece(struct str *rest)
{
    struct str piece;
    do {
        piece = (struct str){.p = rest->p, .n = str_index(*rest, '&')};
        *rest = str_from(*rest, piece.n + 1);
    } while (piece.n == 0 && rest->n);
    return piece;
}

bool query_parse(struct str text, size_t max, struct arena *arena, struct query *query,
                 struct err *err)
{
    *query = (struct query){0};
    size_t n = 0;
    struct str rest = text;
    while (next_piece(&rest).n)
        n++;
    if (n > max)
        return err_set(err, "the query has more than %zu parameters", max);
    struct query_param *params = arena_alloc(arena, (n ? n : 1) * sizeof *params);
    if (!params)
        return err_set(err, "the query is too large");
    rest = text;
    for (size_t i = 0; i < n; i++) {
        struct str piece = next_piece(&rest);
        size_t equals = str_index(piece, '=');
        if (!decode((struct str){.p = piece.p, .n = equals}, arena, &params[i].name, err) ||
            !decode(str_from(piece, equals + 1), arena, &params[i].value, err))
            return false;
    }
    *query = (struct query){.params = params, .n = n};
    return true;
}

struct str query_find(const struct query *query, const char *name)
{
    for (size_t i = 0; i < query->n; i++)
        if (str_is(query->params[i].name, name))
            return query->params[i].value;
    return (struct str){0};
}
