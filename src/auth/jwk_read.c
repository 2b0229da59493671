/* Reading keys. Everything that OpenSSL is given here was measured first; what it makes of it goes
 * through jwk_kind_algs, so PEM and JSON obey the same rules. */
#include "auth/jwk_key.h"

#include "base/mem.h"
#include "wire/base64url.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>

enum { NUMBER_MAX = JWK_RSA_MAX / 8 + 64 };

/* ---- secrets ------------------------------------------------------------------------------- */

static struct jwk *secret_key(struct str secret, struct err *err)
{
    if (secret.n > JWK_SECRET_MAX) {
        err_set(err, "the secret has %zu bytes, and may have %d", secret.n, JWK_SECRET_MAX);
        return NULL;
    }
    struct jwk *key = mem_new(sizeof *key);
    key->secret = OPENSSL_malloc(secret.n + 1);
    key->secret_len = secret.n;
    if (key->secret && secret.n)
        memcpy(key->secret, secret.p, secret.n);
    key->algs = key->secret ? jwk_kind_algs(key, err) : 0;
    if (!key->algs) {
        jwk_free(key);
        key = NULL;
    }
    return key;
}

bool jwk_set_add_secret(struct jwk_set *set, struct str secret, unsigned algs, struct err *err)
{
    struct jwk *key = secret_key(secret, err);
    if (key && !jwk_narrow(key, algs, err)) {
        jwk_free(key);
        key = NULL;
    }
    return key && jwk_set_take(set, &key, 1, err);
}

/* ---- PEM ----------------------------------------------------------------------------------- */

/* Takes the public key, also when it fails. */
static struct jwk *public_key(EVP_PKEY *public, struct err *err)
{
    struct jwk *key = mem_new(sizeof *key);
    key->public_key = public;
    key->algs = jwk_kind_algs(key, err);
    if (!key->algs) {
        jwk_free(key);
        key = NULL;
    }
    return key;
}

static struct jwk *key_of_block(const char *name, const unsigned char *der, long size,
                                struct err *err)
{
    EVP_PKEY *public = NULL;
    X509 *certificate = NULL;
    if (strcmp(name, PEM_STRING_PUBLIC) == 0) {
        public = d2i_PUBKEY(NULL, &der, size);
    } else if (strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_OLD) == 0) {
        certificate = d2i_X509(NULL, &der, size);
        public = certificate ? X509_get_pubkey(certificate) : NULL;
        X509_free(certificate);
    } else {
        err_set(err,
                strstr(name, "PRIVATE") ? "it is a private key (%s), and only the public one "
                                          "is needed here: openssl pkey -pubout makes it"
                                        : "it is a \"%s\", not a PUBLIC KEY or CERTIFICATE",
                name);
        return NULL;
    }
    if (!public)
        err_set(err, "the %s cannot be read", name);
    return public ? public_key(public, err) : NULL;
}

/* Keys that were read and are in no set yet, so that a text with one bad key changes nothing. */
struct batch {
    size_t n;
    struct jwk *keys[JWK_KEYS_MAX];
};

/* Takes the key, also when it fails. */
static bool batch_add(struct batch *batch, struct jwk *key, unsigned algs, struct err *err)
{
    bool ok =
        jwk_narrow(key, algs, err) &&
        (batch->n < JWK_KEYS_MAX || err_set(err, "there are more than %d keys", JWK_KEYS_MAX));
    if (ok)
        batch->keys[batch->n++] = key;
    else
        jwk_free(key);
    return ok;
}

static void batch_drop(struct batch *batch)
{
    while (batch->n)
        jwk_free(batch->keys[--batch->n]);
}

static bool add_pem_block(struct batch *batch, BIO *bio, unsigned algs, bool *end, struct err *err)
{
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    long size = 0;
    bool ok = true;
    *end = PEM_read_bio(bio, &name, &header, &der, &size) != 1;
    if (*end) {
        ok = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE ||
             err_set(err, "PEM block %zu is cut or not base64", batch->n + 1);
    } else {
        struct jwk *key = key_of_block(name, der, size, err);
        ok = (key && batch_add(batch, key, algs, err)) ||
             err_prefix(err, "PEM block %zu", batch->n + 1);
    }
    ERR_clear_error();
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(der, (size_t)size);
    return ok;
}

