#include "delivery/stragglers.h"

#include "base/check.h"
#include "delivery/mails.h"

void stragglers_init(struct stragglers *stragglers, const struct stragglers_options *options)
{
    *stragglers = (struct stragglers){._options = *options};
}

/* ---- a round begins ---- */

static struct catchup *from_here(struct stragglers *stragglers, struct subscriber *subscriber,
                                 uint64_t from)
{
    struct catchup *catchup = catchup_new(subscriber, stragglers->_options.worker, from,
                                          roster_stamp(stragglers->_options.roster));
    subscriber->greeting = catchup->hello;
    subscriber->narrowed = false;
    subscriber_settle(subscriber);
    return catchup;
}

static void ask(struct stragglers *stragglers, struct catchup *catchup)
{
    catchup->mail.kind = MAIL_ASK;
    stragglers->_options.post(stragglers->_options.ctx, &catchup->mail);
}

/* `catchup`: that one, which was made before; NULL: from its position. */
static void start_round(struct stragglers *stragglers, struct subscriber *subscriber,
                        struct catchup *catchup)
{
    subscriber_move(subscriber, SUBSCRIBER_ASKING);
    stragglers->rounds++;
    ask(stragglers, catchup ? catchup : from_here(stragglers, subscriber, subscriber->position));
}

void stragglers_open(struct stragglers *stragglers, struct subscriber *subscriber,
                     struct blob *head)
{
    stragglers->n++;
    struct catchup *catchup = from_here(stragglers, subscriber, 0);
    catchup->blob = head;
    ask(stragglers, catchup);
}

void stragglers_ask(struct stragglers *stragglers, struct subscriber *subscriber, uint64_t position)
{
    subscriber->position = position;
    stragglers->n++;
    start_round(stragglers, subscriber, NULL);
}

void stragglers_cut(struct stragglers *stragglers, struct subscriber *subscriber, uint64_t position)
{
    subscriber->position = position;
    stragglers->cuts++;
    stragglers->n++;
    subscriber_move(subscriber, SUBSCRIBER_CUT);
}

/* Where it is the last piece, nothing of this tick is missing. Otherwise a round starts from before
 * it, without the notices that were sent. */
void stragglers_cut_in(struct stragglers *stragglers, struct subscriber *subscriber,
                       const struct tick *tick, const struct gather *gather, unsigned fell)
{
    if (fell == gather->n - 1) {
        stragglers_cut(stragglers, subscriber, tick->position);
        return;
    }
    stragglers_cut(stragglers, subscriber, tick->previous);
    CHECK(subscriber->n_added == 0); /* a live one is idle only without */
    subscriber->catchup = from_here(stragglers, subscriber, subscriber->position);
    for (unsigned i = 0; i <= fell; i++)
        if (gather->notices[i])
            subscriber->catchup->scopes[gather->places[i]].notice_after = gather->notices[i];
}

/* ---- a round ends ---- */

/* Did a tick after its position touch what it holds? */
static bool touched(const struct stragglers *stragglers, const struct subscriber *subscriber)
{
    uint64_t position = subscriber->position;
    if (roster_every(stragglers->_options.roster)->cell.tick > position)
        return true;
    for (uint32_t i = 0; i < subscriber->n_places; i++) {
        const struct roster_scope *scope = subscriber->places[i].scope;
        if (scope->cell.tick > position || (scope->family && scope->family->cell.tick > position))
            return true;
    }
    return false;
}

/* Everything up to its position is with the client: live, if nothing came since. */
static void granted(struct stragglers *stragglers, struct subscriber *subscriber)
{
    if (subscriber->n_added > 0 || touched(stragglers, subscriber)) {
        start_round(stragglers, subscriber, NULL);
        return;
    }
    subscriber->position = 0; /* no tick's: see pass.c */
    subscriber_move(subscriber, SUBSCRIBER_LIVE);
    stragglers->n--;
}

/* A round without the scopes that were revoked meanwhile, from what was granted. Those that the
 * lost answer would have greeted are greeted by the next one; what was promised to them is not
 * known any more, so they are reset. */
static void start_narrowed(struct stragglers *stragglers, struct subscriber *subscriber,
                           struct catchup *catchup)
{
    subscriber->whole = subscriber->whole || (catchup->hello && catchup->whole);
    for (uint32_t i = catchup->first_added; catchup->hello && i < catchup->n_scopes; i++)
        if (subscriber_find(subscriber, catchup->scopes[i].name) < subscriber->n_places)
            subscriber_sit(subscriber, stragglers->_options.roster, catchup->scopes[i].name,
                           CATCHUP_LOST);
    catchup_free(catchup);
    start_round(stragglers, subscriber, NULL);
}

static void transmit(struct stragglers *stragglers, struct subscriber *subscriber,
                     struct catchup *catchup);

