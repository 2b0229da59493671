#include "model/template.h"

static bool wrong(struct err *err, struct str text, size_t at, const char *why)
{
    enum { SHOWN = 200 }; /* enough to find it by */
    struct str shown = {.p = text.p, .n = text.n < SHOWN ? text.n : SHOWN};
    return err_set(err, "bad template \"%.*s\": %s (character %zu)", STR_ARG(shown), why, at + 1);
}

static size_t count_parts(struct str text)
{
    size_t n = 1;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '{' ? 2 : 0;
    return n;
}

/* The parts' text is cut from one copy: it is never longer than what is written. */
struct reader {
    struct str text;
    size_t at;
    char *copy;
};

static bool take_literal(struct reader *r, struct str *literal, struct err *err)
{
    *literal = (struct str){.p = r->copy};
    while (r->at < r->text.n) {
        char c = r->text.p[r->at];
        if (c == '{' || c == '}') {
            bool escaped = r->at + 1 < r->text.n && r->text.p[r->at + 1] == c;
            if (!escaped && c == '{')
                break;
            if (!escaped)
                return wrong(err, r->text, r->at,
                             "\"}\" without a \"{\" before it; write \"}}\" for a brace");
            r->at++;
        }
        *r->copy++ = c;
        literal->n++;
        r->at++;
    }
    return true;
}

static bool take_column(struct reader *r, struct str *name, struct err *err)
{
    size_t open = r->at;
    size_t close = open + 1;
    while (close < r->text.n && r->text.p[close] != '}' && r->text.p[close] != '{')
        close++;
    if (close == r->text.n)
        return wrong(err, r->text, open, "\"{\" is not closed; write \"{{\" for a brace");
    if (r->text.p[close] == '{')
        return wrong(err, r->text, close, "\"{\" inside of a name");
    *name = (struct str){.p = r->copy, .n = close - open - 1};
    if (name->n == 0)
        return wrong(err, r->text, open, "\"{}\" names nothing");
    memcpy(r->copy, r->text.p + open + 1, name->n);
    if (name->p[0] == ' ' || name->p[name->n - 1] == ' ')
        return wrong(err, r->text, open, "a name may not begin or end with a space");
    r->copy += name->n;
    r->at = close + 1;
    return true;
}

bool template_parse(struct str text, struct arena *arena, struct template *out, struct err *err)
{
    struct reader r = {.text = text, .copy = arena_alloc(arena, text.n + 1)};
    *out = (struct template){.parts = arena_alloc(arena, count_parts(text) * sizeof *out->parts)};
    if (!r.copy || !out->parts)
        return err_set(err, "there is too much of it");
    while (r.at < text.n) {
        struct template_part *part = &out->parts[out->n];
        part->is_column = text.p[r.at] == '{' && !(r.at + 1 < text.n && text.p[r.at + 1] == '{');
        if (part->is_column ? !take_column(&r, &part->text, err)
                            : !take_literal(&r, &part->text, err))
            return false;
        out->n++;
    }
    return true;
}

bool template_is_column(const struct template *template)
{
    return template->n == 1 && template->parts[0].is_column;
}

bool template_is_literal(const struct template *template)
{
    for (size_t i = 0; i < template->n; i++)
        if (template->parts[i].is_column)
            return false;
    return true;
}
