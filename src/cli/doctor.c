/* What a database allows, what is missing, and the SQL that mends it: said before anything runs,
 * and in the same words in which the server would complain. */
#include "cli/doctor.h"

#include "base/mem.h"
#include "cli/cli.h"

#include <stdlib.h>

static const struct args_option OPTIONS[] = {
    CLI_CONFIG_OPTION,
    {.name = "json", .help = "one JSON object instead of text"},
    {0},
};

enum { NAME_MAX_BYTES = 1100 };

/* Some other source may be the one that a table's changes come from. */
static bool is_alone(const struct config *config)
{
    return config->n_sources == 1;
}

static void examine(const struct loaded *loaded, const struct config_source *source,
                    struct findings *findings, char *name)
{
    const struct doctor doctor = {.loaded = loaded,
                                  .source = source,
                                  .name = name,
                                  .alone = is_alone(loaded->config),
                                  .findings = findings};
    switch (source->kind) {
    case CONFIG_SQLITE:
        snprintf(name, NAME_MAX_BYTES, "sqlite %s", source->path);
        doctor_sqlite(&doctor);
        break;
    case CONFIG_POSTGRES:
        snprintf(name, NAME_MAX_BYTES, "postgres %s", source->shown);
        doctor_postgres(&doctor);
        break;
    case CONFIG_PUBLISH:
        snprintf(name, NAME_MAX_BYTES, "publish");
        doctor_ok(&doctor, "token",
                  source->open ? "open to everybody on this machine" : "a token is asked for");
        break;
    }
}

static enum cli_exit run(const struct args *args)
{
    struct loaded loaded;
    struct findings findings;
    struct err err = ERR_INIT;
    enum cli_exit exit = CLI_OK;
    char *names = NULL;
    if (args->n_words)
        return cli_misused(&cli_doctor);
    findings_init(&findings);
    if (!loaded_open(&loaded, cli_config_file(args), &err)) {
        exit = cli_fail(CLI_USAGE, "%s", err.text);
        goto out;
    }
    names = mem_array(loaded.config->n_sources + 1, NAME_MAX_BYTES);
    for (size_t i = 0; i < loaded.config->n_sources; i++)
        examine(&loaded, &loaded.config->sources[i], &findings, names + i * NAME_MAX_BYTES);
    if (args_flag(args, "json"))
        findings_print_json(&findings, stdout);
    else
        findings_print(&findings, stdout);
    if (findings.counts[FINDING_PROBLEM])
        exit = CLI_FAILED;
out:
    free(names);
    findings_free(&findings);
    loaded_close(&loaded);
    return exit;
}

const struct cli_command cli_doctor = {
    .name = "doctor",
    .usage = "[-c FILE] [--json]",
    .summary = "say what the databases allow, what is missing, and the SQL that mends it",
    .help =
        "Looks at each database of the configuration, and writes nothing to it: version, rights, "
        "how changes\n"
        "are captured, each table of the rules. Every line is ok, a warning or a problem, with the "
        "SQL that\n"
        "mends it below. The exit code is 0 without problems, 1 with one, 2 where the "
        "configuration is wrong.",
    .options = OPTIONS,
    .run = run,
};
