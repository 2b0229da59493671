/* authorizer: who may read which scope, who may publish. Declared here, implemented by auth.
 *
 * Thread: called on every delivery thread; an implementation is immutable or does
 * its own locking. Answers at once. */
#pragma once

#include "base/str.h"
#include "wire/http.h"

#include <stdbool.h>

enum authorizer_answer {
    AUTHORIZER_YES,
    AUTHORIZER_NO,        /* 403: known, but may not */
    AUTHORIZER_WHO,       /* 401: say who you are */
    AUTHORIZER_UNBOUNDED, /* 400: "scope=project:*" where the right itself has no end */
};

struct authorizer {
    void *ctx;
    /* `scope` is a checked scope name, or a family that asks for "all of it that I may read". */
    enum authorizer_answer (*may_read)(void *ctx, const struct http_request *request,
                                       struct str scope);
    enum authorizer_answer (*may_publish)(void *ctx, const struct http_request *request);
    /* The page's Origin and the Host that was asked for: may this page talk to us at all? */
    bool (*origin_allowed)(void *ctx, struct str origin);
    bool (*host_allowed)(void *ctx, struct str host);
};
