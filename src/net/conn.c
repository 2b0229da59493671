#include "net/conn.h"

#include "base/check.h"
#include "base/jsontext.h"
#include "base/mem.h"
#include "net/intake.h"
#include "net/listener.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    REQUESTS_PER_TURN =
        64, /* of one connection, so that a pipeline does not keep the others waiting */
    LINGER_MS = 2000,
    LINGER_BYTES = 256 * 1024,
    OVER_LIMIT_MAX =
        64, /* of those that are there to be refused; beyond that they are just closed */
    REPLY_MAX = 64 * 1024 * 1024,
    REPLY_KEEP = 64 * 1024,
};

enum timer { TIMER_KEEPALIVE, TIMER_HEAD, TIMER_BODY, TIMER_STALLED, TIMER_LINGER };

_Static_assert(TIMER_LINGER + 1 == DEADLINE_CLASSES, "each has a class");
_Static_assert(CLOSE_REASON_COUNT <= 16, "reasons have four bits");

#define TO(state) (1U << (state))
#define ENDS      (TO(CONN_FLUSHING) | TO(CONN_LINGERING) | TO(CONN_CLOSING))

static const unsigned moves[] = {
    [CONN_FREE] = TO(CONN_IDLE),
    [CONN_IDLE] = TO(CONN_HEAD) | TO(CONN_BODY) | TO(CONN_WAITING) | ENDS,
    [CONN_HEAD] = TO(CONN_BODY) | TO(CONN_WAITING) | ENDS,
    [CONN_BODY] = TO(CONN_WAITING) | ENDS,
    [CONN_WAITING] = TO(CONN_IDLE) | TO(CONN_STREAM) | ENDS,
    [CONN_STREAM] = ENDS,
    [CONN_FLUSHING] = TO(CONN_LINGERING) | TO(CONN_CLOSING),
    [CONN_LINGERING] = TO(CONN_CLOSING),
    [CONN_CLOSING] = TO(CONN_FREE),
};

/* Which deadline runs in a state while nothing is in flight; plus one, 0 is none. */
static const unsigned char timers[] = {
    [CONN_IDLE] = TIMER_KEEPALIVE + 1,   [CONN_HEAD] = TIMER_HEAD + 1, [CONN_BODY] = TIMER_BODY + 1,
    [CONN_LINGERING] = TIMER_LINGER + 1, [CONN_CLOSING] = 0,
};

static bool in_http(const struct conn *conn)
{
    return conn->state >= CONN_IDLE && conn->state <= CONN_BODY;
}

static void set_timer(struct conn *conn)
{
    unsigned timer = timers[conn->state];
    if (conn->over_limit && in_http(conn))
        timer = TIMER_LINGER + 1;
    if (conn->flight && conn->state != CONN_CLOSING)
        timer = TIMER_STALLED + 1;
    if (timer == conn->timer)
        return;
    conn->timer = timer & 7U;
    if (timer)
        deadlines_start(&conn->host->deadlines, &conn->deadline, timer - 1);
    else
        deadline_clear(&conn->deadline);
}

static void move(struct conn *conn, enum conn_state to)
{
    CHECK(moves[conn->state] & TO(to));
    conn->state = to;
    set_timer(conn);
}

/* In the next pass the connection is looked at again. */
static void queue(struct conn *conn)
{
    struct conn_host *host = conn->host;
    if (conn->queued)
        return;
    conn->queued = true;
    conn->next = NULL;
    if (host->work_last)
        host->work_last->next = conn;
    else
        host->work_first = conn;
    host->work_last = conn;
    uv_idle_start(&host->wake, host->pass);
}

static bool ending(const struct conn *conn)
{
    return conn->state >= CONN_FLUSHING;
}

static bool has_rest(const struct conn *conn)
{
    return conn->intake && conn->intake->rest;
}

static bool wants_input(const struct conn *conn)
{
    return (in_http(conn) && !conn->flight) || conn->state == CONN_STREAM ||
           conn->state == CONN_LINGERING;
}

/* ---- ending ---- */

static void set_flight(struct conn *conn, struct blob *blob, uint32_t from, uint32_t to)
{
    blob_unref(conn->flight);
    conn->flight = blob;
    conn->from = from;
    conn->to = to;
    set_timer(conn);
}

