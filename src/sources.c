#include "sources.h"

#include "base/check.h"
#include "base/mem.h"
#include "config/databases.h"
#include "source/pg_listen.h"
#include "source/pg_logical.h"
#include "source/sqlite.h"

#include <stdlib.h>

enum { CURSOR_MAX = 64 * 1024, WATCH_MAX = 16 * 1024 * 1024 };

struct one {
    struct sources *all;
    enum config_source_kind kind;
    char *place; /* what names the database: a path, or host:port/database */
    struct source *source;
    struct buf cursor; /* since it was stopped; empty: it has no proof */
};

struct sources {
    uv_loop_t *loop;
    struct engine *engine;
    const struct log *log;
    struct one *items;
    struct state_cursor *cursors;
    size_t n, left; /* still stopping */
    bool stopping;
    void (*done)(void *ctx);
    void *ctx;
};

struct sources *sources_new(uv_loop_t *loop, struct engine *engine, const struct log *log)
{
    struct sources *sources = mem_new(sizeof *sources);
    *sources = (struct sources){.loop = loop, .engine = engine, .log = log};
    return sources;
}

static const char *place_of(const struct config_source *source)
{
    switch (source->kind) {
    case CONFIG_SQLITE:
        return source->path;
    case CONFIG_POSTGRES:
        return source->shown;
    case CONFIG_PUBLISH:
        break;
    }
    return NULL; /* no database */
}

static struct source *make_sqlite(const struct sources *sources, const struct config *config,
                                  const struct config_source *wanted, const struct watch *watch,
                                  struct err *err)
{
    struct source *source = NULL;
    struct arena arena;
    arena_init(&arena, WATCH_MAX);
    /* A rule whose table is not in this database may wait for another source. */
    const struct watch *part = databases_watch(config, wanted, watch, NULL, NULL, &arena);
    if (part) {
        const struct sqlite_options options = {.path = wanted->path,
                                               .poll_ms = wanted->poll_ms,
                                               .watch = part,
                                               .rolls = &config->auth.membership,
                                               .loop = sources->loop,
                                               .log = sources->log};
        source = sqlite_new(&options, engine_sink(sources->engine));
    } else {
        err_set(err, "%s: the rules name too many columns", config->file);
    }
    arena_free(&arena);
    return source;
}

static struct source *make_listening(const struct sources *sources, const struct config *config,
                                     const struct config_source *wanted, const struct watch *watch,
                                     struct err *err)
{
    const struct pg_listen_options options = {.url = wanted->url,
                                              .password_file = wanted->password_file,
                                              .channel = wanted->channel,
                                              .timeout_ms = wanted->timeout_ms,
                                              .patience_ms = wanted->unready_ms,
                                              .watch = watch,
                                              .rolls = &config->auth.membership,
                                              .alone = !databases_has_others(config, wanted),
                                              .loop = sources->loop,
                                              .log = sources->log};
    return pg_listen_new(&options, engine_sink(sources->engine), err);
}

static struct source *make_postgres(const struct sources *sources, const struct config *config,
                                    const struct config_source *wanted, const struct watch *watch,
                                    struct err *err)
{
    if (wanted->capture == CONFIG_NOTIFY)
        return make_listening(sources, config, wanted, watch, err);
    const struct pg_logical_options options = {.url = wanted->url,
                                               .password_file = wanted->password_file,
                                               .publication = wanted->publication,
                                               .slot_name = wanted->slot_name,
                                               .permanent = wanted->permanent,
                                               .visible_on = wanted->visible_on,
                                               .timeout_ms = wanted->timeout_ms,
                                               .patience_ms = wanted->unready_ms,
                                               .watch = watch,
                                               .rolls = &config->auth.membership,
                                               .alone = !databases_has_others(config, wanted),
                                               .loop = sources->loop,
                                               .log = sources->log};
    return pg_logical_new(&options, engine_sink(sources->engine), err);
}

static struct source *make(const struct sources *sources, const struct config *config,
                           const struct config_source *wanted, const struct watch *watch,
                           struct err *err)
{
    return wanted->kind == CONFIG_SQLITE ? make_sqlite(sources, config, wanted, watch, err)
                                         : make_postgres(sources, config, wanted, watch, err);
}

bool sources_start(struct sources *sources, const struct config *config, const struct watch *watch,
                   const struct state *state, struct err *err)
{
    CHECK(!sources->items);
    sources->items = mem_array(config->n_sources + 1, sizeof *sources->items);
    for (size_t i = 0; i < config->n_sources; i++) {
        const struct config_source *wanted = &config->sources[i];
        const char *place = place_of(wanted);
        if (!place)
            continue;
        struct one *one = &sources->items[sources->n++];
        *one = (struct one){.all = sources,
                            .kind = wanted->kind,
                            .place = mem_copy(place, strlen(place)),
                            .cursor = BUF_INIT(CURSOR_MAX)};
        one->source = make(sources, config, wanted, watch, err);
        if (!one->source)
            return false;
        engine_add(sources->engine, one->source);
        if (!one->source->ops->start(one->source, state_cursor(state, str_of(one->source->name)),
                                     err))
            return err_prefix(err, "source %s", one->source->name);
    }
    return true;
}

