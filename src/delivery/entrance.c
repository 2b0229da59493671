#include "delivery/entrance.h"

#include "base/list.h"
#include "base/mem.h"
#include "delivery/api.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    ENTRANCE_PARAMS_MAX = 512,
    ENTRANCE_ARENA_MAX = 256 * 1024, /* of a request's decoded query */
};

struct entrance {
    const struct api_options *options;
    struct list waiting, named;
    unsigned n_waiting; /* in both */
    struct authorizer_desk *desk;
    bool draining;
};

/* Waits for the application to say who it is. */
struct waiting {
    struct list node;
    struct entry entry;
    struct call call;
};

/* An open WebSocket that has said who it is, of whom it is asked what that one may read. */
struct named {
    struct list node;
    struct conn *conn;
    entrance_known *known;
    void *ctx;
};

static void admitted(void *ctx, uint64_t conn, struct admission *admission);

static struct authorizer_desk *open_desk(struct entrance *entrance)
{
    const struct authorizer *authorizer = entrance->options->limits->authorizer;
    const struct authorizer_place place = {.loop = entrance->options->loop,
                                           .worker = entrance->options->worker};
    return authorizer->open_desk(authorizer->ctx, &place, admitted, entrance);
}

struct entrance *entrance_new(const struct api_options *options)
{
    struct entrance *entrance = mem_new(sizeof *entrance);
    entrance->options = options;
    list_init(&entrance->waiting);
    list_init(&entrance->named);
    entrance->desk = open_desk(entrance);
    return entrance;
}

void entrance_free(struct entrance *entrance)
{
    free(entrance);
}

void entrance_set_authorizer(struct entrance *entrance, const struct authorizer *old)
{
    old->close_desk(entrance->desk);
    entrance->desk = open_desk(entrance);
}

void entrance_drain(struct entrance *entrance)
{
    entrance->draining = true;
}

void entrance_close(struct entrance *entrance)
{
    entrance->options->limits->authorizer->close_desk(entrance->desk);
    entrance->desk = NULL;
}

/* ---- seats ---- */

bool entry_client(const struct call *call, char client[PROXIES_CLIENT_MAX])
{
    char peer[64];
    conn_peer(call->conn, peer);
    return proxies_client(&call->options->limits->proxies, peer, call->request, client);
}

/* A seat for each of what is limited. */
static bool take_seat(const struct worker_limits *limits, const struct identity *identity,
                      const char *client, struct quota_seat *seat, struct err *err)
{
    char network[PROXIES_CLIENT_MAX];
    proxies_network(client, network);
    const struct str names[QUOTA_KINDS] = {[QUOTA_USER] = identity_user(identity),
                                           [QUOTA_TOKEN] = identity_session(identity),
                                           [QUOTA_ADDRESS] = str_of(network)};
    enum quota_kind full = QUOTA_KINDS;
    if (quota_take(limits->quota, names, limits->streams_max, seat, &full))
        return true;
    return err_set(err, "there are %u streams of this %s already (limits: connections_per_%s)",
                   limits->streams_max[full], quota_kind_name(full), quota_kind_name(full));
}

bool entrance_reseat(struct entrance *entrance, struct conn *conn, const struct identity *identity)
{
    const struct api_options *options = entrance->options;
    struct quota_seat seat = {0};
    char client[PROXIES_CLIENT_MAX];
    const char *known = crowd_client(options->crowd, conn);
    if (known)
        snprintf(client, sizeof client, "%s", known);
    else
        conn_peer(conn, client);
    guests_seat(options->guests, conn, options->limits->quota, &seat);
    if (!take_seat(options->limits, identity, client, &seat, NULL))
        return false;
    guests_seat(options->guests, conn, options->limits->quota, &seat);
    return true;
}

/* ---- the ends of an entry ---- */

void entry_give_back(struct entry *entry)
{
    if (entry->seated)
        quota_give_back(entry->call->options->limits->quota, &entry->seat);
    entry->seated = false;
    identity_free(entry->admission.identity);
    entry->admission.identity = NULL;
}

