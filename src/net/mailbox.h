/* mailbox: how one thread hands something to another. Nothing else is shared for writing.
 *
 * Posting does not wake the receiver: a sender calls mailbox_wake when it has posted what its
 * turn of the loop brought, so that many mails cost one wake-up, and on a busy machine one change
 * of threads. What was posted and not woken for waits until anybody wakes.
 *
 * Owner:    the thread of the loop it was made on; only it receives and closes.
 * Thread:   mailbox_post and mailbox_wake from any thread, also from the owner's.
 * Order:    mails of one sender arrive in the order in which they were posted; between
 *           senders there is one order, the one in which posting took the lock.
 * Ownership: posting gives the mail away; `deliver` owns what it is given.
 * Bound:    none here. Each kind of mail has its own bound (a subscriber has one ask
 *           under way, ticks wait for the slowest thread, publishes are counted). */
#pragma once

#include "base/list.h"

#include <uv.h>

struct mailbox;

/* First member of everything that is sent. `kind` is the receiver's own enum. */
struct mail {
    struct list node;
    unsigned kind;
};

struct mailbox *mailbox_new(uv_loop_t *loop, void (*deliver)(void *ctx, struct mail *mail),
                            void *ctx);
void mailbox_post(struct mailbox *box, struct mail *mail);
/* Costs next to nothing when nothing was posted since. */
void mailbox_wake(struct mailbox *box);
/* Delivers what is there, then takes its handle off the loop. What is posted from then on, by who
 * has not yet heard of the end, waits for mailbox_free. */
void mailbox_close(struct mailbox *box);
/* After the loop has run its closing callbacks, when nobody posts any more; gives what came too
 * late to `drop`. NULL is allowed. */
void mailbox_free(struct mailbox *box, void (*drop)(struct mail *mail));
