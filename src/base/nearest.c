#include "base/nearest.h"

#include <stdint.h>
#include <stdio.h>

enum { LONGEST = 64 };

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Optimal string alignment: the fewest insertions, deletions, substitutions and swaps of
 * neighbours. */
static size_t distance_between(struct str a, struct str b)
{
    size_t rows[3][LONGEST + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b.n; j++)
        above[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            unsigned char x = lower(a.p[i - 1]), y = lower(b.p[j - 1]);
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == lower(b.p[j - 2]) && lower(a.p[i - 2]) == y)
                row[j] = least(row[j], before[j - 2] + 1);
        }
        size_t *spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[b.n];
}

struct nearest nearest_to(struct str word)
{
    return (struct nearest){.word = word, .distance = SIZE_MAX};
}

void nearest_offer(struct nearest *near, struct str name)
{
    if (name.n == 0 || name.n > LONGEST || near->word.n == 0 || near->word.n > LONGEST)
        return;
    size_t longer = name.n > near->word.n ? name.n : near->word.n;
    size_t distance = distance_between(near->word, name);
    if (distance <= (longer + 1) / 3 && distance < near->distance) {
        near->best = name;
        near->distance = distance;
    }
}

const char *nearest_hint(struct nearest *near)
{
    near->hint[0] = '\0';
    if (near->best.p)
        snprintf(near->hint, sizeof near->hint, " (did you mean \"%.*s\"?)", STR_ARG(near->best));
    return near->hint;
}
