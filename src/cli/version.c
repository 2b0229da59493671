#include "cli/cli.h"

#include <stdio.h>

static const struct args_option OPTIONS[] = {{0}};

static enum cli_exit run(const struct args *args)
{
    if (args->n_words)
        return cli_misused(&cli_version);
    puts("unstale " UNSTALE_VERSION);
    return CLI_OK;
}

const struct cli_command cli_version = {
    .name = "version",
    .usage = "",
    .summary = "print the version",
    .help = "Prints the name and the version.",
    .options = OPTIONS,
    .run = run,
};
