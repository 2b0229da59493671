/* Keys: what is taken, what is refused and with which words, and what each may be used for. */
#include "auth/jwk.h"
#include "forge.h"
#include "unit.h"
#include "wire/base64url.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

#define RS (JWK_BIT(JWK_RS256) | JWK_BIT(JWK_RS384) | JWK_BIT(JWK_RS512))
#define PS (JWK_BIT(JWK_PS256) | JWK_BIT(JWK_PS384) | JWK_BIT(JWK_PS512))

enum { TEXT_MAX = 64 * 1024 };

static struct forge *forge;

/* In text, {rsa} and so on stand for the members of a key. */
static void expand(const char *text, struct buf *out)
{
    static const char *const names[FORGE_KEYS] = {
        [FORGE_SECRET] = "{secret}", [FORGE_RSA] = "{rsa}",   [FORGE_P256] = "{p256}",
        [FORGE_P384] = "{p384}",     [FORGE_ED] = "{ed}",     [FORGE_RSA_1024] = "{rsa1024}",
        [FORGE_P521] = "{p521}",     [FORGE_K256] = "{k256}", [FORGE_ED448] = "{ed448}",
    };
    while (*text) {
        unsigned i = 0;
        while (i < FORGE_KEYS && !(names[i] && strncmp(text, names[i], strlen(names[i])) == 0))
            i++;
        if (i < FORGE_KEYS) {
            forge_jwk(forge, i, out);
            text += strlen(names[i]);
        } else {
            buf_byte(out, *text++);
        }
    }
    assert_false(out->overflow);
}

