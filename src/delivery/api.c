#include "delivery/api.h"

#include "base/jsontext.h"
#include "base/mem.h"
#include "delivery/call.h"
#include "delivery/endpoints.h"
#include "delivery/entrance.h"
#include "delivery/session.h"
#include "delivery/streams.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum {
    API_ORIGIN_MAX = 300, /* a scheme, a name of 253 bytes, a port; it is repeated in the answer */
    API_PUBLISH_FACTOR = 24, /* parsed structs for each byte of a body, at most */
};

struct api {
    struct api_options options;
    struct entrance *entrance;
    unsigned publishes;     /* at the hub */
    struct list unfinished; /* sessions that wait for the rest of a message */
    bool stopping;
};

struct api *api_new(const struct api_options *options)
{
    struct api *api = mem_new(sizeof *api);
    api->options = *options;
    list_init(&api->unfinished);
    api->entrance = entrance_new(&api->options);
    return api;
}

void api_set_authorizer(struct api *api, const struct authorizer *old)
{
    entrance_set_authorizer(api->entrance, old);
}

void api_close(struct api *api)
{
    entrance_close(api->entrance);
}

void api_free(struct api *api)
{
    if (!api)
        return;
    entrance_free(api->entrance);
    free(api);
}

void api_drain(struct api *api)
{
    entrance_drain(api->entrance);
}

void api_stop(struct api *api)
{
    entrance_drain(api->entrance);
    api->stopping = true;
}

bool api_busy(const struct api *api)
{
    return api->publishes > 0;
}

struct route {
    const char *path;
    const char *allow;
    void (*get)(struct call *call); /* HEAD too, where it is allowed */
    void (*post)(struct call *call);
    entrance_enter *enter; /* instead of `get`, where one has to be somebody */
    bool websocket;
};

static void respond_position(struct call *call, unsigned status, uint64_t sequence)
{
    struct buf body = BUF_INIT(128);
    buf_text(&body, "{\"position\":\"");
    position_write(&body, (struct position){.epoch = call->options->epoch, .sequence = sequence});
    buf_text(&body, "\"}\n");
    call_respond(call, status, buf_slice(&body));
    buf_free(&body);
}

/* ---- GET /v1/position ---- */

static void get_position(struct call *call)
{
    respond_position(call, 200, crowd_ticked(call->options->crowd));
}

/* ---- POST /v1/changes, /v1/notices ---- */

/* A page can make any browser POST text/plain without asking; application/json needs a preflight.
 */
static bool is_json(struct str type)
{
    struct str want = STR("application/json");
    if (type.n < want.n || strncasecmp(type.p, want.p, want.n) != 0)
        return false;
    /* Blanks may stand in front of the parameters (RFC 9110, 5.6.6). */
    size_t at = want.n;
    while (at < type.n && (type.p[at] == ' ' || type.p[at] == '\t'))
        at++;
    return at == type.n || type.p[at] == ';';
}

/* Who may not publish is told so. */
static bool may_publish(struct call *call)
{
    const struct authorizer *authorizer = call->options->limits->authorizer;
    switch (authorizer->may_publish(authorizer->ctx, call->request)) {
    case AUTHORIZER_YES:
        break;
    case AUTHORIZER_WHO:
    case AUTHORIZER_BAD:
        call_refuse(call, 401, "publishing needs \"Authorization: Bearer\" with the publish token");
        return false;
    default:
        call_refuse(
            call, 403,
            "publishing is not configured: add \"- publish: { token_file: ... }\" to sources");
        return false;
    }
    if (is_json(http_find(call->request, "content-type")))
        return true;
    call_refuse(call, 415, "send Content-Type: application/json");
    return false;
}

