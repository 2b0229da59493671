/* What a token's claims, the answer of an application or the document of a ticket may give: any
 * JSON. Whatever stands in it, a template gives scopes of its own family and no other, each a scope
 * that could be asked for; what is named by itself is a scope or a family, or all of it is refused.
 */
#include "auth/claims.h"
#include "base/check.h"
#include "model/scope.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool starts_well(struct str scope)
{
    static const char *const stems[] = {"user:", "project:", "team:", "role:", "pair:"};
    for (size_t i = 0; i < sizeof stems / sizeof *stems; i++) {
        struct str stem = str_of(stems[i]);
        if (!str_starts(scope, stem))
            continue;
        /* What came from a value has no colon and no star of its own. */
        struct str value = str_from(scope, stem.n);
        size_t colons = 0;
        for (size_t k = 0; k < value.n; k++) {
            CHECK(value.p[k] != '*');
            colons += value.p[k] == ':';
        }
        CHECK(value.n && colons == (i == 4));
        return true;
    }
    return str_is(scope, "admin");
}

static void look(void *ctx, struct str scope)
{
    bool from_templates = *(const bool *)ctx;
    CHECK(scope_check(scope, NULL));
    CHECK(!from_templates || starts_well(scope));
}

static struct claims *templates(void)
{
    static struct str admins[] = {{.p = "admin", .n = 5}, {.p = "owner", .n = 5}};
    static struct auth_when when[] = {
        {.claim = {.p = "role", .n = 4}, .values = {.items = admins, .n = 2}}};
    static struct auth_scope scopes[] = {
        {.text = {.p = "user:{sub}", .n = 10}},
        {.text = {.p = "project:{projects[]}", .n = 20}},
        {.text = {.p = "team:{teams[].id}", .n = 17}},
        {.text = {.p = "role:{realm.roles[]}", .n = 20}},
        {.text = {.p = "pair:{sub}:{projects[]}", .n = 23}},
        {.text = {.p = "admin", .n = 5}, .when = when, .n_when = 1},
    };
    struct place at;
    struct claims *claims = claims_compile(scopes, sizeof scopes / sizeof *scopes, &at, NULL);
    CHECK(claims);
    return claims;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct claims *claims;
    const struct identity_options options = {.way = IDENTITY_CALLBACK, .expires_ms = INT64_MAX};
    json_t *document = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    if (!claims)
        claims = templates();
    struct err shape = ERR_INIT;
    CHECK(claims_document(document, &shape) == !shape.text[0]);
    if (json_is_object(document)) {
        for (int named = 0; named < 2; named++) {
            struct identity *identity = identity_new(&options);
            struct buf user = BUF_INIT(4096);
            struct err err = ERR_INIT;
            bool templated = named == 0;
            bool ok = named
                          ? claims_grant_named(json_object_get(document, "scopes"), identity, &err)
                          : claims_grant(claims, document, identity, &err);
            CHECK(ok == !err.text[0]);
            CHECK(identity_rights(identity) <= IDENTITY_RIGHTS_MAX);
            identity_each(identity, SCOPE_EVERY, look, &templated);
            (void)claims_text(document, STR("sub"), &user);
            buf_free(&user);
            identity_free(identity);
        }
    }
    json_decref(document);
    return 0;
}
