/* What claims give: a row is a template, the claims, and the rights. */
#include "auth/claims.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
    char *items[64];
    size_t n;
};

static void keep(void *ctx, struct str scope)
{
    struct names *names = ctx;
    assert_true(names->n < 64);
    names->items[names->n++] = mem_copy(scope.p, scope.n);
}

/* All that the identity may read of the scopes with and without a ":", sorted, with blanks. */
static void assert_rights(const struct identity *identity, const char *wanted)
{
    struct names names = {.n = 0};
    struct buf text = BUF_INIT(64 * 1024);
    identity_each(identity, STR("*"), keep, &names);
    qsort(names.items, names.n, sizeof names.items[0], by_name);
    for (size_t i = 0; i < names.n; i++) {
        buf_printf(&text, "%s%s", i ? " " : "", names.items[i]);
        free(names.items[i]);
    }
    buf_byte(&text, '\0');
    assert_string_equal(text.data, wanted);
    buf_free(&text);
}

static struct identity *somebody(void)
{
    const struct identity_options options = {.way = IDENTITY_TOKEN, .expires_ms = INT64_MAX};
    return identity_new(&options);
}

static const char CLAIMS[] =
    "{\"sub\":\"7\",\"id\":42,\"half\":1.5,\"yes\":true,\"no\":null,\"empty\":\"\","
    "\"evil\":\"a:b*%\\n\",\"projects\":[1,\"two\",null,\"\",{\"id\":9},[3],false],"
    "\"teams\":[{\"id\":\"x\",\"roles\":[\"r\",\"w\"]},{\"id\":\"y\"},{\"no\":1},5],"
    "\"realm_access\":{\"roles\":[\"admin\",\"dev\"]},"
    "\"https://app/roles\":[\"chief\"],\"a.b\":{\"c\":\"dotted\"},\"role\":\"admin\","
    "\"none\":[],\"object\":{\"x\":1}}";

static void templates_over_claims_give_rights(void **state)
{
    static const struct {
        const char *template, *rights;
    } rows[] = {
        {"user:{sub}", "user:7"},
        {"all", "all"},
        {"n:{id}:{half}:{yes}", "n:42:1.5:true"},
        {"x:{no}", ""},
        {"x:{empty}", ""},
        {"x:{missing}", ""},
        {"x:{missing.more[]}", ""},
        {"x:{object}", ""},
        {"x:{projects}", ""},
        {"x:{none[]}", ""},
        {"x:{sub[]}", ""},
        {"x:{sub.more}", ""},
        {"x:{evil}", "x:a%3Ab%2A%25%0A"},
        {"project:{projects[]}", "project:1 project:false project:two"},
        {"team:{teams[].id}", "team:x team:y"},
        {"team:{teams[].roles[]}", "team:r team:w"},
        {"role:{realm_access.roles[]}", "role:admin role:dev"},
        {"role:{https://app/roles[]}", "role:chief"},
        {"{a.b.c}", "dotted"},
        {"{evil}", "a%3Ab%2A%25%0A"},
        {"{realm_access.roles[]}", "admin dev"},
        {"x:{sub}:{teams[].id}:{realm_access.roles[]}",
         "x:7:x:admin x:7:x:dev x:7:y:admin x:7:y:dev"},
        {"{{literal}}", "{literal}"},
    };
    json_t *claims = json_loads(CLAIMS, 0, NULL);
    assert_non_null(claims);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct auth_scope scope = {.text = str_of(rows[i].template)};
        struct err err = ERR_INIT;
        struct place at = {0};
        struct claims *compiled = claims_compile(&scope, 1, &at, &err);
        struct identity *identity = somebody();
        if (!compiled)
            fail_msg("%s: %s", rows[i].template, err.text);
        assert_true(claims_grant(compiled, claims, identity, &err));
        assert_rights(identity, rows[i].rights);
        identity_free(identity);
        claims_free(compiled);
    }
    json_decref(claims);
}

