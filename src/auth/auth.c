#include "auth/auth.h"

#include "auth/callback.h"
#include "auth/claims.h"
#include "auth/jwt.h"
#include "auth/loopback.h"
#include "base/check.h"
#include "base/jsontext.h"
#include "base/mem.h"
#include "delivery/entrance.h"
#include "wire/cookie.h"
#include "wire/ws_handshake.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

enum { AUTH_USER_MAX = 1024 };

struct auth {
    struct auth_options options;
    char *publish_token;
    struct jwk_set *keys; /* NULL: they are at a URL, or there are none */
    struct claims *claims;
    struct jwt_policy policy;
    struct authorizer authorizer;
};

/* One thread's. */
struct authorizer_desk {
    struct auth *auth;
    struct fetch *fetch;
    struct callback *callback;
    authorizer_admitted *admitted;
    void *admitted_ctx;
};

static int64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void answer(struct admission *out, enum authorizer_answer answer, const char *sentence)
{
    out->answer = answer;
    err_set(&out->err, "%s", sentence);
}

/* ---- identities ---- */

/* Who it is, with the rights that the claims give. Takes nothing. */
static void admit(const struct auth *auth, const struct identity_options *as, struct admission *out)
{
    bool by_token = as->way == IDENTITY_TOKEN;
    struct buf user = BUF_INIT(AUTH_USER_MAX);
    claims_text(as->claims, str_of(by_token ? auth->options.spec->jwt.user : "sub"), &user);
    struct identity_options options = *as;
    options.user = buf_slice(&user);
    struct identity *identity = identity_new(&options);
    struct err err = ERR_INIT;
    bool ok = claims_grant(auth->claims, as->claims, identity, &err);
    if (ok && !by_token)
        ok = claims_grant_named(json_object_get(as->claims, "scopes"), identity, &err);
    if (user.overflow)
        ok = err_set(&err, "the name of the user is longer than %d bytes", AUTH_USER_MAX);
    if (ok) {
        out->answer = AUTHORIZER_YES;
        out->identity = identity;
    } else {
        identity_free(identity);
        answer(out, AUTHORIZER_NO, err.text);
    }
    buf_free(&user);
}

static enum jwt_result verify(const struct auth *auth, struct str token, struct jwt *jwt,
                              struct err *err)
{
    struct jwk_set *keys = auth->keys ? jwk_set_ref(auth->keys)
                                      : (auth->options.jwks ? jwks_keys(auth->options.jwks) : NULL);
    enum jwt_result result = JWT_UNKNOWN_KEY;
    if (keys)
        result = jwt_verify(token, keys, &auth->policy, wall_ms(), jwt, err);
    jwk_set_unref(keys);
    return result;
}

static void admit_token(const struct auth *auth, struct str token, struct admission *out)
{
    struct jwt jwt = JWT_INIT;
    struct err err = ERR_INIT;
    enum jwt_result result = verify(auth, token, &jwt, &err);
    tally_add(&auth->options.tally->tokens[result]);
    if (result == JWT_GOOD) {
        int64_t leeway = auth->policy.leeway_ms;
        int64_t ends = jwt.expires_ms == INT64_MAX ? INT64_MAX : jwt.expires_ms + leeway;
        const struct identity_options as = {
            .way = IDENTITY_TOKEN, .proof = token, .expires_ms = ends, .claims = jwt.claims};
        admit(auth, &as, out);
    } else if (result == JWT_UNKNOWN_KEY && auth->options.jwks &&
               jwks_missing(auth->options.jwks)) {
        answer(out, AUTHORIZER_LATER, "the keys of the tokens are being fetched; come back");
    } else {
        answer(out, AUTHORIZER_BAD, err.text[0] ? err.text : "no key has the name in the token");
    }
    jwt_free(&jwt);
}

/* {sub, scopes, exp, …}: what the callback answers, and what a ticket stands for. `as` has the
 * rest: its proof is the text, and it ends then at the latest. */
