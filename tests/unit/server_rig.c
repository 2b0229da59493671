#include "server_rig.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

uint16_t rig_port(const struct server *server)
{
    return htons((uint16_t)strtoul(strrchr(server_address(server), ':') + 1, NULL, 10));
}

uint64_t rig_ms(void)
{
    return uv_hrtime() / 1000000;
}

unsigned rig_descriptors(void)
{
    unsigned n = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir && readdir(dir))
        n++;
    if (dir)
        closedir(dir);
    return n;
}

unsigned rig_count(const struct buf *text, const char *part)
{
    unsigned n = 0;
    size_t length = strlen(part);
    for (size_t i = 0; i + length <= text->len; i++)
        n += memcmp(text->data + i, part, length) == 0;
    return n;
}

static void answer_big(struct conn *conn, struct str n)
{
    size_t size = strtoul(n.p, NULL, 10);
    char *body = mem_new(size + 1);
    memset(body, 'b', size);
    conn_respond(conn, 200, STR(""), (struct str){.p = body, .n = size});
    free(body);
}

static void on_request(void *ctx, struct conn *conn, const struct http_request *request)
{
    struct rig *rig = ctx;
    struct buf body = BUF_INIT(1 << 20);
    rig->conn = conn_id(conn);
    rig->handed++;
    buf_printf(&rig->events, "requested %.*s; ", STR_ARG(request->path));
    buf_printf(&body, "%.*s %.*s%s%.*s ", STR_ARG(request->method_text), STR_ARG(request->path),
               request->query.n ? "?" : "", STR_ARG(request->query));
    buf_str(&body, request->body);
    buf_byte(&body, ';');
    if (rig->on_request) {
        rig->on_request(rig, conn, request);
    } else if (str_is(request->path, "/close")) {
        conn_respond_close(conn, 200, STR(""), buf_slice(&body));
    } else if (str_is(request->path, "/big")) {
        answer_big(conn, request->query);
    } else if (str_is(request->path, "/stream")) {
        struct blob *head = blob_new(STR("stream;"));
        struct piece piece = {.blob = head, .from = 0, .to = head->len};
        conn_stream(conn);
        assert_int_equal(conn_send(conn, &piece, 1, NULL), CONN_SENT);
        blob_unref(head);
    } else if (!str_is(request->path, "/later")) {
        conn_respond(conn, 200, STR("X-Kind: echo\r\n"), buf_slice(&body));
    }
    buf_free(&body);
}

static void on_bytes(void *ctx, struct conn *conn, struct str bytes)
{
    struct rig *rig = ctx;
    buf_printf(&rig->events, "bytes %.*s; ", STR_ARG(bytes));
}

static void on_writable(void *ctx, struct conn *conn)
{
    struct rig *rig = ctx;
    buf_text(&rig->events, "writable; ");
    if (rig->on_writable)
        rig->on_writable(rig, conn);
}

static void on_closed(void *ctx, struct conn *conn, enum close_reason reason)
{
    struct rig *rig = ctx;
    assert_null(conn_find(rig->server, conn_id(conn)));
    buf_printf(&rig->events, "closed %s; ", close_reason_label(reason));
}

static void on_turn(void *ctx)
{
    struct rig *rig = ctx;
    rig->turns++;
}

static void on_stopped(void *ctx)
{
    struct rig *rig = ctx;
    rig->stopped = true;
}

