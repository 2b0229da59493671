/* guests: who the streams of a delivery thread belong to, and until when.
 *
 * Beside the crowd, since a stream without authentication has none of this. A guest that is not in
 * the table is everyone (auth: none).
 *
 * What always holds:
 *  1. A guest holds no scope that its identity may not read: what ends a right tells `revoked`,
 *     takes the scope away, and ends the stream with 4403 where none is left.
 *  2. A guest whose identity has ended is told so and closed with 4401: within a second.
 *  3. Whoever asked for a family ("project:*") follows it: what is granted later is added, with a
 *     `ready` for all that is held, which calls it reset.
 *
 * Thread: the delivery thread's. */
#pragma once

#include "base/str.h"
#include "delivery/authorizer.h"
#include "delivery/crowd.h"
#include "delivery/identity.h"
#include "delivery/quota.h"
#include "net/server.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct guests;

enum { GUESTS_TOKENS = 10, GUESTS_TOKENS_MS = 10 * 1000 };

struct guests_options {
    struct crowd *crowd;
    struct server *server;
    unsigned scopes_max; /* of one subscription */
};

struct guests *guests_new(const struct guests_options *options);
/* Every connection must be gone. */
void guests_free(struct guests *guests);

/* Takes the identity, and the seat with the quota that it is of. The crowd knows the connection.
 * `known_by`: nobody has to say by then (ms of the loop's clock) who it is. */
void guests_add(struct guests *guests, struct conn *conn, struct identity *identity,
                struct quota *quota, const struct quota_seat *seat, uint64_t known_by);
/* Before crowd_closed. */
void guests_remove(struct guests *guests, struct conn *conn);
/* Never NULL. */
const struct identity *guests_identity(const struct guests *guests, const struct conn *conn);
/* From here on scopes of the family are added as they are granted. */
void guests_follow(struct guests *guests, struct conn *conn, struct str family);
void guests_unfollow(struct guests *guests, struct conn *conn, struct str family);
/* Another identity of the same guest; takes it. Rights that it has no more end, those that it has
 * in a followed family are added. The connection may be closing afterwards. */
void guests_replace(struct guests *guests, struct conn *conn, struct identity *identity);
/* It has said who it is; what it may read is being asked. */
void guests_named(struct guests *guests, struct conn *conn);
/* May it show one more token now? Each costs a signature: GUESTS_TOKENS within GUESTS_TOKENS_MS. */
bool guests_may_show(struct guests *guests, struct conn *conn, uint64_t now);
/* A seat for who has none yet. */
void guests_seat(struct guests *guests, struct conn *conn, struct quota *quota,
                 const struct quota_seat *seat);

/* Ends those whose time is over. */
void guests_expire(struct guests *guests, uint64_t now, uint64_t wall_ms);
/* Everyone under other settings, a few at a time, since each may be a signature. Who cannot be
 * asked about now stays as he is. The authorizer lives until the next call of this. */
void guests_recheck(struct guests *guests, const struct authorizer *authorizer);
/* Goes on with that; true when there is more. */
bool guests_work(struct guests *guests);
/* Every guest of that user: a right came or went (`from`: IDENTITY_LIVE, …). */
void guests_grant(struct guests *guests, struct str user, struct str scope, unsigned from);
void guests_revoke(struct guests *guests, struct str user, struct str scope, unsigned from);
/* Not now: nothing of the scope is told until guests_resume or guests_revoke, and no position above
 * what it has (crowd_suspend). Nobody is told that it is so; resumed, a `ready` says how it goes
 * on: from where it stopped, or (`missed`: the right was gone meanwhile) with a reset. */
void guests_suspend(struct guests *guests, struct str user, struct str scope, unsigned from);
void guests_resume(struct guests *guests, struct str user, struct str scope, unsigned from,
                   bool missed);
/* It is not wanted any more, if it was suspended. */
void guests_forget(struct guests *guests, struct conn *conn, struct str scope);

void guests_stats(const struct guests *guests, struct guests_stats *stats);
