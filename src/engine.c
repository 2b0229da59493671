#include "engine.h"

#include "base/check.h"
#include "base/mem.h"
#include "hub/again.h"
#include "model/key.h"
#include "model/scope.h"

#include <stdlib.h>
#include <time.h>

enum { ENGINE_WHY_MAX = 512 };

struct feed {
    struct source *source;
    bool current, waiting;
    bool was_current;
    uint64_t left_at; /* when it ceased to be current, ms of the engine's clock */
    char why[ENGINE_WHY_MAX];
    uint64_t changes, transactions, gaps, told_late;
    /* Of a source that has `settle`: what it laid since the last tick, and what left in a tick
     * before readers could see it. */
    struct again *fresh, *kept;
    bool asked, unsettled; /* `settle` is not answered; something is committed since the last one */
    bool seen;             /* `kept` is to be laid again as soon as the hub is free */
};

struct engine {
    struct engine_options options;
    struct source_sink sink;
    uv_prepare_t before;
    uv_check_t after;
    uv_timer_t due;
    uint64_t wall_start, clock_start;
    struct feed *feeds;
    size_t n_feeds;
    struct source *open;   /* whose transaction is open in the hub */
    struct list publishes; /* waiting for it to end */
    bool current, busy, rows;
    struct engine_stats stats;
};

uint64_t engine_now(const struct engine *engine)
{
    return engine->wall_start + (uv_hrtime() / 1000000 - engine->clock_start);
}

static struct feed *feed_of(struct engine *engine, const struct source *source)
{
    for (size_t i = 0; i < engine->n_feeds; i++)
        if (engine->feeds[i].source == source)
            return &engine->feeds[i];
    CHECK(false && "a source that was not added");
}

/* ---- rules -> hub ---- */

/* Where what the open transaction lays is kept until readers can see it; NULL: nowhere. */
static struct again *keeping(struct engine *engine)
{
    return engine->open ? feed_of(engine, engine->open)->fresh : NULL;
}

static void lay(struct engine *engine, struct str scope, struct str key, uint64_t at_most_ms)
{
    struct again *again = keeping(engine);
    hub_mark(engine->options.hub, scope, key, at_most_ms);
    if (again)
        again_mark(again, scope, key);
}

static void lay_mark(void *ctx, struct str scope, struct str key, uint64_t at_most_ms,
                     struct place rule)
{
    lay(ctx, scope, key, at_most_ms);
}

static void lay_entity(void *ctx, struct str scope, const struct rules_entity *entity,
                       struct place rule)
{
    struct engine *engine = ctx;
    const struct hub_entity laid = {.name = entity->name,
                                    .id = entity->id,
                                    .action = entity->action,
                                    .data = entity->data,
                                    .has_data = entity->has_data};
    hub_entity(engine->options.hub, scope, &laid);
    struct again *again = keeping(engine);
    if (again)
        again_entity(again, scope, &laid);
}

/* `known`: somebody else has use for it. */
static void apply(struct engine *engine, const struct change *change, bool known)
{
    const struct rules_sink sink = {.ctx = engine, .mark = lay_mark, .entity = lay_entity};
    if (!rules_apply(engine->options.rules, change, &sink) && !known)
        engine->stats.unmatched++;
}

static void lay_all(void *ctx, struct str scope)
{
    lay(ctx, scope, KEY_ALL, 0);
}

/* ---- publishes ---- */

static bool has_rule(const struct rules *rules, struct str resource)
{
    if (rules_has_wildcard(rules))
        return true;
    for (size_t i = 0; i < rules_count(rules); i++)
        if (str_equal(rules_resource(rules, i, NULL), resource))
            return true;
    return false;
}

static bool publish_known(const struct engine *engine, const struct publish *publish,
                          struct err *err)
{
    for (size_t i = 0; i < publish->n; i++) {
        const struct publish_item *item = &publish->items[i];
        if (item->kind == PUBLISH_CHANGE && !has_rule(engine->options.rules, item->change.resource))
            return err_set(err,
                           "item %zu: \"resource\": no rule for \"%.*s\" (see `unstale check`)", i,
                           STR_ARG(item->change.resource));
    }
    return true;
}

