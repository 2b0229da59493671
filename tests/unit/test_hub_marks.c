/* What is stale since when: marks, [], families, floors. */
#include "hub_probe.h"

#include "model/key.h"
#include "model/scope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void answers_the_keys_marked_after_the_position_newest_first(void **state)
{
    struct hub *hub = probe_new();
    probe_mark(hub, "p:1", "['a']");
    probe_mark(hub, "p:1", "['b']");
    probe_mark(hub, "p:2", "['c']");
    assert_string_equal(probe_since(hub, "p:1", 0), "['b'] ['a']");
    assert_string_equal(probe_since(hub, "p:1", 1), "['b']");
    assert_string_equal(probe_since(hub, "p:1", 2), "nothing");
    assert_string_equal(probe_since(hub, "p:2", 2), "['c']");
    assert_string_equal(probe_since(hub, "p:3", 0), "nothing");
    hub_free(hub);
}

static void marking_a_key_again_moves_it_and_grows_nothing(void **state)
{
    struct hub *hub = probe_new();
    probe_mark(hub, "p:1", "['a',1]");
    probe_mark(hub, "p:1", "['b']");
    for (int i = 0; i < 50; i++)
        probe_mark(hub, "p:1", i % 2 ? "['a','1']" : "['a',1]");
    size_t memory = probe_stats(hub).index_memory;
    for (int i = 0; i < 10000; i++)
        probe_mark(hub, "p:1", i % 2 ? "['a','1']" : "['b']");
    assert_int_equal(probe_stats(hub).marks, 2);
    assert_int_equal(probe_stats(hub).index_memory, memory);
    assert_string_equal(probe_since(hub, "p:1", 0), "['a',1] ['b']");
    assert_string_equal(probe_since(hub, "p:1", hub_sequence(hub) - 1), "['a',1]");
    hub_free(hub);
}

static void a_transaction_is_one_position(void **state)
{
    struct hub *hub = probe_new();
    hub_begin(hub, 0);
    assert_true(hub_open(hub));
    hub_mark(hub, STR("p:1"), probe_key("['a']"), 0);
    hub_mark(hub, STR("p:2"), probe_key("['b']"), 0);
    assert_int_equal(hub_commit(hub), 1);
    assert_false(hub_open(hub));
    assert_string_equal(probe_since(hub, "p:1", 0), "['a']");
    assert_string_equal(probe_since(hub, "p:2", 0), "['b']");
    assert_string_equal(probe_since(hub, "p:2", 1), "nothing");
    hub_free(hub);
}

static void an_empty_transaction_gives_no_position(void **state)
{
    struct hub *hub = probe_new();
    probe_mark(hub, "p:1", "['a']");
    hub_begin(hub, 0);
    assert_int_equal(hub_commit(hub), 1);
    assert_int_equal(hub_sequence(hub), 1);
    hub_free(hub);
}

static void the_empty_key_drops_what_the_scope_had_and_answers_reset(void **state)
{
    struct hub *hub = probe_new();
    for (int i = 0; i < 20; i++) {
        char key[32];
        sprintf(key, "['a',%d]", i);
        probe_mark(hub, "p:1", key);
    }
    uint64_t before = hub_sequence(hub);
    uint64_t reset = probe_mark(hub, "p:1", "[]");
    assert_int_equal(probe_stats(hub).marks, 1);
    assert_string_equal(probe_since(hub, "p:1", 0), "reset");
    assert_string_equal(probe_since(hub, "p:1", before), "reset");
    assert_string_equal(probe_since(hub, "p:1", reset), "nothing");
    probe_mark(hub, "p:1", "['b']");
    assert_string_equal(probe_since(hub, "p:1", before), "reset");
    assert_string_equal(probe_since(hub, "p:1", reset), "['b']");
    hub_free(hub);
}

static void marks_beside_the_empty_key_in_one_transaction_add_nothing(void **state)
{
    struct hub *hub = probe_new();
    hub_begin(hub, 0);
    hub_mark(hub, STR("p:1"), probe_key("['a']"), 0);
    hub_mark(hub, STR("p:1"), KEY_ALL, 0);
    hub_mark(hub, STR("p:1"), probe_key("['b']"), 0);
    hub_commit(hub);
    assert_string_equal(probe_since(hub, "p:1", 0), "reset");
    assert_string_equal(probe_since(hub, "p:1", 1), "nothing");
    assert_int_equal(probe_stats(hub).marks, 1);
    hub_free(hub);
}

static void a_family_is_asked_by_its_own_name_and_keeps_its_scopes(void **state)
{
    struct hub *hub = probe_new();
    probe_mark(hub, "p:1", "['a']");
    probe_mark(hub, "p:*", "[]");
    assert_string_equal(probe_since(hub, "p:*", 0), "reset");
    assert_string_equal(probe_since(hub, "p:*", 2), "nothing");
    assert_string_equal(probe_since(hub, "p:1", 0), "['a']");
    probe_mark(hub, "p:*", "['b']");
    assert_string_equal(probe_since(hub, "p:*", 2), "['b']");
    assert_string_equal(probe_since(hub, "*", 0), "nothing");
    hub_free(hub);
}

