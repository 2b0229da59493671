/* yaml: one YAML document as a tree that knows where everything stands.
 *
 * What always holds of a tree that yaml_read gave:
 * - its expanded size (aliases counted as often as they are used) is at most YAML_NODES, its depth
 * at most YAML_DEPTH: walking it recursively is safe, whoever wrote the file;
 * - names in a mapping are texts and differ from each other; there are no tags and no merge keys;
 * - texts are UTF-8, NUL-terminated behind their end and have no NUL inside;
 * - `${NAME}` in values was replaced (`$${` stands for `${`), never in names, and the replacement
 * is text: it cannot add structure, and it never becomes a number, true or null in a key.
 *
 * Owner: the arena. Errors: a sentence, and the place that it is about. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "model/place.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    YAML_BYTES = 1024 * 1024, /* of the text */
    YAML_DEPTH = 32,
    YAML_NODES = 50000,
    YAML_NAMES = 4096,             /* in one mapping */
    YAML_ANCHORS = 256,            /* in the document */
    YAML_VARIABLES = 1024 * 1024,  /* bytes that variables may add, in total */
    YAML_MEMORY = 32 * 1024 * 1024 /* more than a tree within these bounds takes */
};

enum yaml_kind { YAML_TEXT, YAML_LIST, YAML_MAP };

struct yaml {
    enum yaml_kind kind;
    struct place at;
    struct str text; /* TEXT */
    bool plain;      /* TEXT: unquoted and without a variable: may be a number, true, null */
    struct yaml_entry *first; /* LIST, MAP */
    size_t n;                 /* entries */
    size_t weight;            /* nodes in it, itself included */
    unsigned height;          /* 1 for a text or something empty */
};

struct yaml_entry {
    struct str name; /* MAP */
    struct place at; /* of the name in a MAP, of the value in a LIST */
    struct yaml *value;
    struct yaml_entry *next;
};

/* The value of an environment variable, or NULL. */
typedef const char *yaml_variable(void *ctx, const char *name);

/* NULL with `at` and `err`. An empty document is an empty MAP. `arena` needs YAML_MEMORY. */
struct yaml *yaml_read(struct str text, yaml_variable *variable, void *ctx, struct arena *arena,
                       struct place *at, struct err *err);

/* What a plain text means by YAML 1.2's core schema, as far as JSON knows it. */
bool yaml_is_null(const struct yaml *node);
bool yaml_is_bool(const struct yaml *node, bool *value);
/* In the grammar of JSON numbers. */
bool yaml_is_number(const struct yaml *node);
