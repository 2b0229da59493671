#include "delivery/worker.h"

#include "base/check.h"
#include "base/mem.h"
#include "delivery/api.h"
#include "delivery/crowd.h"
#include "delivery/guests.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum {
    WORKER_STATS_MS = 1000, /* how often the counters go to the hub's thread */
    WORKER_END_MS = 20,     /* how often a thread that ends looks at what is left */
    WORKER_LAST_MS = 1000,  /* how long it waits at last for what is in flight */
};

struct worker {
    struct worker_options options;
    uv_loop_t loop;
    pthread_t thread;
    struct server *server;
    struct mailbox *box;
    struct crowd *crowd;
    struct guests *guests;
    struct api *api;
    uv_timer_t beat, stats, end;
    uv_prepare_t post;
    /* Draining: of `streams` that there were at drain_from, each ends at a moment of its own. */
    uint64_t drain_from, drain_ms, end_at;
    size_t streams;
    double shift; /* of these moments, so that also a single one is at random: 0 to 1 */
    bool draining, stopping;
};

static uint64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void to_hub(void *ctx, struct mail *mail)
{
    struct worker *worker = ctx;
    mailbox_post(worker->options.to_hub, mail);
}

/* ---- the server's callbacks ---- */

static void on_request(void *ctx, struct conn *conn, const struct http_request *request)
{
    struct worker *worker = ctx;
    api_request(worker->api, conn, request, uv_now(&worker->loop));
}

static void on_over_limit(void *ctx, struct conn *conn, const struct http_request *request)
{
    struct worker *worker = ctx;
    api_refuse(worker->api, conn, request);
}

static void on_bytes(void *ctx, struct conn *conn, struct str bytes)
{
    struct worker *worker = ctx;
    if (conn_user(conn))
        api_bytes(worker->api, conn, bytes, uv_now(&worker->loop), wall_ms());
}

static void on_writable(void *ctx, struct conn *conn)
{
    struct worker *worker = ctx;
    if (conn_user(conn) && api_writable(conn))
        crowd_writable(worker->crowd, conn);
}

static void on_closed(void *ctx, struct conn *conn, enum close_reason reason)
{
    struct worker *worker = ctx;
    api_gone(worker->api, conn);
    if (conn_user(conn)) {
        api_closed(conn);
        guests_remove(worker->guests, conn);
        crowd_closed(worker->crowd, conn);
    }
}

/* Before the write pass: the hub works on what came in while this thread writes. */
static void on_turn(void *ctx)
{
    struct worker *worker = ctx;
    mailbox_wake(worker->options.to_hub);
    if (crowd_work(worker->crowd))
        server_wake(worker->server);
}

static const struct server_ops ops = {.request = on_request,
                                      .over_limit = on_over_limit,
                                      .bytes = on_bytes,
                                      .writable = on_writable,
                                      .closed = on_closed,
                                      .turn = on_turn};

static void on_post(uv_prepare_t *post)
{
    struct worker *worker = post->data;
    mailbox_wake(worker->options.to_hub);
}

/* ---- timers ---- */

static void on_beat(uv_timer_t *timer)
{
    struct worker *worker = timer->data;
    api_expire(worker->api, uv_now(&worker->loop));
    guests_expire(worker->guests, uv_now(&worker->loop), wall_ms());
    bool more = guests_work(worker->guests);
    more = crowd_beat(worker->crowd, uv_now(&worker->loop), wall_ms()) || more;
    uv_timer_start(timer, on_beat, more ? 1 : crowd_beat_every(worker->crowd), 0);
}

static void send_stats(struct worker *worker)
{
    struct mail_stats *stats = mem_new(sizeof *stats);
    stats->mail.kind = MAIL_STATS;
    stats->worker = worker->options.index;
    stats->server = *server_stats(worker->server);
    crowd_stats(worker->crowd, stats);
    guests_stats(worker->guests, &stats->guests);
    to_hub(worker, &stats->mail);
}

static void on_stats(uv_timer_t *timer)
{
    send_stats(timer->data);
}

/* ---- ending: first streams end one by one and everything else goes on; then the rest ends, what
 * is in flight goes out or is given up, and the handles go ---- */

static void tell(struct worker *worker, enum mail_kind kind)
{
    struct mail_from *mail = mem_new(sizeof *mail);
    mail->mail.kind = kind;
    mail->worker = worker->options.index;
    to_hub(worker, &mail->mail);
}

static void on_stopped(void *ctx)
{
    struct worker *worker = ctx;
    send_stats(worker);
    uv_close((uv_handle_t *)&worker->beat, NULL);
    uv_close((uv_handle_t *)&worker->stats, NULL);
    uv_close((uv_handle_t *)&worker->end, NULL);
    uv_close((uv_handle_t *)&worker->post, NULL);
    mailbox_close(worker->box);
    api_close(worker->api);
    tell(worker, MAIL_STOPPED);
    mailbox_wake(worker->options.to_hub);
}

