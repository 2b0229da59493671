/* catchup: a subscriber's way from a position to now: what it asks the hub for, and the answer.
 *
 * Travels as a mail (MAIL_ASK there, MAIL_ANSWER back), so a subscriber that is behind owns this
 * one allocation, whichever side has it. Names are copied: scopes may come and go meanwhile. */
#pragma once

#include "base/blob.h"
#include "delivery/format.h"
#include "delivery/subscriber.h"
#include "hub/round.h"
#include "net/mailbox.h"

#include <stdbool.h>
#include <stdint.h>

/* Instead of a position in the `since` of a hello's scopes. */
#define CATCHUP_FRESH (UINT64_MAX - 1) /* not held before: nothing is promised about the past */
#define CATCHUP_LOST  UINT64_MAX       /* of another epoch, or unreadable: answered by a reset */

/* A subscriber's way from a position to now: the round of hub/round.h, and what it asks for.
 * Held by the subscriber while its answer is being sent, by the hub while it is asked. */
struct catchup {
    struct mail mail;
    unsigned worker;
    uint64_t conn;
    enum format format;
    bool hello;   /* the answer begins with `ready` for the scopes from `first_added` on … */
    bool whole;   /* … or for all of them */
    bool unsent;  /* answered while something else was in flight */
    bool ends;    /* a reset that this format says by the end of the stream */
    bool done;    /* the round is over, and the blob ends with its target's position … */
    uint64_t pin; /* … unless that is above this: something is withheld */
    struct round round;
    struct blob *blob;    /* the answer; in the first ask the response head, with which it begins */
    uint32_t n_scopes;    /* those that the subscriber holds */
    uint32_t first_added; /* n_scopes where none is new; the others go on from the round's `from` */
    uint32_t n;           /* with their families behind them */
    struct round_scope scopes[]; /* names point behind the array */
};

/* Of the subscriber's scopes, then their distinct families, then "*". Scopes that were added since
 * the last one will be greeted by it; the others go on from `from`. `stamp` is new for each call.
 */
struct catchup *catchup_new(struct subscriber *subscriber, unsigned worker, uint64_t from,
                            uint64_t stamp);
/* NULL is allowed. */
void catchup_free(struct catchup *catchup);
