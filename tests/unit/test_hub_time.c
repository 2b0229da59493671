/* Ticks and held keys: everything here has to do with time, which is an argument. */
#include "hub_probe.h"

#include "model/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct hub *with(uint64_t batch_ms, unsigned held_max)
{
    struct hub_options options = probe_options();
    options.limits.batch_ms = batch_ms;
    options.limits.held_max = held_max;
    return hub_new(&options);
}

static void mark(struct hub *hub, const char *scope, const char *key, uint64_t at_most,
                 uint64_t now)
{
    hub_begin(hub, now);
    hub_mark(hub, str_of(scope), probe_key(key), at_most);
    hub_commit(hub);
}

static void note(void *ctx, struct str scope, uint64_t previous)
{
    struct buf *text = ctx;
    buf_printf(text, "%.*s>%d ", STR_ARG(scope), (int)previous);
}

static void first_mark_ticks_at_once_then_one_tick_a_window(void **state)
{
    struct hub *hub = with(100, 10);
    assert_true(hub_due(hub, 1000) == UINT64_MAX);
    assert_false(hub_tick(hub, 1000, NULL, NULL));
    mark(hub, "p:1", "['a']", 0, 1000);
    assert_true(hub_due(hub, 1000) == 0);
    assert_true(hub_tick(hub, 1000, NULL, NULL));
    mark(hub, "p:1", "['b']", 0, 1010);
    assert_true(hub_due(hub, 1010) == 1100);
    assert_false(hub_tick(hub, 1099, NULL, NULL));
    assert_int_equal(hub_ticked(hub), 1);
    mark(hub, "p:1", "['c']", 0, 1099);
    assert_true(hub_due(hub, 1100) == 0);
    assert_true(hub_tick(hub, 1100, NULL, NULL));
    assert_int_equal(hub_ticked(hub), 3);
    assert_true(hub_due(hub, 1100) == UINT64_MAX);
    assert_false(hub_tick(hub, 1300, NULL, NULL));
    mark(hub, "p:1", "['d']", 0, 1350);
    assert_true(hub_due(hub, 1350) == 0); /* the leading edge again */
    hub_free(hub);
}

static void a_steady_stream_ticks_in_every_window(void **state)
{
    struct hub *hub = with(100, 10);
    unsigned ticks = 0;
    for (uint64_t now = 1000; now < 2000; now++) {
        mark(hub, "p:1", "['a']", 0, now);
        ticks += hub_tick(hub, now, NULL, NULL);
    }
    assert_int_equal(ticks, 10);
    hub_free(hub);
}

static void without_a_window_every_transaction_may_tick(void **state)
{
    struct hub *hub = with(0, 10);
    for (int i = 0; i < 5; i++) {
        mark(hub, "p:1", "['a']", 0, 1000);
        assert_true(hub_tick(hub, 1000, NULL, NULL));
    }
    hub_free(hub);
}

static void a_tick_names_what_was_touched_once_and_the_tick_before(void **state)
{
    struct hub *hub = with(0, 10);
    struct buf text = BUF_INIT(1000);
    mark(hub, "p:1", "['a']", 0, 1);
    mark(hub, "p:*", "['a']", 0, 1);
    mark(hub, "p:1", "['b']", 0, 1);
    assert_true(hub_tick(hub, 1, note, &text));
    mark(hub, "q:1", "[]", 0, 1);
    assert_true(hub_tick(hub, 1, note, &text));
    buf_byte(&text, '\0');
    assert_string_equal(text.data, "p:1>0 p:*>0 q:1>3 ");
    buf_free(&text);
    hub_free(hub);
}

static void nothing_is_due_inside_a_transaction(void **state)
{
    struct hub *hub = with(0, 10);
    hub_begin(hub, 1000);
    hub_mark(hub, STR("p:1"), KEY_ALL, 0);
    assert_true(hub_due(hub, 1000) == UINT64_MAX);
    hub_commit(hub);
    assert_true(hub_due(hub, 1000) == 0);
    hub_free(hub);
}