/* As many as should be open by now stay so. */
static void drain_some(struct worker *worker)
{
    uint64_t passed = uv_now(&worker->loop) - worker->drain_from;
    size_t open = crowd_open_streams(worker->crowd);
    if (open > 0 && passed < worker->drain_ms) {
        size_t stay = (size_t)((double)worker->streams * (double)(worker->drain_ms - passed) /
                                   (double)worker->drain_ms +
                               worker->shift);
        if (open > stay)
            crowd_end(worker->crowd, open - stay, false, uv_hrtime());
        return;
    }
    worker->draining = false;
    uv_timer_stop(&worker->end);
    tell(worker, MAIL_DRAINED);
}

static void stop_some(struct worker *worker)
{
    struct mail_stats crowd;
    crowd_stats(worker->crowd, &crowd);
    /* Connections between two requests wait for nothing, and nobody waits for them. */
    if ((crowd.subscribers > 0 || api_busy(worker->api)) && uv_now(&worker->loop) < worker->end_at)
        return;
    uv_timer_stop(&worker->end);
    server_stop(worker->server, on_stopped, worker);
}

static void on_end(uv_timer_t *timer)
{
    struct worker *worker = timer->data;
    if (worker->stopping)
        stop_some(worker);
    else
        drain_some(worker);
}

static void drain(struct worker *worker, uint64_t ms)
{
    if (worker->draining || worker->stopping)
        return;
    worker->draining = true;
    api_drain(worker->api);
    worker->drain_from = uv_now(&worker->loop);
    worker->drain_ms = ms;
    worker->streams = crowd_open_streams(worker->crowd);
    worker->shift = (double)(hash_bytes(worker->options.seed, STR("drain")) % 1024) / 1024;
    uv_timer_start(&worker->end, on_end, 0, WORKER_END_MS);
}

static void on_stop(void *ctx)
{
    struct worker *worker = ctx;
    if (worker->stopping)
        return;
    worker->stopping = true;
    api_stop(worker->api);
    server_pause(worker->server);
    crowd_end(worker->crowd, SIZE_MAX, true, uv_hrtime());
    worker->end_at = uv_now(&worker->loop) + WORKER_LAST_MS;
    uv_timer_start(&worker->end, on_end, 0, WORKER_END_MS);
}

/* ---- mails ---- */

static void set_limits(struct worker *worker, struct mail_limits *mail)
{
    const struct worker_limits *limits = &mail->limits;
    const struct authorizer *old = worker->options.limits.authorizer;
    worker->options.limits = *limits;
    server_set_limits(worker->server, &limits->server);
    crowd_set_limits(worker->crowd, limits->heartbeat_ms, limits->spread_ms,
                     limits->server.stalled_ms, uv_now(&worker->loop));
    crowd_set_endpoints(worker->crowd, limits->endpoints, uv_now(&worker->loop));
    api_set_authorizer(worker->api, old);
    guests_recheck(worker->guests, limits->authorizer);
    /* From nobody's to somebody's, or the other way: nothing is known of those who are here. */
    if (old->credentials != limits->authorizer->credentials)
        crowd_end(worker->crowd, SIZE_MAX, true, uv_hrtime());
    uv_timer_start(&worker->beat, on_beat, 0, 0); /* it may be called more often now */
    mail->mail.kind = MAIL_LIMITED;
    to_hub(worker, &mail->mail);
}

/* At once, in front of the ticks that wait: what ends, ends early, and what begins is caught up
 * with by a round. */
static void take_right(struct worker *worker, struct mail_right *right)
{
    struct guests *guests = worker->guests;
    switch (right->kind) {
    case MAIL_RIGHT_GRANTED:
        guests_grant(guests, right->user, right->scope, IDENTITY_LIVE);
        break;
    case MAIL_RIGHT_SUSPENDED:
        guests_suspend(guests, right->user, right->scope, IDENTITY_LIVE);
        break;
    case MAIL_RIGHT_RESUMED:
    case MAIL_RIGHT_RENEWED:
        guests_resume(guests, right->user, right->scope, IDENTITY_LIVE,
                      right->kind == MAIL_RIGHT_RENEWED);
        break;
    case MAIL_RIGHT_REVOKED:
        guests_revoke(guests, right->user, right->scope, IDENTITY_LIVE);
        break;
    }
    free(right);
}

