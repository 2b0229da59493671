/* The start reads as a list (app_serve), the stop as a chain: each step begins the next when it is
 * done.
 *
 *   SIGTERM -> sources stop -> last tick -> delivery threads end their streams and stop
 *           -> state file -> admin listener stops -> the loop runs empty
 */
#include "app.h"

#include "admin/admin.h"
#include "admin/metrics.h"
#include "auth/open.h"
#include "base/check.h"
#include "base/jsontext.h"
#include "base/mem.h"
#include "config/watch_of.h"
#include "delivery/exchange.h"
#include "delivery/worker.h"
#include "engine.h"
#include "hub/hub.h"
#include "model/scope.h"
#include "net/mailbox.h"
#include "rules/rules.h"
#include "source/sqlite.h"
#include "state.h"

#include <errno.h>
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

static bool is_ready(void *ctx, struct buf *json)
{
    struct app *app = ctx;
    struct engine_stats stats;
    engine_stats(app->engine, &stats);
    bool ready = stats.current && !app->stopping;
    buf_printf(json, "{\"ready\":%s,\"stopping\":%s,\"sources\":[", ready ? "true" : "false",
               app->stopping ? "true" : "false");
    for (size_t i = 0; i < stats.n_sources; i++) {
        struct engine_source_state source = engine_source(app->engine, i);
        buf_text(json, i ? ",{\"name\":" : "{\"name\":");
        jsontext_string(json, str_of(source.name));
        buf_printf(json, ",\"current\":%s,\"why\":", source.current ? "true" : "false");
        jsontext_string(json, str_of(source.why));
        buf_byte(json, '}');
    }
    buf_text(json, "]}\n");
    return ready;
}

static void write_source_metrics(struct app *app, struct buf *out)
{
    struct engine_stats stats;
    engine_stats(app->engine, &stats);
    metrics_one(out, "unstale_current", METRICS_GAUGE, stats.current,
                "1 while every source captures changes.");
    metrics_family(out, "unstale_source_current", METRICS_GAUGE,
                   "1 while this source captures changes.");
    for (size_t i = 0; i < stats.n_sources; i++) {
        struct engine_source_state source = engine_source(app->engine, i);
        metrics_labelled(out, "unstale_source_current", "source", str_of(source.name),
                         source.current);
    }
    metrics_family(out, "unstale_source_changes_total", METRICS_COUNTER,
                   "Changes that this source handed on.");
    for (size_t i = 0; i < stats.n_sources; i++) {
        struct engine_source_state source = engine_source(app->engine, i);
        metrics_labelled(out, "unstale_source_changes_total", "source", str_of(source.name),
                         source.changes);
    }
    metrics_family(
        out, "unstale_source_gaps_total", METRICS_COUNTER,
        "Times that this source could not prove that it missed nothing; each one is a reset.");
    for (size_t i = 0; i < stats.n_sources; i++) {
        struct engine_source_state source = engine_source(app->engine, i);
        metrics_labelled(out, "unstale_source_gaps_total", "source", str_of(source.name),
                         source.gaps);
    }
    metrics_one(out, "unstale_publishes_total", METRICS_COUNTER, stats.publishes,
                "Accepted publish bodies.");
    metrics_one(out, "unstale_publish_refused_total", METRICS_COUNTER, stats.publish_errors,
                "Publish bodies that named a resource without a rule.");
    metrics_one(out, "unstale_published_notices_total", METRICS_COUNTER, stats.published_notices,
                "Notices that were published.");
    metrics_one(out, "unstale_changes_unmatched_total", METRICS_COUNTER, stats.unmatched,
                "Changes of resources that no rule knows.");
}

