/* gather: what one subscriber is due of one tick, as the pieces of one write.
 *
 * The pieces end with the tick's position, in the last piece: where there is one piece, its own.
 * Who is not to be told a position has none, and perhaps no piece at all. */
#pragma once

#include "delivery/roster.h"
#include "delivery/subscriber.h"
#include "delivery/tick.h"
#include "net/server.h"

#include <stdbool.h>
#include <stdint.h>

enum { GATHER_PIECES = 256 }; /* who is due for more catches up by a round */

struct gather {
    struct piece pieces[GATHER_PIECES];
    uint64_t notices[GATHER_PIECES]; /* number of the last notice in each piece, 0: none */
    uint32_t places[GATHER_PIECES];  /* whose they are */
    unsigned n;
    bool ends; /* the stream is to end, some time after this */
    bool full; /* there would be more: nothing of it may be sent */
};

/* `position` is the tick's position event in the subscriber's format, NULL: not for this one.
 * `stamp` is new for each call. */
void gather_tick(struct gather *gather, const struct tick *tick, struct roster *roster,
                 const struct subscriber *subscriber, struct blob *position, uint64_t stamp);
