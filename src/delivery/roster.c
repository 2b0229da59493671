#include "delivery/roster.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/table.h"
#include "model/scope.h"

#include <stdlib.h>

struct roster {
    struct roster_options options;
    roster_places *places;
    struct table scopes;
    struct table families;
    struct roster_family every;
    uint64_t stamps;
};

static uint32_t cell_hash(const void *item)
{
    return ((const struct roster_cell *)item)->hash;
}

static bool cell_is(const void *item, const void *key)
{
    return str_equal(((const struct roster_cell *)item)->name, *(const struct str *)key);
}

struct roster *roster_new(const struct roster_options *options)
{
    struct roster *roster = mem_new(sizeof *roster);
    roster->options = *options;
    table_init(&roster->scopes, cell_hash);
    table_init(&roster->families, cell_hash);
    roster->every.cell.name = SCOPE_EVERY;
    list_init(&roster->every.scopes);
    return roster;
}

void roster_free(struct roster *roster)
{
    if (!roster)
        return;
    CHECK(roster->scopes.count == 0 && roster->families.count == 0);
    table_free(&roster->scopes);
    table_free(&roster->families);
    free(roster);
}

void roster_set_places(struct roster *roster, roster_places *places)
{
    roster->places = places;
}

static uint32_t hash_of(const struct roster *roster, struct str name)
{
    return (uint32_t)hash_bytes(roster->options.seed, name);
}

static void cell_init(struct roster *roster, struct roster_cell *cell, struct str name,
                      struct table *table)
{
    cell->hash = hash_of(roster, name);
    cell->name = (struct str){.p = mem_copy(name.p, name.n), .n = name.n};
    table_add(table, cell);
    roster->options.joined(roster->options.ctx, cell->name);
}

static void cell_free(struct roster *roster, struct roster_cell *cell, struct table *table)
{
    table_remove(table, cell);
    roster->options.left(roster->options.ctx, cell->name);
    free((char *)(uintptr_t)cell->name.p);
}

static struct roster_family *family_of(struct roster *roster, struct str scope)
{
    struct buf name = BUF_INIT(SCOPE_MAX + 2);
    scope_family(&name, scope);
    struct str family = buf_slice(&name);
    struct roster_family *found = NULL;
    if (!str_equal(family, SCOPE_EVERY)) {
        found = roster_find_family(roster, family);
        if (!found) {
            found = mem_new(sizeof *found);
            list_init(&found->scopes);
            cell_init(roster, &found->cell, family, &roster->families);
        }
    }
    buf_free(&name);
    return found;
}

static struct roster_scope *enter(struct roster *roster, struct str name)
{
    struct roster_scope *scope = roster_find(roster, name);
    if (scope)
        return scope;
    if (roster->scopes.count == 0)
        roster->options.joined(roster->options.ctx, SCOPE_EVERY);
    scope = mem_new(sizeof *scope);
    list_init(&scope->in_family);
    scope->family = family_of(roster, name);
    if (scope->family)
        list_push_back(&scope->family->scopes, &scope->in_family);
    cell_init(roster, &scope->cell, name, &roster->scopes);
    return scope;
}

static void leave(struct roster *roster, struct roster_scope *scope)
{
    list_remove(&scope->in_family);
    if (scope->family && list_empty(&scope->family->scopes)) {
        cell_free(roster, &scope->family->cell, &roster->families);
        free(scope->family);
    }
    cell_free(roster, &scope->cell, &roster->scopes);
    free(scope->seats);
    free(scope);
    if (roster->scopes.count == 0)
        roster->options.left(roster->options.ctx, SCOPE_EVERY);
}

void roster_join(struct roster *roster, struct str name, struct subscriber *subscriber,
                 struct roster_place *places, uint32_t index)
{
    struct roster_scope *scope = enter(roster, name);
    if (scope->n_seats == scope->cap_seats) {
        /* One seat is the common case by far (a scope of one user): no spare room for it. */
        scope->cap_seats = scope->cap_seats ? scope->cap_seats + scope->cap_seats / 2 + 1 : 1;
        scope->seats = mem_grow(scope->seats, scope->cap_seats * sizeof *scope->seats);
    }
    scope->seats[scope->n_seats] = (struct roster_seat){.subscriber = subscriber, .place = index};
    places[index] = (struct roster_place){.scope = scope, .seat = scope->n_seats++};
}

void roster_leave(struct roster *roster, struct roster_place *place)
{
    struct roster_scope *scope = place->scope;
    CHECK(place->seat < scope->n_seats);
    struct roster_seat last = scope->seats[--scope->n_seats];
    if (place->seat != scope->n_seats) {
        scope->seats[place->seat] = last;
        roster->places(last.subscriber)[last.place].seat = place->seat;
    }
    place->scope = NULL;
    if (scope->n_seats == 0)
        leave(roster, scope);
}

struct roster_scope *roster_find(const struct roster *roster, struct str scope)
{
    return table_find(&roster->scopes, hash_of(roster, scope), cell_is, &scope);
}

struct roster_family *roster_find_family(const struct roster *roster, struct str family)
{
    return table_find(&roster->families, hash_of(roster, family), cell_is, &family);
}

struct roster_family *roster_every(struct roster *roster)
{
    return &roster->every;
}

uint64_t roster_stamp(struct roster *roster)
{
    return ++roster->stamps;
}

struct roster_scope *roster_next(const struct roster *roster, size_t *cursor)
{
    return table_next(&roster->scopes, cursor);
}

size_t roster_scopes(const struct roster *roster)
{
    return roster->scopes.count;
}
