/* Tokens, good and forged: every one is a row or a combination of two, and each is judged for the
 * reason that it was made for. */
#include "auth/jwt.h"
#include "base/check.h"
#include "base/mem.h"
#include "forge.h"
#include "unit.h"
#include "wire/base64url.h"

#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#define NOW     INT64_C(1700000000000)
#define CLAIMS  "{\"iss\":\"https://issuer.test\",\"aud\":\"unstale\",\"exp\":1700000060}"
#define HS256   "{\"alg\":\"HS256\"}"
#define TEXT(s) str_of(s)

enum { TOKEN_MAX = 64 * 1024, TOKENS_AT_LEAST = 150 };

static struct forge *forge;
static struct jwk_set *every_key; /* one for every algorithm */
static unsigned judged;

static const struct jwt_policy policy = {
    .issuers = (const char *const[]){"https://issuer.test"},
    .n_issuers = 1,
    .audiences = (const char *const[]){"unstale", "pages"},
    .n_audiences = 2,
};

static struct buf token_buf(void)
{
    return BUF_INIT(TOKEN_MAX);
}

static void judge(const char *name, struct str token, const struct jwk_set *keys,
                  const struct jwt_policy *by, int64_t now, enum jwt_result expected)
{
    struct err err = ERR_INIT;
    struct jwt jwt;
    enum jwt_result result = jwt_verify(token, keys, by, now, &jwt, &err);
    judged++;
    if (result != expected)
        fail_msg("%s: expected %s, got %s (%s)", name, jwt_result_name(expected),
                 jwt_result_name(result), err.text);
    if ((result == JWT_GOOD) != (jwt.claims != NULL) || (result == JWT_GOOD) != !err.text[0])
        fail_msg("%s: claims or sentence do not go with %s", name, jwt_result_name(result));
    jwt_free(&jwt);
}

static void judge_here(const char *name, const struct buf *token, enum jwt_result expected)
{
    judge(name, buf_slice(token), every_key, &policy, NOW, expected);
}

/* ---- the RFCs ------------------------------------------------------------------------------ */

#define JOE                                                                                       \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnV" \
    "lfQ"
#define FRODO                                                                                     \
    "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb25" \
    "0byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2" \
    "hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4"
#define A2_KEY                                                                                    \
    "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W" \
    "26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ4" \
    "7soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVM" \
    "TBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcD" \
    "TW9gb54h4FRWyuXpoQ\"}"
#define BILBO_KEY                                                                                 \
    "{\"kty\":\"RSA\",\"kid\":\"bilbo.baggins@hobbiton.example\",\"use\":\"sig\",\"e\":\"AQAB\"," \
    "\"n\":\"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEi" \
    "ZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHY" \
    "pPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_" \
    "3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw\"}"

static const struct {
    const char *name, *key, *token;
    enum jwt_result expected; /* by the policy of whoever believes all but the signature */
} rfcs[] = {
    {"RFC 7515 A.1 and RFC 7519 3.1, HS256",
     "{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4"
     "hcgUuTwjAzZr1Z9CAow\"}",
     "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." JOE ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
     JWT_GOOD},
    {"RFC 7515 A.2, RS256", A2_KEY,
     "eyJhbGciOiJSUzI1NiJ9." JOE
     ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2F"
     "p5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMH"
     "lb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9"
     "QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
     JWT_GOOD},
    {"RFC 7515 A.3, ES256",
     "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\""
     ":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
     "eyJhbGciOiJFUzI1NiJ9." JOE
     ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
     JWT_GOOD},
    {"RFC 7515 A.4, ES512, which is not one of ours", A2_KEY,
     "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA."
     "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8G"
     "aSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
     JWT_ALGORITHM},
    {"RFC 7515 A.5 and RFC 7519 6.1, none", A2_KEY, "eyJhbGciOiJub25lIn0." JOE ".", JWT_ALGORITHM},
    {"RFC 7515 E, crit", A2_KEY,
     "eyJhbGciOiJub25lIiwNCiAiY3JpdCI6WyJodHRwOi8vZXhhbXBsZS5jb20vVU5ERUZJTkVEIl0sDQogImh0dHA6Ly9l"
     "eGFtcGxlLmNvbS9VTkRFRklORUQiOnRydWUNCn0.RkFJTA.",
     JWT_CRITICAL},
    {"RFC 7520 4.1, RS256; the payload is prose", BILBO_KEY,
     "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9." FRODO
     ".MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xug"
     "lII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6"
     "x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQS"
     "E_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg",
     JWT_MALFORMED},
    {"RFC 7520 4.2, PS384; the payload is prose", BILBO_KEY,
     "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9." FRODO
     ".cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8T"
     "TB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqr"
     "YRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHt"
     "fa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw",
     JWT_MALFORMED},
    {"RFC 7520 4.4, HS256; the payload is prose",
     "{\"kty\":\"oct\",\"kid\":\"018c0ae5-4d9b-471b-bfd6-eef314bc7037\",\"use\":\"sig\",\"alg\":"
     "\"HS256\",\"k\":\"hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg\"}",
     "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9." FRODO
     ".s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0",
     JWT_MALFORMED},
    {"RFC 8037 A.4, EdDSA; the payload is prose",
     "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
     "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
     "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
     JWT_MALFORMED},
};

/* One bit of the last character but three of the signature, which is never the one with the bits
 * that must be zero. */
static void spoil(struct buf *token)
{
    char *at = token->data + token->len - 4;
    *at = *at == 'A' ? 'B' : 'A';
}

