/* A set is an array: there are at most 64 keys, mostly one to three, and a hash table of names
 * would cost more than it saves. Verification uses no state of a key but its immutable EVP_PKEY,
 * which OpenSSL 3 lets many threads use at once. */
#include "auth/jwk_key.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"

#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <stdatomic.h>
#include <stdlib.h>

const struct jwk_alg_row JWK_ALG_TABLE[JWK_ALGS] = {
    [JWK_HS256] = {"HS256", JWK_SECRET, NULL, EVP_sha256, 32, false},
    [JWK_HS384] = {"HS384", JWK_SECRET, NULL, EVP_sha384, 48, false},
    [JWK_HS512] = {"HS512", JWK_SECRET, NULL, EVP_sha512, 64, false},
    [JWK_RS256] = {"RS256", JWK_RSA, NULL, EVP_sha256, 32, false},
    [JWK_RS384] = {"RS384", JWK_RSA, NULL, EVP_sha384, 48, false},
    [JWK_RS512] = {"RS512", JWK_RSA, NULL, EVP_sha512, 64, false},
    [JWK_PS256] = {"PS256", JWK_RSA, NULL, EVP_sha256, 32, true},
    [JWK_PS384] = {"PS384", JWK_RSA, NULL, EVP_sha384, 48, true},
    [JWK_PS512] = {"PS512", JWK_RSA, NULL, EVP_sha512, 64, true},
    [JWK_ES256] = {"ES256", JWK_EC, "prime256v1", EVP_sha256, 32, false},
    [JWK_ES384] = {"ES384", JWK_EC, "secp384r1", EVP_sha384, 48, false},
    [JWK_EDDSA] = {"EdDSA", JWK_ED, NULL, NULL, 32, false},
};

struct jwk_set {
    atomic_uint refs;
    size_t n;
    struct jwk *keys[JWK_KEYS_MAX];
};

enum jwk_alg jwk_alg_of(struct str name)
{
    enum jwk_alg alg = 0;
    if (str_is(name, "Ed25519"))
        return JWK_EDDSA;
    while (alg < JWK_ALGS && !str_is(name, JWK_ALG_TABLE[alg].name))
        alg++;
    return alg;
}

const char *jwk_alg_name(enum jwk_alg alg)
{
    return alg < JWK_ALGS ? JWK_ALG_TABLE[alg].name : "none of ours";
}

/* ---- keys ---------------------------------------------------------------------------------- */

void jwk_free(struct jwk *key)
{
    if (!key)
        return;
    EVP_PKEY_free(key->public_key);
    OPENSSL_clear_free(key->secret, key->secret_len);
    free(key);
}

static unsigned secret_algs(const struct jwk *key, struct err *err)
{
    unsigned algs = 0, different = 0;
    bool seen[256] = {false};
    for (size_t i = 0; i < key->secret_len; i++) {
        different += !seen[key->secret[i]];
        seen[key->secret[i]] = true;
    }
    for (unsigned alg = 0; alg < JWK_ALGS; alg++)
        if (JWK_ALG_TABLE[alg].kind == JWK_SECRET && key->secret_len >= JWK_ALG_TABLE[alg].size)
            algs |= JWK_BIT(alg);
    if (!algs)
        err_set(err,
                "the secret has %zu bytes, and HS256 needs 32 (HS384 48, HS512 64): make one with "
                "openssl rand -base64 48",
                key->secret_len);
    else if (different < 8) {
        algs = 0;
        err_set(err,
                "the secret is the same %u byte%s again and again: make one with openssl rand "
                "-base64 48",
                different, different == 1 ? "" : "s");
    }
    return algs;
}

static unsigned rsa_algs(const struct jwk *key, struct err *err)
{
    int bits = EVP_PKEY_get_bits(key->public_key);
    unsigned algs = 0;
    BIGNUM *e = NULL;
    if (bits < JWK_RSA_MIN)
        err_set(err, "the RSA key has %d bits, and below %d is too weak", bits, JWK_RSA_MIN);
    else if (bits > JWK_RSA_MAX)
        err_set(err, "the RSA key has %d bits, and above %d checking costs too much", bits,
                JWK_RSA_MAX);
    else if (!EVP_PKEY_get_bn_param(key->public_key, "e", &e) || !BN_is_odd(e) || BN_is_one(e) ||
             BN_num_bits(e) > 64)
        err_set(err, "the exponent of the RSA key is none: it must be odd, from 3 to 64 bits");
    else
        for (unsigned alg = 0; alg < JWK_ALGS; alg++)
            if (JWK_ALG_TABLE[alg].kind == JWK_RSA &&
                (JWK_ALG_TABLE[alg].pss || EVP_PKEY_is_a(key->public_key, "RSA")))
                algs |= JWK_BIT(alg);
    BN_free(e);
    return algs;
}

