#include "delivery/beats.h"

#include <stddef.h>

void beats_init(struct beats *beats, uint64_t native_ms, const struct endpoints *endpoints)
{
    *beats = (struct beats){.native_ms = native_ms, .endpoints = endpoints};
    for (unsigned i = 0; i < BEATS_LANES; i++)
        list_init(&beats->lanes[i]);
}

static unsigned lane_of(enum format format)
{
    return format_is_dialect(format) ? 1 + (unsigned)(format - FORMAT_NATIVE) : 0;
}

uint64_t beats_interval(const struct beats *beats, enum format format)
{
    const struct endpoint *endpoint = endpoints_at(beats->endpoints, format);
    return endpoint && endpoint->dialect.heartbeat_ms ? endpoint->dialect.heartbeat_ms
                                                      : beats->native_ms;
}

static uint64_t lane_interval(const struct beats *beats, unsigned lane)
{
    return beats_interval(beats, lane ? (enum format)(FORMAT_NATIVE + lane - 1) : FORMAT_SSE);
}

uint64_t beats_shortest(const struct beats *beats)
{
    uint64_t shortest = beats->native_ms;
    for (unsigned lane = 1; lane < BEATS_LANES; lane++) {
        uint64_t interval = lane_interval(beats, lane);
        shortest = interval < shortest ? interval : shortest;
    }
    return shortest;
}

void beats_add(struct beats *beats, struct subscriber *subscriber, uint64_t now)
{
    unsigned lane = lane_of((enum format)subscriber->format);
    subscriber->beat_at = now + lane_interval(beats, lane);
    list_push_back(&beats->lanes[lane], &subscriber->beat);
}

struct subscriber *beats_take(struct beats *beats, uint64_t until, uint64_t now)
{
    for (unsigned lane = 0; lane < BEATS_LANES; lane++) {
        if (list_empty(&beats->lanes[lane]))
            continue;
        struct subscriber *subscriber = LIST_ITEM(beats->lanes[lane].next, struct subscriber, beat);
        if (subscriber->beat_at > until)
            continue;
        list_remove(&subscriber->beat);
        beats_add(beats, subscriber, now);
        return subscriber;
    }
    return NULL;
}

void beats_hurry(struct beats *beats)
{
    LIST_EACH (node, &beats->lanes[0])
        LIST_ITEM(node, struct subscriber, beat)->beat_at = 0;
}

void beats_shorten(struct beats *beats, uint64_t now)
{
    for (unsigned lane = 0; lane < BEATS_LANES; lane++) {
        uint64_t latest = now + lane_interval(beats, lane);
        LIST_EACH (node, &beats->lanes[lane]) {
            struct subscriber *subscriber = LIST_ITEM(node, struct subscriber, beat);
            if (subscriber->beat_at > latest)
                subscriber->beat_at = latest;
        }
    }
}

struct subscriber *beats_next(const struct beats *beats, struct beats_walk *walk)
{
    for (; walk->lane < BEATS_LANES; walk->lane++, walk->next = NULL) {
        struct list *node = walk->next ? walk->next : beats->lanes[walk->lane].next;
        if (node == &beats->lanes[walk->lane])
            continue;
        walk->next = node->next;
        return LIST_ITEM(node, struct subscriber, beat);
    }
    return NULL;
}