static void close_now(struct conn *conn, enum close_reason reason)
{
    if (conn->state == CONN_CLOSING)
        return;
    if (!conn->announced)
        conn->reason = reason;
    move(conn, CONN_CLOSING);
    queue(conn);
}

/* Everything is out: no more comes from us, and what still comes is thrown away. */
static void linger(struct conn *conn)
{
    shutdown(conn->fd, SHUT_WR);
    conn->from = 0;
    conn->unread = true;
    move(conn, CONN_LINGERING);
    queue(conn);
}

static void close_when_out(struct conn *conn, enum close_reason reason)
{
    if (ending(conn))
        return;
    conn->reason = reason;
    if (conn->flight)
        move(conn, CONN_FLUSHING);
    else
        linger(conn);
}

static void close_failed(struct conn *conn, int error)
{
    bool gone = error == 0 || error == ECONNRESET || error == EPIPE || error == ENOTCONN;
    /* What the kernel says when it gives up a peer that acknowledges nothing. */
    bool stalled = error == ETIMEDOUT || error == EHOSTUNREACH || error == ENETUNREACH;
    close_now(conn, gone ? CLOSE_PEER : stalled ? CLOSE_STALLED : CLOSE_ERROR);
}

static void announce(struct conn *conn)
{
    if (conn->announced)
        return;
    conn->announced = true;
    conn->host->stats.closed[conn->reason]++;
    if (log_has(conn->host->log, LOG_DEBUG)) {
        char name[32], peer[64];
        conn_name(conn, name);
        conn_peer(conn, peer);
        log_conn(conn->host->log, LOG_DEBUG, "server", name, "ends (%s): %s", peer,
                 close_reason_sentence(conn->reason));
    }
    if (conn->known)
        conn->host->ops->closed(conn->host->ctx, conn, conn->reason);
}

/* ---- what exists only while a request is on its way ---- */

static void release_intake(struct conn *conn)
{
    intake_give(conn->host, conn->intake);
    conn->intake = NULL;
}

/* Keeps what was read but may not be looked at yet. `bytes` may be the end of the rest itself. */
static void keep_rest(struct conn *conn, struct str bytes)
{
    struct intake *intake = conn->intake;
    if (intake->rest && bytes.n && bytes.p >= intake->rest &&
        bytes.p < intake->rest + intake->rest_n) {
        intake->rest_at = (size_t)(bytes.p - intake->rest);
        return;
    }
    free(intake->rest);
    intake->rest = NULL;
    if (bytes.n == 0)
        return;
    intake->rest = mem_try(bytes.n);
    if (!intake->rest) {
        close_now(conn, CLOSE_ERROR);
        return;
    }
    memcpy(intake->rest, bytes.p, bytes.n);
    intake->rest_at = 0;
    intake->rest_n = bytes.n;
}

/* ---- output ---- */

static const unsigned statuses[SERVER_STATUSES] = {200, 202, 204, 400, 401, 403, 404, 405, 408, 413,
                                                   415, 417, 426, 429, 431, 501, 503, 505, 0};

unsigned server_status(size_t index)
{
    return statuses[index];
}

static void count_status(struct server_stats *stats, unsigned status)
{
    size_t i = 0;
    while (statuses[i] != status && statuses[i] != 0)
        i++;
    stats->responses[i]++;
}

