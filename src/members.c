#include "members.h"

#include "admin/metrics.h"
#include "base/check.h"
#include "base/mem.h"
#include "hub/hub.h"

#include <stdlib.h>

enum {
    MEMBERS_LOOK_MS = 100,
    MEMBERS_WAIT_MS = 3000, /* so long a stream waits for the database; then 503 */
    MEMBERS_RETRY_MS = 1000,
};

#define NOT_NOW "who may read what cannot be asked of the database now; come back"

struct members {
    struct members_options options;
    struct membership *membership;
    struct source *source;
    struct arena arena; /* of the rolls */
    struct rolls rolls;
    uv_timer_t timer;
    uint64_t retry_at;
    struct list asks; /* MAIL_ASK of an open transaction */
    bool failing;     /* said so in the log */
};

struct waiting {
    struct membership_waiter waiter;
    struct mail_member *mail;
};

/* ---- what the table says ---- */

static void on_ask(void *ctx, struct roll_question *question)
{
    struct members *members = ctx;
    if (members->source) {
        members->source->ops->ask(members->source, question);
        return;
    }
    /* Where no table says who may read what any more, nobody may by one. */
    const struct roll_answer none = {.ok = members->rolls.n == 0,
                                     .exact = members->rolls.n == 0,
                                     .why = "there is no database to be asked"};
    membership_answer(members->membership, question, &none);
}

static void on_tell(void *ctx, struct str user, struct str scope, enum membership_news news)
{
    static const enum mail_right_kind kinds[MEMBERSHIP_NEWS] = {
        [MEMBERSHIP_GRANTED] = MAIL_RIGHT_GRANTED,
        [MEMBERSHIP_SUSPENDED] = MAIL_RIGHT_SUSPENDED,
        [MEMBERSHIP_RESUMED] = MAIL_RIGHT_RESUMED,
        [MEMBERSHIP_RENEWED] = MAIL_RIGHT_RENEWED,
        [MEMBERSHIP_REVOKED] = MAIL_RIGHT_REVOKED};
    struct members *members = ctx;
    for (unsigned i = 0; i < members->options.workers; i++)
        members->options.send(members->options.ctx, i,
                              &mail_right_new(kinds[news], user, scope)->mail);
}

static void reply(struct members *members, struct membership_waiter *waiter)
{
    struct waiting *waiting = (struct waiting *)waiter;
    struct mail_member *mail = waiting->mail;
    free(waiting);
    if (members->options.workers == 0) { /* they are gone */
        mail_free(&mail->mail);
        return;
    }
    mail->mail.kind = MAIL_ADMITTED;
    members->options.send(members->options.ctx, mail->worker, &mail->mail);
}

static void on_admit(void *ctx, struct membership_waiter *waiter, const struct str *scopes,
                     size_t n)
{
    struct mail_member *mail = ((struct waiting *)waiter)->mail;
    mail->admitted = true;
    for (size_t i = 0; i < n; i++) {
        buf_str(&mail->scopes, scopes[i]);
        buf_byte(&mail->scopes, '\0');
    }
    reply(ctx, waiter);
}

static void on_refuse(void *ctx, struct membership_waiter *waiter, const char *why)
{
    reply(ctx, waiter);
}

/* ---- what the engine tells ---- */

static void touch(struct members *members, const struct roll_touch *touch)
{
    struct membership *membership = members->membership;
    struct str user = buf_slice(&touch->user), scope = buf_slice(&touch->scope);
    if (touch->any_user && touch->any_scope)
        membership_touch_all(membership);
    else if (touch->any_user)
        membership_touch_scope(membership, scope);
    else if (touch->any_scope)
        membership_touch_user(membership, user);
    else
        membership_touch(membership, user, scope, touch->lost);
}

static bool on_change(void *ctx, const struct change *change)
{
    struct members *members = ctx;
    bool known = false;
    for (size_t i = 0; i < members->rolls.n; i++) {
        struct roll_touch touches[2];
        size_t n = roll_touches(&members->rolls.items[i], change, touches);
        known = known || str_equal(members->rolls.items[i].table, change->resource);
        for (size_t k = 0; k < n; k++)
            touch(members, &touches[k]);
        roll_untouch(touches);
    }
    return known;
}

static void on_gap(void *ctx, struct str resource)
{
    struct members *members = ctx;
    for (size_t i = 0; i < members->rolls.n; i++) {
        if (resource.n && !str_equal(resource, members->rolls.items[i].table))
            continue;
        membership_touch_all(members->membership);
        return;
    }
}

/* A source that does not capture does not hear either that a right ends. */
static void on_current(void *ctx, struct source *source, bool current)
{
    struct members *members = ctx;
    if (source != members->source)
        return;
    if (current)
        membership_retry(members->membership);
    else if (members->rolls.n)
        membership_touch_all(members->membership);
}

static void on_answered(void *ctx, struct source *source, struct roll_question *question,
                        const struct roll_answer *answer)
{
    struct members *members = ctx;
    if (!answer->ok && !members->failing)
        log_warn(members->options.log, "members",
                 "%s: who may read what cannot be asked (%s): its scopes are suspended, and new "
                 "streams wait or get 503",
                 source->name, answer->why);
    else if (answer->ok && members->failing)
        log_info(members->options.log, "members", "%s: who may read what is known again",
                 source->name);
    members->failing = !answer->ok;
    membership_answer(members->membership, question, answer);
}

