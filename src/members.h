/* members: live membership at work: what the source captures and answers goes into the table
 * (auth/membership.h), what the table says goes to the delivery threads.
 *
 *   thread: MAIL_MEMBER ──▶ join ──▶ the source is asked ──▶ answered ──▶ tick ──▶ MAIL_ADMITTED
 *   source: change, gap, not current ──▶ suspended ──▶ asked ──▶ answered ──▶ tick ──▶ MAIL_RIGHT
 *
 * Order: a right that ends is told at the end of the transaction that touched it, before any tick
 * and before any answer to a subscriber that is behind (those wait here while a transaction is
 * open, since half of it stands in the index already). A right that begins is told right before
 * the tick that has everything which was committed until then.
 *
 * Thread: the hub's. */
#pragma once

#include "auth/membership.h"
#include "base/hash.h"
#include "base/log.h"
#include "delivery/exchange.h"
#include "delivery/mails.h"
#include "engine.h"
#include "model/roll.h"
#include "source/source.h"

#include <stdbool.h>
#include <uv.h>

struct members;

struct members_options {
    uv_loop_t *loop;
    struct hub *hub;
    struct exchange *exchange;
    unsigned workers;
    const struct log *log;
    struct hash_seed seed;
    void *ctx;
    void (*send)(void *ctx, unsigned worker, struct mail *mail);
};

struct members *members_new(const struct members_options *options);
/* Takes its handle off the loop. */
void members_close(struct members *members);
/* Mails that wait are freed. NULL is allowed. */
void members_free(struct members *members);

/* What the engine is to tell. */
struct engine_listener members_listener(struct members *members);
/* Who is asked from here on, and what: both live until the next call. NULL: nobody can be asked,
 * whose questions were all answered. Everything is asked anew where the rolls are other ones. */
void members_set_source(struct members *members, struct source *source, const struct rolls *rolls);

/* MAIL_MEMBER, MAIL_MEMBER_LEFT, and MAIL_ASK on its way to the exchange. */
void members_mail(struct members *members, struct mail *mail);

void members_metrics(const struct members *members, struct buf *out);
