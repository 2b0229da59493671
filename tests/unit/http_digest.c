#include "http_digest.h"

#include "base/check.h"

static void add_request(struct buf *out, const struct http_request *request)
{
    buf_printf(out, "%.*s %.*s", STR_ARG(request->method_text), STR_ARG(request->path));
    if (request->query.n)
        buf_printf(out, "?%.*s", STR_ARG(request->query));
    buf_printf(out, " HTTP/1.%u%s%s", request->minor, request->keep_alive ? " keep" : "",
               request->upgrade ? " upgrade" : "");
    for (unsigned i = 0; i < request->n_headers; i++)
        buf_printf(out, " [%.*s=%.*s]", STR_ARG(request->headers[i].name),
                   STR_ARG(request->headers[i].value));
    if (request->body.n) {
        buf_text(out, " body=");
        buf_str(out, request->body);
    }
    buf_text(out, "; ");
}

void http_digest(struct buf *out, struct str bytes, const struct http_limits *limits,
                 size_t (*cut)(void *ctx, size_t left), void *ctx)
{
    struct http_reader *reader = http_reader_new(limits);
    enum http_read read = HTTP_MORE;
    CHECK(reader && http_reader_idle(reader));
    while (bytes.n && read != HTTP_REFUSED) {
        struct str piece = {.p = bytes.p, .n = cut(ctx, bytes.n)};
        bytes = str_from(bytes, piece.n);
        while (piece.n && read != HTTP_REFUSED) {
            size_t used = 0;
            read = http_reader_feed(reader, piece, &used);
            CHECK(used <= piece.n && (read != HTTP_MORE || used == piece.n));
            piece = str_from(piece, used);
            if (read == HTTP_HEAD)
                buf_text(out, "continue; ");
            if (read == HTTP_REQUEST)
                add_request(out, http_reader_request(reader));
        }
    }
    if (read == HTTP_REFUSED)
        buf_printf(out, "%u %s", http_reader_status(reader), http_reader_reason(reader));
    else if (http_reader_in_body(reader))
        buf_text(out, "in the body");
    else if (!http_reader_idle(reader))
        buf_text(out, "in the head");
    http_reader_free(reader);
}
