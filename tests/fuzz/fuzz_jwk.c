/* Keys in PEM and JSON, of our own and of others. The first byte chooses the origin and what the
 * keys may be used for. Whatever was taken can be asked to verify. */
#include "auth/jwk.h"
#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct str text = {.p = (const char *)data + 1, .n = size - 1};
    struct str signature = {.p = (const char *)data, .n = size < 512 ? size : 512};
    struct jwk_set *set = jwk_set_new();
    struct jwk_left_out left_out = {0};
    struct err err = ERR_INIT;
    unsigned algs = data[0] & 2 ? JWK_ANY : data[0] & 4 ? JWK_BIT(JWK_RS256) : JWK_HMAC;
    bool ok = data[0] & 1 ? jwk_set_add_text(set, text, algs, &err)
                          : jwk_set_add_json(set, text, algs, JWK_THEIRS, &left_out, &err);
    CHECK(ok == (jwk_set_count(set) > 0) && ok == !err.text[0]);
    CHECK((jwk_set_algs(set) & ~algs) == 0);
    for (enum jwk_alg alg = 0; alg < JWK_ALGS; alg++) {
        size_t at = 0;
        const struct jwk *key;
        while ((key = jwk_set_next(set, alg, (struct str){0}, &at)) != NULL)
            (void)jwk_verifies(key, alg, text, signature);
    }
    jwk_set_unref(set);
    return 0;
}
