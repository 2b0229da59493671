/* beats: when each stream is due its next heartbeat.
 *
 * Thread: one delivery thread's. Streams with the same interval stand in one lane, in the order in
 * which they are due, so nothing is ever searched: the native ones in the first, those of each
 * endpoint in one of its own. */
#pragma once

#include "base/list.h"
#include "delivery/endpoints.h"
#include "delivery/subscriber.h"

#include <stdbool.h>
#include <stdint.h>

enum { BEATS_LANES = 1 + FORMAT_COUNT - FORMAT_NATIVE };

struct beats {
    struct list lanes[BEATS_LANES]; /* subscriber.beat */
    uint64_t native_ms;
    const struct endpoints *endpoints; /* NULL: none */
};

void beats_init(struct beats *beats, uint64_t native_ms, const struct endpoints *endpoints);
/* Of the streams of this format. */
uint64_t beats_interval(const struct beats *beats, enum format format);
/* The shortest one that a stream could have. */
uint64_t beats_shortest(const struct beats *beats);

/* Due one interval from now. It leaves by list_remove. */
void beats_add(struct beats *beats, struct subscriber *subscriber, uint64_t now);
/* One that is due at `until` or before, and which is due one interval from `now` from here on; NULL
 * when there is none. */
struct subscriber *beats_take(struct beats *beats, uint64_t until, uint64_t now);
/* The native streams are due now. */
void beats_hurry(struct beats *beats);
/* Intervals that became shorter hold from here on; longer ones after the next heartbeat. */
void beats_shorten(struct beats *beats, uint64_t now);

/* Every stream: start with a zeroed walk; the one that was given last may be removed. */
struct beats_walk {
    unsigned lane;
    struct list *next;
};
struct subscriber *beats_next(const struct beats *beats, struct beats_walk *walk);
