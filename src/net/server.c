/* The loop of a server. libuv watches one descriptor, the server's own epoll set; in it are
 * the listener and all connections. One pass is
 *
 *     events -> work that was put off (more to read, ends to tell) -> the owner's `turn`
 *
 * Nothing is freed but in the middle step, so a pointer in an event that was fetched in
 * this pass is always good. What is put off inside a pass is done in the next one, which
 * an idle handle brings about without waiting. */
#include "net/server.h"

#include "base/check.h"
#include "base/mem.h"
#include "net/conn.h"
#include "net/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    EVENTS = 256,
    ACCEPTS = 256,         /* in a row, before others have a turn */
    ACCEPT_AGAIN_MS = 250, /* after the system had no descriptor or memory */
    ROOM = 1024 * 1024,    /* so much memory must be left for those that are open */
    ROOM_AGAIN_MS = 10,    /* how often that is asked */
};

struct server {
    struct conn_host host; /* first, so that its handles' data lead here */
    int epoll;
    int listener; /* -1 when closed */
    bool stopping;
    bool closing;     /* the handles are being closed, or are closed */
    unsigned handles; /* not yet closed */
    uint64_t room_ms; /* when there was room */
    void (*done)(void *ctx);
    void *done_ctx;
    uv_poll_t poll;
    uv_timer_t accept_again;
    char address[LISTENER_ADDRESS_MAX];
};

static bool watch(struct server *server, int fd, uint32_t events, void *what)
{
    struct epoll_event event = {.events = events, .data.ptr = what};
    return epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void on_accept_again(uv_timer_t *timer)
{
    struct server *server = timer->data;
    if (server->listener >= 0 && !watch(server, server->listener, EPOLLIN, NULL))
        uv_timer_start(timer, on_accept_again, ACCEPT_AGAIN_MS, 0);
}

/* Connections wait in the backlog meanwhile; those that are open live on. */
static void rest_accepting(struct server *server, int error)
{
    server->host.stats.pauses++;
    log_warn(server->host.log, "server", "accepting pauses, %u connections are open: %s",
             server->host.stats.open, strerror(error));
    epoll_ctl(server->epoll, EPOLL_CTL_DEL, server->listener, NULL);
    uv_timer_start(&server->accept_again, on_accept_again, ACCEPT_AGAIN_MS, 0);
}

/* What is small and bounded is allocated without a way out (base/mem.h), so nobody is let in when
 * the end of memory is near. */
static bool has_room(struct server *server)
{
    uint64_t now = uv_now(server->poll.loop);
    if (server->room_ms && now - server->room_ms < ROOM_AGAIN_MS)
        return true;
    void *room = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        return false;
    munmap(room, ROOM);
    server->room_ms = now;
    return true;
}

static bool full(const struct server *server)
{
    return server->host.stats.open >= server->host.limits.connections;
}

static void accept_some(struct server *server)
{
    if (server->listener >= 0 && !has_room(server)) {
        rest_accepting(server, ENOMEM);
        return;
    }
    for (unsigned i = 0; i < ACCEPTS && server->listener >= 0; i++) {
        int fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
                rest_accepting(server, errno);
            /* Any other error is that of the one connection, which is gone by now. */
            if (errno != EINTR && errno != ECONNABORTED)
                return;
            continue;
        }
        bool over_limit = full(server);
        struct conn *conn =
            over_limit ? conn_open_over_limit(&server->host, fd) : conn_open(&server->host, fd);
        if (!conn && !over_limit) {
            rest_accepting(server, ENOMEM);
            return;
        }
        if (conn && !watch(server, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, conn)) {
            int error = errno;
            conn_close(conn, CLOSE_ERROR, false);
            rest_accepting(server, error);
            return;
        }
    }
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct server *server = handle->data;
    if (--server->handles > 0)
        return;
    close(server->epoll);
    server->epoll = -1;
    if (server->done)
        server->done(server->done_ctx);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct deadlines *deadlines = handle->data;
    handle->data = LIST_ITEM(deadlines, struct server, host.deadlines);
    on_handle_closed(handle);
}

