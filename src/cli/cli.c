#include "cli/cli.h"

#include "base/nearest.h"
#include "cli/grid.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct cli_command *const COMMANDS[] = {
    &cli_serve,    &cli_check,   &cli_explain, &cli_doctor, &cli_setup,
    &cli_teardown, &cli_publish, &cli_watch,   &cli_token,  &cli_version};
enum { COMMAND_COUNT = sizeof COMMANDS / sizeof *COMMANDS };

void cli_note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("unstale: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

enum cli_exit cli_fail(enum cli_exit exit, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("unstale: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return exit;
}

enum cli_exit cli_misused(const struct cli_command *command)
{
    return cli_fail(CLI_USAGE, "usage: unstale %s%s%s (unstale %s --help says more)", command->name,
                    *command->usage ? " " : "", command->usage, command->name);
}

const char *cli_config_file(const struct args *args)
{
    const char *file = args_value(args, "config");
    return file ? file : "unstale.yaml";
}

/* ---- help ---------------------------------------------------------------------------------- */

static void print_commands(FILE *out)
{
    struct grid grid;
    fputs(
        "unstale watches your database and tells every open page which cached data went stale.\n\n"
        "usage: unstale COMMAND [OPTION ...]\n\n",
        out);
    grid_init(&grid, 2);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        grid_cell(&grid, str_of(COMMANDS[i]->name));
        grid_cell(&grid, str_of(COMMANDS[i]->summary));
    }
    grid_cell(&grid, STR("help"));
    grid_cell(&grid, STR("this, or what a command does: unstale help COMMAND"));
    grid_print(&grid, "  ", out);
    grid_free(&grid);
    fputs("\nThe manuals are unstale(1) and unstale.yaml(5).\n", out);
}

static void print_help(const struct cli_command *command, FILE *out)
{
    struct grid grid;
    fprintf(out, "usage: unstale %s%s%s\n\n%s\n\n", command->name, *command->usage ? " " : "",
            command->usage, command->help);
    grid_init(&grid, 2);
    for (const struct args_option *option = command->options; option->name; option++) {
        char left[64], letter[8] = "    ";
        if (option->letter)
            snprintf(letter, sizeof letter, "-%c, ", option->letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, option->name, option->value ? " " : "",
                 option->value ? option->value : "");
        grid_cell(&grid, str_of(left));
        grid_cell(&grid, str_of(option->help));
    }
    grid_cell(&grid, STR("-h, --help"));
    grid_cell(&grid, STR("this"));
    grid_print(&grid, "  ", out);
    grid_free(&grid);
}

/* ---- dispatch ------------------------------------------------------------------------------ */

static const struct cli_command *find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(COMMANDS[i]->name, name) == 0)
            return COMMANDS[i];
    return NULL;
}

static enum cli_exit unknown(const char *name)
{
    struct nearest near = nearest_to(str_of(name));
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        nearest_offer(&near, str_of(COMMANDS[i]->name));
    nearest_offer(&near, STR("help"));
    return cli_fail(CLI_USAGE, "unknown command \"%.60s\"%s; unstale help lists them", name,
                    nearest_hint(&near));
}

static bool is_help(const char *word)
{
    return strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static enum cli_exit help(int argc, char **argv)
{
    if (argc > 0 && is_help(argv[0]))
        argc = 0;
    const struct cli_command *command = argc > 0 ? find(argv[0]) : NULL;
    if (argc > 0 && !command)
        return unknown(argv[0]);
    if (command)
        print_help(command, stdout);
    else
        print_commands(stdout);
    return CLI_OK;
}

static enum cli_exit dispatch(int argc, char **argv)
{
    const struct cli_command *command;
    struct args args;
    struct err err = ERR_INIT;
    if (argc < 2) {
        print_commands(stderr);
        return CLI_USAGE;
    }
    if (is_help(argv[1]))
        return help(argc - 2, argv + 2);
    command = strcmp(argv[1], "--version") == 0 ? &cli_version : find(argv[1]);
    if (!command)
        return unknown(argv[1]);
    if (!args_parse(&args, command->options, argc - 2, argv + 2, &err))
        return cli_fail(CLI_USAGE, "%s: %s", command->name, err.text);
    if (args.help) {
        print_help(command, stdout);
        return CLI_OK;
    }
    return command->run(&args);
}

int cli_main(int argc, char **argv)
{
    enum cli_exit exit = dispatch(argc, argv);
    /* Somebody who waits for the answer must not be told that all went well when it never came out.
     */
    if (fflush(stdout) != 0 && exit == CLI_OK)
        exit = cli_fail(CLI_FAILED, "standard output: it cannot be written");
    return (int)exit;
}