static void the_examples_of_the_rfcs_are_judged_as_they_say(void **state)
{
    const struct jwt_policy anybody = {0};
    for (size_t i = 0; i < sizeof rfcs / sizeof *rfcs; i++) {
        struct jwk_set *keys = jwk_set_new();
        struct buf token = token_buf();
        struct err err = ERR_INIT;
        bool ours = rfcs[i].expected == JWT_GOOD || rfcs[i].expected == JWT_MALFORMED;
        if (!jwk_set_add_json(keys, TEXT(rfcs[i].key), JWK_ANY, JWK_OURS, NULL, &err))
            fail_msg("%s: %s", rfcs[i].name, err.text);
        buf_text(&token, rfcs[i].token);
        /* A second before it expires. */
        judge(rfcs[i].name, buf_slice(&token), keys, &anybody, INT64_C(1300819379000),
              rfcs[i].expected);
        /* And prose is refused only after its signature was found good. */
        if (ours) {
            spoil(&token);
            judge(rfcs[i].name, buf_slice(&token), keys, &anybody, INT64_C(1300819379000),
                  JWT_SIGNATURE);
        }
        buf_free(&token);
        jwk_set_unref(keys);
    }
}

/* ---- algorithms ---------------------------------------------------------------------------- */

static void make(enum jwk_alg alg, enum forge_key key, const char *header, const char *payload,
                 struct buf *out)
{
    char own[64];
    snprintf(own, sizeof own, "{\"alg\":\"%s\",\"typ\":\"JWT\"}", jwk_alg_name(alg));
    buf_clear(out);
    forge_token(forge, alg, key, TEXT(header ? header : own), TEXT(payload ? payload : CLAIMS),
                out);
}

static void each_algorithm_is_verified_and_each_change_is_found(void **state)
{
    struct buf token = token_buf();
    for (enum jwk_alg alg = 0; alg < JWK_ALGS; alg++) {
        const char *name = jwk_alg_name(alg);
        make(alg, forge_key_of(alg), NULL, NULL, &token);
        judge_here(name, &token, JWT_GOOD);
        make(alg, forge_other_key_of(alg), NULL, NULL, &token);
        judge_here(name, &token, JWT_SIGNATURE);
        make(alg, forge_key_of(alg), NULL, NULL, &token);
        spoil(&token);
        judge_here(name, &token, JWT_SIGNATURE);
        /* A byte less, four characters being three bytes; nothing at all. */
        make(alg, forge_key_of(alg), NULL, NULL, &token);
        token.len -= 4 + (token.len -
                          (size_t)((char *)memrchr(token.data, '.', token.len) - token.data) - 1) %
                             4;
        judge_here(name, &token, JWT_SIGNATURE);
        make(alg, forge_key_of(alg), NULL, NULL, &token);
        token.len = (size_t)((char *)memrchr(token.data, '.', token.len) - token.data) + 1;
        judge_here(name, &token, JWT_SIGNATURE);
        /* A later expiry under the old signature. */
        make(alg, forge_key_of(alg), NULL, NULL, &token);
        char *claims = memchr(token.data, '.', token.len);
        claims[20] = claims[20] == 'Q' ? 'R' : 'Q';
        judge_here(name, &token, JWT_SIGNATURE);
    }
    buf_free(&token);
}

/* The header says one thing, the key another: every pair but those of one algorithm. */
static void no_algorithm_passes_for_another(void **state)
{
    struct buf token = token_buf();
    for (enum jwk_alg signed_as = 0; signed_as < JWK_ALGS; signed_as++)
        for (enum jwk_alg said = 0; said < JWK_ALGS; said++) {
            char header[64], name[64];
            if (said == signed_as)
                continue;
            snprintf(header, sizeof header, "{\"alg\":\"%s\"}", jwk_alg_name(said));
            snprintf(name, sizeof name, "%s that says %s", jwk_alg_name(signed_as),
                     jwk_alg_name(said));
            make(signed_as, forge_key_of(signed_as), header, NULL, &token);
            judge_here(name, &token, JWT_SIGNATURE);
        }
    buf_free(&token);
}

/* The classic: the public key's text as the secret of an HMAC. Not even looked at, since no key
 * of the set is for HMAC. */
static void a_public_key_is_no_secret(void **state)
{
    static const enum forge_key public[] = {FORGE_RSA, FORGE_P256, FORGE_P384, FORGE_ED};
    struct buf token = token_buf(), pem = BUF_INIT(8192), mac = BUF_INIT(64);
    for (size_t i = 0; i < sizeof public / sizeof *public; i++) {
        struct jwk_set *keys = jwk_set_new();
        unsigned char bytes[EVP_MAX_MD_SIZE];
        unsigned size = 0;
        buf_clear(&pem);
        buf_clear(&mac);
        forge_pem(forge, public[i], false, &pem);
        assert_true(jwk_set_add_pem(keys, buf_slice(&pem), JWK_ANY, NULL));
        buf_clear(&token);
        base64url_encode(TEXT(HS256), &token);
        buf_byte(&token, '.');
        base64url_encode(TEXT(CLAIMS), &token);
        HMAC(EVP_sha256(), pem.data, (int)pem.len, (unsigned char *)token.data, token.len, bytes,
             &size);
        buf_add(&mac, bytes, size);
        buf_byte(&token, '.');
        base64url_encode(buf_slice(&mac), &token);
        judge("public key as secret", buf_slice(&token), keys, &policy, NOW, JWT_ALGORITHM);
        jwk_set_unref(keys);
    }
    buf_free(&token);
    buf_free(&pem);
    buf_free(&mac);
}

/* ---- ECDSA values -------------------------------------------------------------------------- */

#define ZERO8 "\0\0\0\0\0\0\0\0"
#define ZERO  ZERO8 ZERO8 ZERO8 ZERO8
#define ORDER                                                                      \
    "\xff\xff\xff\xff\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xbc\xe6\xfa\xad\xa7" \
    "\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51"
