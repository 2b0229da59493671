/* buf: a growing byte buffer that has a maximum.
 *
 * data[0..len) are the bytes; data may be NULL while len is 0. Adding never
 * goes past `max`: the add that would, changes nothing, sets `overflow` and
 * returns false, and so does every later add until buf_clear. So a writer may
 * add without looking and ask once at the end. */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct buf {
    char *data;
    size_t len;
    size_t cap;
    size_t max;
    bool overflow;
};

#define BUF_INIT(limit) ((struct buf){.max = (limit)})
/* In the caller's own array, which is its capacity and its maximum: never allocates, and must
 * not be freed. */
#define BUF_FIXED(array) ((struct buf){.data = (array), .cap = sizeof(array), .max = sizeof(array)})

void buf_free(struct buf *buf);
/* Empties, keeps the memory and the maximum. */
void buf_clear(struct buf *buf);
bool buf_add(struct buf *buf, const void *bytes, size_t n);
bool buf_byte(struct buf *buf, char c);
bool buf_text(struct buf *buf, const char *text);
bool buf_str(struct buf *buf, struct str text);
bool buf_u64(struct buf *buf, uint64_t value);
bool buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Drops what is behind `len`; clears overflow, since what overflowed was never added. */
void buf_cut(struct buf *buf, size_t len);
/* Drops the first n bytes. */
void buf_shift(struct buf *buf, size_t n);

static inline struct str buf_slice(const struct buf *buf)
{
    return (struct str){.p = buf->data, .n = buf->len};
}
