/* Query strings: what is taken comes back the same when it is written and read again. */
#include "base/buf.h"
#include "base/check.h"
#include "wire/query.h"

static void write_again(struct buf *out, const struct query *query)
{
    for (size_t i = 0; i < query->n; i++) {
        const struct str parts[] = {query->params[i].name, query->params[i].value};
        for (unsigned part = 0; part < 2; part++) {
            for (size_t c = 0; c < parts[part].n; c++)
                buf_printf(out, "%%%02x", (unsigned)(unsigned char)parts[part].p[c]);
            buf_byte(out, part ? '&' : '=');
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct query query, again;
    struct err err = ERR_INIT;
    struct buf text = BUF_INIT(1 << 24);
    arena_init(&arena, 1 << 24);
    if (query_parse((struct str){.p = (const char *)data, .n = size}, 100, &arena, &query, &err)) {
        CHECK(query.n <= 100);
        write_again(&text, &query);
        CHECK(query_parse(buf_slice(&text), 100, &arena, &again, &err) && again.n == query.n);
        for (size_t i = 0; i < query.n; i++)
            CHECK(str_equal(query.params[i].name, again.params[i].name) &&
                  str_equal(query.params[i].value, again.params[i].value));
    } else {
        CHECK(err.text[0] && query.n == 0);
    }
    buf_free(&text);
    arena_free(&arena);
    return 0;
}