static unsigned ec_algs(const struct jwk *key, struct err *err)
{
    char curve[64] = "";
    (void)EVP_PKEY_get_group_name(key->public_key, curve, sizeof curve, NULL);
    for (unsigned alg = 0; alg < JWK_ALGS; alg++)
        if (JWK_ALG_TABLE[alg].kind == JWK_EC && strcmp(curve, JWK_ALG_TABLE[alg].curve) == 0)
            return JWK_BIT(alg);
    err_set(err,
            "the key's curve is %s, and only P-256 (ES256), P-384 (ES384) and Ed25519 (EdDSA) "
            "are known",
            *curve ? curve : "unknown");
    return 0;
}

unsigned jwk_kind_algs(struct jwk *key, struct err *err)
{
    if (key->secret) {
        key->kind = JWK_SECRET;
        return secret_algs(key, err);
    }
    if (EVP_PKEY_is_a(key->public_key, "RSA") || EVP_PKEY_is_a(key->public_key, "RSA-PSS")) {
        key->kind = JWK_RSA;
        return rsa_algs(key, err);
    }
    if (EVP_PKEY_is_a(key->public_key, "EC")) {
        key->kind = JWK_EC;
        return ec_algs(key, err);
    }
    if (EVP_PKEY_is_a(key->public_key, "ED25519")) {
        key->kind = JWK_ED;
        return JWK_BIT(JWK_EDDSA);
    }
    const char *type = EVP_PKEY_get0_type_name(key->public_key);
    err_set(err, "the key is of the type %s, and only RSA, EC (P-256, P-384) and Ed25519 are known",
            type ? type : "unknown");
    return 0;
}

/* ---- sets ---------------------------------------------------------------------------------- */

struct jwk_set *jwk_set_new(void)
{
    struct jwk_set *set = mem_new(sizeof *set);
    atomic_init(&set->refs, 1);
    return set;
}

struct jwk_set *jwk_set_ref(struct jwk_set *set)
{
    atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
    return set;
}

void jwk_set_unref(struct jwk_set *set)
{
    if (!set || atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < set->n; i++)
        jwk_free(set->keys[i]);
    free(set);
}

size_t jwk_set_count(const struct jwk_set *set)
{
    return set->n;
}

unsigned jwk_set_algs(const struct jwk_set *set)
{
    unsigned algs = 0;
    for (size_t i = 0; i < set->n; i++)
        algs |= set->keys[i]->algs;
    return algs;
}

static void names_of(unsigned algs, char *out, size_t size)
{
    struct buf text = BUF_INIT(size - 1);
    for (unsigned alg = 0; alg < JWK_ALGS; alg++)
        if (algs & JWK_BIT(alg))
            buf_printf(&text, "%s%s", text.len ? ", " : "", JWK_ALG_TABLE[alg].name);
    memcpy(out, text.len ? text.data : "", text.len);
    out[text.len] = '\0';
    buf_free(&text);
}

/* Somebody who names HS512 and gives a secret of 40 bytes must hear of it, though HS256 would do.
 */
static bool long_enough(const struct jwk *key, unsigned algs, struct err *err)
{
    if (key->kind != JWK_SECRET || (algs & JWK_HMAC) == JWK_HMAC)
        return true;
    for (unsigned alg = 0; alg < JWK_ALGS; alg++)
        if (JWK_ALG_TABLE[alg].kind == JWK_SECRET && (algs & JWK_BIT(alg)) &&
            key->secret_len < JWK_ALG_TABLE[alg].size)
            return err_set(err,
                           "the secret has %zu bytes, and %s needs %u: make one with openssl "
                           "rand -base64 96",
                           key->secret_len, JWK_ALG_TABLE[alg].name, JWK_ALG_TABLE[alg].size);
    return true;
}

bool jwk_narrow(struct jwk *key, unsigned algs, struct err *err)
{
    char has[128], wanted[128];
    names_of(key->algs, has, sizeof has);
    names_of(algs, wanted, sizeof wanted);
    key->algs &= algs;
    return long_enough(key, algs, err) &&
           (key->algs || err_set(err, "the key is for %s, and allowed is only %s", has, wanted));
}