static void write_hub_metrics(struct app *app, struct buf *out)
{
    struct hub_stats hub;
    hub_stats(app->hub, &hub);
    struct exchange_stats exchange;
    exchange_stats(app->exchange, &exchange);
    const struct {
        const char *name;
        enum metrics_type type;
        uint64_t value;
        const char *help;
    } rows[] = {
        {"unstale_sequence", METRICS_COUNTER, hub_sequence(app->hub),
         "Position of the newest transaction."},
        {"unstale_ticks_total", METRICS_COUNTER, hub.ticks, "Delivery rounds."},
        {"unstale_transactions_total", METRICS_COUNTER, hub.transactions,
         "Transactions that laid a mark or a notice."},
        {"unstale_marks_laid_total", METRICS_COUNTER, hub.laid, "Marks laid, repeats included."},
        {"unstale_index_scopes", METRICS_GAUGE, hub.scopes, "Scopes with an entry in the index."},
        {"unstale_index_families", METRICS_GAUGE, hub.families,
         "Families with an entry in the index."},
        {"unstale_index_marks", METRICS_GAUGE, hub.marks, "Key marks in the index."},
        {"unstale_index_entities", METRICS_GAUGE, hub.entities, "Entity marks in the index."},
        {"unstale_index_held", METRICS_GAUGE, hub.held, "Keys that wait for their at_most."},
        {"unstale_index_bytes", METRICS_GAUGE, hub.index_memory,
         "Memory of the index (limits: index_memory)."},
        {"unstale_index_bytes_max", METRICS_GAUGE, app->config->limits.index_memory,
         "Bound of unstale_index_bytes."},
        {"unstale_index_evicted_total", METRICS_COUNTER, hub.evicted,
         "Marks given up for memory; rising fast: raise index_memory."},
        {"unstale_index_widened_total", METRICS_COUNTER, hub.widened,
         "Marks replaced by a wider one; rising fast: raise max_keys."},
        {"unstale_notices", METRICS_GAUGE, hub.notices, "Notices that are kept."},
        {"unstale_notice_bytes", METRICS_GAUGE, hub.notice_memory,
         "Memory of the notices (limits: notice_memory)."},
        {"unstale_notices_dropped_total", METRICS_COUNTER, hub.notices_dropped,
         "Notices that left their ring; who was behind them is reset."},
        {"unstale_resets_laid_total", METRICS_COUNTER, hub.resets, "[] marks laid."},
        {"unstale_audience_scopes", METRICS_GAUGE, exchange.audience,
         "Scopes and families that somebody listens to."},
        {"unstale_answers_total", METRICS_COUNTER, exchange.answers,
         "Steps of catch-up rounds answered."},
        {"unstale_ready_total", METRICS_COUNTER, exchange.hellos,
         "Subscriptions greeted with `ready`."},
        {"unstale_ready_reset_total", METRICS_COUNTER, exchange.resets_told,
         "Of those, with a scope that was reset."},
        {"unstale_blobs_total", METRICS_COUNTER, exchange.blobs,
         "Messages encoded, one for all who get it."},
        {"unstale_blob_bytes_total", METRICS_COUNTER, exchange.blob_bytes, "Bytes of those."},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        metrics_one(out, rows[i].name, rows[i].type, rows[i].value, rows[i].help);
}

static void write_delivery_metrics(struct app *app, struct buf *out)
{
    struct mail_stats all = {0};
    for (unsigned i = 0; i < app->n_workers; i++) {
        const struct mail_stats *one = &app->stats[i];
        all.server.open += one->server.open;
        all.server.accepted += one->server.accepted;
        all.server.refused += one->server.refused;
        all.server.requests += one->server.requests;
        all.server.bytes_in += one->server.bytes_in;
        all.server.bytes_out += one->server.bytes_out;
        all.server.sends += one->server.sends;
        for (size_t r = 0; r < CLOSE_REASON_COUNT; r++)
            all.server.closed[r] += one->server.closed[r];
        all.subscribers += one->subscribers;
        all.behind += one->behind;
        all.scopes += one->scopes;
        all.deliveries += one->deliveries;
        all.cuts += one->cuts;
        all.rounds += one->rounds;
        all.heartbeats += one->heartbeats;
    }
    const struct {
        const char *name;
        enum metrics_type type;
        uint64_t value;
        const char *help;
    } rows[] = {
        {"unstale_connections", METRICS_GAUGE, all.server.open, "Open connections."},
        {"unstale_connections_max", METRICS_GAUGE, app->config->limits.connections,
         "Bound of unstale_connections."},
        {"unstale_connections_accepted_total", METRICS_COUNTER, all.server.accepted,
         "Connections accepted."},
        {"unstale_connections_refused_total", METRICS_COUNTER, all.server.refused,
         "Connections over the limit: 503."},
        {"unstale_requests_total", METRICS_COUNTER, all.server.requests, "HTTP requests."},
        {"unstale_bytes_in_total", METRICS_COUNTER, all.server.bytes_in, "Bytes received."},
        {"unstale_bytes_out_total", METRICS_COUNTER, all.server.bytes_out, "Bytes sent."},
        {"unstale_sends_total", METRICS_COUNTER, all.server.sends, "Writes to sockets."},
        {"unstale_subscribers", METRICS_GAUGE, all.subscribers, "Open streams."},
        {"unstale_subscribers_behind", METRICS_GAUGE, all.behind,
         "Of those, not at the last tick."},
        {"unstale_subscribed_scopes", METRICS_GAUGE, all.scopes,
         "Scopes with a subscriber, summed over threads."},
        {"unstale_deliveries_total", METRICS_COUNTER, all.deliveries,
         "Ticks written to subscribers."},
        {"unstale_cuts_total", METRICS_COUNTER, all.cuts,
         "Writes that a socket did not take whole."},
        {"unstale_rounds_total", METRICS_COUNTER, all.rounds, "Catch-up rounds after a cut."},
        {"unstale_heartbeats_total", METRICS_COUNTER, all.heartbeats, "Heartbeats sent."},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        metrics_one(out, rows[i].name, rows[i].type, rows[i].value, rows[i].help);
    metrics_family(out, "unstale_connections_closed_total", METRICS_COUNTER,
                   "Connections closed, by reason.");
    for (size_t r = 0; r < CLOSE_REASON_COUNT; r++)
        metrics_labelled(out, "unstale_connections_closed_total", "reason",
                         str_of(close_reason_label((enum close_reason)r)), all.server.closed[r]);
}

static void write_metrics(void *ctx, struct buf *out)
{
    struct app *app = ctx;
    write_source_metrics(app, out);
    write_hub_metrics(app, out);
    write_delivery_metrics(app, out);
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
        .reuse_port = app->n_workers > 1,
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
        const struct sqlite_options options = {.path = config->path,
                                               .poll_ms = config->poll_ms,
                                               .watch = watch,
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