static void admit_document(const struct auth *auth, const struct identity_options *as,
                           struct admission *out)
{
    json_t *document = json_loadb(as->proof.p, as->proof.n, JSON_REJECT_DUPLICATES, NULL);
    const json_t *exp = json_object_get(document, "exp");
    struct identity_options known = *as;
    struct err err = ERR_INIT;
    known.claims = document;
    bool fits = claims_document(document, &err);
    if (fits && json_is_number(exp) && json_number_value(exp) * 1000 < (double)as->expires_ms)
        known.expires_ms = (int64_t)(json_number_value(exp) * 1000);
    if (!fits)
        answer(out, AUTHORIZER_NO, err.text);
    else if (known.expires_ms <= wall_ms())
        answer(out, AUTHORIZER_BAD, "the session has expired");
    else
        admit(auth, &known, out);
    json_decref(document);
}

/* What is said of a ticket's holder. */
static void admit_holder(const struct auth *auth, struct str document, struct admission *out)
{
    const struct auth_tickets *spec = &auth->options.spec->tickets;
    const struct identity_options as = {.way = IDENTITY_TICKET,
                                        .proof = document,
                                        .expires_ms = wall_ms() + (int64_t)spec->max_age_ms};
    admit_document(auth, &as, out);
}

/* ---- where a token may stand ---- */

static struct str bearer(const struct http_request *request)
{
    struct str given = http_find(request, "authorization"), scheme = STR("Bearer ");
    if (given.n <= scheme.n || strncasecmp(given.p, scheme.p, scheme.n) != 0)
        return (struct str){0};
    return str_from(given, scheme.n);
}

static struct str offered(const struct authorizer_ask *ask)
{
    struct ws_offers offers = {0};
    struct str offer = {0};
    while (ask->websocket && ws_offers_next(ask->request, &offers, &offer))
        if (str_starts(offer, AUTHORIZER_OFFER))
            return str_from(offer, AUTHORIZER_OFFER.n);
    return (struct str){0};
}

/* Another page's browser must not speak for its user: what comes by itself counts only where the
 * page is known. An Origin was looked at already; a request without one may still be an image of
 * somebody else's page. */
static bool by_another_page(const struct http_request *request)
{
    struct str site = http_find(request, "sec-fetch-site");
    return !http_find(request, "origin").n && site.n && !str_is(site, "same-origin") &&
           !str_is(site, "none");
}

/* False: the request has no token. */
static bool identify_token(const struct auth *auth, const struct authorizer_ask *ask,
                           struct admission *out)
{
    const struct auth_jwt *spec = &auth->options.spec->jwt;
    struct str token = bearer(ask->request), cookie = {0};
    enum cookie_found found = COOKIE_NONE;
    if (!token.n)
        token = offered(ask);
    if (!token.n && spec->query)
        token = query_find(ask->query, spec->query);
    if (!token.n && spec->cookie)
        found = cookie_find(http_find(ask->request, "cookie"), str_of(spec->cookie), &cookie);
    if (found == COOKIE_DIFFERENT)
        answer(out, AUTHORIZER_BAD, "the cookie is there twice, with different values");
    else if (found == COOKIE_ONE && cookie.n && by_another_page(ask->request))
        answer(out, AUTHORIZER_NO, "another site asked for this with your cookie");
    else if (token.n || cookie.n)
        admit_token(auth, token.n ? token : cookie, out);
    else
        return false;
    return true;
}

/* ---- tickets ---- */

static uint64_t steady_ms(void)
{
    return uv_hrtime() / 1000000;
}

static void identify_ticket(const struct auth *auth, struct str ticket, struct admission *out)
{
    struct buf document = BUF_INIT(TICKETS_DOCUMENT_MAX + 1);
    if (tickets_take(auth->options.tickets, ticket, steady_ms(), &document))
        admit_holder(auth, buf_slice(&document), out);
    else
        answer(out, AUTHORIZER_BAD, "the ticket is not known: it was used, or it is too old");
    if (document.data)
        explicit_bzero(document.data, document.len);
    buf_free(&document);
}

