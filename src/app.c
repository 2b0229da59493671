/* The start reads as a list (app_serve), a reload and the stop as chains: each step begins the next
 * when it is done.
 *
 *   SIGHUP  -> the file is read and checked (candidate.h) -> where the rules differ, sources stop
 *           -> rules and limits are in use -> sources go on at their cursors
 *           -> delivery threads have the new limits, what was before is freed
 *
 *   SIGTERM -> delivery threads end their streams one by one, within `drain`
 *           -> sources stop -> last tick -> delivery threads end the rest and stop
 *           -> state file -> admin listener stops -> the loop runs empty
 *
 * A stop waits for a reload that has stopped the sources: they cannot be stopped twice. */
#include "app.h"

#include "admin/admin.h"
#include "admin/notify.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/random.h"
#include "candidate.h"
#include "config/watch_of.h"
#include "debug.h"
#include "delivery/exchange.h"
#include "delivery/worker.h"
#include "engine.h"
#include "guard.h"
#include "hub/hub.h"
#include "members.h"
#include "model/scope.h"
#include "net/mailbox.h"
#include "pulse.h"
#include "report.h"
#include "rules/rules.h"
#include "share.h"
#include "sources.h"
#include "state.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <uv.h>

enum {
    APP_WATCH_MAX = 16 * 1024 * 1024,
    APP_STATE_MAX = 1 << 30,
    APP_TICK_BYTES = 16 << 20, /* encoded for one tick */
};

enum phase {
    SERVING,
    DRAINING, /* streams end one by one */
    STOPPING, /* sources are stopped, or are being stopped, for good */
};

enum reloading {
    RELOAD_NONE,
    RELOAD_READING, /* the file */
    RELOAD_SOURCES, /* stop, to be made anew */
    RELOAD_TELLING, /* the delivery threads */
};

struct app {
    const struct config *first;  /* what cannot be reloaded is always this one's */
    const struct config *config; /* in use */
    struct config *owned;        /* the same, when it came by a reload */
    struct log *log;
    struct notify notify;
    uv_loop_t loop;
    uv_signal_t term, interrupt, hangup;
    struct pulse *pulse;
    struct rules *rules;
    struct hub *hub;
    struct mailbox *box;
    struct guard *guard;
    struct endpoints *endpoints;
    struct exchange *exchange;
    struct members *members;
    struct engine *engine;
    struct admin *admin;
    struct debug *debug;
    struct worker **workers;
    struct mail_stats *stats; /* the last ones of each worker */
    bool *worker_stopped;
    unsigned n_workers, workers_left;
    unsigned connections_max; /* of all of them */
    struct sources *sources;
    bool started; /* false at the stop: the start failed halfway */
    enum phase phase;
    unsigned drain_left; /* threads that still drain */

    enum reloading reloading;
    bool reload_again; /* another SIGHUP came meanwhile */
    bool stop_waits;   /* for the reload that has stopped the sources */
    struct candidate *candidate;
    struct config *old_config;       /* until every thread has forgotten its sign-in */
    struct endpoints *old_endpoints; /* likewise */
    unsigned limited_left;
    uint64_t reloads_applied, reloads_refused;
};

/* ---- mails ---- */

static void to_worker(void *ctx, unsigned worker, struct mail *mail)
{
    struct app *app = ctx;
    if (app->worker_stopped[worker])
        mail_free(mail);
    else
        worker_post(app->workers[worker], mail);
}

/* For what was posted to them. */
static void wake_workers(void *ctx)
{
    struct app *app = ctx;
    for (unsigned i = 0; i < app->n_workers; i++)
        if (app->workers[i] && !app->worker_stopped[i])
            worker_wake(app->workers[i]);
}

static void on_published(void *ctx, struct mail_publish *publish)
{
    publish->mail.kind = MAIL_PUBLISHED;
    to_worker(ctx, publish->worker, &publish->mail);
}

static void worker_is_gone(struct app *app);
static void worker_is_limited(struct app *app);
static void worker_is_drained(struct app *app);