bool jwk_set_add_pem(struct jwk_set *set, struct str pem, unsigned algs, struct err *err)
{
    struct batch batch = {0};
    bool end = false, ok = true;
    if (pem.n > JWK_TEXT_MAX)
        return err_set(err, "the keys have %zu bytes, and may have %d", pem.n, JWK_TEXT_MAX);
    BIO *bio = BIO_new_mem_buf(pem.n ? pem.p : "", (int)pem.n);
    if (!bio)
        return err_set(err, "there is no memory for the keys");
    ERR_clear_error();
    while (ok && !end)
        ok = add_pem_block(&batch, bio, algs, &end, err);
    ok = ok && (batch.n || err_set(err, "there is no PEM block with a key in it"));
    BIO_free(bio);
    if (!ok)
        batch_drop(&batch);
    return ok && jwk_set_take(set, batch.keys, batch.n, err);
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static struct str text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_string(value)
               ? (struct str){.p = json_string_value(value), .n = json_string_length(value)}
               : (struct str){0};
}

/* The bytes of a member; false with a sentence. */
static bool bytes_of(const json_t *object, const char *name, struct buf *out, struct err *err)
{
    struct str text = text_of(object, name);
    if (!text.p)
        return err_set(err, "\"%s\": must be there, as text", name);
    if (base64url_size(text.n) > out->max)
        return err_set(err, "\"%s\": is too long", name);
    return base64url_decode(text, out) || err_set(err, "\"%s\": is not base64url", name);
}

/* What OpenSSL calls the type, out of its parameters; NULL when they are no key. Frees `bld`. */
static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *bld)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;
    if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    return key;
}

static struct jwk *rsa_key(const json_t *jwk, struct err *err)
{
    struct buf n = BUF_INIT(NUMBER_MAX), e = BUF_INIT(NUMBER_MAX);
    BIGNUM *bn = NULL, *be = NULL;
    EVP_PKEY *public = NULL;
    OSSL_PARAM_BLD *bld = NULL;
    bool ok = bytes_of(jwk, "n", &n, err) && bytes_of(jwk, "e", &e, err);
    if (ok) {
        bn = BN_bin2bn((const unsigned char *)n.data, (int)n.len, NULL);
        be = BN_bin2bn((const unsigned char *)e.data, (int)e.len, NULL);
        bld = OSSL_PARAM_BLD_new();
        ok = bn && be && bld && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, bn) &&
             OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, be);
        public = ok ? from_params("RSA", bld) : NULL;
        if (!ok)
            OSSL_PARAM_BLD_free(bld);
        if (!public)
            err_set(err, "\"n\" and \"e\" are no RSA key");
    }
    BN_free(bn);
    BN_free(be);
    buf_free(&n);
    buf_free(&e);
    return public ? public_key(public, err) : NULL;
}

static struct jwk *ec_key(const json_t *jwk, struct err *err)
{
    static const struct {
        const char *crv, *curve;
        size_t size;
    } curves[] = {{"P-256", "prime256v1", 32}, {"P-384", "secp384r1", 48}};
    struct str crv = text_of(jwk, "crv");
    struct buf point = BUF_INIT(1 + 2 * 48);
    EVP_PKEY *public = NULL;
    size_t i = 0;
    while (i < sizeof curves / sizeof *curves && !str_is(crv, curves[i].crv))
        i++;
    if (i == sizeof curves / sizeof *curves) {
        err_set(err, "\"crv\": must be P-256 or P-384 for the type EC");
        return NULL;
    }
    /* Uncompressed (SEC 1, 2.3.3): 4, x, y. Each coordinate has its full width (RFC 7518, 6.2.1).
     */
    bool ok = buf_byte(&point, 4) && bytes_of(jwk, "x", &point, err) &&
              (point.len == 1 + curves[i].size ||
               err_set(err, "\"x\": must have %zu bytes", curves[i].size)) &&
              bytes_of(jwk, "y", &point, err) &&
              (point.len == 1 + 2 * curves[i].size ||
               err_set(err, "\"y\": must have %zu bytes", curves[i].size));
    OSSL_PARAM_BLD *bld = ok ? OSSL_PARAM_BLD_new() : NULL;
    if (bld) {
        if (OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, curves[i].curve, 0) &&
            OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point.data, point.len))
        public = from_params("EC", bld);
        else OSSL_PARAM_BLD_free(bld);
        if (!public)
            err_set(err, "\"x\" and \"y\" are no point of the curve");
    }
    buf_free(&point);
    return public ? public_key(public, err) : NULL;
}

