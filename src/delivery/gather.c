#include "delivery/gather.h"

static void add_cell(struct gather *gather, const struct tick *tick, const struct roster_cell *cell,
                     enum format format, uint32_t place)
{
    if (cell->tick != tick->position)
        return;
    for (uint32_t i = cell->first; i < cell->first + cell->entries; i++) {
        const struct tick_blob *blob = tick_blob_for(&tick->entries[i], format);
        if (!blob && !tick->entries[i].ask)
            continue;
        if (!blob || tick->entries[i].ask || gather->n == GATHER_PIECES - 1) {
            gather->full = true;
            return;
        }
        gather->ends = gather->ends || blob->ends;
        gather->notices[gather->n] = blob->notice;
        gather->places[gather->n] = place;
        gather->pieces[gather->n++] = (struct piece){.blob = blob->blob, .to = blob->body};
    }
}

void gather_tick(struct gather *gather, const struct tick *tick, struct roster *roster,
                 const struct subscriber *subscriber, struct blob *position, uint64_t stamp)
{
    enum format format = (enum format)subscriber->format;
    gather->n = 0;
    gather->full = gather->ends = false;
    add_cell(gather, tick, &roster_every(roster)->cell, format, 0);
    for (uint32_t i = 0; i < subscriber->n_places; i++) {
        struct roster_scope *scope = subscriber->places[i].scope;
        add_cell(gather, tick, &scope->cell, format, i);
        if (scope->family && scope->family->sent != stamp) {
            scope->family->sent = stamp;
            add_cell(gather, tick, &scope->family->cell, format, i);
        }
    }
    if (!position)
        return;
    if (gather->n == 1) {
        gather->pieces[0].to = gather->pieces[0].blob->len;
    } else {
        gather->notices[gather->n] = 0;
        gather->places[gather->n] = 0;
        gather->pieces[gather->n++] = (struct piece){.blob = position, .to = position->len};
    }
}
