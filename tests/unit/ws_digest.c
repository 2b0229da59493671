#include "ws_digest.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "wire/ws.h"

#include <stdlib.h>

/* The last event, which waits for others that are the same. */
struct line {
    struct buf *out;
    struct buf last;
    unsigned times;
};

static void flush(struct line *line)
{
    if (line->times == 0)
        return;
    if (line->out->len)
        buf_text(line->out, " | ");
    if (line->times > 1)
        buf_printf(line->out, "%ux ", line->times);
    buf_str(line->out, buf_slice(&line->last));
    line->times = 0;
}

static void add(struct line *line, struct buf *event)
{
    if (line->times && str_equal(buf_slice(event), buf_slice(&line->last))) {
        line->times++;
        buf_free(event);
        return;
    }
    flush(line);
    buf_free(&line->last);
    line->last = *event;
    line->times = 1;
}

static void add_payload(struct buf *out, struct str text)
{
    size_t same = 1;
    while (same < text.n && text.p[same] == text.p[0])
        same++;
    bool uniform = text.n > 32 && same == text.n;
    if (uniform)
        buf_printf(out, "%zu*", text.n);
    if (!uniform && text.n > 4096) {
        struct hash_seed seed = {0};
        buf_printf(out, "%zu bytes %016llx", text.n, (unsigned long long)hash_bytes(seed, text));
        return;
    }
    buf_byte(out, '"');
    for (size_t i = 0; i < (uniform ? 1 : text.n); i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c < 0x20 || c > 0x7e)
            buf_printf(out, "\\x%02x", c);
        else
            buf_byte(out, (char)c);
    }
    buf_byte(out, '"');
}

static bool our_code(unsigned code)
{
    return code == WS_PROTOCOL_ERROR || code == WS_UNSUPPORTED || code == WS_BAD_TEXT ||
           code == WS_TOO_LARGE;
}

static void add_event(struct line *line, enum ws_read read, const struct ws_event *event,
                      uint32_t limit, size_t at)
{
    static const char *const names[] = {[WS_TEXT] = "text ",
                                        [WS_PING] = "ping ",
                                        [WS_PONG] = "pong ",
                                        [WS_CLOSE] = "close",
                                        [WS_FAILED] = "fail"};
    struct buf text = BUF_INIT(1 << 16);
    buf_text(&text, names[read]);
    switch (read) {
    case WS_MORE:
        break;
    case WS_TEXT:
        CHECK(event->text.n <= limit && utf8_check(event->text));
        add_payload(&text, event->text);
        break;
    case WS_PING:
    case WS_PONG:
        CHECK(event->text.n <= WS_CONTROL_MAX);
        add_payload(&text, event->text);
        break;
    case WS_CLOSE:
        CHECK(event->text.n <= WS_REASON_MAX && utf8_check(event->text));
        CHECK(ws_code_valid(event->code) || event->code == WS_NO_CODE);
        if (event->code != WS_NO_CODE) {
            buf_printf(&text, " %u ", event->code);
            add_payload(&text, event->text);
        }
        break;
    case WS_FAILED:
        CHECK(our_code(event->code) && event->text.n && event->text.n <= WS_REASON_MAX);
        buf_printf(&text, " %u @%zu", event->code, at);
        break;
    }
    add(line, &text);
}

/* Bytes of a size of their own, so that a look beyond them is seen. */
static char *apart(struct str piece)
{
    char *copy = malloc(piece.n ? piece.n : 1);
    CHECK(copy);
    memcpy(copy, piece.p, piece.n);
    return copy;
}

void ws_digest(struct buf *out, struct str bytes, uint32_t limit,
               size_t (*cut)(void *ctx, size_t left), void *ctx)
{
    struct line line = {.out = out};
    struct ws_reader kept = WS_READER_INIT(limit);
    size_t at = 0;
    bool over = false;
    while (at < bytes.n) {
        struct str rest = str_from(bytes, at);
        rest.n = cut(ctx, rest.n);
        char *copy = apart(rest);
        struct str piece = {.p = copy, .n = rest.n};
        /* A reader is a plain value: another one goes on with it. */
        struct ws_reader reader = kept;
        memset(&kept, 0xaa, sizeof kept);
        while (piece.n) {
            struct ws_event event;
            size_t used = 0;
            enum ws_read read = ws_reader_feed(&reader, piece, &used, &event);
            CHECK(used > 0 && used <= piece.n && (read != WS_MORE || used == piece.n));
            CHECK(!over || read == WS_MORE);
            CHECK(reader._cap <= limit + WS_CONTROL_MAX);
            at += used;
            piece = str_from(piece, used);
            if (read != WS_MORE)
                add_event(&line, read, &event, limit, at);
            over |= read == WS_CLOSE || read == WS_FAILED;
        }
        if (ws_reader_idle(&reader))
            ws_reader_free(&reader);
        CHECK(!over || !ws_reader_idle(&reader));
        kept = reader;
        free(copy);
    }
    if (!over && !ws_reader_idle(&kept)) {
        struct buf text = BUF_INIT(64);
        buf_text(&text, "unfinished");
        add(&line, &text);
    }
    flush(&line);
    buf_free(&line.last);
    ws_reader_free(&kept);
}
