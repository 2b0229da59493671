#include "delivery/naming.h"

#include <ctype.h>

enum { NAME_MAX = 1100 }; /* longer than any resource or action that the hub keeps */

static bool ends(const struct buf *word, const char *with)
{
    size_t n = strlen(with);
    return word->len >= n && memcmp(word->data + word->len - n, with, n) == 0;
}

static bool ends_in_one_of(const struct buf *word, const char *const *endings)
{
    for (; *endings; endings++)
        if (ends(word, *endings))
            return true;
    return false;
}

static void to_singular(struct buf *word)
{
    static const char *const none[] = {"ss", "us", "is", NULL};
    static const char *const two[] = {"sses", "shes", "ches", "xes", "zes", NULL};
    if (ends(word, "ies") && word->len > 4) {
        buf_cut(word, word->len - 3);
        buf_byte(word, 'y');
    } else if (ends_in_one_of(word, two)) {
        buf_cut(word, word->len - 2);
    } else if (ends(word, "s") && !ends_in_one_of(word, none)) {
        buf_cut(word, word->len - 1);
    }
}

static void to_plural(struct buf *word)
{
    static const char *const two[] = {"s", "sh", "ch", "x", "z", NULL};
    static const char *const vowels[] = {"ay", "ey", "iy", "oy", "uy", NULL};
    to_singular(word); /* so that a plural stays one */
    if (ends(word, "y") && !ends_in_one_of(word, vowels)) {
        buf_cut(word, word->len - 1);
        buf_text(word, "ies");
    } else {
        buf_text(word, ends_in_one_of(word, two) ? "es" : "s");
    }
}

static char lower(char c)
{
    return (char)tolower((unsigned char)c);
}

static char upper(char c)
{
    return (char)toupper((unsigned char)c);
}

static bool is_between(char c)
{
    return c == '_' || c == '-' || c == ' ';
}

/* Words begin behind "_", "-" and blanks, and where a capital follows a small letter. */
static void write_words(struct str name, enum naming_letters letters, struct buf *out)
{
    bool begins = true, first = true;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (is_between(c)) {
            begins = true;
            continue;
        }
        if (i > 0 && isupper((unsigned char)c) && islower((unsigned char)name.p[i - 1]))
            begins = true;
        bool joint = begins && !first;
        if (joint && letters == NAMING_SNAKE)
            buf_byte(out, '_');
        if (joint && letters == NAMING_KEBAB)
            buf_byte(out, '-');
        bool capital = (joint && letters == NAMING_CAMEL) || (begins && letters == NAMING_PASCAL);
        buf_byte(out, capital ? upper(c) : lower(c));
        begins = first = false;
    }
}

static void write_letters(struct str name, enum naming_letters letters, struct buf *out)
{
    switch (letters) {
    case NAMING_LETTERS_KEPT:
        buf_str(out, name);
        break;
    case NAMING_LOWER:
    case NAMING_UPPER:
        for (size_t i = 0; i < name.n; i++)
            buf_byte(out, letters == NAMING_LOWER ? lower(name.p[i]) : upper(name.p[i]));
        break;
    case NAMING_SNAKE:
    case NAMING_KEBAB:
    case NAMING_CAMEL:
    case NAMING_PASCAL:
        write_words(name, letters, out);
    }
}

static const struct naming_pair *find(const struct naming *naming, struct str name)
{
    for (size_t i = 0; i < naming->n; i++)
        if (str_equal(naming->pairs[i].from, name))
            return &naming->pairs[i];
    return NULL;
}

static bool is_plain(struct str action)
{
    return str_is(action, "created") || str_is(action, "updated") || str_is(action, "deleted");
}

/* Has no name of its own here. */
static bool is_other(const struct naming *naming, struct str action)
{
    return naming->others.n && !is_plain(action) && !find(naming, action);
}

bool naming_means(const struct naming *naming, struct str action, struct str meant)
{
    return str_equal(is_other(naming, action) ? naming->others : action, meant);
}

void naming_write(const struct naming *naming, struct str name, struct buf *out)
{
    if (is_other(naming, name))
        name = naming->others;
    const struct naming_pair *pair = find(naming, name);
    if (pair) {
        buf_str(out, pair->to);
        return;
    }
    char bytes[NAME_MAX];
    struct buf word = BUF_FIXED(bytes);
    buf_str(&word, name);
    if (naming->number == NAMING_SINGULAR)
        to_singular(&word);
    else if (naming->number == NAMING_PLURAL)
        to_plural(&word);
    write_letters(buf_slice(&word), (enum naming_letters)naming->letters, out);
}
