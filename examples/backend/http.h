/* http: a loopback HTTP server with a table of routes.
 *
 * Threads:  every connection has a thread of its own, so handlers may block
 *           (SQLite, artificial latency); they share nothing but what their
 *           `context` protects by itself. At most HTTP_MAX_CONNECTIONS at a time.
 * Bodies:   only JSON objects sent as application/json, at most HTTP_MAX_BODY
 *           bytes. A page of another origin cannot send that type without asking
 *           first, and nobody here answers that question.
 * Host:     a request whose Host is not a loopback name is refused, so a foreign
 *           name that resolves to 127.0.0.1 reaches nothing.
 * Errors:   a handler that returns false has filled the problem; the client gets
 *           its status and {"error": text}. */
#ifndef EXAMPLE_HTTP_H
#define EXAMPLE_HTTP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "problem.h"

enum { HTTP_MAX_BODY = 64 * 1024, HTTP_MAX_CONNECTIONS = 256, HTTP_MAX_ID = 128 };

struct MHD_Connection;
struct http_server;

/* Lives as long as the handler's call. */
struct http_request {
    const char *method;
    const char *path;     /* decoded, without the query */
    const char *target;   /* as it was sent, with the query */
    json_t *body;         /* the object that was sent, or NULL; the server's */
    json_t *user;         /* who is signed in, set by `admit`; the server's */
    const char *role;     /* of the route */
    char id[HTTP_MAX_ID]; /* what stood at ":id" in the route, or "" */
    struct MHD_Connection *_connection;
};

/* A query argument, decoded, or NULL. */
const char *http_request_arg(const struct http_request *request, const char *name);
const char *http_request_header(const struct http_request *request, const char *name);
const char *http_request_cookie(const struct http_request *request, const char *name);

/* A reply starts empty (status 0); a handler that returns true has called one of
 * the http_reply_… functions, once. */
struct http_reply {
    unsigned status;
    json_t *_json;
    int _fd;
    uint64_t _size;
    const char *_type;
    const char *_cache;
    char *_cookie;
};

/* Takes over `json`; NULL means out of memory and becomes a 500. */
bool http_reply_json(struct http_reply *reply, unsigned status, json_t *json);
bool http_reply_empty(struct http_reply *reply, unsigned status);
/* Takes over `fd`. The strings must be constants. */
bool http_reply_file(struct http_reply *reply, int fd, uint64_t size, const char *type,
                     const char *cache_control);

/* Besides: a Set-Cookie header. */
__attribute__((format(printf, 2, 3))) void http_reply_cookie(struct http_reply *reply,
                                                             const char *format, ...);

typedef bool http_handler(void *context, const struct http_request *request,
                          struct http_reply *reply, struct problem *problem);

/* `pattern` is a path in which a whole segment may be ":id". The first route
 * that matches wins. */
struct http_route {
    const char *method;
    const char *pattern;
    http_handler *handle;
    void *context;
    const char *role; /* for `admit`; NULL: none in particular */
};

struct http_options {
    uint32_t address; /* host byte order, inside 127.0.0.0/8 */
    uint16_t port;    /* 0: any free one */
    const struct http_route *routes;
    size_t route_count;
    /* GET of a path outside /api that no route takes. */
    http_handler *fallback;
    void *fallback_context;
    /* Before a route's handler; false refuses the request. May set its `user`. */
    bool (*admit)(void *context, struct http_request *request, struct problem *problem);
    /* Between a route's handler and its answer; may block. */
    void (*hold)(void *context, const struct http_request *request);
    void *hook_context;
};

/* The options, and all that they point at, must outlive the server. NULL on failure. */
struct http_server *http_start(const struct http_options *options, struct problem *problem);
uint16_t http_port(const struct http_server *server);
/* Waits for the handlers that run. NULL is allowed. */
void http_stop(struct http_server *server);

#endif
