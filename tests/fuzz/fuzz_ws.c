/* Frames of a client: the same bytes mean the same, and the same byte is to blame, however they are
 * cut. The first byte of the input seeds the cuts, the second says how long a message may be. */
#include "ws_digest.h"

#include "base/check.h"

static size_t at_once(void *ctx, size_t left)
{
    return left;
}

static size_t somewhere(void *ctx, size_t left)
{
    uint32_t *random = ctx;
    *random = *random * 1664525 + 1013904223;
    uint32_t n = *random >> 16;
    size_t piece = n & 1 ? 1 : 1 + n / 2 % 64;
    return piece < left ? piece : left;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    uint32_t random = data[0], limit = 1u << data[1] % 18;
    struct str bytes = {.p = (const char *)data + 2, .n = size - 2};
    struct buf whole = BUF_INIT(1 << 20), cut = BUF_INIT(1 << 20);
    ws_digest(&whole, bytes, limit, at_once, NULL);
    ws_digest(&cut, bytes, limit, somewhere, &random);
    CHECK(str_equal(buf_slice(&whole), buf_slice(&cut)));
    buf_free(&whole);
    buf_free(&cut);
    return 0;
}
