/* floor: what the machine gives: the least server that a fan-out can be measured with.
 *
 *     GET  /N   subscribes to topic N, by SSE, or by WebSocket when it asks to upgrade
 *     POST /N   sends the body to them: one write() of ready bytes for each, nothing else
 *
 * It prints "listening on http://127.0.0.1:PORT" and runs until it is ended. No product: it checks
 * nothing, answers a WebSocket key with nonsense, and drops what a socket does not take. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    FDS = 65536,
    TOPICS = 65536,
    INPUT = 256 * 1024,
    REST = 16 * 1024, /* of a request that is not whole */
    BODY = 65536,
    EVENTS = 256,
    BACKLOG = 4096,
    FRAMING = 16,
};

enum kind { FRESH, SSE, WS };

struct topic {
    int *fds;
    uint32_t n, room;
};

struct conn {
    enum kind kind;
    uint32_t topic;
    char *rest;
    size_t n_rest;
};

struct server {
    int epoll, listener;
    struct topic topics[2][TOPICS]; /* SSE, WebSocket */
    struct conn conns[FDS];
    char input[REST + INPUT];
    char frame[BODY + FRAMING];
};

static struct topic *topic_of(struct server *server, enum kind kind, uint32_t topic)
{
    return &server->topics[kind == WS][topic];
}

static void join(struct topic *topic, int fd)
{
    if (topic->n == topic->room) {
        topic->room = topic->room ? topic->room * 2 : 2;
        topic->fds = realloc(topic->fds, topic->room * sizeof *topic->fds);
        if (!topic->fds)
            abort();
    }
    topic->fds[topic->n++] = fd;
}

static void leave(struct topic *topic, int fd)
{
    for (uint32_t i = 0; i < topic->n; i++) {
        if (topic->fds[i] != fd)
            continue;
        topic->fds[i] = topic->fds[--topic->n];
        return;
    }
}

static size_t frame_sse(char *out, const char *body, size_t n)
{
    memcpy(out, "data: ", 6);
    memcpy(out + 6, body, n);
    memcpy(out + 6 + n, "\n\n", 2);
    return n + 8;
}

static size_t frame_ws(char *out, const char *body, size_t n)
{
    size_t head = n < 126 ? 2 : 4;
    out[0] = (char)0x81;
    out[1] = (char)(n < 126 ? n : 126);
    if (n >= 126) {
        out[2] = (char)(n >> 8);
        out[3] = (char)(n & 0xff);
    }
    memcpy(out + head, body, n);
    return head + n;
}

static bool put(int fd, const char *bytes, size_t n)
{
    return write(fd, bytes, n) == (ssize_t)n;
}

static void publish(struct server *server, uint32_t number, const char *body, size_t n)
{
    for (enum kind kind = SSE; kind <= WS; kind++) {
        const struct topic *topic = topic_of(server, kind, number);
        if (topic->n == 0)
            continue;
        size_t length =
            kind == WS ? frame_ws(server->frame, body, n) : frame_sse(server->frame, body, n);
        for (uint32_t i = 0; i < topic->n; i++)
            put(topic->fds[i], server->frame, length);
    }
}

struct request {
    bool post, upgrade;
    uint32_t topic;
    const char *body;
    size_t n_body;
};

/* Bytes of the request at the front; 0: it is not whole. */
static size_t parse(const char *text, size_t n, struct request *request)
{
    const char *end = memmem(text, n, "\r\n\r\n", 4);
    if (!end)
        return 0;
    size_t head = (size_t)(end - text) + 4;
    const char *path = memmem(text, head, " /", 2);
    const char *length = memmem(text, head, "Content-Length: ", 16);
    *request = (struct request){.post = text[0] == 'P'};
    request->topic = path ? (uint32_t)strtoul(path + 2, NULL, 10) % TOPICS : 0;
    if (!request->post) {
        request->upgrade = memmem(text, head, "pgrade: websocket", 17) != NULL;
        return head;
    }
    request->n_body = length ? strtoul(length + 16, NULL, 10) : 0;
    request->body = end + 4;
    if (request->n_body > BODY)
        request->n_body = BODY;
    return n - head < request->n_body ? 0 : head + request->n_body;
}

static void close_conn(struct server *server, int fd)
{
    struct conn *conn = &server->conns[fd];
    if (conn->kind != FRESH)
        leave(topic_of(server, conn->kind, conn->topic), fd);
    free(conn->rest);
    *conn = (struct conn){.kind = FRESH};
    close(fd);
}

static void subscribe(struct server *server, int fd, const struct request *request)
{
    static const char sse[] =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\r\n";
    static const char ws[] =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n";
    struct conn *conn = &server->conns[fd];
    conn->kind = request->upgrade ? WS : SSE;
    conn->topic = request->topic;
    join(topic_of(server, conn->kind, conn->topic), fd);
    if (conn->kind == WS)
        put(fd, ws, sizeof ws - 1);
    else
        put(fd, sse, sizeof sse - 1);
}

/* Bytes that were used. */
static size_t take(struct server *server, int fd, const char *text, size_t n)
{
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    size_t used = 0;
    struct request request;
    while (server->conns[fd].kind == FRESH) {
        size_t length = parse(text + used, n - used, &request);
        if (length == 0)
            return used;
        used += length;
        if (request.post) {
            publish(server, request.topic, request.body, request.n_body);
            put(fd, ok, sizeof ok - 1);
        } else {
            subscribe(server, fd, &request);
        }
    }
    return n;
}

static void keep(struct conn *conn, const char *text, size_t n)
{
    free(conn->rest);
    conn->rest = n ? malloc(n) : NULL;
    conn->n_rest = conn->rest ? n : 0;
    if (conn->rest)
        memcpy(conn->rest, text, n);
}

static void readable(struct server *server, int fd)
{
    struct conn *conn = &server->conns[fd];
    for (;;) {
        size_t before = conn->n_rest;
        if (before)
            memcpy(server->input, conn->rest, before);
        ssize_t n = read(fd, server->input + before, INPUT);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            close_conn(server, fd);
            return;
        }
        size_t all = before + (size_t)n, used = take(server, fd, server->input, all);
        if (all - used > REST) {
            close_conn(server, fd);
            return;
        }
        if (before || used < all)
            keep(conn, server->input + used, all - used);
        if (n < INPUT)
            return;
    }
}

static void accept_all(struct server *server)
{
    const int on = 1;
    int fd;
    while ((fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = fd};
        if (fd >= FDS) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

static bool listen_anywhere(struct server *server)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (server->listener < 0 || bind(server->listener, (struct sockaddr *)&at, sizeof at) != 0 ||
        listen(server->listener, BACKLOG) != 0 ||
        getsockname(server->listener, (struct sockaddr *)&at, &size) != 0)
        return false;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = server->listener};
    server->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (server->epoll < 0 || epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->listener, &event) != 0)
        return false;
    printf("listening on http://127.0.0.1:%u\n", ntohs(at.sin_port));
    fflush(stdout);
    return true;
}

int main(void)
{
    struct rlimit limit;
    signal(SIGPIPE, SIG_IGN);
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    struct server *server = calloc(1, sizeof *server);
    if (!server || !listen_anywhere(server)) {
        perror("floor: listen");
        free(server);
        return EXIT_FAILURE;
    }
    for (;;) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(server->epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == server->listener)
                accept_all(server);
            else
                readable(server, events[i].data.fd);
        }
    }
}
