/* intake: what a connection has only while a request is on its way. A host keeps some of them for
 * the next requests, so that most of these cost no allocation.
 *
 * Thread: the server's. */
#pragma once

struct conn_host;
struct http_reader;

#include <stddef.h>

struct intake {
    struct intake *next; /* among the spare ones */
    struct http_reader *reader;
    char *rest; /* read from the socket, not yet looked at */
    size_t rest_at, rest_n;
};

/* Empty; goes back with intake_give. NULL when there is no memory. */
struct intake *intake_take(struct conn_host *host);
/* NULL is fine. */
void intake_give(struct conn_host *host, struct intake *intake);
/* At the host's end. */
void intake_free_spare(struct conn_host *host);