#define ONES8 "\xff\xff\xff\xff\xff\xff\xff\xff"
#define ONES  ONES8 ONES8 ONES8 ONES8
#define ONE   ZERO8 ZERO8 ZERO8 "\0\0\0\0\0\0\0\1"

static void an_ecdsa_value_that_is_zero_or_out_of_range_is_refused(void **state)
{
    static const struct {
        const char *name, *r, *s; /* 32 bytes; NULL: the good one */
    } rows[] = {
        {"both zero", ZERO, ZERO},    {"r zero", ZERO, NULL},
        {"s zero", NULL, ZERO},       {"both the order", ORDER, ORDER},
        {"r the order", ORDER, NULL}, {"s the order", NULL, ORDER},
        {"both above", ONES, ONES},   {"r above", ONES, NULL},
        {"s above", NULL, ONES},      {"both one", ONE, ONE},
        {"r one", ONE, NULL},         {"s one", NULL, ONE},
    };
    struct buf token = token_buf(), good = BUF_INIT(64), pair = BUF_INIT(64);
    base64url_encode(STR("{\"alg\":\"ES256\"}"), &token);
    buf_byte(&token, '.');
    base64url_encode(TEXT(CLAIMS), &token);
    size_t text = token.len;
    forge_sign(forge, JWK_ES256, FORGE_P256, buf_slice(&token), &good);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        buf_clear(&pair);
        buf_add(&pair, rows[i].r ? rows[i].r : good.data, 32);
        buf_add(&pair, rows[i].s ? rows[i].s : good.data + 32, 32);
        buf_cut(&token, text);
        buf_byte(&token, '.');
        base64url_encode(buf_slice(&pair), &token);
        judge_here(rows[i].name, &token, JWT_SIGNATURE);
    }
    /* DER, as other formats have it. */
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    unsigned char der[128];
    size_t n = sizeof der;
    buf_cut(&token, text);
    assert_int_equal(
        EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, forge_pkey(forge, FORGE_P256)), 1);
    assert_int_equal(EVP_DigestSign(md, der, &n, (unsigned char *)token.data, token.len), 1);
    EVP_MD_CTX_free(md);
    buf_byte(&token, '.');
    base64url_encode((struct str){.p = (char *)der, .n = n}, &token);
    judge_here("DER", &token, JWT_SIGNATURE);
    buf_free(&token);
    buf_free(&good);
    buf_free(&pair);
}

/* ---- PSS ----------------------------------------------------------------------------------- */

/* RFC 7518, 3.5: the salt is as long as the hash, and the mask is made with the same hash. */
static void a_pss_signature_with_another_salt_or_mask_is_refused(void **state)
{
    static const struct {
        const char *name;
        int salt;
        bool other_mask;
        enum jwt_result expected;
    } rows[] = {
        {"as long as the hash", 32, false, JWT_GOOD},
        {"no salt", 0, false, JWT_SIGNATURE},
        {"a shorter salt", 20, false, JWT_SIGNATURE},
        {"the longest salt", RSA_PSS_SALTLEN_MAX, false, JWT_SIGNATURE},
        {"a mask of another hash", 32, true, JWT_SIGNATURE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf token = token_buf();
        unsigned char bytes[512];
        size_t n = sizeof bytes;
        EVP_MD_CTX *md = EVP_MD_CTX_new();
        EVP_PKEY_CTX *ctx;
        base64url_encode(STR("{\"alg\":\"PS256\"}"), &token);
        buf_byte(&token, '.');
        base64url_encode(TEXT(CLAIMS), &token);
        assert_int_equal(
            EVP_DigestSignInit(md, &ctx, EVP_sha256(), NULL, forge_pkey(forge, FORGE_RSA)), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, rows[i].salt), 1);
        if (rows[i].other_mask)
            assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha512()), 1);
        assert_int_equal(EVP_DigestSign(md, bytes, &n, (unsigned char *)token.data, token.len), 1);
        EVP_MD_CTX_free(md);
        buf_byte(&token, '.');
        base64url_encode((struct str){.p = (char *)bytes, .n = n}, &token);
        judge_here(rows[i].name, &token, rows[i].expected);
        buf_free(&token);
    }
}

/* ---- headers ------------------------------------------------------------------------------- */

