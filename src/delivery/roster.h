/* roster: which subscribers of this thread hold which scopes.
 *
 * Thread: one delivery thread's; nothing is shared. A scope's entry exists while
 * somebody holds it, a family's while one of its scopes does. `joined` and `left`
 * are called when an entry comes and goes, so that the hub's audience stays true.
 *
 * A seat is one subscriber's place in one scope: 16 bytes in the scope's array and 16 at the
 * subscriber. Leaving moves the last seat into the hole. */
#pragma once

#include "base/hash.h"
#include "base/list.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct subscriber;
struct roster;

/* What scopes and families have in common: a name, and where the current tick has entries for it.
 */
struct roster_cell {
    uint32_t hash;
    uint32_t entries; /* how many entries the tick `tick` has for this name, from `first` on */
    uint32_t first;
    uint64_t tick; /* position of the last tick that touched it, 0: none */
    struct str name;
};

struct roster_seat {
    struct subscriber *subscriber;
    uint32_t place; /* index in the subscriber's own places */
};

struct roster_scope {
    struct roster_cell cell;
    struct roster_family *family; /* NULL for a scope without ":" */
    struct list in_family;
    struct roster_seat *seats;
    uint32_t n_seats, cap_seats;
};

struct roster_family {
    struct roster_cell cell;
    struct list scopes; /* roster_scope.in_family */
    uint64_t sent;      /* stamp of the gathering that already took it */
};

/* At the subscriber: one for each scope it holds. */
struct roster_place {
    struct roster_scope *scope;
    uint32_t seat;
};

struct roster_options {
    struct hash_seed seed;
    void *ctx;
    void (*joined)(void *ctx, struct str name);
    void (*left)(void *ctx, struct str name);
};

struct roster *roster_new(const struct roster_options *options);
/* Nobody may hold a scope any more. */
void roster_free(struct roster *roster);

/* Fills places[index]. */
void roster_join(struct roster *roster, struct str scope, struct subscriber *subscriber,
                 struct roster_place *places, uint32_t index);
/* Another subscriber may move into the seat: its place is told its new number. */
void roster_leave(struct roster *roster, struct roster_place *place);
/* The places of a subscriber, for roster_leave's renumbering. */
typedef struct roster_place *roster_places(struct subscriber *subscriber);
void roster_set_places(struct roster *roster, roster_places *places);

/* NULL when nobody here holds it. */
struct roster_scope *roster_find(const struct roster *roster, struct str scope);
struct roster_family *roster_find_family(const struct roster *roster, struct str family);
/* "*", above all. */
struct roster_family *roster_every(struct roster *roster);
/* One that no family has as its `sent`. */
uint64_t roster_stamp(struct roster *roster);
/* Every scope: start with *cursor = 0, NULL at the end. */
struct roster_scope *roster_next(const struct roster *roster, size_t *cursor);
size_t roster_scopes(const struct roster *roster);
