#include "delivery/api.h"

#include "base/jsontext.h"
#include "base/mem.h"
#include "delivery/close_code.h"
#include "delivery/endpoints.h"
#include "delivery/events.h"
#include "delivery/scopes.h"
#include "delivery/session.h"
#include "model/scope.h"
#include "wire/query.h"
#include "wire/sse.h"
#include "wire/ws.h"
#include "wire/ws_handshake.h"

#include <stdlib.h>
#include <strings.h>

enum {
    API_PARAMS_MAX = 512,
    API_ARENA_MAX = 256 * 1024, /* of a stream request's decoded query */
    API_HEADERS_MAX = 2048,
    API_ORIGIN_MAX = 300, /* a scheme, a name of 253 bytes, a port; it is repeated in the answer */
    API_PUBLISH_FACTOR = 24, /* parsed structs for each byte of a body, at most */
    API_BACKOFF_S = 1,
    API_MESSAGE_MAX = 64 * 1024, /* of a WebSocket client */
    API_RETRY_MS = 1000, /* EventSource waits this long, and a random part of the spread, before it
                            comes back */
};

struct api {
    struct api_options options;
    unsigned publishes;     /* at the hub */
    struct list unfinished; /* sessions that wait for the rest of a message */
    bool draining, stopping;
};

struct api *api_new(const struct api_options *options)
{
    struct api *api = mem_new(sizeof *api);
    api->options = *options;
    list_init(&api->unfinished);
    return api;
}

void api_free(struct api *api)
{
    free(api);
}

void api_drain(struct api *api)
{
    api->draining = true;
}

void api_stop(struct api *api)
{
    api->draining = api->stopping = true;
}

bool api_busy(const struct api *api)
{
    return api->publishes > 0;
}

/* One request on its way through a handler. */
struct call {
    struct api *api;
    struct conn *conn;
    const struct http_request *request;
    uint64_t now;
    struct buf headers; /* that every answer carries */
};

/* ---- answers ---- */

static void respond(struct call *call, unsigned status, struct str body)
{
    buf_text(&call->headers, "Content-Type: application/json\r\nCache-Control: no-store\r\n");
    conn_respond(call->conn, status, buf_slice(&call->headers), body);
}

static void refuse(struct call *call, unsigned status, const char *sentence)
{
    struct buf body = BUF_INIT(8192);
    buf_text(&body, "{\"error\":");
    jsontext_string(&body, str_of(sentence));
    buf_text(&body, "}\n");
    if (status == 503 || status == 429)
        buf_printf(&call->headers, "Retry-After: %d\r\n", API_BACKOFF_S);
    if (status == 401)
        buf_text(&call->headers, "WWW-Authenticate: Bearer\r\n");
    respond(call, status, buf_slice(&body));
    buf_free(&body);
}

static void respond_position(struct call *call, unsigned status, uint64_t sequence)
{
    struct buf body = BUF_INIT(128);
    buf_text(&body, "{\"position\":\"");
    position_write(&body,
                   (struct position){.epoch = call->api->options.epoch, .sequence = sequence});
    buf_text(&body, "\"}\n");
    respond(call, status, buf_slice(&body));
    buf_free(&body);
}

/* ---- GET /v1/stream, /v1/ws ---- */

/* What the parameters ask for. 0, or the status of the refusal. */
static unsigned read_scopes(const struct call *call, const struct query *query,
                            struct scopes *scopes, bool *changes, struct err *err)
{
    /* Last-Event-ID wins over `since`: it is what this stream got last. */
    struct str last = http_find(call->request, "last-event-id");
    uint64_t since = scopes_since(scopes, last.n ? last : query_find(query, "since"));
    unsigned status = 0;
    *changes = false;
    for (size_t i = 0; i < query->n && status == 0; i++) {
        if (str_is(query->params[i].name, "scope"))
            status = scopes_add(scopes, call->request, query->params[i].value, since, err);
        if (str_is(query->params[i].name, "changes"))
            *changes = str_is(query->params[i].value, "1");
    }
    /* `fresh=` may say it of a scope that `scope=` named, too. */
    for (size_t i = 0; i < query->n && status == 0; i++)
        if (str_is(query->params[i].name, "fresh"))
            status = scopes_add(scopes, call->request, query->params[i].value, CATCHUP_FRESH, err);
    return status;
}

