/* jwk_key: one key, and how it is made from what stands in PEM or JSON. Private to jwk.c and
 * jwk_read.c. */
#pragma once

#include "auth/jwk.h"

#include <jansson.h>
#include <openssl/evp.h>

enum jwk_kind { JWK_SECRET, JWK_RSA, JWK_EC, JWK_ED };

/* What an algorithm is. The whole of JWA that we do is this table. */
struct jwk_alg_row {
    const char *name;
    enum jwk_kind kind;
    const char *curve;             /* the only one (EC) */
    const EVP_MD *(*digest)(void); /* NULL: part of the algorithm (EdDSA) */
    unsigned size;                 /* bytes of the hash, or half of an EC signature */
    bool pss;
};

extern const struct jwk_alg_row JWK_ALG_TABLE[JWK_ALGS];

struct jwk {
    enum jwk_kind kind;
    unsigned algs;
    bool named;
    size_t kid_len;
    char kid[JWK_KID_MAX];
    EVP_PKEY *public_key;  /* not of a secret */
    unsigned char *secret; /* of a secret */
    size_t secret_len;
};

/* NULL is allowed. */
void jwk_free(struct jwk *key);
/* What the kind of key allows, by its size and curve; 0 with a sentence when it is weak or none
 * that we have. */
unsigned jwk_kind_algs(struct jwk *key, struct err *err);
/* Leaves the key only what `algs` has too. False with a sentence when that is nothing. */
bool jwk_narrow(struct jwk *key, unsigned algs, struct err *err);
/* Owns the keys afterwards, also when it fails: then the set is as it was. */
bool jwk_set_take(struct jwk_set *set, struct jwk **keys, size_t n, struct err *err);
