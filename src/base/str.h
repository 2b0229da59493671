/* str: a slice of bytes that somebody else owns.
 *
 * Not NUL-terminated, may hold any byte. The slice is valid as long as what it
 * points into; a function that keeps one says so and copies. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct str {
    const char *p;
    size_t n;
};

/* A slice of a string literal, without its NUL. */
#define STR(literal) ((struct str){.p = (literal), .n = sizeof(literal) - 1})
/* For printf: "%.*s", STR_ARG(s). */
#define STR_ARG(s) (int)(s).n, (s).p

static inline struct str str_of(const char *text)
{
    return (struct str){.p = text, .n = text ? strlen(text) : 0};
}

static inline bool str_equal(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool str_is(struct str a, const char *text)
{
    return str_equal(a, str_of(text));
}

static inline bool str_starts(struct str a, struct str prefix)
{
    return a.n >= prefix.n && (prefix.n == 0 || memcmp(a.p, prefix.p, prefix.n) == 0);
}

static inline struct str str_from(struct str a, size_t offset)
{
    return offset >= a.n ? (struct str){0} : (struct str){.p = a.p + offset, .n = a.n - offset};
}

/* Index of `c`, or a.n when it does not occur. */
static inline size_t str_index(struct str a, char c)
{
    const char *hit = a.n ? memchr(a.p, c, a.n) : NULL;
    return hit ? (size_t)(hit - a.p) : a.n;
}
