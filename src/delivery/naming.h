/* naming: what a resource or an action of ours is called in the words of a dialect.
 *
 * A name that is listed becomes what stands there, as it stands there. Every other one is put into
 * the singular or plural of English, then into its letters:
 *
 *     tasks  --singular-->  task        service_accounts  --singular, kebab-->  service-account
 *
 * An action that is neither created, updated nor deleted, and not listed, is called as `others`
 * is, where there is one. Plain values that somebody else owns; pure. */
#pragma once

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

enum naming_number { NAMING_NUMBER_KEPT, NAMING_SINGULAR, NAMING_PLURAL };

enum naming_letters {
    NAMING_LETTERS_KEPT,
    NAMING_LOWER,
    NAMING_UPPER,
    NAMING_SNAKE,
    NAMING_KEBAB,
    NAMING_CAMEL,
    NAMING_PASCAL,
};

/* As they are written in a configuration, in the order of the two enums. */
#define NAMING_NUMBERS "as_is|singular|plural"
#define NAMING_LETTERS "as_is|lower|upper|snake|kebab|camel|pascal"

struct naming_pair {
    struct str from, to;
};

struct naming {
    unsigned number;  /* enum naming_number */
    unsigned letters; /* enum naming_letters */
    struct naming_pair *pairs;
    size_t n;
    struct str others; /* empty: none */
};

/* The action is called as `meant` is, one of ours. */
bool naming_means(const struct naming *naming, struct str action, struct str meant);
/* Appends. */
void naming_write(const struct naming *naming, struct str name, struct buf *out);