/* Bytes that the kernel took; -1: the connection is closing. */
static ssize_t send_some(struct conn *conn, const char *p, size_t n)
{
    struct server_stats *stats = &conn->host->stats;
    ssize_t sent;
    do {
        stats->sends++;
        sent = send(conn->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) {
        stats->bytes_out += (uint64_t)sent;
        return sent;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return 0;
    close_failed(conn, errno);
    return -1;
}

/* Bytes of ours alone: what is not taken becomes a blob of its own. */
static void emit(struct conn *conn, struct str bytes)
{
    if (conn->flight) {
        struct buf all = BUF_INIT(SIZE_MAX);
        buf_add(&all, conn->flight->bytes + conn->from, conn->to - conn->from);
        buf_str(&all, bytes);
        set_flight(conn, blob_new(buf_slice(&all)), 0, (uint32_t)all.len);
        buf_free(&all);
        return;
    }
    ssize_t sent = send_some(conn, bytes.p, bytes.n);
    if (sent < 0 || (size_t)sent == bytes.n)
        return;
    struct str rest = str_from(bytes, (size_t)sent);
    set_flight(conn, blob_new(rest), 0, (uint32_t)rest.n);
}

static void emit_response(struct conn *conn, unsigned status, struct str headers, struct str body,
                          bool keep_alive)
{
    struct buf *reply = &conn->host->reply;
    const struct http_response response = {.status = status,
                                           .date = conn_date(conn),
                                           .headers = headers,
                                           .body = body,
                                           .keep_alive = keep_alive,
                                           .old = conn->old,
                                           .head_only = conn->head_only};
    count_status(&conn->host->stats, status);
    buf_clear(reply);
    if (!http_write_response(reply, &response))
        close_now(conn, CLOSE_ERROR);
    else
        emit(conn, buf_slice(reply));
    if (reply->cap > REPLY_KEEP)
        buf_free(reply);
}

static void refuse(struct conn *conn, unsigned status, const char *reason, enum close_reason why)
{
    struct buf body = BUF_INIT(1024);
    conn->head_only = conn->intake && http_reader_head_only(conn->intake->reader);
    buf_text(&body, "{\"error\":");
    jsontext_string(&body, str_of(reason));
    buf_byte(&body, '}');
    emit_response(conn, status,
                  status == 503 ? STR("Content-Type: application/json\r\nRetry-After: 1\r\n")
                                : STR("Content-Type: application/json\r\n"),
                  buf_slice(&body), false);
    buf_free(&body);
    close_when_out(conn, why);
}

static void refuse_over_limit(struct conn *conn)
{
    refuse(conn, 503, close_reason_sentence(CLOSE_LIMIT), CLOSE_LIMIT);
}

/* The peer takes bytes again. */
static void flush(struct conn *conn)
{
    ssize_t sent = send_some(conn, conn->flight->bytes + conn->from, conn->to - conn->from);
    if (sent <= 0)
        return;
    conn->from += (uint32_t)sent;
    if (conn->from < conn->to) {
        deadlines_start(&conn->host->deadlines, &conn->deadline, TIMER_STALLED);
        return;
    }
    set_flight(conn, NULL, 0, 0);
    if (conn->state == CONN_FLUSHING)
        linger(conn);
    else if (conn->state == CONN_STREAM)
        conn->host->ops->writable(conn->host->ctx, conn);
}

/* ---- input ---- */

static void hand_over(struct conn *conn)
{
    struct conn_host *host = conn->host;
    const struct http_request *request = http_reader_request(conn->intake->reader);
    move(conn, CONN_WAITING);
    conn->known = !conn->over_limit;
    conn->keep_alive = request->keep_alive;
    conn->head_only = request->method == HTTP_HEAD_;
    conn->old = request->minor == 0;
    host->stats.requests++;
    conn->in_request = true;
    (conn->over_limit ? host->ops->over_limit : host->ops->request)(host->ctx, conn, request);
    conn->in_request = false;
    CHECK(!conn->over_limit || ending(conn));
}

/* Bytes of `bytes` that were used. */
static size_t take_http(struct conn *conn, struct str bytes)
{
    if (!conn->intake && !(conn->intake = intake_take(conn->host))) {
        close_now(conn, CLOSE_ERROR);
        return 0;
    }
    struct http_reader *reader = conn->intake->reader;
    size_t used = 0;
    switch (http_reader_feed(reader, bytes, &used)) {
    case HTTP_MORE:
        if (conn->over_limit && http_reader_in_body(reader))
            refuse_over_limit(conn);
        else if (http_reader_in_body(reader) && conn->state != CONN_BODY)
            move(conn, CONN_BODY);
        else if (!http_reader_idle(reader) && conn->state == CONN_IDLE)
            move(conn, CONN_HEAD);
        break;
    case HTTP_HEAD:
        if (conn->over_limit) {
            refuse_over_limit(conn);
            break;
        }
        move(conn, CONN_BODY);
        emit(conn, STR("HTTP/1.1 100 Continue\r\n\r\n"));
        break;
    case HTTP_REQUEST:
        hand_over(conn);
        break;
    case HTTP_REFUSED:
        refuse(conn, http_reader_status(reader), http_reader_reason(reader), CLOSE_BAD_REQUEST);
        break;
    }
    return used;
}

/* Looks at bytes as long as the state wants them; keeps the rest. */
static void take(struct conn *conn, struct str bytes)
{
    unsigned requests = REQUESTS_PER_TURN;
    while (bytes.n && wants_input(conn)) {
        if (conn->state == CONN_STREAM) {
            conn->host->ops->bytes(conn->host->ctx, conn, bytes);
            bytes.n = 0;
        } else if (conn->state == CONN_LINGERING) {
            conn->from += (uint32_t)bytes.n;
            if (conn->from > LINGER_BYTES)
                close_now(conn, conn->reason);
            bytes.n = 0;
        } else if (requests-- == 0) {
            break;
        } else {
            bytes = str_from(bytes, take_http(conn, bytes));
        }
    }
    if (ending(conn))
        bytes.n = 0;
    if (conn->intake)
        keep_rest(conn, bytes);
}

static void read_socket(struct conn *conn)
{
    struct conn_host *host = conn->host;
    ssize_t n = recv(conn->fd, host->input, sizeof host->input, 0);
    if (n > 0) {
        host->stats.bytes_in += (uint64_t)n;
        if ((size_t)n < sizeof host->input && !conn->hung_up)
            conn->unread = false;
        take(conn, (struct str){.p = host->input, .n = (size_t)n});
    } else if (n == 0) {
        conn->unread = false;
        close_now(conn, conn->state == CONN_LINGERING ? conn->reason : CLOSE_PEER);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        conn->unread = false;
    } else if (errno != EINTR) {
        close_failed(conn, errno);
    }
}

/* One read at most, so that everybody has a turn; what remains is looked at in the next pass. */
static void input(struct conn *conn)
{
    if (has_rest(conn))
        take(conn, (struct str){.p = conn->intake->rest + conn->intake->rest_at,
                                .n = conn->intake->rest_n - conn->intake->rest_at});
    else if (wants_input(conn) && conn->unread)
        read_socket(conn);
    if (conn->state == CONN_CLOSING)
        return;
    if (wants_input(conn) && (has_rest(conn) || conn->unread))
        queue(conn);
    /* Without one: an answer queued the connection, and in the same turn, before the pass, the next
     * requests came and were answered. */
    if (!conn->intake || has_rest(conn) || conn->state == CONN_WAITING)
        return;
    if (!in_http(conn) || http_reader_idle(conn->intake->reader))
        release_intake(conn);
}

void conn_event(struct conn *conn, uint32_t events)
{
    if (conn->state == CONN_CLOSING)
        return;
    if (events & EPOLLERR) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        close_failed(conn, error);
        return;
    }
    if ((events & EPOLLHUP) && conn->state != CONN_LINGERING) {
        close_now(conn, CLOSE_PEER);
        return;
    }
    if (events & (EPOLLRDHUP | EPOLLHUP))
        conn->hung_up = true;
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP))
        conn->unread = true;
    if ((events & EPOLLOUT) && conn->flight)
        flush(conn);
    if (conn->unread || has_rest(conn))
        input(conn);
}