static void conditions_all_hold_or_nothing_is_given(void **state)
{
    static const struct {
        const char *claim, *values[3];
        bool holds;
    } rows[] = {
        {"role", {"admin"}, true},
        {"role", {"owner", "admin"}, true},
        {"role", {"adm"}, false},
        {"role", {"ADMIN"}, false},
        {"yes", {"true"}, true},
        {"id", {"42"}, true},
        {"no", {"null"}, false},
        {"missing", {"x"}, false},
        {"realm_access.roles", {"dev"}, true},
        {"realm_access.roles[]", {"dev"}, true},
        {"realm_access", {"dev"}, false},
        {"projects", {"two"}, true},
        {"teams[].id", {"y"}, true},
    };
    json_t *claims = json_loads(CLAIMS, 0, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str values[3];
        size_t n = 0;
        while (n < 3 && rows[i].values[n]) {
            values[n] = str_of(rows[i].values[n]);
            n++;
        }
        struct auth_when when[1] = {
            {.claim = str_of(rows[i].claim), .values = {.items = values, .n = n}}};
        const struct auth_scope scope = {.text = STR("it"), .when = when, .n_when = 1};
        struct err err = ERR_INIT;
        struct place at = {0};
        struct claims *compiled = claims_compile(&scope, 1, &at, &err);
        struct identity *identity = somebody();
        assert_true(claims_grant(compiled, claims, identity, &err));
        assert_rights(identity, rows[i].holds ? "it" : "");
        identity_free(identity);
        claims_free(compiled);
    }
    json_decref(claims);
}

static void no_claim_says_of_which_kind_its_scope_is(void **state)
{
    static const char *const bad[] = {"{sub}{sub}", "{kind}:{sub}", "x{sub}",  "{sub}:x",
                                      "x{sub}:y",   "x:{a]}",       "x:{a[}",  "x:{a[b]}",
                                      "x:{a[]b]}",  "x:{sub}:*",    "x:{]a[}", "{a]}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct auth_scope scope = {.text = str_of(bad[i])};
        struct err err = ERR_INIT;
        struct place at = {0};
        if (claims_compile(&scope, 1, &at, &err))
            fail_msg("taken: %s", bad[i]);
        assert_true(strlen(err.text) > 0);
    }
}

static void more_than_an_identity_holds_is_refused_and_takes_no_time(void **state)
{
    const struct auth_scope scopes[] = {{.text = STR("x:{a[]}:{a[]}:{a[]}")}};
    struct err err = ERR_INIT;
    struct place at = {0};
    struct claims *compiled = claims_compile(scopes, 1, &at, &err);
    struct identity *identity = somebody();
    json_t *claims = json_object(), *array = json_array();
    for (int i = 0; i < 500; i++)
        json_array_append_new(array, json_integer(i));
    json_object_set_new(claims, "a", array);
    assert_false(claims_grant(compiled, claims, identity, &err));
    assert_string_equal(err.text, "the sign-in grants more than 10000 scopes");
    json_decref(claims);
    identity_free(identity);
    claims_free(compiled);
}

