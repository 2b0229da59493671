/* server: one listener and its connections, on one thread's loop.
 *
 * Thread: the loop's. A server owns its connections outright; nothing is shared.
 *
 * The connections live in an epoll set of the server's own (edge-triggered, one
 * epoll_ctl for a connection's whole life) which the libuv loop watches as one
 * handle: a libuv stream handle costs 312 bytes a connection, ours is a slab
 * entry. Read buffers are borrowed from the server; parser state exists only
 * while a request is on its way.
 *
 * Lifetime of a conn:
 *  1. It exists from accept until its `closed` callback returns; `closed` is called exactly once,
 *     for every connection for which `request` was ever called, and never inside conn_send.
 *  2. conn_close may be called at any time, also inside a callback; the memory stays valid
 *     until `closed`, which comes in the same or the next turn of the loop.
 *     With `when_out` it comes when the last byte is out, or when waiting for that has failed.
 *  3. Ids are never used twice: conn_find of a gone one is NULL, and "gone" is a normal answer.
 *
 * A connection is in one of two modes:
 *  - HTTP: requests are handed over whole, one at a time; the next one is not looked at before
 *    conn_respond for this one was called (now or later). Every request must be answered (or made
 *    a stream, or closed): a peer that shut its side cannot be told from one that is gone.
 *  - stream, after conn_stream: what comes in goes to `bytes` (SSE servers ignore it), what goes
 *    out is conn_send.
 *
 * Writing: at most one piece is in flight. conn_send gathers its pieces into one send(2). What the
 * kernel does not take of the piece in which the cut falls stays in flight (a reference to the blob
 * and an offset, never a copy); later pieces are dropped and the caller must remember that.
 * `writable` is called when the rest is out. */
#pragma once

#include "base/blob.h"
#include "base/err.h"
#include "base/log.h"
#include "net/close.h"
#include "wire/http.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct server;
struct conn;

/* All are called on the loop's thread; only `over_limit` may be NULL. */
struct server_ops {
    /* The request lives until this returns or the response is given, whichever is later. */
    void (*request)(void *ctx, struct conn *conn, const struct http_request *request);
    /* Of a connection beyond the limit: refuses it by conn_respond before this returns. Where it is
     * NULL, and where no whole request without a body comes soon, the refusal is 503. */
    void (*over_limit)(void *ctx, struct conn *conn, const struct http_request *request);
    void (*bytes)(void *ctx, struct conn *conn, struct str bytes);
    void (*writable)(void *ctx, struct conn *conn);
    void (*closed)(void *ctx, struct conn *conn, enum close_reason reason);
    /* After the input of one loop turn was handled: the place to write what became due. */
    void (*turn)(void *ctx);
};

struct server_limits {
    struct http_limits http;
    unsigned connections;  /* of this server; one more is refused and closed */
    uint64_t head_ms;      /* from the first byte of a request to the end of its head */
    uint64_t body_ms;      /* from the end of the head to the end of the body */
    uint64_t keepalive_ms; /* between requests, and from accept to the first byte */
    uint64_t stalled_ms;   /* bytes in flight, none accepted */
};

struct server_options {
    uv_loop_t *loop;
    unsigned index;     /* in the names of its connections */
    const char *listen; /* "127.0.0.1:8080", "[::1]:8080"; port 0: any free one */
    bool join;          /* another server of ours listens there already: share the port */
    struct server_limits limits;
    const struct server_ops *ops;
    void *ctx;
    const struct log *log;
};

struct server *server_new(const struct server_options *options, struct err *err);
/* "127.0.0.1:41234", with the actual port; lives as long as the server. */
const char *server_address(const struct server *server);
/* No new connections from here on (the listener closes); open ones live on, but responses say
 * "Connection: close", so that keep-alive peers go elsewhere. */
void server_pause(struct server *server);
/* Closes everything (`closed` is called for each), then calls `done` once. server_free after that.
 */
void server_stop(struct server *server, void (*done)(void *ctx), void *ctx);
void server_free(struct server *server);
/* Holds for open connections too. */
void server_set_limits(struct server *server, const struct server_limits *limits);
/* Runs the write pass (`turn`) soon, although no input came. */
void server_wake(struct server *server);

/* Statuses of responses that are counted one by one; 0 is any other. */
enum { SERVER_STATUSES = 19 };
unsigned server_status(size_t index);

struct server_stats {
    uint64_t accepted, refused, requests, bytes_in, bytes_out, sends;
    uint64_t pauses; /* of accepting, for want of descriptors or memory */
    uint64_t closed[CLOSE_REASON_COUNT];
    uint64_t responses[SERVER_STATUSES];
    unsigned open;
};
const struct server_stats *server_stats(const struct server *server);

uint64_t conn_id(const struct conn *conn);
/* "c_0_100000002": the server's index and the id, as `ready` tells it to the peer. */
void conn_name(const struct conn *conn, char text[32]);
struct conn *conn_find(struct server *server, uint64_t id);
void conn_set_user(struct conn *conn, void *user);
void *conn_user(const struct conn *conn);
/* "127.0.0.1", into a buffer of at least 64 bytes. */
void conn_peer(const struct conn *conn, char text[64]);

/* The line "Date: ..." of this second, with CRLF: every answer has one (RFC 9110 6.6.1). Those of
 * conn_respond have it already. Good until the next call. */
struct str conn_date(const struct conn *conn);

/* Answers the request that was handed over. `headers`: whole lines with CRLF, or empty. */
void conn_respond(struct conn *conn, unsigned status, struct str headers, struct str body);
/* The same, and the connection is closed when it is out. */
void conn_respond_close(struct conn *conn, unsigned status, struct str headers, struct str body);
/* Turns into a stream: nothing is sent by this; the caller sends the head with conn_send. */
void conn_stream(struct conn *conn);

struct piece {
    struct blob *blob;
    uint32_t from, to; /* bytes [from, to) of it */
};

enum conn_sent { CONN_SENT, CONN_CUT, CONN_GONE };

/* Must not be busy. CONN_CUT: *cut (may be NULL) is the index of the piece in which the cut fell;
 * the pieces behind it were dropped. CONN_GONE: the connection is closing, nothing was sent. */
enum conn_sent conn_send(struct conn *conn, const struct piece *pieces, unsigned n, unsigned *cut);
/* Something is in flight. */
bool conn_busy(const struct conn *conn);
/* Something of what was sent has not reached the peer's machine. A system call. */
bool conn_unsent(const struct conn *conn);
/* Ends the connection; `when_out`: after what is in flight is out. */
void conn_close(struct conn *conn, enum close_reason reason, bool when_out);
