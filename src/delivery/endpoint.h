/* endpoint: one entry of `endpoints:`: a path, what is said there, and which scopes its clients
 * get.
 *
 * A scope template is text with {query.NAME}, {header.NAME} and {claim.NAME} in it; values are
 * percent-encoded, so that no client can forge another scope (model/scope.h).
 *
 * Immutable once made. It is shared by the configuration it came from and by every list of
 * endpoints (delivery/endpoints.h) that has it; references are counted on the hub's thread alone,
 * or before anybody else knows it. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "delivery/dialect.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum endpoint_from { ENDPOINT_LITERAL, ENDPOINT_QUERY, ENDPOINT_HEADER, ENDPOINT_CLAIM };

struct endpoint_part {
    enum endpoint_from from;
    struct str text; /* the literal, or the name */
};

struct endpoint_scope {
    struct endpoint_part *parts;
    size_t n;
    struct str home; /* the family of all that it can be, or the scope itself without ":" */
};

struct endpoint {
    struct str path;
    struct dialect dialect;
    struct endpoint_scope *scopes;
    size_t n_scopes;
    uint64_t hash;       /* equal where the same is said about the same */
    struct arena memory; /* of all of it */
    unsigned refs;
};

/* With one reference. */
struct endpoint *endpoint_new(void);
struct endpoint *endpoint_ref(struct endpoint *endpoint);
/* NULL is allowed. */
void endpoint_unref(struct endpoint *endpoint);

/* Into the endpoint's memory; the sentence says what is wrong with the template. */
bool endpoint_parse_scope(struct endpoint *endpoint, struct str text, struct endpoint_scope *scope,
                          struct err *err);
/* The family of what a scope template with variables can become, or the text itself where it has
 * no ":" and no variable: "project:{x}" -> "project:*", "{x}" -> "*", "admin" -> "admin". `out`
 * is appended to. Also for the templates of rules. */
void endpoint_home(struct str template_text, struct buf *out);

/* What the request says; .p NULL or empty: nothing. */
typedef struct str endpoint_value(void *ctx, enum endpoint_from from, const char *name);

/* Appends the scope. False with a sentence that names what the request lacks. */
bool endpoint_write_scope(const struct endpoint *endpoint, size_t index, endpoint_value *value,
                          void *ctx, struct buf *out, struct err *err);