struct rig *rig_new(void (*change)(struct server_options *options))
{
    struct rig *rig = mem_new(sizeof *rig);
    struct err err = ERR_INIT;
    uv_loop_init(&rig->loop);
    rig->events = BUF_INIT(1 << 22);
    rig->ops = (struct server_ops){.request = on_request,
                                   .bytes = on_bytes,
                                   .writable = on_writable,
                                   .closed = on_closed,
                                   .turn = on_turn};
    for (unsigned i = 0; i < RIG_CLIENTS; i++)
        rig->clients[i] = (struct client){.fd = -1, .in = BUF_INIT(1 << 26)};
    struct server_options options = {
        .loop = &rig->loop,
        .listen = "127.0.0.1:0",
        .limits = {.http = {.head = 8192, .body = 100000, .headers = 32},
                   .connections = 10000,
                   .head_ms = 20000,
                   .body_ms = 20000,
                   .keepalive_ms = 20000,
                   .stalled_ms = 20000},
        .ops = &rig->ops,
        .ctx = rig,
    };
    if (change)
        change(&options);
    rig->limits = options.limits;
    rig->server = server_new(&options, &err);
    if (!rig->server)
        fail_msg("%s", err.text);
    return rig;
}

void rig_free(struct rig *rig)
{
    if (!rig->stopped)
        server_stop(rig->server, on_stopped, rig);
    rig_until(rig, rig->stopped);
    assert_int_equal(server_stats(rig->server)->open, 0);
    server_free(rig->server);
    assert_int_equal(uv_loop_close(&rig->loop), 0);
    for (unsigned i = 0; i < RIG_CLIENTS; i++) {
        rig_leave(&rig->clients[i], false);
        buf_free(&rig->clients[i].in);
    }
    buf_free(&rig->events);
    free(rig);
}

struct client *rig_connect(struct rig *rig)
{
    struct client *client = rig->clients;
    while (client->fd >= 0)
        client++;
    assert_true(client < rig->clients + RIG_CLIENTS);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = rig_port(rig->server)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    client->reading = true;
    client->ended = client->reset = false;
    buf_clear(&client->in);
    assert_true(client->fd >= 0);
    assert_int_equal(connect(client->fd, (struct sockaddr *)&to, sizeof to), 0);
    return client;
}

void rig_send(struct client *client, struct str bytes)
{
    ssize_t sent = send(client->fd, bytes.p, bytes.n, MSG_NOSIGNAL | MSG_DONTWAIT);
    assert_int_equal(sent, bytes.n);
}

void rig_leave(struct client *client, bool reset)
{
    if (client->fd < 0)
        return;
    struct linger linger = {.l_onoff = reset};
    setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(client->fd);
    client->fd = -1;
}

void rig_answer(struct rig *rig, const char *body)
{
    struct conn *conn = conn_find(rig->server, rig->conn);
    assert_non_null(conn);
    conn_respond(conn, 200, STR(""), str_of(body));
}

/* The line of the time is the same in every answer but for the time: takes it out. */
static void cut_dates(struct buf *in)
{
    static const char name[] = "\r\nDate: ";
    char *line = in->data;
    while ((line = memmem(line, in->len - (size_t)(line - in->data), name, sizeof name - 1))) {
        char *next = memchr(line + 2, '\r', in->len - (size_t)(line + 2 - in->data));
        if (!next)
            return;
        size_t rest = in->len - (size_t)(next - in->data);
        memmove(line, next, rest);
        in->len = (size_t)(line - in->data) + rest;
    }
}

static bool read_client(struct client *client)
{
    char bytes[65536];
    ssize_t n = recv(client->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n > 0) {
        buf_add(&client->in, bytes, (size_t)n);
        cut_dates(&client->in);
        return true;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    client->ended = true;
    client->reset = n < 0;
    return true;
}

void rig_step(struct rig *rig)
{
    struct pollfd fds[RIG_CLIENTS + 1] = {{.fd = uv_backend_fd(&rig->loop), .events = POLLIN}};
    nfds_t n = 1;
    bool busy = uv_run(&rig->loop, UV_RUN_NOWAIT) && uv_backend_timeout(&rig->loop) == 0;
    for (unsigned i = 0; i < RIG_CLIENTS; i++) {
        struct client *client = &rig->clients[i];
        if (client->fd < 0 || !client->reading || client->ended)
            continue;
        busy |= read_client(client);
        fds[n++] = (struct pollfd){.fd = client->fd, .events = POLLIN};
    }
    if (!busy)
        poll(fds, n, 1);
}