/* ---- all of them ---- */

static void on_due(void *ctx, struct deadline *deadline, unsigned class)
{
    struct conn *conn = LIST_ITEM(deadline, struct conn, deadline);
    conn->timer = 0;
    switch ((enum timer) class) {
    case TIMER_KEEPALIVE:
        close_now(conn, CLOSE_KEEPALIVE);
        break;
    case TIMER_HEAD:
        refuse(conn, 408, close_reason_sentence(CLOSE_HEAD_SLOW), CLOSE_HEAD_SLOW);
        break;
    case TIMER_BODY:
        refuse(conn, 408, close_reason_sentence(CLOSE_BODY_SLOW), CLOSE_BODY_SLOW);
        break;
    case TIMER_STALLED:
        close_now(conn, CLOSE_STALLED);
        break;
    case TIMER_LINGER:
        if (in_http(conn))
            refuse_over_limit(conn);
        else
            close_now(conn, conn->reason);
        break;
    }
}

void conn_host_init(struct conn_host *host, const struct server_options *options, uv_idle_cb pass)
{
    host->ops = options->ops;
    host->ctx = options->ctx;
    host->log = options->log;
    host->index = options->index;
    host->pass = pass;
    host->reply = BUF_INIT(REPLY_MAX);
    uv_idle_init(options->loop, &host->wake);
    host->wake.data = host;
    deadlines_init(&host->deadlines, options->loop, on_due, host);
    deadlines_set_length(&host->deadlines, TIMER_LINGER, LINGER_MS);
    conn_host_set_limits(host, &options->limits);
}

