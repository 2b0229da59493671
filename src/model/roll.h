/* roll: a table of a database that says who may read what (auth.membership), and what is asked
 * of it.
 *
 * A row grants its scope to its user, where every `where` holds. Users are compared as text, byte
 * by byte, as the database writes them: who is called "07" is not user 7, whatever a column's type
 * or collation thinks.
 *
 * Plain values that somebody else owns (the configuration); pure. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "model/change.h"
#include "model/place.h"
#include "model/scope.h"
#include "model/template.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    ROLL_COLUMNS_MAX = 32, /* that one roll names */
    ROLLS_MAX = 16,
};

struct roll_where {
    struct str column;
    struct place at;
    struct str *values; /* one of them */
    size_t n;
    bool null; /* or NULL */
};

struct roll_column {
    struct str name;
    struct place at;
};

struct roll {
    struct str text;       /* of the scope's template, for people */
    struct template scope; /* over columns */
    struct str table;
    struct place at, table_at;
    struct roll_column columns[ROLL_COLUMNS_MAX]; /* the user's is the first; without repeats */
    size_t n_columns;
    struct roll_where *where;
    size_t n_where;
};

struct rolls {
    struct roll *items;
    size_t n;
};

/* The number of the column, which is added where it is new. False: there are too many. */
bool roll_column(struct roll *roll, struct str name, struct place at);

/* All memory is the arena's, whose maximum it must not pass. */
struct rolls rolls_copy(const struct rolls *rolls, struct arena *arena);
/* The same tables and conditions, in the same order? */
bool rolls_equal(const struct rolls *a, const struct rolls *b);

/* A row, its values in the order of the columns: appends the scope that it grants to `user`. False:
 * none. */
bool roll_row(const struct roll *roll, struct str user, const struct value *values,
              struct buf *scope);

/* Whose right to which scope a change may have moved. */
struct roll_touch {
    bool any_user, any_scope; /* it cannot be known */
    bool lost;                /* it may have been without it for a moment */
    struct buf user, scope;   /* empty: none, and the touch means nothing */
};

enum { ROLL_USER_MAX = 1024 };

/* How many there are: at most two (the old row and the new one), none where the change moves no
 * right. Their texts are freed by roll_untouch. */
size_t roll_touches(const struct roll *roll, const struct change *change,
                    struct roll_touch touches[2]);
void roll_untouch(struct roll_touch touches[2]);

/* ---- asking ---- */

/* A question: the scopes that `user` may read by all rolls. It is the asker's, in one source at a
 * time, until it is answered. */
struct roll_question {
    struct list node; /* the source's, while it has it */
    struct str user;
};

struct roll_answer {
    bool ok;
    /* Everything that the source handed on before was in the answer: it speaks for this moment.
     * False: it speaks for some moment since it was asked. */
    bool exact;
    const char *why; /* not ok: a sentence */
    struct str *scopes;
    size_t n;
};

enum { ROLL_SCOPES_MAX = 10000 }; /* of one user; more is not ok */
