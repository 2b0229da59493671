/* Cookie headers: what is found stands in the header, comes back the same when it is written and
 * read again, and what is asked for is the first of its name. */
#include "base/buf.h"
#include "base/check.h"
#include "wire/cookie.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str header = {.p = (const char *)data, .n = size};
    struct str rest = header, value;
    struct cookie cookie, again;
    struct buf text = BUF_INIT(1 << 20);
    while (cookie_next(&rest, &cookie)) {
        CHECK(cookie_name_ok(cookie.name));
        CHECK(cookie.name.p >= header.p && cookie.value.p + cookie.value.n <= header.p + header.n);
        CHECK(cookie_find(header, cookie.name, &value) != COOKIE_NONE && value.p);
        buf_clear(&text);
        buf_printf(&text, "%.*s=\"%.*s\"", STR_ARG(cookie.name), STR_ARG(cookie.value));
        struct str once_more = buf_slice(&text);
        CHECK(cookie_next(&once_more, &again) && str_equal(again.name, cookie.name) &&
              str_equal(again.value, cookie.value));
    }
    buf_free(&text);
    return 0;
}
