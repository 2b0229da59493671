#include "cli/setup_postgres.h"

#include "cli/loaded.h"
#include "cli/postgres_triggers.h"
#include "source/pg_setup.h"
#include "source/pg_target.h"

#include <stdio.h>
#include <string.h>

enum { SQL_MAX = 16 * 1024 * 1024, CONNECT_S = 10 };

/* One database in hand. */
struct task {
    const struct args *args;
    struct loaded *loaded;
    const struct config_source *source;
    struct pg_setup_options options;
    struct pg_asked asked;
    bool alone; /* a table that is missing here can be nowhere else */
    struct buf sql;
};

static enum cli_exit print_or_apply(struct task *task, const char *done)
{
    struct err err = ERR_INIT;
    if (!args_flag(task->args, "apply")) {
        printf("-- %s\n", task->source->shown);
        if (fwrite(task->sql.data, 1, task->sql.len, stdout) != task->sql.len)
            return cli_fail(CLI_FAILED, "standard output: it cannot be written");
        return CLI_OK;
    }
    if (!pg_setup_apply(task->asked.conn, &task->sql, &err))
        return cli_fail(CLI_FAILED, "%s: %s", task->source->shown, err.text);
    cli_note("%s: %s", task->source->shown, done);
    return CLI_OK;
}

static enum cli_exit set_up(struct task *task)
{
    struct err err = ERR_INIT;
    struct place at = {0};
    if (pg_setup_sql(&task->asked, &task->options, task->alone, &task->sql, &at, &err))
        return print_or_apply(task, "its publication is in place");
    if (at.line)
        config_wrong(task->loaded->config, at, &err);
    return cli_fail(at.line ? CLI_USAGE : CLI_FAILED, "%s", err.text);
}

static enum cli_exit tear_down(struct task *task)
{
    pg_setup_teardown_sql(task->source->publication,
                          task->source->permanent ? task->source->slot_name : NULL, &task->sql);
    return print_or_apply(task, "nothing of unstale is left in it");
}

static enum cli_exit with_triggers(const struct task *task, bool down)
{
    const struct postgres_triggers triggers = {.config = task->loaded->config,
                                               .source = task->source,
                                               .watch = task->loaded->watch,
                                               .alone = task->alone,
                                               .apply = args_flag(task->args, "apply")};
    return down ? postgres_triggers_teardown(&triggers) : postgres_triggers_setup(&triggers);
}

static enum cli_exit with_database(struct task *task, enum cli_exit (*run)(struct task *task))
{
    struct err err = ERR_INIT;
    enum cli_exit exit = CLI_FAILED;
    if (task->source->capture == CONFIG_NOTIFY)
        return with_triggers(task, run == tear_down);
    task->options = (struct pg_setup_options){.url = task->source->url,
                                              .password_file = task->source->password_file,
                                              .publication = task->source->publication,
                                              .timeout_s = CONNECT_S,
                                              .watch = task->loaded->watch};
    task->sql = BUF_INIT(SQL_MAX);
    if (pg_setup_ask(&task->options, &task->asked, &err))
        exit = run(task);
    else
        cli_fail(CLI_FAILED, "%s: %s", task->source->shown, err.text);
    pg_asked_close(&task->asked);
    buf_free(&task->sql);
    return exit;
}

/* A database by its URL, with the settings of the source that names it, or of the first one. */
static enum cli_exit with_url(const struct args *args, struct loaded *loaded,
                              enum cli_exit (*run)(struct task *task))
{
    struct err err = ERR_INIT;
    struct config_source source = {.kind = CONFIG_POSTGRES, .publication = "unstale"};
    bool any = false, alone = false;
    struct pg_target *target = pg_target_new(args->words[1], NULL, &err);
    if (!target)
        return cli_fail(CLI_USAGE, "%s", err.text);
    for (size_t i = 0; i < loaded->config->n_sources; i++) {
        const struct config_source *each = &loaded->config->sources[i];
        if (each->kind != CONFIG_POSTGRES)
            continue;
        if (!any || strcmp(each->shown, pg_target_name(target)) == 0) {
            source = *each;
            alone = !databases_has_others(loaded->config, each);
        }
        any = true;
    }
    source.url = args->words[1];
    source.shown = pg_target_name(target);
    struct task task = {.args = args, .loaded = loaded, .source = &source, .alone = alone};
    enum cli_exit exit = with_database(&task, run);
    pg_target_free(target);
    return exit;
}

static enum cli_exit with_each(const struct args *args, const struct cli_command *command,
                               enum cli_exit (*run)(struct task *task))
{
    struct loaded loaded;
    struct err err = ERR_INIT;
    enum cli_exit exit = CLI_OK;
    bool any = false;
    if (args->n_words > 2)
        return cli_misused(command);
    if (!loaded_open(&loaded, cli_config_file(args), &err)) {
        exit = cli_fail(CLI_USAGE, "%s", err.text);
        goto out;
    }
    if (args->n_words == 2) {
        exit = with_url(args, &loaded, run);
        goto out;
    }
    for (size_t i = 0; exit == CLI_OK && i < loaded.config->n_sources; i++) {
        struct task task = {.args = args, .loaded = &loaded, .source = &loaded.config->sources[i]};
        task.alone = !databases_has_others(loaded.config, task.source);
        if (task.source->kind != CONFIG_POSTGRES)
            continue;
        any = true;
        exit = with_database(&task, run);
    }
    if (!any && exit == CLI_OK)
        exit = cli_fail(CLI_USAGE, "%s: there is no postgres source", loaded.config->file);
out:
    loaded_close(&loaded);
    return exit;
}

enum cli_exit setup_postgres(const struct args *args)
{
    return with_each(args, &cli_setup, set_up);
}

enum cli_exit teardown_postgres(const struct args *args)
{
    return with_each(args, &cli_teardown, tear_down);
}
