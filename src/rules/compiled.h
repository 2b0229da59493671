/* compiled: the rules as rules_apply reads them. Only for src/rules: compile.c
 * makes it, apply.c and rules.c read it.
 *
 * Every column that a rule names has a number in it, below COMPILED_COLUMNS, so
 * that a set of columns is one word: "did anything that this key depends on
 * change" is one AND. Key parts without columns are canonical JSON already.
 * Everything lives in the arena of struct rules and never changes. */
#pragma once

#include "base/arena.h"
#include "base/str.h"
#include "base/table.h"
#include "model/change.h"
#include "model/place.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    COMPILED_COLUMNS = 64, /* different columns in one rule */
    COMPILED_DERIVED = 32, /* derived actions of one rule */
};

typedef uint64_t column_set;
typedef uint64_t
    action_set; /* bit n: enum change_action n; from ACTION_DERIVED on the rule's own */

enum { ACTION_DERIVED = CHANGE_CUSTOM };

struct pattern_part {
    struct str literal;
    unsigned column;
    bool is_column;
};

struct pattern {
    struct pattern_part *parts;
    size_t n;
    column_set columns;
};

enum node_kind {
    NODE_TEXT,  /* constant: canonical JSON */
    NODE_VALUE, /* one column, which keeps its type */
    NODE_MIXED, /* a string with columns in it */
    NODE_ARRAY,
    NODE_OBJECT, /* members sorted */
};

struct node {
    enum node_kind kind;
    unsigned depth;         /* arrays and objects around it; 1 for a key's own parts */
    struct str name;        /* of an object's member: JSON with its colon */
    struct str text;        /* TEXT */
    struct pattern pattern; /* VALUE, MIXED */
    column_set columns;     /* of all that is below it */
    struct node *child, *next;
};

struct compiled_scope {
    struct pattern pattern;
    struct str family; /* what it widens to; the scope itself where it is literal */
};

struct compiled_stale {
    struct node *parts;
    column_set columns;
    bool every; /* no `on:` */
    action_set on;
    struct str *custom; /* names in `on:` that nobody declared: publishers' */
    size_t n_custom;
    column_set or_changed;
    uint64_t at_most_ms;
    struct place at;
};

struct compiled_derived {
    struct str name;
    column_set changed;
};

struct compiled_data {
    struct str name; /* JSON with its colon */
    unsigned column;
};

struct compiled_column {
    struct str name;
    struct place at;
    bool value, differs;
};

struct compiled_rule {
    struct str resource;
    struct str name; /* empty: the resource */
    struct place at;
    bool wildcard;
    bool entities;
    struct compiled_column columns[COMPILED_COLUMNS];
    size_t n_columns;
    unsigned ids[COMPILED_COLUMNS];
    size_t n_ids;
    struct compiled_scope *scopes;
    size_t n_scopes;
    struct compiled_stale *stale;
    size_t n_stale;
    struct compiled_derived *derived;
    size_t n_derived;
    struct compiled_data *data; /* sorted by name */
    size_t n_data;
};

struct rules {
    struct arena arena;
    struct compiled_rule *rules; /* in the order of the file, "*" among them */
    size_t n;
    const struct compiled_rule *wildcard; /* NULL: none */
    struct table by_resource;             /* without the wildcard */
    uint64_t hash;
};

/* NULL when no rule of its own names the resource. */
const struct compiled_rule *compiled_find(const struct rules *rules, struct str resource);
/* Of everything that changes what is derived; see digest.c. */
uint64_t compiled_hash(const struct rules *rules);
/* The rule whose `id:` says what the id of a changed row is; NULL: the column "id". `own` may be
 * NULL. */
static inline const struct compiled_rule *compiled_id_rule(const struct compiled_rule *rule,
                                                           const struct compiled_rule *own)
{
    if (rule->n_ids)
        return rule;
    return own && own->n_ids ? own : NULL;
}
