/* jwt: is this token genuine, and for us, and now? (RFC 7515, 7519, 8725)
 *
 * Compact form, verify only. The bytes come from anybody: they are limited in length and depth,
 * base64url is strict (RFC 4648, 3.5: one text for one value), no member may occur twice, and what
 * the header asks to be understood ("crit") is refused since nothing is. Which key is used follows
 * from the set; `kid` is compared with names, never opened, asked for or put into a path.
 *
 * Claims are looked at only when the signature is good, so that nobody learns anything from the
 * order of refusals. Pure: the caller says what time it is. */
#pragma once

#include "auth/jwk.h"
#include "base/err.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    JWT_MAX = 16 * 1024, /* bytes of a token */
    JWT_DEPTH_MAX = 16,  /* arrays and objects in each other */
    JWT_TRIES_MAX = 8,   /* keys that a token without a name is tried with */
};

/* The last second of the year 9999. A later one, or one before 1970, is malformed. */
#define JWT_SECONDS_MAX INT64_C(253402300799)

enum jwt_result {
    JWT_GOOD,
    JWT_TOO_LONG,
    JWT_MALFORMED,   /* not a token of ours: parts, base64url, JSON, types of claims */
    JWT_CRITICAL,    /* "crit" */
    JWT_ALGORITHM,   /* not one that we have, or not one of that key's: "none", confusion */
    JWT_UNKNOWN_KEY, /* no key has that name: they may have been rotated */
    JWT_SIGNATURE,
    JWT_NO_EXPIRY,
    JWT_EXPIRED,
    JWT_NOT_YET, /* "nbf" */
    JWT_ISSUER,
    JWT_AUDIENCE,
    JWT_RESULTS
};

/* A word for metrics and logs: "good", "too_long", "unknown_key", … */
const char *jwt_result_name(enum jwt_result result);

/* What a token must say. Borrowed during the call. */
struct jwt_policy {
    const char *const *issuers; /* one of them; n 0: whoever */
    size_t n_issuers;
    const char *const *audiences; /* one of them must be among the token's */
    size_t n_audiences;           /* n 0: the token may name none (RFC 7519, 4.1.3) */
    int64_t leeway_ms;            /* how wrong clocks may be, in both directions */
    bool expiry_optional;         /* a token without "exp" is good for ever */
};

struct jwt {
    json_t *claims;     /* an object, owned by the caller; jwt_free */
    int64_t expires_ms; /* "exp" in ms since 1970, without leeway; INT64_MAX where there is none */
};

#define JWT_INIT ((struct jwt){.claims = NULL})

/* JWT_GOOD: *out is filled. Otherwise *out is as jwt_free leaves it, and err has a sentence that
 * quotes nothing from the token: it may go to the client and into logs.
 * now_ms: milliseconds since 1970. */
enum jwt_result jwt_verify(struct str token, const struct jwk_set *keys,
                           const struct jwt_policy *policy, int64_t now_ms, struct jwt *out,
                           struct err *err);
void jwt_free(struct jwt *jwt);
