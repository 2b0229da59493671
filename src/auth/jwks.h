/* jwks: a key set that lives at a URL (RFC 7517), kept fresh.
 *
 * Fetched at start, then again and again: after what the answer's Cache-Control says, within
 * bounds, and with jitter, so that many servers do not ask at the same moment. A set that came once
 * stays in use while the URL fails or answers nonsense. A token with an unknown kid makes us look
 * again, but only so often: whoever invents names must not make us a burden on the issuer.
 *
 * Owner:  the thread of the loop of its fetch: it makes and closes.
 * Thread: jwks_keys, jwks_missing and jwks_state from any thread, between jwks_new and jwks_close.
 *         What is handed out never changes; a rotation is another set. */
#pragma once

#include "auth/jwk.h"
#include "base/log.h"
#include "net/fetch.h"

struct jwks;

struct jwks_options {
    const char *url;       /* copied */
    struct jwk_set *keys;  /* of that URL and these algs, known already; NULL: none. Kept */
    unsigned algs;         /* narrows what the keys may be used for; JWK_ANY */
    uint64_t refresh_ms;   /* when the answer does not say; 0: 10 min. Real: 75 to 100 % of it */
    uint64_t min_gap_ms;   /* between two fetches that tokens ask for; 0: 30 s */
    uint64_t retry_ms;     /* after a failure, doubled up to refresh_ms, with jitter; 0: 2 s */
    uint64_t timeout_ms;   /* of one fetch; 0: 5 s */
    const struct log *log; /* NULL: none */
    /* The set is another one now, or the first; called on the loop's thread. NULL: nobody. */
    void (*changed)(void *ctx, struct jwk_set *set);
    void *ctx;
};

/* NULL with a sentence when the URL is none. Starts the first fetch at once. */
struct jwks *jwks_new(uv_loop_t *loop, struct fetch *fetch, const struct jwks_options *options,
                      struct err *err);
/* Before its fetch. Its handles are off the loop after the loop has run its closing callbacks, and
 * then it is freed: nobody may ask any more. */
void jwks_close(struct jwks *jwks);

/* One reference, the caller's; NULL while none has ever come. */
struct jwk_set *jwks_keys(struct jwks *jwks);

/* A token was refused with JWT_UNKNOWN_KEY, or there are no keys yet.
 * True: they are being fetched now or in a moment, or the URL fails, so "try again later" is the
 * honest answer. False: they were fetched less than min_gap_ms ago, the key is unknown. */
bool jwks_missing(struct jwks *jwks);

struct jwks_state {
    size_t keys;      /* 0: none yet */
    uint64_t fetched; /* fetches that gave a set */
    uint64_t failed;  /* fetches that did not */
    uint64_t asked;   /* fetches that an unknown kid caused */
    bool stale;       /* the last fetch failed */
    char error[256];  /* why; "" */
};

void jwks_state(struct jwks *jwks, struct jwks_state *out);