#define X32 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static void a_json_key_is_taken_or_refused_with_a_sentence(void **state)
{
    static const struct {
        const char *json;
        unsigned narrow;      /* 0: JWK_ANY */
        unsigned algs;        /* of what is there afterwards; 0: refused */
        const char *sentence; /* a part of it */
    } rows[] = {
        {"{{rsa}}", 0, RS | PS, NULL},
        {"{{p256}}", 0, JWK_BIT(JWK_ES256), NULL},
        {"{{p384}}", 0, JWK_BIT(JWK_ES384), NULL},
        {"{{ed}}", 0, JWK_BIT(JWK_EDDSA), NULL},
        {"{{secret}}", 0, JWK_HMAC, NULL},
        {"{{rsa},\"alg\":\"RS256\"}", 0, JWK_BIT(JWK_RS256), NULL},
        {"{{rsa},\"alg\":\"RS256\",\"use\":\"sig\",\"key_ops\":[\"verify\"],\"kid\":\"a\"}", 0,
         JWK_BIT(JWK_RS256), NULL},
        {"{{ed},\"alg\":\"Ed25519\"}", 0, JWK_BIT(JWK_EDDSA), NULL},
        {"{{rsa}}", JWK_BIT(JWK_PS512), JWK_BIT(JWK_PS512), NULL},
        {"{\"keys\":[{{rsa}},{{ed}}]}", 0, RS | PS | JWK_BIT(JWK_EDDSA), NULL},
        {"{\"keys\":[{{rsa},\"use\":\"enc\"},{{ed}}]}", 0, JWK_BIT(JWK_EDDSA), NULL},
        {"{\"keys\":[{{rsa},\"key_ops\":[\"wrapKey\"]},{{ed}}]}", 0, JWK_BIT(JWK_EDDSA), NULL},
        {"{{rsa},\"x5c\":[\"nonsense\"],\"x5t\":1,\"ours\":{}}", 0, RS | PS, NULL},

        {"{{rsa1024}}", 0, 0, "1024 bits, and below 2048"},
        {"{{p521}}", 0, 0, "\"crv\": must be P-256 or P-384"},
        {"{{k256}}", 0, 0, "\"crv\": must be P-256 or P-384"},
        {"{{ed448}}", 0, 0, "\"crv\": must be Ed25519"},
        {"{\"kty\":\"EC\"}", 0, 0, "\"crv\": must be"},
        {"{\"kty\":\"XYZ\"}", 0, 0, "\"kty\": must be"},
        {"{}", 0, 0, "\"kty\": must be"},
        {"{\"kty\":1}", 0, 0, "\"kty\": must be"},
        {"{\"kty\":\"rsa\"}", 0, 0, "\"kty\": must be"},
        {"{\"kty\":\"oct\",\"k\":\"\"}", 0, 0, "the secret has 0 bytes"},
        {"{\"kty\":\"oct\",\"k\":\"c2hvcnQ\"}", 0, 0, "the secret has 5 bytes, and HS256 needs 32"},
        {"{\"kty\":\"oct\",\"k\":\"" X32 "\"}", 0, 0, "the same 1 byte again"},
        {"{\"kty\":\"oct\",\"k\":\"" X32 "=\"}", 0, 0, "\"k\": is not base64url"},
        {"{\"kty\":\"oct\",\"k\":7}", 0, 0, "\"k\": must be there"},
        {"{\"kty\":\"oct\"}", 0, 0, "\"k\": must be there"},
        {"{\"kty\":\"RSA\",\"n\":\"AQAB\"}", 0, 0, "\"e\": must be there"},
        {"{\"kty\":\"RSA\",\"e\":\"AQAB\"}", 0, 0, "\"n\": must be there"},
        {"{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"AQAB\"}", 0, 0, "RSA key"},
        {"{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", 0, 0, "and below 2048"},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X32 "\"}", 0, 0, "\"y\": must be there"},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X32 "\",\"y\":\"" X32 "\"}", 0, 0,
         "no point of the curve"},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"" X32 "\"}", 0, 0,
         "\"x\": must have 32 bytes"},
        {"{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" X32 "\",\"y\":\"" X32 "\"}", 0, 0,
         "\"x\": must have 48 bytes"},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}", 0, 0, "\"x\": must have 32 bytes"},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" X32 "AAAA\"}", 0, 0, "\"x\": is too long"},
        {"{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" X32 "\"}", 0, 0, "must be Ed25519"},
        {"{{rsa},\"d\":\"AQAB\"}", 0, 0, "it is a private key"},
        {"{{ed},\"d\":\"" X32 "\"}", 0, 0, "it is a private key"},
        {"{{rsa},\"alg\":\"ES256\"}", 0, 0, "\"alg\": ES256 does not go with this key"},
        {"{{p256},\"alg\":\"ES384\"}", 0, 0, "\"alg\": ES384 does not go with this key"},
        {"{{rsa},\"alg\":\"HS256\"}", 0, 0, "\"alg\": HS256 does not go with this key"},
        {"{{rsa},\"alg\":\"none\"}", 0, 0, "\"alg\": is none of"},
        {"{{rsa},\"alg\":7}", 0, 0, "\"alg\": is none of"},
        {"{{rsa}}", JWK_BIT(JWK_ES256), 0, "allowed is only ES256"},
        {"{\"kty\":\"oct\",\"k\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\"}",
         JWK_BIT(JWK_HS512), 0, "the secret has 32 bytes, and HS512 needs 64"},
        {"{{rsa},\"kid\":7}", 0, 0, "\"kid\": must be text"},
        {"{\"keys\":[{{rsa}},{{rsa1024}}]}", 0, 0, "key 1: the RSA key has 1024 bits"},
        {"{\"keys\":[{{rsa}},7]}", 0, 0, "key 1: it is no object"},
        {"{\"keys\":[]}", 0, 0, "no key in it"},
        {"{\"keys\":[{{rsa},\"use\":\"enc\"}]}", 0, 0, "no key in it"},
        {"{\"keys\":{}}", 0, 0, "neither a JWK nor a JWK set"},
        {"[]", 0, 0, "neither a JWK nor a JWK set"},
        {"{{rsa}", 0, 0, "it is not JSON"},
        {"{{rsa},\"kid\":\"a\",\"kid\":\"b\"}", 0, 0, "it is not JSON"},
        {"", 0, 0, "it is not JSON"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf json = BUF_INIT(TEXT_MAX);
        struct jwk_set *set = jwk_set_new();
        struct err err = ERR_INIT;
        expand(rows[i].json, &json);
        bool ok = jwk_set_add_json(set, buf_slice(&json), rows[i].narrow ? rows[i].narrow : JWK_ANY,
                                   JWK_OURS, NULL, &err);
        if (ok != (rows[i].algs != 0) || jwk_set_algs(set) != rows[i].algs ||
            (!ok && (!strstr(err.text, rows[i].sentence) || jwk_set_count(set))))
            fail_msg("%s: %s, algorithms %x, %s", rows[i].json, ok ? "taken" : "refused",
                     jwk_set_algs(set), err.text);
        jwk_set_unref(set);
        buf_free(&json);
    }
}