static void the_scopes_that_an_application_names_are_checked(void **state)
{
    static const struct {
        const char *json, *rights; /* NULL: refused */
    } rows[] = {
        {"null", ""},  {"[]", ""},       {"[\"a\",\"b:1\"]", "a b:1"}, {"\"a\"", NULL},
        {"[1]", NULL}, {"[\"\"]", NULL}, {"[\"a\\u0001\"]", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *names = json_loads(rows[i].json, JSON_DECODE_ANY, NULL);
        struct identity *identity = somebody();
        struct err err = ERR_INIT;
        assert_int_equal(claims_grant_named(names, identity, &err), rows[i].rights != NULL);
        if (rows[i].rights)
            assert_rights(identity, rows[i].rights);
        else
            assert_true(strlen(err.text) > 0);
        identity_free(identity);
        json_decref(names);
    }
}

static void what_an_application_says_of_somebody_has_a_shape(void **state)
{
    static const struct {
        const char *json, *why; /* "": it is good */
    } rows[] = {
        {"{}", ""},
        {"{\"sub\":\"7\",\"scopes\":[\"a\"],\"exp\":1e9,\"more\":{}}", ""},
        {"{\"sub\":7,\"scopes\":null,\"exp\":null}", ""},
        {"{\"sub\":null,\"exp\":0}", ""},
        {"[]", "JSON object"},
        {"null", "JSON object"},
        {"{\"sub\":{}}", "\"sub\""},
        {"{\"sub\":[\"7\"]}", "\"sub\""},
        {"{\"exp\":\"1767225600\"}", "\"exp\""},
        {"{\"exp\":-1}", "\"exp\""},
        {"{\"exp\":1767225600000}", "\"exp\""}, /* milliseconds */
        {"{\"exp\":1e300}", "\"exp\""},
        {"{\"exp\":true}", "\"exp\""},
        {"{\"scopes\":\"a\"}", "\"scopes\""},
        {"{\"scopes\":[\"a\",1]}", "\"scopes\""},
        {"{\"scopes\":[\"\"]}", "\"scopes\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *document = json_loads(rows[i].json, JSON_DECODE_ANY, NULL);
        struct err err = ERR_INIT;
        assert_non_null(document);
        assert_int_equal(claims_document(document, &err), !*rows[i].why);
        assert_non_null(strstr(err.text, rows[i].why));
        json_decref(document);
    }
}

/* ---- identities ---- */

static void who_may_read_what(void **state)
{
    struct identity *me = somebody();
    identity_grant(me, STR("project:1"), IDENTITY_CLAIMS);
    identity_grant(me, STR("org:*"), IDENTITY_CLAIMS);
    const struct {
        const struct identity *who;
        const char *scope;
        enum identity_answer answer;
    } rows[] = {
        {identity_everyone(), "a", IDENTITY_YES},
        {identity_everyone(), "a:*", IDENTITY_UNBOUNDED},
        {identity_nobody(), "a", IDENTITY_WHO},
        {identity_nobody(), "*", IDENTITY_WHO},
        {me, "project:1", IDENTITY_YES},
        {me, "project:11", IDENTITY_NO},
        {me, "project:", IDENTITY_NO},
        {me, "project", IDENTITY_NO},
        {me, "project:*", IDENTITY_YES},
        {me, "team:*", IDENTITY_NO},
        {me, "org:1", IDENTITY_YES},
        {me, "org:1:project:2", IDENTITY_YES},
        {me, "org", IDENTITY_NO},
        {me, "org:*", IDENTITY_UNBOUNDED},
        {me, "*", IDENTITY_YES},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (identity_may_read(rows[i].who, str_of(rows[i].scope)) != rows[i].answer)
            fail_msg("row %zu: %s", i, rows[i].scope);
    identity_grant(me, STR("*"), IDENTITY_CLAIMS);
    assert_int_equal(identity_may_read(me, STR("anything")), IDENTITY_YES);
    assert_int_equal(identity_may_read(me, STR("team:*")), IDENTITY_UNBOUNDED);
    identity_free(me);
}

static void a_right_lasts_while_anything_gives_it(void **state)
{
    struct identity *me = somebody();
    assert_true(identity_grant(me, STR("p:1"), IDENTITY_CLAIMS));
    assert_true(identity_grant(me, STR("p:1"), IDENTITY_LIVE));
    assert_int_equal(identity_rights(me), 1);
    assert_false(identity_revoke(me, STR("p:1"), IDENTITY_LIVE));
    assert_int_equal(identity_may_read(me, STR("p:1")), IDENTITY_YES);
    struct identity *again = somebody();
    identity_grant(me, STR("p:2"), IDENTITY_LIVE);
    identity_carry(again, me, IDENTITY_LIVE);
    assert_int_equal(identity_may_read(again, STR("p:2")), IDENTITY_YES);
    assert_int_equal(identity_may_read(again, STR("p:1")), IDENTITY_NO);
    identity_free(again);
    assert_true(identity_revoke(me, STR("p:2"), IDENTITY_LIVE));
    assert_true(identity_revoke(me, STR("p:1"), IDENTITY_CLAIMS));
    assert_false(identity_revoke(me, STR("p:1"), IDENTITY_CLAIMS));
    assert_int_equal(identity_may_read(me, STR("p:1")), IDENTITY_NO);
    char name[32];
    for (unsigned i = 0; i < IDENTITY_RIGHTS_MAX; i++) {
        snprintf(name, sizeof name, "p:%u", i);
        assert_true(identity_grant(me, str_of(name), IDENTITY_LIVE));
    }
    assert_true(identity_grant(me, STR("p:1"), IDENTITY_CLAIMS));
    assert_false(identity_grant(me, STR("q"), IDENTITY_CLAIMS));
    identity_free(me);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(templates_over_claims_give_rights),
        cmocka_unit_test(conditions_all_hold_or_nothing_is_given),
        cmocka_unit_test(more_than_an_identity_holds_is_refused_and_takes_no_time),
        cmocka_unit_test(no_claim_says_of_which_kind_its_scope_is),
        cmocka_unit_test(the_scopes_that_an_application_names_are_checked),
        cmocka_unit_test(what_an_application_says_of_somebody_has_a_shape),
        cmocka_unit_test(who_may_read_what),
        cmocka_unit_test(a_right_lasts_while_anything_gives_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