/* The round ends without its position, since something was withheld when it began; and nothing is
 * any more. */
static bool may_be_told(const struct subscriber *subscriber, const struct catchup *catchup)
{
    return catchup->round.target > catchup->pin && catchup->round.target <= subscriber->pin;
}

static void tell_target(struct stragglers *stragglers, struct subscriber *subscriber,
                        struct catchup *catchup)
{
    struct buf text = BUF_INIT(256);
    stragglers->_options.say_position(stragglers->_options.ctx, catchup->format,
                                      catchup->round.target, &text);
    catchup->pin = SUBSCRIBER_UNPINNED;
    catchup->blob = blob_new(buf_slice(&text));
    buf_free(&text);
    transmit(stragglers, subscriber, catchup);
}

/* The answer is out: the next step of the round, or its end. */
static void answered(struct stragglers *stragglers, struct subscriber *subscriber,
                     struct catchup *catchup)
{
    blob_unref(catchup->blob);
    catchup->blob = NULL;
    catchup->hello = false;
    if (subscriber->narrowed && !catchup->done) {
        start_narrowed(stragglers, subscriber, catchup);
        return;
    }
    if (!catchup->done) {
        subscriber_move(subscriber, SUBSCRIBER_ASKING);
        ask(stragglers, catchup);
        return;
    }
    if (may_be_told(subscriber, catchup)) {
        tell_target(stragglers, subscriber, catchup);
        return;
    }
    subscriber->position = catchup->round.target;
    catchup_free(catchup);
    granted(stragglers, subscriber);
}

/* Sends an answer, now or when the connection is free again. */
static void transmit(struct stragglers *stragglers, struct subscriber *subscriber,
                     struct catchup *catchup)
{
    struct conn *conn = subscriber->conn;
    catchup->unsent = conn_busy(conn);
    if (!catchup->unsent && catchup->blob->len == 0) { /* many scopes, nothing new in these */
        answered(stragglers, subscriber, catchup);
        return;
    }
    if (!catchup->unsent) {
        /* `ready` grants what all scopes have; less than before where one is added from the past.
         * Until the round is over no heartbeat may say more. */
        if (catchup->hello) {
            subscriber->position = catchup->round.from;
            subscriber->greeting = false;
            subscriber_settle(subscriber);
        }
        const struct piece piece = {.blob = catchup->blob, .to = catchup->blob->len};
        switch (conn_send(conn, &piece, 1, NULL)) {
        case CONN_SENT:
            answered(stragglers, subscriber, catchup);
            return;
        case CONN_GONE:
            catchup_free(catchup);
            return;
        case CONN_CUT:
            stragglers->cuts++;
        }
    }
    subscriber->catchup = catchup;
    if (subscriber->state != SUBSCRIBER_SENDING)
        subscriber_move(subscriber, SUBSCRIBER_SENDING);
}

void stragglers_answer(struct stragglers *stragglers, struct subscriber *subscriber,
                       struct catchup *catchup)
{
    CHECK(subscriber->state == SUBSCRIBER_OPENING || subscriber->state == SUBSCRIBER_ASKING);
    if (subscriber->narrowed && subscriber->state == SUBSCRIBER_ASKING)
        start_narrowed(stragglers, subscriber, catchup);
    else
        transmit(stragglers, subscriber, catchup);
}

void stragglers_writable(struct stragglers *stragglers, struct subscriber *subscriber,
                         uint64_t ticked)
{
    struct catchup *catchup = subscriber->catchup;
    subscriber->catchup = NULL;
    if (subscriber->state == SUBSCRIBER_SENDING && catchup->unsent && subscriber->narrowed)
        start_narrowed(stragglers, subscriber, catchup);
    else if (subscriber->state == SUBSCRIBER_SENDING && catchup->unsent)
        transmit(stragglers, subscriber, catchup);
    else if (subscriber->state == SUBSCRIBER_SENDING)
        answered(stragglers, subscriber, catchup);
    else if (subscriber->state == SUBSCRIBER_CUT && catchup && subscriber->narrowed)
        start_narrowed(stragglers, subscriber, catchup);
    else if (subscriber->state == SUBSCRIBER_CUT && catchup)
        start_round(stragglers, subscriber, catchup);
    else if (subscriber->state == SUBSCRIBER_CUT)
        granted(stragglers, subscriber);
    else if (subscriber->state == SUBSCRIBER_LIVE && subscriber->n_added > 0)
        stragglers_ask(stragglers, subscriber, ticked);
}

void stragglers_leave(struct stragglers *stragglers, struct subscriber *subscriber)
{
    if (subscriber->state != SUBSCRIBER_LIVE)
        stragglers->n--;
    catchup_free(subscriber->catchup);
    subscriber->catchup = NULL;
}
