/* sqltext: reading and writing pieces of SQLite's SQL.
 *
 * Not a parser: it cuts text into tokens, as far as finding the expressions of a CREATE INDEX
 * needs it. Pure, no allocation; slices point into the text given. */
#pragma once

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

enum sqltext_kind {
    SQLTEXT_END,
    SQLTEXT_WORD,   /* a bare name or a keyword */
    SQLTEXT_QUOTED, /* "name", [name] or `name` */
    SQLTEXT_STRING, /* 'text' or x'00' */
    SQLTEXT_NUMBER,
    SQLTEXT_OTHER, /* one character */
};

struct sqltext_token {
    enum sqltext_kind kind;
    struct str text;
};

/* Skips white space and comments, cuts one token off `rest`. */
struct sqltext_token sqltext_next(struct str *rest);
/* Names are equal as SQLite compares them: ASCII letters without case. */
bool sqltext_same_name(struct str a, struct str b);
/* Whether the text mentions `name`, bare or quoted. */
bool sqltext_mentions(struct str text, struct str name);
/* One number, string, NULL, TRUE or FALSE: evaluating it cannot fail. */
bool sqltext_is_literal(struct str text);
/* Whether evaluating the expression can never be an error, for any row: only operators and
 * functions that are known not to raise one. */
bool sqltext_is_harmless(struct str expression);
/* From CREATE INDEX: the `wanted`-th (from 0) indexed expression, with its COLLATE but without ASC
 * or DESC. False when there is none. */
bool sqltext_index_part(struct str create, size_t wanted, struct str *part);
/* The condition of a partial index, or an empty slice. */
struct str sqltext_index_where(struct str create);

/* Appends "name" or 'text', quoted. */
bool sqltext_name(struct buf *out, struct str name);
bool sqltext_string(struct buf *out, struct str text);
