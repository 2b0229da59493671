/* Bounds: memory, eviction, widening; what is given up is precision. */
#include "hub_probe.h"

#include "model/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct hub *small(size_t index_memory, unsigned max_keys)
{
    struct hub_options options = probe_options();
    options.limits.index_memory = index_memory;
    options.limits.max_keys = max_keys;
    return hub_new(&options);
}

static void evicts_the_oldest_mark_and_raises_its_scopes_floor(void **state)
{
    struct hub *hub = small(20000, 2000);
    char key[64];
    uint64_t first = probe_mark(hub, "p:1", "['old']");
    probe_tick(hub);
    int n = 0;
    while (probe_stats(hub).evicted == 0 && n < 2000) {
        sprintf(key, "['new',%d]", n++);
        probe_mark(hub, "p:1", key);
        probe_tick(hub);
    }
    assert_true(probe_stats(hub).index_memory <= 20000);
    assert_string_equal(probe_since(hub, "p:1", 0), "reset");
    assert_true(strncmp(probe_since(hub, "p:1", first), "['new',", 7) == 0);
    assert_int_equal(probe_stats(hub).global_floor, 0);
    hub_free(hub);
}

static void a_scope_without_marks_is_freed_into_the_global_floor(void **state)
{
    struct hub *hub = small(20000, 200);
    char scope[64];
    uint64_t last = probe_mark(hub, "old:1", "['a']");
    probe_tick(hub);
    int n = 0;
    while (probe_stats(hub).evicted == 0 && n < 2000) {
        sprintf(scope, "new:%d", n++);
        probe_mark(hub, scope, "['a']");
        probe_tick(hub);
    }
    assert_int_equal(probe_stats(hub).scopes, n);
    assert_int_equal(probe_stats(hub).global_floor, last);
    assert_string_equal(probe_since(hub, "old:1", last - 1), "reset");
    assert_string_equal(probe_since(hub, "old:1", last), "nothing");
    assert_string_equal(probe_since(hub, "unknown:1", last - 1), "reset");
    assert_string_equal(probe_since(hub, "unknown:*", 0), "nothing"); /* a family that never was */
    uint64_t again =
        probe_mark(hub, "old:1", "['b']"); /* made again: starts with the global floor */
    assert_string_equal(probe_since(hub, "old:1", last - 1), "reset");
    assert_string_equal(probe_since(hub, "old:1", last), "['b']");
    assert_string_equal(probe_since(hub, "old:1", again), "nothing");
    hub_free(hub);
}

static void an_evicted_family_keeps_its_entry_and_its_own_floor(void **state)
{
    struct hub *hub = small(20000, 200);
    char scope[64];
    uint64_t mark = probe_mark(hub, "p:*", "['a']");
    probe_tick(hub);
    for (int n = 0; n < 1000; n++) {
        sprintf(scope, "new:%d", n);
        probe_mark(hub, scope, "['a']");
        probe_tick(hub);
    }
    assert_true(probe_stats(hub).global_floor > mark);
    assert_string_equal(probe_since(hub, "p:*", mark - 1), "reset");
    assert_string_equal(probe_since(hub, "p:*", mark), "nothing"); /* not the global floor */
    hub_free(hub);
}

static void a_scope_that_is_evicted_before_its_tick_resets_its_family(void **state)
{
    struct hub *hub = small(20000, 200);
    char scope[64];
    hub_begin(hub, 0);
    for (int n = 0; n < 2000; n++) {
        sprintf(scope, "p:%d", n);
        hub_mark(hub, str_of(scope), probe_key("['a']"), 0);
    }
    hub_commit(hub);
    assert_true(probe_stats(hub).index_memory <= 20000);
    assert_string_equal(probe_since(hub, "p:*", 0), "reset");
    assert_string_equal(probe_since(hub, "p:*", 1), "nothing");
    assert_string_equal(probe_since(hub, "p:0", 0), "reset");
    assert_string_equal(probe_since(hub, "p:1999", 0), "reset");
    assert_string_equal(probe_since(hub, "*", 0), "nothing");
    hub_free(hub);
}

static void count_touched(void *ctx, struct str scope, uint64_t previous)
{
    int *touched = ctx;
    *touched += str_is(scope, "p:*");
}

