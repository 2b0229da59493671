#include "base/buf.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST = 256 /* most of what is written fits, and is written into one allocation */ };

void buf_free(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){.max = buf->max};
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->overflow = false;
}

/* Room for n more bytes, or overflow. */
static bool reserve(struct buf *buf, size_t n)
{
    if (buf->overflow || n > buf->max - buf->len) {
        buf->overflow = true;
        return false;
    }
    if (n > buf->cap - buf->len) {
        size_t cap = buf->cap ? buf->cap : FIRST;
        while (cap - buf->len < n)
            cap *= 2;
        if (cap > buf->max)
            cap = buf->max;
        buf->data = mem_grow(buf->data, cap);
        buf->cap = cap;
    }
    return true;
}

bool buf_add(struct buf *buf, const void *bytes, size_t n)
{
    if (!reserve(buf, n))
        return false;
    if (n)
        memcpy(buf->data + buf->len, bytes, n);
    buf->len += n;
    return true;
}

bool buf_byte(struct buf *buf, char c)
{
    return buf_add(buf, &c, 1);
}

bool buf_text(struct buf *buf, const char *text)
{
    return buf_add(buf, text, strlen(text));
}

bool buf_str(struct buf *buf, struct str text)
{
    return buf_add(buf, text.p, text.n);
}

bool buf_u64(struct buf *buf, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    return buf_add(buf, digits + at, sizeof digits - at);
}

bool buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0)
        return false;
    char small[256];
    char *text = (size_t)n < sizeof small ? small : mem_new((size_t)n + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)n + 1, format, args);
    va_end(args);
    bool ok = buf_add(buf, text, (size_t)n);
    if (text != small)
        free(text);
    return ok;
}

void buf_cut(struct buf *buf, size_t len)
{
    if (len < buf->len)
        buf->len = len;
    buf->overflow = false;
}

void buf_shift(struct buf *buf, size_t n)
{
    if (n >= buf->len) {
        buf->len = 0;
        return;
    }
    memmove(buf->data, buf->data + n, buf->len - n);
    buf->len -= n;
}
