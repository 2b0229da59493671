/* server_rig: a real server on a free port of 127.0.0.1, and clients with real sockets, all on one
 * thread: rig_until turns the loop and reads the clients until something has come true.
 *
 * What the owner does with a request depends on its path:
 *     /echo       answers "METHOD /path?query body;" at once
 *     /close      the same, and closes
 *     /big?N      answers N bytes
 *     /later      waits for rig_answer
 *     /stream     becomes a stream and sends "stream;" */
#pragma once

#include "net/server.h"
#include "unit.h"

enum { RIG_CLIENTS = 64 };

struct client {
    int fd;       /* -1: not there */
    bool reading; /* rig_until reads into `in` */
    bool ended;   /* the server closed */
    bool reset;
    struct buf in;
};

struct rig {
    uv_loop_t loop;
    struct server *server;
    struct server_ops ops;
    struct server_limits limits;
    struct client clients[RIG_CLIENTS];
    struct buf events; /* "requested /later; closed peer; writable; bytes xyz; " */
    uint64_t conn;     /* the connection of the last request */
    unsigned handed;   /* requests */
    unsigned turns;
    bool stopped;
    void (*on_request)(struct rig *rig, struct conn *conn, const struct http_request *request);
    void (*on_writable)(struct rig *rig, struct conn *conn);
    void *test;
};

/* `change` may change limits and options before the start, or is NULL. */
struct rig *rig_new(void (*change)(struct server_options *options));
void rig_free(struct rig *rig);

struct client *rig_connect(struct rig *rig);
void rig_send(struct client *client, struct str bytes);
/* Ends the connection; `reset`: rudely. */
void rig_leave(struct client *client, bool reset);
/* Answers the last request, with its connection found by its id. */
void rig_answer(struct rig *rig, const char *body);
/* Turns the loop once and reads the clients; waits a little when there is nothing to do. */
void rig_step(struct rig *rig);
/* In the order of the network. */
uint16_t rig_port(const struct server *server);
uint64_t rig_ms(void);
unsigned rig_descriptors(void);
/* How often `part` stands in `text`. */
unsigned rig_count(const struct buf *text, const char *part);
static inline bool rig_has(const struct buf *text, const char *part)
{
    return rig_count(text, part) > 0;
}

#define rig_until(rig, condition)                                           \
    do {                                                                    \
        uint64_t began = rig_ms();                                          \
        while (!(condition)) {                                              \
            rig_step(rig);                                                  \
            if (rig_ms() - began > 20000)                                   \
                fail_msg("waited in vain for %s; events: %.*s", #condition, \
                         STR_ARG(buf_slice(&(rig)->events)));               \
        }                                                                   \
    } while (0)