static void an_index_too_small_for_one_entry_resets_families(void **state)
{
    struct hub *hub = small(1, 200);
    uint64_t p = probe_mark(hub, "p:1", "['a']");
    struct hub_stats stats = probe_stats(hub);
    assert_int_equal(stats.marks + stats.scopes, 0);
    assert_string_equal(probe_since(hub, "p:1", p - 1), "reset");
    assert_string_equal(probe_since(hub, "p:*", p - 1), "reset");
    assert_string_equal(probe_since(hub, "p:*", p), "nothing");
    int touched = 0;
    assert_true(hub_tick(hub, 0, count_touched, &touched));
    assert_int_equal(touched, 1);
    hub_free(hub);
}

static void memory_stays_within_its_bound_whatever_comes(void **state)
{
    enum { BOUND = 100000 };
    struct hub *hub = small(BOUND, 20);
    unsigned seed = 1;
    for (int n = 0; n < 60000; n++) {
        char scope[64], key[256];
        seed = seed * 1103515245 + 12345;
        unsigned r = seed >> 8;
        sprintf(scope, "s:%u", r % 700);
        sprintf(key, "['k','%0*u',%u]", (int)(r / 1000 % 150), r % 40, r / 50 % 10);
        hub_begin(hub, 0);
        hub_mark(hub, str_of(scope), probe_key(key), 0);
        struct hub_entity entity = {
            .name = STR("t"), .id = str_of(key + 5), .action = STR("updated")};
        if (r % 3 == 0)
            hub_entity(hub, str_of(scope), &entity);
        if (r % 5 == 0)
            hub_notice(hub, str_of(scope), STR("n"), str_of(key), NULL);
        hub_commit(hub);
        if (r % 7 == 0)
            probe_tick(hub);
        struct hub_stats stats = probe_stats(hub);
        assert_true(stats.index_memory <= BOUND);
        assert_true(stats.notice_memory <= 1 << 16);
    }
    assert_true(probe_stats(hub).evicted > 1000);
    hub_free(hub);
}

static void lower_bounds_apply_at_once(void **state)
{
    struct hub_options options = probe_options();
    struct hub *hub = hub_new(&options);
    char key[64];
    for (int i = 0; i < 100; i++) {
        sprintf(key, "['a',%d]", i);
        probe_mark(hub, "p:1", key);
        sprintf(key, "['%d',%d]", i / 2, i);
        probe_mark(hub, "p:2", key);
    }
    probe_tick(hub);
    options.limits.max_keys = 60;
    hub_set_limits(hub, &options.limits);
    assert_string_equal(probe_since(hub, "p:1", 0), "['a']");
    assert_string_equal(probe_since(hub, "p:2", 0),
                        "reset"); /* 50 first parts are above three quarters */
    assert_int_equal(probe_stats(hub).marks, 2);
    options.limits.index_memory = 1000;
    hub_set_limits(hub, &options.limits);
    assert_int_equal(probe_stats(hub).marks, 0);
    assert_string_equal(probe_since(hub, "p:1", 0), "reset");
    hub_free(hub);
}

/* ---- widening ---- */

static void widens_the_deepest_and_largest_group_first(void **state)
{
    struct hub *hub = small(1 << 20, 12);
    char key[64];
    for (int i = 0; i < 3; i++) {
        sprintf(key, "['tasks','list',%d]", i);
        probe_mark(hub, "p:1", key);
    }
    probe_mark(hub, "p:1", "['stats']");
    for (int i = 0; i < 8; i++) {
        sprintf(key, "['tasks','detail',%d]", i);
        probe_mark(hub, "p:1", key);
    }
    assert_int_equal(probe_stats(hub).widened, 0);
    uint64_t last = probe_mark(hub, "p:1", "['tasks','detail',8]");
    assert_int_equal(probe_stats(hub).widened, 1);
    assert_string_equal(
        probe_since(hub, "p:1", 0),
        "['tasks','detail'] ['stats'] ['tasks','list',2] ['tasks','list',1] ['tasks','list',0]");
    assert_string_equal(probe_since(hub, "p:1", last - 1), "['tasks','detail']");
    assert_string_equal(probe_since(hub, "p:1", last), "nothing");
    hub_free(hub);
}

static void a_wider_mark_does_not_absorb_later_narrower_ones(void **state)
{
    struct hub *hub = small(1 << 20, 4);
    char key[64];
    for (int i = 0; i < 5; i++) {
        sprintf(key, "['a',%d]", i);
        probe_mark(hub, "p:1", key);
    }
    uint64_t wide = hub_sequence(hub);
    assert_string_equal(probe_since(hub, "p:1", 0), "['a']");
    probe_mark(hub, "p:1", "['a',9]");
    assert_string_equal(probe_since(hub, "p:1", wide), "['a',9]");
    assert_string_equal(probe_since(hub, "p:1", 0), "['a',9] ['a']");
    hub_free(hub);
}

