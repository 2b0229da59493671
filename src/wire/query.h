/* query: the parameters behind "?" (WHATWG URL, application/x-www-form-urlencoded parsing,
 * except that bad percent escapes are an error instead of being kept). */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct query_param {
    struct str name, value; /* decoded, in the arena */
};

struct query {
    struct query_param *params;
    size_t n;
};

/* False with a sentence when it is malformed, has more than `max` parameters, or the arena is full.
 */
bool query_parse(struct str text, size_t max, struct arena *arena, struct query *query,
                 struct err *err);
/* The first of that name; .p NULL when there is none. */
struct str query_find(const struct query *query, const char *name);
