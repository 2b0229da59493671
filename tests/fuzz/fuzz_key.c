/* Keys: two lines of any bytes. Nothing may be read past their ends; for canonical ones the
 * laws hold, and canonical is what the JSON writer writes. */
#include "base/check.h"
#include "base/jsontext.h"
#include "base/mem.h"
#include "model/key.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct hash_seed seed = {.k0 = 1, .k1 = 2};

/* Its own allocation, so that a byte too far is seen. */
static struct str alone(struct str text)
{
    char *copy = mem_try(text.n ? text.n : 1);
    CHECK(copy);
    if (text.n)
        memcpy(copy, text.p, text.n);
    return (struct str){.p = copy, .n = text.n};
}

/* Integers that JavaScript would round are read as integers and written as text. */
static bool has_long_number(struct str text)
{
    size_t digits = 0;
    for (size_t i = 0; i < text.n; i++) {
        digits = text.p[i] >= '0' && text.p[i] <= '9' ? digits + 1 : 0;
        if (digits >= 16)
            return true;
    }
    return false;
}

/* jansson cannot have U+0000 in a member's name. */
static bool has_nul(struct str text)
{
    return text.n && memmem(text.p, text.n, "\\u0000", 6);
}

static bool has_deep_brackets(struct str text)
{
    size_t open = 0;
    for (size_t i = 0; i < text.n; i++)
        open += text.p[i] == '[' || text.p[i] == '{';
    return open > 32;
}

static void check_canonical(struct str key)
{
    json_t *value = json_loadb(key.p, key.n, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
    struct buf written = BUF_INIT(8 * key.n + 64);
    bool canonical = key_check(key);
    if (canonical)
        CHECK(value || has_long_number(key) || has_nul(key));
    if (value && json_is_array(value) && !has_long_number(key) && !has_deep_brackets(key)) {
        jsontext_value(&written, value);
        CHECK(str_equal(buf_slice(&written), key) == canonical);
    }
    json_decref(value);
    buf_free(&written);
}

static void check_cuts(struct str key)
{
    bool canonical = key_check(key);
    struct buf out = BUF_INIT(key.n + 16);
    size_t parts = key_parts(key);
    CHECK(key_cut(&out, key));
    CHECK(out.len <= KEY_MAX);
    if (canonical) {
        CHECK(key_check(buf_slice(&out)));
        CHECK(key_covers(buf_slice(&out), key));
        CHECK(key_covers(KEY_ALL, key) && key_covers(key, key));
    }
    for (size_t n = 0; n <= parts && n < 6; n++) {
        buf_clear(&out);
        CHECK(key_prefix(&out, key, n));
        if (canonical) {
            CHECK(key_check(buf_slice(&out)));
            CHECK(key_parts(buf_slice(&out)) == n);
            CHECK(key_covers(buf_slice(&out), key));
        }
    }
    buf_free(&out);
}

static void check_pair(struct str a, struct str b)
{
    bool canonical = key_check(a) && key_check(b);
    bool equal = key_equal(a, b), wide = key_covers(a, b), narrow = key_covers(b, a);
    CHECK(equal == key_equal(b, a));
    if (!canonical)
        return;
    if (equal)
        CHECK(wide && narrow && key_hash(seed, a) == key_hash(seed, b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {.p = (const char *)data, .n = size};
    size_t line = str_index(text, '\n');
    struct str a = alone((struct str){.p = text.p, .n = line}), b = alone(str_from(text, line + 1));
    check_canonical(a);
    check_canonical(b);
    check_cuts(a);
    check_cuts(b);
    check_pair(a, b);
    key_hash(seed, a);
    free((char *)(uintptr_t)a.p);
    free((char *)(uintptr_t)b.p);
    return 0;
}