static void what_a_wider_mark_covers_already_goes_first_and_costs_nothing(void **state)
{
    struct hub *hub = small(1 << 20, 8);
    char key[64];
    for (int i = 0; i < 5; i++) {
        sprintf(key, "['a',%d]", i);
        probe_mark(hub, "p:1", key);
    }
    probe_mark(hub, "p:1", "['a']");
    probe_mark(hub, "p:1", "['b',1]");
    probe_mark(hub, "p:1", "['b',2]");
    probe_mark(hub, "p:1", "['b',3]");
    assert_string_equal(probe_since(hub, "p:1", 0), "['b',3] ['b',2] ['b',1] ['a']");
    hub_free(hub);
}

static void collapses_to_reset_when_first_parts_are_too_many(void **state)
{
    struct hub *hub = small(1 << 20, 8);
    char key[64];
    for (int i = 0; i < 9; i++) {
        sprintf(key, "['t%d',1]", i);
        probe_mark(hub, "p:1", key);
    }
    assert_string_equal(probe_since(hub, "p:1", 0), "reset");
    assert_string_equal(probe_since(hub, "p:1", 8), "reset");
    assert_string_equal(probe_since(hub, "p:1", 9), "nothing");
    assert_string_equal(probe_since(hub, "p:*", 0), "nothing");
    hub_free(hub);
}

static void widens_at_most_once_in_a_quarter_of_max_keys(void **state)
{
    struct hub *hub = small(1 << 20, 200);
    char key[64];
    for (int i = 0; i < 5000; i++) {
        sprintf(key, "['a%d','b%d',%d]", i % 20, i % 60, i);
        probe_mark(hub, "p:1", key);
        assert_true(probe_stats(hub).marks <= 200);
    }
    assert_true(probe_stats(hub).widened > 0);
    assert_true(probe_stats(hub).widened <= 5000 / 50);
    hub_free(hub);
}

static void number_and_text_widen_to_one_prefix(void **state)
{
    struct hub *hub = small(1 << 20, 2);
    probe_mark(hub, "p:1", "['a',1,'x']");
    probe_mark(hub, "p:1", "['a','1','y']");
    probe_mark(hub, "p:1", "['b']");
    const char *answer = probe_since(hub, "p:1", 0);
    assert_true(!strcmp(answer, "['b'] ['a',1]") || !strcmp(answer, "['b'] ['a','1']"));
    hub_free(hub);
}

static void one_key_a_scope_is_enough_to_be_truthful(void **state)
{
    struct hub *hub = small(1 << 20, 1);
    probe_mark(hub, "p:1", "['a',1]");
    probe_mark(hub, "p:1", "['a',2]");
    assert_string_equal(probe_since(hub, "p:1", 0), "['a']");
    probe_mark(hub, "p:1", "['b']");
    assert_string_equal(probe_since(hub, "p:1", 0), "reset");
    hub_free(hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evicts_the_oldest_mark_and_raises_its_scopes_floor),
        cmocka_unit_test(a_scope_without_marks_is_freed_into_the_global_floor),
        cmocka_unit_test(an_evicted_family_keeps_its_entry_and_its_own_floor),
        cmocka_unit_test(a_scope_that_is_evicted_before_its_tick_resets_its_family),
        cmocka_unit_test(an_index_too_small_for_one_entry_resets_families),
        cmocka_unit_test(memory_stays_within_its_bound_whatever_comes),
        cmocka_unit_test(lower_bounds_apply_at_once),
        cmocka_unit_test(widens_the_deepest_and_largest_group_first),
        cmocka_unit_test(a_wider_mark_does_not_absorb_later_narrower_ones),
        cmocka_unit_test(what_a_wider_mark_covers_already_goes_first_and_costs_nothing),
        cmocka_unit_test(collapses_to_reset_when_first_parts_are_too_many),
        cmocka_unit_test(widens_at_most_once_in_a_quarter_of_max_keys),
        cmocka_unit_test(number_and_text_widen_to_one_prefix),
        cmocka_unit_test(one_key_a_scope_is_enough_to_be_truthful),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
