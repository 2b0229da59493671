/* The server only verifies. This is the one place that signs, and it signs with a shared secret
 * alone: whoever has the private key of a real issuer does not need it. */
#include "auth/jwk.h"
#include "base/buf.h"
#include "cli/cli.h"
#include "cli/secret.h"
#include "config/units.h"
#include "wire/base64url.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct args_option OPTIONS[] = {
    {.name = "secret-file", .value = "FILE", .help = "the secret that the server checks with"},
    {.name = "secret", .value = "TEXT", .help = "the same on the command line, for all to see"},
    {.name = "algorithm", .value = "NAME", .help = "HS256 (by default), HS384 or HS512"},
    {.name = "kid", .value = "NAME", .help = "the name of the key"},
    {.name = "life", .value = "TIME", .help = "how long it is good; 1h by default"},
    {0},
};

enum { TEXT_MAX = 64 * 1024, LIFE_MS = 60 * 60 * 1000 };

/* ---- claims -------------------------------------------------------------------------------- */

/* "name=text", "name:=JSON" or "{object}". */
static bool take_claim(const char *word, json_t *claims, struct err *err)
{
    if (*word == '{') {
        json_t *object = json_loads(word, JSON_REJECT_DUPLICATES, NULL);
        bool ok = json_is_object(object) && json_object_update(claims, object) == 0;
        json_decref(object);
        return ok || err_set(err, "%.60s is no JSON object", word);
    }
    const char *equals = strchr(word, '=');
    if (!equals || equals == word || (equals == word + 1 && *word == ':'))
        return err_set(err, "%.60s is no claim: name=text, name:=JSON or a JSON object", word);
    bool json = equals[-1] == ':';
    size_t length = (size_t)(equals - word) - json;
    json_t *value = json ? json_loads(equals + 1, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL)
                         : json_string(equals + 1);
    if (!value)
        return json ? err_set(err, "what stands behind := in %.60s is no JSON", word)
                    : err_set(err, "%.60s is not UTF-8", word);
    return json_object_setn_new(claims, word, length, value) == 0 ||
           err_set(err, "the name of %.60s is not UTF-8", word);
}

/* NULL with a sentence. What is given wins over what is added. */
static json_t *claims_of(const struct args *args, int64_t now, uint64_t life_ms, struct err *err)
{
    json_t *claims = json_object();
    bool ok = claims != NULL;
    for (size_t i = 0; ok && i < args->n_words; i++)
        ok = take_claim(args->words[i], claims, err);
    if (ok && !json_object_get(claims, "iat"))
        json_object_set_new(claims, "iat", json_integer(now));
    if (ok && !json_object_get(claims, "exp"))
        json_object_set_new(claims, "exp", json_integer(now + (int64_t)(life_ms / 1000)));
    if (ok)
        return claims;
    json_decref(claims);
    return NULL;
}

/* ---- the token ----------------------------------------------------------------------------- */

static bool add_part(json_t *object, struct buf *token, struct err *err)
{
    char *text = json_dumps(object, JSON_COMPACT);
    bool ok = text && base64url_encode(str_of(text), token);
    free(text);
    return ok || err_set(err, "the claims are too long");
}

static bool sign(json_t *claims, enum jwk_alg alg, const char *kid, struct str secret,
                 struct buf *token, struct err *err)
{
    static const EVP_MD *(*const digests[])(void) = {
        [JWK_HS256] = EVP_sha256, [JWK_HS384] = EVP_sha384, [JWK_HS512] = EVP_sha512};
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    json_t *header =
        json_pack("{s:s, s:s, s:s*}", "alg", jwk_alg_name(alg), "typ", "JWT", "kid", kid);
    bool ok = (header || err_set(err, "--kid is not UTF-8")) && add_part(header, token, err) &&
              buf_byte(token, '.') && add_part(claims, token, err);
    ok = ok && (HMAC(digests[alg](), secret.p, (int)secret.n, (unsigned char *)token->data,
                     token->len, mac, &size) ||
                err_set(err, "OpenSSL cannot sign with %s", jwk_alg_name(alg)));
    ok = ok && ((buf_byte(token, '.') &&
                 base64url_encode((struct str){.p = (char *)mac, .n = size}, token)) ||
                err_set(err, "the claims are too long"));
    json_decref(header);
    return ok;
}