static void publish(struct call *call, enum publish_body body)
{
    struct api *api = call->api;
    struct err err = ERR_INIT;
    const struct worker_limits *limits = api->options.limits;
    if (!may_publish(call))
        return;
    if (api->stopping || api->publishes >= limits->publishes_max) {
        call_refuse(call, 503,
                    api->stopping ? "the server is stopping; come back"
                                  : "the publish queue is full");
        return;
    }
    struct mail_publish *mail = mem_new(sizeof *mail);
    arena_init(&mail->arena, API_PUBLISH_FACTOR * limits->publish_body);
    if (!publish_parse(body, call->request->body, &mail->arena, &mail->publish, &err)) {
        mail_publish_free(mail);
        call_refuse(call, 400, err.text);
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

/* ---- POST /v1/tickets ---- */

static void post_tickets(struct call *call)
{
    const struct authorizer *authorizer = call->options->limits->authorizer;
    struct buf answer = BUF_INIT(1024);
    struct err err = ERR_INIT;
    if (!may_publish(call))
        return;
    unsigned status = authorizer->ticket(authorizer->ctx, call->request->body, &answer, &err);
    if (status)
        call_refuse(call, status, err.text);
    else
        call_respond(call, 201, buf_slice(&answer));
    buf_free(&answer);
}

void api_published(struct api *api, struct server *server, struct mail_publish *publish)
{
    api->publishes--;
    struct conn *conn = conn_find(server, publish->conn);
    if (conn) {
        struct call call = {.api = api,
                            .options = &api->options,
                            .conn = conn,
                            .headers = BUF_INIT(CALL_HEADERS_MAX)};
        buf_str(&call.headers, publish->headers);
        if (publish->accepted)
            respond_position(&call, 202, publish->position);
        else
            call_refuse(&call, 400, publish->err.text);
        buf_free(&call.headers);
    }
    mail_publish_free(publish);
}

/* ---- routes ---- */

static const struct route routes[] = {
    {.path = "/v1/stream", .allow = "GET, HEAD, OPTIONS", .enter = streams_enter_sse},
    {.path = "/v1/ws",
     .allow = "GET, OPTIONS",
     .enter = streams_enter_websocket,
     .websocket = true},
    {.path = "/v1/position", .allow = "GET, HEAD, OPTIONS", .get = get_position},
    {.path = "/v1/changes", .allow = "POST, OPTIONS", .post = post_changes},
    {.path = "/v1/notices", .allow = "POST, OPTIONS", .post = post_notices},
    {.path = "/v1/tickets", .allow = "POST, OPTIONS", .post = post_tickets},
    {.path = "*", .allow = "GET, HEAD, POST, OPTIONS"}, /* the server as a whole; OPTIONS alone */
};

static const struct route *route_of(struct str path)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
        if (str_is(path, routes[i].path))
            return &routes[i];
    return NULL;
}

/* Of an endpoint. */
static const struct route *route_to(const struct endpoint *endpoint)
{
    static const struct route sse = {
        .path = "", .allow = "GET, HEAD, OPTIONS", .enter = streams_enter_endpoint};
    static const struct route websocket = {
        .path = "", .allow = "GET, OPTIONS", .enter = streams_enter_endpoint, .websocket = true};
    return endpoint->dialect.websocket ? &websocket : &sse;
}

/* Host and Origin before anything else: a page of another site must not reach a server on
 * loopback, not by its own name for it either (DNS rebinding). */
static bool may_talk(struct call *call)
{
    const struct authorizer *authorizer = call->options->limits->authorizer;
    struct str host = http_find(call->request, "host");
    struct str origin = http_find(call->request, "origin");
    buf_text(&call->headers, "Vary: Origin\r\n"); /* a refusal too is one of this Origin */
    if (host.n && !authorizer->host_allowed(authorizer->ctx, host)) {
        call_refuse(call, 403, "this Host is not served here");
        return false;
    }
    if (!origin.n)
        return true;
    if (origin.n > API_ORIGIN_MAX || !authorizer->origin_allowed(authorizer->ctx, origin, host)) {
        call_refuse(call, 403, "pages of this Origin may not talk to this server");
        return false;
    }
    buf_text(&call->headers, "Access-Control-Allow-Origin: ");
    buf_str(&call->headers, origin);
    buf_text(&call->headers, "\r\nAccess-Control-Expose-Headers: Retry-After\r\n");
    if (authorizer->credentials)
        buf_text(&call->headers, "Access-Control-Allow-Credentials: true\r\n");
    return true;
}

static void allow_header(struct call *call, struct str name)
{
    if (call->headers.len < CALL_HEADERS_MAX / 2) /* the rest must fit, too */
        buf_printf(&call->headers, ", %.*s", STR_ARG(name));
}

/* `endpoint` NULL: a native route. */
static void preflight(struct call *call, const struct route *route, const struct endpoint *endpoint)
{
    const struct authorizer *authorizer = call->options->limits->authorizer;
    buf_printf(
        &call->headers,
        "Allow: %s\r\nAccess-Control-Allow-Methods: %s\r\n"
        "Access-Control-Allow-Headers: Authorization, Content-Type, Last-Event-ID, X-Project-Id",
        route->allow, route->allow);
    for (size_t i = 0; i < authorizer->n_headers; i++)
        allow_header(call, authorizer->headers[i]);
    for (size_t i = 0; endpoint && i < endpoint->n_scopes; i++)
        for (size_t k = 0; k < endpoint->scopes[i].n; k++)
            if (endpoint->scopes[i].parts[k].from == ENDPOINT_HEADER)
                allow_header(call, endpoint->scopes[i].parts[k].text);
    buf_text(&call->headers, "\r\nAccess-Control-Max-Age: 600\r\n");
    conn_respond(call->conn, 204, buf_slice(&call->headers), (struct str){0});
}

void api_request(struct api *api, struct conn *conn, const struct http_request *request,
                 uint64_t now)
{
    struct call call = {.api = api,
                        .options = &api->options,
                        .conn = conn,
                        .request = request,
                        .now = now,
                        .headers = BUF_INIT(CALL_HEADERS_MAX)};
    enum format format;
    const struct endpoint *endpoint =
        endpoints_find(api->options.limits->endpoints, request->path, &format);
    const struct route *route = endpoint ? route_to(endpoint) : route_of(request->path);
    struct err err = ERR_INIT;
    if (!may_talk(&call)) {
        /* refused */
    } else if (!route) {
        err_set(&err,
                "there is nothing at %.*s; see /v1/stream, /v1/ws, /v1/position, /v1/changes, "
                "/v1/notices, /v1/tickets",
                STR_ARG(request->path));
        call_refuse(&call, 404, err.text);
    } else if (request->method == HTTP_OPTIONS_) {
        preflight(&call, route, endpoint);
    } else if ((request->method == HTTP_GET_ ||
                (request->method == HTTP_HEAD_ && strstr(route->allow, "HEAD"))) &&
               (route->get || route->enter)) {
        if (route->enter)
            entrance_begin(api->entrance, &call, route->websocket, route->enter);
        else
            route->get(&call);
    } else if (request->method == HTTP_POST_ && route->post) {
        route->post(&call);
    } else {
        buf_printf(&call.headers, "Allow: %s\r\n", route->allow);
        err_set(&err, "%.*s is not possible here; allowed: %s", STR_ARG(request->method_text),
                route->allow);
        call_refuse(&call, 405, err.text);
    }
    buf_free(&call.headers);
}

void api_refuse(struct api *api, struct conn *conn, const struct http_request *request)
{
    struct call call = {.api = api,
                        .options = &api->options,
                        .conn = conn,
                        .request = request,
                        .headers = BUF_INIT(CALL_HEADERS_MAX)};
    enum format format;
    const struct endpoint *endpoint =
        endpoints_find(api->options.limits->endpoints, request->path, &format);
    if (may_talk(&call)) {
        if (endpoint)
            crowd_refused(api->options.crowd, format);
        if (endpoint && !endpoint->dialect.websocket && request->method == HTTP_GET_)
            streams_send_away(&call);
        else
            call_refuse(&call, 503, close_reason_sentence(CLOSE_LIMIT));
    }
    buf_free(&call.headers);
}

/* ---- open WebSockets ---- */

static bool seat_of(void *ctx, struct conn *conn, const struct identity *identity)
{
    struct api *api = ctx;
    return entrance_reseat(api->entrance, conn, identity);
}

static void known(void *ctx, struct conn *conn, struct admission *admission);

static bool complete(void *ctx, struct conn *conn, struct admission *admission)
{
    struct api *api = ctx;
    return entrance_complete(api->entrance, conn, admission, known, api);
}

static struct session_options talk_of(struct api *api, uint64_t now, uint64_t wall_ms)
{
    const struct worker_limits *limits = api->options.limits;
    return (struct session_options){.crowd = api->options.crowd,
                                    .guests = api->options.guests,
                                    .seat = seat_of,
                                    .complete = complete,
                                    .ctx = api,
                                    .authorizer = limits->authorizer,
                                    .epoch = api->options.epoch,
                                    .scopes_max = limits->scopes_max,
                                    .message_ms = limits->server.body_ms,
                                    .unfinished = &api->unfinished,
                                    .now = now,
                                    .wall_ms = wall_ms};
}

static void known(void *ctx, struct conn *conn, struct admission *admission)
{
    struct api *api = ctx;
    const struct session_options options =
        talk_of(api, uv_now(api->options.loop), api->options.wall_ms());
    session_known(&options, conn, admission);
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

void api_admitted(struct api *api, struct mail *mail)
{
    entrance_answered(api->entrance, mail);
}

void api_gone(struct api *api, struct conn *conn)
{
    entrance_gone(api->entrance, conn);
}

void api_closed(struct conn *conn)
{
    session_free(conn);
}