bool jwk_set_take(struct jwk_set *set, struct jwk **keys, size_t n, struct err *err)
{
    bool ok =
        n <= JWK_KEYS_MAX - set->n || err_set(err, "there are more than %d keys", JWK_KEYS_MAX);
    for (size_t i = 0; i < n; i++) {
        if (ok)
            set->keys[set->n++] = keys[i];
        else
            jwk_free(keys[i]);
    }
    return ok;
}

static bool is_named(const struct jwk *key, struct str kid)
{
    return key->named && str_equal((struct str){.p = key->kid, .n = key->kid_len}, kid);
}

struct jwk_match jwk_set_match(const struct jwk_set *set, enum jwk_alg alg, struct str kid)
{
    struct jwk_match match = {0};
    for (size_t i = 0; i < set->n; i++)
        if (!kid.p || !set->keys[i]->named || is_named(set->keys[i], kid)) {
            match.name = true;
            match.alg = match.alg || (set->keys[i]->algs & JWK_BIT(alg));
        }
    return match;
}

const struct jwk *jwk_set_next(const struct jwk_set *set, enum jwk_alg alg, struct str kid,
                               size_t *at)
{
    /* Twice through the array: the named, then the others. */
    for (; *at < set->n * 2; ++*at) {
        const struct jwk *key = set->keys[*at % set->n];
        bool first = *at < set->n, asked = kid.p ? is_named(key, kid) : key->named;
        if ((key->algs & JWK_BIT(alg)) && (first ? asked : !key->named)) {
            ++*at;
            return key;
        }
    }
    return NULL;
}

/* ---- signatures ---------------------------------------------------------------------------- */

static bool mac_is(const struct jwk *key, const struct jwk_alg_row *row, struct str text,
                   struct str signature)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    bool is = signature.n == row->size &&
              HMAC(row->digest(), key->secret, (int)key->secret_len, (const unsigned char *)text.p,
                   text.n, mac, &size) &&
              size == row->size && CRYPTO_memcmp(mac, signature.p, size) == 0;
    OPENSSL_cleanse(mac, sizeof mac);
    return is;
}

/* JOSE writes r and s one behind the other (RFC 7518, 3.4), OpenSSL wants DER. That both are within
 * 1 and the order of the group is looked at by OpenSSL; zero is refused here too, since that one
 * mistake (CVE-2022-21449) makes every token good. NULL: none. */
static unsigned char *der_of(struct str signature, unsigned half, int *size)
{
    unsigned char *der = NULL;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn((const unsigned char *)signature.p, (int)half, NULL);
    BIGNUM *s = BN_bin2bn((const unsigned char *)signature.p + half, (int)half, NULL);
    *size = 0;
    if (pair && r && s && !BN_is_zero(r) && !BN_is_zero(s) && ECDSA_SIG_set0(pair, r, s)) {
        r = s = NULL;
        *size = i2d_ECDSA_SIG(pair, &der);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(pair);
    return *size > 0 ? der : NULL;
}

static bool public_verifies(const struct jwk *key, const struct jwk_alg_row *row, struct str text,
                            const unsigned char *signature, size_t size)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *ctx = NULL; /* md's */
    bool good =
        md &&
        EVP_DigestVerifyInit(md, &ctx, row->digest ? row->digest() : NULL, NULL, key->public_key) ==
            1 &&
        (!row->pss || (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
                       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1)) &&
        EVP_DigestVerify(md, signature, size, (const unsigned char *)text.p, text.n) == 1;
    EVP_MD_CTX_free(md);
    return good;
}

bool jwk_verifies(const struct jwk *key, enum jwk_alg alg, struct str text, struct str signature)
{
    CHECK(alg < JWK_ALGS && (key->algs & JWK_BIT(alg)));
    const struct jwk_alg_row *row = &JWK_ALG_TABLE[alg];
    const unsigned char *bytes = (const unsigned char *)signature.p;
    bool good = false;
    unsigned char *der = NULL;
    int size = 0;
    if (signature.n == 0 || signature.n > JWK_SIGNATURE_MAX)
        return false;
    switch (row->kind) {
    case JWK_SECRET:
        return mac_is(key, row, text, signature);
    case JWK_EC:
        der = signature.n == 2 * (size_t)row->size ? der_of(signature, row->size, &size) : NULL;
        good = der && public_verifies(key, row, text, der, (size_t)size);
        OPENSSL_free(der);
        break;
    case JWK_RSA:
    case JWK_ED:
        good = public_verifies(key, row, text, bytes, signature.n);
        break;
    }
    /* What was wrong with a stranger's bytes must not stand there when somebody else on this thread
     * asks what went wrong. */
    ERR_clear_error();
    return good;
}