/* Each client its own, so that they do not come back all at once. */
static uint64_t retry_of(const struct call *call)
{
    uint64_t id = conn_id(call->conn);
    uint64_t random =
        hash_bytes(call->api->options.seed, (struct str){.p = (char *)&id, .n = sizeof id});
    return API_RETRY_MS + random % (call->api->options.limits->spread_ms + 1);
}

/* After crowd_open: says who has come, and remembers for whom a proxy asks. */
static void note_opening(const struct call *call, const char *what, size_t n_scopes)
{
    const struct api_options *options = &call->api->options;
    char name[32], peer[64], client[PROXIES_CLIENT_MAX];
    bool proxied = false;
    if (options->limits->proxies.n == 0 && !log_has(options->log, LOG_DEBUG))
        return;
    conn_peer(call->conn, peer);
    proxied = proxies_client(&options->limits->proxies, peer, call->request, client);
    if (proxied && conn_user(call->conn))
        crowd_set_client(options->crowd, call->conn, client);
    if (!log_has(options->log, LOG_DEBUG))
        return;
    conn_name(call->conn, name);
    log_conn(options->log, LOG_DEBUG, "delivery", name, "opens (%s%s%s): %s, %zu scopes", client,
             proxied ? " by way of " : "", proxied ? peer : "", what, n_scopes);
}

static void open_stream(struct call *call, const struct scopes *scopes, enum format format,
                        const char *what)
{
    buf_text(&call->headers,
             "Content-Type: text/event-stream\r\nCache-Control: no-cache, no-transform\r\n"
             "X-Accel-Buffering: no\r\n");
    if (call->request->method == HTTP_HEAD_) {
        conn_respond(call->conn, 200, buf_slice(&call->headers), (struct str){0});
        return;
    }
    struct buf head = BUF_INIT(API_HEADERS_MAX + 64);
    buf_text(&head, "HTTP/1.1 200 OK\r\nConnection: close\r\n");
    buf_str(&head, buf_slice(&call->headers));
    buf_text(&head, "\r\n");
    sse_retry(&head, retry_of(call));
    crowd_open(call->api->options.crowd, call->conn, format, scopes->items, scopes->n,
               buf_slice(&head), call->now);
    note_opening(call, what, scopes->n);
    buf_free(&head);
}

/* What the parameters of a stream say, with the memory in which it stands. */
struct wish {
    struct arena arena;
    struct scopes scopes;
    bool changes;
    unsigned status; /* 0, or of the refusal */
    struct err err;
};

/* Nothing is wished for yet. */
static void wish_prepare(struct wish *wish, const struct call *call)
{
    const struct api_options *options = &call->api->options;
    *wish = (struct wish){.err = ERR_INIT};
    arena_init(&wish->arena, API_ARENA_MAX);
    scopes_init(&wish->scopes, options->limits->authorizer, options->epoch,
                options->limits->scopes_max);
    if (call->api->draining) {
        wish->status = 503;
        err_set(&wish->err, "the server is stopping; come back");
    }
}

static void wish_init(struct wish *wish, const struct call *call)
{
    struct query query;
    wish_prepare(wish, call);
    if (wish->status) {
        /* refused already */
    } else if (!query_parse(call->request->query, API_PARAMS_MAX, &wish->arena, &query,
                            &wish->err)) {
        wish->status = 400;
    } else {
        wish->status = read_scopes(call, &query, &wish->scopes, &wish->changes, &wish->err);
    }
}

static void wish_free(struct wish *wish)
{
    scopes_free(&wish->scopes);
    arena_free(&wish->arena);
}

static void get_stream(struct call *call)
{
    struct wish wish;
    wish_init(&wish, call);
    if (wish.status == 0 && wish.scopes.n == 0) {
        wish.status = 400;
        err_set(&wish.err, "no scope: GET /v1/stream?scope=project:42");
    }
    if (wish.status)
        refuse(call, wish.status, wish.err.text);
    else
        open_stream(call, &wish.scopes, wish.changes ? FORMAT_SSE_CHANGES : FORMAT_SSE,
                    wish.changes ? "SSE with changes" : "SSE");
    wish_free(&wish);
}

static unsigned close_code_of(unsigned status)
{
    switch (status) {
    case 401:
        return CLOSE_CODE_TOKEN;
    case 403:
        return CLOSE_CODE_FORBIDDEN;
    case 503:
        return WS_TRY_LATER;
    default:
        return CLOSE_CODE_BAD_MESSAGE;
    }
}

/* A browser cannot see the status of a refused handshake: it is accepted, and the refusal is a
 * message and a close code. */
