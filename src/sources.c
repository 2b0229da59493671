#include "sources.h"

#include "base/check.h"
#include "base/mem.h"
#include "config/databases.h"
#include "source/sqlite.h"

#include <stdlib.h>

enum { CURSOR_MAX = 64 * 1024, WATCH_MAX = 16 * 1024 * 1024 };

struct one {
    struct sources *all;
    char *path;
    uint64_t poll_ms;
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

/* NULL when the rules name more than fits. */
static struct source *make(const struct sources *sources, const struct one *one,
                           const struct config *config, const struct watch *watch)
{
    struct source *source = NULL;
    struct arena arena;
    arena_init(&arena, WATCH_MAX);
    /* A rule whose table is not in this database may wait for another source. */
    const struct watch *part = databases_watch(config, one->path, watch, NULL, NULL, &arena);
    if (part) {
        const struct sqlite_options options = {.path = one->path,
                                               .poll_ms = one->poll_ms,
                                               .watch = part,
                                               .loop = sources->loop,
                                               .log = sources->log};
        source = sqlite_new(&options, engine_sink(sources->engine));
    }
    arena_free(&arena);
    return source;
}

bool sources_start(struct sources *sources, const struct config *config, const struct watch *watch,
                   const struct state *state, struct err *err)
{
    CHECK(!sources->items);
    sources->items = mem_array(config->n_sources + 1, sizeof *sources->items);
    for (size_t i = 0; i < config->n_sources; i++) {
        const struct config_source *wanted = &config->sources[i];
        if (wanted->kind != CONFIG_SQLITE)
            continue;
        struct one *one = &sources->items[sources->n++];
        *one = (struct one){.all = sources,
                            .path = mem_copy(wanted->path, strlen(wanted->path)),
                            .poll_ms = wanted->poll_ms,
                            .cursor = BUF_INIT(CURSOR_MAX)};
        one->source = make(sources, one, config, watch);
        if (!one->source)
            return err_set(err, "%s: the rules name too many columns", config->file);
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

/* The interval that the configuration gives a database; NULL where it does not name it. */
static const struct config_source *find(const struct config *config, const char *path)
{
    for (size_t i = 0; i < config->n_sources; i++)
        if (config->sources[i].kind == CONFIG_SQLITE && strcmp(config->sources[i].path, path) == 0)
            return &config->sources[i];
    return NULL;
}

bool sources_are(const struct sources *sources, const struct config *config)
{
    size_t n = 0;
    for (size_t i = 0; i < config->n_sources; i++)
        n += config->sources[i].kind == CONFIG_SQLITE;
    for (size_t i = 0; i < sources->n; i++)
        if (!find(config, sources->items[i].path))
            return false;
    return n == sources->n;
}

bool sources_differ(const struct sources *sources, const struct config *config)
{
    for (size_t i = 0; i < sources->n; i++) {
        const struct config_source *wanted = find(config, sources->items[i].path);
        if (wanted && wanted->poll_ms != sources->items[i].poll_ms)
            return true;
    }
    return false;
}

void sources_restart(struct sources *sources, const struct config *config,
                     const struct watch *watch)
{
    struct err err = ERR_INIT;
    CHECK(sources->stopping && sources->left == 0);
    sources->stopping = false;
    for (size_t i = 0; i < sources->n; i++) {
        struct one *one = &sources->items[i];
        const struct config_source *wanted = find(config, one->path);
        struct source *old = one->source;
        one->poll_ms = wanted ? wanted->poll_ms : one->poll_ms;
        one->source = make(sources, one, config, watch);
        CHECK(one->source); /* the watch has been made with as much room */
        engine_replace(sources->engine, old, one->source);
        old->ops->free(old);
        /* What could fail here has not failed with the same path before. */
        CHECK(one->source->ops->start(one->source, buf_slice(&one->cursor), &err));
    }
}

void sources_free(struct sources *sources)
{
    if (!sources)
        return;
    for (size_t i = 0; i < sources->n; i++) {
        if (sources->items[i].source)
            sources->items[i].source->ops->free(sources->items[i].source);
        free(sources->items[i].path);
        buf_free(&sources->items[i].cursor);
    }
    free(sources->items);
    free(sources->cursors);
    free(sources);
}
