#include "source/sqltext.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* As SQLite: every byte above ASCII belongs to a name. */
static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' ||
           c == '$' || (unsigned char)c >= 0x80;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* White space and comments. */
static size_t blank(struct str text)
{
    size_t i = 0;
    while (i < text.n) {
        if (is_space(text.p[i])) {
            i++;
        } else if (i + 1 < text.n && text.p[i] == '-' && text.p[i + 1] == '-') {
            while (i < text.n && text.p[i] != '\n')
                i++;
        } else if (i + 1 < text.n && text.p[i] == '/' && text.p[i + 1] == '*') {
            i += 2;
            while (i + 1 < text.n && !(text.p[i] == '*' && text.p[i + 1] == '/'))
                i++;
            i = i + 1 < text.n ? i + 2 : text.n;
        } else {
            break;
        }
    }
    return i;
}

/* Length of what begins with a quote: a doubled quote stands for itself. */
static size_t quoted(struct str text, char end)
{
    size_t i = 1;
    while (i < text.n) {
        if (text.p[i] != end)
            i++;
        else if (end != ']' && i + 1 < text.n && text.p[i + 1] == end)
            i += 2;
        else
            return i + 1;
    }
    return text.n;
}

static struct sqltext_token cut(struct str *rest, enum sqltext_kind kind, size_t n)
{
    struct sqltext_token token = {.kind = kind, .text = {.p = rest->p, .n = n}};
    *rest = str_from(*rest, n);
    return token;
}

struct sqltext_token sqltext_next(struct str *rest)
{
    *rest = str_from(*rest, blank(*rest));
    if (rest->n == 0)
        return (struct sqltext_token){.kind = SQLTEXT_END};
    char c = rest->p[0];
    if (c == '\'')
        return cut(rest, SQLTEXT_STRING, quoted(*rest, '\''));
    if ((c == 'x' || c == 'X') && rest->n > 1 && rest->p[1] == '\'')
        return cut(rest, SQLTEXT_STRING, 1 + quoted(str_from(*rest, 1), '\''));
    if (c == '"' || c == '`')
        return cut(rest, SQLTEXT_QUOTED, quoted(*rest, c));
    if (c == '[')
        return cut(rest, SQLTEXT_QUOTED, quoted(*rest, ']'));
    if (is_digit(c) || (c == '.' && rest->n > 1 && is_digit(rest->p[1]))) {
        size_t n = 1;
        while (n < rest->n && (is_name(rest->p[n]) || rest->p[n] == '.' ||
                               ((rest->p[n] == '+' || rest->p[n] == '-') &&
                                lower(rest->p[n - 1]) == 'e' && lower(rest->p[1]) != 'x')))
            n++;
        return cut(rest, SQLTEXT_NUMBER, n);
    }
    if (is_name(c)) {
        size_t n = 1;
        while (n < rest->n && is_name(rest->p[n]))
            n++;
        return cut(rest, SQLTEXT_WORD, n);
    }
    return cut(rest, SQLTEXT_OTHER, 1);
}

