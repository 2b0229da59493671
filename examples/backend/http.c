#include "http.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

struct http_server {
    const struct http_options *options;
    struct MHD_Daemon *daemon;
};

/* One request from its first line to its answer. libmicrohttpd calls `answer`
 * once for the head, once for each piece of the body, once at the end. */
struct exchange {
    char *target;
    bool head_seen;
    bool too_large;
    size_t length;
    char *body; /* HTTP_MAX_BODY bytes, allocated with the first piece */
};

/* ---- replies ---- */

bool http_reply_json(struct http_reply *reply, unsigned status, json_t *json)
{
    reply->status = status;
    reply->_json = json;
    return true;
}

bool http_reply_empty(struct http_reply *reply, unsigned status)
{
    reply->status = status;
    return true;
}

bool http_reply_file(struct http_reply *reply, int fd, uint64_t size, const char *type,
                     const char *cache_control)
{
    reply->status = MHD_HTTP_OK;
    reply->_fd = fd;
    reply->_size = size;
    reply->_type = type;
    reply->_cache = cache_control;
    return true;
}

const char *http_request_arg(const struct http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->_connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *http_request_header(const struct http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->_connection, MHD_HEADER_KIND, name);
}

const char *http_request_cookie(const struct http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->_connection, MHD_COOKIE_KIND, name);
}

void http_reply_cookie(struct http_reply *reply, const char *format, ...)
{
    va_list args;

    free(reply->_cookie);
    va_start(args, format);
    if (vasprintf(&reply->_cookie, format, args) < 0)
        reply->_cookie = NULL;
    va_end(args);
}

static enum MHD_Result queue(struct MHD_Connection *connection, unsigned status, const char *type,
                             const char *cache, const char *cookie, struct MHD_Response *response)
{
    enum MHD_Result result;

    if (response == NULL)
        return MHD_NO;
    if (type != NULL)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, cache);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Referrer-Policy", "same-origin");
    if (cookie != NULL)
        MHD_add_response_header(response, MHD_HTTP_HEADER_SET_COOKIE, cookie);
    result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result send_json(struct MHD_Connection *connection, unsigned status,
                                 const char *cookie, json_t *json)
{
    char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    struct MHD_Response *response;

    json_decref(json);
    if (text == NULL)
        return MHD_NO;
    response = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    if (response == NULL)
        free(text);
    return queue(connection, status, "application/json", "no-store", cookie, response);
}

static enum MHD_Result send_problem(struct MHD_Connection *connection,
                                    const struct problem *problem)
{
    return send_json(connection, problem->status, NULL, json_pack("{s:s}", "error", problem->text));
}

static enum MHD_Result send_reply(struct MHD_Connection *connection, struct http_reply *reply)
{
    if (reply->_json != NULL)
        return send_json(connection, reply->status, reply->_cookie, reply->_json);
    if (reply->_fd >= 0) {
        struct MHD_Response *response = MHD_create_response_from_fd64(reply->_size, reply->_fd);

        if (response == NULL)
            close(reply->_fd);
        return queue(connection, reply->status, reply->_type, reply->_cache, NULL, response);
    }
    return queue(connection, reply->status, NULL, "no-store", reply->_cookie,
                 MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT));
}

/* ---- routes ---- */

static bool pattern_matches(const char *pattern, const char *path, char id[HTTP_MAX_ID])
{
    id[0] = '\0';
    while (*pattern != '\0') {
        if (pattern[0] == ':') {
            size_t length = strcspn(path, "/");

            if (length == 0 || length >= HTTP_MAX_ID)
                return false;
            memcpy(id, path, length);
            id[length] = '\0';
            path += length;
            pattern += strcspn(pattern, "/");
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return *path == '\0';
}

static const struct http_route *find_route(const struct http_options *options,
                                           struct http_request *request, struct problem *problem)
{
    const char *method = strcmp(request->method, "HEAD") == 0 ? "GET" : request->method;
    bool path_known = false;

    for (size_t i = 0; i < options->route_count; i++) {
        const struct http_route *route = &options->routes[i];

        if (!pattern_matches(route->pattern, request->path, request->id))
            continue;
        if (strcmp(route->method, method) == 0)
            return route;
        path_known = true;
    }
    request->id[0] = '\0';
    if (path_known)
        problem_set(problem, 405, "%s is not possible here", request->method);
    else
        problem_set(problem, 404, "there is nothing at %.160s", request->path);
    return NULL;
}

static bool host_is_loopback(struct MHD_Connection *connection)
{
    static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};
    const char *host =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);

    if (host == NULL)
        return true; /* HTTP/1.0 tools; a browser always sends it */
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t length = strlen(names[i]);

        if (strncasecmp(host, names[i], length) == 0 &&
            (host[length] == '\0' || host[length] == ':'))
            return true;
    }
    return false;
}

