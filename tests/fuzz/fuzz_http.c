/* Requests, head and body: the same bytes mean the same, however they are cut. The first byte of
 * the input says how: it seeds the cuts of the second reading. */
#include "http_digest.h"

#include "base/check.h"

static const struct http_limits limits = {.head = 1024, .body = 512, .headers = 16};

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
    if (size == 0)
        return 0;
    uint32_t random = data[0];
    struct str bytes = {.p = (const char *)data + 1, .n = size - 1};
    struct buf whole = BUF_INIT(1 << 20), cut = BUF_INIT(1 << 20);
    http_digest(&whole, bytes, &limits, at_once, NULL);
    http_digest(&cut, bytes, &limits, somewhere, &random);
    CHECK(str_equal(buf_slice(&whole), buf_slice(&cut)));
    /* The strict checks and the parser library are of one opinion about whatever is served. */
    struct str apart = STR("in two ways");
    if (whole.len >= apart.n)
        CHECK(!str_equal(str_from(buf_slice(&whole), whole.len - apart.n), apart));
    buf_free(&whole);
    buf_free(&cut);
    return 0;
}