static void lay_publish(struct engine *engine, const struct publish *publish)
{
    for (size_t i = 0; i < publish->n; i++) {
        const struct publish_item *item = &publish->items[i];
        switch (item->kind) {
        case PUBLISH_CHANGE:
            apply(engine, &item->change, false);
            engine->stats.published_changes++;
            break;
        case PUBLISH_MARKS:
            for (size_t k = 0; k < item->marks.n; k++) {
                lay(engine, item->marks.scope, item->marks.keys[k], 0);
                if (str_equal(item->marks.keys[k], KEY_ALL))
                    exchange_reason(engine->options.exchange, "published");
            }
            if (engine->rows)
                hub_entity(engine->options.hub, item->marks.scope,
                           &(struct hub_entity){.action = STR("marked")});
            engine->stats.published_marks += item->marks.n;
            break;
        case PUBLISH_NOTICE:
            hub_notice(engine->options.hub, item->notice.scope, item->notice.type,
                       item->notice.data, NULL);
            engine->stats.published_notices++;
            break;
        }
    }
}

static void take_publish(struct engine *engine, struct mail_publish *publish)
{
    publish->accepted = publish_known(engine, &publish->publish, &publish->err);
    if (publish->accepted) {
        hub_begin(engine->options.hub, engine_now(engine));
        lay_publish(engine, &publish->publish);
        publish->position = hub_commit(engine->options.hub);
        engine->stats.publishes++;
    } else {
        engine->stats.publish_errors++;
    }
    engine->options.published(engine->options.ctx, publish);
}

void engine_publish(struct engine *engine, struct mail_publish *publish)
{
    if (engine->open)
        list_push_back(&engine->publishes, &publish->mail.node);
    else
        take_publish(engine, publish);
}

/* What was told too early is told again. */
static void lay_seen(struct engine *engine, struct feed *feed)
{
    hub_begin(engine->options.hub, engine_now(engine));
    again_lay(feed->kept, engine->options.hub);
    hub_commit(engine->options.hub);
    again_clear(feed->kept);
    feed->seen = false;
}

/* The hub is free: first what readers can see at last, then who published, then sources that were
 * turned away, each once. */
static void let_others(struct engine *engine)
{
    for (size_t i = 0; i < engine->n_feeds; i++)
        if (engine->feeds[i].seen)
            lay_seen(engine, &engine->feeds[i]);
    while (!engine->open && !list_empty(&engine->publishes)) {
        struct list *node = engine->publishes.next;
        list_remove(node);
        take_publish(engine, (struct mail_publish *)LIST_ITEM(node, struct mail, node));
    }
    for (size_t i = 0; i < engine->n_feeds && !engine->open; i++) {
        if (!engine->feeds[i].waiting)
            continue;
        engine->feeds[i].waiting = false;
        engine->feeds[i].source->ops->resume(engine->feeds[i].source);
    }
}

/* ---- the sink ---- */

static bool on_begin(void *ctx, struct source *source)
{
    struct engine *engine = ctx;
    if (engine->open) {
        feed_of(engine, source)->waiting = true;
        return false;
    }
    engine->open = source;
    hub_begin(engine->options.hub, engine_now(engine));
    return true;
}

static void on_change(void *ctx, struct source *source, const struct change *change)
{
    struct engine *engine = ctx;
    CHECK(engine->open == source);
    const struct engine_listener *listener = &engine->options.listener;
    feed_of(engine, source)->changes++;
    apply(engine, change, listener->ctx && listener->change(listener->ctx, change));
}

static void on_commit(void *ctx, struct source *source)
{
    struct engine *engine = ctx;
    CHECK(engine->open == source);
    struct feed *feed = feed_of(engine, source);
    feed->transactions++;
    feed->unsettled = feed->fresh != NULL;
    hub_commit(engine->options.hub);
    engine->open = NULL;
    let_others(engine);
}

static void on_gap(void *ctx, struct source *source, struct str resource, const char *reason)
{
    struct engine *engine = ctx;
    struct feed *feed = feed_of(engine, source);
    bool own = engine->open == NULL;
    feed->gaps++;
    if (engine->options.listener.ctx)
        engine->options.listener.gap(engine->options.listener.ctx, resource);
    log_warn(engine->options.log, source->ops->kind,
             "%s: changes%s%.*s may have been missed (%s): everything they could touch is stale",
             source->name, resource.n ? " of " : "", STR_ARG(resource), reason);
    /* Inside another source's transaction [] joins it: it is newer than all that was laid before.
     */
    if (own)
        hub_begin(engine->options.hub, engine_now(engine));
    rules_families(engine->options.rules, resource, lay_all, engine);
    exchange_reason(engine->options.exchange, "source-gap");
    if (own)
        hub_commit(engine->options.hub);
}

