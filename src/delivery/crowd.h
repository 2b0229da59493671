/* crowd: all subscribers of one delivery thread: ticks, catch-up rounds, heartbeats.
 *
 * Thread: the delivery thread's.
 *
 * What always holds:
 *  1. A LIVE subscriber has been sent everything of its scopes up to the last tick
 *     that the crowd has finished. So its position need not be stored.
 *  2. Ticks and answers are handled in the order in which the hub sent them; an answer
 *     whose target is T is handled after tick T and before every later one.
 *  3. A subscriber gets at most one write a tick. What of it the kernel does not take makes
 *     the subscriber behind; nothing is queued for it.
 *  4. At most `crowd_budget` writes are made in one call, then input is looked at again. */
#pragma once

#include "base/hash.h"
#include "base/str.h"
#include "delivery/mails.h"
#include "net/server.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crowd;

struct crowd_options {
    unsigned worker;
    struct server *server;
    struct hash_seed seed;
    uint64_t epoch;
    uint64_t heartbeat_ms;
    uint64_t spread_ms;
    uint64_t start; /* position of the last tick before this thread began */
    void *ctx;
    /* To the hub. */
    void (*post)(void *ctx, struct mail *mail);
    /* The hub's MAIL_STOP, after everything that it sent before. */
    void (*stop)(void *ctx);
};

struct crowd *crowd_new(const struct crowd_options *options);
/* Every connection must be gone. */
void crowd_free(struct crowd *crowd);

struct crowd_scope {
    struct str name;
    uint64_t since; /* a sequence of this epoch, CATCHUP_FRESH or CATCHUP_LOST */
};

/* Makes the connection a subscriber of the scopes (checked, without repeats, at least one). `head`
 * is sent before the first event. */
void crowd_open(struct crowd *crowd, struct conn *conn, enum format format,
                const struct crowd_scope *scopes, size_t n, struct str head, uint64_t now);
/* From the server's callbacks, for connections whose user is a subscriber. */
void crowd_writable(struct crowd *crowd, struct conn *conn);
void crowd_closed(struct crowd *crowd, struct conn *conn);

/* From the hub, in order; takes the mail. */
void crowd_mail(struct crowd *crowd, struct mail *mail);
/* Handles what came from the hub; true when the budget ended before the work did. */
bool crowd_work(struct crowd *crowd);
/* Sends the heartbeats that are due; `wall_ms` is what they say. True when more are due now. */
bool crowd_beat(struct crowd *crowd, uint64_t now, uint64_t wall_ms);
/* Ends every stream: a random `retry:` within spread, then close. */
void crowd_end(struct crowd *crowd, uint64_t random);

/* Position of the last tick that everybody live has. */
uint64_t crowd_ticked(const struct crowd *crowd);
void crowd_stats(const struct crowd *crowd, struct mail_stats *stats);
