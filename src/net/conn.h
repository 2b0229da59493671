/* conn: one accepted connection, as net/ sees it. Everybody else uses net/server.h.
 *
 *             first bytes      head whole       body whole
 *      IDLE ──────────────▶ HEAD ─────────▶ BODY ─────────▶ WAITING ───────▶ STREAM
 *        ▲                                                     │  conn_stream    │
 *        └───────────────── conn_respond ──────────────────────┘                 │
 *
 *      any ──▶ FLUSHING ──▶ LINGERING ──▶ CLOSING ──▶ freed          (or straight to CLOSING)
 *              rest out     write side     `closed`
 *                           shut
 *
 * FLUSHING waits until what is in flight is out. LINGERING has shut its write side and
 * throws away what still comes, for a short time: closing at once would answer the
 * peer's bytes with a reset, which takes the response away from it. For the owner
 * the connection is over when LINGERING begins.
 *
 * One too many (`over_limit`) is of these states too, but never of a stream, and for no longer than
 * it may linger: by then it was refused, in the words of its request if that came whole.
 *
 * Reading is by edges: `unread` says that the socket may hold something that no further
 * edge announces, so it is cleared only by a read that found less than it asked for.
 * While a request waits for its response, or a response waits for its peer, nothing is
 * read; that is the backpressure of pipelining. */
#pragma once

#include "base/buf.h"
#include "net/deadlines.h"
#include "net/intake.h"
#include "net/server.h"

enum conn_state {
    CONN_FREE,
    CONN_IDLE,
    CONN_HEAD,
    CONN_BODY,
    CONN_WAITING,
    CONN_STREAM,
    CONN_FLUSHING,
    CONN_LINGERING,
    CONN_CLOSING,
};

/* There is one for each open stream, so every field is looked at twice; what conn_send needs comes
 * first. */
struct conn {
    struct conn_host *host;
    void *user;
    struct blob *flight; /* one reference, or NULL */
    uint32_t from,
        to; /* of it, still to be sent; while lingering, `from` is the bytes thrown away */
    int fd;
    enum conn_state state : 4;
    enum close_reason reason : 4;
    unsigned timer : 3; /* class of the running deadline, plus one */
    bool unread : 1;
    bool hung_up : 1;    /* the peer shut its write side: read up to that end */
    bool queued : 1;     /* in the host's list of work */
    bool in_request : 1; /* inside the owner's `request` */
    bool known : 1;      /* the owner was handed a request, so it is told of the end */
    bool announced : 1;  /* the end was counted and told */
    bool over_limit : 1;
    bool keep_alive : 1; /* of the request that waits */
    bool head_only : 1;
    bool old : 1; /* HTTP/1.0 */
    struct intake *intake;
    struct conn *next; /* in the list of work, or among the free ones */
    struct deadline deadline;
    uint32_t index, generation;
};

_Static_assert(sizeof(struct conn) <= 96, "an idle stream is this and little more");

/* The connections: entries of a slab that never move, found by ids that are never used twice. */
struct conns {
    struct conn **_chunks;
    unsigned _n_chunks;
    struct conn *_free;
};

/* NULL when there is no memory. */
struct conn *conns_take(struct conns *conns);
void conns_give(struct conns *conns, struct conn *conn);
struct conn *conns_find(const struct conns *conns, uint64_t id);
/* Start with *cursor = 0; NULL at the end. */
struct conn *conns_next(const struct conns *conns, unsigned *cursor);
void conns_free(struct conns *conns);

enum { CONN_INPUT_MAX = 64 * 1024, CONN_GATHER_MAX = 64 * 1024 };

/* What all connections of a server share. */
struct conn_host {
    const struct server_ops *ops;
    void *ctx;
    const struct log *log;
    unsigned index;
    struct server_limits limits;
    struct server_stats stats;
    struct deadlines deadlines;
    struct conns conns;
    struct conn *work_first, *work_last;
    uv_idle_t wake; /* runs the next pass soon */
    uv_idle_cb pass;
    struct intake *spare;
    unsigned n_spare;
    unsigned n_over_limit;
    bool no_keep_alive; /* the listener is closed: let the peers go elsewhere */
    struct buf reply;
    time_t dated; /* when `date` was made */
    struct buf date;
    char date_text[48];
    char input[CONN_INPUT_MAX];
    char gather[CONN_GATHER_MAX];
};

void conn_host_init(struct conn_host *host, const struct server_options *options, uv_idle_cb pass);
/* All connections are freed. The handles are closed by the caller. */
void conn_host_free(struct conn_host *host);
void conn_host_set_limits(struct conn_host *host, const struct server_limits *limits);
/* What became due: each connection in the list of work once. */
void conn_host_work(struct conn_host *host);
/* Begins to close all. */
void conn_host_close_all(struct conn_host *host);
/* Connections of any state. */
unsigned conn_host_open(const struct conn_host *host);

/* Takes over a fresh descriptor. NULL when there is no memory: the descriptor is closed. */
struct conn *conn_open(struct conn_host *host, int fd);
/* The same for one too many, which is there only to be refused. */
struct conn *conn_open_over_limit(struct conn_host *host, int fd);
void conn_event(struct conn *conn, uint32_t events);
