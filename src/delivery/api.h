/* api: the public HTTP routes of one delivery thread.
 *
 *     GET  /v1/stream     SSE               (DESIGN 5)
 *     GET  /v1/ws         WebSocket
 *     GET  /v1/position
 *     POST /v1/changes, /v1/notices, /v1/tickets
 *     GET  a path of `endpoints:`, in the words of its dialect
 *     OPTIONS *           preflight
 *
 * A route is one row: path, methods, handler. Thread: the delivery thread's. */
#pragma once

#include "base/hash.h"
#include "delivery/authorizer.h"
#include "delivery/crowd.h"
#include "delivery/guests.h"
#include "delivery/mails.h"
#include "net/server.h"

#include <stdbool.h>
#include <stdint.h>

struct api;

struct api_options {
    unsigned worker;
    uv_loop_t *loop;
    struct crowd *crowd;
    struct guests *guests;
    uint64_t epoch;
    struct hash_seed seed;
    const struct log *log;
    uint64_t (*wall_ms)(void);
    const struct worker_limits *limits; /* the thread's; may change between two calls */
    void *ctx;
    void (*post)(void *ctx, struct mail *mail);
};

struct api *api_new(const struct api_options *options);
void api_free(struct api *api);
/* The authorizer of the limits is another one now; the old one lives until this returns. */
void api_set_authorizer(struct api *api, const struct authorizer *old);
/* Nobody waits any more for the application; its handles go with the loop's next turns. */
void api_close(struct api *api);

void api_request(struct api *api, struct conn *conn, const struct http_request *request,
                 uint64_t now);
/* The same of one connection too many: a refusal that its client comes back from. */
void api_refuse(struct api *api, struct conn *conn, const struct http_request *request);
/* What a client of an open WebSocket sent; `bytes` of a connection that crowd knows. */
void api_bytes(struct api *api, struct conn *conn, struct str bytes, uint64_t now,
               uint64_t wall_ms);
/* To be called now and then: ends what takes too long. */
void api_expire(struct api *api, uint64_t now);
/* Before crowd_writable: what is owed to the client goes first. True: the connection is free. */
bool api_writable(struct conn *conn);
/* Before crowd_closed. */
void api_closed(struct conn *conn);
/* MAIL_ADMITTED; takes it. */
void api_admitted(struct api *api, struct mail *mail);
/* Every connection that goes, whether the crowd knows it or not. */
void api_gone(struct api *api, struct conn *conn);
/* The hub's answer to a publish; takes the mail. */
void api_published(struct api *api, struct server *server, struct mail_publish *publish);
/* No new streams from here on: 503, 1013. */
void api_drain(struct api *api);
/* No publishes either. */
void api_stop(struct api *api);
/* A publish still waits for its answer. */
bool api_busy(const struct api *api);
