/* ws: the frames of a WebSocket server (RFC 6455, section 5 to 7): bytes in, messages out, and
 * back.
 *
 * What always holds:
 *  1. The same bytes give the same events, and the same byte is the one that fails, however
 *     they are cut.
 *  2. A reader fails at the first byte that cannot be right: a payload that would be too long is
 *     refused by its header, text that is not UTF-8 at its first wrong byte.
 *  3. A reader holds memory only for payload bytes that have come, never more than limit + 125; a
 *     promised length gets none. It is a plain value that may be moved by assignment, and one that
 *     is idle says nothing, so a connection between two messages needs none:
 *
 *         struct ws_reader reader = kept ? *kept : WS_READER_INIT(limit);
 *         while (bytes.n)
 *             ws_reader_feed(…), and what is to be done about its event;
 *         if (ws_reader_idle(&reader))
 *             ws_reader_free(&reader);      and nothing is kept
 *
 *  4. What is written is not masked and knows no connection: encoded once, sent to all.
 *
 * No extension is ever agreed on. There is no use for binary messages here: they are refused by
 * their first byte (1003). Who answers what (pong to ping, close to close) is the caller's matter.
 * Pure: no socket, no clock. */
#pragma once

#include "base/buf.h"
#include "base/str.h"
#include "base/utf8.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Payload of a control frame; of that, two bytes are the code of a close. */
enum { WS_CONTROL_MAX = 125, WS_REASON_MAX = 123 };

enum ws_code {
    WS_NORMAL = 1000,
    WS_GOING_AWAY = 1001,
    WS_PROTOCOL_ERROR = 1002,
    WS_UNSUPPORTED = 1003,
    WS_NO_CODE = 1005, /* stands for a close without code; never on the wire */
    WS_BAD_TEXT = 1007,
    WS_POLICY = 1008,
    WS_TOO_LARGE = 1009,
    WS_INTERNAL = 1011,
    WS_RESTART = 1012,
    WS_TRY_LATER = 1013,
};

/* May stand in a close frame: 1000-1003, 1007-1014, 3000-4999. */
bool ws_code_valid(unsigned code);

/* ---- in ---- */

struct ws_reader {
    char *_data;                /* the message so far; behind it the control payload so far */
    uint32_t _cap;              /* of _data */
    uint32_t _limit;            /* bytes of a message, less than 2^31 */
    uint32_t _message;          /* bytes of it that have come */
    uint32_t _length;           /* of the frame's payload */
    uint32_t _at;               /* bytes of it that have come */
    uint8_t _head[14], _head_n; /* of the frame's header */
    uint8_t _state;
    bool _in_message; /* fragments came, the last did not */
    struct utf8_walk _text;
};

#define WS_READER_INIT(limit) ((struct ws_reader){._limit = (limit)})

enum ws_read {
    WS_MORE,   /* all bytes were taken */
    WS_TEXT,   /* a message: .text, well-formed UTF-8, maybe empty */
    WS_PING,   /* .text, any bytes: a pong with the same is due, the last one's is enough */
    WS_PONG,   /* .text */
    WS_CLOSE,  /* .code (WS_NO_CODE: none) and .text, the reason: a close with that code is due */
    WS_FAILED, /* close with .code (1002, 1003, 1007, 1009; 1013: no memory) and .text, a sentence
                  of ours that lives for ever */
};

struct ws_event {
    struct str text; /* valid until the next feed or free */
    unsigned code;
};

/* Takes bytes up to the end of the next event; *used says how many (of a failure, the last one is
 * to blame). After WS_CLOSE and WS_FAILED everything is taken and means nothing. */
enum ws_read ws_reader_feed(struct ws_reader *reader, struct str bytes, size_t *used,
                            struct ws_event *event);
/* Between two messages. False for ever after WS_CLOSE and WS_FAILED. */
bool ws_reader_idle(const struct ws_reader *reader);
/* Frees what it holds and forgets what was begun: as new. */
void ws_reader_free(struct ws_reader *reader);

/* ---- out; all return false when `out` overflowed ---- */

/* A text message whose length is not known yet: ws_text_begin, its UTF-8 bytes added to `out`, and
 * ws_text_end with what ws_text_begin returned. */
size_t ws_text_begin(struct buf *out);
bool ws_text_end(struct buf *out, size_t begun);
bool ws_text(struct buf *out, struct str text);
/* At most WS_CONTROL_MAX bytes. */
bool ws_ping(struct buf *out, struct str payload);
bool ws_pong(struct buf *out, struct str payload);
/* WS_NO_CODE: a close without code and reason. A longer or ill-formed reason is cut. */
bool ws_close(struct buf *out, unsigned code, struct str reason);
