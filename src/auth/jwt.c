#include "auth/jwt.h"

#include "wire/base64url.h"

#include <math.h>

/* Three parts, and what the header says. */
struct parsed {
    struct str header, payload, signature; /* as text */
    struct str signed_text;                /* header and payload with their dot */
    enum jwk_alg alg;
    struct str kid; /* of `json`; .p NULL: none */
    json_t *json;   /* the header */
};

static const char *const NAMES[JWT_RESULTS] = {
    [JWT_GOOD] = "good",           [JWT_TOO_LONG] = "too_long",   [JWT_MALFORMED] = "malformed",
    [JWT_CRITICAL] = "critical",   [JWT_ALGORITHM] = "algorithm", [JWT_UNKNOWN_KEY] = "unknown_key",
    [JWT_SIGNATURE] = "signature", [JWT_NO_EXPIRY] = "no_expiry", [JWT_EXPIRED] = "expired",
    [JWT_NOT_YET] = "not_yet",     [JWT_ISSUER] = "issuer",       [JWT_AUDIENCE] = "audience",
};

const char *jwt_result_name(enum jwt_result result)
{
    return NAMES[result];
}

static enum jwt_result refuse(enum jwt_result result, struct err *err, const char *sentence)
{
    err_set(err, "%s", sentence);
    return result;
}

/* ---- text ---------------------------------------------------------------------------------- */

/* How deep the brackets go, strings left out. jansson would follow 2,048 levels. */
static bool shallow(struct str json)
{
    unsigned depth = 0;
    bool text = false;
    for (size_t i = 0; i < json.n; i++) {
        char c = json.p[i];
        if (text && c == '\\')
            i++;
        else if (c == '"')
            text = !text;
        else if (!text && (c == '[' || c == '{') && ++depth > JWT_DEPTH_MAX)
            return false;
        else if (!text && (c == ']' || c == '}') && depth > 0)
            depth--;
    }
    return true;
}

/* An object, the caller's; NULL for anything else. */
static json_t *object_of(struct str part)
{
    struct buf text = BUF_INIT(JWT_MAX);
    json_t *json = NULL;
    if (base64url_decode(part, &text) && text.len && shallow(buf_slice(&text)))
        json = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    buf_free(&text);
    if (json_is_object(json))
        return json;
    json_decref(json);
    return NULL;
}

/* False unless it is three parts, of which the last may be empty. */
static bool split(struct str token, struct parsed *out)
{
    size_t first = str_index(token, '.');
    struct str rest = str_from(token, first + 1);
    size_t second = str_index(rest, '.');
    if (second == rest.n)
        return false;
    out->header = (struct str){.p = token.p, .n = first};
    out->payload = (struct str){.p = rest.p, .n = second};
    out->signature = (struct str){.p = rest.p + second + 1, .n = rest.n - second - 1};
    out->signed_text = (struct str){.p = token.p, .n = first + 1 + second};
    return str_index(out->signature, '.') == out->signature.n;
}

/* ---- the header ---------------------------------------------------------------------------- */

/* "typ" and "cty" (RFC 7515, 4.1.9) are hints for applications that mix kinds: any text will do.
 * "jku", "jwk", "x5u" and "x5c" would let the token choose its own key: they are not looked at. */
static enum jwt_result read_header(struct parsed *token, struct err *err)
{
    static const char *const texts[] = {"typ", "cty", "kid"};
    token->json = object_of(token->header);
    if (!token->json)
        return refuse(JWT_MALFORMED, err, "the token's header is no JSON object in base64url");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const json_t *value = json_object_get(token->json, texts[i]);
        if (value && !json_is_string(value))
            return refuse(JWT_MALFORMED, err, "a member of the token's header must be text");
    }
    if (json_object_get(token->json, "crit"))
        return refuse(JWT_CRITICAL, err,
                      "the token asks for an extension (\"crit\") that is not "
                      "known here");
    const json_t *alg = json_object_get(token->json, "alg");
    const json_t *kid = json_object_get(token->json, "kid");
    if (!json_is_string(alg))
        return refuse(JWT_MALFORMED, err, "the token's header names no algorithm");
    token->alg =
        jwk_alg_of((struct str){.p = json_string_value(alg), .n = json_string_length(alg)});
    if (token->alg == JWK_ALGS)
        return refuse(JWT_ALGORITHM, err,
                      "the token's algorithm is not one of HS, RS, PS (256, "
                      "384, 512), ES256, ES384, EdDSA");
    if (kid)
        token->kid = (struct str){.p = json_string_value(kid), .n = json_string_length(kid)};
    if (token->kid.n > JWK_KID_MAX)
        return refuse(JWT_MALFORMED, err, "the name of the token's key is too long");
    return JWT_GOOD;
}

/* ---- the signature ------------------------------------------------------------------------- */

static enum jwt_result check_signature(const struct parsed *token, const struct jwk_set *keys,
                                       struct err *err)
{
    struct jwk_match match = jwk_set_match(keys, token->alg, token->kid);
    if (!match.name)
        return refuse(JWT_UNKNOWN_KEY, err, "the token's key is not known");
    if (!match.alg)
        return refuse(JWT_ALGORITHM, err, "the token's algorithm is not allowed for its key");
    struct buf signature = BUF_INIT(JWK_SIGNATURE_MAX);
    bool good = false;
    size_t at = 0;
    if (base64url_size(token->signature.n) > JWK_SIGNATURE_MAX ||
        !base64url_decode(token->signature, &signature)) {
        buf_free(&signature);
        return refuse(JWT_MALFORMED, err, "the token's signature is not base64url");
    }
    for (unsigned tries = 0; !good && tries < JWT_TRIES_MAX; tries++) {
        const struct jwk *key = jwk_set_next(keys, token->alg, token->kid, &at);
        if (!key)
            break;
        good = jwk_verifies(key, token->alg, token->signed_text, buf_slice(&signature));
    }
    buf_free(&signature);
    return good ? JWT_GOOD : refuse(JWT_SIGNATURE, err, "the token's signature is wrong");
}

