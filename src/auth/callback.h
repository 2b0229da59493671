/* callback: the application is asked whom a request's cookies belong to.
 *
 * For sign-ins that only it understands: opaque session cookies of any framework. What the browser
 * sent (its cookies, and chosen headers) goes to one URL of the operator's; the answer is a
 * document
 *
 *     200 {"sub": "7", "scopes": ["project:42"], "exp": 1767225600}
 *
 * of which everything may be missing, and which has other claims too if the templates of `scopes`
 * want them. 401 and redirects to a login page are nobody, 403 is somebody who may not; everything
 * else (another shape of these three, too), and silence, is "try again later": that ends no stream
 * which is open.
 *
 * Whoever asks the same within `cache`, and before the answer's own `exp`, gets the same answer,
 * and while it is on its way there is one request. Only a hash of what was asked is kept. Bound:
 * CALLBACK_CACHE_BYTES of answers.
 *
 * Owner and thread: a desk's. */
#pragma once

#include "auth/spec.h"
#include "auth/tally.h"
#include "base/err.h"
#include "base/log.h"
#include "net/fetch.h"
#include "wire/http.h"

#include <stdbool.h>
#include <stdint.h>

enum { CALLBACK_CACHE_BYTES = 16 * 1024 * 1024 };

struct callback;

enum callback_answer {
    CALLBACK_SOMEBODY, /* with a document (claims_document) */
    CALLBACK_NOBODY,
    CALLBACK_FORBIDDEN,
    CALLBACK_SILENT, /* it does not answer, or not in our words */
    CALLBACK_EMPTY,  /* the request has nothing to ask about */
    CALLBACK_WAIT    /* `done` will be called */
};

struct callback_said {
    enum callback_answer answer;
    struct str document;
    struct str session; /* a hash of what was asked: the same for the same session */
};

struct callback_options {
    const struct auth_callback *spec; /* lives as long */
    uv_loop_t *loop;
    struct fetch *fetch; /* lives longer */
    const struct log *log;
    struct tally *tally;
    void *ctx;
    void (*done)(void *ctx, uint64_t waiter, const struct callback_said *said);
};

struct callback *callback_new(const struct callback_options *options);
/* Who waits is answered with CALLBACK_SILENT. */
void callback_free(struct callback *callback);
/* What is said now is borrowed until the next call. */
struct callback_said callback_ask(struct callback *callback, const struct http_request *request,
                                  uint64_t waiter);
void callback_cancel(struct callback *callback, uint64_t waiter);
