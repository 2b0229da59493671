#include "delivery/pass.h"

#include "base/mem.h"
#include "delivery/subscriber.h"
#include "model/scope.h"

#include <stdlib.h>

static void mark_due(struct pass *pass, struct roster_scope *scope)
{
    for (uint32_t i = 0; i < scope->n_seats; i++) {
        struct subscriber *subscriber = scope->seats[i].subscriber;
        /* Who is behind looks at the cells' ticks when its round ends. position doubles as the
         * stamp of who is due already: a live subscriber does not use it. */
        if (subscriber->state != SUBSCRIBER_LIVE || subscriber->position == pass->tick->position)
            continue;
        subscriber->position = pass->tick->position;
        if (pass->_n == pass->_cap) {
            pass->_cap = pass->_cap ? pass->_cap * 2 : 64;
            pass->_due = mem_grow(pass->_due, pass->_cap * sizeof *pass->_due);
        }
        pass->_due[pass->_n++] = conn_id(subscriber->conn);
    }
}

static void touch(struct roster_cell *cell, uint64_t tick, uint32_t entry)
{
    if (cell->tick != tick) {
        cell->tick = tick;
        cell->first = entry;
        cell->entries = 0;
    }
    cell->entries++;
}

void pass_begin(struct pass *pass, struct tick *tick, struct roster *roster)
{
    pass->tick = tick;
    for (uint32_t i = 0; i < tick->n_entries; i++) {
        struct str name = tick->entries[i].scope;
        if (str_equal(name, SCOPE_EVERY)) {
            touch(&roster_every(roster)->cell, tick->position, i);
            size_t cursor = 0;
            struct roster_scope *scope;
            while ((scope = roster_next(roster, &cursor)))
                mark_due(pass, scope);
        } else if (scope_is_family(name)) {
            struct roster_family *family = roster_find_family(roster, name);
            if (!family)
                continue;
            touch(&family->cell, tick->position, i);
            LIST_EACH (node, &family->scopes)
                mark_due(pass, LIST_ITEM(node, struct roster_scope, in_family));
        } else {
            struct roster_scope *scope = roster_find(roster, name);
            if (!scope)
                continue;
            touch(&scope->cell, tick->position, i);
            mark_due(pass, scope);
        }
    }
}

bool pass_next(struct pass *pass, uint64_t *conn)
{
    if (pass->_next == pass->_n)
        return false;
    *conn = pass->_due[pass->_next++];
    return true;
}

bool pass_is_over(const struct pass *pass)
{
    return pass->_next == pass->_n;
}

struct blob *pass_position(struct pass *pass, enum format format, const struct endpoints *endpoints,
                           uint64_t epoch)
{
    struct blob **blob = &pass->_positions[format];
    const struct position position = {.epoch = epoch, .sequence = pass->tick->position};
    if (*blob)
        return *blob;
    struct buf text = BUF_INIT(256);
    endpoints_say_position(endpoints, format, &text, position);
    *blob = blob_new(buf_slice(&text));
    buf_free(&text);
    return *blob;
}

void pass_end(struct pass *pass)
{
    for (size_t f = 0; f < FORMAT_COUNT; f++) {
        blob_unref(pass->_positions[f]);
        pass->_positions[f] = NULL;
    }
    tick_unref(pass->tick);
    pass->tick = NULL;
    pass->_n = pass->_next = 0;
}

void pass_free(struct pass *pass)
{
    pass_end(pass);
    free(pass->_due);
    pass->_due = NULL;
}
