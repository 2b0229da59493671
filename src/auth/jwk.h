/* jwk: the keys that tokens are checked with, and which algorithms each may be used for.
 *
 * A key is bound to its algorithms when it is read (RFC 8725, 3.1): what a token's header says
 * chooses among what the key allows and nothing else, so neither "none" nor an RSA key that is
 * taken for an HMAC secret can be asked for. What is weak is refused with a sentence: RSA below
 * 2048 bits, a secret shorter than its hash, curves that no algorithm here uses, points that are
 * not on their curve. Private keys are refused too: this side only verifies, and a private key
 * that lies about here is a leak.
 *
 * Owner:    a set is made by one thread with jwk_set_new and the add functions. From the moment it
 *           is handed to another it never changes again.
 * Thread:   afterwards any, without a lock; the reference count is atomic.
 * Lifetime: keys live as long as their set.
 * Errors:   a sentence that never has a key or a secret in it. Pure. */
#pragma once

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* JWA (RFC 7518, 3.1) and RFC 8037, 3.1. */
enum jwk_alg {
    JWK_HS256,
    JWK_HS384,
    JWK_HS512,
    JWK_RS256,
    JWK_RS384,
    JWK_RS512,
    JWK_PS256,
    JWK_PS384,
    JWK_PS512,
    JWK_ES256,
    JWK_ES384,
    JWK_EDDSA,
    JWK_ALGS
};

/* A set of algorithms is the sum of their bits. */
#define JWK_BIT(alg) (1U << (alg))
#define JWK_HMAC     (JWK_BIT(JWK_HS256) | JWK_BIT(JWK_HS384) | JWK_BIT(JWK_HS512))
/* What the key's own kind allows. */
#define JWK_ANY (JWK_BIT(JWK_ALGS) - 1)

enum {
    JWK_KEYS_MAX = 64,          /* in a set */
    JWK_TEXT_MAX = 256 * 1024,  /* bytes of PEM or JSON */
    JWK_KID_MAX = 256,          /* bytes of a key's name */
    JWK_SECRET_MAX = 64 * 1024, /* bytes */
    JWK_RSA_MIN = 2048,         /* bits */
    JWK_RSA_MAX = 8192,         /* checking costs the square of it */
    JWK_SIGNATURE_MAX = 1024,   /* bytes: an RSA key of JWK_RSA_MAX */
};

/* JWK_ALGS for anything else. Case matters (RFC 7515, 4.1.1). "Ed25519" is EdDSA (RFC 9864). */
enum jwk_alg jwk_alg_of(struct str name);
const char *jwk_alg_name(enum jwk_alg alg);

struct jwk;
struct jwk_set;

/* Empty, one reference. */
struct jwk_set *jwk_set_new(void);
struct jwk_set *jwk_set_ref(struct jwk_set *set);
/* The last one frees, and overwrites secrets. NULL is allowed. */
void jwk_set_unref(struct jwk_set *set);
size_t jwk_set_count(const struct jwk_set *set);
/* All that some key of the set may be used for. */
unsigned jwk_set_algs(const struct jwk_set *set);

/* `algs` narrows what the added keys may be used for, whatever they say themselves; JWK_ANY leaves
 * it to them. False: the set is as it was, and err has a sentence. */

/* Bytes as they are. Good for the HMACs whose hash is not longer than the secret; one that `algs`
 * names, and not as part of JWK_ANY or JWK_HMAC, must be among them. */
bool jwk_set_add_secret(struct jwk_set *set, struct str secret, unsigned algs, struct err *err);
/* One or several "PUBLIC KEY" or "CERTIFICATE" blocks (RFC 7468), without a name. Of a certificate
 * only the key counts: the file is trusted, not a chain. */
bool jwk_set_add_pem(struct jwk_set *set, struct str pem, unsigned algs, struct err *err);

enum jwk_origin {
    JWK_OURS,  /* a file of the operator: whatever cannot be used is an error */
    JWK_THEIRS /* from a URL: what cannot be used is left out, and so are secrets */
};

/* What was left out of a set (RFC 7517, 5). */
struct jwk_left_out {
    size_t n;
    struct err first; /* why, for the first of them */
};

/* A JWK or a JWK set (RFC 7517). A set in which nothing is usable is an error. `left_out` may be
 * NULL. Keys that say themselves that they are for encryption are left out silently, in
 * both origins. */
bool jwk_set_add_json(struct jwk_set *set, struct str json, unsigned algs, enum jwk_origin origin,
                      struct jwk_left_out *left_out, struct err *err);
/* PEM or JSON, by what it begins with: a file of the operator. */
bool jwk_set_add_text(struct jwk_set *set, struct str text, unsigned algs, struct err *err);

/* Whether a key answers to that name (keys without one answer to all), and whether one of those is
 * for `alg`. `kid` with .p NULL: the token names none, so every key is asked. */
struct jwk_match {
    bool name, alg;
};
struct jwk_match jwk_set_match(const struct jwk_set *set, enum jwk_alg alg, struct str kid);
/* The next key for `alg` and `kid`; start with *at = 0, NULL at the end. Those that are named so
 * come first, then those without a name. */
const struct jwk *jwk_set_next(const struct jwk_set *set, enum jwk_alg alg, struct str kid,
                               size_t *at);
/* Whether `signature` is the one of `text` (RFC 7518, 3.2 to 3.5; RFC 8037, 3.1). `alg` must be one
 * of the key's. A MAC is compared in constant time. */
bool jwk_verifies(const struct jwk *key, enum jwk_alg alg, struct str text, struct str signature);