static void on_mail(void *ctx, struct mail *mail)
{
    struct app *app = ctx;
    switch (mail->kind) {
    case MAIL_PUBLISH:
        if (app->engine) {
            engine_publish(app->engine, (struct mail_publish *)mail);
        } else {
            err_set(&((struct mail_publish *)mail)->err, "the server could not start");
            on_published(app, (struct mail_publish *)mail);
        }
        break;
    case MAIL_STATS: {
        struct mail_stats *stats = (struct mail_stats *)mail;
        app->stats[stats->worker] = *stats;
        pulse_heard(app->pulse, stats->worker);
        free(mail);
        break;
    }
    case MAIL_STOPPED:
        app->worker_stopped[((struct mail_from *)mail)->worker] = true;
        free(mail);
        worker_is_gone(app);
        break;
    case MAIL_LOOKED:
        debug_mail(app->debug, (struct mail_look *)mail);
        break;
    case MAIL_DRAINED:
        free(mail);
        worker_is_drained(app);
        break;
    case MAIL_LIMITED:
        free(mail);
        worker_is_limited(app);
        break;
    case MAIL_ASK:
    case MAIL_MEMBER:
    case MAIL_MEMBER_LEFT:
        members_mail(app->members, mail);
        break;
    default:
        exchange_mail(app->exchange, mail);
    }
}

/* ---- the admin listener's questions ---- */

static struct report report_of(const struct app *app)
{
    return (struct report){.config = app->config,
                           .hub = app->hub,
                           .exchange = app->exchange,
                           .engine = app->engine,
                           .endpoints = app->endpoints,
                           .workers = app->stats,
                           .n_workers = app->n_workers,
                           .connections_max = app->connections_max,
                           .stopping = app->phase != SERVING,
                           .reloads_applied = app->reloads_applied,
                           .reloads_refused = app->reloads_refused};
}

static bool is_ready(void *ctx, struct buf *json)
{
    struct report report = report_of(ctx);
    return report_ready(&report, json);
}

static void write_metrics(void *ctx, struct buf *text)
{
    const struct app *app = ctx;
    struct report report = report_of(app);
    report_metrics(&report, text);
    guard_metrics(app->guard, text);
    members_metrics(app->members, text);
}

static void answer_debug(void *ctx, uint64_t conn, unsigned status, struct str json)
{
    struct app *app = ctx;
    admin_answer(app->admin, conn, status, json);
}

static void ask_debug(void *ctx, uint64_t conn, enum admin_debug what, struct str scope,
                      unsigned limit)
{
    struct app *app = ctx;
    if (app->phase == STOPPING)
        answer_debug(app, conn, 503, STR("{\"error\":\"the server is stopping\"}\n"));
    else if (what == ADMIN_SCOPES)
        debug_scopes(app->debug, conn, scope, limit);
    else
        debug_connections(app->debug, conn, scope, limit);
}

/* ---- stopping ---- */

/* What the index was filled by, and what its readers were told it in. */
static uint64_t words_hash(const struct rules *rules, const struct config *config)
{
    uint64_t hash = rules_hash(rules);
    for (size_t i = 0; i < config->n_endpoints; i++)
        hash += config->endpoints[i].endpoint->hash;
    return hash;
}

static void save_state(struct app *app)
{
    struct err err = ERR_INIT;
    struct buf hub = BUF_INIT(APP_STATE_MAX);
    size_t n_cursors = 0;
    struct state_cursor *cursors = sources_cursors(app->sources, &n_cursors);
    engine_flush(app->engine);
    const bool saved = hub_save(app->hub, &hub, &err);
    const struct state state = {.rules = words_hash(app->rules, app->config),
                                .hub = buf_slice(&hub),
                                .cursors = cursors,
                                .n_cursors = n_cursors};
    if (saved && state_write(app->first->state, &state, &err))
        log_info(app->log, "app", "state written to %s: clients resume exactly", app->first->state);
    else
        log_warn(app->log, "app", "%s; after the restart every client is reset", err.text);
    buf_free(&hub);
}

static void close_rest(void *ctx)
{
    struct app *app = ctx;
    if (app->engine)
        engine_close(app->engine);
    mailbox_close(app->box);
    members_close(app->members);
    guard_close(app->guard);
    uv_close((uv_handle_t *)&app->term, NULL);
    uv_close((uv_handle_t *)&app->interrupt, NULL);
    uv_close((uv_handle_t *)&app->hangup, NULL);
    pulse_close(app->pulse);
}

static void worker_is_gone(struct app *app)
{
    if (--app->workers_left > 0)
        return;
    if (app->started)
        save_state(app);
    if (app->admin)
        admin_stop(app->admin, close_rest, app);
    else
        close_rest(app);
}