#define KID_256                                                        \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* All of them signed rightly with HS256 by the key that is called "hs". */
static const struct {
    const char *header;
    enum jwt_result expected;
} headers[] = {
    {"{\"alg\":\"HS256\"}", JWT_GOOD},
    {"{\"alg\":\"HS256\",\"typ\":\"JWT\"}", JWT_GOOD},
    {"{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", JWT_GOOD},
    {"{\"alg\":\"HS256\",\"typ\":\"jwt\",\"cty\":\"JWT\"}", JWT_GOOD},
    {"{\"alg\":\"HS256\",\"typ\":\"\"}", JWT_GOOD},
    {"{\"alg\":\"HS256\",\"kid\":\"hs\"}", JWT_GOOD},
    {" { \"alg\" : \"HS256\" } ", JWT_GOOD},
    {"{\"alg\":\"HS\\u0032\\u00356\"}", JWT_GOOD},
    {"{\"alg\":\"HS256\",\"x\":{\"y\":[1,2]}}", JWT_GOOD},
    /* Keys that the token brings along are not looked at. */
    {"{\"alg\":\"HS256\",\"jku\":\"http://127.0.0.1:1/keys\"}", JWT_GOOD},
    {"{\"alg\":\"HS256\",\"x5u\":\"file:///etc/passwd\"}", JWT_GOOD},
    {"{\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AAAA\"}}", JWT_GOOD},
    {"{\"alg\":\"HS256\",\"b64\":true}", JWT_GOOD},
    /* Names that want to be paths, queries, commands. */
    {"{\"alg\":\"HS256\",\"kid\":\"hs2\"}", JWT_UNKNOWN_KEY},
    {"{\"alg\":\"HS256\",\"kid\":\"HS\"}", JWT_UNKNOWN_KEY},
    {"{\"alg\":\"HS256\",\"kid\":\"h\"}", JWT_UNKNOWN_KEY},
    {"{\"alg\":\"HS256\",\"kid\":\"\"}", JWT_UNKNOWN_KEY},
    {"{\"alg\":\"HS256\",\"kid\":\"../../../../dev/null\"}", JWT_UNKNOWN_KEY},
    {"{\"alg\":\"HS256\",\"kid\":\"/proc/self/environ\"}", JWT_UNKNOWN_KEY},
    {"{\"alg\":\"HS256\",\"kid\":\"' OR '1'='1\"}", JWT_UNKNOWN_KEY},
    {"{\"alg\":\"HS256\",\"kid\":\"$(reboot)\"}", JWT_UNKNOWN_KEY},
    {"{\"alg\":\"HS256\",\"kid\":\"%n%n%s\"}", JWT_UNKNOWN_KEY},
    {"{\"alg\":\"HS256\",\"kid\":\"" KID_256 "\"}", JWT_UNKNOWN_KEY},
    {"{\"alg\":\"HS256\",\"kid\":\"" KID_256 "0\"}", JWT_MALFORMED},
    {"{\"alg\":\"HS256\",\"kid\":\"hs\\u0000\"}", JWT_MALFORMED},
    {"{\"alg\":\"HS256\",\"kid\":1}", JWT_MALFORMED},
    {"{\"alg\":\"HS256\",\"kid\":null}", JWT_MALFORMED},
    {"{\"alg\":\"HS256\",\"kid\":[\"hs\"]}", JWT_MALFORMED},
    /* The name of another key. */
    {"{\"alg\":\"HS256\",\"kid\":\"rsa\"}", JWT_ALGORITHM},
    {"{\"alg\":\"HS256\",\"kid\":\"p256\"}", JWT_ALGORITHM},
    {"{\"alg\":\"RS256\",\"kid\":\"hs\"}", JWT_ALGORITHM},
    {"{\"alg\":\"EdDSA\",\"kid\":\"hs\"}", JWT_ALGORITHM},
    {"{\"alg\":\"ES256\",\"kid\":\"p384\"}", JWT_ALGORITHM},
    /* Algorithms that are none, or not ours. */
    {"{\"alg\":\"none\"}", JWT_ALGORITHM},
    {"{\"alg\":\"None\"}", JWT_ALGORITHM},
    {"{\"alg\":\"NONE\"}", JWT_ALGORITHM},
    {"{\"alg\":\"nOnE\"}", JWT_ALGORITHM},
    {"{\"alg\":\"\"}", JWT_ALGORITHM},
    {"{\"alg\":\"hs256\"}", JWT_ALGORITHM},
    {"{\"alg\":\"HS256 \"}", JWT_ALGORITHM},
    {"{\"alg\":\"HS1\"}", JWT_ALGORITHM},
    {"{\"alg\":\"HS2567\"}", JWT_ALGORITHM},
    {"{\"alg\":\"ES512\"}", JWT_ALGORITHM},
    {"{\"alg\":\"ES256K\"}", JWT_ALGORITHM},
    {"{\"alg\":\"RSA-OAEP\"}", JWT_ALGORITHM},
    {"{\"alg\":\"dir\",\"enc\":\"A128GCM\"}", JWT_ALGORITHM},
    {"{}", JWT_MALFORMED},
    {"{\"alg\":null}", JWT_MALFORMED},
    {"{\"alg\":256}", JWT_MALFORMED},
    {"{\"alg\":[\"HS256\"]}", JWT_MALFORMED},
    {"{\"alg\":\"HS256\\u0000\"}", JWT_MALFORMED},
    {"{\"Alg\":\"HS256\"}", JWT_MALFORMED},
    /* Twice. */
    {"{\"alg\":\"none\",\"alg\":\"HS256\"}", JWT_MALFORMED},
    {"{\"alg\":\"HS256\",\"alg\":\"HS256\"}", JWT_MALFORMED},
    {"{\"alg\":\"HS256\",\"kid\":\"hs\",\"\\u006bid\":\"hs\"}", JWT_MALFORMED},
    /* Extensions. */
    {"{\"alg\":\"HS256\",\"crit\":[\"exp\"],\"exp\":1}", JWT_CRITICAL},
    {"{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}", JWT_CRITICAL},
    {"{\"alg\":\"HS256\",\"crit\":[]}", JWT_CRITICAL},
    {"{\"alg\":\"HS256\",\"crit\":null}", JWT_CRITICAL},
    {"{\"alg\":\"HS256\",\"crit\":\"alg\"}", JWT_CRITICAL},
    /* Types, and what is no object. */
    {"{\"alg\":\"HS256\",\"typ\":1}", JWT_MALFORMED},
    {"{\"alg\":\"HS256\",\"cty\":{}}", JWT_MALFORMED},
    {"", JWT_MALFORMED},
    {"null", JWT_MALFORMED},
    {"\"HS256\"", JWT_MALFORMED},
    {"[{\"alg\":\"HS256\"}]", JWT_MALFORMED},
    {"{\"alg\":\"HS256\"}{}", JWT_MALFORMED},
    {"{\"alg\":\"HS256\"", JWT_MALFORMED},
    {"{'alg':'HS256'}", JWT_MALFORMED},
    {"{\"alg\":\"HS256\",}", JWT_MALFORMED},
    {"{\"alg\":\"HS256\",\"x\":\"\xff\"}", JWT_MALFORMED},
    {"\xef\xbb\xbf{\"alg\":\"HS256\"}", JWT_MALFORMED},
    {"{\"alg\":\"HS256\",\"x\":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}", JWT_GOOD},
    {"{\"alg\":\"HS256\",\"x\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}", JWT_MALFORMED},
};