void entry_refuse(struct entry *entry, unsigned status, const char *sentence)
{
    entry->call->bad_token = entry->admission.answer == AUTHORIZER_BAD;
    call_refuse(entry->call, status, sentence);
    entry_give_back(entry);
}

static bool is_counted(const struct entry *entry)
{
    for (unsigned k = 0; k < QUOTA_KINDS; k++)
        if (entry->seat.keys[k])
            return true;
    return false;
}

void entry_welcome(struct entry *entry, const struct scopes *scopes)
{
    const struct api_options *options = entry->call->options;
    struct conn *conn = entry->call->conn;
    struct identity *identity = entry->admission.identity;
    bool nobody = identity_way(identity) == IDENTITY_NOBODY;
    if (identity_way(identity) == IDENTITY_EVERYONE && !is_counted(entry))
        return; /* costs nothing where nobody is asked who he is */
    guests_add(options->guests, conn, identity, options->limits->quota, &entry->seat,
               nobody ? entry->call->now + options->limits->server.head_ms : 0);
    for (size_t i = 0; i < scopes->n_families; i++)
        guests_follow(options->guests, conn, scopes->families[i]);
    entry->admission.identity = NULL;
    entry->seated = false;
}

/* ---- who is it? ---- */

static unsigned status_of(enum authorizer_answer answer)
{
    switch (answer) {
    case AUTHORIZER_YES:
        return 0;
    case AUTHORIZER_NO:
        return 403;
    case AUTHORIZER_WHO:
    case AUTHORIZER_BAD:
        return 401;
    case AUTHORIZER_UNBOUNDED:
        return 400;
    case AUTHORIZER_LATER:
        break;
    }
    return 503;
}

static void refuse_for_now(struct entry *entry, const char *sentence)
{
    entry->status = 503;
    err_set(&entry->err, "%s", sentence);
}

/* What was found out decides; the route does the rest. */
static void enter(struct entry *entry)
{
    struct call *call = entry->call;
    char client[PROXIES_CLIENT_MAX];
    if (entry->status == 0) {
        entry->status = status_of(entry->admission.answer);
        entry->err = entry->admission.err;
    }
    /* Of a HEAD no stream comes. */
    if (entry->status == 0 && call->request->method != HTTP_HEAD_) {
        entry_client(call, client);
        entry->seated = take_seat(call->options->limits, entry->admission.identity, client,
                                  &entry->seat, &entry->err);
        if (!entry->seated)
            entry->status = 429;
    }
    entry->enter(entry);
    entry_give_back(entry);
    arena_free(&entry->arena);
}

static struct waiting *take_waiting(struct entrance *entrance, uint64_t conn)
{
    if (entrance->n_waiting == 0)
        return NULL;
    LIST_EACH (node, &entrance->waiting) {
        struct waiting *waiting = LIST_ITEM(node, struct waiting, node);
        if (conn_id(waiting->call.conn) != conn)
            continue;
        list_remove(&waiting->node);
        entrance->n_waiting--;
        return waiting;
    }
    return NULL;
}

/* False: it does not wait. */
static bool take_named(struct entrance *entrance, uint64_t conn, struct named *taken)
{
    LIST_EACH (node, &entrance->named) {
        struct named *named = LIST_ITEM(node, struct named, node);
        if (conn_id(named->conn) != conn)
            continue;
        list_remove(&named->node);
        entrance->n_waiting--;
        *taken = *named;
        free(named);
        return true;
    }
    return false;
}

bool entrance_complete(struct entrance *entrance, struct conn *conn, struct admission *admission,
                       entrance_known *known, void *ctx)
{
    const struct authorizer *authorizer = entrance->options->limits->authorizer;
    if (!authorizer->complete)
        return true;
    if (entrance->n_waiting >= ENTRANCE_WAITING_MAX) {
        identity_free(admission->identity);
        *admission = (struct admission){.answer = AUTHORIZER_LATER, .err = ERR_INIT};
        err_set(&admission->err, "too many sign-ins wait; come back");
        return true;
    }
    if (authorizer->complete(entrance->desk, conn_id(conn), admission))
        return true;
    struct named *named = mem_new(sizeof *named);
    *named = (struct named){.conn = conn, .known = known, .ctx = ctx};
    list_push_back(&entrance->named, &named->node);
    entrance->n_waiting++;
    return false;
}