static void sources_are_gone(void *ctx)
{
    struct app *app = ctx;
    if (app->engine)
        engine_flush(app->engine);
    /* One more than there are, given back at the end: no worker is the same chain. */
    app->workers_left = 1;
    for (unsigned i = 0; i < app->n_workers; i++) {
        if (app->worker_stopped[i])
            continue;
        struct mail *stopping = mem_new(sizeof *stopping);
        stopping->kind = MAIL_STOP;
        app->workers_left++;
        to_worker(app, i, stopping);
    }
    wake_workers(app); /* there may be no engine whose turn ends */
    worker_is_gone(app);
}

static void stop_sources(struct app *app)
{
    if (app->phase == STOPPING)
        return;
    if (app->reloading == RELOAD_SOURCES) {
        app->stop_waits = true;
        return;
    }
    app->phase = STOPPING;
    if (app->members)
        members_set_source(app->members, NULL, NULL);
    if (app->sources)
        sources_stop(app->sources, sources_are_gone, app);
    else
        sources_are_gone(app);
}

static void worker_is_drained(struct app *app)
{
    if (--app->drain_left == 0)
        stop_sources(app);
}

static void stop(struct app *app, uint64_t drain_ms)
{
    app->phase = DRAINING;
    notify_say(&app->notify, "STOPPING=1\nSTATUS=stopping");
    if (drain_ms == 0) {
        stop_sources(app);
        return;
    }
    app->drain_left = app->n_workers;
    for (unsigned i = 0; i < app->n_workers; i++) {
        struct mail_drain *drain = mem_new(sizeof *drain);
        drain->mail.kind = MAIL_DRAIN;
        drain->ms = drain_ms;
        to_worker(app, i, &drain->mail);
    }
}

static void on_signal(uv_signal_t *signal, int number)
{
    struct app *app = signal->data;
    const char *name = number == SIGTERM ? "SIGTERM" : "SIGINT";
    if (app->phase == STOPPING) {
        log_warn(app->log, "app", "%s: stopping already", name);
    } else if (app->phase == DRAINING) {
        log_info(app->log, "app", "%s: the rest of the streams ends now", name);
        stop_sources(app);
    } else {
        /* Who presses Ctrl-C does not want to wait. */
        uint64_t drain_ms = number == SIGTERM ? app->config->limits.drain_ms : 0;
        log_info(app->log, "app", "%s: stopping, streams end within %llu ms", name,
                 (unsigned long long)drain_ms);
        stop(app, drain_ms);
    }
}

/* ---- starting ---- */

static void keep_family(void *ctx, struct str scope)
{
    struct hub *hub = ctx;
    struct buf family = BUF_INIT(SCOPE_MAX + 2);
    if (scope_is_family(scope))
        buf_str(&family, scope);
    else
        scope_family(&family, scope);
    hub_keep_family(hub, buf_slice(&family));
    buf_free(&family);
}

/* ---- what a configuration means to the parts ---- */

static struct worker_limits worker_limits_of(const struct app *app)
{
    struct worker_limits limits = share_worker(app->config, app->n_workers, app->log);
    limits.quota = guard_quota(app->guard);
    limits.authorizer = guard_authorizer(app->guard);
    limits.endpoints = app->endpoints;
    return limits;
}

/* ---- reloading ---- */

static void reload(struct app *app);

static void reload_ends(struct app *app, bool applied)
{
    app->reloading = RELOAD_NONE;
    if (applied)
        app->reloads_applied++;
    else
        app->reloads_refused++;
    notify_say(&app->notify, "READY=1");
    if (app->reload_again && app->phase == SERVING)
        reload(app);
}

static void worker_is_limited(struct app *app)
{
    if (--app->limited_left > 0)
        return;
    guard_forget(app->guard);
    config_free(app->old_config);
    app->old_config = NULL;
    endpoints_free(app->old_endpoints);
    app->old_endpoints = NULL;
    log_info(app->log, "app", "%s: reloaded", app->first->file);
    reload_ends(app, true);
}

static void tell_limits(struct app *app)
{
    app->reloading = RELOAD_TELLING;
    guard_change(app->guard, app->config);
    app->limited_left = app->n_workers;
    const struct worker_limits limits = worker_limits_of(app);
    app->connections_max = limits.server.connections * app->n_workers;
    for (unsigned i = 0; i < app->n_workers; i++) {
        struct mail_limits *mail = mem_new(sizeof *mail);
        mail->mail.kind = MAIL_LIMITS;
        mail->limits = limits;
        to_worker(app, i, &mail->mail);
    }
}