static void on_flush(void *ctx, bool all)
{
    struct members *members = ctx;
    membership_flush(members->membership, all);
    LIST_EACH (node, &members->asks) {
        list_remove(node);
        exchange_mail(members->options.exchange, LIST_ITEM(node, struct mail, node));
    }
}

struct engine_listener members_listener(struct members *members)
{
    return (struct engine_listener){.ctx = members,
                                    .change = on_change,
                                    .gap = on_gap,
                                    .current = on_current,
                                    .answered = on_answered,
                                    .flush = on_flush};
}

/* ---- time ---- */

static void on_timer(uv_timer_t *timer)
{
    struct members *members = timer->data;
    uint64_t now = uv_now(members->options.loop);
    membership_expire(members->membership, now, NOT_NOW);
    if (now < members->retry_at)
        return;
    members->retry_at = now + MEMBERS_RETRY_MS;
    membership_retry(members->membership);
}

/* ---- mails ---- */

static void join(struct members *members, struct mail_member *mail)
{
    struct waiting *waiting = mem_new(sizeof *waiting);
    waiting->mail = mail;
    waiting->waiter.until = uv_now(members->options.loop) + MEMBERS_WAIT_MS;
    membership_join(members->membership, mail->user, &waiting->waiter);
}

void members_mail(struct members *members, struct mail *mail)
{
    switch (mail->kind) {
    case MAIL_MEMBER:
        join(members, (struct mail_member *)mail);
        break;
    case MAIL_MEMBER_LEFT: {
        struct mail_user *left = (struct mail_user *)mail;
        membership_leave(members->membership, (struct str){.p = left->user, .n = left->n});
        free(mail);
        break;
    }
    default:
        CHECK(mail->kind == MAIL_ASK);
        if (hub_open(members->options.hub) && members->rolls.n)
            list_push_back(&members->asks, &mail->node);
        else
            exchange_mail(members->options.exchange, mail);
    }
}

/* ---- coming and going ---- */

enum { ROLLS_MEMORY = 4 << 20 };

struct members *members_new(const struct members_options *options)
{
    struct members *members = mem_new(sizeof *members);
    const struct membership_sink sink = {
        .ctx = members, .ask = on_ask, .tell = on_tell, .admit = on_admit, .refuse = on_refuse};
    members->options = *options;
    members->membership = membership_new(&sink, options->seed);
    list_init(&members->asks);
    arena_init(&members->arena, ROLLS_MEMORY);
    uv_timer_init(options->loop, &members->timer);
    members->timer.data = members;
    return members;
}

void members_set_source(struct members *members, struct source *source, const struct rolls *rolls)
{
    static const struct rolls none = {0};
    rolls = rolls ? rolls : &none;
    bool same = source && rolls_equal(&members->rolls, rolls);
    members->source = source && source->ops->ask && rolls->n ? source : NULL;
    if (!same && source) {
        arena_free(&members->arena);
        arena_init(&members->arena, ROLLS_MEMORY);
        members->rolls = rolls_copy(rolls, &members->arena);
        membership_touch_all(members->membership);
        /* Before the threads look at everybody under the new settings: where there are no tables
         * any more, who was admitted by them leaves then. */
        membership_flush(members->membership, false);
    }
    if (members->source) {
        uv_timer_start(&members->timer, on_timer, MEMBERS_LOOK_MS, MEMBERS_LOOK_MS);
        membership_retry(members->membership);
    }
}

void members_close(struct members *members)
{
    if (members)
        uv_close((uv_handle_t *)&members->timer, NULL);
}

void members_free(struct members *members)
{
    if (!members)
        return;
    members->options.workers = 0;
    membership_free(members->membership);
    LIST_EACH (node, &members->asks)
        mail_free(LIST_ITEM(node, struct mail, node));
    arena_free(&members->arena);
    free(members);
}

void members_metrics(const struct members *members, struct buf *out)
{
    struct membership_stats stats;
    if (!members)
        return;
    membership_stats(members->membership, &stats);
    const struct metrics_row rows[] = {
        {"unstale_members", METRICS_GAUGE, stats.members,
         "Users with an open stream whose rights are asked of the database (auth: membership)."},
        {"unstale_members_pending", METRICS_GAUGE, stats.pending,
         "Of them those of whom nothing is known yet."},
        {"unstale_members_suspended", METRICS_GAUGE, stats.suspended,
         "Of them those with a right that is being asked about again."},
        {"unstale_members_waiting", METRICS_GAUGE, stats.waiting,
         "Streams that wait for the database to be let in."},
        {"unstale_members_scopes", METRICS_GAUGE, stats.rights, "Rights of all of them."},
        {"unstale_membership_questions_total", METRICS_COUNTER, stats.questions,
         "Questions to the database what a user may read."},
        {"unstale_membership_failures_total", METRICS_COUNTER, stats.failures,
         "Of them those that were not answered."},
        {"unstale_membership_admitted_total", METRICS_COUNTER, stats.admitted,
         "Streams let in after their user's rights were known."},
        {"unstale_membership_refused_total", METRICS_COUNTER, stats.refused,
         "Streams refused with 503, since the rights were not known in time."},
    };
    const char *name = "unstale_membership_rights_total";
    metrics_rows(out, rows, sizeof rows / sizeof rows[0]);
    metrics_family(out, name, METRICS_COUNTER, "What delivery threads were told of a right.");
    for (unsigned i = 0; i < MEMBERSHIP_NEWS; i++)
        metrics_labelled(out, name, "news", str_of(membership_news_name((enum membership_news)i)),
                         stats.news[i]);
}
