#include "delivery/streams.h"

#include "delivery/api.h"
#include "delivery/close_code.h"
#include "delivery/endpoints.h"
#include "delivery/events.h"
#include "model/scope.h"
#include "wire/json_value.h"
#include "wire/sse.h"
#include "wire/ws.h"
#include "wire/ws_handshake.h"

enum {
    STREAMS_HEAD_MAX =
        1024 * 1024,         /* of a WebSocket: an error for each scope of a request's head */
    STREAMS_RETRY_MS = 1000, /* EventSource waits this long, and a random part of the spread, before
                                it comes back */
};

/* Each client its own, so that they do not come back all at once. */
static uint64_t retry_of(const struct call *call)
{
    uint64_t id = conn_id(call->conn);
    uint64_t random =
        hash_bytes(call->options->seed, (struct str){.p = (char *)&id, .n = sizeof id});
    return STREAMS_RETRY_MS + random % (call->options->limits->spread_ms + 1);
}

/* After crowd_open: says who has come, and remembers for whom a proxy asks. */
static void note_opening(const struct call *call, const char *what, size_t n_scopes)
{
    const struct api_options *options = call->options;
    char name[32], peer[64], client[PROXIES_CLIENT_MAX];
    if (options->limits->proxies.n == 0 && !log_has(options->log, LOG_DEBUG))
        return;
    bool proxied = entry_client(call, client);
    if (proxied && conn_user(call->conn))
        crowd_set_client(options->crowd, call->conn, client);
    if (!log_has(options->log, LOG_DEBUG))
        return;
    conn_peer(call->conn, peer);
    conn_name(call->conn, name);
    log_conn(options->log, LOG_DEBUG, "delivery", name, "opens (%s%s%s): %s, %zu scopes", client,
             proxied ? " by way of " : "", proxied ? peer : "", what, n_scopes);
}

/* What the parameters ask for. Every refusal ends it, but for a WebSocket, where `errors` is not
 * NULL: there a forbidden scope is an error of that scope alone while something is left. */
static unsigned read_scopes(const struct entry *entry, struct scopes *scopes, enum format format,
                            struct buf *errors, struct err *err)
{
    const struct query *query = &entry->query;
    /* Last-Event-ID wins over `since`: it is what this stream got last. */
    struct str last = http_find(entry->call->request, "last-event-id");
    uint64_t since = scopes_since(scopes, last.n ? last : query_find(query, "since"));
    unsigned status = 0, forbidden = 0;
    /* `fresh=` may say it of a scope that `scope=` named, too. */
    for (unsigned pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < query->n && status == 0; i++) {
            if (!str_is(query->params[i].name, pass ? "fresh" : "scope"))
                continue;
            struct str name = query->params[i].value;
            status = scopes_add(scopes, name, pass ? CATCHUP_FRESH : since, err);
            if (status == 403 && errors) {
                events_error(errors, format, name, err->text);
                forbidden = status;
                status = 0;
            }
        }
    }
    return status ? status : scopes->n == 0 ? forbidden : 0;
}

static bool wants_changes(const struct entry *entry)
{
    return str_is(query_find(&entry->query, "changes"), "1");
}

static void open_stream(struct entry *entry, const struct scopes *scopes, enum format format,
                        const char *what)
{
    struct call *call = entry->call;
    buf_text(&call->headers,
             "Content-Type: text/event-stream\r\nCache-Control: no-cache, no-transform\r\n"
             "X-Accel-Buffering: no\r\n");
    if (call->request->method == HTTP_HEAD_) {
        (call->last ? conn_respond_close : conn_respond)(call->conn, 200, buf_slice(&call->headers),
                                                         (struct str){0});
        return;
    }
    struct buf head = BUF_INIT(CALL_HEADERS_MAX + 128);
    buf_text(&head, "HTTP/1.1 200 OK\r\n");
    buf_str(&head, conn_date(call->conn));
    buf_text(&head, "Connection: close\r\n");
    buf_str(&head, buf_slice(&call->headers));
    buf_text(&head, "\r\n");
    sse_retry(&head, retry_of(call));
    crowd_open(call->options->crowd, call->conn, format, scopes->items, scopes->n, buf_slice(&head),
               call->now);
    entry_welcome(entry, scopes);
    note_opening(call, what, scopes->n);
    buf_free(&head);
}

