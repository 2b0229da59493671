#include "model/position.h"

static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

bool position_write(struct buf *out, struct position position)
{
    char text[POSITION_TEXT_MAX];
    size_t at = sizeof text;
    uint64_t rest = position.epoch;
    do {
        text[--at] = digits[rest % 36];
        rest /= 36;
    } while (rest);
    buf_add(out, text + at, sizeof text - at);
    buf_byte(out, '-');
    return buf_u64(out, position.sequence);
}

/* The whole text as one number in `base`, without leading zeros. */
static bool read_number(struct str text, uint64_t base, uint64_t *value)
{
    if (text.n == 0 || (text.n > 1 && text.p[0] == '0'))
        return false;
    *value = 0;
    for (size_t i = 0; i < text.n; i++) {
        const char *hit = text.p[i] ? strchr(digits, text.p[i]) : NULL;
        if (!hit || (uint64_t)(hit - digits) >= base)
            return false;
        uint64_t digit = (uint64_t)(hit - digits);
        if (*value > (UINT64_MAX - digit) / base)
            return false;
        *value = *value * base + digit;
    }
    return true;
}

bool position_parse(struct str text, struct position *position)
{
    size_t dash = str_index(text, '-');
    if (dash == text.n)
        return false;
    struct position read;
    if (!read_number((struct str){.p = text.p, .n = dash}, 36, &read.epoch) ||
        !read_number(str_from(text, dash + 1), 10, &read.sequence))
        return false;
    *position = read;
    return true;
}