static struct jwk *okp_key(const json_t *jwk, struct err *err)
{
    struct buf x = BUF_INIT(32);
    EVP_PKEY *public = NULL;
    if (!str_is(text_of(jwk, "crv"), "Ed25519"))
        err_set(err, "\"crv\": must be Ed25519 for the type OKP");
    else if (bytes_of(jwk, "x", &x, err) &&
             (x.len == 32 || err_set(err, "\"x\": must have 32 bytes"))) {
        public = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL,
                                                (const unsigned char *)x.data, x.len);
        if (!public)
            err_set(err, "\"x\" is no Ed25519 key");
    }
    buf_free(&x);
    return public ? public_key(public, err) : NULL;
}

static struct jwk *oct_key(const json_t *jwk, struct err *err)
{
    struct buf k = BUF_INIT(JWK_SECRET_MAX);
    struct jwk *key =
        bytes_of(jwk, "k", &k, err) ? secret_key((struct str){.p = k.data, .n = k.len}, err) : NULL;
    if (k.data)
        OPENSSL_cleanse(k.data, k.cap);
    buf_free(&k);
    return key;
}

/* "use" and "key_ops" (RFC 7517, 4.2, 4.3): a key that says that it is for something else. */
static bool for_something_else(const json_t *jwk)
{
    const json_t *ops = json_object_get(jwk, "key_ops");
    bool verify = !ops;
    for (size_t i = 0; i < json_array_size(ops); i++)
        verify = verify || (json_is_string(json_array_get(ops, i)) &&
                            strcmp(json_string_value(json_array_get(ops, i)), "verify") == 0);
    struct str use = text_of(jwk, "use");
    return !verify || (use.p && !str_is(use, "sig"));
}

static bool take_names(const json_t *jwk, struct jwk *key, struct err *err)
{
    const json_t *kid = json_object_get(jwk, "kid"), *alg = json_object_get(jwk, "alg");
    struct str name = text_of(jwk, "kid");
    if (kid && (!name.p || name.n > JWK_KID_MAX))
        return err_set(err, "\"kid\": must be text of at most %d bytes", JWK_KID_MAX);
    key->named = kid != NULL;
    key->kid_len = name.n;
    if (name.n)
        memcpy(key->kid, name.p, name.n);
    if (!alg)
        return true;
    enum jwk_alg bound = jwk_alg_of(text_of(jwk, "alg"));
    if (bound == JWK_ALGS)
        return err_set(err, "\"alg\": is none of HS, RS, PS (256, 384, 512), ES256, ES384, EdDSA");
    if (!(key->algs & JWK_BIT(bound)))
        return err_set(err, "\"alg\": %s does not go with this key", jwk_alg_name(bound));
    key->algs = JWK_BIT(bound);
    return true;
}

