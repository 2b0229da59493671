/* Saving and loading: the same answers afterwards, or "not whole". */
#include "hub_probe.h"

#include "model/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct hub *furnished(void)
{
    struct hub *hub = probe_new();
    hub_keep_family(hub, STR("kept:*"));
    probe_mark(hub, "p:1", "['a','b',1]");
    probe_mark(hub, "p:2", "['x']");
    probe_mark(hub, "p:1", "['c']");
    probe_mark(hub, "q:1", "[]");
    probe_mark(hub, "p:*", "['f']");
    probe_mark(hub, "*", "[]");
    hub_begin(hub, 0);
    struct hub_entity entity = {.name = STR("task"),
                                .id = STR("7"),
                                .action = STR("updated"),
                                .data = STR("{\"a\":1}"),
                                .has_data = true};
    hub_entity(hub, STR("p:1"), &entity);
    entity.id = STR("8");
    entity.has_data = false;
    hub_entity(hub, STR("p:1"), &entity);
    hub_notice(hub, STR("u:1"), STR("done"), STR("{}"), NULL);
    hub_notice(hub, STR("p:1"), STR("note"), STR("[]"), NULL);
    hub_commit(hub);
    probe_tick(hub);
    return hub;
}

static struct buf saved(struct hub *hub)
{
    struct buf bytes = BUF_INIT(1 << 20);
    struct err err = ERR_INIT;
    if (!hub_save(hub, &bytes, &err))
        fail_msg("%s", err.text);
    return bytes;
}

static void answers_alike(struct hub *a, struct hub *b)
{
    static const char *const scopes[] = {"p:1", "p:2", "q:1",    "u:1",
                                         "p:*", "*",   "kept:*", "nobody:1"};
    assert_true(hub_epoch(a) == hub_epoch(b));
    assert_true(hub_sequence(a) == hub_sequence(b));
    assert_true(hub_ticked(a) == hub_ticked(b));
    for (uint64_t P = 0; P <= hub_sequence(a) + 1; P++)
        for (size_t i = 0; i < sizeof scopes / sizeof scopes[0]; i++) {
            char *want = strdup(probe_since(a, scopes[i], P));
            assert_string_equal(probe_since(b, scopes[i], P), want);
            free(want);
            want = strdup(probe_entities(a, scopes[i], P));
            assert_string_equal(probe_entities(b, scopes[i], P), want);
            free(want);
            want = strdup(probe_data(a, scopes[i], P));
            assert_string_equal(probe_data(b, scopes[i], P), want);
            free(want);
        }
}

static void answers_the_same_after_loading(void **state)
{
    struct hub *hub = furnished();
    struct buf bytes = saved(hub);
    struct hub_options options = probe_options();
    options.epoch = 1;
    options.seed = (struct hash_seed){.k0 = 77, .k1 = 78};
    struct err err = ERR_INIT;
    struct hub *loaded = hub_load(&options, buf_slice(&bytes), &err);
    assert_non_null(loaded);
    answers_alike(hub, loaded);
    assert_int_equal(probe_stats(loaded).families, probe_stats(hub).families);
    assert_int_equal(probe_mark(loaded, "p:1", "['c']"), hub_sequence(hub) + 1);
    hub_begin(loaded, 0);
    hub_notice(loaded, STR("u:1"), STR("more"), STR("{}"), NULL);
    hub_commit(loaded);
    assert_string_equal(probe_since(loaded, "u:1", 0), "<done> <more>");
    hub_free(loaded);
    hub_free(hub);
    buf_free(&bytes);
}

static void saving_what_was_loaded_gives_the_same_answers_again(void **state)
{
    struct hub *hub = furnished();
    struct hub_options options = probe_options();
    for (int i = 0; i < 3; i++) {
        struct buf bytes = saved(hub);
        struct hub *loaded = hub_load(&options, buf_slice(&bytes), NULL);
        assert_non_null(loaded);
        answers_alike(hub, loaded);
        hub_free(hub);
        hub = loaded;
        buf_free(&bytes);
    }
    hub_free(hub);
}

static void an_empty_hub_can_be_saved(void **state)
{
    struct hub *hub = probe_new();
    struct buf bytes = saved(hub);
    struct hub_options options = probe_options();
    struct hub *loaded = hub_load(&options, buf_slice(&bytes), NULL);
    assert_non_null(loaded);
    assert_int_equal(hub_sequence(loaded), 0);
    hub_free(loaded);
    hub_free(hub);
    buf_free(&bytes);
}

