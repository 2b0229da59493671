/* client: HTTP to a running server, for the commands that talk to one.
 *
 * Never by a proxy of the environment: what is asked for is nearly always this machine. SIGINT and
 * SIGTERM end what is under way; they are blocked while a client exists and read from a descriptor,
 * so that no handler has to do anything. One client a process. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct client;

struct client *client_new(struct err *err);
void client_free(struct client *client);
/* SIGINT or SIGTERM came. */
bool client_stopped(const struct client *client);

struct client_answer {
    long status;
    struct buf body;         /* for a stream: only of a refusal */
    uint64_t retry_after_ms; /* 0: not said */
};

void client_answer_free(struct client_answer *answer);

/* POST of JSON. True when there was an answer, whatever its status. `token` may be NULL. */
bool client_post(struct client *client, const char *url, const char *token, struct str body,
                 struct client_answer *answer, struct err *err);

struct client_stream {
    /* Bytes of a 200; false ends the stream. */
    bool (*bytes)(void *ctx, struct str bytes);
    /* How long the server may be silent, in ms; asked again all the time. */
    uint64_t (*patience)(void *ctx);
    void *ctx;
};

/* GET that reads until the server ends it, falls silent, or the client is stopped. True when there
 * was an answer whose body ended; `answer` says which. `token` may be NULL. */
bool client_get(struct client *client, const char *url, const char *token,
                const struct client_stream *stream, struct client_answer *answer, struct err *err);

/* Waits; false when the client was stopped meanwhile. */
bool client_wait(struct client *client, uint64_t ms);
/* Adds `text`, percent-encoded for a query. */
bool client_write_query(struct buf *out, struct str text);
