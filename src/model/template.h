/* template: text with {names} in it, as scopes, key parts and the words of a dialect are written.
 *
 *     project:{project_id}        {id}        v{major}.{minor}        {{literal}}
 *
 * "{{" and "}}" are the braces themselves. A name (in rules: a column's) is everything between
 * its braces: not empty, without braces, and not beginning or ending with a space.
 *
 * The parts and their text live in the arena given to template_parse. Literal
 * parts are never empty, and never stand next to each other. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct template_part {
    struct str text; /* the literal, its escapes undone, or the name */
    bool is_column;
};

struct template
{
    struct template_part *parts;
    size_t n; /* 0 for the empty text */
};

/* The sentence quotes the text and says where in it the mistake is. */
bool template_parse(struct str text, struct arena *arena, struct template *out, struct err *err);
/* "{id}": one name and nothing else, so that the value may keep its type. */
bool template_is_column(const struct template *template);
bool template_is_literal(const struct template *template);
