/* Tokens. The first byte chooses: the bytes are the token itself, or header and claims (a NUL
 * between them) that are signed here, so that what stands behind the signature is reached too. */
#include "auth/jwt.h"
#include "base/buf.h"
#include "base/check.h"
#include "wire/base64url.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* RFC 7515 A.1, RFC 7515 A.3, RFC 8037 A.2. */
static const char KEYS[] =
    "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"hs\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-"
    "EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"},{\"kty\":\"EC\",\"crv\":\"P-256\","
    "\"kid\":\"p256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_"
    "tue659LNpXW6pCyStikYjKIWI5a0\"},{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
    "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";
static const char SECRET[] =
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";

static void sign(struct str header, struct str claims, struct buf *token)
{
    struct buf secret = BUF_INIT(64);
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    CHECK(base64url_decode(str_of(SECRET), &secret));
    base64url_encode(header, token);
    buf_byte(token, '.');
    base64url_encode(claims, token);
    CHECK(HMAC(EVP_sha256(), secret.data, (int)secret.len, (unsigned char *)token->data, token->len,
               mac, &n));
    buf_byte(token, '.');
    base64url_encode((struct str){.p = (char *)mac, .n = n}, token);
    buf_free(&secret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct jwk_set *keys;
    const struct jwt_policy policy = {.leeway_ms = 1000,
                                      .issuers = (const char *const[]){"joe"},
                                      .n_issuers = size % 2,
                                      .audiences = (const char *const[]){"us"},
                                      .n_audiences = size / 2 % 2,
                                      .expiry_optional = size / 4 % 2 == 0};
    struct buf token = BUF_INIT(1 << 20);
    struct err err = ERR_INIT;
    struct jwt jwt;
    if (!keys) {
        keys = jwk_set_new();
        CHECK(jwk_set_add_json(keys, str_of(KEYS), JWK_ANY, JWK_OURS, NULL, NULL));
    }
    if (size == 0)
        return 0;
    struct str rest = {.p = (const char *)data + 1, .n = size - 1};
    if (data[0] % 2) {
        size_t at = str_index(rest, '\0');
        sign((struct str){.p = rest.p, .n = at}, str_from(rest, at + 1), &token);
    } else {
        buf_str(&token, rest);
    }
    if (!token.overflow) {
        enum jwt_result result =
            jwt_verify(buf_slice(&token), keys, &policy, INT64_C(1300819379000), &jwt, &err);
        CHECK(result < JWT_RESULTS && jwt_result_name(result));
        CHECK((result == JWT_GOOD) == json_is_object(jwt.claims));
        CHECK((result == JWT_GOOD) == !err.text[0]);
        CHECK(result != JWT_GOOD || jwt.expires_ms >= INT64_C(1300819378000));
        jwt_free(&jwt);
    }
    buf_free(&token);
    return 0;
}
