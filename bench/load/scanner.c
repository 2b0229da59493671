#include "scanner.h"

static void keep(struct scanner_carry *carry, struct str rest)
{
    carry->n = (uint8_t)rest.n;
    memcpy(carry->bytes, rest.p, rest.n);
}

/* No start text is in `rest`: does it end with the first bytes of one? */
static void keep_beginning(const struct scanner *scanner, struct str rest,
                           struct scanner_carry *carry)
{
    size_t n = rest.n < scanner->start.n ? rest.n : scanner->start.n - 1;
    for (; n > 0; n--) {
        struct str tail = str_from(rest, rest.n - n);
        if (str_starts(scanner->start, tail)) {
            keep(carry, tail);
            return;
        }
    }
}

struct str scanner_next(const struct scanner *scanner, struct str bytes, size_t *at,
                        struct scanner_carry *carry)
{
    carry->n = 0;
    for (;;) {
        struct str rest = str_from(bytes, *at);
        if (rest.n == 0)
            return (struct str){0};
        const char *hit = memmem(rest.p, rest.n, scanner->start.p, scanner->start.n);
        if (!hit) {
            keep_beginning(scanner, rest, carry);
            return (struct str){0};
        }
        rest = str_from(rest, (size_t)(hit - rest.p));
        struct str token = str_from(rest, scanner->start.n);
        size_t n = str_index(
            (struct str){.p = token.p, .n = token.n > SCANNER_TOKEN ? SCANNER_TOKEN : token.n},
            scanner->end);
        if (n == token.n) {
            keep(carry, rest);
            return (struct str){0};
        }
        *at = (size_t)(token.p - bytes.p) + n;
        if (n < SCANNER_TOKEN)
            return (struct str){.p = token.p, .n = n};
    }
}
