/* Two threads meet here at one lock, held for a pointer and a few numbers. A reader takes a
 * reference and is done: what it has stays whole while it verifies, whatever is rotated meanwhile.
 */
#include "auth/jwks.h"

#include "base/backoff.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    REFRESH_MS = 10 * 60 * 1000,
    REFRESH_MAX_MS = 24 * 60 * 60 * 1000,
    MIN_GAP_MS = 30 * 1000,
    RETRY_MS = 2000,
    TIMEOUT_MS = 5000,
    AT_ONCE_MS = 1
};

struct jwks {
    /* the loop's thread alone */
    struct fetch *fetch;
    struct fetch_job *job;
    uv_timer_t timer;
    unsigned handles;
    char *url;
    unsigned algs;
    uint64_t refresh_ms, timeout_ms;
    struct backoff backoff;
    const struct log *log;
    void (*changed)(void *ctx, struct jwk_set *set);
    void *ctx;
    struct buf text; /* what the present set was made of */
    uv_async_t wake; /* whoever asks, wakes */
    uint64_t min_gap_ms;
    pthread_mutex_t lock; /* of what follows */
    struct jwk_set *keys;
    struct jwks_state state;
    bool wanted;      /* a fetch is under way, or about to be */
    uint64_t last_ns; /* when the last one ended */
};

static uint64_t dice(void)
{
    uint64_t value;
    CHECK(uv_random(NULL, NULL, &value, sizeof value, 0, NULL) == 0);
    return value;
}

/* ---- a fetch and its end ------------------------------------------------------------------- */

static void answered(void *ctx, const struct fetch_answer *answer);
static void fetch_failed(struct jwks *jwks, const char *why);

static void fetch_now(struct jwks *jwks)
{
    static const char *const headers[] = {"Accept: application/jwk-set+json, application/json"};
    struct err err = ERR_INIT;
    const struct fetch_request request = {.url = jwks->url,
                                          .headers = headers,
                                          .n_headers = 1,
                                          .timeout_ms = jwks->timeout_ms,
                                          .max_body = JWK_TEXT_MAX};
    if (jwks->job)
        return;
    uv_timer_stop(&jwks->timer);
    pthread_mutex_lock(&jwks->lock);
    jwks->wanted = true;
    pthread_mutex_unlock(&jwks->lock);
    jwks->job = fetch_start(jwks->fetch, &request, answered, jwks, &err);
    if (!jwks->job)
        fetch_failed(jwks, err.text);
}

static void due(uv_timer_t *timer)
{
    fetch_now(timer->data);
}

static void woken(uv_async_t *wake)
{
    fetch_now(wake->data);
}

static void again_in(struct jwks *jwks, uint64_t ms)
{
    uv_timer_start(&jwks->timer, due, ms ? ms : AT_ONCE_MS, 0);
}

static void fetch_failed(struct jwks *jwks, const char *why)
{
    bool first, none;
    pthread_mutex_lock(&jwks->lock);
    first = !jwks->state.stale;
    none = !jwks->keys;
    jwks->state.stale = true;
    jwks->state.failed++;
    snprintf(jwks->state.error, sizeof jwks->state.error, "%s", why);
    jwks->wanted = false;
    jwks->last_ns = uv_hrtime();
    pthread_mutex_unlock(&jwks->lock);
    if (first)
        log_warn(jwks->log, "jwks", "%.*s cannot be read: %s; %s",
                 STR_ARG(fetch_url_shown(jwks->url)), why,
                 none ? "nobody with a token can be let in until it can"
                      : "the keys of the last time stay in use");
    again_in(jwks, jwks->backoff.first_ms / 2 + backoff_next(&jwks->backoff, dice()));
}

static void take(struct jwks *jwks, struct jwk_set *set, const struct jwk_left_out *left_out)
{
    struct jwk_set *old;
    bool first;
    pthread_mutex_lock(&jwks->lock);
    old = jwks->keys;
    first = jwks->state.fetched == 0;
    jwks->keys = set;
    jwks->state.keys = jwk_set_count(set);
    pthread_mutex_unlock(&jwks->lock);
    jwk_set_unref(old);
    log_info(jwks->log, "jwks", "%.*s has %zu keys%s", STR_ARG(fetch_url_shown(jwks->url)),
             jwk_set_count(set), first ? "" : " now: they were changed");
    if (left_out->n)
        log_warn(jwks->log, "jwks", "%.*s: %zu of its keys cannot be used: %s",
                 STR_ARG(fetch_url_shown(jwks->url)), left_out->n, left_out->first.text);
    if (jwks->changed)
        jwks->changed(jwks->ctx, set);
}