/* ---- at_most ---- */

static void the_first_passes_and_the_next_waits_until_it_is_due(void **state)
{
    struct hub *hub = with(0, 10);
    mark(hub, "p:1", "['a',1]", 5000, 1000);
    assert_int_equal(hub_sequence(hub), 1);
    hub_tick(hub, 1000, NULL, NULL);
    mark(hub, "p:1", "['a',1]", 5000, 2000);
    mark(hub, "p:1", "['a','1']", 5000, 3000);
    assert_int_equal(hub_sequence(hub), 1);
    assert_int_equal(probe_stats(hub).held, 1);
    assert_true(hub_due(hub, 3000) == 6000);
    assert_false(hub_tick(hub, 5999, NULL, NULL));
    assert_true(hub_tick(hub, 6000, NULL, NULL));
    assert_int_equal(hub_sequence(hub), 2);
    assert_string_equal(probe_since(hub, "p:1", 1), "['a',1]");
    assert_true(hub_due(hub, 6000) == UINT64_MAX);
    mark(hub, "p:1", "['a',1]", 5000, 7000); /* within at_most of the one that was laid late */
    assert_int_equal(hub_sequence(hub), 2);
    assert_true(hub_due(hub, 7000) == 11000);
    hub_tick(hub, 11000, NULL, NULL);
    mark(hub, "p:1", "['a',1]", 5000, 16000); /* over: at once again */
    assert_int_equal(hub_sequence(hub), 4);
    hub_free(hub);
}

static void scopes_and_keys_wait_for_themselves(void **state)
{
    struct hub *hub = with(0, 10);
    mark(hub, "p:1", "['a']", 1000, 0);
    mark(hub, "p:2", "['a']", 1000, 0);
    mark(hub, "p:1", "['b']", 1000, 0);
    assert_int_equal(hub_sequence(hub), 3);
    hub_free(hub);
}

static void held_keys_are_laid_in_one_transaction_of_their_own(void **state)
{
    struct hub *hub = with(0, 10);
    char key[32];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 8; i++) {
            sprintf(key, "['%d']", i);
            mark(hub, "p:1", key, (uint64_t)(100 + i), 1000);
        }
    assert_int_equal(hub_sequence(hub), 8);
    assert_int_equal(probe_stats(hub).held, 8);
    hub_tick(hub, 1000, NULL, NULL);
    assert_true(hub_due(hub, 1000) == 1100);
    assert_true(hub_tick(hub, 1103, NULL, NULL));
    assert_int_equal(hub_sequence(hub), 9);
    assert_int_equal(probe_stats(hub).held, 4);
    hub_lay_held(hub, 1103);
    assert_int_equal(hub_sequence(hub), 10);
    assert_int_equal(probe_stats(hub).held, 0);
    assert_int_equal(probe_stats(hub).marks, 8);
    hub_free(hub);
}

static void a_full_table_holds_nothing_back(void **state)
{
    struct hub *hub = with(0, 2);
    mark(hub, "p:1", "['a']", 1000, 0);
    mark(hub, "p:1", "['b']", 1000, 0);
    mark(hub, "p:1", "['c']", 1000, 0);
    mark(hub, "p:1", "['c']", 1000, 1);
    assert_int_equal(hub_sequence(hub), 4);
    mark(hub, "p:1", "['a']", 1000, 2);
    assert_int_equal(hub_sequence(hub), 4);
    hub_tick(hub, 1500, NULL, NULL);
    mark(hub, "p:1", "['c']", 1000, 1500); /* b is over, there is room for c */
    mark(hub, "p:1", "['c']", 1000, 1600);
    assert_int_equal(probe_stats(hub).held, 1);
    hub_free(hub);
}

