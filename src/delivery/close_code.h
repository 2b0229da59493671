/* close_code: why we end a WebSocket (RFC 6455 section 7.4 and DESIGN 5), and what it tells the
 * client to do. */
#pragma once

#include "wire/ws.h"

#include <stddef.h>

/* X(code, sentence) */
#define CLOSE_CODES(X)                                                    \
    X(WS_NORMAL, "goodbye")                                               \
    X(WS_PROTOCOL_ERROR, "this is not how WebSocket frames look")         \
    X(WS_UNSUPPORTED, "only text messages are understood")                \
    X(WS_BAD_TEXT, "the text is not UTF-8")                               \
    X(WS_POLICY, "you send faster than you read")                         \
    X(WS_TOO_LARGE, "the message is too large")                           \
    X(WS_RESTART, "the server restarts: come back after a random moment") \
    X(WS_TRY_LATER, "try again later")                                    \
    X(CLOSE_CODE_BAD_MESSAGE, "the subscription is not understood")       \
    X(CLOSE_CODE_TOKEN, "the token is bad or has expired")                \
    X(CLOSE_CODE_FORBIDDEN, "you may not read any of the scopes")         \
    X(CLOSE_CODE_SLOW, "the rest of a message did not come in time")

/* Ours, beside those of wire/ws.h. */
enum close_code {
    CLOSE_CODE_BAD_MESSAGE = 4400,
    CLOSE_CODE_TOKEN = 4401,
    CLOSE_CODE_FORBIDDEN = 4403,
    CLOSE_CODE_SLOW = 4408,
};

enum {
#define X(number, sentence) +1
    CLOSE_CODE_COUNT = 0 CLOSE_CODES(X)
#undef X
};

/* The codes in their order; SIZE_MAX for another one. */
size_t close_code_index(unsigned code);
unsigned close_code_at(size_t index);
/* "" for another code. */
const char *close_code_sentence(unsigned code);
