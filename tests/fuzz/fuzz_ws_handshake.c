/* Requests that may open a WebSocket: whatever they hold, the answer is a few lines of ours, and
 * nothing of theirs but a token that they offered. */
#include "wire/http_head.h"
#include "wire/ws_handshake.h"

#include "base/check.h"

static const struct http_limits limits = {.head = 2048, .body = 64, .headers = 16};

/* Whole lines with CRLF, "Name: value" each, and no other CR or LF. */
static unsigned count_lines(struct str text)
{
    unsigned n = 0;
    while (text.n) {
        size_t end = str_index(text, '\n');
        CHECK(end > 0 && end < text.n && text.p[end - 1] == '\r');
        struct str line = {.p = text.p, .n = end - 1};
        CHECK(http_field_text(line));
        text = str_from(text, end + 1);
        n++;
    }
    return n;
}

static void check_answer(const struct http_request *request, struct str subprotocol)
{
    struct buf head = BUF_INIT(WS_HEAD_MAX + 2048);
    struct err err = ERR_INIT;
    unsigned status = 0;
    bool ok = ws_handshake(request, subprotocol, &head, &status, &err);
    unsigned n = count_lines(buf_slice(&head));
    CHECK(ok == (status == 101));
    if (ok)
        CHECK(n == (subprotocol.n ? 6 : 5) && request->method == HTTP_GET_);
    else
        CHECK(status >= 400 && status < 500 && n <= 3 && err.text[0]);
    buf_free(&head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = {.p = (const char *)data, .n = size};
    struct http_reader *reader = http_reader_new(&limits);
    CHECK(reader);
    for (size_t used = 0; bytes.n; bytes = str_from(bytes, used)) {
        enum http_read read = http_reader_feed(reader, bytes, &used);
        if (read == HTTP_REFUSED)
            break;
        if (read != HTTP_REQUEST)
            continue;
        const struct http_request *request = http_reader_request(reader);
        struct ws_offers offers = {0};
        check_answer(request, (struct str){0});
        for (struct str offered; ws_offers_next(request, &offers, &offered);) {
            CHECK(offered.n);
            check_answer(request, offered);
        }
    }
    http_reader_free(reader);
    return 0;
}
