/* Requests that ask for a WebSocket: one row, one answer. */
#include "unit.h"

#include "wire/ws_handshake.h"

#define LINE   "GET /v1/ws HTTP/1.1\r\n"
#define HOST   "Host: a\r\n"
#define UP     "Upgrade: websocket\r\n"
#define CONN   "Connection: Upgrade\r\n"
#define V13    "Sec-WebSocket-Version: 13\r\n"
#define KEY    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define REST   HOST UP CONN V13 KEY
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define CHANGE "Connection: Upgrade\r\nUpgrade: websocket\r\n"

struct row {
    const char *name;
    const char *request; /* without the empty line */
    unsigned status;
    const char *says; /* is part of the sentence; of a success, the subprotocol that is given */
    const char *headers;
};

static const struct row rows[] = {
    {"RFC 6455 1.3", LINE REST, 101, "", ""},
    {"any order, any case",
     LINE HOST "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nSEC-WEBSOCKET-VERSION: 13\r\n"
               "upgrade: WebSocket\r\nCONNECTION: uPGRADE\r\n",
     101, "", ""},
    {"lists", LINE HOST V13 KEY "Connection: keep-alive, Upgrade\r\nUpgrade: h2c, websocket\r\n",
     101, "", ""},
    {"lists over several lines",
     LINE HOST V13 KEY "Connection: keep-alive\r\nUpgrade: h2c\r\n" UP CONN, 101, "", ""},
    {"empty elements", LINE HOST V13 KEY CONN "Upgrade: , , websocket ,\r\n", 101, "", ""},
    {"an extension is offered in vain",
     LINE REST "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n", 101, "",
     ""},
    {"an extension that is none", LINE REST "Sec-WebSocket-Extensions: ;=;\r\n", 101, "", ""},
    {"a length of none", LINE REST "Content-Length: 0\r\n", 101, "", ""},
    {"subprotocols, none of ours", LINE REST "Sec-WebSocket-Protocol: chat, superchat\r\n", 101, "",
     ""},
    {"ours among others", LINE REST "Sec-WebSocket-Protocol: aaa.bbb.ccc,unstale\r\n", 101,
     "unstale", ""},
    {"ours on the second line",
     LINE REST "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: unstale\r\n", 101,
     "unstale", ""},
    {"ours in other letters is another one", LINE REST "Sec-WebSocket-Protocol: Unstale\r\n", 101,
     "", ""},
    {"an empty offer", LINE REST "Sec-WebSocket-Protocol: \r\n", 101, "", ""},

    {"POST", "POST /v1/ws HTTP/1.1\r\n" REST, 405, "GET", "Allow: GET\r\n"},
    {"HEAD", "HEAD /v1/ws HTTP/1.1\r\n" REST, 405, "GET", "Allow: GET\r\n"},
    {"HTTP/1.0", "GET /v1/ws HTTP/1.0\r\n" REST, 426, "HTTP/1.1", CHANGE},
    {"nothing of it", LINE HOST, 426, "Upgrade: websocket", CHANGE},
    {"no Upgrade", LINE HOST CONN V13 KEY, 426, "proxy", CHANGE},
    {"another Upgrade", LINE HOST CONN V13 KEY "Upgrade: h2c\r\n", 426, "websocket", CHANGE},
    {"Upgrade of another version", LINE HOST CONN V13 KEY "Upgrade: websocket/2\r\n", 426,
     "websocket", CHANGE},
    {"part of a word", LINE HOST CONN V13 KEY "Upgrade: websockets\r\n", 426, "websocket", CHANGE},
    {"no Connection", LINE HOST UP V13 KEY, 426, "Connection", CHANGE},
    {"another Connection", LINE HOST UP V13 KEY "Connection: keep-alive\r\n", 426, "Connection",
     CHANGE},
    {"no version", LINE HOST UP CONN KEY, 426, "13", "Sec-WebSocket-Version: 13\r\n" CHANGE},
    {"version 8", LINE HOST UP CONN KEY "Sec-WebSocket-Version: 8\r\n", 426, "13",
     "Sec-WebSocket-Version: 13\r\n" CHANGE},
    {"version 013", LINE HOST UP CONN KEY "Sec-WebSocket-Version: 013\r\n", 426, "13",
     "Sec-WebSocket-Version: 13\r\n" CHANGE},
    {"a list of versions", LINE HOST UP CONN KEY "Sec-WebSocket-Version: 13, 8\r\n", 426, "13",
     "Sec-WebSocket-Version: 13\r\n" CHANGE},
    {"two versions", LINE REST V13, 400, "several Sec-WebSocket-Version", ""},
    {"no key", LINE HOST UP CONN V13, 400, "Sec-WebSocket-Key", ""},
    {"an empty key", LINE HOST UP CONN V13 "Sec-WebSocket-Key:\r\n", 400, "Sec-WebSocket-Key", ""},
    {"two keys", LINE REST KEY, 400, "several Sec-WebSocket-Key", ""},
    {"a key of 15 bytes", LINE HOST UP CONN V13 "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0O\r\n", 400,
     "16 bytes", ""},
    {"a key of 17 bytes", LINE HOST UP CONN V13 "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODxA=\r\n",
     400, "16 bytes", ""},
    {"a key without padding", LINE HOST UP CONN V13 "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw\r\n",
     400, "16 bytes", ""},
    {"a key with bits that stand for nothing",
     LINE HOST UP CONN V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n", 400, "16 bytes", ""},
    {"a key in the letters of URLs",
     LINE HOST UP CONN V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub-5jZQ==\r\n", 400, "16 bytes", ""},
    {"padding inside a key",
     LINE HOST UP CONN V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBu=25jZQ==\r\n", 400, "16 bytes", ""},
    {"a subprotocol that is no token", LINE REST "Sec-WebSocket-Protocol: unstale, two words\r\n",
     400, "Sec-WebSocket-Protocol", ""},
    {"a subprotocol with a bad byte", LINE REST "Sec-WebSocket-Protocol: unstale, a\xc3\xa9\r\n",
     400, "Sec-WebSocket-Protocol", ""},
    {"a body", LINE REST "Content-Length: 2\r\n\r\nhi", 400, "body", ""},
};

struct opened {
    struct http_reader *reader;
    const struct http_request *request;
};

static struct opened open_request(const char *text)
{
    static const struct http_limits limits = {.head = 4096, .body = 64, .headers = 32};
    struct buf bytes = BUF_INIT(8192);
    size_t used;
    struct opened opened = {.reader = http_reader_new(&limits)};
    buf_text(&bytes, text);
    if (!strstr(text, "\r\n\r\n"))
        buf_text(&bytes, "\r\n");
    assert_non_null(opened.reader);
    assert_int_equal(http_reader_feed(opened.reader, buf_slice(&bytes), &used), HTTP_REQUEST);
    opened.request = http_reader_request(opened.reader);
    buf_free(&bytes);
    return opened;
}

/* What a caller does that knows one subprotocol. */
static struct str choose(const struct http_request *request)
{
    struct ws_offers offers = {0};
    for (struct str offered; ws_offers_next(request, &offers, &offered);)
        if (str_is(offered, "unstale"))
            return offered;
    return (struct str){0};
}

static void check_success(const struct row *row, struct str head)
{
    struct buf expected = BUF_INIT(1024);
    buf_text(&expected, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT "\r\n");
    if (row->says[0])
        buf_printf(&expected, "Sec-WebSocket-Protocol: %s\r\n", row->says);
    buf_text(&expected, "\r\n");
    buf_byte(&expected, '\0');
    assert_text(head, expected.data);
    buf_free(&expected);
}

static void request_is_answered_as_the_row_says(void **state)
{
    const struct row *row = *state;
    struct opened opened = open_request(row->request);
    struct buf head = BUF_INIT(WS_HEAD_MAX);
    struct err err = ERR_INIT;
    unsigned status = 0;
    bool ok = ws_handshake(opened.request, choose(opened.request), &head, &status, &err);
    assert_int_equal(status, row->status);
    assert_int_equal(ok, status == 101);
    if (ok) {
        check_success(row, buf_slice(&head));
    } else {
        if (!strstr(err.text, row->says))
            fail_msg("not what it should say: %s", err.text);
        assert_text(buf_slice(&head), row->headers);
    }
    buf_free(&head);
    http_reader_free(opened.reader);
}

static void offers_come_in_the_order_of_the_client(void **state)
{
    struct opened opened = open_request(
        LINE REST "Sec-WebSocket-Protocol: b ,a,, c\r\nX: y\r\nSec-WebSocket-Protocol: ,\t d\r\n");
    struct ws_offers offers = {0};
    struct buf all = BUF_INIT(64);
    for (struct str offered; ws_offers_next(opened.request, &offers, &offered);) {
        buf_str(&all, offered);
        buf_byte(&all, ';');
    }
    assert_text(buf_slice(&all), "b;a;c;d;");
    buf_free(&all);
    http_reader_free(opened.reader);
}

static void answer_that_does_not_fit_is_refused(void **state)
{
    struct opened opened = open_request(LINE REST "Sec-WebSocket-Protocol: unstale\r\n");
    struct buf head = BUF_INIT(100);
    struct err err = ERR_INIT;
    unsigned status = 0;
    assert_false(ws_handshake(opened.request, STR("unstale"), &head, &status, &err));
    assert_int_equal(status, 431);
    assert_int_equal(head.len, 0);
    buf_free(&head);
    http_reader_free(opened.reader);
}

enum { ROWS = sizeof rows / sizeof *rows };

int main(void)
{
    struct CMUnitTest tests[ROWS];
    for (size_t i = 0; i < ROWS; i++)
        tests[i] = (struct CMUnitTest){.name = rows[i].name,
                                       .test_func = request_is_answered_as_the_row_says,
                                       .initial_state = (void *)(uintptr_t)&rows[i]};
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(offers_come_in_the_order_of_the_client),
        cmocka_unit_test(answer_that_does_not_fit_is_refused),
    };
    int failed = _cmocka_run_group_tests("handshakes", tests, ROWS, NULL, NULL);
    return failed + cmocka_run_group_tests_name("offers", others, NULL, NULL);
}