static void standing_is_the_worst_of_the_scope_and_its_families(void **state)
{
    struct hub *hub = probe_new();
    assert_int_equal(hub_standing(hub, STR("p:1"), 0, false), HUB_NOTHING);
    probe_mark(hub, "p:1", "['a']");
    assert_int_equal(hub_standing(hub, STR("p:1"), 0, false), HUB_KEYS);
    assert_int_equal(hub_standing(hub, STR("p:1"), 1, false), HUB_NOTHING);
    probe_mark(hub, "p:*", "['b']");
    assert_int_equal(hub_standing(hub, STR("p:1"), 1, false), HUB_KEYS);
    assert_int_equal(hub_standing(hub, STR("p"), 1, false), HUB_NOTHING);
    probe_mark(hub, "*", "[]");
    assert_int_equal(hub_standing(hub, STR("p:1"), 2, false), HUB_RESET);
    assert_int_equal(hub_standing(hub, STR("q:1"), 2, false), HUB_RESET);
    assert_int_equal(hub_standing(hub, STR("p:1"), 3, false), HUB_NOTHING);
    hub_free(hub);
}

static void a_position_of_the_future_is_reset(void **state)
{
    struct hub *hub = probe_new();
    probe_mark(hub, "p:1", "['a']");
    assert_string_equal(probe_since(hub, "p:1", 2), "reset");
    assert_string_equal(probe_since(hub, "q:1", UINT64_MAX), "reset");
    assert_string_equal(probe_since(hub, "p:*", 2), "reset");
    hub_free(hub);
}

static void a_key_above_512_bytes_is_cut(void **state)
{
    struct hub *hub = probe_new();
    char key[1000], want[1000];
    sprintf(key, "[\"a\",\"%0400d\",\"%0200d\"]", 1, 2);
    sprintf(want, "['a','%0400d']", 1);
    hub_begin(hub, 0);
    hub_mark(hub, STR("p:1"), str_of(key), 0);
    hub_commit(hub);
    assert_string_equal(probe_since(hub, "p:1", 0), want);
    sprintf(key, "[\"%0600d\"]", 1);
    hub_begin(hub, 0);
    hub_mark(hub, STR("p:2"), str_of(key), 1000);
    hub_commit(hub);
    assert_string_equal(probe_since(hub, "p:2", 0), "reset");
    hub_free(hub);
}

static void families_too_many_go_to_the_one_above_all(void **state)
{
    struct hub *hub = probe_new(); /* families_max 4 */
    hub_keep_family(hub, STR("kept:*"));
    for (int i = 0; i < 6; i++) {
        char family[32], key[32];
        sprintf(family, "f%d:*", i);
        sprintf(key, "['%d']", i);
        probe_mark(hub, family, key);
    }
    probe_mark(hub, "kept:*", "['k']");
    assert_string_equal(probe_since(hub, "f3:*", 0), "['3']");
    assert_string_equal(probe_since(hub, "f4:*", 0), "nothing");
    assert_string_equal(probe_since(hub, "*", 0), "['5'] ['4']");
    assert_string_equal(probe_since(hub, "kept:*", 0), "['k']");
    assert_int_equal(probe_stats(hub).families, 6);
    hub_keep_family(hub, STR("f0:*")); /* frees a place among the others */
    probe_mark(hub, "f9:*", "['9']");
    assert_string_equal(probe_since(hub, "f9:*", 0), "['9']");
    hub_free(hub);
}

static void the_longest_names_work_and_longer_ones_have_no_subscriber(void **state)
{
    struct hub *hub = probe_new();
    char scope[SCOPE_MAX + 3];
    memset(scope, 'x', sizeof scope);
    scope[SCOPE_MAX - 1] = ':';
    struct str longest = {.p = scope, .n = SCOPE_MAX}, longer = {.p = scope, .n = SCOPE_MAX + 1};
    hub_begin(hub, 0);
    hub_mark(hub, longest, KEY_ALL, 0);
    scope[SCOPE_MAX] = '*';
    hub_mark(hub, longer, KEY_ALL, 0); /* the family of the longest */
    scope[SCOPE_MAX - 1] = 'x';
    hub_mark(hub, longer, KEY_ALL, 0);
    hub_mark(hub, STR(""), KEY_ALL, 0);
    hub_commit(hub);
    assert_int_equal(probe_stats(hub).scopes, 1);
    assert_int_equal(probe_stats(hub).families, 2);
    hub_free(hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_the_keys_marked_after_the_position_newest_first),
        cmocka_unit_test(marking_a_key_again_moves_it_and_grows_nothing),
        cmocka_unit_test(a_transaction_is_one_position),
        cmocka_unit_test(an_empty_transaction_gives_no_position),
        cmocka_unit_test(the_empty_key_drops_what_the_scope_had_and_answers_reset),
        cmocka_unit_test(marks_beside_the_empty_key_in_one_transaction_add_nothing),
        cmocka_unit_test(a_family_is_asked_by_its_own_name_and_keeps_its_scopes),
        cmocka_unit_test(standing_is_the_worst_of_the_scope_and_its_families),
        cmocka_unit_test(a_position_of_the_future_is_reset),
        cmocka_unit_test(a_key_above_512_bytes_is_cut),
        cmocka_unit_test(families_too_many_go_to_the_one_above_all),
        cmocka_unit_test(the_longest_names_work_and_longer_ones_have_no_subscriber),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
