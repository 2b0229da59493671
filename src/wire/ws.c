/* A header is looked at byte by byte, a payload in pieces as they come. Each byte is judged when it
 * is there, so where the bytes were cut cannot matter.
 *
 * Control frames come between the fragments of a message. Their payload is put behind the message
 * so far and is not counted: the next fragment overwrites it. */
#include "wire/ws.h"

#include "base/check.h"
#include "base/mem.h"

#include <stdlib.h>

_Static_assert(sizeof(struct ws_reader) <= 64, "a reader is kept while a message is on its way");

enum { FIRST = 64 /* of the buffer; most messages of clients fit into a few times that */ };

/* OVER: after a close or a failure. */
enum state { IN_HEAD, IN_PAYLOAD, OVER };

enum { FIN = 0x80, RSV = 0x70, OPCODE = 0x0f, MASKED = 0x80, LENGTH = 0x7f };
enum { LENGTH_16 = 126, LENGTH_64 = 127 };
enum opcode {
    OP_CONTINUATION = 0,
    OP_TEXT = 1,
    OP_BINARY = 2,
    OP_CLOSE = 8,
    OP_PING = 9,
    OP_PONG = 10,
};

bool ws_code_valid(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

/* ---- in ---- */

static enum ws_read fail(struct ws_reader *reader, struct ws_event *event, enum ws_code code,
                         const char *sentence)
{
    free(reader->_data);
    reader->_data = NULL;
    reader->_cap = 0;
    reader->_state = OVER;
    *event = (struct ws_event){.text = str_of(sentence), .code = code};
    return WS_FAILED;
}

static enum ws_read broken(struct ws_reader *reader, struct ws_event *event, const char *sentence)
{
    return fail(reader, event, WS_PROTOCOL_ERROR, sentence);
}

static bool fin(const struct ws_reader *reader)
{
    return reader->_head[0] & FIN;
}

static unsigned opcode(const struct ws_reader *reader)
{
    return reader->_head[0] & OPCODE;
}

static bool is_control(const struct ws_reader *reader)
{
    return opcode(reader) >= OP_CLOSE;
}

/* Bytes of the extended length. */
static unsigned extended(const struct ws_reader *reader)
{
    unsigned length = reader->_head[1] & LENGTH;
    return length == LENGTH_64 ? 8 : length == LENGTH_16 ? 2 : 0;
}

static enum ws_read check_first(struct ws_reader *reader, struct ws_event *event)
{
    if (reader->_head[0] & RSV)
        return broken(reader, event, "a reserved bit is set, and no extension was agreed on");
    switch (opcode(reader)) {
    case OP_CONTINUATION:
        if (!reader->_in_message)
            return broken(reader, event, "a continuation without a message that it continues");
        return WS_MORE;
    case OP_TEXT:
    case OP_BINARY:
        if (reader->_in_message)
            return broken(reader, event, "a message begins inside another one");
        if (opcode(reader) == OP_BINARY)
            return fail(reader, event, WS_UNSUPPORTED, "messages here are text, never binary");
        return WS_MORE;
    case OP_CLOSE:
    case OP_PING:
    case OP_PONG:
        if (!fin(reader))
            return broken(reader, event, "a control frame is cut into fragments");
        return WS_MORE;
    default:
        return broken(reader, event, "a reserved opcode");
    }
}

static enum ws_read check_second(struct ws_reader *reader, struct ws_event *event)
{
    if (!(reader->_head[1] & MASKED))
        return broken(reader, event, "a frame of a client is not masked");
    if (is_control(reader) && (reader->_head[1] & LENGTH) > WS_CONTROL_MAX)
        return broken(reader, event, "a control frame has more than 125 bytes");
    return WS_MORE;
}

/* The length is whole. */
static enum ws_read check_length(struct ws_reader *reader, struct ws_event *event)
{
    unsigned n = extended(reader);
    uint64_t length = n ? 0 : reader->_head[1] & LENGTH;
    for (unsigned i = 0; i < n; i++)
        length = length << 8 | reader->_head[2 + i];
    if (length >> 63)
        return broken(reader, event, "a length has its highest bit set");
    if ((n == 2 && length < LENGTH_16) || (n == 8 && length <= UINT16_MAX))
        return broken(reader, event, "a length is not written in its shortest form");
    if (!is_control(reader) && length > reader->_limit - reader->_message)
        return fail(reader, event, WS_TOO_LARGE, "the message is larger than is allowed here");
    reader->_length = (uint32_t)length;
    reader->_at = 0;
    return WS_MORE;
}

static enum ws_read end_close(struct ws_reader *reader, struct ws_event *event)
{
    struct str payload = event->text;
    event->code = WS_NO_CODE;
    if (payload.n == 1)
        return broken(reader, event, "a close has half a code");
    if (payload.n) {
        event->code = (unsigned)(unsigned char)payload.p[0] << 8 | (unsigned char)payload.p[1];
        event->text = str_from(payload, 2);
        if (!ws_code_valid(event->code))
            return broken(reader, event, "a close has a code that no close may have");
        if (!utf8_check(event->text))
            return fail(reader, event, WS_BAD_TEXT, "the reason of a close is not UTF-8");
    }
    reader->_state = OVER;
    return WS_CLOSE;
}

/* The payload is whole. What the event points to stays in place until more bytes come. */
static enum ws_read end_frame(struct ws_reader *reader, struct ws_event *event)
{
    reader->_state = IN_HEAD;
    reader->_head_n = 0;
    if (is_control(reader)) {
        if (reader->_length)
            event->text = (struct str){.p = reader->_data + reader->_message, .n = reader->_length};
        if (opcode(reader) == OP_CLOSE)
            return end_close(reader, event);
        return opcode(reader) == OP_PING ? WS_PING : WS_PONG;
    }
    reader->_in_message = !fin(reader);
    if (reader->_in_message)
        return WS_MORE;
    if (reader->_text.need)
        return fail(reader, event, WS_BAD_TEXT, "a text ends in the middle of a character");
    event->text = (struct str){.p = reader->_data, .n = reader->_message};
    reader->_message = 0;
    return WS_TEXT;
}

static enum ws_read read_head(struct ws_reader *reader, char byte, struct ws_event *event)
{
    reader->_head[reader->_head_n++] = (uint8_t)byte;
    unsigned n = reader->_head_n;
    enum ws_read read = WS_MORE;
    if (n == 1)
        return check_first(reader, event);
    if (n == 2)
        read = check_second(reader, event);
    if (read == WS_MORE && n == 2 + extended(reader))
        read = check_length(reader, event);
    if (read != WS_MORE || n < 2 + extended(reader) + 4)
        return read;
    reader->_state = IN_PAYLOAD;
    return reader->_length ? WS_MORE : end_frame(reader, event);
}

/* Room for `n` bytes in all. Doubled as they come: nobody gets memory for a promise. */
static bool reserve(struct ws_reader *reader, size_t n)
{
    if (n <= reader->_cap)
        return true;
    size_t most = (size_t)reader->_limit + WS_CONTROL_MAX;
    size_t cap = reader->_cap ? reader->_cap : FIRST;
    while (cap < n)
        cap *= 2;
    if (cap > most)
        cap = most;
    char *data = mem_try(cap);
    if (!data)
        return false;
    if (reader->_data)
        memcpy(data, reader->_data, reader->_cap);
    free(reader->_data);
    reader->_data = data;
    reader->_cap = (uint32_t)cap;
    return true;
}

static enum ws_read read_payload(struct ws_reader *reader, struct str bytes, size_t *used,
                                 struct ws_event *event)
{
    uint32_t n = reader->_length - reader->_at;
    if (n > bytes.n)
        n = (uint32_t)bytes.n;
    /* The bytes of this frame lie behind those of the message; the fragment's are counted as the
     * message's when they are there. */
    uint32_t to = reader->_message + (is_control(reader) ? reader->_at : 0);
    if (!reserve(reader, (size_t)to + n)) {
        *used += n;
        return fail(reader, event, WS_TRY_LATER, "there is no memory for this message now");
    }
    const uint8_t *mask = reader->_head + reader->_head_n - 4;
    for (uint32_t i = 0; i < n; i++)
        reader->_data[to + i] = (char)((uint8_t)bytes.p[i] ^ mask[(reader->_at + i) & 3]);
    reader->_at += n;
    if (!is_control(reader)) {
        reader->_message += n;
        struct str piece = {.p = reader->_data + to, .n = n};
        size_t fine = utf8_walk(&reader->_text, piece);
        if (fine < n) {
            *used += fine + 1;
            return fail(reader, event, WS_BAD_TEXT, "a text is not UTF-8");
        }
    }
    *used += n;
    return reader->_at == reader->_length ? end_frame(reader, event) : WS_MORE;
}

enum ws_read ws_reader_feed(struct ws_reader *reader, struct str bytes, size_t *used,
                            struct ws_event *event)
{
    enum ws_read read = WS_MORE;
    *used = 0;
    *event = (struct ws_event){0};
    while (read == WS_MORE && *used < bytes.n) {
        switch (reader->_state) {
        case IN_HEAD:
            read = read_head(reader, bytes.p[(*used)++], event);
            break;
        case IN_PAYLOAD:
            read = read_payload(reader, str_from(bytes, *used), used, event);
            break;
        case OVER:
            *used = bytes.n;
            break;
        }
    }
    return read;
}

bool ws_reader_idle(const struct ws_reader *reader)
{
    return reader->_state == IN_HEAD && reader->_head_n == 0 && !reader->_in_message;
}

void ws_reader_free(struct ws_reader *reader)
{
    free(reader->_data);
    *reader = WS_READER_INIT(reader->_limit);
}

/* ---- out ---- */

/* This much is left for the header: none of our messages is larger than 65,535 bytes, so what has
 * to be moved is the payload of a message of at most 125 bytes, or of one that does not come. */
enum { HEAD_ROOM = 4, HEAD_SHORT = 2, HEAD_LONG = 10 };

size_t ws_text_begin(struct buf *out)
{
    static const char room[HEAD_ROOM] = {0};
    size_t begun = out->len;
    buf_add(out, room, sizeof room);
    return begun;
}

/* Moves the bytes behind `from` up or down to `to`, which ends or starts the room for a header. */
static bool move_tail(struct buf *out, size_t from, size_t to)
{
    static const char more[HEAD_LONG - HEAD_ROOM] = {0};
    size_t n = out->len - from;
    if (to > from && !buf_add(out, more, to - from))
        return false;
    memmove(out->data + to, out->data + from, n);
    out->len = to + n;
    return true;
}

bool ws_text_end(struct buf *out, size_t begun)
{
    if (out->overflow)
        return false;
    size_t n = out->len - begun - HEAD_ROOM;
    size_t head = n <= WS_CONTROL_MAX ? HEAD_SHORT : n <= UINT16_MAX ? HEAD_ROOM : HEAD_LONG;
    if (head != HEAD_ROOM && !move_tail(out, begun + HEAD_ROOM, begun + head))
        return false;
    uint8_t *p = (uint8_t *)out->data + begun;
    p[0] = FIN | OP_TEXT;
    if (head == HEAD_SHORT) {
        p[1] = (uint8_t)n;
        return true;
    }
    p[1] = head == HEAD_ROOM ? LENGTH_16 : LENGTH_64;
    for (size_t i = head - 1; i >= 2; i--, n >>= 8)
        p[i] = n & 0xff;
    return true;
}

bool ws_text(struct buf *out, struct str text)
{
    size_t begun = ws_text_begin(out);
    buf_str(out, text);
    return ws_text_end(out, begun);
}

static bool control(struct buf *out, enum opcode op, struct str payload)
{
    CHECK(payload.n <= WS_CONTROL_MAX);
    buf_byte(out, (char)(FIN | op));
    buf_byte(out, (char)payload.n);
    return buf_str(out, payload);
}

bool ws_ping(struct buf *out, struct str payload)
{
    return control(out, OP_PING, payload);
}

bool ws_pong(struct buf *out, struct str payload)
{
    return control(out, OP_PONG, payload);
}

/* The longest well-formed text that `reason` begins with and that fits. */
static struct str fitting(struct str reason)
{
    size_t n = 0;
    for (size_t length; (length = utf8_length(str_from(reason, n))) != 0; n += length)
        if (n + length > WS_REASON_MAX)
            break;
    return (struct str){.p = reason.p, .n = n};
}

bool ws_close(struct buf *out, unsigned code, struct str reason)
{
    char payload[WS_CONTROL_MAX];
    struct buf text = BUF_FIXED(payload);
    if (code != WS_NO_CODE) {
        CHECK(ws_code_valid(code));
        buf_byte(&text, (char)(code >> 8));
        buf_byte(&text, (char)(code & 0xff));
        buf_str(&text, fitting(reason));
    }
    return control(out, OP_CLOSE, buf_slice(&text));
}