static void a_header_chooses_among_what_the_keys_allow(void **state)
{
    struct buf token = token_buf();
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        make(JWK_HS256, FORGE_SECRET, headers[i].header, NULL, &token);
        judge_here(headers[i].header, &token, headers[i].expected);
    }
    buf_free(&token);
}

/* ---- claims -------------------------------------------------------------------------------- */

#define US "\"iss\":\"https://issuer.test\",\"aud\":\"unstale\""

static const struct {
    const char *claims;
    int64_t leeway_ms;
    enum jwt_result expected;
} claims[] = {
    {"{" US ",\"exp\":1700000001}", 0, JWT_GOOD},
    {"{" US ",\"exp\":1700000000}", 0, JWT_EXPIRED},
    {"{" US ",\"exp\":1699999999}", 0, JWT_EXPIRED},
    {"{" US ",\"exp\":1699999999}", 1000, JWT_EXPIRED},
    {"{" US ",\"exp\":1699999999}", 1001, JWT_GOOD},
    {"{" US ",\"exp\":1699999941}", 60000, JWT_GOOD},
    {"{" US ",\"exp\":1699999940}", 60000, JWT_EXPIRED},
    {"{" US ",\"exp\":1700000000.5}", 0, JWT_GOOD},
    {"{" US ",\"exp\":1699999999.9}", 0, JWT_EXPIRED},
    {"{" US ",\"exp\":1.7000001e9}", 0, JWT_GOOD},
    {"{" US ",\"exp\":0}", 0, JWT_EXPIRED},
    {"{" US ",\"exp\":-1}", 0, JWT_MALFORMED},
    {"{" US ",\"exp\":-0.5}", 0, JWT_MALFORMED},
    {"{" US ",\"exp\":253402300799}", 0, JWT_GOOD},
    {"{" US ",\"exp\":253402300800}", 0, JWT_MALFORMED},
    {"{" US ",\"exp\":9223372036854775807}", 0, JWT_MALFORMED},
    {"{" US ",\"exp\":9223372036854775808}", 0, JWT_MALFORMED},
    {"{" US ",\"exp\":1e300}", 0, JWT_MALFORMED},
    {"{" US ",\"exp\":1e999}", 0, JWT_MALFORMED},
    {"{" US ",\"exp\":NaN}", 0, JWT_MALFORMED},
    {"{" US ",\"exp\":\"1700000060\"}", 0, JWT_MALFORMED},
    {"{" US ",\"exp\":null}", 0, JWT_MALFORMED},
    {"{" US ",\"exp\":true}", 0, JWT_MALFORMED},
    {"{" US ",\"exp\":[1700000060]}", 0, JWT_MALFORMED},
    {"{" US "}", 0, JWT_NO_EXPIRY},
    {"{" US ",\"Exp\":1700000060}", 0, JWT_NO_EXPIRY},
    {"{" US ",\"exp\":1700000060,\"nbf\":1700000000}", 0, JWT_GOOD},
    {"{" US ",\"exp\":1700000060,\"nbf\":1700000001}", 0, JWT_NOT_YET},
    {"{" US ",\"exp\":1700000060,\"nbf\":1700000001}", 1000, JWT_GOOD},
    {"{" US ",\"exp\":1700000060,\"nbf\":1700000001.001}", 1000, JWT_NOT_YET},
    {"{" US ",\"exp\":1700000060,\"nbf\":\"0\"}", 0, JWT_MALFORMED},
    {"{" US ",\"exp\":1700000060,\"nbf\":-1}", 0, JWT_MALFORMED},
    {"{" US ",\"exp\":1700000060,\"iat\":1700000030}", 0, JWT_GOOD},
    {"{" US ",\"exp\":1700000060,\"iat\":\"now\"}", 0, JWT_MALFORMED},
    {"{" US ",\"exp\":1700000060,\"exp\":1700000060}", 0, JWT_MALFORMED},
    {"{" US ",\"exp\":1,\"e\\u0078p\":1700000060}", 0, JWT_MALFORMED},
    {"{" US ",\"exp\":1700000060,\"sub\":\"a\",\"sub\":\"b\"}", 0, JWT_MALFORMED},
    {"{" US ",\"exp\":1700000060,\"a\":{\"b\":1,\"b\":2}}", 0, JWT_MALFORMED},
    {"{" US ",\"exp\":1700000060,\"sub\":\"a\\u0000b\"}", 0, JWT_MALFORMED},
    {"{" US ",\"exp\":1700000060,\"sub\":\"\xc3\x28\"}", 0, JWT_MALFORMED},
    {"{" US ",\"exp\":1700000060,\"sub\":\"\\ud800\"}", 0, JWT_MALFORMED},
    {"{" US ",\"exp\":1700000060,\"sub\":7}", 0, JWT_GOOD},
    {"{" US ",\"exp\":1700000060,\"id\":12345678901234567890123}", 0, JWT_MALFORMED},
    {"{" US ",\"exp\":1700000060,\"x\":[[[[[[[[[[[[[[[\"]]\\\"\"]]]]]]]]]]]]]]]}", 0, JWT_GOOD},
    {"{" US ",\"exp\":1700000060,\"x\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}", 0, JWT_MALFORMED},
    {"{\"aud\":\"unstale\",\"exp\":1700000060}", 0, JWT_ISSUER},
    {"{\"iss\":\"https://issuer.test/\",\"aud\":\"unstale\",\"exp\":1700000060}", 0, JWT_ISSUER},
    {"{\"iss\":\"https://Issuer.test\",\"aud\":\"unstale\",\"exp\":1700000060}", 0, JWT_ISSUER},
    {"{\"iss\":\"\",\"aud\":\"unstale\",\"exp\":1700000060}", 0, JWT_ISSUER},
    {"{\"iss\":[\"https://issuer.test\"],\"aud\":\"unstale\",\"exp\":1700000060}", 0,
     JWT_MALFORMED},
    {"{\"iss\":null,\"aud\":\"unstale\",\"exp\":1700000060}", 0, JWT_MALFORMED},
    {"{\"iss\":\"https://issuer.test\",\"exp\":1700000060}", 0, JWT_AUDIENCE},
    {"{\"iss\":\"https://issuer.test\",\"aud\":\"pages\",\"exp\":1700000060}", 0, JWT_GOOD},
    {"{\"iss\":\"https://issuer.test\",\"aud\":[\"other\",\"pages\"],\"exp\":1700000060}", 0,
     JWT_GOOD},
    {"{\"iss\":\"https://issuer.test\",\"aud\":[],\"exp\":1700000060}", 0, JWT_AUDIENCE},
    {"{\"iss\":\"https://issuer.test\",\"aud\":[\"other\"],\"exp\":1700000060}", 0, JWT_AUDIENCE},
    {"{\"iss\":\"https://issuer.test\",\"aud\":\"unstale2\",\"exp\":1700000060}", 0, JWT_AUDIENCE},
    {"{\"iss\":\"https://issuer.test\",\"aud\":[\"unstale\",1],\"exp\":1700000060}", 0,
     JWT_MALFORMED},
    {"{\"iss\":\"https://issuer.test\",\"aud\":{\"unstale\":1},\"exp\":1700000060}", 0,
     JWT_MALFORMED},
    {"{\"iss\":\"https://issuer.test\",\"aud\":null,\"exp\":1700000060}", 0, JWT_MALFORMED},
    {"[" CLAIMS "]", 0, JWT_MALFORMED},
    {"\""
     "claims"
     "\"",
     0, JWT_MALFORMED},
    {"", 0, JWT_MALFORMED},
    {"{}", 0, JWT_NO_EXPIRY},
    {CLAIMS CLAIMS, 0, JWT_MALFORMED},
    {CLAIMS "\n", 0, JWT_GOOD},
};

