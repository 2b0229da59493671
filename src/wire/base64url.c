#include "wire/base64url.h"

#include <stdint.h>

static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* 64 for what is no digit. */
static unsigned digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0') + 52;
    return c == '-' ? 62 : c == '_' ? 63 : 64;
}

bool base64url_decode(struct str text, struct buf *out)
{
    size_t before = out->len;
    uint32_t bits = 0;
    unsigned held = 0;
    bool ok = text.n % 4 != 1;
    for (size_t i = 0; ok && i < text.n; i++) {
        unsigned value = digit(text.p[i]);
        bits = bits << 6 | (value & 63);
        held += 6;
        ok = value < 64;
        if (ok && held >= 8) {
            held -= 8;
            ok = buf_byte(out, (char)(bits >> held & 0xff));
        }
    }
    ok = ok && (bits & ((1U << held) - 1)) == 0;
    if (!ok)
        buf_cut(out, before);
    return ok;
}

bool base64url_encode(struct str bytes, struct buf *out)
{
    size_t before = out->len;
    uint32_t bits = 0;
    unsigned held = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < bytes.n; i++) {
        bits = bits << 8 | (unsigned char)bytes.p[i];
        for (held += 8; ok && held >= 6;) {
            held -= 6;
            ok = buf_byte(out, LETTERS[bits >> held & 63]);
        }
    }
    if (ok && held)
        ok = buf_byte(out, LETTERS[bits << (6 - held) & 63]);
    if (!ok)
        buf_cut(out, before);
    return ok;
}
