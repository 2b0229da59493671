#include "cli/loaded.h"

#include "cli/cli.h"
#include "config/watch_of.h"

enum { MEMORY = 64 * 1024 * 1024 };

bool loaded_open(struct loaded *loaded, const char *file, struct err *err)
{
    struct place at = {0};
    *loaded = (struct loaded){0};
    arena_init(&loaded->_arena, MEMORY);
    loaded->config = config_load(file, err);
    if (!loaded->config)
        return false;
    loaded->rules = rules_compile(&loaded->config->rules, &at, err);
    if (!loaded->rules)
        return config_wrong(loaded->config, at, err);
    loaded->watch = watch_of(loaded->config, loaded->rules, &loaded->_arena);
    return loaded->watch || err_set(err, "%s: there are too many rules", file);
}

void loaded_close(struct loaded *loaded)
{
    rules_free(loaded->rules);
    config_free(loaded->config);
    arena_free(&loaded->_arena);
    *loaded = (struct loaded){0};
}

static void note(void *ctx, const char *path, enum databases_finding finding, struct place at,
                 const char *sentence)
{
    const struct loaded *loaded = ctx;
    cli_note("%s:%u:%u: %s; its changes have to come from elsewhere", loaded->config->file, at.line,
             at.column, sentence);
}

struct watch *loaded_watch(struct loaded *loaded, const char *sqlite_path)
{
    const struct config_source source = {.kind = CONFIG_SQLITE, .path = sqlite_path};
    return databases_watch(loaded->config, &source, loaded->watch, note, loaded, &loaded->_arena);
}
