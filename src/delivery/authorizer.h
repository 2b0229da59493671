/* authorizer: who is it that asks, and who may publish. Declared here, implemented by auth.
 *
 * Who somebody is, is found out once, when a stream opens: that gives an identity (identity.h),
 * which answers every question of what may be read from then on. Where the application has to be
 * asked for it, the answer comes later.
 *
 * Thread: an authorizer is immutable and used by every delivery thread. A desk is one thread's own:
 * what waits for the application, and what it answered a moment ago. */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "delivery/identity.h"
#include "wire/http.h"
#include "wire/query.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum authorizer_answer {
    AUTHORIZER_YES,
    AUTHORIZER_NO,        /* 403: known, but may not */
    AUTHORIZER_WHO,       /* 401: say who you are; nothing was said */
    AUTHORIZER_BAD,       /* 401: what was said is not good (any more) */
    AUTHORIZER_UNBOUNDED, /* 400: "scope=project:*" where the right itself has no end */
    AUTHORIZER_LATER,     /* 503: who could say it does not answer */
};

/* In front of a token that is offered as a WebSocket subprotocol. */
#define AUTHORIZER_OFFER STR("bearer.")

struct authorizer_desk;
struct mail;

/* Of an opening stream or its upgrade. The request lives until it is answered, the rest during the
 * call. */
struct authorizer_ask {
    uint64_t conn; /* who waits for the answer */
    const struct http_request *request;
    const struct query *query;
    bool websocket;
};

struct admission {
    enum authorizer_answer answer;
    struct identity *identity; /* YES: the receiver's */
    struct err err;            /* else a sentence for the client, without secrets */
};

/* Where a desk stands. */
struct authorizer_place {
    uv_loop_t *loop;
    unsigned worker;
};

/* On the desk's thread, from its loop. `conn` may be gone by now: then the receiver frees the
 * identity. */
typedef void authorizer_admitted(void *ctx, uint64_t conn, struct admission *admission);

struct authorizer {
    void *ctx;

    /* Pages carry cookies: Access-Control-Allow-Credentials, and answers differ by Origin. */
    bool credentials;
    /* Pages may offer their token as a WebSocket subprotocol, "bearer." in front of it. */
    bool tokens;
    /* What pages may send besides the usual headers, in small letters. */
    const struct str *headers;
    size_t n_headers;

    struct authorizer_desk *(*open_desk)(void *ctx, const struct authorizer_place *place,
                                         authorizer_admitted *admitted, void *admitted_ctx);
    /* Who waits is answered with LATER, in this call. Its handles are off the loop after the loop
     * has run its closing callbacks. NULL is allowed. */
    void (*close_desk)(struct authorizer_desk *desk);
    /* True: *out is the answer. False: it will be `admitted`, once, unless it is cancelled. */
    bool (*identify)(struct authorizer_desk *desk, const struct authorizer_ask *ask,
                     struct admission *out);
    /* The connection is gone; nothing happens where it does not wait. */
    void (*cancel)(struct authorizer_desk *desk, uint64_t conn);
    /* NULL: nothing is asked of the hub's thread. Its MAIL_ADMITTED; takes it. */
    void (*answered)(struct authorizer_desk *desk, struct mail *mail);

    /* A token that an open stream sends. `asks` is nobody, or whose it has to be. */
    void (*renew)(void *ctx, const struct identity *asks, struct str token, struct admission *out);
    /* Whom `renew` has named on a stream that was nobody's: what else is to be found out, as
     * `identify` does. NULL: nothing. */
    bool (*complete)(struct authorizer_desk *desk, uint64_t conn, struct admission *admission);
    /* Who was identified under other settings, under these. */
    void (*recheck)(void *ctx, const struct identity *old, struct admission *out);

    enum authorizer_answer (*may_publish)(void *ctx, const struct http_request *request);
    /* Whoever may publish asks for a ticket: 0 and its answer, or the status of the refusal. */
    unsigned (*ticket)(void *ctx, struct str body, struct buf *answer, struct err *err);
    /* May a page of this Origin talk to us at all, when it asked for that Host? */
    bool (*origin_allowed)(void *ctx, struct str origin, struct str host);
    bool (*host_allowed)(void *ctx, struct str host);
};
