/* The start reads as a list (app_serve), the stop as a chain: each step begins the next when it is
 * done.
 *
 *   SIGTERM -> sources stop -> last tick -> delivery threads end their streams and stop
 *           -> state file -> admin listener stops -> the loop runs empty
 */
#include "app.h"

#include "admin/admin.h"
#include "auth/open.h"
#include "base/check.h"
#include "base/mem.h"
#include "config/databases.h"
#include "config/watch_of.h"
#include "delivery/catchup.h"
#include "delivery/exchange.h"
#include "delivery/worker.h"
#include "engine.h"
#include "hub/hub.h"
#include "model/scope.h"
#include "net/mailbox.h"
#include "report.h"
#include "rules/rules.h"
#include "source/sqlite.h"
#include "state.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <uv.h>

enum { APP_WATCH_MAX = 16 * 1024 * 1024, APP_STATE_MAX = 1 << 30 };

struct app {
    const struct config *config;
    const struct log *log;
    uv_loop_t loop;
    uv_signal_t term, interrupt;
    struct rules *rules;
    struct arena watch_memory;
    struct hub *hub;
    struct mailbox *box;
    struct open_auth *auth;
    struct exchange *exchange;
    struct engine *engine;
    struct admin *admin;
    struct worker **workers;
    struct mail_stats *stats; /* the last ones of each worker */
    bool *worker_stopped;
    unsigned n_workers, workers_left;
    struct source **sources;
    struct state_cursor *cursors;
    size_t n_sources, sources_left;
    bool stopping;
};

/* ---- mails ---- */

static void drop_mail(struct mail *mail)
{
    switch (mail->kind) {
    case MAIL_TICK:
        tick_unref(((struct mail_tick *)mail)->tick);
        free(mail);
        break;
    case MAIL_ASK:
    case MAIL_ANSWER:
        catchup_free((struct catchup *)mail);
        break;
    case MAIL_PUBLISH:
    case MAIL_PUBLISHED:
        mail_publish_free((struct mail_publish *)mail);
        break;
    default:
        free(mail);
    }
}

static void to_worker(void *ctx, unsigned worker, struct mail *mail)
{
    struct app *app = ctx;
    if (app->worker_stopped[worker])
        drop_mail(mail);
    else
        worker_post(app->workers[worker], mail);
}

static void on_published(void *ctx, struct mail_publish *publish)
{
    publish->mail.kind = MAIL_PUBLISHED;
    to_worker(ctx, publish->worker, &publish->mail);
}

static void worker_is_gone(struct app *app);

static void on_mail(void *ctx, struct mail *mail)
{
    struct app *app = ctx;
    switch (mail->kind) {
    case MAIL_PUBLISH:
        engine_publish(app->engine, (struct mail_publish *)mail);
        break;
    case MAIL_STATS: {
        struct mail_stats *stats = (struct mail_stats *)mail;
        app->stats[stats->worker] = *stats;
        free(mail);
        break;
    }
    case MAIL_STOPPED:
        app->worker_stopped[((struct mail_stopped *)mail)->worker] = true;
        free(mail);
        worker_is_gone(app);
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
                           .workers = app->stats,
                           .n_workers = app->n_workers,
                           .stopping = app->stopping};
}

static bool is_ready(void *ctx, struct buf *json)
{
    struct report report = report_of(ctx);
    return report_ready(&report, json);
}

static void write_metrics(void *ctx, struct buf *text)
{
    struct report report = report_of(ctx);
    report_metrics(&report, text);
}

/* ---- stopping ---- */

static void save_state(struct app *app)
{
    struct err err = ERR_INIT;
    struct buf hub = BUF_INIT(APP_STATE_MAX);
    engine_flush(app->engine);
    const bool saved = hub_save(app->hub, &hub, &err);
    const struct state state = {.rules = rules_hash(app->rules),
                                .hub = buf_slice(&hub),
                                .cursors = app->cursors,
                                .n_cursors = app->n_sources};
    if (saved && state_write(app->config->state, &state, &err))
        log_info(app->log, "app", "state written to %s: clients resume exactly",
                 app->config->state);
    else
        log_warn(app->log, "app", "%s; after the restart every client is reset", err.text);
    buf_free(&hub);
}

static void close_rest(void *ctx)
{
    struct app *app = ctx;
    engine_close(app->engine);
    mailbox_close(app->box);
    uv_close((uv_handle_t *)&app->term, NULL);
    uv_close((uv_handle_t *)&app->interrupt, NULL);
}

static void worker_is_gone(struct app *app)
{
    if (--app->workers_left > 0)
        return;
    save_state(app);
    if (app->admin)
        admin_stop(app->admin, close_rest, app);
    else
        close_rest(app);
}

static void source_is_gone(void *ctx)
{
    struct app *app = ctx;
    if (--app->sources_left > 0)
        return;
    engine_flush(app->engine);
    for (unsigned i = 0; i < app->n_workers; i++) {
        struct mail *stop = mem_new(sizeof *stop);
        stop->kind = MAIL_STOP;
        to_worker(app, i, stop);
    }
}