/* Sources are stopped if they are to be made anew; no transaction is open in the hub. */
static void adopt(struct app *app)
{
    struct candidate *candidate = app->candidate;
    const bool other_words =
        words_hash(app->rules, app->config) != words_hash(candidate->rules, candidate->config);
    const struct config_limits *limits = &candidate->config->limits;
    struct rules *old = app->rules;
    app->rules = candidate->rules;
    candidate->rules = NULL;
    engine_set_rules(app->engine, app->rules);
    rules_free(old);
    rules_families(app->rules, (struct str){0}, keep_family, app->hub);
    const struct hub_limits hub = share_hub(limits);
    hub_set_limits(app->hub, &hub);
    exchange_set_limits(app->exchange, limits->heartbeat_ms, limits->spread_ms);
    app->old_endpoints = app->endpoints;
    app->endpoints = endpoints_new(app->old_endpoints, candidate->config->endpoints,
                                   candidate->config->n_endpoints);
    exchange_set_endpoints(app->exchange, app->endpoints);
    engine_tell_rows(app->engine, candidate->config->n_endpoints > 0);
    if (other_words)
        engine_reset_all(app->engine, "reload");
    log_set(app->log, candidate->config->log_level, candidate->config->log_json);

    app->old_config = app->owned;
    app->config = app->owned = candidate->config;
    candidate->config = NULL;
}

static void sources_are_ready(void *ctx)
{
    struct app *app = ctx;
    adopt(app);
    sources_restart(app->sources, app->first, app->config, app->candidate->watch);
    members_set_source(app->members, sources_database(app->sources), &app->config->auth.membership);
    candidate_free(app->candidate);
    app->candidate = NULL;
    tell_limits(app);
    if (app->stop_waits)
        stop_sources(app);
}