static void fetched(struct jwks *jwks, int64_t max_age_s)
{
    uint64_t ms = max_age_s > 0 ? (uint64_t)max_age_s * 1000 : jwks->refresh_ms;
    bool again;
    if (ms < jwks->min_gap_ms)
        ms = jwks->min_gap_ms;
    if (ms > REFRESH_MAX_MS)
        ms = REFRESH_MAX_MS;
    pthread_mutex_lock(&jwks->lock);
    again = jwks->state.stale;
    jwks->state.stale = false;
    jwks->state.fetched++;
    jwks->state.error[0] = '\0';
    jwks->wanted = false;
    jwks->last_ns = uv_hrtime();
    pthread_mutex_unlock(&jwks->lock);
    if (again)
        log_info(jwks->log, "jwks", "%.*s can be read again", STR_ARG(fetch_url_shown(jwks->url)));
    jwks->backoff.failures = 0;
    again_in(jwks, ms - dice() % (ms / 4 + 1));
}

static void answered(void *ctx, const struct fetch_answer *answer)
{
    struct jwks *jwks = ctx;
    struct jwk_left_out left_out = {0};
    struct err err = ERR_INIT;
    jwks->job = NULL;
    if (answer->end != FETCH_ANSWERED)
        err_set(&err, "%s", answer->error);
    else if (answer->status != 200)
        err_set(&err, "it answers with %u", answer->status);
    else if (jwks->text.len && str_equal(answer->body, buf_slice(&jwks->text))) {
        fetched(jwks, answer->max_age_s);
        return;
    } else {
        struct jwk_set *set = jwk_set_new();
        if (jwk_set_add_json(set, answer->body, jwks->algs, JWK_THEIRS, &left_out, &err)) {
            buf_clear(&jwks->text);
            buf_str(&jwks->text, answer->body);
            take(jwks, set, &left_out);
            fetched(jwks, answer->max_age_s);
            return;
        }
        jwk_set_unref(set);
    }
    fetch_failed(jwks, err.text);
}

/* ---- begin and end ------------------------------------------------------------------------- */

struct jwks *jwks_new(uv_loop_t *loop, struct fetch *fetch, const struct jwks_options *options,
                      struct err *err)
{
    if (!fetch_url_ok(options->url, err))
        return NULL;
    struct jwks *jwks = mem_new(sizeof *jwks);
    jwks->fetch = fetch;
    jwks->url = mem_copy(options->url, strlen(options->url));
    jwks->algs = options->algs & ~JWK_HMAC;
    jwks->refresh_ms = options->refresh_ms ? options->refresh_ms : REFRESH_MS;
    jwks->min_gap_ms = options->min_gap_ms ? options->min_gap_ms : MIN_GAP_MS;
    jwks->timeout_ms = options->timeout_ms ? options->timeout_ms : TIMEOUT_MS;
    jwks->backoff = (struct backoff){.first_ms = options->retry_ms ? options->retry_ms : RETRY_MS,
                                     .max_ms = jwks->refresh_ms};
    jwks->log = options->log;
    jwks->changed = options->changed;
    jwks->ctx = options->ctx;
    jwks->text = BUF_INIT(JWK_TEXT_MAX);
    jwks->handles = 2;
    jwks->keys = options->keys ? jwk_set_ref(options->keys) : NULL;
    jwks->state.keys = jwks->keys ? jwk_set_count(jwks->keys) : 0;
    pthread_mutex_init(&jwks->lock, NULL);
    CHECK(uv_timer_init(loop, &jwks->timer) == 0);
    CHECK(uv_async_init(loop, &jwks->wake, woken) == 0);
    jwks->timer.data = jwks->wake.data = jwks;
    fetch_now(jwks);
    return jwks;
}

static void released(uv_handle_t *handle)
{
    struct jwks *jwks = handle->data;
    if (--jwks->handles > 0)
        return;
    jwk_set_unref(jwks->keys);
    pthread_mutex_destroy(&jwks->lock);
    buf_free(&jwks->text);
    free(jwks->url);
    free(jwks);
}

void jwks_close(struct jwks *jwks)
{
    if (jwks->job)
        fetch_cancel(jwks->job);
    jwks->job = NULL;
    uv_close((uv_handle_t *)&jwks->timer, released);
    uv_close((uv_handle_t *)&jwks->wake, released);
}

/* ---- any thread ---------------------------------------------------------------------------- */

struct jwk_set *jwks_keys(struct jwks *jwks)
{
    struct jwk_set *keys;
    pthread_mutex_lock(&jwks->lock);
    keys = jwks->keys ? jwk_set_ref(jwks->keys) : NULL;
    pthread_mutex_unlock(&jwks->lock);
    return keys;
}

bool jwks_missing(struct jwks *jwks)
{
    bool later, wake = false;
    pthread_mutex_lock(&jwks->lock);
    /* Who cannot be reached cannot say that the key is unknown, and is asked again anyway. */
    later = !jwks->keys || jwks->wanted || jwks->state.stale;
    if (!later && uv_hrtime() - jwks->last_ns >= jwks->min_gap_ms * 1000000) {
        jwks->wanted = later = wake = true;
        jwks->state.asked++;
    }
    pthread_mutex_unlock(&jwks->lock);
    if (wake)
        uv_async_send(&jwks->wake);
    return later;
}

void jwks_state(struct jwks *jwks, struct jwks_state *out)
{
    pthread_mutex_lock(&jwks->lock);
    *out = jwks->state;
    pthread_mutex_unlock(&jwks->lock);
}