void conn_host_free(struct conn_host *host)
{
    intake_free_spare(host);
    buf_free(&host->reply);
    conns_free(&host->conns);
}

void conn_host_set_limits(struct conn_host *host, const struct server_limits *limits)
{
    host->limits = *limits;
    deadlines_set_length(&host->deadlines, TIMER_KEEPALIVE, limits->keepalive_ms);
    deadlines_set_length(&host->deadlines, TIMER_HEAD, limits->head_ms);
    deadlines_set_length(&host->deadlines, TIMER_BODY, limits->body_ms);
    deadlines_set_length(&host->deadlines, TIMER_STALLED, limits->stalled_ms);
}

static void finish(struct conn *conn)
{
    struct conn_host *host = conn->host;
    announce(conn);
    close(conn->fd);
    release_intake(conn);
    set_flight(conn, NULL, 0, 0);
    move(conn, CONN_FREE);
    if (conn->over_limit)
        host->n_over_limit--;
    else
        host->stats.open--;
    conns_give(&host->conns, conn);
}

void conn_host_work(struct conn_host *host)
{
    struct conn *conn = host->work_first;
    host->work_first = host->work_last = NULL;
    while (conn) {
        struct conn *next = conn->next;
        conn->queued = false;
        if (conn->state == CONN_CLOSING) {
            finish(conn);
        } else {
            if (conn->state == CONN_LINGERING)
                announce(conn);
            input(conn);
        }
        conn = next;
    }
}

void conn_host_close_all(struct conn_host *host)
{
    unsigned cursor = 0;
    struct conn *conn;
    while ((conn = conns_next(&host->conns, &cursor)))
        close_now(conn, CLOSE_SHUTDOWN);
}

unsigned conn_host_open(const struct conn_host *host)
{
    return host->stats.open + host->n_over_limit;
}

static struct conn *open_fd(struct conn_host *host, int fd)
{
    struct conn *conn = conns_take(&host->conns);
    if (!conn) {
        close(fd);
        return NULL;
    }
    conn->host = host;
    conn->fd = fd;
    deadline_init(&conn->deadline);
    return conn;
}

struct conn *conn_open(struct conn_host *host, int fd)
{
    struct conn *conn = open_fd(host, fd);
    if (conn) {
        host->stats.accepted++;
        host->stats.open++;
        move(conn, CONN_IDLE);
    }
    return conn;
}

struct conn *conn_open_over_limit(struct conn_host *host, int fd)
{
    host->stats.refused++;
    if (host->n_over_limit == OVER_LIMIT_MAX) {
        host->stats.closed[CLOSE_LIMIT]++;
        close(fd);
        return NULL;
    }
    struct conn *conn = open_fd(host, fd);
    if (conn) {
        host->n_over_limit++;
        conn->over_limit = true;
        move(conn, CONN_IDLE);
        if (!host->ops->over_limit)
            refuse_over_limit(conn);
    }
    return conn;
}

/* ---- net/server.h ---- */

uint64_t conn_id(const struct conn *conn)
{
    return (uint64_t)conn->generation << 32 | conn->index;
}

void conn_name(const struct conn *conn, char text[32])
{
    snprintf(text, 32, "c_%x_%" PRIx64, conn->host->index, conn_id(conn));
}

void conn_set_user(struct conn *conn, void *user)
{
    conn->user = user;
}

void *conn_user(const struct conn *conn)
{
    return conn->user;
}

void conn_peer(const struct conn *conn, char text[64])
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t size = sizeof address;
    getpeername(conn->fd, (struct sockaddr *)&address, &size);
    listener_write_address((struct sockaddr *)&address, false, text);
}