static unsigned issue_ticket(void *ctx, struct str body, struct buf *out, struct err *err)
{
    const struct auth *auth = ctx;
    const struct auth_tickets *spec = &auth->options.spec->tickets;
    struct admission trial = {.err = ERR_INIT};
    struct buf ticket = BUF_INIT(256);
    unsigned status = 0;
    if (!spec->on) {
        err_set(err, "there are no tickets here: add \"tickets: {}\" to auth");
        return 404;
    }
    if (body.n > TICKETS_DOCUMENT_MAX) {
        err_set(err, "a ticket's document may have %d bytes", TICKETS_DOCUMENT_MAX);
        return 413;
    }
    json_t *document = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
    bool object = json_is_object(document);
    json_decref(document);
    if (!object) {
        err_set(err, "a ticket's document is a JSON object: {\"sub\":\"7\",\"scopes\":[...]}");
        return 400;
    }
    /* What would be refused when it is spent is refused now. */
    admit_holder(auth, body, &trial);
    identity_free(trial.identity);
    if (trial.answer != AUTHORIZER_YES) {
        err_set(err, "%s", trial.err.text);
        return 400;
    }
    if (tickets_issue(auth->options.tickets, body, steady_ms(), spec->ttl_ms, spec->max, &ticket)) {
        buf_text(out, "{\"ticket\":");
        jsontext_string(out, buf_slice(&ticket));
        buf_printf(out, ",\"expires_in\":%g}\n", (double)spec->ttl_ms / 1000);
    } else {
        err_set(err, "there are %u open tickets already (auth: tickets: max)", spec->max);
        status = 503;
    }
    buf_free(&ticket);
    return status;
}

/* ---- the application's word ---- */

static void admit_answer(const struct auth *auth, const struct callback_said *said,
                         struct admission *out)
{
    const struct auth_callback *spec = &auth->options.spec->callback;
    const struct identity_options as = {.way = IDENTITY_CALLBACK,
                                        .proof = said->document,
                                        .session = said->session,
                                        .expires_ms = wall_ms() + (int64_t)spec->max_age_ms};
    switch (said->answer) {
    case CALLBACK_SOMEBODY:
        admit_document(auth, &as, out);
        break;
    case CALLBACK_NOBODY:
        answer(out, AUTHORIZER_BAD, "the application does not know this session");
        break;
    case CALLBACK_FORBIDDEN:
        answer(out, AUTHORIZER_NO, "the application does not let you in");
        break;
    case CALLBACK_EMPTY:
    case CALLBACK_WAIT:
    case CALLBACK_SILENT:
        answer(out, AUTHORIZER_LATER, "the application does not say who you are; come back");
    }
}

static void on_said(void *ctx, uint64_t conn, const struct callback_said *said)
{
    struct authorizer_desk *desk = ctx;
    struct admission admission = {.err = ERR_INIT};
    admit_answer(desk->auth, said, &admission);
    desk->admitted(desk->admitted_ctx, conn, &admission);
}

static struct authorizer_desk *open_desk(void *ctx, const struct authorizer_place *place,
                                         authorizer_admitted *admitted, void *admitted_ctx)
{
    struct auth *auth = ctx;
    struct authorizer_desk *desk = mem_new(sizeof *desk);
    struct err err = ERR_INIT;
    *desk =
        (struct authorizer_desk){.auth = auth, .admitted = admitted, .admitted_ctx = admitted_ctx};
    if (!auth->options.spec->callback.on)
        return desk;
    /* Each of those that may wait may have a question of its own. */
    const struct fetch_options jobs = {.max_jobs = ENTRANCE_WAITING_MAX};
    desk->fetch = fetch_new(place->loop, &jobs, &err);
    CHECK(desk->fetch);
    const struct callback_options options = {.spec = &auth->options.spec->callback,
                                             .loop = place->loop,
                                             .fetch = desk->fetch,
                                             .log = auth->options.log,
                                             .tally = auth->options.tally,
                                             .ctx = desk,
                                             .done = on_said};
    desk->callback = callback_new(&options);
    return desk;
}

static void close_desk(struct authorizer_desk *desk)
{
    if (!desk)
        return;
    callback_free(desk->callback);
    if (desk->fetch)
        fetch_close(desk->fetch);
    free(desk);
}