static void say_fixed(const struct app *app, const char *what, bool same)
{
    if (!same)
        log_warn(app->log, "app", "%s: %s is another one; that takes a restart", app->first->file,
                 what);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static void on_candidate(void *ctx, struct candidate *candidate)
{
    struct app *app = ctx;
    const struct config *config = candidate->config;
    bool fits = config && guard_fits(app->guard, config, &candidate->err);
    if (app->phase != SERVING || !fits) {
        if (!fits)
            log_error(app->log, "app", "reload: %s; the configuration stays as it was",
                      candidate->err.text);
        candidate_free(candidate);
        reload_ends(app, false);
        return;
    }
    say_fixed(app, "listen", same_text(app->first->listen, config->listen));
    say_fixed(app, "admin", same_text(app->first->admin, config->admin));
    say_fixed(app, "state", same_text(app->first->state, config->state));
    say_fixed(app, "threads", app->first->threads == config->threads);
    say_fixed(app, "the set of databases in sources", sources_are(app->sources, config));
    app->candidate = candidate;
    if (rules_hash(app->rules) != rules_hash(candidate->rules) ||
        !rolls_equal(&app->config->auth.membership, &config->auth.membership) ||
        sources_differ(app->sources, app->config, config) || hub_open(app->hub)) {
        app->reloading = RELOAD_SOURCES;
        members_set_source(app->members, NULL, NULL);
        sources_stop(app->sources, sources_are_ready, app);
        return;
    }
    adopt(app);
    candidate_free(candidate);
    app->candidate = NULL;
    tell_limits(app);
}

static void reload(struct app *app)
{
    app->reload_again = false;
    app->reloading = RELOAD_READING;
    notify_reloading(&app->notify);
    candidate_load(&app->loop, app->first->file, app->log, on_candidate, app);
}

static void on_hangup(uv_signal_t *signal, int number)
{
    struct app *app = signal->data;
    if (app->phase != SERVING || !app->started) {
        log_warn(app->log, "app", "SIGHUP: stopping, so nothing is reloaded");
    } else if (app->reloading != RELOAD_NONE) {
        app->reload_again = true;
    } else {
        log_info(app->log, "app", "SIGHUP: reading %s", app->first->file);
        reload(app);
    }
}

/* ---- starting the parts ---- */

static void start_hub(struct app *app, const struct state *state, struct hash_seed seed)
{
    const struct hub_options options = {
        .limits = share_hub(&app->config->limits), .epoch = random_u64(), .seed = seed};
    struct err err = ERR_INIT;
    if (state->hub.n) {
        app->hub = hub_load(&options, state->hub, &err);
        if (!app->hub)
            log_warn(app->log, "app", "%s; starting a new epoch", err.text);
    }
    if (!app->hub)
        app->hub = hub_new(&options);
    rules_families(app->rules, (struct str){0}, keep_family, app->hub);
}

static bool start_workers(struct app *app, struct hash_seed seed, struct err *err)
{
    struct worker_options options = {
        .listen = app->config->listen,
        .limits = worker_limits_of(app),
        .epoch = hub_epoch(app->hub),
        .start = hub_ticked(app->hub),
        .seed = seed,
        .log = app->log,
        .to_hub = app->box,
    };
    app->connections_max = options.limits.server.connections * app->n_workers;
    for (unsigned i = 0; i < app->n_workers; i++) {
        options.index = i;
        options.join = i > 0;
        app->workers[i] = worker_new(&options, err);
        if (!app->workers[i])
            return false;
        app->worker_stopped[i] = false;
        /* The others share the port that the first one got, also where the config said 0. */
        options.listen = worker_address(app->workers[0]);
    }
    return true;
}

static bool start_sources(struct app *app, const struct state *state, struct err *err)
{
    struct arena memory;
    arena_init(&memory, APP_WATCH_MAX);
    const struct watch *watch = watch_of(app->config, app->rules, &memory);
    app->sources = sources_new(&app->loop, app->engine, app->log);
    bool ok = watch ? sources_start(app->sources, app->config, watch, state, err)
                    : err_set(err, "%s: the rules name too many columns", app->config->file);
    arena_free(&memory);
    if (ok)
        members_set_source(app->members, sources_database(app->sources),
                           &app->config->auth.membership);
    return ok;
}

static bool start_admin(struct app *app, struct err *err)
{
    if (!app->config->admin)
        return true;
    const struct admin_options options = {.loop = &app->loop,
                                          .listen = app->config->admin,
                                          .log = app->log,
                                          .ctx = app,
                                          .ready = is_ready,
                                          .metrics = write_metrics,
                                          .rows = DEBUG_ROWS,
                                          .rows_max = DEBUG_MAX,
                                          .debug = ask_debug};
    const struct debug_options debug = {.hub = app->hub,
                                        .workers = app->n_workers,
                                        .ctx = app,
                                        .send = to_worker,
                                        .answer = answer_debug};
    app->debug = debug_new(&debug);
    app->admin = admin_new(&options, err);
    return app->admin || err_prefix(err, "admin listener");
}

static void watch_signals(struct app *app)
{
    uv_signal_init(&app->loop, &app->term);
    uv_signal_init(&app->loop, &app->interrupt);
    uv_signal_init(&app->loop, &app->hangup);
    app->term.data = app->interrupt.data = app->hangup.data = app;
    uv_signal_start(&app->term, on_signal, SIGTERM);
    uv_signal_start(&app->interrupt, on_signal, SIGINT);
    uv_signal_start(&app->hangup, on_hangup, SIGHUP);
    /* Who reads the log may go; that is no reason to end. Sockets are written to without it. */
    signal(SIGPIPE, SIG_IGN);
}

static void log_start(const struct app *app)
{
    log_info(app->log, "app", "unstale %s listening on http://%s", UNSTALE_VERSION,
             worker_address(app->workers[0]));
    if (app->admin)
        log_info(app->log, "app", "admin on http://%s (/metrics /livez /readyz /debug)",
                 admin_address(app->admin));
    notify_say(&app->notify, "READY=1\nSTATUS=listening on http://%s",
               worker_address(app->workers[0]));
}

static uint64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool start(struct app *app, struct err *err)
{
    struct state state = {0};
    struct err why = ERR_INIT;
    struct hash_seed seed = {.k0 = random_u64(), .k1 = random_u64()};
    bool ok = false, stale_rules = false;

    app->box = mailbox_new(&app->loop, on_mail, app);
    watch_signals(app);
    app->pulse = pulse_new(&app->loop, app->n_workers, &app->notify, app->log);
    app->rules = rules_compile(&app->config->rules, NULL, err);
    if (!app->rules)
        return false;
    if (state_take(app->config->state, &state, &why))
        stale_rules = state.rules != words_hash(app->rules, app->config);
    else if (why.text[0])
        log_warn(app->log, "app", "%s", why.text);
    if (!state_expect(app->config->state, &why))
        log_warn(app->log, "app", "%s; after each restart every client will be reset", why.text);
    start_hub(app, &state, seed);
    const struct guard_options guard = {.loop = &app->loop,
                                        .listen = app->first->listen,
                                        .log = app->log,
                                        .seed = seed,
                                        .to_hub = app->box};
    app->guard = guard_new(&guard, app->config, err);
    if (!app->guard)
        return false;
    app->endpoints = endpoints_new(NULL, app->config->endpoints, app->config->n_endpoints);
    const struct exchange_options exchange = {.hub = app->hub,
                                              .endpoints = app->endpoints,
                                              .now = wall_ms(),
                                              .workers = app->n_workers,
                                              .seed = seed,
                                              .heartbeat_ms = app->config->limits.heartbeat_ms,
                                              .spread_ms = app->config->limits.spread_ms,
                                              .tick_bytes = APP_TICK_BYTES,
                                              .ctx = app,
                                              .send = to_worker};
    app->exchange = exchange_new(&exchange);
    const struct members_options members = {.loop = &app->loop,
                                            .hub = app->hub,
                                            .exchange = app->exchange,
                                            .workers = app->n_workers,
                                            .log = app->log,
                                            .seed = seed,
                                            .ctx = app,
                                            .send = to_worker};
    app->members = members_new(&members);
    if (!start_workers(app, seed, err))
        goto out;
    const struct engine_options engine = {.loop = &app->loop,
                                          .hub = app->hub,
                                          .rules = app->rules,
                                          .exchange = app->exchange,
                                          .log = app->log,
                                          .seed = seed,
                                          .ctx = app,
                                          .published = on_published,
                                          .turned = wake_workers,
                                          .listener = members_listener(app->members)};
    app->engine = engine_new(&engine);
    engine_tell_rows(app->engine, app->config->n_endpoints > 0);
    /* After the engine: what the admin listener is asked, the engine answers, also while a start
     * that failed halfway stops. */
    if (!start_admin(app, err))
        goto out;
    if (stale_rules) {
        log_info(app->log, "app",
                 "the rules or the dialects have changed since the last stop: everything is stale");
        engine_reset_all(app->engine, "reload");
    }
    ok = start_sources(app, &state, err);
out:
    /* The loop never ran, so nothing was taken in and nobody was told anything: the file is as true
     * as before, and whoever mends the reason of this failure resumes from it. */
    if (!ok && state.hub.n && !state_write(app->config->state, &state, &why))
        log_warn(app->log, "app", "%s", why.text);
    state_free(&state);
    return ok;
}

static void free_all(struct app *app)
{
    members_free(app->members);
    sources_free(app->sources);
    engine_free(app->engine);
    exchange_free(app->exchange);
    admin_free(app->admin);
    debug_free(app->debug);
    mailbox_free(app->box, mail_free);
    guard_free(app->guard);
    endpoints_free(app->endpoints);
    endpoints_free(app->old_endpoints);
    hub_free(app->hub);
    rules_free(app->rules);
    config_free(app->owned);
    config_free(app->old_config);
    candidate_free(app->candidate);
    free(app->workers);
    free(app->worker_stopped);
    free(app->stats);
    pulse_free(app->pulse);
    notify_close(&app->notify);
}

bool app_serve(const struct config *config, struct log *log, struct err *err)
{
    struct app app = {.first = config, .config = config, .log = log, .n_workers = config->threads};
    CHECK(uv_loop_init(&app.loop) == 0);
    notify_open(&app.notify, getenv("NOTIFY_SOCKET"));
    app.workers = mem_array(app.n_workers, sizeof(struct worker *));
    app.worker_stopped = mem_array(app.n_workers, sizeof(bool));
    app.stats = mem_array(app.n_workers, sizeof(struct mail_stats));
    for (unsigned i = 0; i < app.n_workers; i++)
        app.worker_stopped[i] = true; /* until it runs */

    app.started = start(&app, err);
    if (app.started)
        log_start(&app);
    else
        stop(&app, 0);
    uv_run(&app.loop, UV_RUN_DEFAULT);
    for (unsigned i = 0; i < app.n_workers; i++)
        worker_free(app.workers[i]);
    free_all(&app);
    CHECK(uv_loop_close(&app.loop) == 0);
    if (app.started)
        log_info(log, "app", "stopped");
    return app.started;
}
