/* close: why a connection ended. Log, metric and manual come from one row each. */
#pragma once

#include <stdbool.h>

/* X(name, metric label, is it an error, sentence) */
#define CLOSE_REASONS(X)                                                           \
    X(CLOSE_PEER, "peer", false, "the peer closed the connection")                 \
    X(CLOSE_DONE, "done", false, "the last response was sent")                     \
    X(CLOSE_KEEPALIVE, "keepalive", false, "no further request came in time")      \
    X(CLOSE_HEAD_SLOW, "head_slow", true, "the request head did not come in time") \
    X(CLOSE_BODY_SLOW, "body_slow", true, "the request body did not come in time") \
    X(CLOSE_BAD_REQUEST, "bad_request", true, "the request was malformed")         \
    X(CLOSE_STALLED, "stalled", true, "the peer accepted no byte for too long")    \
    X(CLOSE_SILENT, "silent", true, "the peer did not answer pings")               \
    X(CLOSE_LIMIT, "limit", true, "there are too many connections")                \
    X(CLOSE_SHUTDOWN, "shutdown", false, "the server is stopping")                 \
    X(CLOSE_ERROR, "error", true, "the socket failed")

enum close_reason {
#define X(name, label, error, sentence) name,
    CLOSE_REASONS(X)
#undef X
        CLOSE_REASON_COUNT
};

const char *close_reason_label(enum close_reason reason);
bool close_reason_is_error(enum close_reason reason);
const char *close_reason_sentence(enum close_reason reason);
