#include "auth/live.h"

#include "base/check.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/table.h"
#include "delivery/mails.h"
#include "model/scope.h"

#include <stdlib.h>

struct live {
    struct authorizer authorizer;
    const struct authorizer *inner;
    struct mailbox *to_hub;
};

/* A connection whose user the hub's thread was asked about. */
struct waiting {
    uint64_t conn;
    struct identity *identity;
};

struct desk {
    struct live *live;
    struct authorizer_desk *inner;
    unsigned worker;
    struct table waiting;
    authorizer_admitted *admitted;
    void *ctx;
};

/* ---- who waits ---- */

static uint32_t hash_of(uint64_t conn)
{
    return (uint32_t)(conn * 0x9e3779b97f4a7c15u >> 32);
}

static uint32_t hash(const void *item)
{
    return hash_of(((const struct waiting *)item)->conn);
}

static bool equal(const void *item, const void *key)
{
    return ((const struct waiting *)item)->conn == *(const uint64_t *)key;
}

/* NULL: nobody waits there (any more). */
static struct identity *take(struct desk *desk, uint64_t conn)
{
    struct waiting *waiting =
        desk->waiting.count ? table_find(&desk->waiting, hash_of(conn), equal, &conn) : NULL;
    if (!waiting)
        return NULL;
    struct identity *identity = waiting->identity;
    table_remove(&desk->waiting, waiting);
    free(waiting);
    return identity;
}

static void post(struct live *live, struct mail *mail)
{
    mailbox_post(live->to_hub, mail);
    mailbox_wake(live->to_hub);
}

/* The hub's thread forgets it. */
static void left(void *ctx, struct str user)
{
    struct mailbox *to_hub = ctx;
    mailbox_post(to_hub, &mail_user_new(MAIL_MEMBER_LEFT, user)->mail);
    mailbox_wake(to_hub);
}

/* True: *out is the answer as it stands. */
static bool complete(struct desk *desk, uint64_t conn, struct admission *admission)
{
    if (admission->answer != AUTHORIZER_YES ||
        !identity_user(admission->identity).n) /* no row is about nobody */
        return true;
    struct waiting *waiting = mem_new(sizeof *waiting);
    *waiting = (struct waiting){.conn = conn, .identity = admission->identity};
    table_add(&desk->waiting, waiting);
    post(desk->live, &mail_member_new(desk->worker, conn, identity_user(waiting->identity))->mail);
    return false;
}

static void refuse(struct admission *admission, const char *why)
{
    *admission = (struct admission){.answer = AUTHORIZER_LATER, .err = ERR_INIT};
    err_set(&admission->err, "%s", why);
}

/* ---- the desk ---- */

static void on_admitted(void *ctx, uint64_t conn, struct admission *admission)
{
    struct desk *desk = ctx;
    if (complete(desk, conn, admission))
        desk->admitted(desk->ctx, conn, admission);
}

static struct authorizer_desk *open_desk(void *ctx, const struct authorizer_place *place,
                                         authorizer_admitted *admitted, void *admitted_ctx)
{
    struct live *live = ctx;
    struct desk *desk = mem_new(sizeof *desk);
    desk->live = live;
    desk->worker = place->worker;
    desk->admitted = admitted;
    desk->ctx = admitted_ctx;
    table_init(&desk->waiting, hash);
    desk->inner = live->inner->open_desk(live->inner->ctx, place, on_admitted, desk);
    return (struct authorizer_desk *)desk;
}

static void close_desk(struct authorizer_desk *opaque)
{
    struct desk *desk = (struct desk *)opaque;
    if (!desk)
        return;
    desk->live->inner->close_desk(desk->inner);
    size_t cursor = 0;
    struct waiting *waiting;
    while ((waiting = table_next(&desk->waiting, &cursor))) {
        struct admission admission;
        refuse(&admission, "the server has other settings now; come back");
        identity_free(waiting->identity);
        desk->admitted(desk->ctx, waiting->conn, &admission);
        free(waiting);
    }
    table_free(&desk->waiting);
    free(desk);
}

static bool identify(struct authorizer_desk *opaque, const struct authorizer_ask *ask,
                     struct admission *out)
{
    struct desk *desk = (struct desk *)opaque;
    return desk->live->inner->identify(desk->inner, ask, out) && complete(desk, ask->conn, out);
}