bool sqltext_same_name(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

/* Whether the quoted token spells `name`. */
static bool spells(struct str token, struct str name)
{
    char end = token.p[0] == '[' ? ']' : token.p[0];
    size_t k = 0;
    for (size_t i = 1; i + 1 < token.n; i++) {
        if (token.p[i] == end && end != ']')
            i++; /* the second of the pair */
        if (k == name.n || lower(token.p[i]) != lower(name.p[k]))
            return false;
        k++;
    }
    return k == name.n;
}

static bool is_word(struct sqltext_token token, const char *word)
{
    return token.kind == SQLTEXT_WORD && sqltext_same_name(token.text, str_of(word));
}

static bool is_char(struct sqltext_token token, char c)
{
    return token.kind == SQLTEXT_OTHER && token.text.p[0] == c;
}

bool sqltext_mentions(struct str text, struct str name)
{
    for (;;) {
        struct sqltext_token token = sqltext_next(&text);
        if (token.kind == SQLTEXT_END)
            return false;
        if (token.kind == SQLTEXT_WORD && sqltext_same_name(token.text, name))
            return true;
        if (token.kind == SQLTEXT_QUOTED && spells(token.text, name))
            return true;
    }
}

bool sqltext_is_literal(struct str text)
{
    struct sqltext_token token = sqltext_next(&text);
    bool sign = is_char(token, '-') || is_char(token, '+');
    if (sign)
        token = sqltext_next(&text);
    bool literal = token.kind == SQLTEXT_NUMBER;
    if (!sign)
        literal = literal || token.kind == SQLTEXT_STRING || is_word(token, "null") ||
                  is_word(token, "true") || is_word(token, "false");
    return literal && sqltext_next(&text).kind == SQLTEXT_END;
}

static bool is_one_of(struct str name, const char *const *names)
{
    for (; *names; names++)
        if (sqltext_same_name(name, str_of(*names)))
            return true;
    return false;
}

bool sqltext_is_harmless(struct str expression)
{
    /* abs raises on the smallest integer, the JSON functions on what is no JSON, like and glob on
     * long patterns; what is not known may. */
    static const char *const functions[] = {
        "lower",    "upper",  "trim",   "ltrim",  "rtrim", "substr", "length",    "instr", "hex",
        "coalesce", "ifnull", "nullif", "typeof", "cast",  "iif",    "substring", NULL};
    static const char *const words[] = {"and",  "or",   "not",  "is",  "in",      "when", "then",
                                        "else", "case", "null", "end", "between", NULL};
    static const char *const refused[] = {"like",  "glob",   "match",  "regexp",
                                          "raise", "select", "exists", NULL};
    struct sqltext_token before = {.kind = SQLTEXT_END};
    for (;;) {
        struct sqltext_token token = sqltext_next(&expression);
        if (token.kind == SQLTEXT_END)
            return true;
        if (token.kind == SQLTEXT_WORD && is_one_of(token.text, refused))
            return false;
        bool call =
            is_char(token, '(') && (before.kind == SQLTEXT_WORD || before.kind == SQLTEXT_QUOTED);
        if (call && !is_one_of(before.text, functions) && !is_one_of(before.text, words))
            return false;
        /* -> and ->> read JSON. */
        if (is_char(token, '>') && is_char(before, '-'))
            return false;
        before = token;
    }
}

/* Moves behind the "(" that opens the list of a CREATE INDEX. */
static bool open_list(struct str *rest)
{
    bool on = false;
    for (;;) {
        struct sqltext_token token = sqltext_next(rest);
        if (token.kind == SQLTEXT_END)
            return false;
        if (is_word(token, "on"))
            on = true;
        if (on && is_char(token, '('))
            return true;
    }
}

/* Cuts one part of the list off; `last` when the list ends behind it. */
static bool next_part(struct str *rest, struct str *part, bool *last)
{
    *rest = str_from(*rest, blank(*rest));
    part->p = rest->p;
    const char *end = rest->p;
    unsigned depth = 0;
    for (;;) {
        struct sqltext_token token = sqltext_next(rest);
        if (token.kind == SQLTEXT_END)
            return false;
        if (depth == 0 && (is_char(token, ',') || is_char(token, ')'))) {
            *last = is_char(token, ')');
            break;
        }
        if (is_char(token, '('))
            depth++;
        else if (is_char(token, ')'))
            depth--;
        if (depth > 0 || !(is_word(token, "asc") || is_word(token, "desc")))
            end = token.text.p + token.text.n;
    }
    part->n = (size_t)(end - part->p);
    return true;
}

bool sqltext_index_part(struct str create, size_t wanted, struct str *part)
{
    if (!open_list(&create))
        return false;
    bool last = false;
    for (size_t i = 0; !last && next_part(&create, part, &last); i++)
        if (i == wanted)
            return true;
    return false;
}

struct str sqltext_index_where(struct str create)
{
    if (!open_list(&create))
        return (struct str){0};
    bool last = false;
    struct str part;
    while (!last)
        if (!next_part(&create, &part, &last))
            return (struct str){0};
    if (!is_word(sqltext_next(&create), "where"))
        return (struct str){0};
    return str_from(create, blank(create));
}

static bool quote(struct buf *out, struct str text, char mark)
{
    buf_byte(out, mark);
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == mark)
            buf_byte(out, mark);
        buf_byte(out, text.p[i]);
    }
    return buf_byte(out, mark);
}

bool sqltext_name(struct buf *out, struct str name)
{
    return quote(out, name, '"');
}

bool sqltext_string(struct buf *out, struct str text)
{
    return quote(out, text, '\'');
}
