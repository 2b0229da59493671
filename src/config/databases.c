#include "config/databases.h"

#include "source/pg_setup.h"
#include "source/pg_shell.h"
#include "source/pg_triggers.h"
#include "source/sqlite_setup.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the arena of one check holds: tables by reference. */
enum { MEMORY = 16 * 1024 * 1024, CONNECT_S = 5 };

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    if (strcmp(a, b) == 0)
        return true;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

bool databases_has_others(const struct config *config, const struct config_source *source)
{
    for (size_t i = 0; i < config->n_sources; i++) {
        const struct config_source *other = &config->sources[i];
        if (other == source)
            continue;
        if (other->kind != CONFIG_SQLITE || source->kind != CONFIG_SQLITE ||
            !same_file(other->path, source->path))
            return true;
    }
    return false;
}

static bool can_be_asked(const char *path, struct err *err)
{
    const struct watch nothing = {0};
    struct place at = {0};
    return sqlite_setup_check(path, &nothing, &at, err);
}

static bool has_table(const char *path, const struct watch_table *table, struct err *err)
{
    struct watch_table bare = {.table = table->table, .at = table->at};
    const struct watch one = {.tables = &bare, .n_tables = 1};
    struct place at = {0};
    return sqlite_setup_check(path, &one, &at, err);
}

struct watch *databases_watch(const struct config *config, const struct config_source *source,
                              const struct watch *watch, databases_note *note, void *ctx,
                              struct arena *arena)
{
    const char *path = source->path;
    struct err why = ERR_INIT;
    struct watch *part = arena_alloc(arena, sizeof *part);
    if (!part)
        return NULL;
    *part = *watch;
    if (!databases_has_others(config, source) || access(path, F_OK) != 0 ||
        !can_be_asked(path, NULL))
        return part;
    part->n_tables = 0;
    part->tables =
        arena_alloc(arena, (watch->n_tables ? watch->n_tables : 1) * sizeof *part->tables);
    for (size_t i = 0; part->tables && i < watch->n_tables; i++) {
        if (has_table(path, &watch->tables[i], &why))
            part->tables[part->n_tables++] = watch->tables[i];
        else if (note)
            note(ctx, path, DATABASE_NO_TABLE, watch->tables[i].at, why.text);
    }
    return part->tables ? part : NULL;
}

static bool check_sqlite(const struct config *config, const struct config_source *source,
                         const struct watch *watch, databases_note *note, void *ctx,
                         struct err *err)
{
    struct place at = {0};
    struct err why = ERR_INIT;
    struct arena arena;
    bool ok = true;
    if (access(source->path, F_OK) != 0) {
        note(ctx, source->path, DATABASE_ABSENT, source->at, "the file does not exist yet");
        return true;
    }
    if (!can_be_asked(source->path, &why)) {
        note(ctx, source->path, DATABASE_UNREADABLE, source->at, why.text);
        return true;
    }
    arena_init(&arena, MEMORY);
    struct watch *part = databases_watch(config, source, watch, note, ctx, &arena);
    if (!part) {
        err_set(err, "there are too many rules");
        ok = config_wrong(config, at, err);
    } else if (!sqlite_setup_check(source->path, part, &at, err)) {
        ok = config_wrong(config, at, err);
    }
    arena_free(&arena);
    return ok;
}

/* Of a table whose triggers are the application's own nobody but they know what they say. */
static bool check_listening(const struct config *config, const struct config_source *source,
                            const struct watch *watch, databases_note *note, void *ctx,
                            struct err *err)
{
    bool alone = !databases_has_others(config, source), ok = true;
    struct place at = {0};
    struct err why = ERR_INIT;
    struct pg_trigger_tables *tables = NULL;
    struct pg_target *target = pg_target_new(source->url, source->password_file, &why);
    struct pg_shell *shell =
        target ? pg_shell_open(target, PG_TARGET_ORDINARY, CONNECT_S, &why) : NULL;
    if (shell)
        tables = pg_shell_triggers(shell, watch, &why);
    if (!tables) {
        note(ctx, source->shown, DATABASE_UNREADABLE, source->at, why.text);
        goto out;
    }
    for (size_t i = 0; !alone && i < watch->n_tables; i++) {
        const struct watch_table *table = &watch->tables[i];
        if (pg_trigger_tables_find(tables, table->table))
            continue;
        err_set(&why, "the database has no table \"%.*s\"", STR_ARG(table->table));
        note(ctx, source->shown, DATABASE_NO_TABLE, table->at, why.text);
    }
    ok = source->channel || pg_triggers_check(watch, tables, alone, &at, err) ||
         config_wrong(config, at, err);
out:
    pg_trigger_tables_free(tables);
    pg_shell_close(shell);
    pg_target_free(target);
    return ok;
}

static bool check_postgres(const struct config *config, const struct config_source *source,
                           const struct watch *watch, databases_note *note, void *ctx,
                           struct err *err)
{
    const struct pg_setup_options options = {.url = source->url,
                                             .password_file = source->password_file,
                                             .publication = source->publication,
                                             .timeout_s = CONNECT_S,
                                             .watch = watch};
    if (source->capture == CONFIG_NOTIFY)
        return check_listening(config, source, watch, note, ctx, err);
    bool alone = !databases_has_others(config, source);
    struct pg_asked asked;
    struct place at = {0};
    struct err why = ERR_INIT;
    bool ok = true;
    if (!pg_setup_ask(&options, &asked, &why)) {
        note(ctx, source->shown, DATABASE_UNREADABLE, source->at, why.text);
        goto out;
    }
    for (size_t i = 0; !alone && i < asked.verdicts->n; i++) {
        const struct pg_verdict *verdict = &asked.verdicts->items[i];
        if (verdict->finding != PG_MISSING)
            continue;
        err_set(&why, "%.*s", STR_ARG(verdict->problem));
        note(ctx, source->shown, DATABASE_NO_TABLE, verdict->at, why.text);
    }
    ok = pg_setup_check(&asked, alone, &at, err) || config_wrong(config, at, err);
out:
    pg_asked_close(&asked);
    return ok;
}

bool databases_check(const struct config *config, const struct watch *watch, databases_note *note,
                     void *ctx, struct err *err)
{
    for (size_t i = 0; i < config->n_sources; i++) {
        const struct config_source *source = &config->sources[i];
        if (source->kind == CONFIG_SQLITE && !check_sqlite(config, source, watch, note, ctx, err))
            return false;
        if (source->kind == CONFIG_POSTGRES &&
            !check_postgres(config, source, watch, note, ctx, err))
            return false;
    }
    return true;
}
