/* spec: the rules as they are written, before anybody checked them.
 *
 * Plain structs that `config` fills from YAML and rules_compile reads. All text
 * is owned by whoever filled it and must outlive the compile call only. */
#pragma once

#include "base/str.h"
#include "model/place.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spec_text {
    struct str text;
    struct place at;
};

struct spec_texts {
    struct spec_text *items;
    size_t n;
};

/* A part of a key: text with {columns}, a JSON literal, or a nested array or object. */
enum spec_kind { SPEC_TEMPLATE, SPEC_LITERAL, SPEC_ARRAY, SPEC_OBJECT };

struct spec_node {
    enum spec_kind kind;
    struct place at;
    struct str text;         /* TEMPLATE: as written; LITERAL: JSON of a number, bool or null */
    struct str name;         /* of a member of an OBJECT; a plain name, a template is refused */
    struct spec_node *child; /* first child of an ARRAY or OBJECT */
    struct spec_node *next;  /* sibling */
};

/* One entry of `stale:`. */
struct spec_stale {
    struct spec_node *key; /* always an ARRAY */
    struct spec_texts on;  /* empty: every action */
    struct spec_texts or_changed;
    uint64_t at_most_ms; /* 0: not held */
    struct place at;
};

/* One entry of `actions:` name: { changed: [columns] }. */
struct spec_action {
    struct spec_text name;
    struct spec_texts changed;
};

/* One entry of `data:` sent-name: column. */
struct spec_data {
    struct spec_text name;
    struct spec_text column;
};

struct spec_rule {
    struct spec_text resource; /* the key under `rules:`; "*" for every resource */
    struct spec_text name;     /* on the wire; empty: the resource */
    struct spec_texts id;      /* columns; empty: not given */
    struct spec_texts scope;   /* templates, at least one */
    struct spec_stale *stale;
    size_t n_stale;
    struct spec_action *actions;
    size_t n_actions;
    struct spec_data *data;
    size_t n_data;
    bool changes; /* keep entity marks although there is no data */
};

struct rules_spec {
    struct spec_rule *rules;
    size_t n;
};
