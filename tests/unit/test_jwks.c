/* A key set at a URL: fetched, kept, rotated, asked for again, and what happens when the URL fails.
 */
#include "auth/jwks.h"
#include "forge.h"
#include "origin.h"
#include "unit.h"

#include <pthread.h>

static uv_loop_t loop;
static struct fetch *fetch;
static struct origin *origin;
static struct forge *forge;
static struct jwks *jwks;
static unsigned changes; /* sets that were announced */
static size_t announced; /* keys of the last of them */

static void changed(void *ctx, struct jwk_set *set)
{
    changes++;
    announced = jwk_set_count(set);
}

static void answer_keys(enum forge_key key, const char *kid, const char *headers)
{
    struct buf json = BUF_INIT(8192);
    buf_printf(&json, "{\"keys\":[{\"kid\":\"%s\",", kid);
    forge_jwk(forge, key, &json);
    buf_text(&json, "}]}");
    buf_byte(&json, '\0');
    origin_answer(origin, 200, headers, json.data);
    buf_free(&json);
}

static void start(uint64_t refresh_ms, uint64_t min_gap_ms)
{
    const struct jwks_options options = {.url = origin_url(origin),
                                         .algs = JWK_ANY,
                                         .refresh_ms = refresh_ms,
                                         .min_gap_ms = min_gap_ms,
                                         .retry_ms = 5,
                                         .changed = changed};
    struct err err = ERR_INIT;
    jwks = jwks_new(&loop, fetch, &options, &err);
    if (!jwks)
        fail_msg("%s", err.text);
}

static struct jwks_state now(void)
{
    struct jwks_state state;
    jwks_state(jwks, &state);
    return state;
}

static bool has_key(const char *kid)
{
    struct jwk_set *set = jwks_keys(jwks);
    bool has = set && jwk_set_match(set, JWK_ES256, str_of(kid)).name;
    jwk_set_unref(set);
    return has;
}

/* Turns the loop until `n` fetches have ended. */
static void turn_until_ended(uint64_t n)
{
    for (int i = 0; i < 100000 && now().fetched + now().failed < n; i++)
        uv_run(&loop, UV_RUN_ONCE);
    assert_true(now().fetched + now().failed >= n);
}

static void the_keys_come_at_once(void **state)
{
    answer_keys(FORGE_P256, "a", "");
    start(60000, 60000);
    assert_null(jwks_keys(jwks));
    assert_true(jwks_missing(jwks));
    origin_turn(&loop, &changes, 1);
    assert_int_equal(announced, 1);
    assert_true(has_key("a"));
    assert_false(has_key("b"));
    assert_int_equal(now().keys, 1);
}

static void a_rotation_is_another_set_and_who_has_the_old_one_keeps_it(void **state)
{
    answer_keys(FORGE_P256, "a", "");
    start(20, 1);
    origin_turn(&loop, &changes, 1);
    struct jwk_set *old = jwks_keys(jwks);
    answer_keys(FORGE_OTHER_P256, "b", "");
    origin_turn(&loop, &changes, 2);
    assert_true(has_key("b"));
    assert_false(has_key("a"));
    assert_true(jwk_set_match(old, JWK_ES256, STR("a")).name);
    jwk_set_unref(old);
    /* The same again is no change. */
    turn_until_ended(now().fetched + 3);
    assert_int_equal(changes, 2);
}

static void the_last_good_set_stays_while_the_url_fails(void **state)
{
    static const struct {
        unsigned status; /* 0: no answer */
        const char *body, *sentence;
    } rows[] = {
        {500, "", "answers with 500"},
        {404, "", "answers with 404"},
        {301, "", "answers with 301"},
        {200, "", "it is not JSON"},
        {200, "<html>", "it is not JSON"},
        {200, "{\"keys\":[]}", "no key in it"},
        {200, "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}", "a secret that stands at a URL"},
        {0, "", ""},
    };
    answer_keys(FORGE_P256, "a", "");
    start(20, 1);
    origin_turn(&loop, &changes, 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].status)
            origin_answer(origin, rows[i].status, "", rows[i].body);
        else
            origin_raw(origin, "", true);
        uint64_t failed = now().failed;
        /* One that is under way may still be of the row before. */
        for (int turn = 0; turn < 100000 && now().failed < failed + 2; turn++)
            uv_run(&loop, UV_RUN_ONCE);
        if (!strstr(now().error, rows[i].sentence) || !now().error[0])
            fail_msg("row %zu: %s", i, now().error);
        assert_true(now().stale);
        assert_true(has_key("a"));
        /* Nobody can say that a key is unknown. */
        assert_true(jwks_missing(jwks));
    }
    answer_keys(FORGE_P256, "b", "");
    origin_turn(&loop, &changes, 2);
    assert_false(now().stale);
    assert_false(now().error[0]);
    assert_true(has_key("b"));
}

static void an_unknown_key_makes_us_ask_again(void **state)
{
    answer_keys(FORGE_P256, "a", "");
    start(3600000, 1);
    origin_turn(&loop, &changes, 1);
    answer_keys(FORGE_P256, "b", "");
    while (!jwks_missing(jwks))
        uv_run(&loop, UV_RUN_NOWAIT);
    /* A flood of names is one fetch. */
    for (int i = 0; i < 1000; i++)
        assert_true(jwks_missing(jwks));
    assert_int_equal(now().asked, 1);
    origin_turn(&loop, &changes, 2);
    assert_true(has_key("b"));
    assert_int_equal(origin_requests(origin), 2);
}