/* ---- claims -------------------------------------------------------------------------------- */

/* NumericDate (RFC 7519, 2): seconds, perhaps with a fraction. True with *ms untouched where it is
 * absent; false for what is none. */
static bool date_of(const json_t *claims, const char *name, int64_t *ms)
{
    const json_t *value = json_object_get(claims, name);
    if (!value)
        return true;
    if (json_is_integer(value)) {
        json_int_t whole = json_integer_value(value);
        if (whole < 0 || whole > JWT_SECONDS_MAX)
            return false;
        *ms = whole * 1000;
        return true;
    }
    double seconds = json_is_real(value) ? json_real_value(value) : -1;
    if (!(seconds >= 0 && seconds <= (double)JWT_SECONDS_MAX))
        return false;
    *ms = (int64_t)floor(seconds * 1000);
    return true;
}

static bool is_one_of(const json_t *value, const char *const *names, size_t n)
{
    struct str text = {.p = json_string_value(value), .n = json_string_length(value)};
    for (size_t i = 0; i < n; i++)
        if (json_is_string(value) && str_is(text, names[i]))
            return true;
    return false;
}

static enum jwt_result check_times(const struct jwt *jwt, const struct jwt_policy *policy,
                                   int64_t now_ms, struct err *err)
{
    int64_t not_before = INT64_MIN / 2, issued = 0, expires = -1;
    if (!date_of(jwt->claims, "exp", &expires) || !date_of(jwt->claims, "nbf", &not_before) ||
        !date_of(jwt->claims, "iat", &issued))
        return refuse(JWT_MALFORMED, err,
                      "\"exp\", \"nbf\" and \"iat\" must be seconds since 1970");
    if (expires < 0 && !policy->expiry_optional)
        return refuse(JWT_NO_EXPIRY, err, "the token has no \"exp\"");
    if (expires >= 0 && now_ms >= expires + policy->leeway_ms)
        return refuse(JWT_EXPIRED, err, "the token has expired");
    if (now_ms < not_before - policy->leeway_ms)
        return refuse(JWT_NOT_YET, err, "the token is not valid yet");
    return JWT_GOOD;
}

static enum jwt_result check_parties(const struct jwt *jwt, const struct jwt_policy *policy,
                                     struct err *err)
{
    const json_t *issuer = json_object_get(jwt->claims, "iss");
    const json_t *audience = json_object_get(jwt->claims, "aud");
    size_t n = json_array_size(audience);
    bool among = is_one_of(audience, policy->audiences, policy->n_audiences);
    bool typed = !audience || json_is_string(audience) || json_is_array(audience);
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(audience, i);
        typed = typed && json_is_string(item);
        among = among || is_one_of(item, policy->audiences, policy->n_audiences);
    }
    if ((issuer && !json_is_string(issuer)) || !typed)
        return refuse(JWT_MALFORMED, err, "\"iss\" must be text, \"aud\" text or a list of it");
    if (policy->n_issuers && !is_one_of(issuer, policy->issuers, policy->n_issuers))
        return refuse(JWT_ISSUER, err, "the token's issuer is not the configured one");
    if (policy->n_audiences && !among)
        return refuse(JWT_AUDIENCE, err, "the token is not for the configured audience");
    if (!policy->n_audiences && audience)
        return refuse(JWT_AUDIENCE, err, "the token names an audience, and none is configured");
    return JWT_GOOD;
}

static enum jwt_result check_claims(struct jwt *jwt, const struct jwt_policy *policy,
                                    int64_t now_ms, struct err *err)
{
    enum jwt_result result = check_times(jwt, policy, now_ms, err);
    if (result == JWT_GOOD)
        result = check_parties(jwt, policy, err);
    jwt->expires_ms = INT64_MAX;
    (void)date_of(jwt->claims, "exp", &jwt->expires_ms);
    return result;
}

/* ---- all of it ----------------------------------------------------------------------------- */

enum jwt_result jwt_verify(struct str token, const struct jwk_set *keys,
                           const struct jwt_policy *policy, int64_t now_ms, struct jwt *out,
                           struct err *err)
{
    struct parsed parsed = {0};
    *out = JWT_INIT;
    if (token.n > JWT_MAX)
        return refuse(JWT_TOO_LONG, err, "the token is longer than 16 kB");
    if (!split(token, &parsed))
        return refuse(JWT_MALFORMED, err, "the token is not three parts with dots between them");
    enum jwt_result result = read_header(&parsed, err);
    if (result == JWT_GOOD)
        result = check_signature(&parsed, keys, err);
    if (result == JWT_GOOD) {
        out->claims = object_of(parsed.payload);
        result = out->claims ? check_claims(out, policy, now_ms, err)
                             : refuse(JWT_MALFORMED, err,
                                      "the token's claims are no JSON object in base64url, or hold "
                                      "a name twice, a too large number or a NUL");
    }
    json_decref(parsed.json);
    if (result != JWT_GOOD)
        jwt_free(out);
    return result;
}

void jwt_free(struct jwt *jwt)
{
    json_decref(jwt->claims);
    *jwt = JWT_INIT;
}
