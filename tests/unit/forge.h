/* forge: signs tokens, good and forged, for the tests of who verifies them. Keys are made when
 * forge_new runs, so that no private key lies about in the repository. */
#pragma once

#include "auth/jwk.h"
#include "base/buf.h"

#include <openssl/evp.h>

enum forge_key {
    FORGE_SECRET, /* 64 bytes */
    FORGE_OTHER_SECRET,
    FORGE_RSA, /* 2048 bits */
    FORGE_OTHER_RSA,
    FORGE_P256,
    FORGE_OTHER_P256,
    FORGE_P384,
    FORGE_OTHER_P384,
    FORGE_ED,
    FORGE_OTHER_ED,
    FORGE_RSA_1024,
    FORGE_P521,
    FORGE_K256, /* secp256k1 */
    FORGE_ED448,
    FORGE_KEYS
};

struct forge;

struct forge *forge_new(void);
void forge_free(struct forge *forge);
EVP_PKEY *forge_pkey(const struct forge *forge, enum forge_key key);
struct str forge_secret(const struct forge *forge, enum forge_key key);
/* "-----BEGIN PUBLIC KEY-----" or a private key. */
void forge_pem(const struct forge *forge, enum forge_key key, bool private, struct buf *out);
/* The members of its JWK, "kty" to the last, without braces. */
void forge_jwk(const struct forge *forge, enum forge_key key, struct buf *out);
/* The key that goes with the algorithm, and another of its kind. */
enum forge_key forge_key_of(enum jwk_alg alg);
enum forge_key forge_other_key_of(enum jwk_alg alg);
/* The raw signature as JOSE has it. */
void forge_sign(const struct forge *forge, enum jwk_alg alg, enum forge_key key, struct str text,
                struct buf *out);
/* header.payload.signature; header and payload are texts that are encoded here. */
void forge_token(const struct forge *forge, enum jwk_alg alg, enum forge_key key, struct str header,
                 struct str payload, struct buf *out);