static void admitted(void *ctx, uint64_t conn, struct admission *admission)
{
    struct entrance *entrance = ctx;
    struct named named;
    if (take_named(entrance, conn, &named)) {
        named.known(named.ctx, named.conn, admission);
        return;
    }
    struct waiting *waiting = take_waiting(entrance, conn);
    if (!waiting) {
        identity_free(admission->identity);
        return;
    }
    waiting->entry.admission = *admission;
    waiting->call.now = uv_now(entrance->options->loop);
    if (entrance->draining)
        refuse_for_now(&waiting->entry, "the server is stopping; come back");
    enter(&waiting->entry);
    buf_free(&waiting->call.headers);
    free(waiting);
}

void entrance_gone(struct entrance *entrance, struct conn *conn)
{
    struct named named;
    struct waiting *waiting = take_waiting(entrance, conn_id(conn));
    if (!waiting && !take_named(entrance, conn_id(conn), &named))
        return;
    entrance->options->limits->authorizer->cancel(entrance->desk, conn_id(conn));
    if (!waiting)
        return;
    arena_free(&waiting->entry.arena);
    buf_free(&waiting->call.headers);
    free(waiting);
}

void entrance_answered(struct entrance *entrance, struct mail *mail)
{
    const struct authorizer *authorizer = entrance->options->limits->authorizer;
    struct mail_member *member = (struct mail_member *)mail;
    if (entrance->desk && authorizer->answered) {
        authorizer->answered(entrance->desk, mail);
        return;
    }
    /* Nobody here goes by the database any more. */
    if (member->admitted)
        entrance->options->post(entrance->options->ctx,
                                &mail_user_new(MAIL_MEMBER_LEFT, member->user)->mail);
    mail_free(mail);
}

/* The call's memory is the waiting one's from here on. */
static void wait_at(struct entrance *entrance, struct entry *entry)
{
    struct waiting *waiting = mem_new(sizeof *waiting);
    waiting->call = *entry->call;
    waiting->entry = *entry;
    waiting->entry.call = &waiting->call;
    list_push_back(&entrance->waiting, &waiting->node);
    entrance->n_waiting++;
    entry->call->headers = BUF_INIT(CALL_HEADERS_MAX);
}

void entrance_begin(struct entrance *entrance, struct call *call, bool websocket,
                    entrance_enter *then)
{
    const struct authorizer *authorizer = entrance->options->limits->authorizer;
    struct entry entry = {
        .call = call, .enter = then, .err = ERR_INIT, .admission = {.err = ERR_INIT}};
    arena_init(&entry.arena, ENTRANCE_ARENA_MAX);
    /* To find out who somebody is may cost a signature, or a question to the application: nobody
     * has hundreds of them answered that came in one packet. */
    call->last = authorizer->credentials;
    if (entrance->draining) {
        refuse_for_now(&entry, "the server is stopping; come back");
    } else if (!query_parse(call->request->query, ENTRANCE_PARAMS_MAX, &entry.arena, &entry.query,
                            &entry.err)) {
        entry.status = 400;
        entry.query = (struct query){0};
    } else if (entrance->n_waiting >= ENTRANCE_WAITING_MAX) {
        refuse_for_now(&entry, "too many sign-ins wait for the application; come back");
    }
    const struct authorizer_ask ask = {.conn = conn_id(call->conn),
                                       .request = call->request,
                                       .query = &entry.query,
                                       .websocket = websocket};
    if (entry.status == 0 && !authorizer->identify(entrance->desk, &ask, &entry.admission))
        wait_at(entrance, &entry);
    else
        enter(&entry);
}
