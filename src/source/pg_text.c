#include "source/pg_text.h"

#include "source/sqltext.h"

static bool quoted(struct buf *out, struct str text, char quote, char escape)
{
    buf_byte(out, quote);
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == quote || text.p[i] == escape)
            buf_byte(out, text.p[i]);
        buf_byte(out, text.p[i]);
    }
    return buf_byte(out, quote);
}

bool pg_text_table(struct buf *out, struct str schema, struct str name)
{
    sqltext_name(out, schema);
    buf_byte(out, '.');
    return sqltext_name(out, name);
}

bool pg_text_string(struct buf *out, struct str text)
{
    /* A backslash is one only in E'', whatever the session thinks. */
    bool escapes = str_index(text, '\\') < text.n;
    if (escapes)
        buf_byte(out, 'E');
    return quoted(out, text, '\'', escapes ? '\\' : '\'');
}

bool pg_text_body(struct buf *out, struct str text)
{
    char tag[32] = "$unstale$";
    size_t n = strlen(tag);
    while (text.n && memmem(text.p, text.n, tag, n) && n + 2 < sizeof tag) {
        tag[n - 1] = '_';
        tag[n++] = '$';
    }
    buf_text(out, tag);
    buf_str(out, text);
    return buf_text(out, tag);
}
