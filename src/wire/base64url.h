/* base64url: RFC 4648, section 5, without padding, as JOSE writes it (RFC 7515, 2).
 *
 * Strict: one text for one value. Padding, white space, other letters, a length that no bytes give
 * and bits behind the last byte that are not zero are refused, so a token cannot be written twice.
 * Pure. */
#pragma once

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>

/* How many bytes `n` characters give. */
static inline size_t base64url_size(size_t n)
{
    return n / 4 * 3 + n % 4 * 3 / 4;
}

/* Adds the bytes. False: it is not base64url, or `out` is full; then `out` is as it was. */
bool base64url_decode(struct str text, struct buf *out);
bool base64url_encode(struct str bytes, struct buf *out);