static void not_too_often(void **state)
{
    answer_keys(FORGE_P256, "a", "");
    start(3600000, 3600000);
    origin_turn(&loop, &changes, 1);
    for (int i = 0; i < 1000; i++)
        assert_false(jwks_missing(jwks));
    for (int i = 0; i < 10; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(now().asked, 0);
    assert_int_equal(origin_requests(origin), 1);
}

static void the_answer_says_how_long_it_is_good(void **state)
{
    answer_keys(FORGE_P256, "a", "Cache-Control: max-age=3600\r\n");
    start(20, 1);
    origin_turn(&loop, &changes, 1);
    uint64_t from = uv_hrtime();
    while (uv_hrtime() - from < 100 * 1000000)
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(origin_requests(origin), 1);
}

static void keys_that_are_known_already_are_good_until_others_come(void **state)
{
    struct jwk_set *known = jwk_set_new();
    struct buf json = BUF_INIT(8192);
    buf_text(&json, "{\"kid\":\"old\",");
    forge_jwk(forge, FORGE_P256, &json);
    buf_byte(&json, '}');
    assert_true(jwk_set_add_json(known, buf_slice(&json), JWK_ANY, JWK_OURS, NULL, NULL));
    buf_free(&json);
    const struct jwks_options options = {.url = origin_url(origin),
                                         .algs = JWK_ANY,
                                         .keys = known,
                                         .min_gap_ms = 1,
                                         .retry_ms = 5,
                                         .changed = changed};
    origin_answer(origin, 503, "", "");
    jwks = jwks_new(&loop, fetch, &options, NULL);
    jwk_set_unref(known);
    assert_true(has_key("old"));
    turn_until_ended(2);
    assert_true(has_key("old") && now().stale && now().keys == 1);
    answer_keys(FORGE_P256, "new", "");
    origin_turn(&loop, &changes, 1);
    assert_true(has_key("new") && !has_key("old"));
}

static void a_url_that_fails_from_the_start_is_tried_again(void **state)
{
    origin_answer(origin, 503, "", "");
    start(60, 1);
    turn_until_ended(4);
    assert_null(jwks_keys(jwks));
    assert_true(jwks_missing(jwks));
    assert_int_equal(now().fetched, 0);
    answer_keys(FORGE_P256, "a", "");
    origin_turn(&loop, &changes, 1);
    assert_true(has_key("a"));
}

static void an_answer_that_never_ends_is_not_waited_for(void **state)
{
    struct buf bytes = BUF_INIT(JWK_TEXT_MAX * 2);
    buf_printf(&bytes, "HTTP/1.1 200 OK\r\n\r\n{\"keys\":[\"%0*d", JWK_TEXT_MAX, 0);
    buf_byte(&bytes, '\0');
    origin_raw(origin, bytes.data, false);
    start(60000, 60000);
    turn_until_ended(1);
    assert_non_null(strstr(now().error, "too long"));
    buf_free(&bytes);
}

static void *ask(void *ctx)
{
    unsigned *found = ctx;
    for (int i = 0; i < 20000; i++) {
        struct jwk_set *set = jwks_keys(jwks);
        if (set && jwk_set_match(set, JWK_ES256, (struct str){0}).alg)
            ++*found;
        (void)jwks_missing(jwks);
        jwk_set_unref(set);
    }
    return NULL;
}

static void other_threads_ask_while_keys_are_rotated(void **state)
{
    pthread_t threads[3];
    unsigned found[3] = {0};
    answer_keys(FORGE_P256, "a", "");
    start(5, 1);
    origin_turn(&loop, &changes, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &found[i]), 0);
    for (unsigned i = 0; i < 6; i++) {
        answer_keys(i % 2 ? FORGE_P256 : FORGE_OTHER_P256, i % 2 ? "a" : "b", "");
        origin_turn(&loop, &changes, i + 2);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(found[i], 20000);
    }
}

static void what_is_no_url_is_refused(void **state)
{
    const struct jwks_options options = {.url = "file:///etc/passwd", .algs = JWK_ANY};
    struct err err = ERR_INIT;
    assert_null(jwks_new(&loop, fetch, &options, &err));
    assert_true(err.text[0]);
}

static int set_up(void **state)
{
    uv_loop_init(&loop);
    changes = 0;
    jwks = NULL;
    origin = origin_new(&loop);
    fetch = fetch_new(&loop, NULL, NULL);
    return 0;
}

static int tear_down(void **state)
{
    if (jwks)
        jwks_close(jwks);
    fetch_close(fetch);
    origin_close(origin);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

static int make_keys(void **state)
{
    forge = forge_new();
    return 0;
}

static int drop_keys(void **state)
{
    forge_free(forge);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_keys_come_at_once),
        TEST(a_rotation_is_another_set_and_who_has_the_old_one_keeps_it),
        TEST(the_last_good_set_stays_while_the_url_fails),
        TEST(an_unknown_key_makes_us_ask_again),
        TEST(not_too_often),
        TEST(the_answer_says_how_long_it_is_good),
        TEST(keys_that_are_known_already_are_good_until_others_come),
        TEST(a_url_that_fails_from_the_start_is_tried_again),
        TEST(an_answer_that_never_ends_is_not_waited_for),
        TEST(other_threads_ask_while_keys_are_rotated),
        TEST(what_is_no_url_is_refused),
    };
    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