static void on_current(void *ctx, struct source *source, bool current, const char *why)
{
    struct engine *engine = ctx;
    struct feed *feed = feed_of(engine, source);
    struct str reason = str_of(why ? why : "");
    bool turned = feed->current != current;
    bool same = !turned && str_is(reason, feed->why);
    if (feed->current && !current)
        feed->left_at = engine_now(engine);
    feed->was_current = feed->was_current || current;
    feed->current = current;
    reason.n = reason.n < sizeof feed->why ? reason.n : sizeof feed->why - 1;
    memcpy(feed->why, reason.p, reason.n);
    feed->why[reason.n] = '\0';
    if (!same && current)
        log_info(engine->options.log, source->ops->kind, "%s: capturing changes", source->name);
    else if (!same)
        log_warn(engine->options.log, source->ops->kind, "%s: not capturing: %s", source->name,
                 feed->why);

    if (turned && engine->options.listener.ctx)
        engine->options.listener.current(engine->options.listener.ctx, source, current);
    bool all = true;
    for (size_t i = 0; i < engine->n_feeds; i++)
        all = all && engine->feeds[i].current;
    if (all != engine->current) {
        engine->current = all;
        exchange_current(engine->options.exchange, all);
    }
}

static bool on_source_publish(void *ctx, struct source *source, const struct publish *publish,
                              struct err *err)
{
    struct engine *engine = ctx;
    CHECK(engine->open == source);
    if (!publish_known(engine, publish, err)) {
        engine->stats.publish_errors++;
        return false;
    }
    lay_publish(engine, publish);
    return true;
}

static void on_settled(void *ctx, struct source *source, bool visible)
{
    struct engine *engine = ctx;
    struct feed *feed = feed_of(engine, source);
    if (!feed->asked)
        return;
    feed->asked = feed->unsettled = false;
    if (visible) {
        again_clear(feed->fresh);
    } else {
        feed->told_late++;
        again_move(feed->kept, feed->fresh);
    }
    engine_pump(engine);
}

static void on_seen(void *ctx, struct source *source)
{
    struct engine *engine = ctx;
    struct feed *feed = feed_of(engine, source);
    if (again_is_empty(feed->kept))
        return;
    feed->seen = true;
    if (!engine->open)
        let_others(engine);
}

static void on_answered(void *ctx, struct source *source, struct roll_question *question,
                        const struct roll_answer *answer)
{
    struct engine *engine = ctx;
    const struct engine_listener *listener = &engine->options.listener;
    listener->answered(listener->ctx, source, question, answer);
}

/* Asks the sources whether readers see what is committed; false while one has not answered. */
static bool all_settled(struct engine *engine)
{
    bool all = true;
    for (size_t i = 0; i < engine->n_feeds; i++) {
        struct feed *feed = &engine->feeds[i];
        if (feed->unsettled && !feed->asked) {
            feed->asked = true;
            feed->source->ops->settle(feed->source);
        }
        all = all && !feed->asked;
    }
    return all;
}

/* ---- the loop ---- */

static void on_due(uv_timer_t *timer)
{
    engine_pump(timer->data);
}

static void flush(struct engine *engine, bool all)
{
    if (engine->options.listener.ctx)
        engine->options.listener.flush(engine->options.listener.ctx, all);
}

void engine_pump(struct engine *engine)
{
    if (hub_open(engine->options.hub))
        return; /* the commit comes back here */
    flush(engine, hub_ticked(engine->options.hub) == hub_sequence(engine->options.hub));
    if (!exchange_ready(engine->options.exchange))
        return; /* the slowest thread's MAIL_TICKED comes back here */
    uint64_t now = engine_now(engine);
    uint64_t due = hub_due(engine->options.hub, now);
    if (due <= now && !all_settled(engine)) {
        uv_timer_stop(&engine->due);
        return; /* `settled` comes back here */
    }
    if (due <= now) {
        flush(engine, true);
        exchange_tick(engine->options.exchange, now);
        due = hub_due(engine->options.hub, now);
    }
    if (due == UINT64_MAX)
        uv_timer_stop(&engine->due);
    else
        uv_timer_start(&engine->due, on_due, due > now ? due - now : 1, 0);
}

static void turn(struct engine *engine)
{
    engine_pump(engine);
    engine->options.turned(engine->options.ctx);
}

static void on_before(uv_prepare_t *before)
{
    turn(before->data);
}

static void on_after(uv_check_t *after)
{
    turn(after->data);
}

