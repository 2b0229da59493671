#include "delivery/api.h"

#include "base/jsontext.h"
#include "base/mem.h"
#include "model/scope.h"
#include "wire/query.h"
#include "wire/sse.h"

#include <stdlib.h>
#include <strings.h>

enum {
    API_PARAMS_MAX = 512,
    API_ARENA_MAX = 256 * 1024, /* of a stream request's decoded query */
    API_HEADERS_MAX = 2048,
    API_PUBLISH_FACTOR = 24, /* parsed structs for each byte of a body, at most */
    API_BACKOFF_S = 1,
    API_RETRY_MS = 1000, /* EventSource waits this long, and a random part of the spread, before it
                            comes back */
};

struct api {
    struct api_options options;
    unsigned publishes; /* at the hub */
    bool draining;
};

struct api *api_new(const struct api_options *options)
{
    struct api *api = mem_new(sizeof *api);
    api->options = *options;
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

static void refuse_read(struct call *call, enum authorizer_answer answer, struct str scope)
{
    struct err err = ERR_INIT;
    switch (answer) {
    case AUTHORIZER_WHO:
        refuse(call, 401, "this needs a valid token");
        return;
    case AUTHORIZER_UNBOUNDED:
        err_set(
            &err,
            "scope \"%.*s\" asks for every scope of the family that you may read, and you may read "
            "any: name the scopes",
            STR_ARG(scope));
        refuse(call, 400, err.text);
        return;
    case AUTHORIZER_NO:
    case AUTHORIZER_YES:
        err_set(&err, "you may not read scope \"%.*s\"", STR_ARG(scope));
        refuse(call, 403, err.text);
    }
}

/* ---- GET /v1/stream ---- */

static bool add_scope(struct call *call, struct crowd_scope *scopes, size_t *n, struct str name,
                      uint64_t since)
{
    struct err err = ERR_INIT;
    for (size_t i = 0; i < *n; i++) {
        if (str_equal(scopes[i].name, name)) {
            scopes[i].since = since; /* `fresh=` says it of a scope that `scope=` named */
            return true;
        }
    }
    if (!scope_is_family(name) && !scope_check(name, &err)) {
        refuse(call, 400, err.text);
        return false;
    }
    enum authorizer_answer answer = call->api->options.authorizer->may_read(
        call->api->options.authorizer->ctx, call->request, name);
    if (answer != AUTHORIZER_YES) {
        refuse_read(call, answer, name);
        return false;
    }
    if (*n == call->api->options.scopes_max) {
        err_set(&err, "more than %u scopes in one subscription (limits: scopes)",
                call->api->options.scopes_max);
        refuse(call, 400, err.text);
        return false;
    }
    scopes[(*n)++] = (struct crowd_scope){.name = name, .since = since};
    return true;
}

/* Last-Event-ID wins over `since`: it is what this stream got last. */
static uint64_t since_of(const struct call *call, const struct query *query)
{
    struct str text = http_find(call->request, "last-event-id");
    if (!text.n)
        text = query_find(query, "since");
    if (!text.n)
        return CATCHUP_FRESH;
    struct position position;
    if (!position_parse(text, &position) || position.epoch != call->api->options.epoch ||
        position.sequence >= CATCHUP_FRESH) /* above the hub's, and a word of ours */
        return CATCHUP_LOST;
    return position.sequence;
}

/* Each client its own, so that they do not come back all at once. */
static uint64_t retry_of(const struct call *call)
{
    uint64_t id = conn_id(call->conn);
    uint64_t random =
        hash_bytes(call->api->options.seed, (struct str){.p = (char *)&id, .n = sizeof id});
    return API_RETRY_MS + random % (call->api->options.spread_ms + 1);
}

static void open_stream(struct call *call, const struct query *query)
{
    struct api *api = call->api;
    struct crowd_scope *scopes = mem_array(api->options.scopes_max, sizeof *scopes);
    size_t n = 0;
    uint64_t since = since_of(call, query);
    enum format format = FORMAT_SSE;
    for (size_t i = 0; i < query->n; i++) {
        if (str_is(query->params[i].name, "scope") &&
            !add_scope(call, scopes, &n, query->params[i].value, since))
            goto out;
        if (str_is(query->params[i].name, "changes") && str_is(query->params[i].value, "1"))
            format = FORMAT_SSE_CHANGES;
    }
    for (size_t i = 0; i < query->n; i++)
        if (str_is(query->params[i].name, "fresh") &&
            !add_scope(call, scopes, &n, query->params[i].value, CATCHUP_FRESH))
            goto out;
    if (n == 0) {
        refuse(call, 400, "no scope: GET /v1/stream?scope=project:42");
        goto out;
    }
    buf_text(&call->headers,
             "Content-Type: text/event-stream\r\nCache-Control: no-cache, no-transform\r\n"
             "X-Accel-Buffering: no\r\n");
    if (call->request->method == HTTP_HEAD_) {
        conn_respond(call->conn, 200, buf_slice(&call->headers), (struct str){0});
        goto out;
    }
    struct buf head = BUF_INIT(API_HEADERS_MAX + 64);
    buf_text(&head, "HTTP/1.1 200 OK\r\nConnection: close\r\n");
    buf_str(&head, buf_slice(&call->headers));
    buf_text(&head, "\r\n");
    sse_retry(&head, retry_of(call));
    crowd_open(api->options.crowd, call->conn, format, scopes, n, buf_slice(&head), call->now);
    buf_free(&head);
out:
    free(scopes);
}

static void get_stream(struct call *call)
{
    struct err err = ERR_INIT;
    struct arena arena;
    struct query query;
    if (call->api->draining) {
        refuse(call, 503, "the server is stopping; come back");
        return;
    }
    arena_init(&arena, API_ARENA_MAX);
    if (query_parse(call->request->query, API_PARAMS_MAX, &arena, &query, &err))
        open_stream(call, &query);
    else
        refuse(call, 400, err.text);
    arena_free(&arena);
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
    switch (api->options.authorizer->may_publish(api->options.authorizer->ctx, call->request)) {
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
    if (api->draining || api->publishes == api->options.publishes_max) {
        refuse(call, 503,
               api->draining ? "the server is stopping; come back" : "the publish queue is full");
        return;
    }
    struct mail_publish *mail = mem_new(sizeof *mail);
    arena_init(&mail->arena, API_PUBLISH_FACTOR * api->options.publish_body);
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
    void (*get)(struct call *call);
    void (*post)(struct call *call);
};

static const struct route routes[] = {
    {"/v1/stream", "GET, HEAD, OPTIONS", get_stream, NULL},
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

/* Host and Origin before anything else: a page of another site must not reach a server on
 * loopback, not by its own name for it either (DNS rebinding). */
static bool may_talk(struct call *call)
{
    const struct authorizer *authorizer = call->api->options.authorizer;
    struct str host = http_find(call->request, "host");
    struct str origin = http_find(call->request, "origin");
    if (host.n && !authorizer->host_allowed(authorizer->ctx, host)) {
        refuse(call, 403, "this Host is not served here");
        return false;
    }
    if (!origin.n)
        return true;
    if (!authorizer->origin_allowed(authorizer->ctx, origin)) {
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
    const struct route *route = route_of(request->path);
    struct err err = ERR_INIT;
    if (!may_talk(&call)) {
        /* refused */
    } else if (!route) {
        err_set(&err,
                "there is nothing at %.*s; see /v1/stream, /v1/position, /v1/changes, /v1/notices",
                STR_ARG(request->path));
        refuse(&call, 404, err.text);
    } else if (request->method == HTTP_OPTIONS_) {
        preflight(&call, route);
    } else if ((request->method == HTTP_GET_ || request->method == HTTP_HEAD_) && route->get) {
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