static void close_handles(struct server *server)
{
    server->closing = true;
    server->handles = 4;
    uv_close((uv_handle_t *)&server->poll, on_handle_closed);
    uv_close((uv_handle_t *)&server->accept_again, on_handle_closed);
    uv_close((uv_handle_t *)&server->host.wake, on_handle_closed);
    deadlines_close(&server->host.deadlines, on_timer_closed);
}

static void pass(struct server *server)
{
    uv_idle_stop(&server->host.wake);
    conn_host_work(&server->host);
    if (!server->stopping)
        server->host.ops->turn(server->host.ctx);
    else if (!server->closing && conn_host_open(&server->host) == 0)
        close_handles(server);
}

static void on_wake(uv_idle_t *wake)
{
    pass(wake->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct server *server = poll->data;
    struct epoll_event event[EVENTS];
    int n = epoll_wait(server->epoll, event, EVENTS, 0);
    for (int i = 0; i < n; i++) {
        if (event[i].data.ptr)
            conn_event(event[i].data.ptr, event[i].events);
        else
            accept_some(server);
    }
    pass(server);
}

struct server *server_new(const struct server_options *options, struct err *err)
{
    struct server *server = mem_new(sizeof *server);
    int error = 0;
    server->listener = -1;
    server->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (server->epoll < 0) {
        err_set(err, "open an epoll set: %s", strerror(errno));
        goto failed;
    }
    server->listener = listener_open(options->listen, options->join, options->limits.stalled_ms,
                                     server->address, err);
    if (server->listener < 0)
        goto failed;
    if (!watch(server, server->listener, EPOLLIN, NULL)) {
        err_set(err, "watch the listener: %s", strerror(errno));
        goto failed;
    }
    error = uv_poll_init(options->loop, &server->poll, server->epoll);
    if (error) {
        err_set(err, "watch the epoll set: %s", uv_strerror(error));
        goto failed;
    }
    /* From here on nothing fails: handles of the loop could be taken back only in a later turn. */
    server->poll.data = server;
    uv_timer_init(options->loop, &server->accept_again);
    server->accept_again.data = server;
    conn_host_init(&server->host, options, on_wake);
    error = uv_poll_start(&server->poll, UV_READABLE, on_poll);
    CHECK(error == 0);
    return server;
failed:
    if (server->listener >= 0)
        close(server->listener);
    if (server->epoll >= 0)
        close(server->epoll);
    free(server);
    return NULL;
}

const char *server_address(const struct server *server)
{
    return server->address;
}

void server_pause(struct server *server)
{
    if (server->listener < 0)
        return;
    close(server->listener);
    server->listener = -1;
    server->host.no_keep_alive = true;
    uv_timer_stop(&server->accept_again);
}

void server_stop(struct server *server, void (*done)(void *ctx), void *ctx)
{
    CHECK(!server->stopping);
    server_pause(server);
    server->stopping = true;
    server->done = done;
    server->done_ctx = ctx;
    conn_host_close_all(&server->host);
    server_wake(server);
}

void server_free(struct server *server)
{
    if (!server)
        return;
    CHECK(server->epoll < 0);
    conn_host_free(&server->host);
    free(server);
}

void server_set_limits(struct server *server, const struct server_limits *limits)
{
    bool other = server->host.limits.stalled_ms != limits->stalled_ms;
    unsigned cursor = 0;
    struct conn *conn;
    conn_host_set_limits(&server->host, limits);
    if (server->listener >= 0)
        listener_set_stalled(server->listener, limits->stalled_ms);
    while (other && (conn = conns_next(&server->host.conns, &cursor)))
        listener_set_stalled(conn->fd, limits->stalled_ms);
}

void server_wake(struct server *server)
{
    if (!server->closing)
        uv_idle_start(&server->host.wake, on_wake);
}

const struct server_stats *server_stats(const struct server *server)
{
    return &server->host.stats;
}

struct conn *conn_find(struct server *server, uint64_t id)
{
    struct conn *conn = conns_find(&server->host.conns, id);
    return conn && !conn->announced ? conn : NULL;
}