struct engine *engine_new(const struct engine_options *options)
{
    struct engine *engine = mem_new(sizeof *engine);
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    engine->options = *options;
    engine->wall_start = (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_nsec / 1000000;
    engine->clock_start = uv_hrtime() / 1000000;
    engine->current = true;
    list_init(&engine->publishes);
    engine->sink = (struct source_sink){.ctx = engine,
                                        .begin = on_begin,
                                        .change = on_change,
                                        .commit = on_commit,
                                        .gap = on_gap,
                                        .current = on_current,
                                        .publish = on_source_publish,
                                        .settled = on_settled,
                                        .seen = on_seen,
                                        .answered = on_answered};
    uv_prepare_init(options->loop, &engine->before);
    uv_check_init(options->loop, &engine->after);
    uv_timer_init(options->loop, &engine->due);
    engine->before.data = engine->after.data = engine->due.data = engine;
    uv_prepare_start(&engine->before, on_before);
    uv_check_start(&engine->after, on_after);
    exchange_current(options->exchange, true);
    return engine;
}

const struct source_sink *engine_sink(const struct engine *engine)
{
    return &engine->sink;
}

void engine_add(struct engine *engine, struct source *source)
{
    engine->feeds = mem_grow(engine->feeds, (engine->n_feeds + 1) * sizeof *engine->feeds);
    struct feed *feed = &engine->feeds[engine->n_feeds++];
    *feed = (struct feed){.source = source, .why = "starting"};
    if (source->ops->settle) {
        feed->fresh = again_new(engine->options.seed);
        feed->kept = again_new(engine->options.seed);
    }
    if (engine->current) {
        engine->current = false;
        exchange_current(engine->options.exchange, false);
    }
}

void engine_replace(struct engine *engine, const struct source *from, struct source *to)
{
    struct feed *feed = feed_of(engine, from);
    CHECK(engine->open != from);
    feed->source = to;
    feed->waiting = false;
    /* What was not seen yet, `to` reads again: the cursor of `from` stands before it. */
    feed->asked = feed->unsettled = feed->seen = false;
    if (feed->fresh) {
        again_clear(feed->fresh);
        again_clear(feed->kept);
    }
}

void engine_tell_rows(struct engine *engine, bool tell)
{
    engine->rows = tell;
}

void engine_set_rules(struct engine *engine, const struct rules *rules)
{
    CHECK(!engine->open);
    engine->options.rules = rules;
}

void engine_reset_all(struct engine *engine, const char *reason)
{
    hub_begin(engine->options.hub, engine_now(engine));
    hub_mark(engine->options.hub, SCOPE_EVERY, KEY_ALL, 0);
    exchange_reason(engine->options.exchange, reason);
    hub_commit(engine->options.hub);
}

void engine_flush(struct engine *engine)
{
    if (engine->open) { /* half of it is laid: harmless, and read again after the restart */
        hub_commit(engine->options.hub);
        engine->open = NULL;
    }
    while (!list_empty(&engine->publishes)) {
        struct list *node = engine->publishes.next;
        list_remove(node);
        take_publish(engine, (struct mail_publish *)LIST_ITEM(node, struct mail, node));
    }
    uint64_t now = engine_now(engine);
    hub_lay_held(engine->options.hub, now);
    uint64_t due = hub_due(engine->options.hub, now);
    if (due != UINT64_MAX)
        exchange_tick(engine->options.exchange, due > now ? due : now);
}

void engine_close(struct engine *engine)
{
    uv_close((uv_handle_t *)&engine->before, NULL);
    uv_close((uv_handle_t *)&engine->after, NULL);
    uv_close((uv_handle_t *)&engine->due, NULL);
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    for (size_t i = 0; i < engine->n_feeds; i++) {
        again_free(engine->feeds[i].fresh);
        again_free(engine->feeds[i].kept);
    }
    free(engine->feeds);
    free(engine);
}

static bool is_ready(const struct engine *engine, const struct feed *feed)
{
    uint64_t patience = feed->source->patience_ms;
    return feed->current || (feed->was_current && engine_now(engine) - feed->left_at < patience);
}

void engine_stats(const struct engine *engine, struct engine_stats *stats)
{
    *stats = engine->stats;
    stats->ready = true;
    for (size_t i = 0; i < engine->n_feeds; i++)
        stats->ready = stats->ready && is_ready(engine, &engine->feeds[i]);
    stats->n_sources = engine->n_feeds;
    stats->current = engine->current;
}

struct engine_source_state engine_source(const struct engine *engine, size_t index)
{
    const struct feed *feed = &engine->feeds[index];
    struct engine_source_state state = {.name = feed->source->name,
                                        .kind = feed->source->ops->kind,
                                        .current = feed->current,
                                        .why = feed->why,
                                        .changes = feed->changes,
                                        .transactions = feed->transactions,
                                        .gaps = feed->gaps,
                                        .ready = is_ready(engine, feed),
                                        .told_late = feed->told_late};
    if (feed->kept)
        state.unseen = again_count(feed->kept);
    if (feed->source->ops->numbers)
        state.n_numbers = feed->source->ops->numbers(feed->source, state.numbers);
    return state;
}