static struct jwk *key_of_json(const json_t *jwk, enum jwk_origin origin, struct err *err)
{
    static const struct {
        const char *kty;
        struct jwk *(*make)(const json_t *jwk, struct err *err);
    } types[] = {{"RSA", rsa_key}, {"EC", ec_key}, {"OKP", okp_key}, {"oct", oct_key}};
    struct jwk *key = NULL;
    struct str kty = text_of(jwk, "kty");
    size_t i = 0;
    while (i < sizeof types / sizeof *types && !str_is(kty, types[i].kty))
        i++;
    if (i == sizeof types / sizeof *types)
        err_set(err, "\"kty\": must be RSA, EC, OKP or oct");
    else if (json_object_get(jwk, "d"))
        err_set(err, "it is a private key (it has \"d\"), and only the public one is needed here");
    else if (types[i].make == oct_key && origin == JWK_THEIRS)
        err_set(err, "it is a secret, and a secret that stands at a URL is none");
    else
        key = types[i].make(jwk, err);
    if (key && !take_names(jwk, key, err)) {
        jwk_free(key);
        key = NULL;
    }
    return key;
}

static void leave_out(struct jwk_left_out *left_out, const struct err *why)
{
    if (left_out && left_out->n++ == 0)
        left_out->first = *why;
}

static bool add_json_key(struct batch *batch, const json_t *jwk, size_t index, unsigned algs,
                         enum jwk_origin origin, struct jwk_left_out *left_out, struct err *err)
{
    struct err why = ERR_INIT;
    if (json_is_object(jwk) && for_something_else(jwk))
        return true;
    struct jwk *key = json_is_object(jwk) ? key_of_json(jwk, origin, &why) : NULL;
    if (!json_is_object(jwk))
        err_set(&why, "it is no object");
    if (key && batch_add(batch, key, algs, &why))
        return true;
    err_prefix(&why, "key %zu", index);
    if (origin == JWK_OURS)
        return err_set(err, "%s", why.text);
    leave_out(left_out, &why);
    return true;
}

static bool add_json(struct batch *batch, const json_t *root, unsigned algs, enum jwk_origin origin,
                     struct jwk_left_out *left_out, struct err *err)
{
    const json_t *keys = json_object_get(root, "keys");
    bool ok = true;
    if (!json_is_object(root) || (keys && !json_is_array(keys)))
        return err_set(err, "it is neither a JWK nor a JWK set: {\"keys\": [...]}");
    if (!keys)
        ok = add_json_key(batch, root, 0, algs, origin, left_out, err);
    for (size_t i = 0; ok && i < json_array_size(keys); i++)
        ok = add_json_key(batch, json_array_get(keys, i), i, algs, origin, left_out, err);
    if (ok && batch->n == 0 && left_out && left_out->n)
        return err_set(err, "no key in it can be used: %s", left_out->first.text);
    return ok && (batch->n || err_set(err, "no key in it can be used to check a signature"));
}

bool jwk_set_add_json(struct jwk_set *set, struct str json, unsigned algs, enum jwk_origin origin,
                      struct jwk_left_out *left_out, struct err *err)
{
    struct batch batch = {0};
    struct jwk_left_out unheard = {0};
    json_error_t where;
    if (json.n > JWK_TEXT_MAX)
        return err_set(err, "the keys have %zu bytes, and may have %d", json.n, JWK_TEXT_MAX);
    json_t *root = json_loadb(json.n ? json.p : "", json.n, JSON_REJECT_DUPLICATES, &where);
    bool ok = root ? add_json(&batch, root, algs, origin, left_out ? left_out : &unheard, err)
                   : err_set(err, "it is not JSON: line %d, column %d", where.line, where.column);
    json_decref(root);
    ERR_clear_error();
    if (!ok)
        batch_drop(&batch);
    return ok && jwk_set_take(set, batch.keys, batch.n, err);
}

bool jwk_set_add_text(struct jwk_set *set, struct str text, unsigned algs, struct err *err)
{
    struct str rest = text;
    while (rest.n && strchr(" \t\r\n", *rest.p))
        rest = str_from(rest, 1);
    if (rest.n && *rest.p == '{')
        return jwk_set_add_json(set, text, algs, JWK_OURS, NULL, err);
    if (memmem(text.n ? text.p : "", text.n, "-----BEGIN ", 11))
        return jwk_set_add_pem(set, text, algs, err);
    return err_set(err, "it is neither PEM (-----BEGIN PUBLIC KEY-----) nor a JWK set ({\"keys\": "
                        "[...]}); a shared secret belongs into secret_file");
}