static void get_websocket(struct call *call)
{
    struct wish wish;
    struct err err = ERR_INIT;
    struct buf head = BUF_INIT(API_HEADERS_MAX + 8192);
    unsigned status = 0;
    struct str subprotocol = {0};
    struct ws_offers offers = {0};
    /* Who offers names and is given none ends the connection. */
    ws_offers_next(call->request, &offers, &subprotocol);
    if (!ws_handshake(call->request, subprotocol, &head, &status, &err)) {
        buf_str(&call->headers, buf_slice(&head));
        refuse(call, status, err.text);
        buf_free(&head);
        return;
    }
    wish_init(&wish, call);
    enum format format = wish.changes ? FORMAT_WS_CHANGES : FORMAT_WS;
    size_t n = wish.status ? 0 : wish.scopes.n;
    if (wish.status)
        events_error(&head, format, (struct str){0}, wish.err.text);
    crowd_open(call->api->options.crowd, call->conn, format, wish.scopes.items, n, buf_slice(&head),
               call->now);
    note_opening(call, wish.changes ? "WebSocket with changes" : "WebSocket", n);
    if (wish.status)
        crowd_close(call->api->options.crowd, call->conn, close_code_of(wish.status));
    wish_free(&wish);
    buf_free(&head);
}

/* ---- endpoints ---- */

struct asked {
    const struct http_request *request;
    const struct query *query;
};

static struct str asked_value(void *ctx, enum endpoint_from from, const char *name)
{
    const struct asked *asked = ctx;
    switch (from) {
    case ENDPOINT_QUERY:
        return query_find(asked->query, name);
    case ENDPOINT_HEADER:
        return http_find(asked->request, name);
    case ENDPOINT_CLAIM:
    case ENDPOINT_LITERAL:
        break;
    }
    return (struct str){0};
}

/* The scopes that the endpoint gives to who asks like this. */
static void grant_scopes(struct wish *wish, const struct call *call,
                         const struct endpoint *endpoint, const struct query *query)
{
    struct asked asked = {.request = call->request, .query = query};
    uint64_t since = scopes_since(&wish->scopes, endpoint->dialect.resume
                                                     ? http_find(call->request, "last-event-id")
                                                     : (struct str){0});
    for (size_t i = 0; i < endpoint->n_scopes && wish->status == 0; i++) {
        char bytes[SCOPE_MAX];
        struct buf text = BUF_FIXED(bytes);
        if (!endpoint_write_scope(endpoint, i, asked_value, &asked, &text, &wish->err)) {
            wish->status = 400;
            return;
        }
        struct str scope = arena_copy(&wish->arena, buf_slice(&text));
        wish->status = scopes_add(&wish->scopes, call->request, scope, since, &wish->err);
    }
}

/* A browser's EventSource never comes back from any other answer than 200. */
static void refuse_for_now(struct call *call)
{
    struct buf body = BUF_INIT(64);
    sse_retry(&body, retry_of(call));
    buf_text(&call->headers, "Content-Type: text/event-stream\r\nCache-Control: no-store\r\n");
    conn_respond_close(call->conn, 200, buf_slice(&call->headers), buf_slice(&body));
    buf_free(&body);
}

static bool is_temporary(unsigned status)
{
    return status == 429 || status == 503;
}

static void open_endpoint(struct call *call, const struct endpoint *endpoint, enum format format)
{
    const struct api_options *options = &call->api->options;
    bool websocket = endpoint->dialect.websocket;
    struct wish wish;
    struct query query;
    struct buf head = BUF_INIT(API_HEADERS_MAX + 8192);
    wish_prepare(&wish, call);
    if (wish.status == 0 &&
        !query_parse(call->request->query, API_PARAMS_MAX, &wish.arena, &query, &wish.err))
        wish.status = 400;
    if (wish.status == 0)
        grant_scopes(&wish, call, endpoint, &query);
    struct str subprotocol = {0};
    struct ws_offers offers = {0};
    if (wish.status == 0 && websocket) {
        unsigned status = 0;
        ws_offers_next(call->request, &offers, &subprotocol);
        if (!ws_handshake(call->request, subprotocol, &head, &status, &wish.err)) {
            buf_str(&call->headers, buf_slice(&head));
            wish.status = status;
        }
    }
    if (wish.status)
        crowd_refused(options->crowd, format);
    if (is_temporary(wish.status) && !websocket) {
        refuse_for_now(call);
    } else if (wish.status) {
        refuse(call, wish.status, wish.err.text);
    } else if (websocket) {
        crowd_open(options->crowd, call->conn, format, wish.scopes.items, wish.scopes.n,
                   buf_slice(&head), call->now);
        note_opening(call, endpoint->path.p, wish.scopes.n);
    } else {
        open_stream(call, &wish.scopes, format, endpoint->path.p);
    }
    wish_free(&wish);
    buf_free(&head);
}