static bool identify(struct authorizer_desk *desk, const struct authorizer_ask *ask,
                     struct admission *out)
{
    const struct auth *auth = desk->auth;
    const struct auth_spec *spec = auth->options.spec;
    struct str ticket = query_find(ask->query, "ticket");
    if (spec->none) {
        out->answer = AUTHORIZER_YES;
        out->identity = identity_everyone();
        return true;
    }
    if (spec->tickets.on && ticket.n) {
        identify_ticket(auth, ticket, out);
        return true;
    }
    if (spec->jwt.on && identify_token(auth, ask, out))
        return true;
    struct callback_said said = {.answer = CALLBACK_EMPTY};
    if (desk->callback && !by_another_page(ask->request))
        said = callback_ask(desk->callback, ask->request, ask->conn);
    if (said.answer == CALLBACK_WAIT)
        return false;
    if (said.answer == CALLBACK_EMPTY)
        answer(out, AUTHORIZER_WHO, "this needs a valid token");
    else
        admit_answer(auth, &said, out);
    return true;
}

static void cancel(struct authorizer_desk *desk, uint64_t conn)
{
    if (desk && desk->callback)
        callback_cancel(desk->callback, conn);
}

/* ---- open streams ---- */

static void renew(void *ctx, const struct identity *asks, struct str token, struct admission *out)
{
    const struct auth *auth = ctx;
    if (!auth->options.spec->jwt.on) {
        answer(out, AUTHORIZER_NO, "no tokens are taken here");
        return;
    }
    admit_token(auth, token, out);
    if (out->answer != AUTHORIZER_YES || identity_way(asks) == IDENTITY_NOBODY ||
        str_equal(identity_user(asks), identity_user(out->identity)))
        return;
    identity_free(out->identity);
    out->identity = NULL;
    answer(out, AUTHORIZER_BAD, "this token is another user's: open a stream of its own");
}

static void recheck(void *ctx, const struct identity *old, struct admission *out)
{
    const struct auth *auth = ctx;
    const struct auth_spec *spec = auth->options.spec;
    enum identity_way way = identity_way(old);
    out->answer = AUTHORIZER_BAD;
    if (spec->none || way == IDENTITY_EVERYONE) {
        out->answer = AUTHORIZER_LATER; /* who is here by `auth: none` stays as he is */
    } else if (way == IDENTITY_TOKEN && spec->jwt.on) {
        admit_token(auth, identity_proof(old), out);
    } else if ((way == IDENTITY_CALLBACK && spec->callback.on) ||
               (way == IDENTITY_TICKET && spec->tickets.on)) {
        const struct identity_options as = {.way = way,
                                            .proof = identity_proof(old),
                                            .session = identity_session(old),
                                            .expires_ms = identity_expires(old)};
        admit_document(auth, &as, out);
    }
}

/* ---- publishing, and pages ---- */

static enum authorizer_answer may_publish(void *ctx, const struct http_request *request)
{
    const struct auth *auth = ctx;
    if (!auth->options.publish)
        return AUTHORIZER_NO;
    if (!auth->publish_token)
        return AUTHORIZER_YES;
    struct str given = bearer(request), secret = str_of(auth->publish_token);
    if (!given.n)
        return AUTHORIZER_WHO;
    /* How long it takes says nothing about where the first difference is. */
    return given.n == secret.n && CRYPTO_memcmp(given.p, secret.p, secret.n) == 0 ? AUTHORIZER_YES
                                                                                  : AUTHORIZER_BAD;
}

/* What stands behind "scheme://". */
static struct str host_of(struct str origin)
{
    struct str plain = STR("http://"), secure = STR("https://");
    if (str_starts(origin, plain))
        return str_from(origin, plain.n);
    return str_starts(origin, secure) ? str_from(origin, secure.n) : (struct str){0};
}

