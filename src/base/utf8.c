#include "base/utf8.h"

size_t utf8_length(struct str text)
{
    if (text.n == 0)
        return 0;
    const unsigned char *p = (const unsigned char *)text.p;
    unsigned char c = p[0];
    if (c < 0x80)
        return 1;
    size_t need = 0;
    if (c >= 0xc2 && c <= 0xdf)
        need = 2;
    else if ((c & 0xf0) == 0xe0)
        need = 3;
    else if (c >= 0xf0 && c <= 0xf4)
        need = 4;
    if (need == 0 || need > text.n)
        return 0;
    unsigned char low = 0x80, high = 0xbf;
    if (c == 0xe0)
        low = 0xa0;
    else if (c == 0xed)
        high = 0x9f;
    else if (c == 0xf0)
        low = 0x90;
    else if (c == 0xf4)
        high = 0x8f;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < need; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return need;
}

bool utf8_check(struct str text)
{
    for (size_t i = 0; i < text.n;) {
        size_t length = utf8_length(str_from(text, i));
        if (length == 0)
            return false;
        i += length;
    }
    return true;
}

/* Takes the first byte of a sequence. */
static bool begin(struct utf8_walk *walk, unsigned char c)
{
    *walk = (struct utf8_walk){.low = 0x80, .high = 0xbf};
    if (c < 0x80)
        return true;
    if (c < 0xc2 || c > 0xf4)
        return false;
    walk->need = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
    if (c == 0xe0)
        walk->low = 0xa0;
    else if (c == 0xed)
        walk->high = 0x9f;
    else if (c == 0xf0)
        walk->low = 0x90;
    else if (c == 0xf4)
        walk->high = 0x8f;
    return true;
}

/* The next eight bytes are ASCII. */
static bool eight_plain(const unsigned char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return (word & 0x8080808080808080u) == 0;
}

size_t utf8_walk(struct utf8_walk *walk, struct str piece)
{
    const unsigned char *p = (const unsigned char *)piece.p;
    size_t i = 0;
    while (i < piece.n) {
        if (walk->need == 0) {
            if (piece.n - i >= 8 && eight_plain(p + i)) {
                i += 8;
                continue;
            }
            if (!begin(walk, p[i]))
                return i;
        } else {
            if (p[i] < walk->low || p[i] > walk->high)
                return i;
            *walk =
                (struct utf8_walk){.need = (uint8_t)(walk->need - 1), .low = 0x80, .high = 0xbf};
        }
        i++;
    }
    return i;
}