/* ---- GET /v1/position ---- */

static void get_position(struct call *call)
{
    respond_position(call, 200, crowd_ticked(call->api->options.crowd));
}

/* ---- POST /v1/changes, /v1/notices ---- */

/* A page can make any browser POST text/plain without asking; application/json needs a preflight.
 */
static bool is_json(struct str type)
{
    struct str want = STR("application/json");
    return type.n >= want.n && strncasecmp(type.p, want.p, want.n) == 0 &&
           (type.n == want.n || type.p[want.n] == ';' || type.p[want.n] == ' ');
}

static void publish(struct call *call, enum publish_body body)
{
    struct api *api = call->api;
    struct err err = ERR_INIT;
    const struct worker_limits *limits = api->options.limits;
    switch (limits->authorizer->may_publish(limits->authorizer->ctx, call->request)) {
    case AUTHORIZER_YES:
        break;
    case AUTHORIZER_WHO:
        refuse(call, 401, "publishing needs \"Authorization: Bearer\" with the publish token");
        return;
    default:
        refuse(call, 403,
               "publishing is not configured: add \"- publish: { token_file: ... }\" to sources");
        return;
    }
    if (!is_json(http_find(call->request, "content-type"))) {
        refuse(call, 415, "send Content-Type: application/json");
        return;
    }
    if (api->stopping || api->publishes >= limits->publishes_max) {
        refuse(call, 503,
               api->stopping ? "the server is stopping; come back" : "the publish queue is full");
        return;
    }
    struct mail_publish *mail = mem_new(sizeof *mail);
    arena_init(&mail->arena, API_PUBLISH_FACTOR * limits->publish_body);
    if (!publish_parse(body, call->request->body, &mail->arena, &mail->publish, &err)) {
        mail_publish_free(mail);
        refuse(call, 400, err.text);
        return;
    }
    mail->mail.kind = MAIL_PUBLISH;
    mail->worker = api->options.worker;
    mail->conn = conn_id(call->conn);
    api->publishes++;
    mail->headers = arena_copy(&mail->arena, buf_slice(&call->headers));
    api->options.post(api->options.ctx, &mail->mail);
}

static void post_changes(struct call *call)
{
    publish(call, PUBLISH_CHANGES);
}

static void post_notices(struct call *call)
{
    publish(call, PUBLISH_NOTICES);
}

void api_published(struct api *api, struct server *server, struct mail_publish *publish)
{
    api->publishes--;
    struct conn *conn = conn_find(server, publish->conn);
    if (conn) {
        struct call call = {.api = api, .conn = conn, .headers = BUF_INIT(API_HEADERS_MAX)};
        buf_str(&call.headers, publish->headers);
        if (publish->accepted)
            respond_position(&call, 202, publish->position);
        else
            refuse(&call, 400, publish->err.text);
        buf_free(&call.headers);
    }
    mail_publish_free(publish);
}

/* ---- routes ---- */

struct route {
    const char *path;
    const char *allow;
    void (*get)(struct call *call); /* HEAD too, where it is allowed */
    void (*post)(struct call *call);
};

static const struct route routes[] = {
    {"/v1/stream", "GET, HEAD, OPTIONS", get_stream, NULL},
    {"/v1/ws", "GET, OPTIONS", get_websocket, NULL},
    {"/v1/position", "GET, HEAD, OPTIONS", get_position, NULL},
    {"/v1/changes", "POST, OPTIONS", NULL, post_changes},
    {"/v1/notices", "POST, OPTIONS", NULL, post_notices},
};

static const struct route *route_of(struct str path)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
        if (str_is(path, routes[i].path))
            return &routes[i];
    return NULL;
}

/* What an endpoint allows; it is opened by open_endpoint. */
static const struct route *route_to(const struct endpoint *endpoint)
{
    static const struct route sse = {.path = "", .allow = "GET, HEAD, OPTIONS"};
    static const struct route websocket = {.path = "", .allow = "GET, OPTIONS"};
    return endpoint->dialect.websocket ? &websocket : &sse;
}

static bool is_opening(enum http_method method, const struct endpoint *endpoint)
{
    return method == HTTP_GET_ || (method == HTTP_HEAD_ && !endpoint->dialect.websocket);
}