static void a_lower_bound_lays_what_waits(void **state)
{
    struct hub_options options = probe_options();
    struct hub *hub = hub_new(&options);
    for (int i = 0; i < 2; i++) {
        mark(hub, "p:1", "['a']", 1000, 0);
        mark(hub, "p:1", "['b']", 1000, 0);
    }
    assert_int_equal(probe_stats(hub).held, 2);
    options.limits.held_max = 1;
    hub_set_limits(hub, &options.limits);
    assert_int_equal(probe_stats(hub).held, 0);
    assert_int_equal(hub_sequence(hub), 3);
    hub_free(hub);
}

static void the_empty_key_is_never_held(void **state)
{
    struct hub *hub = with(0, 10);
    for (uint64_t i = 1; i < 5; i++) {
        mark(hub, "p:1", "[]", 1000, 0);
        assert_int_equal(hub_sequence(hub), i);
    }
    assert_int_equal(probe_stats(hub).held, 0);
    hub_free(hub);
}

static void a_shorter_at_most_brings_the_due_time_forward(void **state)
{
    struct hub *hub = with(0, 10);
    mark(hub, "p:1", "['a']", 5000, 1000);
    mark(hub, "p:1", "['a']", 5000, 1500);
    mark(hub, "p:1", "['a']", 1000, 1600);
    hub_tick(hub, 1600, NULL, NULL);
    assert_true(hub_due(hub, 1600) == 2000);
    hub_free(hub);
}

static void a_held_key_waits_for_the_window_like_any_other(void **state)
{
    struct hub *hub = with(100, 10);
    mark(hub, "p:1", "['a']", 1000, 0);
    mark(hub, "p:1", "['a']", 1000, 1);
    hub_tick(hub, 1, NULL, NULL);
    mark(hub, "p:1", "['b']", 0, 990);
    assert_true(hub_tick(hub, 990, NULL, NULL));
    assert_true(hub_due(hub, 990) == 1000);
    assert_false(hub_tick(hub, 1000, NULL, NULL)); /* laid, not ticked */
    assert_int_equal(probe_stats(hub).held, 0);
    assert_true(hub_due(hub, 1000) == 1090);
    assert_true(hub_tick(hub, 1090, NULL, NULL));
    hub_free(hub);
}

static void many_held_keys_come_due_in_order(void **state)
{
    struct hub *hub = with(0, 1000);
    char key[32];
    for (int round = 0; round < 2; round++)
        for (unsigned i = 0; i < 1000; i++) {
            sprintf(key, "[%u]", i);
            mark(hub, "p:1", key, 1 + i * 7919 % 1000, 0);
        }
    assert_int_equal(probe_stats(hub).held, 1000);
    for (uint64_t now = 1; now <= 1000; now++) {
        hub_tick(hub, now, NULL, NULL);
        assert_int_equal(probe_stats(hub).held, 1000 - now);
    }
    hub_free(hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_mark_ticks_at_once_then_one_tick_a_window),
        cmocka_unit_test(a_steady_stream_ticks_in_every_window),
        cmocka_unit_test(without_a_window_every_transaction_may_tick),
        cmocka_unit_test(a_tick_names_what_was_touched_once_and_the_tick_before),
        cmocka_unit_test(nothing_is_due_inside_a_transaction),
        cmocka_unit_test(the_first_passes_and_the_next_waits_until_it_is_due),
        cmocka_unit_test(scopes_and_keys_wait_for_themselves),
        cmocka_unit_test(held_keys_are_laid_in_one_transaction_of_their_own),
        cmocka_unit_test(a_full_table_holds_nothing_back),
        cmocka_unit_test(a_lower_bound_lays_what_waits),
        cmocka_unit_test(the_empty_key_is_never_held),
        cmocka_unit_test(a_shorter_at_most_brings_the_due_time_forward),
        cmocka_unit_test(a_held_key_waits_for_the_window_like_any_other),
        cmocka_unit_test(many_held_keys_come_due_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
