/* close: why a connection ended. Log, metric and manual come from one row each. */
#pragma once

/* X(name, metric label, sentence) */
#define CLOSE_REASONS(X)                                                     \
    X(CLOSE_PEER, "peer", "the peer closed the connection")                  \
    X(CLOSE_DONE, "done", "the last response was sent")                      \
    X(CLOSE_KEEPALIVE, "keepalive", "no further request came in time")       \
    X(CLOSE_HEAD_SLOW, "head_slow", "the request head did not come in time") \
    X(CLOSE_BODY_SLOW, "body_slow", "the request body did not come in time") \
    X(CLOSE_BAD_REQUEST, "bad_request", "the request was malformed")         \
    X(CLOSE_STALLED, "stalled", "the peer accepted no byte for too long")    \
    X(CLOSE_SILENT, "silent", "the peer did not answer pings")               \
    X(CLOSE_LIMIT, "limit", "there are too many connections")                \
    X(CLOSE_SHUTDOWN, "shutdown", "the server is stopping")                  \
    X(CLOSE_RESET, "reset", "the end of the stream is its dialect's reset")  \
    X(CLOSE_ERROR, "error", "the socket failed")

enum close_reason {
#define X(name, label, sentence) name,
    CLOSE_REASONS(X)
#undef X
        CLOSE_REASON_COUNT
};

const char *close_reason_label(enum close_reason reason);
const char *close_reason_sentence(enum close_reason reason);
