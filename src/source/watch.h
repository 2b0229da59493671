/* watch: what a database source must record, in plain words.
 *
 * The roof fills it from the rules; sources do not know rules. Owned by the
 * caller; a source copies what it keeps. */
#pragma once

#include "base/arena.h"
#include "base/str.h"
#include "model/place.h"
#include "model/roll.h"

#include <stdbool.h>
#include <stddef.h>

struct watch_column {
    struct str name;
    bool value;      /* old and new value are needed */
    bool differs;    /* only whether an update changed it */
    bool scope;      /* a scope depends on it */
    bool data;       /* the value is only sent along: a source that must not carry rows leaves it */
    struct place at; /* in the configuration, for "no such column" */
};

struct watch_table {
    struct str table;
    struct str name; /* what it is called on the wire; perhaps the same */
    struct place at;
    struct watch_column *columns; /* the id columns among them */
    size_t n_columns;
    struct str *id; /* columns of `id:`; none: the table's primary key is recorded */
    size_t n_id;
};

struct watch {
    struct watch_table *tables;
    size_t n_tables;
    bool every_table; /* a "*" rule: tables without a rule of their own are watched too, by primary
                         key alone */
};

/* All memory is the arena's, whose maximum it must not pass. */
struct watch watch_copy(const struct watch *watch, struct arena *arena);
/* Adds the tables of the rolls, with a rule or without. Names are the rolls'. False: the arena is
 * full. */
bool watch_rolls(struct watch *watch, const struct rolls *rolls, struct arena *arena);
