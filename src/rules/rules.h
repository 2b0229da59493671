/* rules: from a change to the scopes that are told and the keys that went stale.
 *
 * Pure and immutable once compiled: rules_apply may run on any thread, needs no
 * scratch and allocates nothing but for a publisher's `data`. The answer errs on
 * the wide side only:
 *
 * - An update is looked at with its old and its new row. For each scope and entry:
 *   if no column that either depends on may differ, the row stayed; else it counts
 *   as `deleted` where it left and `created` where it came, so that
 *   `on: [created, deleted]` sees a move, and both sides are marked. A row whose
 *   id is known to have changed has moved, too.
 * - A scope that cannot be computed (a column absent, null or empty, TRUNCATE, or
 *   longer than SCOPE_MAX) becomes its family, and the key is cut before its first
 *   part with a column in it, so that no row value reaches somebody who may not
 *   see it. Where a column stands before the first ":" the family is "*".
 * - A key part that cannot be computed (absent), or with which the key would be
 *   longer than KEY_MAX or deeper than key_check allows, cuts the key before it.
 *   A null is a value there and stays null.
 * - What is not known to be the same counts as changed (`or_changed`, `changed`,
 *   moves).
 * - TRUNCATE matches every entry, whatever `on:` says.
 * - A custom action is an update by another name: `on: [updated]` does not match
 *   it, but moves, `or_changed` and derived actions do.
 *
 * {id} is the id of the row: the rule's single `id:` column if it names one, else
 * the column "id". A publisher's `id` stands in where that column is absent.
 *
 * "*" rules apply to every change, in addition to the resource's own rule; in
 * their templates only {id} (that of the resource's own rule) and columns that the
 * change happens to carry exist.
 *
 * Entity marks: an update is `updated`, and each derived action; where scope or id
 * are known to have changed it is `deleted` (without data) there and `created`
 * here. They go to known scopes only. */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "model/change.h"
#include "model/place.h"
#include "rules/spec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rules;

/* NULL with `err` (a sentence with "did you mean" where a name is near) and
 * `at` (where in the file) when the spec is wrong. */
struct rules *rules_compile(const struct rules_spec *spec, struct place *at, struct err *err);
void rules_free(struct rules *rules);
/* Equal for specs that derive the same; kept in the state file. */
uint64_t rules_hash(const struct rules *rules);

/* What a source must record. */
struct rules_column {
    struct str column;
    bool value;      /* before and after are needed */
    bool differs;    /* only whether it changed is needed */
    bool scope;      /* a scope is written with it */
    bool data;       /* its value is sent along (`data:`), and needed for nothing else */
    struct place at; /* one place that names it, for "no such column" */
};

/* The resources with a rule of their own, in order; "*" is not among them. */
size_t rules_count(const struct rules *rules);
struct str rules_resource(const struct rules *rules, size_t index, struct place *at);
bool rules_has_wildcard(const struct rules *rules);
/* What a resource's rule calls it on the wire; the resource itself where there is no `name:`. */
struct str rules_name(const struct rules *rules, struct str resource);
/* The columns that a resource's rule names, its own and those of "*" excluded:
 * fills at most `max`, returns how many there are. `id` columns are included. */
size_t rules_columns(const struct rules *rules, struct str resource, struct rules_column *out,
                     size_t max);
/* The `id:` columns of a resource; 0 when the rule gives none (then the source's
 * primary key is the id, under the field name "id" when it is one column). */
size_t rules_id_columns(const struct rules *rules, struct str resource, struct str *out,
                        size_t max);

struct rules_entity {
    struct str name; /* the resource's name on the wire */
    struct str id;   /* JSON: a string, an array of strings for several columns, empty: unknown */
    struct str action;
    struct str data; /* JSON object, or empty */
    bool has_data;   /* the rule declares `data:`: plain subscribers get it too */
};

/* Called for each answer, perhaps with repeats. Slices live until the call returns.
 * `rule` is the place of the entry in the file, for explain. */
struct rules_sink {
    void *ctx;
    void (*mark)(void *ctx, struct str scope, struct str key, uint64_t at_most_ms,
                 struct place rule);
    /* NULL where entities are not wanted. Never called for a family. */
    void (*entity)(void *ctx, struct str scope, const struct rules_entity *entity,
                   struct place rule);
};

/* Returns false when no rule knows the resource (nothing was called). */
bool rules_apply(const struct rules *rules, const struct change *change,
                 const struct rules_sink *sink);

/* The widest scopes that changes of this resource can touch: a family per
 * template with variables, the scope itself where it is literal. `resource`
 * empty: of all rules. "*" rules included. May repeat. */
void rules_families(const struct rules *rules, struct str resource,
                    void (*each)(void *ctx, struct str scope), void *ctx);
