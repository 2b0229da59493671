/* stragglers: the subscribers of a delivery thread that are behind, and how each comes back to
 * where the others are: by rounds (hub/round.h), one question and one answer at a time.
 *
 * Who is LIVE is no business of this; who opens, or whose write was cut, is, until it is LIVE again
 * (the states are drawn in subscriber.h).
 *
 * What always holds:
 *  1. A straggler has one catchup, or is about to: at the hub (OPENING, ASKING), being sent
 *     (SENDING), or waiting for what is in flight (CUT). Nothing else is queued for it.
 *  2. Its position is what was granted to it: everything up to there was sent, of every scope that
 *     it holds and that `ready` has named. It moves to a round's target when the answer that says
 *     so was taken whole.
 *  3. It is LIVE again when a round has ended, no scope waits to be greeted, and no tick after the
 *     target touched what it holds. Else another round begins.
 *  4. An answer that speaks of a scope whose right ended meanwhile (narrowed) is thrown away, as
 *     long as nothing of it was written; the round begins anew without it.
 *
 * Thread: the delivery thread's. Owner: the crowd. Subscribers must be taken off by
 * stragglers_leave before they go. */
#pragma once

#include "base/buf.h"
#include "delivery/catchup.h"
#include "delivery/gather.h"
#include "delivery/roster.h"
#include "delivery/subscriber.h"
#include "delivery/tick.h"
#include "net/mailbox.h"

#include <stdint.h>

struct stragglers_options {
    unsigned worker;
    struct roster *roster;
    void *ctx;
    /* To the hub; it comes back to stragglers_answer. */
    void (*post)(void *ctx, struct mail *mail);
    /* Writes the event `position` in the words of that format. */
    void (*say_position)(void *ctx, enum format format, uint64_t position, struct buf *out);
};

struct stragglers {
    struct stragglers_options _options;
    unsigned n;            /* now */
    uint64_t cuts, rounds; /* since the start */
};

void stragglers_init(struct stragglers *stragglers, const struct stragglers_options *options);

/* A stream that is OPENING and has its seats, at least one. Takes `head`, which goes in front of
 * its `ready`; NULL: it was sent. */
void stragglers_open(struct stragglers *stragglers, struct subscriber *subscriber,
                     struct blob *head);
/* It is LIVE and idle, has everything up to `position`, and scopes that are to be greeted. */
void stragglers_ask(struct stragglers *stragglers, struct subscriber *subscriber,
                    uint64_t position);
/* It is LIVE, and what is in flight will have granted `position`; goes on when that is out. */
void stragglers_cut(struct stragglers *stragglers, struct subscriber *subscriber,
                    uint64_t position);
/* The same, where of the pieces of a tick those up to `fell` will arrive. */
void stragglers_cut_in(struct stragglers *stragglers, struct subscriber *subscriber,
                       const struct tick *tick, const struct gather *gather, unsigned fell);
/* MAIL_ANSWER for it; takes it. */
void stragglers_answer(struct stragglers *stragglers, struct subscriber *subscriber,
                       struct catchup *catchup);
/* What was in flight is out, or nothing was. Also to be called of who is LIVE, with all up to
 * `ticked`: scopes may wait to be greeted. */
void stragglers_writable(struct stragglers *stragglers, struct subscriber *subscriber,
                         uint64_t ticked);
/* The connection is gone, in whatever state; it has no catchup any more. What is at the hub comes
 * back and finds nobody. */
void stragglers_leave(struct stragglers *stragglers, struct subscriber *subscriber);