/* ---- stopping ---- */

static void is_gone(struct sources *sources)
{
    if (--sources->left == 0)
        sources->done(sources->ctx);
}

static void on_stopped(void *ctx)
{
    struct one *one = ctx;
    buf_clear(&one->cursor);
    if (!one->source->ops->cursor(one->source, &one->cursor))
        buf_clear(&one->cursor);
    is_gone(one->all);
}

void sources_stop(struct sources *sources, void (*done)(void *ctx), void *ctx)
{
    CHECK(!sources->stopping);
    sources->stopping = true;
    sources->done = done;
    sources->ctx = ctx;
    /* One more than there are, given back at the end: none at all is the same way. */
    sources->left = sources->n + 1;
    for (size_t i = 0; i < sources->n; i++) {
        struct source *source = sources->items[i].source;
        if (source)
            source->ops->stop(source, on_stopped, &sources->items[i]);
        else
            is_gone(sources); /* the start failed where it was to be made */
    }
    is_gone(sources);
}

struct state_cursor *sources_cursors(struct sources *sources, size_t *n)
{
    free(sources->cursors);
    sources->cursors = mem_array(sources->n + 1, sizeof *sources->cursors);
    for (size_t i = 0; i < sources->n; i++)
        sources->cursors[i] =
            (struct state_cursor){.source = str_of(sources->items[i].source->name),
                                  .cursor = buf_slice(&sources->items[i].cursor)};
    *n = sources->n;
    return sources->cursors;
}

/* ---- reloading ---- */

/* NULL where the configuration does not name the database. */
static const struct config_source *find(const struct config *config, const struct one *one)
{
    for (size_t i = 0; i < config->n_sources; i++)
        if (config->sources[i].kind == one->kind &&
            strcmp(place_of(&config->sources[i]), one->place) == 0)
            return &config->sources[i];
    return NULL;
}

bool sources_are(const struct sources *sources, const struct config *config)
{
    size_t n = 0;
    for (size_t i = 0; i < config->n_sources; i++)
        n += place_of(&config->sources[i]) != NULL;
    for (size_t i = 0; i < sources->n; i++)
        if (!find(config, &sources->items[i]))
            return false;
    return n == sources->n;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_settings(const struct config_source *a, const struct config_source *b)
{
    return a->poll_ms == b->poll_ms && a->capture == b->capture && a->permanent == b->permanent &&
           a->timeout_ms == b->timeout_ms && a->unready_ms == b->unready_ms &&
           same_text(a->url, b->url) && same_text(a->password_file, b->password_file) &&
           same_text(a->visible_on, b->visible_on) && same_text(a->slot_name, b->slot_name) &&
           same_text(a->publication, b->publication) && same_text(a->channel, b->channel);
}

bool sources_differ(const struct sources *sources, const struct config *config,
                    const struct config *next)
{
    for (size_t i = 0; i < sources->n; i++) {
        const struct config_source *wanted = find(next, &sources->items[i]);
        const struct config_source *used = find(config, &sources->items[i]);
        if (wanted && used && !same_settings(wanted, used))
            return true;
    }
    return false;
}

void sources_restart(struct sources *sources, const struct config *first,
                     const struct config *config, const struct watch *watch)
{
    struct err err = ERR_INIT;
    CHECK(sources->stopping && sources->left == 0);
    sources->stopping = false;
    for (size_t i = 0; i < sources->n; i++) {
        struct one *one = &sources->items[i];
        const struct config_source *wanted = find(config, one);
        struct source *old = one->source;
        one->source = make(sources, config, wanted ? wanted : find(first, one), watch, &err);
        CHECK(one->source); /* the watch has been made with as much room */
        engine_replace(sources->engine, old, one->source);
        old->ops->free(old);
        /* What could fail here has not failed with the same path before. */
        CHECK(one->source->ops->start(one->source, buf_slice(&one->cursor), &err));
    }
}

struct source *sources_database(const struct sources *sources)
{
    for (size_t i = 0; i < sources->n; i++)
        if (sources->items[i].source && sources->items[i].source->ops->ask)
            return sources->items[i].source;
    return NULL;
}

void sources_free(struct sources *sources)
{
    if (!sources)
        return;
    for (size_t i = 0; i < sources->n; i++) {
        if (sources->items[i].source)
            sources->items[i].source->ops->free(sources->items[i].source);
        free(sources->items[i].place);
        buf_free(&sources->items[i].cursor);
    }
    free(sources->items);
    free(sources->cursors);
    free(sources);
}