static bool complete_named(struct authorizer_desk *opaque, uint64_t conn,
                           struct admission *admission)
{
    return complete((struct desk *)opaque, conn, admission);
}

static void cancel(struct authorizer_desk *opaque, uint64_t conn)
{
    struct desk *desk = (struct desk *)opaque;
    desk->live->inner->cancel(desk->inner, conn);
    identity_free(take(desk, conn));
}

/* MAIL_ADMITTED; takes it. Who has gone meanwhile is counted there, and has to leave. */
static void answered(struct authorizer_desk *opaque, struct mail *mail)
{
    struct desk *desk = (struct desk *)opaque;
    struct mail_member *member = (struct mail_member *)mail;
    struct admission admission = {.answer = AUTHORIZER_YES, .err = ERR_INIT};
    admission.identity = take(desk, member->conn);
    if (!admission.identity) {
        if (member->admitted)
            left(desk->live->to_hub, member->user);
        mail_free(mail);
        return;
    }
    if (member->admitted) {
        identity_set_lease(admission.identity, left, desk->live->to_hub);
        struct str rest = buf_slice(&member->scopes);
        for (; rest.n; rest = str_from(rest, str_index(rest, '\0') + 1))
            identity_grant(admission.identity,
                           (struct str){.p = rest.p, .n = str_index(rest, '\0')}, IDENTITY_LIVE);
    } else {
        identity_free(admission.identity);
        refuse(&admission, "the database cannot say now what you may read; come back");
    }
    desk->admitted(desk->ctx, member->conn, &admission);
    mail_free(mail);
}

/* ---- open streams ---- */

static void carry(const struct identity *old, struct admission *out)
{
    /* The same guest's: its rights by the database are what they are, and it is counted already.
     * Who has no name was never asked about. */
    if (out->answer == AUTHORIZER_YES && identity_user(old).n &&
        str_equal(identity_user(old), identity_user(out->identity)))
        identity_take_live((struct identity *)(uintptr_t)old, out->identity);
}

static void renew(void *ctx, const struct identity *asks, struct str token, struct admission *out)
{
    struct live *live = ctx;
    live->inner->renew(live->inner->ctx, asks, token, out);
    carry(asks, out);
}

static void recheck(void *ctx, const struct identity *old, struct admission *out)
{
    struct live *live = ctx;
    live->inner->recheck(live->inner->ctx, old, out);
    carry(old, out);
}

/* ---- what is the other's alone ---- */

static enum authorizer_answer may_publish(void *ctx, const struct http_request *request)
{
    struct live *live = ctx;
    return live->inner->may_publish(live->inner->ctx, request);
}

static unsigned ticket(void *ctx, struct str body, struct buf *answer, struct err *err)
{
    struct live *live = ctx;
    return live->inner->ticket(live->inner->ctx, body, answer, err);
}

static bool origin_allowed(void *ctx, struct str origin, struct str host)
{
    struct live *live = ctx;
    return live->inner->origin_allowed(live->inner->ctx, origin, host);
}

static bool host_allowed(void *ctx, struct str host)
{
    struct live *live = ctx;
    return live->inner->host_allowed(live->inner->ctx, host);
}

struct live *live_new(const struct authorizer *inner, struct mailbox *to_hub)
{
    struct live *live = mem_new(sizeof *live);
    live->inner = inner;
    live->to_hub = to_hub;
    live->authorizer = *inner;
    live->authorizer.ctx = live;
    live->authorizer.open_desk = open_desk;
    live->authorizer.close_desk = close_desk;
    live->authorizer.identify = identify;
    live->authorizer.complete = complete_named;
    live->authorizer.cancel = cancel;
    live->authorizer.answered = answered;
    live->authorizer.renew = renew;
    live->authorizer.recheck = recheck;
    live->authorizer.may_publish = may_publish;
    live->authorizer.ticket = ticket;
    live->authorizer.origin_allowed = origin_allowed;
    live->authorizer.host_allowed = host_allowed;
    return live;
}

void live_free(struct live *live)
{
    free(live);
}

const struct authorizer *live_authorizer(const struct live *live)
{
    return &live->authorizer;
}
