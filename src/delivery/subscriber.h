/* subscriber: one browser's stream; a cursor, not a queue.
 *
 *                 greeted, nothing missed
 *   OPENING ─────────────────────────────────────▶ LIVE ──────┐
 *      │ greeted, something missed                 ▲ │ cut     │ scopes added
 *      │                          round done,      │ ▼         │
 *      │                       nothing newer ┌─────┤ CUT       │
 *      ▼        answer cut                   │     │ │ drained, not all was out
 *   SENDING ◀────────────── ASKING ──────────┘     │ │         │
 *      │                      ▲ ▲ ◀────────────────┼─┴─────────┘
 *      │ drained: next step,  │ └ answer sent: next step, or newer came
 *      └──── or newer came ───┘                    │
 *      └──── drained, round done, nothing newer ───┘
 *
 * A live subscriber costs this struct and its places; everything else exists only
 * while it is behind. It owns no message: a tick that the socket does not take
 * whole makes it behind, and the hub is asked for the union of what it missed. */
#pragma once

#include "base/list.h"
#include "delivery/format.h"
#include "delivery/roster.h"
#include "net/server.h"

#include <stdint.h>

struct catchup;

#define SUBSCRIBER_UNPINNED UINT64_MAX

enum subscriber_state {
    SUBSCRIBER_OPENING, /* the hello is at the hub; nothing was sent */
    SUBSCRIBER_ASKING,  /* the catchup is at the hub */
    SUBSCRIBER_SENDING, /* an answer is in flight */
    SUBSCRIBER_LIVE,    /* has everything up to the last tick; ticks are written to it */
    SUBSCRIBER_CUT,     /* a piece of a live tick (or a heartbeat before one) is in flight */
    SUBSCRIBER_STATES
};

struct subscriber {
    struct conn *conn;
    struct roster_place *places; /* &one, or an array of its own */
    struct roster_place one;
    struct catchup *catchup; /* being sent in SENDING, to be asked in CUT (or NULL there); at the
                                hub in OPENING and ASKING */
    uint64_t position;       /* what was granted; kept up only while it is not LIVE */
    uint64_t pin;            /* no position above it is told; SUBSCRIBER_UNPINNED: none */
    uint64_t *added;   /* `since` of the last n_added places, which `ready` has not named yet */
    void *peer;        /* crowd_peer */
    uint64_t heard_at; /* ms of the loop's clock: when the peer last sent anything */
    struct list beat;  /* in the order of the next heartbeat; alone once the stream was ended */
    uint64_t beat_at;  /* ms of the loop's clock */
    uint32_t n_places, n_added;
    uint32_t opened_s;     /* of the loop's clock */
    uint16_t closing : 13; /* the close code to be sent as soon as nothing is in flight, 0: none */
    uint16_t greeting : 1; /* a `ready` is on its way from the hub */
    uint16_t ending : 1;   /* stands in the crowd's endings */
    uint16_t narrowed : 1; /* what is on its way from the hub speaks of a scope that was revoked */
    uint8_t whole : 1;     /* the next `ready` names every scope */
    uint8_t withheld : 1;  /* a scope of its client's is suspended */
    uint8_t state : 6;
    uint8_t format;
};

/* The one function that moves. A move that the table does not have is a bug of ours. */
void subscriber_move(struct subscriber *subscriber, enum subscriber_state to);

/* Takes a seat in the scope, to be greeted from `since`. One that it has already moves to the end,
 * and nobody else has to know. */
void subscriber_sit(struct subscriber *subscriber, struct roster *roster, struct str scope,
                    uint64_t since);
/* Takes one out; the caller has it now. The others keep their order: those to be greeted stay
 * last. */
struct roster_place subscriber_take(struct subscriber *subscriber, uint32_t place);
/* Something that its client holds up to `position` is withheld from here on: no position above it
 * is told until subscriber_settle finds that all was given back, and greeted. */
void subscriber_withhold(struct subscriber *subscriber, uint64_t position);
/* To be called whenever one of these may have come true: nothing is withheld any more, nothing
 * waits to be greeted. Then the pin goes. */
void subscriber_settle(struct subscriber *subscriber);
/* Of what was granted, the part that may be told. */
uint64_t subscriber_told(const struct subscriber *subscriber, uint64_t position);
/* n_places when the scope is not held. */
uint32_t subscriber_find(const struct subscriber *subscriber, struct str scope);