static void stop(struct app *app)
{
    if (app->stopping)
        return;
    app->stopping = true;
    app->workers_left = app->n_workers;
    app->cursors = mem_array(app->n_sources + 1, sizeof *app->cursors);
    /* One more than there are, given back at the end: no source is the same chain. */
    app->sources_left = app->n_sources + 1;
    for (size_t i = 0; i < app->n_sources; i++) {
        struct source *source = app->sources[i];
        struct buf cursor = BUF_INIT(64 * 1024);
        app->cursors[i].source = str_of(source->name);
        if (source->ops->cursor(source, &cursor))
            app->cursors[i].cursor = buf_slice(&cursor); /* keeps the bytes */
        else
            buf_free(&cursor);
        source->ops->stop(source, source_is_gone, app);
    }
    source_is_gone(app);
}

static void on_signal(uv_signal_t *signal, int number)
{
    struct app *app = signal->data;
    if (app->stopping) {
        log_warn(app->log, "app", "stopping already");
        return;
    }
    log_info(app->log, "app", "%s: stopping", number == SIGTERM ? "SIGTERM" : "SIGINT");
    stop(app);
}

/* ---- starting ---- */

static uint64_t random_u64(void)
{
    uint64_t value = 0;
    while (getrandom(&value, sizeof value, 0) != (ssize_t)sizeof value) {
    }
    return value;
}

/* Descriptors: the soft limit goes up to the hard one; what is left for connections is said. */
static unsigned connections_possible(const struct config *config, const struct log *log)
{
    enum { OWN = 64 }; /* listeners, loops, databases, admin connections */
    struct rlimit limit;
    unsigned wanted = config->limits.connections;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return wanted;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < (rlim_t)wanted + OWN) {
        unsigned possible = limit.rlim_cur > OWN ? (unsigned)(limit.rlim_cur - OWN) : 1;
        log_warn(log, "app",
                 "connections: %u instead of %u, since the process may open %llu descriptors",
                 possible, wanted, (unsigned long long)limit.rlim_cur);
        return possible;
    }
    return wanted;
}

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

static void start_hub(struct app *app, const struct state *state, struct hash_seed seed)
{
    const struct config_limits *limits = &app->config->limits;
    const struct hub_options options = {
        .limits = {.index_memory = limits->index_memory,
                   .notice_memory = limits->notice_memory,
                   .max_keys = limits->max_keys,
                   .max_entities = limits->max_entities,
                   .notices = limits->notices,
                   .held_max = limits->held,
                   .families_max = limits->families,
                   .batch_ms = limits->batch_ms},
        .epoch = random_u64(),
        .seed = seed,
    };
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
    const struct config *config = app->config;
    const struct config_limits *limits = &config->limits;
    unsigned connections = connections_possible(config, app->log);
    struct worker_options options = {
        .listen = config->listen,
        .server = {.http = {.head = limits->head,
                            .body = limits->publish_body,
                            .headers = HTTP_HEADERS_MAX},
                   .connections = connections / app->n_workers,
                   .head_ms = limits->head_ms,
                   .body_ms = limits->body_ms,
                   .keepalive_ms = limits->keepalive_ms,
                   .stalled_ms = limits->stalled_ms},
        .epoch = hub_epoch(app->hub),
        .start = hub_ticked(app->hub),
        .seed = seed,
        .heartbeat_ms = limits->heartbeat_ms,
        .spread_ms = limits->spread_ms,
        .drain_ms = limits->drain_ms,
        .scopes_max = limits->scopes,
        .publishes_max = limits->publish_queue / app->n_workers + 1,
        .publish_body = limits->publish_body,
        .authorizer = open_authorizer(app->auth),
        .log = app->log,
        .to_hub = app->box,
    };
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

static bool add_source(struct app *app, struct source *source, struct str cursor, struct err *err)
{
    app->sources[app->n_sources++] = source;
    engine_add(app->engine, source);
    return source->ops->start(source, cursor, err) || err_prefix(err, "source %s", source->name);
}

static bool start_sources(struct app *app, const struct state *state, struct err *err)
{
    struct watch *watch = watch_from_rules(app->rules, &app->watch_memory);
    if (!watch)
        return err_set(err, "%s: the rules name too many columns", app->config->file);
    for (size_t i = 0; i < app->config->n_sources; i++) {
        const struct config_source *config = &app->config->sources[i];
        if (config->kind != CONFIG_SQLITE)
            continue;
        /* A rule whose table is not in this database may wait for another source. */
        const struct watch *part =
            databases_watch(app->config, config->path, watch, NULL, NULL, &app->watch_memory);
        if (!part)
            return err_set(err, "%s: the rules name too many columns", app->config->file);
        const struct sqlite_options options = {.path = config->path,
                                               .poll_ms = config->poll_ms,
                                               .watch = part,
                                               .loop = &app->loop,
                                               .log = app->log};
        struct source *source = sqlite_new(&options, engine_sink(app->engine));
        if (!add_source(app, source, state_cursor(state, str_of(source->name)), err))
            return false;
    }
    return true;
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
                                          .metrics = write_metrics};
    app->admin = admin_new(&options, err);
    return app->admin || err_prefix(err, "admin listener");
}

