#include "cli/postgres_triggers.h"

#include "source/pg_setup.h"
#include "source/pg_shell.h"
#include "source/pg_triggers.h"

#include <stdio.h>

enum { SQL_MAX = 64 << 20, STATEMENT_SECONDS = 60 };

static struct pg_shell *open_shell(const struct postgres_triggers *task, struct err *err)
{
    struct pg_target *target = pg_target_new(task->source->url, task->source->password_file, err);
    struct pg_shell *shell =
        target ? pg_shell_open(target, PG_TARGET_ORDINARY, STATEMENT_SECONDS, err) : NULL;
    pg_target_free(target);
    return shell;
}

static enum cli_exit print(const struct postgres_triggers *task, const struct buf *sql)
{
    printf("-- %s\n", task->source->shown);
    if (fwrite(sql->data, 1, sql->len, stdout) != sql->len)
        return cli_fail(CLI_FAILED, "standard output: it cannot be written");
    return CLI_OK;
}

static enum cli_exit apply(const struct postgres_triggers *task, struct pg_shell *shell,
                           struct buf *sql, const char *done)
{
    struct err err = ERR_INIT;
    if (!pg_setup_apply(pg_shell_conn(shell), sql, &err))
        return cli_fail(CLI_FAILED, "%s: %s", task->source->shown, err.text);
    cli_note("%s: %s", task->source->shown, done);
    return CLI_OK;
}

static enum cli_exit write_setup(const struct postgres_triggers *task, struct pg_shell *shell,
                                 struct buf *sql)
{
    struct err err = ERR_INIT;
    struct place at = {0};
    enum cli_exit exit = CLI_OK;
    struct pg_trigger_tables *tables = pg_shell_triggers(shell, task->watch, &err);
    if (!tables) {
        exit = cli_fail(CLI_FAILED, "%s: %s", task->source->shown, err.text);
    } else if (!pg_triggers_setup(task->watch, tables, task->alone, sql, &at, &err)) {
        if (at.line)
            config_wrong(task->config, at, &err);
        exit = cli_fail(at.line ? CLI_USAGE : CLI_FAILED, "%s", err.text);
    }
    pg_trigger_tables_free(tables);
    return exit;
}

enum cli_exit postgres_triggers_setup(const struct postgres_triggers *task)
{
    struct err err = ERR_INIT;
    struct buf sql = BUF_INIT(SQL_MAX);
    if (task->source->channel) {
        cli_note("%s: nothing is needed: the triggers that speak on %s are your own",
                 task->source->shown, task->source->channel);
        return CLI_OK;
    }
    struct pg_shell *shell = open_shell(task, &err);
    if (!shell)
        return cli_fail(CLI_FAILED, "%s: %s", task->source->shown, err.text);
    enum cli_exit exit = write_setup(task, shell, &sql);
    if (exit == CLI_OK)
        exit =
            task->apply ? apply(task, shell, &sql, "its triggers are in place") : print(task, &sql);
    pg_shell_close(shell);
    buf_free(&sql);
    return exit;
}

enum cli_exit postgres_triggers_teardown(const struct postgres_triggers *task)
{
    struct err err = ERR_INIT;
    struct buf sql = BUF_INIT(SQL_MAX);
    struct pg_shell *shell = NULL;
    enum cli_exit exit;
    pg_triggers_teardown(&sql);
    if (!task->apply)
        exit = print(task, &sql);
    else if ((shell = open_shell(task, &err)) != NULL)
        exit = apply(task, shell, &sql, "nothing of unstale is left in it");
    else
        exit = cli_fail(CLI_FAILED, "%s: %s", task->source->shown, err.text);
    pg_shell_close(shell);
    buf_free(&sql);
    return exit;
}
