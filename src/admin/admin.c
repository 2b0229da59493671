#include "admin/admin.h"

#include "auth/loopback.h"
#include "base/mem.h"
#include "net/server.h"
#include "wire/query.h"

#include <stdlib.h>

enum {
    ADMIN_BODY_MAX = 1024 * 1024,
    ADMIN_PEERS = 64,
    ADMIN_TIMEOUT_MS = 10000,
    ADMIN_QUERY_MAX = 32 * 1024,
    ADMIN_PARAMS_MAX = 16
};

struct admin {
    struct admin_options options;
    struct server *server;
    bool loopback; /* the listener is */
};

struct route {
    const char *path;
    const char *type;
    unsigned (*answer)(struct admin *admin, struct buf *body); /* NULL: asked of `debug` */
    enum admin_debug debug;
};

static unsigned livez(struct admin *admin, struct buf *body)
{
    buf_text(body, "ok\n");
    return 200;
}

static unsigned readyz(struct admin *admin, struct buf *body)
{
    return admin->options.ready(admin->options.ctx, body) ? 200 : 503;
}

static unsigned metrics(struct admin *admin, struct buf *body)
{
    admin->options.metrics(admin->options.ctx, body);
    return 200;
}

static const struct route routes[] = {
    {"/livez", "text/plain; charset=utf-8", livez, 0},
    {"/readyz", "application/json", readyz, 0},
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", metrics, 0},
    {"/debug/scopes", NULL, NULL, ADMIN_SCOPES},
    {"/debug/connections", NULL, NULL, ADMIN_CONNECTIONS},
};

static void respond_json(struct conn *conn, unsigned status, struct str json)
{
    conn_respond(conn, status, STR("Content-Type: application/json\r\nCache-Control: no-store\r\n"),
                 json);
}

/* `limit` and `scope` of the query; false: it was refused. */
static bool read_query(const struct admin *admin, const struct query *query, struct str *scope,
                       unsigned *limit)
{
    struct str text = query_find(query, "limit");
    *scope = query_find(query, "scope");
    *limit = admin->options.rows;
    if (text.n == 0)
        return true;
    uint64_t number = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9' || number > UINT32_MAX)
            return false;
        number = number * 10 + (uint64_t)(text.p[i] - '0');
    }
    *limit = number < admin->options.rows_max ? (unsigned)number : admin->options.rows_max;
    return number > 0;
}

static void debug(struct admin *admin, struct conn *conn, const struct http_request *request,
                  enum admin_debug what)
{
    struct arena arena;
    struct query query;
    struct err err = ERR_INIT;
    struct str scope;
    unsigned limit;
    arena_init(&arena, ADMIN_QUERY_MAX);
    if (query_parse(request->query, ADMIN_PARAMS_MAX, &arena, &query, &err) &&
        read_query(admin, &query, &scope, &limit))
        admin->options.debug(admin->options.ctx, conn_id(conn), what, scope, limit);
    else
        respond_json(conn, 400, STR("{\"error\":\"?limit= takes a number, ?scope= a name\"}\n"));
    arena_free(&arena);
}

void admin_answer(struct admin *admin, uint64_t id, unsigned status, struct str json)
{
    struct conn *conn = conn_find(admin->server, id);
    if (conn)
        respond_json(conn, status, json);
}

/* Nobody has to say who he is, so on loopback the names protect: a page of another site may have
 * had its own name lead here (DNS rebinding). */
static bool may_ask(const struct admin *admin, const struct http_request *request)
{
    struct str host = http_find(request, "host"), origin = http_find(request, "origin");
    return !admin->loopback ||
           ((!host.n || loopback_host(host)) && (!origin.n || loopback_origin(origin)));
}

static void on_request(void *ctx, struct conn *conn, const struct http_request *request)
{
    struct admin *admin = ctx;
    struct buf headers = BUF_INIT(512);
    struct buf body = BUF_INIT(ADMIN_BODY_MAX);
    const struct route *route = NULL;
    unsigned status = 404;
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
        if (str_is(request->path, routes[i].path))
            route = &routes[i];
    if (!may_ask(admin, request)) {
        status = 403;
        buf_text(&body, "ask for it by a name of this machine: localhost or 127.0.0.1\n");
    } else if (route && request->method != HTTP_GET_ && request->method != HTTP_HEAD_) {
        status = 405;
        buf_text(&headers, "Allow: GET, HEAD\r\n");
        buf_text(&body, "only GET and HEAD\n");
    } else if (route && !route->answer) {
        debug(admin, conn, request, route->debug);
        goto out; /* answered later */
    } else if (route) {
        buf_printf(&headers, "Content-Type: %s\r\nCache-Control: no-store\r\n", route->type);
        status = route->answer(admin, &body);
    } else {
        buf_text(&body,
                 "there is /livez, /readyz, /metrics, /debug/scopes and /debug/connections\n");
    }
    conn_respond(conn, status, buf_slice(&headers), buf_slice(&body));
out:
    buf_free(&headers);
    buf_free(&body);
}

static void ignore_bytes(void *ctx, struct conn *conn, struct str bytes) {}

static void ignore_writable(void *ctx, struct conn *conn) {}

static void ignore_closed(void *ctx, struct conn *conn, enum close_reason reason) {}

static void ignore_turn(void *ctx) {}

static const struct server_ops ops = {.request = on_request,
                                      .bytes = ignore_bytes,
                                      .writable = ignore_writable,
                                      .closed = ignore_closed,
                                      .turn = ignore_turn};

struct admin *admin_new(const struct admin_options *options, struct err *err)
{
    struct admin *admin = mem_new(sizeof *admin);
    admin->options = *options;
    const struct server_options server = {
        .loop = options->loop,
        .index = UINT32_MAX, /* none of the public ones */
        .listen = options->listen,
        .limits = {.http = {.head = 8192, .body = 0, .headers = HTTP_HEADERS_MAX},
                   .connections = ADMIN_PEERS,
                   .head_ms = ADMIN_TIMEOUT_MS,
                   .body_ms = ADMIN_TIMEOUT_MS,
                   .keepalive_ms = 6 * ADMIN_TIMEOUT_MS,
                   .stalled_ms = ADMIN_TIMEOUT_MS},
        .ops = &ops,
        .ctx = admin,
        .log = options->log,
    };
    admin->server = server_new(&server, err);
    if (!admin->server) {
        free(admin);
        return NULL;
    }
    admin->loopback = loopback_host(str_of(server_address(admin->server)));
    return admin;
}

const char *admin_address(const struct admin *admin)
{
    return server_address(admin->server);
}

void admin_stop(struct admin *admin, void (*done)(void *ctx), void *ctx)
{
    server_stop(admin->server, done, ctx);
}

void admin_free(struct admin *admin)
{
    if (!admin)
        return;
    server_free(admin->server);
    free(admin);
}