void streams_enter_sse(struct entry *entry)
{
    const struct api_options *options = entry->call->options;
    struct scopes scopes;
    if (entry->status) {
        entry_refuse(entry, entry->status, entry->err.text);
        return;
    }
    scopes_init(&scopes, entry->admission.identity, options->epoch, options->limits->scopes_max);
    unsigned status = read_scopes(entry, &scopes, FORMAT_SSE, NULL, &entry->err);
    if (status == 0 && scopes.n == 0 && scopes.n_families == 0) {
        status = 400;
        err_set(&entry->err, "no scope: GET /v1/stream?scope=project:42");
    }
    if (status)
        entry_refuse(entry, status, entry->err.text);
    else
        open_stream(entry, &scopes, wants_changes(entry) ? FORMAT_SSE_CHANGES : FORMAT_SSE,
                    wants_changes(entry) ? "SSE with changes" : "SSE");
    scopes_free(&scopes);
}

static unsigned close_code_of(unsigned status)
{
    switch (status) {
    case 401:
        return CLOSE_CODE_TOKEN;
    case 403:
        return CLOSE_CODE_FORBIDDEN;
    case 429:
    case 503:
        return WS_TRY_LATER;
    default:
        return CLOSE_CODE_BAD_MESSAGE;
    }
}

/* The name that is echoed: a browser that offers some and is given none ends the connection. Where
 * a token is among them it is another one. */
static struct str subprotocol_of(const struct call *call)
{
    struct ws_offers offers = {0};
    struct str offer = {0};
    bool tokens = call->options->limits->authorizer->tokens;
    while (ws_offers_next(call->request, &offers, &offer))
        if (!tokens || !str_starts(offer, AUTHORIZER_OFFER))
            return offer;
    return (struct str){0};
}

/* Who says nothing of himself may do so by the first message. */
static bool may_say_it_later(const struct entry *entry)
{
    return entry->admission.answer == AUTHORIZER_WHO &&
           entry->call->options->limits->authorizer->tokens &&
           !query_find(&entry->query, "scope").p && !query_find(&entry->query, "fresh").p;
}

/* A browser cannot see the status of a refused handshake: it is accepted, and the refusal is a
 * message and a close code. */
void streams_enter_websocket(struct entry *entry)
{
    struct call *call = entry->call;
    const struct api_options *options = call->options;
    enum format format = wants_changes(entry) ? FORMAT_WS_CHANGES : FORMAT_WS;
    struct buf head = BUF_INIT(STREAMS_HEAD_MAX);
    struct err err = ERR_INIT;
    unsigned status = 0;
    if (!ws_handshake(call->request, subprotocol_of(call), &head, &status, &err)) {
        buf_str(&call->headers, buf_slice(&head));
        entry_refuse(entry, status, err.text);
        buf_free(&head);
        return;
    }
    if (may_say_it_later(entry)) {
        entry->admission.identity = identity_nobody();
        entry->status = 0;
    }
    struct scopes scopes;
    scopes_init(&scopes, entry->status ? identity_nobody() : entry->admission.identity,
                options->epoch, options->limits->scopes_max);
    status = entry->status;
    if (status == 0)
        status = read_scopes(entry, &scopes, format, &head, &entry->err);
    if (entry->status || (status && status != 403))
        events_error(&head, format, (struct str){0}, entry->err.text);
    size_t n = status ? 0 : scopes.n;
    crowd_open(options->crowd, call->conn, format, scopes.items, n, buf_slice(&head), call->now);
    note_opening(call, format == FORMAT_WS_CHANGES ? "WebSocket with changes" : "WebSocket", n);
    if (status)
        crowd_close(options->crowd, call->conn, close_code_of(status));
    else
        entry_welcome(entry, &scopes);
    scopes_free(&scopes);
    buf_free(&head);
}

/* ---- endpoints ---- */