static void claims_say_who_for_whom_and_until_when(void **state)
{
    struct buf token = token_buf();
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        struct jwt_policy with_leeway = policy;
        with_leeway.leeway_ms = claims[i].leeway_ms;
        make(JWK_HS256, FORGE_SECRET, NULL, claims[i].claims, &token);
        judge(claims[i].claims, buf_slice(&token), every_key, &with_leeway, NOW,
              claims[i].expected);
    }
    buf_free(&token);
}

static void a_policy_may_leave_claims_open(void **state)
{
    const struct jwt_policy open = {.expiry_optional = true};
    struct buf token = token_buf();
    struct jwt jwt;
    make(JWK_HS256, FORGE_SECRET, NULL, "{\"sub\":\"u1\"}", &token);
    judge("nothing asked", buf_slice(&token), every_key, &open, NOW, JWT_GOOD);
    assert_int_equal(jwt_verify(buf_slice(&token), every_key, &open, NOW, &jwt, NULL), JWT_GOOD);
    assert_true(jwt.expires_ms == INT64_MAX);
    assert_string_equal(json_string_value(json_object_get(jwt.claims, "sub")), "u1");
    jwt_free(&jwt);
    make(JWK_HS256, FORGE_SECRET, NULL, "{\"iss\":\"anybody\"}", &token);
    judge("any issuer", buf_slice(&token), every_key, &open, NOW, JWT_GOOD);
    make(JWK_HS256, FORGE_SECRET, NULL, "{\"exp\":1699999999}", &token);
    judge("an expiry that is there counts", buf_slice(&token), every_key, &open, NOW, JWT_EXPIRED);
    make(JWK_HS256, FORGE_SECRET, NULL, "{\"aud\":\"somebody else\"}", &token);
    judge("an audience, and we have no name", buf_slice(&token), every_key, &open, NOW,
          JWT_AUDIENCE);
    make(JWK_HS256, FORGE_SECRET, NULL, "{\"exp\":1700000060.25}", &token);
    assert_int_equal(jwt_verify(buf_slice(&token), every_key, &open, NOW, &jwt, NULL), JWT_GOOD);
    assert_true(jwt.expires_ms == INT64_C(1700000060250));
    jwt_free(&jwt);
    buf_free(&token);
}

/* ---- text ---------------------------------------------------------------------------------- */