/* The server would refuse it, so it is refused here, in the same words. */
static bool good_secret(struct str secret, enum jwk_alg alg, struct err *err)
{
    struct jwk_set *set = jwk_set_new();
    bool ok = jwk_set_add_secret(set, secret, JWK_BIT(alg), err);
    jwk_set_unref(set);
    return ok;
}

static void warn(const json_t *claims, int64_t now)
{
    const json_t *expiry = json_object_get(claims, "exp");
    cli_note("this token is for development: whoever has it is believed%s, and it cannot be called "
             "back; in production the application's own sign-in makes them",
             json_is_number(expiry) && json_number_value(expiry) > (double)now
                 ? ""
                 : ", were it not expired");
    if (json_is_number(expiry))
        cli_note("it is good for %.0f s", json_number_value(expiry) - (double)now);
}

static enum cli_exit run(const struct args *args)
{
    const char *file = args_value(args, "secret-file"), *plain = args_value(args, "secret");
    const char *name = args_value(args, "algorithm"), *life = args_value(args, "life");
    struct buf secret = BUF_INIT(JWK_SECRET_MAX), token = BUF_INIT(TEXT_MAX);
    struct err err = ERR_INIT;
    enum jwk_alg alg = name ? jwk_alg_of(str_of(name)) : JWK_HS256;
    uint64_t life_ms = LIFE_MS;
    int64_t now = (int64_t)time(NULL);
    json_t *claims = NULL;
    enum cli_exit exit = CLI_USAGE;
    if (!file == !plain)
        return cli_fail(CLI_USAGE, "token: either --secret-file FILE or --secret TEXT says what to "
                                   "sign with");
    if (alg > JWK_HS512)
        return cli_fail(CLI_USAGE, "token: --algorithm is HS256, HS384 or HS512: only who has the "
                                   "private key can sign for the others");
    if (life && !units_duration(str_of(life), &life_ms))
        return cli_fail(CLI_USAGE, "token: --life is a time such as 90s, 15m or 2h");
    bool ok = file ? secret_read(SECRET_BYTES, file, &secret, &err)
                   : buf_text(&secret, plain) || err_set(&err, "the secret is too long");
    ok = ok && good_secret(buf_slice(&secret), alg, &err) &&
         (claims = claims_of(args, now, life_ms, &err)) != NULL;
    if (!ok) {
        exit = cli_fail(CLI_USAGE, "token: %s", err.text);
    } else if (!sign(claims, alg, args_value(args, "kid"), buf_slice(&secret), &token, &err)) {
        exit = cli_fail(CLI_FAILED, "token: %s", err.text);
    } else {
        warn(claims, now);
        printf("%.*s\n", STR_ARG(buf_slice(&token)));
        exit = CLI_OK;
    }
    json_decref(claims);
    if (secret.data)
        OPENSSL_cleanse(secret.data, secret.cap);
    buf_free(&secret);
    buf_free(&token);
    return exit;
}

const struct cli_command cli_token = {
    .name = "token",
    .usage = "--secret-file FILE [OPTION ...] [CLAIM ...]",
    .summary = "mint a token for development",
    .help = "Signs a JSON Web Token with a shared secret and prints it. For development and tests "
            "only: a\n"
            "secret from which anybody can make tokens belongs on no production machine but the "
            "application's.\n\n"
            "A CLAIM is name=text, name:=JSON, or a JSON object; \"iat\" and \"exp\" are added "
            "where they are not given:\n\n"
            "    openssl rand -base64 48 > jwt.secret\n"
            "    unstale token --secret-file jwt.secret sub=7 'projects:=[1,2]'\n"
            "    curl -N -H \"Authorization: Bearer $(unstale token --secret-file jwt.secret "
            "sub=7)\" \\\n"
            "        'http://127.0.0.1:8080/v1/stream?scope=user:7'",
    .options = OPTIONS,
    .run = run,
};
