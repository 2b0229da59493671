/* cli: the command line. One file a command: a struct that says what it is, and a function.
 *
 * What a command was asked for goes to standard output; everything else to standard error, where an
 * error is one line "unstale: sentence". */
#pragma once

#include "base/err.h"
#include "cli/args.h"

enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2, /* the command line or the configuration is wrong */
};

struct cli_command {
    const char *name;
    const char *usage;   /* behind "unstale NAME " */
    const char *summary; /* one line of the list of commands */
    const char *help;    /* paragraphs */
    const struct args_option *options;
    enum cli_exit (*run)(const struct args *args);
};

extern const struct cli_command cli_serve, cli_check, cli_explain, cli_doctor, cli_setup,
    cli_teardown, cli_publish, cli_watch, cli_token, cli_version;

int cli_main(int argc, char **argv);

/* "unstale: sentence" to standard error; returns `exit`. */
enum cli_exit cli_fail(enum cli_exit exit, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same, not as the end. */
void cli_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* For a command whose words do not fit its usage. */
enum cli_exit cli_misused(const struct cli_command *command);

/* The options that several commands have. */
#define CLI_CONFIG_OPTION                                    \
    {                                                        \
        .letter = 'c', .name = "config", .value = "FILE",    \
        .help = "the configuration; unstale.yaml by default" \
    }
const char *cli_config_file(const struct args *args);
