/* Names, scopes, the slots of a reload, and streams that end one by one. */
#include "unit.h"

#include "delivery/endings.h"
#include "delivery/endpoints.h"
#include "delivery/naming.h"

/* ---- names ---- */

static void names_by_number_and_letters(void **state)
{
    static const struct {
        const char *name;
        enum naming_number number;
        enum naming_letters letters;
        const char *called;
    } rows[] = {
        {"tasks", NAMING_NUMBER_KEPT, NAMING_LETTERS_KEPT, "tasks"},
        {"tasks", NAMING_SINGULAR, NAMING_LETTERS_KEPT, "task"},
        {"task", NAMING_SINGULAR, NAMING_LETTERS_KEPT, "task"},
        {"entries", NAMING_SINGULAR, NAMING_LETTERS_KEPT, "entry"},
        {"ties", NAMING_SINGULAR, NAMING_LETTERS_KEPT, "tie"},
        {"boxes", NAMING_SINGULAR, NAMING_LETTERS_KEPT, "box"},
        {"addresses", NAMING_SINGULAR, NAMING_LETTERS_KEPT, "address"},
        {"address", NAMING_SINGULAR, NAMING_LETTERS_KEPT, "address"},
        {"status", NAMING_SINGULAR, NAMING_LETTERS_KEPT, "status"},
        {"analysis", NAMING_SINGULAR, NAMING_LETTERS_KEPT, "analysis"},
        {"task", NAMING_PLURAL, NAMING_LETTERS_KEPT, "tasks"},
        {"tasks", NAMING_PLURAL, NAMING_LETTERS_KEPT, "tasks"},
        {"entry", NAMING_PLURAL, NAMING_LETTERS_KEPT, "entries"},
        {"key", NAMING_PLURAL, NAMING_LETTERS_KEPT, "keys"},
        {"box", NAMING_PLURAL, NAMING_LETTERS_KEPT, "boxes"},
        {"status", NAMING_PLURAL, NAMING_LETTERS_KEPT, "statuses"},
        {"Service_Account", NAMING_NUMBER_KEPT, NAMING_LOWER, "service_account"},
        {"service_account", NAMING_NUMBER_KEPT, NAMING_UPPER, "SERVICE_ACCOUNT"},
        {"service_accounts", NAMING_SINGULAR, NAMING_KEBAB, "service-account"},
        {"serviceAccount", NAMING_NUMBER_KEPT, NAMING_SNAKE, "service_account"},
        {"service-account", NAMING_NUMBER_KEPT, NAMING_CAMEL, "serviceAccount"},
        {"service account", NAMING_NUMBER_KEPT, NAMING_PASCAL, "ServiceAccount"},
        {"ServiceAccount", NAMING_NUMBER_KEPT, NAMING_KEBAB, "service-account"},
        {"_a__b_", NAMING_NUMBER_KEPT, NAMING_KEBAB, "a-b"},
        {"", NAMING_PLURAL, NAMING_CAMEL, "s"},
        {"\xc3\xa9t\xc3\xa9s", NAMING_SINGULAR, NAMING_PASCAL, "\xc3\xa9t\xc3\xa9"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct naming naming = {.number = rows[i].number, .letters = rows[i].letters};
        struct buf out = BUF_INIT(100);
        naming_write(&naming, str_of(rows[i].name), &out);
        assert_text(buf_slice(&out), rows[i].called);
        buf_free(&out);
    }
}

static void a_name_that_is_listed_stands_above_all(void **state)
{
    struct naming_pair pairs[] = {{STR("updated"), STR("Update!")}, {STR("done"), STR("done")}};
    const struct naming naming = {
        .letters = NAMING_UPPER, .pairs = pairs, .n = 2, .others = STR("updated")};
    struct buf out = BUF_INIT(100);
    naming_write(&naming, STR("updated"), &out);
    naming_write(&naming, STR("deleted"), &out);
    naming_write(&naming, STR("done"), &out);
    naming_write(&naming, STR("archived"), &out);
    assert_text(buf_slice(&out), "Update!DELETEDdoneUpdate!");
    assert_true(naming_means(&naming, STR("archived"), STR("updated")));
    assert_false(naming_means(&naming, STR("done"), STR("updated")));
    assert_false(naming_means(&naming, STR("deleted"), STR("updated")));
    buf_free(&out);
}

/* ---- scopes ---- */

static struct str value(void *ctx, enum endpoint_from from, const char *name)
{
    if (from == ENDPOINT_QUERY && strcmp(name, "p") == 0)
        return STR("4:2*%");
    if (from == ENDPOINT_HEADER && strcmp(name, "x-user") == 0)
        return STR("me");
    return (struct str){0};
}

static void a_scope_is_what_the_request_says(void **state)
{
    static const struct {
        const char *template, *scope, *home, *error;
    } rows[] = {
        {"project:{query.p}", "project:4%3A2%2A%25", "project:*", NULL},
        {"u:{header.x-user}:p:{query.p}", "u:me:p:4%3A2%2A%25", "u:*", NULL},
        {"{header.x-user}", "me", "*", NULL},
        {"all", "all", "all", NULL},
        {"a:b", "a:b", "a:*", NULL},
        {"p:{query.q}", NULL, "p:*", "the parameter \"q\" is missing"},
        {"p:{header.y}", NULL, "p:*", "the header \"y\" is missing"},
        {"p:{claim.sub}", NULL, "p:*", "the claim \"sub\" is missing"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct endpoint *endpoint = endpoint_new();
        struct endpoint_scope scope;
        struct err err = ERR_INIT;
        struct buf out = BUF_INIT(256);
        endpoint->scopes = &scope;
        endpoint->n_scopes = 1;
        assert_true(endpoint_parse_scope(endpoint, str_of(rows[i].template), &scope, &err));
        assert_text(scope.home, rows[i].home);
        bool ok = endpoint_write_scope(endpoint, 0, value, NULL, &out, &err);
        assert_int_equal(ok, rows[i].scope != NULL);
        if (ok)
            assert_text(buf_slice(&out), rows[i].scope);
        else
            assert_string_equal(err.text, rows[i].error);
        buf_free(&out);
        endpoint_unref(endpoint);
    }
}

static void a_scope_that_would_be_too_long_is_refused(void **state)
{
    struct endpoint *endpoint = endpoint_new();
    struct endpoint_scope scope;
    struct err err = ERR_INIT;
    char bytes[10];
    struct buf out = BUF_FIXED(bytes);
    endpoint->scopes = &scope;
    assert_true(endpoint_parse_scope(endpoint, STR("project:{query.p}"), &scope, &err));
    assert_false(endpoint_write_scope(endpoint, 0, value, NULL, &out, &err));
    assert_string_equal(err.text, "the scope would be longer than 256 bytes");
    endpoint_unref(endpoint);
}

/* ---- slots ---- */

static struct endpoint *make(const char *path, bool websocket, uint64_t hash)
{
    struct endpoint *endpoint = endpoint_new();
    endpoint->path = arena_copy(&endpoint->memory, str_of(path));
    endpoint->dialect.websocket = websocket;
    endpoint->hash = hash;
    return endpoint;
}

static enum format at(const struct endpoints *endpoints, const char *path)
{
    enum format format = FORMAT_SSE;
    endpoints_find(endpoints, str_of(path), &format);
    return format;
}

static void a_reload_keeps_what_is_the_same_and_closes_the_rest(void **state)
{
    struct dialect_resource task = {.name = STR("task"), .home = STR("project:*")};
    struct endpoint_wanted wanted[] = {{make("/a", false, 1), &task, 1},
                                       {make("/b", true, 2), NULL, 0},
                                       {make("/c", false, 3), NULL, 0}};
    size_t n;
    struct endpoints *first = endpoints_new(NULL, wanted, 3);
    enum format a = at(first, "/a"), b = at(first, "/b"), c = at(first, "/c");
    assert_int_equal(a, FORMAT_DIALECT_SSE);
    assert_int_equal(b, FORMAT_DIALECT_WS);
    assert_int_equal(c, FORMAT_DIALECT_SSE + 1);
    assert_text(endpoints_resources(first, a, &n)[0].name, "task");
    assert_null(endpoints_find(first, STR("/d"), &a));
    assert_null(endpoints_at(first, FORMAT_SSE));

    /* /a is another one, /b is gone, /c is the same, /d is new. */
    struct endpoint *same = make("/c", false, 3);
    struct endpoint_wanted later[] = {
        {make("/d", false, 4), NULL, 0}, {same, NULL, 0}, {make("/a", false, 9), NULL, 0}};
    struct endpoints *second = endpoints_new(first, later, 3);
    assert_int_equal(at(second, "/c"), c);
    assert_true(endpoints_same(first, second, c));
    assert_ptr_equal(endpoints_at(second, c), same);
    assert_true(endpoints_serves(second, c));
    assert_int_not_equal(at(second, "/a"), a);
    assert_false(endpoints_serves(second, a));
    assert_true(endpoints_same(first, second, a));
    assert_text(endpoints_at(second, a)->path, "/a");
    assert_int_equal(at(second, "/b"), FORMAT_SSE);
    assert_false(endpoints_serves(second, b));
    assert_int_equal(endpoints_at(second, b)->hash, 2);
    assert_true(endpoints_serves(second, at(second, "/d")));
    endpoints_free(first);

    for (size_t i = 0; i < 3; i++) {
        endpoint_unref(wanted[i].endpoint);
        endpoint_unref(later[i].endpoint);
    }
    assert_text(endpoints_at(second, a)->path, "/a"); /* it lives as long as the list */
    endpoints_free(second);
}

static void when_every_slot_was_used_the_closed_ones_are_taken(void **state)
{
    struct endpoints *list = NULL;
    for (uint64_t round = 0; round < 3; round++) {
        struct endpoint_wanted wanted[FORMAT_DIALECTS];
        for (uint64_t i = 0; i < FORMAT_DIALECTS; i++) {
            char path[20];
            snprintf(path, sizeof path, "/%u", (unsigned)i);
            /* The first one stays for ever. */
            wanted[i] = (struct endpoint_wanted){
                .endpoint = make(path, false, i == 0 ? 1 : 100 * round + i)};
        }
        struct endpoints *next = endpoints_new(list, wanted, FORMAT_DIALECTS);
        for (uint64_t i = 0; i < FORMAT_DIALECTS; i++) {
            enum format format = at(next, wanted[i].endpoint->path.p);
            assert_true(format_is_dialect(format) && !format_is_websocket(format));
            assert_int_equal(endpoints_same(list, next, format), list != NULL && i == 0);
            endpoint_unref(wanted[i].endpoint);
        }
        endpoints_free(list);
        list = next;
    }
    endpoints_free(list);
}

/* ---- endings ---- */

static void streams_end_within_the_spread_and_not_at_once(void **state)
{
    enum { N = 1000, SPREAD = 5000, PARTS = 10 };
    struct endings endings;
    unsigned parts[PARTS] = {0};
    bool seen[N] = {false};
    uint64_t conn, ended = 0;
    endings_init(&endings, 7);
    for (uint64_t i = 0; i < N; i++)
        endings_add(&endings, i, 1000, SPREAD);
    for (uint64_t now = 1000; now <= 1000 + SPREAD; now++) {
        while (endings_take(&endings, now, &conn)) {
            assert_false(seen[conn]);
            seen[conn] = true;
            ended++;
            parts[(now - 1000) * PARTS / (SPREAD + 1)]++;
        }
    }
    assert_int_equal(ended, N);
    for (size_t i = 0; i < PARTS; i++)
        assert_true(parts[i] > N / PARTS / 2);
    endings_add(&endings, 5, 10, 0);
    assert_false(endings_take(&endings, 9, &conn));
    assert_true(endings_take(&endings, 10, &conn));
    assert_int_equal(conn, 5);
    endings_free(&endings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_by_number_and_letters),
        cmocka_unit_test(a_name_that_is_listed_stands_above_all),
        cmocka_unit_test(a_scope_is_what_the_request_says),
        cmocka_unit_test(a_scope_that_would_be_too_long_is_refused),
        cmocka_unit_test(a_reload_keeps_what_is_the_same_and_closes_the_rest),
        cmocka_unit_test(when_every_slot_was_used_the_closed_ones_are_taken),
        cmocka_unit_test(streams_end_within_the_spread_and_not_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