static void watch_signals(struct app *app)
{
    uv_signal_init(&app->loop, &app->term);
    uv_signal_init(&app->loop, &app->interrupt);
    app->term.data = app->interrupt.data = app;
    uv_signal_start(&app->term, on_signal, SIGTERM);
    uv_signal_start(&app->interrupt, on_signal, SIGINT);
    /* Who reads the log may go; that is no reason to end. Sockets are written to without it. */
    signal(SIGPIPE, SIG_IGN);
}

static void start_auth(struct app *app)
{
    struct open_options options = {0};
    for (size_t i = 0; i < app->config->n_sources; i++) {
        const struct config_source *source = &app->config->sources[i];
        if (source->kind == CONFIG_PUBLISH)
            options = (struct open_options){.publish = true, .token = source->token};
    }
    app->auth = open_new(&options);
}

static void log_start(const struct app *app)
{
    log_info(app->log, "app", "unstale %s listening on http://%s", UNSTALE_VERSION,
             worker_address(app->workers[0]));
    if (app->admin)
        log_info(app->log, "app", "admin on http://%s (/metrics /livez /readyz)",
                 admin_address(app->admin));
}

static bool start(struct app *app, struct err *err)
{
    struct state state = {0};
    struct err why = ERR_INIT;
    struct hash_seed seed = {.k0 = random_u64(), .k1 = random_u64()};
    bool ok = false, stale_rules = false;

    app->rules = rules_compile(&app->config->rules, NULL, err);
    if (!app->rules)
        return false;
    if (state_take(app->config->state, &state, &why))
        stale_rules = state.rules != rules_hash(app->rules);
    else if (why.text[0])
        log_warn(app->log, "app", "%s", why.text);
    start_hub(app, &state, seed);
    start_auth(app);
    app->box = mailbox_new(&app->loop, on_mail, app);
    watch_signals(app);
    const struct exchange_options exchange = {.hub = app->hub,
                                              .workers = app->n_workers,
                                              .seed = seed,
                                              .heartbeat_ms = app->config->limits.heartbeat_ms,
                                              .spread_ms = app->config->limits.spread_ms,
                                              .ctx = app,
                                              .send = to_worker};
    app->exchange = exchange_new(&exchange);
    if (!start_admin(app, err))
        goto out;
    if (!start_workers(app, seed, err))
        goto out;
    const struct engine_options engine = {.loop = &app->loop,
                                          .hub = app->hub,
                                          .rules = app->rules,
                                          .exchange = app->exchange,
                                          .log = app->log,
                                          .ctx = app,
                                          .published = on_published};
    app->engine = engine_new(&engine);
    if (stale_rules) {
        log_info(app->log, "app",
                 "the rules have changed since the last stop: everything is stale");
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
    for (size_t i = 0; i < app->n_sources; i++) {
        if (app->cursors)
            free((char *)(uintptr_t)app->cursors[i].cursor.p);
        app->sources[i]->ops->free(app->sources[i]);
    }
    engine_free(app->engine);
    exchange_free(app->exchange);
    admin_free(app->admin);
    mailbox_free(app->box);
    open_free(app->auth);
    hub_free(app->hub);
    rules_free(app->rules);
    arena_free(&app->watch_memory);
    free(app->cursors);
    free(app->sources);
    free(app->workers);
    free(app->worker_stopped);
    free(app->stats);
}

bool app_serve(const struct config *config, const struct log *log, struct err *err)
{
    struct app app = {.config = config, .log = log, .n_workers = config->threads};
    CHECK(uv_loop_init(&app.loop) == 0);
    arena_init(&app.watch_memory, APP_WATCH_MAX);
    app.workers = mem_array(app.n_workers, sizeof(struct worker *));
    app.worker_stopped = mem_array(app.n_workers, sizeof(bool));
    app.stats = mem_array(app.n_workers, sizeof(struct mail_stats));
    app.sources = mem_array(config->n_sources + 1, sizeof(struct source *));
    for (unsigned i = 0; i < app.n_workers; i++)
        app.worker_stopped[i] = true; /* until it runs */

    if (!start(&app, err)) {
        /* The process ends with the sentence; what is open ends with it. */
        return false;
    }
    log_start(&app);
    uv_run(&app.loop, UV_RUN_DEFAULT);
    for (unsigned i = 0; i < app.n_workers; i++)
        worker_free(app.workers[i]);
    free_all(&app);
    CHECK(uv_loop_close(&app.loop) == 0);
    log_info(log, "app", "stopped");
    return true;
}
