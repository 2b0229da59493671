#include "delivery/subscriber.h"

#include "base/check.h"
#include "base/mem.h"

#include <stdlib.h>

#define MAY(state) (1u << SUBSCRIBER_##state)

static const unsigned may_follow[SUBSCRIBER_STATES] = {
    [SUBSCRIBER_OPENING] = MAY(LIVE) | MAY(ASKING) | MAY(SENDING),
    [SUBSCRIBER_ASKING] = MAY(SENDING) | MAY(LIVE) | MAY(ASKING),
    [SUBSCRIBER_SENDING] = MAY(ASKING) | MAY(LIVE),
    [SUBSCRIBER_LIVE] = MAY(CUT) | MAY(ASKING),
    [SUBSCRIBER_CUT] = MAY(ASKING) | MAY(LIVE),
};

void subscriber_move(struct subscriber *subscriber, enum subscriber_state to)
{
    CHECK(may_follow[subscriber->state] & (1u << to));
    subscriber->state = to & 0x3f;
}

/* Makes room for one more place, the last one, which is to be greeted from `since`; says which it
 * is. The caller fills it. */
static uint32_t put(struct subscriber *subscriber, uint64_t since)
{
    uint32_t n = subscriber->n_places++;
    if (n == 0) {
        subscriber->places = &subscriber->one;
    } else {
        bool inlined = subscriber->places == &subscriber->one;
        struct roster_place *places =
            mem_grow(inlined ? NULL : subscriber->places, (n + 1) * sizeof *places);
        if (inlined)
            places[0] = subscriber->one;
        subscriber->places = places;
    }
    subscriber->added =
        mem_grow(subscriber->added, (subscriber->n_added + 1) * sizeof *subscriber->added);
    subscriber->added[subscriber->n_added++] = since;
    return n;
}

struct roster_place subscriber_take(struct subscriber *subscriber, uint32_t place)
{
    uint32_t first_added = subscriber->n_places - subscriber->n_added;
    struct roster_place taken = subscriber->places[place];
    subscriber->n_places--;
    for (uint32_t i = place; i < subscriber->n_places; i++) {
        subscriber->places[i] = subscriber->places[i + 1];
        subscriber->places[i].scope->seats[subscriber->places[i].seat].place = i;
    }
    if (place >= first_added) {
        subscriber->n_added--;
        for (uint32_t i = place - first_added; i < subscriber->n_added; i++)
            subscriber->added[i] = subscriber->added[i + 1];
        if (subscriber->n_added == 0)
            subscriber->whole = false;
    }
    if (subscriber->n_places == 0 && subscriber->places != &subscriber->one) {
        free(subscriber->places);
        subscriber->places = &subscriber->one;
    }
    return taken;
}

void subscriber_withhold(struct subscriber *subscriber, uint64_t position)
{
    subscriber->withheld = true;
    if (position < subscriber->pin)
        subscriber->pin = position;
}

void subscriber_settle(struct subscriber *subscriber)
{
    if (!subscriber->withheld && subscriber->n_added == 0 && !subscriber->greeting)
        subscriber->pin = SUBSCRIBER_UNPINNED;
}

uint64_t subscriber_told(const struct subscriber *subscriber, uint64_t position)
{
    return position < subscriber->pin ? position : subscriber->pin;
}

uint32_t subscriber_find(const struct subscriber *subscriber, struct str scope)
{
    uint32_t i = 0;
    while (i < subscriber->n_places && !str_equal(subscriber->places[i].scope->cell.name, scope))
        i++;
    return i;
}

void subscriber_sit(struct subscriber *subscriber, struct roster *roster, struct str scope,
                    uint64_t since)
{
    uint32_t held = subscriber_find(subscriber, scope);
    if (held == subscriber->n_places) {
        uint32_t place = put(subscriber, since);
        roster_join(roster, scope, subscriber, subscriber->places, place);
        return;
    }
    struct roster_place taken = subscriber_take(subscriber, held);
    uint32_t place = put(subscriber, since);
    subscriber->places[place] = taken;
    taken.scope->seats[taken.seat].place = place;
}
