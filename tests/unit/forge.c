#include "forge.h"

#include "base/check.h"
#include "base/mem.h"
#include "wire/base64url.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

struct forge {
    EVP_PKEY *keys[FORGE_KEYS];
    char secrets[2][64];
};

struct forge *forge_new(void)
{
    struct forge *forge = mem_new(sizeof *forge);
    for (int i = 0; i < 64; i++) {
        forge->secrets[0][i] = (char)(i * 7 + 1);
        forge->secrets[1][i] = (char)(i * 11 + 2);
    }
    forge->keys[FORGE_RSA] = EVP_RSA_gen(2048);
    forge->keys[FORGE_OTHER_RSA] = EVP_RSA_gen(2048);
    forge->keys[FORGE_RSA_1024] = EVP_RSA_gen(1024);
    forge->keys[FORGE_P256] = EVP_EC_gen("P-256");
    forge->keys[FORGE_OTHER_P256] = EVP_EC_gen("P-256");
    forge->keys[FORGE_P384] = EVP_EC_gen("P-384");
    forge->keys[FORGE_OTHER_P384] = EVP_EC_gen("P-384");
    forge->keys[FORGE_P521] = EVP_EC_gen("P-521");
    forge->keys[FORGE_K256] = EVP_EC_gen("secp256k1");
    forge->keys[FORGE_ED] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    forge->keys[FORGE_OTHER_ED] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    forge->keys[FORGE_ED448] = EVP_PKEY_Q_keygen(NULL, NULL, "ED448");
    for (unsigned i = FORGE_RSA; i < FORGE_KEYS; i++)
        CHECK(forge->keys[i]);
    return forge;
}

void forge_free(struct forge *forge)
{
    for (unsigned i = 0; i < FORGE_KEYS; i++)
        EVP_PKEY_free(forge->keys[i]);
    free(forge);
}

EVP_PKEY *forge_pkey(const struct forge *forge, enum forge_key key)
{
    return forge->keys[key];
}

struct str forge_secret(const struct forge *forge, enum forge_key key)
{
    CHECK(key == FORGE_SECRET || key == FORGE_OTHER_SECRET);
    return (struct str){.p = forge->secrets[key == FORGE_OTHER_SECRET], .n = 64};
}

void forge_pem(const struct forge *forge, enum forge_key key, bool private, struct buf *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    CHECK(bio &&
          (private ? PEM_write_bio_PrivateKey(bio, forge->keys[key], NULL, NULL, 0, NULL, NULL)
                   : PEM_write_bio_PUBKEY(bio, forge->keys[key])));
    long n = BIO_get_mem_data(bio, &text);
    CHECK(buf_add(out, text, (size_t)n));
    BIO_free(bio);
}

static void number(EVP_PKEY *key, const char *param, int size, struct buf *out)
{
    unsigned char bytes[512];
    BIGNUM *bn = NULL;
    CHECK(EVP_PKEY_get_bn_param(key, param, &bn) && BN_num_bytes(bn) <= (int)sizeof bytes);
    int n = size ? BN_bn2binpad(bn, bytes, size) : BN_bn2bin(bn, bytes);
    CHECK(n > 0 && base64url_encode((struct str){.p = (const char *)bytes, .n = (size_t)n}, out));
    BN_free(bn);
}

void forge_jwk(const struct forge *forge, enum forge_key key, struct buf *out)
{
    EVP_PKEY *pkey = forge->keys[key];
    unsigned char raw[64];
    size_t n = sizeof raw;
    if (!pkey) {
        buf_text(out, "\"kty\":\"oct\",\"k\":\"");
        base64url_encode(forge_secret(forge, key), out);
    } else if (EVP_PKEY_is_a(pkey, "RSA")) {
        buf_text(out, "\"kty\":\"RSA\",\"n\":\"");
        number(pkey, OSSL_PKEY_PARAM_RSA_N, 0, out);
        buf_text(out, "\",\"e\":\"");
        number(pkey, OSSL_PKEY_PARAM_RSA_E, 0, out);
    } else if (EVP_PKEY_is_a(pkey, "EC")) {
        int size = (EVP_PKEY_get_bits(pkey) + 7) / 8;
        buf_printf(out, "\"kty\":\"EC\",\"crv\":\"%s\",\"x\":\"",
                   key == FORGE_K256 ? "secp256k1"
                   : size == 32      ? "P-256"
                   : size == 48      ? "P-384"
                                     : "P-521");
        number(pkey, OSSL_PKEY_PARAM_EC_PUB_X, size, out);
        buf_text(out, "\",\"y\":\"");
        number(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, size, out);
    } else {
        CHECK(EVP_PKEY_get_raw_public_key(pkey, raw, &n) == 1);
        buf_printf(out, "\"kty\":\"OKP\",\"crv\":\"%s\",\"x\":\"", n == 32 ? "Ed25519" : "Ed448");
        base64url_encode((struct str){.p = (const char *)raw, .n = n}, out);
    }
    buf_byte(out, '"');
    CHECK(!out->overflow);
}

