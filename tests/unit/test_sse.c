/* Server-sent events: what is written, and that a reader made from the standard's text takes the
 * same data out of it again, whatever the data is. */
#include "wire/sse.h"

#include "unit.h"

static void expect_event(const char *event, struct str data, const char *id, const char *bytes)
{
    struct buf out = BUF_INIT(65536);
    assert_true(sse_event(&out, str_of(event), data, str_of(id)));
    assert_text(buf_slice(&out), bytes);
    buf_free(&out);
}

static void writes_event_data_and_id(void **state)
{
    expect_event("stale", STR("{}"), "e-1", "event: stale\ndata: {}\nid: e-1\n\n");
}

static void leaves_out_what_is_empty(void **state)
{
    expect_event("", STR("{}"), "", "data: {}\n\n");
    expect_event("x", STR(""), "", "event: x\ndata: \n\n");
}

static void splits_data_at_every_kind_of_line_end(void **state)
{
    expect_event("", STR("a\nb\rc\r\nd\n\re"), "",
                 "data: a\ndata: b\ndata: c\ndata: d\ndata: \ndata: e\n\n");
    expect_event("", STR("a\n"), "", "data: a\ndata: \n\n");
    expect_event("", STR("\r\n"), "", "data: \ndata: \n\n");
}

static void forges_no_field(void **state)
{
    expect_event("a\ndata: x", STR("b\r\nevent: y"), "c\r\rid: z",
                 "event: adata: x\ndata: b\ndata: event: y\nid: cid: z\n\n");
    struct buf out = BUF_INIT(1024);
    assert_true(sse_event(&out, STR("e"), STR("d"), STR("a\0b")));
    assert_text(buf_slice(&out), "event: e\ndata: d\nid: ab\n\n");
    buf_clear(&out);
    assert_true(sse_comment(&out, STR("a\ndata: b")));
    assert_text(buf_slice(&out), ": a\n: data: b\n\n");
    buf_free(&out);
}

static void writes_retry_and_comments(void **state)
{
    struct buf out = BUF_INIT(1024);
    assert_true(sse_retry(&out, 1500));
    assert_true(sse_comment(&out, STR("hi")));
    assert_true(sse_comment(&out, STR("")));
    assert_text(buf_slice(&out), "retry: 1500\n\n: hi\n\n:\n\n");
    buf_free(&out);
}

static void says_when_it_does_not_fit(void **state)
{
    struct buf out = BUF_INIT(10);
    assert_false(sse_event(&out, STR("a"), STR("0123456789"), STR("")));
    buf_free(&out);
}

/* The data of the one event in `bytes`, by the steps of the standard (9.2.6). */
static void read_event(struct str bytes, struct buf *data)
{
    while (bytes.n) {
        size_t end = 0;
        while (end < bytes.n && bytes.p[end] != '\n' && bytes.p[end] != '\r')
            end++;
        struct str line = {.p = bytes.p, .n = end};
        bool crlf = end + 1 < bytes.n && bytes.p[end] == '\r' && bytes.p[end + 1] == '\n';
        bytes = str_from(bytes, end + 1 + crlf);
        if (line.n == 0) {
            assert_int_equal(bytes.n, 0);
            assert_true(data->len > 0);
            buf_cut(data, data->len - 1);
            return;
        }
        assert_true(str_starts(line, STR("data: ")));
        buf_str(data, str_from(line, 6));
        buf_byte(data, '\n');
    }
    fail_msg("the event has no end");
}

static void any_text_of_line_ends_comes_back(void **state)
{
    static const char letters[] = "\r\n:a";
    for (unsigned n = 0; n < 4096; n++) {
        char text[6];
        struct buf normal = BUF_INIT(64), out = BUF_INIT(1024), back = BUF_INIT(1024);
        for (unsigned i = 0; i < 6; i++)
            text[i] = letters[n >> (2 * i) & 3];
        for (unsigned i = 0; i < 6; i++)
            if (text[i] == '\r')
                buf_byte(&normal, '\n');
            else if (text[i] != '\n' || i == 0 || text[i - 1] != '\r')
                buf_byte(&normal, text[i]);
        assert_true(sse_event(&out, STR(""), (struct str){.p = text, .n = 6}, STR("")));
        read_event(buf_slice(&out), &back);
        assert_true(str_equal(buf_slice(&normal), buf_slice(&back)));
        buf_free(&normal);
        buf_free(&out);
        buf_free(&back);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_event_data_and_id),
        cmocka_unit_test(leaves_out_what_is_empty),
        cmocka_unit_test(splits_data_at_every_kind_of_line_end),
        cmocka_unit_test(forges_no_field),
        cmocka_unit_test(writes_retry_and_comments),
        cmocka_unit_test(says_when_it_does_not_fit),
        cmocka_unit_test(any_text_of_line_ends_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