static bool body_is_json(struct MHD_Connection *connection)
{
    static const char json[] = "application/json";
    const char *type =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_TYPE);

    return type != NULL && strncasecmp(type, json, sizeof json - 1) == 0 &&
           strchr("; \t", type[sizeof json - 1]) != NULL;
}

static bool read_body(struct MHD_Connection *connection, const struct exchange *exchange,
                      json_t **body, struct problem *problem)
{
    json_error_t error;

    if (exchange->too_large)
        return problem_set(problem, 413, "a body may have at most %d bytes", HTTP_MAX_BODY);
    if (exchange->length == 0)
        return true;
    if (!body_is_json(connection))
        return problem_set(problem, 415, "a body must be sent as application/json");
    *body = json_loadb(exchange->body, exchange->length, JSON_REJECT_DUPLICATES, &error);
    if (*body == NULL)
        return problem_set(problem, 400, "the body is not JSON: %s", error.text);
    if (!json_is_object(*body))
        return problem_set(problem, 400, "the body must be a JSON object");
    return true;
}

static bool is_api(const char *path)
{
    return strncmp(path, "/api/", 5) == 0 || strcmp(path, "/api") == 0;
}

static enum MHD_Result dispatch(const struct http_options *options,
                                struct MHD_Connection *connection, const char *path,
                                const char *method, const struct exchange *exchange)
{
    struct http_request request = {.method = method,
                                   .path = path,
                                   .target = exchange->target != NULL ? exchange->target : path,
                                   ._connection = connection};
    struct http_reply reply = {._fd = -1};
    struct problem problem = {.status = 500, .text = "something went wrong"};
    const struct http_route *route = NULL;
    enum MHD_Result result;
    bool ok = false;

    if (!host_is_loopback(connection))
        problem_set(&problem, 403, "only loopback names are served");
    else if (read_body(connection, exchange, &request.body, &problem)) {
        route = find_route(options, &request, &problem);
        if (route != NULL) {
            request.role = route->role;
            ok = options->admit(options->hook_context, &request, &problem) &&
                 route->handle(route->context, &request, &reply, &problem);
            options->hold(options->hook_context, &request);
        } else if (problem.status == 404 && !is_api(path) &&
                   (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)) {
            ok = options->fallback(options->fallback_context, &request, &reply, &problem);
        }
    }
    json_decref(request.body);
    json_decref(request.user);
    result = ok ? send_reply(connection, &reply) : send_problem(connection, &problem);
    free(reply._cookie);
    return result;
}

/* ---- what libmicrohttpd calls ---- */

static void *arrived(void *context, const char *uri, struct MHD_Connection *connection)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);

    (void)context;
    (void)connection;
    if (exchange != NULL)
        exchange->target = strdup(uri);
    return exchange;
}

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **state)
{
    struct http_server *server = context;
    struct exchange *exchange = *state;

    (void)version;
    if (exchange == NULL)
        return MHD_NO;
    if (!exchange->head_seen) {
        exchange->head_seen = true;
        return MHD_YES;
    }
    if (*upload_size == 0)
        return dispatch(server->options, connection, url, method, exchange);

    if (exchange->body == NULL)
        exchange->body = malloc(HTTP_MAX_BODY);
    if (exchange->body == NULL)
        return MHD_NO;
    if (*upload_size > HTTP_MAX_BODY - exchange->length)
        exchange->too_large = true;
    if (!exchange->too_large) {
        memcpy(exchange->body + exchange->length, upload, *upload_size);
        exchange->length += *upload_size;
    }
    *upload_size = 0;
    return MHD_YES;
}

static void completed(void *context, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode code)
{
    struct exchange *exchange = *state;

    (void)context;
    (void)connection;
    (void)code;
    if (exchange == NULL)
        return;
    free(exchange->target);
    free(exchange->body);
    free(exchange);
    *state = NULL;
}

/* ---- life ---- */

struct http_server *http_start(const struct http_options *options, struct problem *problem)
{
    struct http_server *server = calloc(1, sizeof *server);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(options->port),
                                  .sin_addr = {.s_addr = htonl(options->address)}};

    if (server == NULL) {
        problem_set(problem, 500, "out of memory");
        return NULL;
    }
    server->options = options;
    server->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION, options->port, NULL, NULL,
        answer, server, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_URI_LOG_CALLBACK, arrived, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)HTTP_MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, 60U, MHD_OPTION_END);
    if (server->daemon == NULL) {
        problem_set(problem, 500, "cannot listen on port %u", (unsigned)options->port);
        free(server);
        return NULL;
    }
    return server;
}

uint16_t http_port(const struct http_server *server)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);

    return info == NULL ? 0 : info->port;
}

void http_stop(struct http_server *server)
{
    if (server == NULL)
        return;
    MHD_stop_daemon(server->daemon);
    free(server);
}