enum forge_key forge_key_of(enum jwk_alg alg)
{
    return alg <= JWK_HS512   ? FORGE_SECRET
           : alg <= JWK_PS512 ? FORGE_RSA
           : alg == JWK_ES256 ? FORGE_P256
           : alg == JWK_ES384 ? FORGE_P384
                              : FORGE_ED;
}

enum forge_key forge_other_key_of(enum jwk_alg alg)
{
    return forge_key_of(alg) + 1;
}

/* Written apart from what is tested: an own table, so that a mistake in one shows in the other. */
static const EVP_MD *digest_of(enum jwk_alg alg)
{
    switch (alg) {
    case JWK_HS256:
    case JWK_RS256:
    case JWK_PS256:
    case JWK_ES256:
        return EVP_sha256();
    case JWK_HS384:
    case JWK_RS384:
    case JWK_PS384:
    case JWK_ES384:
        return EVP_sha384();
    case JWK_HS512:
    case JWK_RS512:
    case JWK_PS512:
        return EVP_sha512();
    default:
        return NULL;
    }
}

/* DER to r and s, one behind the other. */
static void add_pair(const unsigned char *der, size_t n, int half, struct buf *out)
{
    unsigned char pair[2 * 66];
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);
    CHECK(sig && half <= 66 && BN_bn2binpad(ECDSA_SIG_get0_r(sig), pair, half) == half &&
          BN_bn2binpad(ECDSA_SIG_get0_s(sig), pair + half, half) == half);
    buf_add(out, pair, (size_t)half * 2);
    ECDSA_SIG_free(sig);
}

void forge_sign(const struct forge *forge, enum jwk_alg alg, enum forge_key key, struct str text,
                struct buf *out)
{
    EVP_PKEY *pkey = forge->keys[key];
    unsigned char bytes[1024];
    size_t n = sizeof bytes;
    if (!pkey) {
        unsigned size = 0;
        struct str secret = forge_secret(forge, key);
        CHECK(HMAC(digest_of(alg), secret.p, (int)secret.n, (const unsigned char *)text.p, text.n,
                   bytes, &size));
        buf_add(out, bytes, size);
        return;
    }
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *ctx;
    bool ed = EVP_PKEY_is_a(pkey, "ED25519") || EVP_PKEY_is_a(pkey, "ED448");
    const EVP_MD *digest = digest_of(alg) ? digest_of(alg) : EVP_sha256();
    CHECK(EVP_DigestSignInit(md, &ctx, ed ? NULL : digest, NULL, pkey) == 1);
    if (EVP_PKEY_is_a(pkey, "RSA") && alg >= JWK_PS256 && alg <= JWK_PS512)
        CHECK(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
              EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1);
    CHECK(EVP_DigestSign(md, bytes, &n, (const unsigned char *)text.p, text.n) == 1);
    if (EVP_PKEY_is_a(pkey, "EC"))
        add_pair(bytes, n, (EVP_PKEY_get_bits(pkey) + 7) / 8, out);
    else
        buf_add(out, bytes, n);
    EVP_MD_CTX_free(md);
}

void forge_token(const struct forge *forge, enum jwk_alg alg, enum forge_key key, struct str header,
                 struct str payload, struct buf *out)
{
    struct buf signature = BUF_INIT(2048);
    size_t from = out->len;
    base64url_encode(header, out);
    buf_byte(out, '.');
    base64url_encode(payload, out);
    forge_sign(forge, alg, key, str_from(buf_slice(out), from), &signature);
    buf_byte(out, '.');
    base64url_encode(buf_slice(&signature), out);
    CHECK(!out->overflow && !signature.overflow);
    buf_free(&signature);
}
