#include "cli/args.h"

#include "base/check.h"
#include "base/nearest.h"

#include <string.h>

static size_t count(const struct args_option *options)
{
    size_t n = 0;
    while (options[n].name)
        n++;
    CHECK(n <= ARGS_OPTIONS);
    return n;
}

static bool unknown(const struct args_option *options, struct str name, struct err *err)
{
    struct nearest near = nearest_to(name);
    for (; options->name; options++)
        nearest_offer(&near, str_of(options->name));
    nearest_offer(&near, STR("help"));
    if (near.best.p)
        return err_set(err, "unknown option --%.*s (did you mean --%.*s?)", STR_ARG(name),
                       STR_ARG(near.best));
    return err_set(err, "unknown option --%.*s", STR_ARG(name));
}

struct walk {
    struct args *args;
    size_t n_options;
    int argc, at;
    char **argv;
};

/* `attached` is the value behind "=" or behind the letter; NULL: the next word, if one is needed.
 */
static bool take(struct walk *walk, size_t index, const char *attached, struct err *err)
{
    const struct args_option *option = &walk->args->options[index];
    if (!option->value && attached)
        return err_set(err, "--%s takes no value", option->name);
    if (option->value && !attached) {
        if (walk->at + 1 >= walk->argc)
            return err_set(err, "--%s needs a value: --%s %s", option->name, option->name,
                           option->value);
        attached = walk->argv[++walk->at];
    }
    walk->args->values[index] = attached ? attached : "";
    return true;
}

static bool take_long(struct walk *walk, const char *word, struct err *err)
{
    struct str name = str_of(word);
    name.n = str_index(name, '=');
    const char *attached = word[name.n] == '=' ? word + name.n + 1 : NULL;
    for (size_t i = 0; i < walk->n_options; i++)
        if (str_is(name, walk->args->options[i].name))
            return take(walk, i, attached, err);
    return unknown(walk->args->options, name, err);
}

static bool take_letter(struct walk *walk, const char *word, struct err *err)
{
    for (size_t i = 0; i < walk->n_options; i++) {
        const struct args_option *option = &walk->args->options[i];
        if (option->letter && option->letter == word[0] && (option->value || !word[1]))
            return take(walk, i, word[1] ? word + 1 : NULL, err);
    }
    return err_set(err, "unknown option -%s", word);
}

bool args_parse(struct args *args, const struct args_option *options, int argc, char **argv,
                struct err *err)
{
    *args = (struct args){.options = options};
    struct walk walk = {.args = args, .n_options = count(options), .argc = argc, .argv = argv};
    bool words_only = false;
    for (; walk.at < argc; walk.at++) {
        const char *word = argv[walk.at];
        if (words_only || word[0] != '-' || !word[1]) {
            if (args->n_words == ARGS_WORDS)
                return err_set(err, "there are more than %d words", ARGS_WORDS);
            args->words[args->n_words++] = word;
        } else if (strcmp(word, "--") == 0) {
            words_only = true;
        } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            args->help = true;
            return true;
        } else if (!(word[1] == '-' ? take_long(&walk, word + 2, err)
                                    : take_letter(&walk, word + 1, err))) {
            return false;
        }
    }
    return true;
}

const char *args_value(const struct args *args, const char *name)
{
    for (size_t i = 0; args->options[i].name; i++)
        if (strcmp(args->options[i].name, name) == 0)
            return args->values[i];
    check_failed("an option that is not in the table", __FILE__, __LINE__);
}

bool args_flag(const struct args *args, const char *name)
{
    return args_value(args, name) != NULL;
}
