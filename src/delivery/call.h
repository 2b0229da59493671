/* call: one HTTP request on its way through the handler of its route, and the answers in our words.
 *
 * Thread: the delivery thread's. */
#pragma once

#include "base/buf.h"
#include "base/str.h"
#include "net/server.h"
#include "wire/http.h"

#include <stdbool.h>
#include <stdint.h>

struct api;
struct api_options;

enum { CALL_HEADERS_MAX = 2048 };

struct call {
    struct api *api;
    const struct api_options *options;
    struct conn *conn;
    const struct http_request *request; /* lives until it is answered */
    uint64_t now;
    struct buf headers; /* that every answer carries */
    bool bad_token;     /* a 401 is about a token that was sent (RFC 6750, 3.1) */
    bool last;          /* the connection ends with the answer */
};

void call_respond(struct call *call, unsigned status, struct str json);
/* {"error": sentence}, with what belongs to the status. */
void call_refuse(struct call *call, unsigned status, const char *sentence);