static void of_a_set_that_others_keep_the_usable_keys_are_taken(void **state)
{
    struct buf json = BUF_INIT(TEXT_MAX);
    struct jwk_set *set = jwk_set_new();
    struct jwk_left_out left_out = {0};
    struct err err = ERR_INIT;
    expand("{\"keys\":[{{rsa1024}},{{secret}},{{p256}},{\"kty\":\"new\"},7,{{rsa},\"use\":\"enc\"},"
           "{{ed},\"d\":\"AA\"},{{rsa}}]}",
           &json);
    assert_true(
        jwk_set_add_json(set, buf_slice(&json), JWK_ANY & ~JWK_HMAC, JWK_THEIRS, &left_out, &err));
    assert_int_equal(jwk_set_count(set), 2);
    assert_int_equal(jwk_set_algs(set), RS | PS | JWK_BIT(JWK_ES256));
    assert_int_equal(left_out.n, 5);
    assert_non_null(strstr(left_out.first.text, "key 0: the RSA key has 1024 bits"));
    /* A secret is never taken from there, whatever is allowed. */
    buf_clear(&json);
    expand("{\"keys\":[{{secret}}]}", &json);
    assert_false(jwk_set_add_json(set, buf_slice(&json), JWK_ANY, JWK_THEIRS, NULL, &err));
    assert_non_null(strstr(err.text, "a secret that stands at a URL is none"));
    jwk_set_unref(set);
    buf_free(&json);
}