/* What is done to a good token, with its three parts. */
static void text_row(const char *name, enum jwt_result expected, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void text_row(const char *name, enum jwt_result expected, const char *format, ...)
{
    static char text[3 * TOKEN_MAX];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    judge(name, (struct str){.p = text, .n = (size_t)n}, every_key, &policy, NOW, expected);
}

static void a_token_has_one_text(void **state)
{
    struct buf token = token_buf();
    make(JWK_HS256, FORGE_SECRET, HS256, CLAIMS "   ", &token);
    buf_byte(&token, '\0');
    char *h = token.data, *p = strchr(h, '.'), *s = strchr(p + 1, '.');
    *p++ = *s++ = '\0';
    /* The bits behind the last byte: 32 bytes are 43 characters, the last has two of them. */
    size_t n = strlen(s);
    char odd[128], last = s[n - 1];
    assert_true(n < sizeof odd);
    memcpy(odd, s, n + 1);
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    text_row("good", JWT_GOOD, "%s.%s.%s", h, p, s);
    for (int extra = 1; extra < 4; extra++) {
        odd[n - 1] = letters[(strchr(letters, last) - letters) + extra];
        text_row("bits that stand for none", JWT_MALFORMED, "%s.%s.%s", h, p, odd);
    }
    text_row("padding", JWT_MALFORMED, "%s.%s.%s=", h, p, s);
    text_row("padding of the header", JWT_MALFORMED, "%s=.%s.%s", h, p, s);
    text_row("padding of the claims", JWT_SIGNATURE, "%s.%s=.%s", h, p, s);
    text_row("space in front", JWT_MALFORMED, " %s.%s.%s", h, p, s);
    text_row("space behind", JWT_MALFORMED, "%s.%s.%s ", h, p, s);
    text_row("line end", JWT_MALFORMED, "%s.%s.%s\n", h, p, s);
    text_row("a line end within", JWT_MALFORMED, "%s.%s.%.10s\r\n%s", h, p, s, s + 10);
    text_row("a space within the claims", JWT_SIGNATURE, "%s.%.4s %s.%s", h, p, p + 4, s);
    text_row("base64 instead", JWT_MALFORMED, "%s.%s.%.*s+", h, p, (int)n - 1, s);
    text_row("base64 instead", JWT_MALFORMED, "%s.%s.%.*s/", h, p, (int)n - 1, s);
    text_row("percent", JWT_MALFORMED, "%s%%2E%s%%2E%s", h, p, s);
    text_row("one character too many", JWT_MALFORMED, "%s.%s.%sAA", h, p, s);
    text_row("a byte too many", JWT_SIGNATURE, "%s.%s.%sA", h, p, s);
    text_row("nothing", JWT_MALFORMED, "%s", "");
    text_row("a dot", JWT_MALFORMED, ".");
    text_row("two dots", JWT_MALFORMED, "..");
    text_row("three dots", JWT_MALFORMED, "...");
    text_row("the header alone", JWT_MALFORMED, "%s", h);
    text_row("two parts", JWT_MALFORMED, "%s.%s", h, p);
    text_row("two parts and nothing", JWT_SIGNATURE, "%s.%s.", h, p);
    text_row("four parts", JWT_MALFORMED, "%s.%s.%s.%s", h, p, s, s);
    text_row("five parts, as encrypted ones have", JWT_MALFORMED, "%s.%s.%s.%s.%s", h, p, s, s, s);
    text_row("no header", JWT_MALFORMED, ".%s.%s", p, s);
    text_row("no claims", JWT_SIGNATURE, "%s..%s", h, s);
    text_row("claims first", JWT_MALFORMED, "%s.%s.%s", p, h, s);
    text_row("with its scheme", JWT_MALFORMED, "Bearer %s.%s.%s", h, p, s);
    text_row("JSON serialization", JWT_MALFORMED,
             "{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":\"%s\"}", h, p, s);
    text_row("a huge signature", JWT_MALFORMED, "%s.%s.%02000d", h, p, 0);
    text_row("huge", JWT_TOO_LONG, "%s.%s.%s%016384d", h, p, s, 0);
    text_row("zeros", JWT_MALFORMED, "%01000d", 0);
    judge("a NUL within", (struct str){.p = "a\0.b.c", .n = 6}, every_key, &policy, NOW,
          JWT_MALFORMED);
    judge("not ASCII", STR("\xff\xfe.\xc3\xa9.\x80"), every_key, &policy, NOW, JWT_MALFORMED);
    buf_free(&token);
}

static void a_token_may_be_as_long_as_the_limit_and_no_longer(void **state)
{
    struct buf token = token_buf(), long_claims = BUF_INIT(TOKEN_MAX);
    size_t fill = 0;
    for (int round = 0; round < 2; round++) {
        buf_clear(&long_claims);
        buf_printf(&long_claims, "{%s,\"exp\":1700000060,\"x\":\"%0*d\"}", US, (int)fill + 1, 0);
        buf_byte(&long_claims, '\0');
        make(JWK_HS256, FORGE_SECRET, HS256, long_claims.data, &token);
        if (round == 0)
            fill = (JWT_MAX - token.len) / 4 * 3;
    }
    assert_true(token.len <= JWT_MAX && token.len > JWT_MAX - 4);
    judge_here("as long as may be", &token, JWT_GOOD);
    buf_clear(&long_claims);
    buf_printf(&long_claims, "{%s,\"exp\":1700000060,\"x\":\"%0*d\"}", US, (int)fill + 6, 0);
    buf_byte(&long_claims, '\0');
    make(JWK_HS256, FORGE_SECRET, HS256, long_claims.data, &token);
    judge_here("too long", &token, JWT_TOO_LONG);
    buf_free(&token);
    buf_free(&long_claims);
}

/* ---- keys ---------------------------------------------------------------------------------- */

static void a_token_without_a_name_is_tried_with_so_many_keys_only(void **state)
{
    /* The right one stands behind so many others. */
    for (int others = JWT_TRIES_MAX - 1; others <= JWT_TRIES_MAX; others++) {
        struct jwk_set *keys = jwk_set_new();
        struct buf token = token_buf();
        for (int i = 0; i < others; i++)
            assert_true(
                jwk_set_add_secret(keys, forge_secret(forge, FORGE_OTHER_SECRET), JWK_HMAC, NULL));
        assert_true(jwk_set_add_secret(keys, forge_secret(forge, FORGE_SECRET), JWK_HMAC, NULL));
        make(JWK_HS256, FORGE_SECRET, HS256, NULL, &token);
        judge("others first", buf_slice(&token), keys, &policy, NOW,
              others < JWT_TRIES_MAX ? JWT_GOOD : JWT_SIGNATURE);
        buf_free(&token);
        jwk_set_unref(keys);
    }
}

static void keys_without_a_name_answer_to_every_name(void **state)
{
    struct jwk_set *keys = jwk_set_new();
    struct buf token = token_buf();
    assert_true(jwk_set_add_secret(keys, forge_secret(forge, FORGE_SECRET), JWK_HMAC, NULL));
    make(JWK_HS256, FORGE_SECRET, "{\"alg\":\"HS256\",\"kid\":\"whatever\"}", NULL, &token);
    judge("named", buf_slice(&token), keys, &policy, NOW, JWT_GOOD);
    make(JWK_RS256, FORGE_RSA, NULL, NULL, &token);
    judge("no such key", buf_slice(&token), keys, &policy, NOW, JWT_ALGORITHM);
    jwk_set_unref(keys);
    keys = jwk_set_new();
    make(JWK_HS256, FORGE_SECRET, HS256, NULL, &token);
    judge("no keys at all", buf_slice(&token), keys, &policy, NOW, JWT_UNKNOWN_KEY);
    buf_free(&token);
    jwk_set_unref(keys);
}

static void a_key_is_bound_to_what_it_says(void **state)
{
    struct jwk_set *keys = jwk_set_new();
    struct buf token = token_buf(), jwk = BUF_INIT(4096);
    struct err err = ERR_INIT;
    buf_text(&jwk, "{");
    forge_jwk(forge, FORGE_RSA, &jwk);
    buf_text(&jwk, ",\"alg\":\"PS256\"}");
    assert_true(jwk_set_add_json(keys, buf_slice(&jwk), JWK_ANY, JWK_OURS, NULL, &err));
    for (enum jwk_alg alg = JWK_RS256; alg <= JWK_PS512; alg++) {
        make(alg, FORGE_RSA, NULL, NULL, &token);
        judge(jwk_alg_name(alg), buf_slice(&token), keys, &policy, NOW,
              alg == JWK_PS256 ? JWT_GOOD : JWT_ALGORITHM);
    }
    jwk_set_unref(keys);
    buf_free(&token);
    buf_free(&jwk);
}

static void what_is_refused_is_never_quoted(void **state)
{
    struct buf token = token_buf();
    struct err err = ERR_INIT;
    struct jwt jwt;
    make(JWK_HS256, FORGE_SECRET, "{\"alg\":\"Xecret\",\"kid\":\"Xecret\"}", "{\"sub\":\"Xecret\"}",
         &token);
    (void)jwt_verify(buf_slice(&token), every_key, &policy, NOW, &jwt, &err);
    assert_null(strstr(err.text, "Xecret"));
    make(JWK_HS256, FORGE_SECRET, HS256, "{\"iss\":\"Xecret\",\"exp\":1700000060}", &token);
    (void)jwt_verify(buf_slice(&token), every_key, &policy, NOW, &jwt, &err);
    assert_null(strstr(err.text, "Xecret"));
    buf_free(&token);
}

static void there_were_enough_of_them(void **state)
{
    print_message("%u tokens were judged\n", judged);
    assert_true(judged >= TOKENS_AT_LEAST);
}

static int set_up(void **state)
{
    static const struct {
        enum forge_key key;
        const char *kid;
    } named[] = {{FORGE_SECRET, "hs"},
                 {FORGE_RSA, "rsa"},
                 {FORGE_P256, "p256"},
                 {FORGE_P384, "p384"},
                 {FORGE_ED, "ed"}};
    struct buf json = BUF_INIT(16384);
    struct err err = ERR_INIT;
    forge = forge_new();
    every_key = jwk_set_new();
    buf_text(&json, "{\"keys\":[");
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        buf_printf(&json, "%s{\"kid\":\"%s\",", i ? "," : "", named[i].kid);
        forge_jwk(forge, named[i].key, &json);
        buf_byte(&json, '}');
    }
    buf_text(&json, "]}");
    bool ok = jwk_set_add_json(every_key, buf_slice(&json), JWK_ANY, JWK_OURS, NULL, &err);
    if (!ok)
        print_error("%s\n", err.text);
    buf_free(&json);
    return ok && jwk_set_algs(every_key) == JWK_ANY ? 0 : -1;
}

