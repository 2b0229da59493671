/* Requests that go out: against a server on the same loop that answers well, badly or not at all.
 */
#include "net/fetch.h"
#include "origin.h"
#include "unit.h"

#include <stdlib.h>

struct seen {
    unsigned answers;
    enum fetch_end end;
    unsigned status;
    int64_t max_age_s;
    char body[64], error[256];
    struct fetch *again; /* starts the same request once more, from within its answer */
    const char *url;
};

static uv_loop_t loop;
static struct fetch *fetch;
static struct origin *origin;

static void note(void *ctx, const struct fetch_answer *answer)
{
    struct seen *seen = ctx;
    seen->answers++;
    seen->end = answer->end;
    seen->status = answer->status;
    seen->max_age_s = answer->max_age_s;
    snprintf(seen->body, sizeof seen->body, "%.*s", STR_ARG(answer->body));
    snprintf(seen->error, sizeof seen->error, "%s", answer->error ? answer->error : "");
    if (seen->again) {
        const struct fetch_request request = {
            .url = seen->url, .timeout_ms = 5000, .max_body = 1000};
        struct fetch *again = seen->again;
        seen->again = NULL;
        assert_non_null(fetch_start(again, &request, note, seen, NULL));
    }
}

static struct seen get(size_t max_body, uint64_t timeout_ms)
{
    struct seen seen = {0};
    struct err err = ERR_INIT;
    const struct fetch_request request = {
        .url = origin_url(origin), .timeout_ms = timeout_ms, .max_body = max_body};
    if (!fetch_start(fetch, &request, note, &seen, &err))
        fail_msg("%s", err.text);
    assert_int_equal(seen.answers, 0);
    origin_turn(&loop, &seen.answers, 1);
    return seen;
}

static void an_answer_comes_with_its_status_body_and_age(void **state)
{
    static const struct {
        unsigned status;
        const char *headers, *body;
        int64_t max_age_s;
    } rows[] = {
        {200, "", "hello", -1},
        {200, "Cache-Control: max-age=60\r\n", "", 60},
        {200, "cache-control:public, MAX-AGE=86400, must-revalidate\r\n", "", 86400},
        {200, "Cache-Control: max-age=99999999999999999999\r\n", "", 1000000000},
        {200, "Cache-Control: no-store\r\n", "", 0},
        {200, "Cache-Control: private, no-cache\r\n", "", 0},
        {200, "Cache-Control: s-maxage=5\r\n", "", -1},
        {200, "Cache-Control: max-age=\r\n", "", 0},
        {503, "", "not now", -1},
        {404, "", "", -1},
        /* Nobody follows it. */
        {302, "Location: http://127.0.0.1:1/elsewhere\r\n", "", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        origin_answer(origin, rows[i].status, rows[i].headers, rows[i].body);
        struct seen seen = get(1000, 5000);
        if (seen.end != FETCH_ANSWERED || seen.status != rows[i].status ||
            strcmp(seen.body, rows[i].body) != 0)
            fail_msg("row %zu: end %d, %u \"%s\" (%s)", i, seen.end, seen.status, seen.body,
                     seen.error);
        if (i != 3 && seen.max_age_s != rows[i].max_age_s)
            fail_msg("row %zu: max-age %lld", i, (long long)seen.max_age_s);
        assert_true(seen.max_age_s < INT64_C(100000000000));
    }
    /* One after the other, all on one connection. */
    assert_int_equal(origin_connections(origin), 1);
}

static void a_proxy_of_the_environment_is_not_used(void **state)
{
    origin_answer(origin, 200, "", "straight");
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    struct seen seen = get(100, 5000);
    unsetenv("http_proxy");
    assert_string_equal(seen.body, "straight");
}

static void a_body_is_posted_with_its_headers(void **state)
{
    static const char *const headers[] = {"Content-Type: application/json", "Cookie: s=1"};
    struct seen seen = {0};
    const struct fetch_request request = {.url = origin_url(origin),
                                          .headers = headers,
                                          .n_headers = 2,
                                          .body = STR("{\"a\":1}"),
                                          .timeout_ms = 5000,
                                          .max_body = 100};
    origin_answer(origin, 200, "", "ok");
    assert_non_null(fetch_start(fetch, &request, note, &seen, NULL));
    origin_turn(&loop, &seen.answers, 1);
    char text[1024];
    snprintf(text, sizeof text, "%.*s", STR_ARG(origin_last(origin)));
    assert_int_equal(strncmp(text, "POST /keys HTTP/1.1\r\n", 21), 0);
    assert_non_null(strstr(text, "Content-Type: application/json\r\n"));
    assert_non_null(strstr(text, "Cookie: s=1\r\n"));
    assert_non_null(strstr(text, "\r\n\r\n{\"a\":1}"));
    assert_null(strstr(text, "Expect"));
}

static void what_is_no_answer_says_why(void **state)
{
    static const struct {
        const char *bytes;
        bool cut;
        enum fetch_end end;
    } rows[] = {
        {"", true, FETCH_FAILED},
        {"SSH-2.0-OpenSSH_9.2\r\n", true, FETCH_FAILED},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", true, FETCH_FAILED},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", false, FETCH_TIMED_OUT},
        {"", false, FETCH_TIMED_OUT},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", false, FETCH_TOO_LARGE},
        {"HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n0123456789abcdefg", false, FETCH_TOO_LARGE},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: "
         "chunked\r\n\r\n11\r\n0123456789abcdefg\r\n0\r\n\r\n",
         false, FETCH_TOO_LARGE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        origin_raw(origin, rows[i].bytes, rows[i].cut);
        struct seen seen = get(16, rows[i].end == FETCH_TIMED_OUT ? 100 : 10000);
        if (seen.end != rows[i].end || !seen.error[0] || seen.body[0])
            fail_msg("row %zu: end %d \"%s\" (%s)", i, seen.end, seen.body, seen.error);
    }
}