/* Host and Origin before anything else: a page of another site must not reach a server on
 * loopback, not by its own name for it either (DNS rebinding). */
static bool may_talk(struct call *call)
{
    const struct authorizer *authorizer = call->api->options.limits->authorizer;
    struct str host = http_find(call->request, "host");
    struct str origin = http_find(call->request, "origin");
    if (host.n && !authorizer->host_allowed(authorizer->ctx, host)) {
        refuse(call, 403, "this Host is not served here");
        return false;
    }
    if (!origin.n)
        return true;
    if (origin.n > API_ORIGIN_MAX || !authorizer->origin_allowed(authorizer->ctx, origin)) {
        refuse(call, 403, "pages of this Origin may not talk to this server");
        return false;
    }
    buf_text(&call->headers, "Access-Control-Allow-Origin: ");
    buf_str(&call->headers, origin);
    buf_text(&call->headers, "\r\nVary: Origin\r\nAccess-Control-Expose-Headers: Retry-After\r\n");
    return true;
}

static void preflight(struct call *call, const struct route *route)
{
    buf_printf(
        &call->headers,
        "Allow: %s\r\nAccess-Control-Allow-Methods: %s\r\n"
        "Access-Control-Allow-Headers: Authorization, Content-Type, Last-Event-ID, X-Project-Id\r\n"
        "Access-Control-Max-Age: 600\r\n",
        route->allow, route->allow);
    conn_respond(call->conn, 204, buf_slice(&call->headers), (struct str){0});
}

void api_request(struct api *api, struct conn *conn, const struct http_request *request,
                 uint64_t now)
{
    struct call call = {.api = api,
                        .conn = conn,
                        .request = request,
                        .now = now,
                        .headers = BUF_INIT(API_HEADERS_MAX)};
    enum format format;
    const struct endpoint *endpoint =
        endpoints_find(api->options.limits->endpoints, request->path, &format);
    const struct route *route = endpoint ? route_to(endpoint) : route_of(request->path);
    struct err err = ERR_INIT;
    if (!may_talk(&call)) {
        /* refused */
    } else if (endpoint && is_opening(request->method, endpoint)) {
        open_endpoint(&call, endpoint, format);
    } else if (!route) {
        err_set(&err,
                "there is nothing at %.*s; see /v1/stream, /v1/ws, /v1/position, /v1/changes, "
                "/v1/notices",
                STR_ARG(request->path));
        refuse(&call, 404, err.text);
    } else if (request->method == HTTP_OPTIONS_) {
        preflight(&call, route);
    } else if (request->method == HTTP_GET_ && route->get) {
        route->get(&call);
    } else if (request->method == HTTP_HEAD_ && route->get && strstr(route->allow, "HEAD")) {
        route->get(&call);
    } else if (request->method == HTTP_POST_ && route->post) {
        route->post(&call);
    } else {
        buf_printf(&call.headers, "Allow: %s\r\n", route->allow);
        err_set(&err, "%.*s is not possible here; allowed: %s", STR_ARG(request->method_text),
                route->allow);
        refuse(&call, 405, err.text);
    }
    buf_free(&call.headers);
}

/* ---- open WebSockets ---- */

static struct session_options talk_of(struct api *api, uint64_t now, uint64_t wall_ms)
{
    const struct worker_limits *limits = api->options.limits;
    return (struct session_options){.crowd = api->options.crowd,
                                    .authorizer = limits->authorizer,
                                    .epoch = api->options.epoch,
                                    .scopes_max = limits->scopes_max,
                                    .message_max = API_MESSAGE_MAX,
                                    .message_ms = limits->server.body_ms,
                                    .unfinished = &api->unfinished,
                                    .now = now,
                                    .wall_ms = wall_ms};
}

void api_bytes(struct api *api, struct conn *conn, struct str bytes, uint64_t now, uint64_t wall_ms)
{
    const struct session_options options = talk_of(api, now, wall_ms);
    if (!format_is_websocket(crowd_format(conn)) || crowd_closing(conn))
        return; /* an SSE client has nothing to say */
    crowd_heard(conn, now);
    session_bytes(&options, conn, bytes);
}

void api_expire(struct api *api, uint64_t now)
{
    const struct session_options options = talk_of(api, now, 0);
    session_expire(&options);
}

bool api_writable(struct conn *conn)
{
    return session_writable(conn);
}

void api_closed(struct conn *conn)
{
    session_free(conn);
}