static void on_mail(void *ctx, struct mail *mail)
{
    struct worker *worker = ctx;
    switch (mail->kind) {
    case MAIL_PUBLISHED:
        api_published(worker->api, worker->server,
                      (struct mail_publish *)mail); /* before any fan-out */
        break;
    case MAIL_ADMITTED:
        api_admitted(worker->api, mail);
        break;
    case MAIL_RIGHT:
        take_right(worker, (struct mail_right *)mail);
        break;
    case MAIL_LIMITS:
        set_limits(worker, (struct mail_limits *)mail);
        break;
    case MAIL_LOOK:
        crowd_look(worker->crowd, (struct mail_look *)mail, uv_now(&worker->loop));
        mail->kind = MAIL_LOOKED;
        to_hub(worker, mail);
        break;
    case MAIL_DRAIN:
        drain(worker, ((struct mail_drain *)mail)->ms);
        free(mail);
        break;
    default:
        crowd_mail(worker->crowd, mail);
    }
}

static void *run(void *arg)
{
    struct worker *worker = arg;
    uv_run(&worker->loop, UV_RUN_DEFAULT);
    return NULL;
}

/* Signals are for the thread that starts the workers: it alone has a loop that waits for them. */
static void start_thread(struct worker *worker)
{
    sigset_t waited_for, before;
    sigemptyset(&waited_for);
    sigaddset(&waited_for, SIGTERM);
    sigaddset(&waited_for, SIGINT);
    sigaddset(&waited_for, SIGHUP);
    CHECK(pthread_sigmask(SIG_BLOCK, &waited_for, &before) == 0);
    CHECK(pthread_create(&worker->thread, NULL, run, worker) == 0);
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
}

struct worker *worker_new(const struct worker_options *options, struct err *err)
{
    struct worker *worker = mem_new(sizeof *worker);
    worker->options = *options;
    CHECK(uv_loop_init(&worker->loop) == 0);
    const struct server_options server = {.loop = &worker->loop,
                                          .index = options->index,
                                          .listen = options->listen,
                                          .join = options->join,
                                          .limits = options->limits.server,
                                          .ops = &ops,
                                          .ctx = worker,
                                          .log = options->log};
    worker->server = server_new(&server, err);
    if (!worker->server) {
        uv_run(&worker->loop, UV_RUN_DEFAULT);
        CHECK(uv_loop_close(&worker->loop) == 0);
        free(worker);
        return NULL;
    }
    worker->box = mailbox_new(&worker->loop, on_mail, worker);
    const struct crowd_options crowd = {.worker = options->index,
                                        .server = worker->server,
                                        .seed = options->seed,
                                        .epoch = options->epoch,
                                        .heartbeat_ms = options->limits.heartbeat_ms,
                                        .endpoints = options->limits.endpoints,
                                        .spread_ms = options->limits.spread_ms,
                                        .stalled_ms = options->limits.server.stalled_ms,
                                        .start = options->start,
                                        .ctx = worker,
                                        .post = to_hub,
                                        .stop = on_stop};
    worker->crowd = crowd_new(&crowd);
    const struct guests_options guests = {
        .crowd = worker->crowd, .server = worker->server, .scopes_max = options->limits.scopes_max};
    worker->guests = guests_new(&guests);
    const struct api_options api = {.worker = options->index,
                                    .loop = &worker->loop,
                                    .crowd = worker->crowd,
                                    .guests = worker->guests,
                                    .epoch = options->epoch,
                                    .seed = options->seed,
                                    .log = options->log,
                                    .wall_ms = wall_ms,
                                    .limits = &worker->options.limits,
                                    .ctx = worker,
                                    .post = to_hub};
    worker->api = api_new(&api);
    uv_prepare_init(&worker->loop, &worker->post);
    worker->post.data = worker;
    uv_prepare_start(&worker->post, on_post);
    uv_timer_init(&worker->loop, &worker->beat);
    uv_timer_init(&worker->loop, &worker->stats);
    uv_timer_init(&worker->loop, &worker->end);
    worker->beat.data = worker->stats.data = worker->end.data = worker;
    uv_timer_start(&worker->beat, on_beat, 0, 0);
    uv_timer_start(&worker->stats, on_stats, WORKER_STATS_MS, WORKER_STATS_MS);
    start_thread(worker);
    return worker;
}

const char *worker_address(const struct worker *worker)
{
    return server_address(worker->server);
}

void worker_post(struct worker *worker, struct mail *mail)
{
    mailbox_post(worker->box, mail);
}

void worker_wake(struct worker *worker)
{
    mailbox_wake(worker->box);
}

void worker_free(struct worker *worker)
{
    if (!worker)
        return;
    pthread_join(worker->thread, NULL);
    api_free(worker->api);
    guests_free(worker->guests);
    crowd_free(worker->crowd);
    server_free(worker->server);
    mailbox_free(worker->box, mail_free);
    CHECK(uv_loop_close(&worker->loop) == 0);
    free(worker);
}
