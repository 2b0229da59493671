#include "guard.h"

#include "admin/metrics.h"
#include "auth/live.h"
#include "base/check.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* One configuration's. */
struct post {
    struct auth *auth;
    struct live *live; /* NULL: nothing is asked of the database */
    struct fetch *fetch;
    struct jwks *jwks;
    char *url; /* of jwks, and so are the algs */
    unsigned algs;
};

struct guard {
    struct guard_options options;
    struct tickets *tickets;
    struct quota *quota;
    struct tally tally;
    struct post now, old;
};

static bool open_jwks(struct guard *guard, struct post *post, const struct auth_jwt *jwt,
                      struct err *err)
{
    struct jwks_options options = {
        .url = jwt->jwks_url, .algs = jwt->algs ? jwt->algs : JWK_ANY, .log = guard->options.log};
    if (!jwt->jwks_url)
        return true;
    post->algs = options.algs;
    post->url = mem_copy(jwt->jwks_url, strlen(jwt->jwks_url));
    /* A reload while the issuer is down must not make its tokens unknown. */
    if (guard->now.jwks && guard->now.algs == post->algs && strcmp(guard->now.url, post->url) == 0)
        options.keys = jwks_keys(guard->now.jwks);
    post->fetch = fetch_new(guard->options.loop, NULL, err);
    post->jwks = post->fetch ? jwks_new(guard->options.loop, post->fetch, &options, err) : NULL;
    jwk_set_unref(options.keys);
    return post->jwks != NULL;
}

static void close_post(struct post *post)
{
    live_free(post->live);
    auth_free(post->auth);
    if (post->jwks)
        jwks_close(post->jwks);
    if (post->fetch)
        fetch_close(post->fetch);
    free(post->url);
    *post = (struct post){0};
}

static bool open_post(struct guard *guard, struct post *post, const struct config *config,
                      struct err *err)
{
    struct auth_options options = {.spec = &config->auth,
                                   .loopback = config_is_loopback(guard->options.listen),
                                   .tickets = guard->tickets,
                                   .tally = &guard->tally,
                                   .log = guard->options.log};
    for (size_t i = 0; i < config->n_sources; i++) {
        const struct config_source *source = &config->sources[i];
        if (source->kind != CONFIG_PUBLISH)
            continue;
        options.publish = true;
        options.publish_token = source->token;
    }
    if (!open_jwks(guard, post, &config->auth.jwt, err))
        goto fail;
    options.jwks = post->jwks;
    post->auth = auth_new(&options, err);
    if (post->auth && config->auth.membership.n)
        post->live = live_new(auth_authorizer(post->auth), guard->options.to_hub);
    if (post->auth)
        return true;
fail:
    close_post(post);
    return false;
}

struct guard *guard_new(const struct guard_options *options, const struct config *config,
                        struct err *err)
{
    struct guard *guard = mem_new(sizeof *guard);
    guard->options = *options;
    guard->tickets = tickets_new();
    guard->quota = quota_new(options->seed);
    if (open_post(guard, &guard->now, config, err))
        return guard;
    guard_free(guard);
    return NULL;
}

void guard_close(struct guard *guard)
{
    if (!guard)
        return;
    close_post(&guard->old);
    close_post(&guard->now);
}

void guard_free(struct guard *guard)
{
    if (!guard)
        return;
    tickets_free(guard->tickets);
    quota_free(guard->quota);
    free(guard);
}

bool guard_fits(const struct guard *guard, const struct config *config, struct err *err)
{
    const char *listen = guard->options.listen;
    if (config_is_loopback(listen))
        return true;
    if (config->auth.none)
        return err_set(err,
                       "\"auth: none\" needs a loopback listener, and this one is %s until "
                       "a restart",
                       listen);
    for (size_t i = 0; i < config->n_sources; i++)
        if (config->sources[i].kind == CONFIG_PUBLISH && config->sources[i].open)
            return err_set(err,
                           "\"publish: { open: true }\" needs a loopback listener, and this "
                           "one is %s until a restart",
                           listen);
    return true;
}