static void every_cut_and_every_flipped_bit_is_noticed(void **state)
{
    struct hub *hub = furnished();
    struct buf bytes = saved(hub);
    struct hub_options options = probe_options();
    for (size_t n = 0; n < bytes.len; n++) {
        struct err err = ERR_INIT;
        assert_null(hub_load(&options, (struct str){.p = bytes.data, .n = n}, &err));
        assert_true(err.text[0] != '\0');
    }
    for (size_t bit = 0; bit < 8 * bytes.len; bit++) {
        bytes.data[bit / 8] ^= (char)(1 << bit % 8);
        assert_null(hub_load(&options, buf_slice(&bytes), NULL));
        bytes.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    buf_byte(&bytes, 'x');
    assert_null(hub_load(&options, buf_slice(&bytes), NULL));
    assert_null(hub_load(&options, (struct str){0}, NULL));
    hub_free(hub);
    buf_free(&bytes);
}

/* A wrong byte under a right checksum: refused or taken in, never a crash. */
static void contradictions_under_a_right_checksum_do_no_harm(void **state)
{
    struct hub *hub = furnished();
    struct buf bytes = saved(hub);
    struct hub_options options = probe_options();
    const struct hash_seed seed = {.k0 = 0x68756273, .k1 = 0x74617465};
    for (size_t i = 8; i < bytes.len - 8; i++)
        for (unsigned change = 1; change < 256; change += 37) {
            bytes.data[i] = (char)(bytes.data[i] ^ (int)change);
            uint64_t sum = hash_bytes(seed, (struct str){.p = bytes.data, .n = bytes.len - 8});
            memcpy(bytes.data + bytes.len - 8, &sum, 8);
            struct hub *loaded = hub_load(&options, buf_slice(&bytes), NULL);
            if (loaded) {
                probe_since(loaded, "p:1", 0);
                probe_entities(loaded, "p:1", 0);
            }
            hub_free(loaded);
            bytes.data[i] = (char)(bytes.data[i] ^ (int)change);
        }
    hub_free(hub);
    buf_free(&bytes);
}

static void lower_limits_hold_after_loading(void **state)
{
    struct hub_options options = probe_options();
    struct hub *hub = hub_new(&options);
    char key[32];
    for (int i = 0; i < 150; i++) {
        sprintf(key, "['a',%d]", i);
        probe_mark(hub, "p:1", key);
        hub_begin(hub, 0);
        hub_notice(hub, STR("p:1"), STR("n"), STR("{}"), NULL);
        hub_commit(hub);
    }
    probe_tick(hub);
    struct buf bytes = saved(hub);
    options.limits.max_keys = 10;
    options.limits.notices = 3;
    struct hub *loaded = hub_load(&options, buf_slice(&bytes), NULL);
    assert_non_null(loaded);
    assert_int_equal(probe_stats(loaded).marks, 1);
    assert_int_equal(probe_stats(loaded).notices, 3);
    assert_string_equal(probe_since(loaded, "p:1", 296), "['a'] <n> <n>");
    hub_free(loaded);
    options.limits.index_memory = 1;
    loaded = hub_load(&options, buf_slice(&bytes), NULL);
    assert_string_equal(probe_since(loaded, "p:1", 0), "reset");
    assert_string_equal(probe_since(loaded, "p:2", 299), "reset");
    hub_free(loaded);
    hub_free(hub);
    buf_free(&bytes);
}

static void is_refused_in_the_middle_of_something(void **state)
{
    struct hub *hub = probe_new();
    struct buf bytes = BUF_INIT(1 << 20);
    struct err err = ERR_INIT;
    probe_mark(hub, "p:1", "['a']");
    assert_false(hub_save(hub, &bytes, &err));
    assert_string_equal(err.text, "the last transaction was not ticked");
    probe_tick(hub);
    hub_begin(hub, 0);
    assert_false(hub_save(hub, &bytes, &err));
    assert_string_equal(err.text, "a transaction is open");
    hub_mark(hub, STR("p:1"), probe_key("['b']"), 1000);
    hub_mark(hub, STR("p:1"), probe_key("['b']"), 1000);
    hub_commit(hub);
    probe_tick(hub);
    assert_false(hub_save(hub, &bytes, &err));
    assert_string_equal(err.text, "1 keys are held back");
    hub_lay_held(hub, 1);
    probe_tick(hub);
    assert_true(hub_save(hub, &bytes, &err));
    struct buf small = BUF_INIT(20);
    assert_false(hub_save(hub, &small, &err));
    buf_free(&small);
    buf_free(&bytes);
    hub_free(hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_the_same_after_loading),
        cmocka_unit_test(saving_what_was_loaded_gives_the_same_answers_again),
        cmocka_unit_test(an_empty_hub_can_be_saved),
        cmocka_unit_test(every_cut_and_every_flipped_bit_is_noticed),
        cmocka_unit_test(contradictions_under_a_right_checksum_do_no_harm),
        cmocka_unit_test(lower_limits_hold_after_loading),
        cmocka_unit_test(is_refused_in_the_middle_of_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