struct asked {
    const struct entry *entry;
    struct arena *arena; /* of a claim's text */
};

static struct str claim_of(const struct asked *asked, const char *name)
{
    const json_t *claim = json_object_get(identity_claims(asked->entry->admission.identity), name);
    char bytes[32];
    struct buf text = BUF_FIXED(bytes);
    if (json_is_string(claim))
        return json_value_text(claim);
    if (!json_is_integer(claim) || !value_write_text(&text, value_int(json_integer_value(claim))))
        return (struct str){0};
    return arena_copy(asked->arena, buf_slice(&text));
}

static struct str asked_value(void *ctx, enum endpoint_from from, const char *name)
{
    const struct asked *asked = ctx;
    switch (from) {
    case ENDPOINT_QUERY:
        return query_find(&asked->entry->query, name);
    case ENDPOINT_HEADER:
        return http_find(asked->entry->call->request, name);
    case ENDPOINT_CLAIM:
        return claim_of(asked, name);
    case ENDPOINT_LITERAL:
        break;
    }
    return (struct str){0};
}

/* The scopes that the endpoint gives to who asks like this. */
static unsigned give_scopes(struct entry *entry, const struct endpoint *endpoint,
                            struct scopes *scopes)
{
    struct asked asked = {.entry = entry, .arena = &entry->arena};
    uint64_t since = scopes_since(scopes, endpoint->dialect.resume
                                              ? http_find(entry->call->request, "last-event-id")
                                              : (struct str){0});
    unsigned status = 0;
    for (size_t i = 0; i < endpoint->n_scopes && status == 0; i++) {
        char bytes[SCOPE_MAX];
        struct buf text = BUF_FIXED(bytes);
        if (!endpoint_write_scope(endpoint, i, asked_value, &asked, &text, &entry->err))
            return 400;
        struct str scope = arena_copy(&entry->arena, buf_slice(&text));
        status = scopes_add(scopes, scope, since, &entry->err);
    }
    return status;
}

void streams_send_away(struct call *call)
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

static void open_endpoint(struct entry *entry, const struct endpoint *endpoint, enum format format,
                          const struct scopes *scopes)
{
    struct call *call = entry->call;
    const struct api_options *options = call->options;
    bool websocket = endpoint->dialect.websocket;
    struct buf head = BUF_INIT(STREAMS_HEAD_MAX);
    unsigned status = entry->status;
    if (status == 0 && websocket) {
        unsigned refusal = 0;
        if (!ws_handshake(call->request, subprotocol_of(call), &head, &refusal, &entry->err)) {
            buf_str(&call->headers, buf_slice(&head));
            status = refusal;
        }
    }
    if (status)
        crowd_refused(options->crowd, format);
    if (is_temporary(status) && !websocket) {
        streams_send_away(call);
    } else if (status) {
        entry_refuse(entry, status, entry->err.text);
    } else if (websocket) {
        crowd_open(options->crowd, call->conn, format, scopes->items, scopes->n, buf_slice(&head),
                   call->now);
        entry_welcome(entry, scopes);
        note_opening(call, endpoint->path.p, scopes->n);
    } else {
        open_stream(entry, scopes, format, endpoint->path.p);
    }
    buf_free(&head);
}

/* Refuses by the status of HTTP, also a WebSocket: its clients reset their backoff as soon as one
 * has opened. */
void streams_enter_endpoint(struct entry *entry)
{
    const struct api_options *options = entry->call->options;
    enum format format;
    const struct endpoint *endpoint =
        endpoints_find(options->limits->endpoints, entry->call->request->path, &format);
    struct scopes scopes;
    if (!endpoint) { /* it went while the application was asked */
        entry_refuse(entry, 404, "this endpoint is not served any more");
        return;
    }
    scopes_init(&scopes, entry->status ? identity_nobody() : entry->admission.identity,
                options->epoch, options->limits->scopes_max);
    if (entry->status == 0)
        entry->status = give_scopes(entry, endpoint, &scopes);
    open_endpoint(entry, endpoint, format, &scopes);
    scopes_free(&scopes);
}