const struct authorizer *guard_authorizer(const struct guard *guard)
{
    return guard->now.live ? live_authorizer(guard->now.live) : auth_authorizer(guard->now.auth);
}

struct quota *guard_quota(const struct guard *guard)
{
    return guard->quota;
}

void guard_change(struct guard *guard, const struct config *config)
{
    struct post next = {0};
    struct err err = ERR_INIT;
    CHECK(open_post(guard, &next, config, &err));
    guard->old = guard->now;
    guard->now = next;
}

void guard_forget(struct guard *guard)
{
    close_post(&guard->old);
}

/* ---- metrics ---- */

static void write_tokens(struct guard *guard, struct buf *out)
{
    const char *name = "unstale_auth_tokens_total";
    metrics_family(out, name, METRICS_COUNTER, "Tokens that were looked at, by what was found.");
    for (unsigned i = 0; i < JWT_RESULTS; i++)
        metrics_labelled(out, name, "result", str_of(jwt_result_name((enum jwt_result)i)),
                         atomic_load(&guard->tally.tokens[i]));
}

static void write_callbacks(struct guard *guard, struct buf *out)
{
    static const char *const words[TALLY_CALLBACKS] = {[TALLY_ASKED] = "asked",
                                                       [TALLY_CACHED] = "cached",
                                                       [TALLY_GOOD] = "good",
                                                       [TALLY_NOT_GOOD] = "refused",
                                                       [TALLY_NO_ANSWER] = "no_answer"};
    const char *name = "unstale_auth_callback_total";
    metrics_family(out, name, METRICS_COUNTER,
                   "Questions to the application who somebody is, and how they were answered.");
    for (unsigned i = 0; i < TALLY_CALLBACKS; i++)
        metrics_labelled(out, name, "result", str_of(words[i]),
                         atomic_load(&guard->tally.callbacks[i]));
}

static void write_refused(struct guard *guard, struct buf *out)
{
    const char *name = "unstale_streams_refused_total";
    metrics_family(out, name, METRICS_COUNTER,
                   "Streams over a limit: 429, or 1013 for a WebSocket; by whose limit it was.");
    for (unsigned k = 0; k < QUOTA_KINDS; k++)
        metrics_labelled(out, name, "limit", str_of(quota_kind_name((enum quota_kind)k)),
                         quota_refused(guard->quota, (enum quota_kind)k));
}

static void write_keys(struct guard *guard, struct buf *out)
{
    struct jwks_state state = {0};
    if (!guard->now.jwks)
        return;
    jwks_state(guard->now.jwks, &state);
    const struct metrics_row rows[] = {
        {"unstale_auth_keys", METRICS_GAUGE, state.keys, "Keys that came from jwks_url."},
        {"unstale_auth_keys_stale", METRICS_GAUGE, state.stale,
         "1 while jwks_url does not answer; the last keys stay in use."},
        {"unstale_auth_keys_fetched_total", METRICS_COUNTER, state.fetched,
         "Times that jwks_url gave keys."},
        {"unstale_auth_keys_failed_total", METRICS_COUNTER, state.failed,
         "Times that it gave none."},
    };
    metrics_rows(out, rows, sizeof rows / sizeof rows[0]);
}

void guard_metrics(struct guard *guard, struct buf *out)
{
    struct tickets_stats tickets;
    tickets_stats(guard->tickets, &tickets);
    const struct metrics_row rows[] = {
        {"unstale_auth_tickets", METRICS_GAUGE, tickets.open,
         "Tickets that were neither used nor ended (auth: tickets: max)."},
        {"unstale_auth_tickets_issued_total", METRICS_COUNTER, tickets.issued, "Tickets issued."},
        {"unstale_auth_tickets_used_total", METRICS_COUNTER, tickets.used, "Tickets used."},
        {"unstale_auth_tickets_refused_total", METRICS_COUNTER, tickets.refused,
         "Tickets that were unknown, used before or too old."},
    };
    write_tokens(guard, out);
    write_callbacks(guard, out);
    metrics_rows(out, rows, sizeof rows / sizeof rows[0]);
    write_keys(guard, out);
    write_refused(guard, out);
}