struct str conn_date(const struct conn *conn)
{
    struct conn_host *host = conn->host;
    time_t now = time(NULL);
    if (now != host->dated) {
        host->date = BUF_FIXED(host->date_text);
        http_write_date(&host->date, (uint64_t)now);
        host->dated = now;
    }
    return buf_slice(&host->date);
}

static void respond(struct conn *conn, unsigned status, struct str headers, struct str body,
                    bool last)
{
    if (ending(conn))
        return;
    CHECK(conn->state == CONN_WAITING);
    bool keep_alive = conn->keep_alive && !last && !conn->over_limit && !conn->host->no_keep_alive;
    emit_response(conn, status, headers, body, keep_alive);
    if (ending(conn))
        return;
    if (!keep_alive) {
        close_when_out(conn, conn->over_limit ? CLOSE_LIMIT : CLOSE_DONE);
        return;
    }
    move(conn, CONN_IDLE);
    if (!conn->in_request)
        queue(conn);
}

void conn_respond(struct conn *conn, unsigned status, struct str headers, struct str body)
{
    respond(conn, status, headers, body, false);
}

void conn_respond_close(struct conn *conn, unsigned status, struct str headers, struct str body)
{
    respond(conn, status, headers, body, true);
}

void conn_stream(struct conn *conn)
{
    if (ending(conn))
        return;
    move(conn, CONN_STREAM);
    if (!conn->in_request)
        queue(conn);
}

/* The kernel took `sent` bytes of pieces first..last: finds where that ends, and keeps the rest of
 * that piece. */
static enum conn_sent cut_at(struct conn *conn, const struct piece *pieces, unsigned n,
                             unsigned first, size_t sent, unsigned *cut)
{
    for (unsigned i = first; i < n; i++) {
        size_t length = pieces[i].to - pieces[i].from;
        if (sent < length) {
            set_flight(conn, blob_ref(pieces[i].blob), pieces[i].from + (uint32_t)sent,
                       pieces[i].to);
            if (cut)
                *cut = i;
            return CONN_CUT;
        }
        sent -= length;
    }
    return CONN_SENT;
}

/* The pieces from *i on that fit into one send: a copy of a few kilobytes is cheaper than what
 * writev costs more than send. */
static struct str gather(struct conn_host *host, const struct piece *pieces, unsigned n,
                         unsigned *i)
{
    const struct piece *piece = &pieces[(*i)++];
    struct str all = {.p = piece->blob->bytes + piece->from, .n = piece->to - piece->from};
    if (*i == n || all.n + pieces[*i].to - pieces[*i].from > CONN_GATHER_MAX)
        return all;
    memcpy(host->gather, all.p, all.n);
    all.p = host->gather;
    for (; *i < n; ++*i) {
        size_t length = pieces[*i].to - pieces[*i].from;
        if (all.n + length > CONN_GATHER_MAX)
            break;
        memcpy(host->gather + all.n, pieces[*i].blob->bytes + pieces[*i].from, length);
        all.n += length;
    }
    return all;
}

enum conn_sent conn_send(struct conn *conn, const struct piece *pieces, unsigned n, unsigned *cut)
{
    if (ending(conn))
        return CONN_GONE;
    CHECK(conn->state == CONN_STREAM && !conn->flight);
    for (unsigned i = 0; i < n;) {
        unsigned first = i;
        struct str all = gather(conn->host, pieces, n, &i);
        if (all.n == 0)
            continue;
        ssize_t sent = send_some(conn, all.p, all.n);
        if (sent < 0)
            return CONN_GONE;
        if ((size_t)sent < all.n)
            return cut_at(conn, pieces, n, first, (size_t)sent, cut);
    }
    return CONN_SENT;
}

bool conn_busy(const struct conn *conn)
{
    return conn->flight != NULL;
}

bool conn_unsent(const struct conn *conn)
{
    int waiting = 0;
    return conn->flight || (ioctl(conn->fd, SIOCOUTQ, &waiting) == 0 && waiting > 0);
}

void conn_close(struct conn *conn, enum close_reason reason, bool when_out)
{
    if (conn->state == CONN_LINGERING)
        return;
    if (when_out)
        close_when_out(conn, reason);
    else
        close_now(conn, reason);
}
