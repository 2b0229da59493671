/* membership: who is connected, and which scopes the database lets each of them read at this
 * moment of the change stream.
 *
 *              answered                 touched
 *   PENDING ─────────────▶ LIVE ──────────────────▶ SUSPENDED
 *      │                    ▲                          │
 *      └── touched: asked   └──────── answered ────────┘── touched: asked again
 *          again
 *
 * What always holds:
 *  1. First a user stands here as pending, then the database is asked, then it is live; so no
 *     change of its rights between the question and the answer goes unnoticed.
 *  2. A right that a captured change touches is taken from the delivery threads before anything
 *     of that transaction can be sent to them, and given back only by an answer.
 *  3. What is given (a right, or the admission of who waits) is given with a tick that has
 *     everything which was committed before: nobody is sent what was marked while he could not
 *     read it. Who was, or may have been, without a right for a moment gets it back with a reset.
 *  4. While the database cannot be asked, or its changes cannot be captured, nobody reads by it.
 *
 * Bounds: an entry for each user with an open stream, ROLL_SCOPES_MAX scopes of each.
 * Pure: no socket, no clock but the caller's. Thread: the hub's. */
#pragma once

#include "base/hash.h"
#include "base/list.h"
#include "base/str.h"
#include "model/roll.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct membership;

enum member_state { MEMBER_PENDING, MEMBER_LIVE, MEMBER_SUSPENDED, MEMBER_STATES };

/* What the delivery threads are told of a right. */
enum membership_news {
    MEMBERSHIP_GRANTED,
    MEMBERSHIP_SUSPENDED,
    MEMBERSHIP_RESUMED, /* it was there all the while */
    MEMBERSHIP_RENEWED, /* it is there again: with a reset */
    MEMBERSHIP_REVOKED,
    MEMBERSHIP_NEWS
};

const char *membership_news_name(enum membership_news news);

/* Who waits to be let in; the caller's, in the membership until `admit` or `refuse`. */
struct membership_waiter {
    struct list node;
    uint64_t until; /* of the caller's clock: then it is refused */
};

struct membership_sink {
    void *ctx;
    /* Asks; the question is the membership's and lives until membership_answer for it. */
    void (*ask)(void *ctx, struct roll_question *question);
    void (*tell)(void *ctx, struct str user, struct str scope, enum membership_news news);
    void (*admit)(void *ctx, struct membership_waiter *waiter, const struct str *scopes, size_t n);
    void (*refuse)(void *ctx, struct membership_waiter *waiter, const char *why);
};

struct membership *membership_new(const struct membership_sink *sink, struct hash_seed seed);
/* What waits is refused; no question may be out. */
void membership_free(struct membership *membership);

/* A stream of that user wants in. Each that was admitted leaves once. */
void membership_join(struct membership *membership, struct str user,
                     struct membership_waiter *waiter);
void membership_leave(struct membership *membership, struct str user);
/* Refuses who has waited too long. */
void membership_expire(struct membership *membership, uint64_t now, const char *why);

/* What was captured. `lost`: the right may have been gone for a moment. */
void membership_touch(struct membership *membership, struct str user, struct str scope, bool lost);
/* Everything of one user, one scope of everybody, or all of it. */
void membership_touch_user(struct membership *membership, struct str user);
void membership_touch_scope(struct membership *membership, struct str scope);
void membership_touch_all(struct membership *membership);

/* The question is the membership's again. Not ok: it stays suspended, and is asked anew by
 * membership_retry. */
void membership_answer(struct membership *membership, struct roll_question *question,
                       const struct roll_answer *answer);
void membership_retry(struct membership *membership);

/* Tells what has changed. `all`: also what is given (3); else only what is taken. */
void membership_flush(struct membership *membership, bool all);
struct membership_stats {
    size_t members, pending, suspended; /* now */
    size_t rights;                      /* live ones */
    size_t waiting;
    uint64_t questions, failures;
    uint64_t news[MEMBERSHIP_NEWS];
    uint64_t admitted, refused;
};
void membership_stats(const struct membership *membership, struct membership_stats *stats);