static void secrets_have_to_be_as_long_as_the_hash(void **state)
{
    static const char bytes[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/";
    static const struct {
        size_t n;
        unsigned narrow, algs;
    } rows[] = {
        {0, JWK_ANY, 0},
        {31, JWK_ANY, 0},
        {31, JWK_BIT(JWK_HS256), 0},
        {32, JWK_ANY, JWK_BIT(JWK_HS256)},
        {32, JWK_BIT(JWK_HS256), JWK_BIT(JWK_HS256)},
        {32, JWK_BIT(JWK_HS384), 0},
        {47, JWK_BIT(JWK_HS256) | JWK_BIT(JWK_HS384), 0},
        {47, JWK_HMAC, JWK_BIT(JWK_HS256)},
        {48, JWK_ANY, JWK_BIT(JWK_HS256) | JWK_BIT(JWK_HS384)},
        {63, JWK_BIT(JWK_HS512), 0},
        {64, JWK_ANY, JWK_HMAC},
        {64, JWK_BIT(JWK_RS256), 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct jwk_set *set = jwk_set_new();
        struct err err = ERR_INIT;
        bool ok =
            jwk_set_add_secret(set, (struct str){.p = bytes, .n = rows[i].n}, rows[i].narrow, &err);
        if (ok != (rows[i].algs != 0) || jwk_set_algs(set) != rows[i].algs || ok != !err.text[0])
            fail_msg("row %zu: %s, algorithms %x, %s", i, ok ? "taken" : "refused",
                     jwk_set_algs(set), err.text);
        if (rows[i].n && strstr(err.text, "0123"))
            fail_msg("the secret is in: %s", err.text);
        jwk_set_unref(set);
    }
}

static void certificate_of(enum forge_key key, struct buf *out)
{
    X509 *certificate = X509_new();
    EVP_PKEY *pkey = forge_pkey(forge, key);
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    /* Long over: only the key counts. */
    X509_gmtime_adj(X509_getm_notBefore(certificate), -2000);
    X509_gmtime_adj(X509_getm_notAfter(certificate), -1000);
    assert_true(X509_set_pubkey(certificate, pkey) && X509_sign(certificate, pkey, EVP_sha256()));
    assert_true(PEM_write_bio_X509(bio, certificate));
    long n = BIO_get_mem_data(bio, &text);
    buf_add(out, text, (size_t)n);
    BIO_free(bio);
    X509_free(certificate);
}

static void pem_holds_public_keys_and_certificates(void **state)
{
    struct buf pem = BUF_INIT(TEXT_MAX);
    struct jwk_set *set = jwk_set_new();
    struct err err = ERR_INIT;
    buf_text(&pem, "A comment in front, as openssl writes it\n");
    forge_pem(forge, FORGE_RSA, false, &pem);
    forge_pem(forge, FORGE_P384, false, &pem);
    forge_pem(forge, FORGE_ED, false, &pem);
    certificate_of(FORGE_P256, &pem);
    if (!jwk_set_add_text(set, buf_slice(&pem), JWK_ANY, &err))
        fail_msg("%s", err.text);
    assert_int_equal(jwk_set_count(set), 4);
    assert_int_equal(jwk_set_algs(set), JWK_ANY & ~JWK_HMAC);
    jwk_set_unref(set);
    buf_free(&pem);
}

static void refuse_pem(const struct buf *pem, const char *sentence)
{
    struct jwk_set *set = jwk_set_new();
    struct err err = ERR_INIT;
    if (jwk_set_add_text(set, buf_slice(pem), JWK_ANY, &err) || !strstr(err.text, sentence) ||
        jwk_set_count(set))
        fail_msg("expected \"%s\", got \"%s\"", sentence, err.text);
    jwk_set_unref(set);
}

static void pem_that_is_weak_private_or_broken_is_refused(void **state)
{
    static const struct {
        enum forge_key key;
        bool private;
        const char *sentence;
    } rows[] = {
        {FORGE_RSA_1024, false, "PEM block 2: the RSA key has 1024 bits"},
        {FORGE_P521, false, "PEM block 2: the key's curve is secp521r1"},
        {FORGE_K256, false, "PEM block 2: the key's curve is secp256k1"},
        {FORGE_ED448, false, "PEM block 2: the key is of the type ED448"},
        {FORGE_RSA, true, "PEM block 2: it is a private key"},
        {FORGE_ED, true, "PEM block 2: it is a private key"},
    };
    struct buf pem = BUF_INIT(TEXT_MAX);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        buf_clear(&pem);
        forge_pem(forge, FORGE_RSA, false, &pem);
        forge_pem(forge, rows[i].key, rows[i].private, &pem);
        refuse_pem(&pem, rows[i].sentence);
    }
    buf_clear(&pem);
    forge_pem(forge, FORGE_RSA, false, &pem);
    size_t whole = pem.len;
    pem.len = whole / 2;
    refuse_pem(&pem, "PEM block 1 is cut");
    pem.len = whole;
    memcpy(pem.data + 40, "!!!!", 4);
    refuse_pem(&pem, "PEM block 1 is cut or not base64");
    memcpy(pem.data + 40, "AAAA", 4);
    refuse_pem(&pem, "PEM block 1: the PUBLIC KEY cannot be read");
    buf_clear(&pem);
    buf_text(&pem, "-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----\n");
    refuse_pem(&pem, "it is a \"DH PARAMETERS\", not a PUBLIC KEY");
    buf_clear(&pem);
    buf_text(&pem, "a secret that stands where a key should");
    refuse_pem(&pem, "neither PEM");
    buf_clear(&pem);
    refuse_pem(&pem, "neither PEM");
    buf_free(&pem);
}

static void a_set_has_so_many_keys_and_no_more(void **state)
{
    struct jwk_set *set = jwk_set_new();
    struct err err = ERR_INIT;
    struct buf json = BUF_INIT(TEXT_MAX), big = BUF_INIT(2 * JWK_TEXT_MAX);
    for (int i = 0; i < JWK_KEYS_MAX; i++)
        assert_true(jwk_set_add_secret(set, forge_secret(forge, FORGE_SECRET), JWK_ANY, &err));
    assert_false(jwk_set_add_secret(set, forge_secret(forge, FORGE_SECRET), JWK_ANY, &err));
    assert_non_null(strstr(err.text, "more than 64 keys"));
    assert_int_equal(jwk_set_count(set), JWK_KEYS_MAX);
    jwk_set_unref(set);
    set = jwk_set_new();
    buf_text(&json, "{\"keys\":[");
    for (int i = 0; i <= JWK_KEYS_MAX; i++) {
        buf_text(&json, i ? ",{" : "{");
        forge_jwk(forge, FORGE_ED, &json);
        buf_byte(&json, '}');
    }
    buf_text(&json, "]}");
    assert_false(jwk_set_add_json(set, buf_slice(&json), JWK_ANY, JWK_OURS, NULL, &err));
    assert_non_null(strstr(err.text, "more than 64 keys"));
    for (int i = 0; i <= JWK_TEXT_MAX; i++)
        buf_byte(&big, ' ');
    assert_false(jwk_set_add_json(set, buf_slice(&big), JWK_ANY, JWK_OURS, NULL, &err));
    assert_false(jwk_set_add_pem(set, buf_slice(&big), JWK_ANY, &err));
    assert_non_null(strstr(err.text, "and may have"));
    jwk_set_unref(set);
    buf_free(&json);
    buf_free(&big);
}

static void a_name_finds_its_key_first_and_then_those_without(void **state)
{
    struct jwk_set *set = jwk_set_new();
    struct buf json = BUF_INIT(TEXT_MAX);
    size_t at = 0;
    expand("{\"keys\":[{{ed}},{{ed},\"kid\":\"a\"},{{p256},\"kid\":\"b\"}]}", &json);
    assert_true(jwk_set_add_json(set, buf_slice(&json), JWK_ANY, JWK_OURS, NULL, NULL));
    const struct jwk *named = jwk_set_next(set, JWK_EDDSA, STR("a"), &at);
    const struct jwk *open = jwk_set_next(set, JWK_EDDSA, STR("a"), &at);
    assert_non_null(named);
    assert_non_null(open);
    assert_ptr_not_equal(named, open);
    assert_null(jwk_set_next(set, JWK_EDDSA, STR("a"), &at));
    at = 0;
    assert_ptr_equal(jwk_set_next(set, JWK_EDDSA, STR("c"), &at), open);
    assert_null(jwk_set_next(set, JWK_EDDSA, STR("c"), &at));
    at = 0;
    assert_ptr_equal(jwk_set_next(set, JWK_EDDSA, (struct str){0}, &at), named);
    assert_ptr_equal(jwk_set_next(set, JWK_EDDSA, (struct str){0}, &at), open);
    assert_null(jwk_set_next(set, JWK_EDDSA, (struct str){0}, &at));
    assert_true(jwk_set_match(set, JWK_ES256, STR("b")).alg);
    assert_false(jwk_set_match(set, JWK_ES256, STR("a")).alg);
    jwk_set_unref(set);
    buf_free(&json);
}

static void base64url_is_strict(void **state)
{
    static const struct {
        const char *text;
        const char *bytes; /* NULL: refused */
        size_t n;
    } rows[] = {
        {"", "", 0},           {"Zg", "f", 1},         {"Zm8", "fo", 2},    {"Zm9v", "foo", 3},
        {"Zm9vYg", "foob", 4}, {"-_8", "\xfb\xff", 2}, {"AA", "\0", 1},     {"A", NULL, 0},
        {"Zh", NULL, 0},       {"Zm9", NULL, 0},       {"Zg==", NULL, 0},   {"Zm8=", NULL, 0},
        {"+/8", NULL, 0},      {"Zm 9v", NULL, 0},     {"Zm9v\n", NULL, 0}, {"Zm9vY", NULL, 0},
        {"Zm9v.", NULL, 0},    {"\xc3\xa9", NULL, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf bytes = BUF_INIT(64), text = BUF_INIT(64);
        bool ok = base64url_decode(str_of(rows[i].text), &bytes);
        if (ok != (rows[i].bytes != NULL) || bytes.len != rows[i].n ||
            (ok && rows[i].n && memcmp(bytes.data, rows[i].bytes, rows[i].n) != 0))
            fail_msg("\"%s\" was %s", rows[i].text, ok ? "taken" : "refused");
        if (ok) {
            assert_true(base64url_encode(buf_slice(&bytes), &text));
            assert_text(buf_slice(&text), rows[i].text);
            assert_int_equal(base64url_size(text.len), bytes.len);
        }
        buf_free(&bytes);
        buf_free(&text);
    }
    struct buf small = BUF_INIT(2);
    assert_false(base64url_decode(STR("Zm9v"), &small));
    assert_int_equal(small.len, 0);
    assert_false(base64url_encode(STR("fo"), &small));
    assert_int_equal(small.len, 0);
    buf_free(&small);
}

static int set_up(void **state)
{
    forge = forge_new();
    return 0;
}

static int tear_down(void **state)
{
    forge_free(forge);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_json_key_is_taken_or_refused_with_a_sentence),
        cmocka_unit_test(of_a_set_that_others_keep_the_usable_keys_are_taken),
        cmocka_unit_test(secrets_have_to_be_as_long_as_the_hash),
        cmocka_unit_test(pem_holds_public_keys_and_certificates),
        cmocka_unit_test(pem_that_is_weak_private_or_broken_is_refused),
        cmocka_unit_test(a_set_has_so_many_keys_and_no_more),
        cmocka_unit_test(a_name_finds_its_key_first_and_then_those_without),
        cmocka_unit_test(base64url_is_strict),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
