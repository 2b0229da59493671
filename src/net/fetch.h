/* fetch: HTTP requests that go out from a loop, by libcurl's multi interface on libuv.
 *
 * For what the operator has named (key sets, the application's sign-in), never for what a peer
 * names. http and https only, no redirects, certificates are checked, proxies of the environment
 * are not used: what goes out may be a user's cookie. Connections are kept and used again.
 *
 * Owner and thread: one thread, that of the loop. Nothing here blocks it: names are resolved by
 * libcurl's own thread.
 * Bound: `max_jobs` requests under way, each with a time limit and a limit of its answer. */
#pragma once

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct fetch;
struct fetch_job;

struct fetch_options {
    unsigned max_jobs;        /* 0: 256 */
    unsigned max_connections; /* to one host; 0: 16 */
};

enum fetch_end {
    FETCH_ANSWERED, /* whatever the status is */
    FETCH_FAILED,   /* no connection, broken off, TLS, not HTTP */
    FETCH_TIMED_OUT,
    FETCH_TOO_LARGE /* the answer is longer than max_body */
};

struct fetch_answer {
    enum fetch_end end;
    unsigned status;   /* of an answer */
    struct str body;   /* of an answer; borrowed during the call */
    int64_t max_age_s; /* of its Cache-Control; -1 where it says none, 0 for no-store */
    const char *error; /* a sentence where there is no answer; without secrets */
};

/* Called exactly once, from the loop, never from within fetch_start; not after fetch_cancel. May
 * start other requests; may not close the fetch. */
typedef void fetch_done(void *ctx, const struct fetch_answer *answer);

struct fetch_request {
    const char *url;
    const char *const
        *headers; /* "Name: value", without line ends; a line end in one is an error */
    size_t n_headers;
    struct str body; /* .p not NULL: a POST of it; else a GET */
    uint64_t timeout_ms;
    size_t max_body;
};

/* What of a URL may stand in a log: up to its query, where a key may be. */
struct str fetch_url_shown(const char *url);

/* NULL with a sentence. `options` may be NULL. */
struct fetch *fetch_new(uv_loop_t *loop, const struct fetch_options *options, struct err *err);
/* Cancels what is under way, without calling anybody. Its handles are off the loop after the loop
 * has run its closing callbacks, and then it is freed. */
void fetch_close(struct fetch *fetch);
/* NULL with a sentence when max_jobs are under way or the URL is none. The request is copied. */
struct fetch_job *fetch_start(struct fetch *fetch, const struct fetch_request *request,
                              fetch_done *done, void *ctx, struct err *err);
/* Valid until `done` has been called. */
void fetch_cancel(struct fetch_job *job);

/* Whether it is an http or https URL with a host and without user information. */
bool fetch_url_ok(const char *url, struct err *err);
