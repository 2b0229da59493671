/* session: what a WebSocket client says, and our answers (DESIGN 5).
 *
 *     {"type":"subscribe","scopes":["project:42"],"since":"k3f9-10423"}     -> ready, for these
 * scopes
 *     {"type":"unsubscribe","scopes":["project:42"]}
 *     {"type":"token","token":"..."}
 *     {"type":"ping"}                                                       -> heartbeat
 *
 * Anything else is answered by an `error` object. A session exists only while a message is on its
 * way, or it is asked what somebody may read, or an answer waits for the socket; an idle WebSocket
 * has none. Thread: the delivery thread's.
 */
#pragma once

#include "base/list.h"
#include "base/str.h"
#include "delivery/authorizer.h"
#include "delivery/crowd.h"
#include "delivery/guests.h"
#include "net/server.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Said where `limits: scopes` is met on an open WebSocket. */
#define TOO_MANY_SCOPES "too many scopes in one subscription (limits: scopes)"

struct session_options {
    struct crowd *crowd;
    struct guests *guests;
    const struct authorizer *authorizer;
    /* Somebody said who it is: takes a seat for that one, or false, and the stream is ended. */
    bool (*seat)(void *ctx, struct conn *conn, const struct identity *identity);
    /* In front of that: what may that one read? False: session_known is called with it. */
    bool (*complete)(void *ctx, struct conn *conn, struct admission *admission);
    void *ctx; /* of both */
    uint64_t epoch;
    unsigned scopes_max;
    uint64_t message_ms;     /* from the first byte of a message to its last one */
    struct list *unfinished; /* of the caller: sessions that wait for the rest of a message */
    uint64_t now, wall_ms;
};

/* The crowd knows the connection and does not close it. */
void session_bytes(const struct session_options *options, struct conn *conn, struct str bytes);
/* What `complete` has found out; the identity is taken. What was said meanwhile is heard now. */
void session_known(const struct session_options *options, struct conn *conn,
                   struct admission *admission);
/* Says something to a stream of either transport, now or when its socket is free. */
void session_say(struct crowd *crowd, struct conn *conn, struct str event);
/* Ends those whose message takes too long. */
void session_expire(const struct session_options *options);
/* What waits is sent first. True: the connection is free for the crowd. */
bool session_writable(struct conn *conn);
/* Before the subscriber goes. */
void session_free(struct conn *conn);