static int tear_down(void **state)
{
    jwk_set_unref(every_key);
    forge_free(forge);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_rfcs_are_judged_as_they_say),
        cmocka_unit_test(each_algorithm_is_verified_and_each_change_is_found),
        cmocka_unit_test(no_algorithm_passes_for_another),
        cmocka_unit_test(a_public_key_is_no_secret),
        cmocka_unit_test(an_ecdsa_value_that_is_zero_or_out_of_range_is_refused),
        cmocka_unit_test(a_pss_signature_with_another_salt_or_mask_is_refused),
        cmocka_unit_test(a_header_chooses_among_what_the_keys_allow),
        cmocka_unit_test(claims_say_who_for_whom_and_until_when),
        cmocka_unit_test(a_policy_may_leave_claims_open),
        cmocka_unit_test(a_token_has_one_text),
        cmocka_unit_test(a_token_may_be_as_long_as_the_limit_and_no_longer),
        cmocka_unit_test(a_token_without_a_name_is_tried_with_so_many_keys_only),
        cmocka_unit_test(keys_without_a_name_answer_to_every_name),
        cmocka_unit_test(a_key_is_bound_to_what_it_says),
        cmocka_unit_test(what_is_refused_is_never_quoted),
        cmocka_unit_test(there_were_enough_of_them),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
