#include "cli/cli.h"
#include "cli/loaded.h"
#include "cli/setup_postgres.h"
#include "source/sqlite_setup.h"

#include <stdio.h>
#include <string.h>

static const struct args_option SETUP_OPTIONS[] = {
    CLI_CONFIG_OPTION,
    {.name = "apply", .help = "run the SQL instead of printing it"},
    {0},
};
static const struct args_option TEARDOWN_OPTIONS[] = {
    {.letter = 'c',
     .name = "config",
     .value = "FILE",
     .help = "for PostgreSQL: its sources; for SQLite it is not needed"},
    {.name = "apply", .help = "run the SQL instead of printing it"},
    {0},
};

enum { SQL_MAX = 16 * 1024 * 1024 };

static bool is_postgres(const struct args *args)
{
    return args->n_words >= 1 && strcmp(args->words[0], "postgres") == 0;
}

/* The words are "sqlite DATABASE". */
static bool understood(const struct args *args, enum cli_exit *exit,
                       const struct cli_command *command)
{
    *exit = CLI_USAGE;
    if (args->n_words != 2 || strcmp(args->words[0], "sqlite") != 0)
        *exit = cli_misused(command);
    else
        return true;
    return false;
}

static enum cli_exit print_or_apply(const struct args *args, const struct buf *sql,
                                    const char *done)
{
    const char *path = args->words[1];
    struct err err = ERR_INIT;
    if (!args_flag(args, "apply")) {
        if (fwrite(sql->data, 1, sql->len, stdout) != sql->len)
            return cli_fail(CLI_FAILED, "standard output: it cannot be written");
        return CLI_OK;
    }
    if (!sqlite_setup_apply(path, sql, &err))
        return cli_fail(CLI_FAILED, "%s", err.text);
    cli_note("%s: %s", path, done);
    return CLI_OK;
}

static enum cli_exit setup(const struct args *args)
{
    struct loaded loaded;
    struct buf sql = BUF_INIT(SQL_MAX);
    struct place at = {0};
    struct err err = ERR_INIT;
    const struct watch *watch = NULL;
    enum cli_exit exit = CLI_USAGE;
    if (is_postgres(args))
        return setup_postgres(args);
    if (!understood(args, &exit, &cli_setup))
        return exit;
    const char *path = args->words[1];
    if (!loaded_open(&loaded, cli_config_file(args), &err))
        exit = cli_fail(CLI_USAGE, "%s", err.text);
    else if ((watch = loaded_watch(&loaded, path)) == NULL)
        exit = cli_fail(CLI_USAGE, "%s: there are too many rules", loaded.config->file);
    else if (sqlite_setup_sql(path, watch, &sql, &at, &err))
        exit = print_or_apply(args, &sql, "its triggers are in place");
    else if (at.line == 0)
        exit = cli_fail(CLI_FAILED, "%s", err.text);
    else {
        config_wrong(loaded.config, at, &err);
        exit = cli_fail(CLI_USAGE, "%s", err.text);
    }
    buf_free(&sql);
    loaded_close(&loaded);
    return exit;
}

static enum cli_exit teardown(const struct args *args)
{
    struct buf sql = BUF_INIT(SQL_MAX);
    struct err err = ERR_INIT;
    enum cli_exit exit = CLI_USAGE;
    if (is_postgres(args))
        return teardown_postgres(args);
    if (!understood(args, &exit, &cli_teardown))
        return exit;
    if (sqlite_teardown_sql(args->words[1], &sql, &err))
        exit = print_or_apply(args, &sql, "nothing of unstale is left in it");
    else
        exit = cli_fail(CLI_FAILED, "%s", err.text);
    buf_free(&sql);
    return exit;
}

const struct cli_command cli_setup = {
    .name = "setup",
    .usage = "sqlite DATABASE | postgres [URL] [-c FILE] [--apply]",
    .summary = "print the SQL that prepares a database, or run it",
    .help = "SQLite: the change table and the triggers that record, inside the application's own "
            "transactions,\n"
            "the columns that the rules need. PostgreSQL, for each postgres source of the "
            "configuration: a\n"
            "publication of the tables that the rules name, and their replica identities. Run it "
            "again after a\n"
            "change of the rules or of the tables.",
    .options = SETUP_OPTIONS,
    .run = setup,
};

const struct cli_command cli_teardown = {
    .name = "teardown",
    .usage = "sqlite DATABASE | postgres [URL] [-c FILE] [--apply]",
    .summary = "print the SQL that removes what setup made, or run it",
    .help = "SQLite: the SQL that removes the change table and the triggers. PostgreSQL: the "
            "publication and, unless\n"
            "it is in use, the permanent slot.",
    .options = TEARDOWN_OPTIONS,
    .run = teardown,
};
