/* exchange: the hub thread's side of delivery: ticks become blobs, asks become answers.
 *
 * Thread: the hub's. Knows the hub and the formats, no socket and no thread: what it
 * makes is handed to `send`. A tick encodes each scope that somebody listens to once for each
 * format that anybody has used since the start, never once a subscriber.
 *
 * Backpressure: a delivery thread may have EXCHANGE_AHEAD ticks before it; while the slowest
 * has that many, no tick is cut, and what happens meanwhile merges in the index. */
#pragma once

#include "base/hash.h"
#include "delivery/endpoints.h"
#include "delivery/mails.h"
#include "hub/hub.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct exchange;

struct exchange_options {
    struct hub *hub;
    unsigned workers;
    struct hash_seed seed;
    uint64_t heartbeat_ms, spread_ms;
    const struct endpoints *endpoints; /* NULL: none */
    uint64_t now;                      /* Unix ms; from the first tick on, the last one's */
    size_t tick_bytes; /* of one tick; the scopes that no longer fit are asked for by rounds */
    void *ctx;
    void (*send)(void *ctx, unsigned worker, struct mail *mail);
};

struct exchange *exchange_new(const struct exchange_options *options);
void exchange_free(struct exchange *exchange);

/* MAIL_JOINED, MAIL_LEFT, MAIL_ASK, MAIL_TICKED: takes the mail. `worker` is the sender. */
void exchange_mail(struct exchange *exchange, struct mail *mail);
/* A tick may be cut now. */
bool exchange_ready(const struct exchange *exchange);
/* Cuts a tick if one is due (hub_tick) and sends it to every thread. */
bool exchange_tick(struct exchange *exchange, uint64_t now);
/* Why [] is laid in the transaction that is open: the reason of the resets of the next tick. */
void exchange_reason(struct exchange *exchange, const char *reason);
/* From now on, in `ready` and in resets. */
void exchange_set_limits(struct exchange *exchange, uint64_t heartbeat_ms, uint64_t spread_ms);
/* From now on; before any thread may use a new one. The list before is not looked at any more. */
void exchange_set_endpoints(struct exchange *exchange, const struct endpoints *endpoints);
/* Every thread is told; so are the `ready` events from now on. */
void exchange_current(struct exchange *exchange, bool current);

struct exchange_stats {
    size_t audience;
    uint64_t answers, hellos, resets_told, blobs, blob_bytes, left_to_rounds;
};
void exchange_stats(const struct exchange *exchange, struct exchange_stats *stats);
