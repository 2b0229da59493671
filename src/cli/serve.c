#include "app.h"
#include "cli/cli.h"
#include "cli/hardening.h"
#include "cli/loaded.h"

#include <unistd.h>

static const struct args_option OPTIONS[] = {
    CLI_CONFIG_OPTION,
    {.name = "core-dumps", .help = "leave core dumps and debuggers allowed; secrets are in both"},
    {0},
};

/* An absent database is the source's to report, again and again; here it would be said twice. */
static void note(void *ctx, const char *path, enum databases_finding finding, struct place at,
                 const char *sentence)
{
    const struct log *log = ctx;
    if (finding == DATABASE_NO_TABLE)
        log_warn(log, "config", "line %u: %s; its changes have to come from elsewhere", at.line,
                 sentence);
}

static enum cli_exit run(const struct args *args)
{
    struct loaded loaded;
    struct log log = {0};
    struct err err = ERR_INIT;
    enum cli_exit exit = CLI_OK;
    if (args->n_words)
        return cli_misused(&cli_serve);
    if (!hardening_apply(args_flag(args, "core-dumps"), &err))
        return cli_fail(CLI_FAILED, "%s", err.text);
    if (!loaded_open(&loaded, cli_config_file(args), &err)) {
        exit = cli_fail(CLI_USAGE, "%s", err.text);
        goto out;
    }
    log_open(&log, loaded.config->log_level, loaded.config->log_json, STDERR_FILENO);
    if (!databases_check(loaded.config, loaded.watch, note, &log, &err))
        exit = cli_fail(CLI_USAGE, "%s", err.text);
    else if (!app_serve(loaded.config, &log, &err))
        exit = cli_fail(CLI_FAILED, "%s", err.text);
out:
    log_close(&log);
    loaded_close(&loaded);
    return exit;
}

const struct cli_command cli_serve = {
    .name = "serve",
    .usage = "[-c FILE] [--core-dumps]",
    .summary = "run the server",
    .help =
        "Captures changes from the sources of the configuration and tells the connected pages what "
        "went\n"
        "stale. SIGTERM stops: streams end one by one within \"limits: drain\"; a second one, or "
        "SIGINT, ends\n"
        "them at once. SIGHUP reads the configuration again; a wrong one is logged and changes "
        "nothing.\n"
        "\n"
        "At the start a mistake in the configuration, or a rule for a column that its table lacks, "
        "ends it\n"
        "with exit code 2.\n"
        "\n"
        "Nothing that it could start gains rights (no_new_privs). Its memory, with the secrets in "
        "it, is not\n"
        "dumped, and only root can look into it; --core-dumps allows that for debugging.",
    .options = OPTIONS,
    .run = run,
};
