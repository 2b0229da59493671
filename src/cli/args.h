/* args: the words of a command line, by a table of options.
 *
 * -c FILE  -cFILE  --config FILE  --config=FILE  --apply  -- (the rest are words)  - (a word)
 * An option given twice keeps the last value. Points into argv; allocates nothing. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum { ARGS_OPTIONS = 8, ARGS_WORDS = 128 };

struct args_option {
    char letter;       /* 0: none */
    const char *name;  /* long, without "--"; NULL ends a table */
    const char *value; /* what it takes, for the help: "FILE"; NULL: nothing */
    const char *help;
};

struct args {
    const struct args_option *options;
    const char
        *values[ARGS_OPTIONS]; /* in the order of the table; "" for a given flag; NULL: not given */
    const char *words[ARGS_WORDS];
    size_t n_words;
    bool help; /* --help or -h: nothing else was looked at */
};

bool args_parse(struct args *args, const struct args_option *options, int argc, char **argv,
                struct err *err);
/* NULL when it was not given. `name` has to be in the table. */
const char *args_value(const struct args *args, const char *name);
bool args_flag(const struct args *args, const char *name);