static void a_header_that_never_ends_is_cut(void **state)
{
    struct buf bytes = BUF_INIT(512 * 1024);
    buf_text(&bytes, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 2000; i++)
        buf_printf(&bytes, "X-%d: %0100d\r\n", i, 0);
    buf_byte(&bytes, '\0');
    origin_raw(origin, bytes.data, false);
    struct seen seen = get(16, 10000);
    assert_int_equal(seen.end, FETCH_FAILED);
    buf_free(&bytes);
}

static void nobody_there_is_an_answer_too(void **state)
{
    struct seen seen = {0};
    const struct fetch_request request = {
        .url = "http://127.0.0.1:1/", .timeout_ms = 5000, .max_body = 100};
    assert_non_null(fetch_start(fetch, &request, note, &seen, NULL));
    origin_turn(&loop, &seen.answers, 1);
    assert_int_equal(seen.end, FETCH_FAILED);
    assert_true(seen.error[0]);
}

static void only_web_addresses_are_fetched(void **state)
{
    static const struct {
        const char *url;
        const char *sentence; /* NULL: fine */
    } rows[] = {
        {"http://host", NULL},
        {"https://host:8443/a/b?c=d", NULL},
        {"http://[::1]:80/", NULL},
        {"file:///etc/passwd", "not a URL"},
        {"ftp://host/", "only http and https"},
        {"gopher://host/", "only http and https"},
        {"host/path", "not a URL"},
        {"/path", "not a URL"},
        {"", "not a URL"},
        {"http://", "not a URL"},
        {"http:// host/", "not a URL"},
        {"http://host:99999/", "not a URL"},
        {"http://user:secret@host/", "user name"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err = ERR_INIT;
        const struct fetch_request request = {
            .url = rows[i].url, .timeout_ms = 1000, .max_body = 1};
        bool ok = fetch_url_ok(rows[i].url, &err);
        if (ok != !rows[i].sentence || (!ok && !strstr(err.text, rows[i].sentence)) ||
            strstr(err.text, "secret"))
            fail_msg("%s: %s", rows[i].url, err.text);
        if (!ok)
            assert_null(fetch_start(fetch, &request, note, NULL, &err));
    }
    static const char *const header[] = {"X: a\r\nY: b"};
    const struct fetch_request split = {.url = origin_url(origin),
                                        .headers = header,
                                        .n_headers = 1,
                                        .timeout_ms = 1000,
                                        .max_body = 1};
    struct err err = ERR_INIT;
    assert_null(fetch_start(fetch, &split, note, NULL, &err));
    assert_non_null(strstr(err.text, "line end"));
}

static void so_many_are_under_way_and_no_more(void **state)
{
    struct fetch *small = fetch_new(&loop, &(struct fetch_options){.max_jobs = 2}, NULL);
    struct seen seen = {0};
    struct err err = ERR_INIT;
    const struct fetch_request request = {
        .url = origin_url(origin), .timeout_ms = 5000, .max_body = 100};
    origin_answer(origin, 200, "", "ok");
    struct fetch_job *first = fetch_start(small, &request, note, &seen, &err);
    assert_non_null(first);
    assert_non_null(fetch_start(small, &request, note, &seen, &err));
    assert_null(fetch_start(small, &request, note, &seen, &err));
    assert_non_null(strstr(err.text, "2 requests under way"));
    /* Who is cancelled is not called, and leaves room. */
    fetch_cancel(first);
    assert_non_null(fetch_start(small, &request, note, &seen, &err));
    origin_turn(&loop, &seen.answers, 2);
    assert_int_equal(seen.answers, 2);
    fetch_close(small);
}

static void an_answer_may_start_the_next_request(void **state)
{
    struct seen seen = {.again = fetch, .url = origin_url(origin)};
    const struct fetch_request request = {
        .url = origin_url(origin), .timeout_ms = 5000, .max_body = 100};
    origin_answer(origin, 200, "", "ok");
    assert_non_null(fetch_start(fetch, &request, note, &seen, NULL));
    origin_turn(&loop, &seen.answers, 2);
    assert_int_equal(seen.status, 200);
}

static void closing_calls_nobody(void **state)
{
    struct fetch *other = fetch_new(&loop, NULL, NULL);
    struct seen seen = {0};
    unsigned before = origin_requests(origin);
    const struct fetch_request request = {
        .url = origin_url(origin), .timeout_ms = 5000, .max_body = 100};
    origin_raw(origin, "", false);
    assert_non_null(fetch_start(other, &request, note, &seen, NULL));
    for (int i = 0; i < 1000 && origin_requests(origin) == before; i++)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(origin_requests(origin), before + 1);
    fetch_close(other);
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(seen.answers, 0);
}

static int set_up(void **state)
{
    struct err err = ERR_INIT;
    uv_loop_init(&loop);
    origin = origin_new(&loop);
    fetch = fetch_new(&loop, NULL, &err);
    return fetch ? 0 : -1;
}

/* Whatever is left on the loop, or in memory, shows here. */
static int tear_down(void **state)
{
    fetch_close(fetch);
    origin_close(origin);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_answer_comes_with_its_status_body_and_age),
        TEST(a_proxy_of_the_environment_is_not_used),
        TEST(a_body_is_posted_with_its_headers),
        TEST(what_is_no_answer_says_why),
        TEST(a_header_that_never_ends_is_cut),
        TEST(nobody_there_is_an_answer_too),
        TEST(only_web_addresses_are_fetched),
        TEST(so_many_are_under_way_and_no_more),
        TEST(an_answer_may_start_the_next_request),
        TEST(closing_calls_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