static bool same_name(struct str a, struct str b)
{
    return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

/* The page's own server: a proxy may write out the port that a browser leaves out. */
static bool is_own(struct str origin, struct str host)
{
    struct str own = host_of(origin), usual = STR(":80");
    if (str_starts(origin, STR("https://")))
        usual = STR(":443");
    return own.n && host.n &&
           (same_name(own, host) ||
            (host.n == own.n + usual.n && same_name(own, (struct str){.p = host.p, .n = own.n}) &&
             str_equal(str_from(host, own.n), usual)));
}

static bool origin_allowed(void *ctx, struct str origin, struct str host)
{
    const struct auth *auth = ctx;
    const struct auth_spec *spec = auth->options.spec;
    for (size_t i = 0; i < spec->origins.n; i++)
        if (same_name(spec->origins.items[i], origin))
            return true;
    if ((spec->none || (auth->options.loopback && spec->origins.n == 0)) && loopback_origin(origin))
        return true;
    /* A page that was served under this very name. One that took the name over (DNS rebinding) has
     * none of the cookies that are kept under the real one; where none are needed host_allowed is
     * in its way, too. */
    return !spec->none && is_own(origin, host);
}

static bool host_allowed(void *ctx, struct str host)
{
    const struct auth *auth = ctx;
    /* Where nobody has to say who he is, only the name protects. */
    bool open = auth->options.spec->none || (auth->options.publish && !auth->publish_token);
    return !open || loopback_host(host);
}

/* ---- making ---- */

static bool make_keys(struct auth *auth, struct err *err)
{
    const struct auth_jwt *spec = &auth->options.spec->jwt;
    unsigned algs = spec->algs ? spec->algs : JWK_ANY;
    if (!spec->on || spec->jwks_url)
        return true;
    auth->keys = jwk_set_new();
    return (!spec->keys.p || jwk_set_add_text(auth->keys, spec->keys, algs, err)) &&
           (!spec->secret.p || jwk_set_add_secret(auth->keys, spec->secret, algs, err));
}

static const char **pointers(const struct auth_texts *texts)
{
    const char **items = mem_array(texts->n + 1, sizeof *items);
    for (size_t i = 0; i < texts->n; i++)
        items[i] = texts->items[i].p;
    return items;
}

struct auth *auth_new(const struct auth_options *options, struct err *err)
{
    struct auth *auth = mem_new(sizeof *auth);
    const struct auth_spec *spec = options->spec;
    struct place at = {0};
    auth->options = *options;
    auth->publish_token = options->publish_token
                              ? mem_copy(options->publish_token, strlen(options->publish_token))
                              : NULL;
    auth->policy = (struct jwt_policy){.issuers = pointers(&spec->jwt.issuers),
                                       .n_issuers = spec->jwt.issuers.n,
                                       .audiences = pointers(&spec->jwt.audiences),
                                       .n_audiences = spec->jwt.audiences.n,
                                       .leeway_ms = (int64_t)spec->jwt.leeway_ms,
                                       .expiry_optional = !spec->jwt.require_exp};
    auth->authorizer = (struct authorizer){.ctx = auth,
                                           .credentials = !spec->none,
                                           .tokens = spec->jwt.on,
                                           .headers = spec->callback.headers.items,
                                           .n_headers = spec->callback.headers.n,
                                           .open_desk = open_desk,
                                           .close_desk = close_desk,
                                           .identify = identify,
                                           .cancel = cancel,
                                           .renew = renew,
                                           .recheck = recheck,
                                           .may_publish = may_publish,
                                           .ticket = issue_ticket,
                                           .origin_allowed = origin_allowed,
                                           .host_allowed = host_allowed};
    auth->claims = claims_compile(spec->scopes, spec->n_scopes, &at, err);
    if (auth->claims && make_keys(auth, err))
        return auth;
    auth_free(auth);
    return NULL;
}

void auth_free(struct auth *auth)
{
    if (!auth)
        return;
    if (auth->publish_token)
        explicit_bzero(auth->publish_token, strlen(auth->publish_token));
    free(auth->publish_token);
    jwk_set_unref(auth->keys);
    claims_free(auth->claims);
    free((void *)(uintptr_t)auth->policy.issuers);
    free((void *)(uintptr_t)auth->policy.audiences);
    free(auth);
}

const struct authorizer *auth_authorizer(const struct auth *auth)
{
    return &auth->authorizer;
}
