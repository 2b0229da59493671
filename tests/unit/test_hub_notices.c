/* Notices: in order, in bounds, lost only together with a reset. */
#include "hub_probe.h"

#include "model/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t tell(struct hub *hub, const char *scope, const char *type)
{
    hub_begin(hub, 0);
    hub_notice(hub, str_of(scope), str_of(type), STR("{}"), NULL);
    return hub_commit(hub);
}

static void notices_are_told_in_order_after_the_position(void **state)
{
    struct hub *hub = probe_new();
    tell(hub, "user:1", "a");
    tell(hub, "user:2", "b");
    tell(hub, "user:1", "c");
    probe_mark(hub, "user:1", "['k']");
    assert_string_equal(probe_since(hub, "user:1", 0), "['k'] <a> <c>");
    assert_string_equal(probe_since(hub, "user:1", 1), "['k'] <c>");
    assert_string_equal(probe_since(hub, "user:1", 4), "nothing");
    assert_string_equal(probe_since(hub, "user:2", 0), "<b>");
    assert_int_equal(hub_standing(hub, STR("user:2"), 1, false), HUB_KEYS);
    assert_int_equal(hub_standing(hub, STR("user:2"), 2, false), HUB_NOTHING);
    hub_free(hub);
}

static void ids_are_unique_and_rise(void **state)
{
    struct hub *hub = probe_new();
    struct buf id = BUF_INIT(1000);
    hub_begin(hub, 0);
    hub_notice(hub, STR("u:1"), STR("a"), STR("1"), &id);
    buf_byte(&id, ' ');
    hub_notice(hub, STR("u:2"), STR("a"), STR("1"), &id);
    hub_commit(hub);
    buf_byte(&id, '\0');
    assert_string_equal(id.data, "9ys742mx86wf-n1 9ys742mx86wf-n2");
    buf_free(&id);
    hub_free(hub);
}

struct counting {
    unsigned n, stop_after;
    uint64_t last;
};

static bool count(void *ctx, const struct hub_notice *notice)
{
    struct counting *counting = ctx;
    assert_true(notice->number > counting->last);
    counting->last = notice->number;
    return ++counting->n != counting->stop_after;
}

static void a_reader_can_stop_and_go_on_by_number_and_stop_at_a_position(void **state)
{
    struct hub *hub = probe_new();
    for (int i = 0; i < 10; i++)
        tell(hub, "u:1", "a");
    struct counting counting = {.stop_after = 3};
    struct hub_reader reader = {.ctx = &counting, .notice = count};
    assert_int_equal(hub_since(hub, STR("u:1"), 2, &reader), HUB_KEYS);
    assert_true(counting.n == 3 && counting.last == 5);
    reader.notice_after = counting.last;
    reader.notice_until = 7;
    counting.stop_after = 0;
    hub_since(hub, STR("u:1"), 2, &reader);
    assert_true(counting.n == 5 && counting.last == 7);
    hub_free(hub);
}

static void a_full_ring_drops_the_oldest_and_resets_whoever_missed_it(void **state)
{
    struct hub_options options = probe_options();
    options.limits.notices = 2;
    struct hub *hub = hub_new(&options);
    tell(hub, "u:1", "a");
    tell(hub, "u:1", "b");
    tell(hub, "u:1", "c");
    assert_string_equal(probe_since(hub, "u:1", 0), "reset <b> <c>");
    assert_string_equal(probe_since(hub, "u:1", 1), "<b> <c>");
    assert_int_equal(hub_notice_lost(hub, STR("u:1")), 1);
    struct counting counting = {0};
    struct hub_reader reader = {.ctx = &counting, .notice = count, .notice_after = 1};
    assert_int_equal(hub_since(hub, STR("u:1"), 0, &reader),
                     HUB_KEYS); /* was sent what was dropped */
    hub_free(hub);
}

static void past_the_memory_the_oldest_of_all_goes(void **state)
{
    struct hub_options options = probe_options();
    options.limits.notice_memory = 1000;
    struct hub *hub = hub_new(&options);
    tell(hub, "u:1", "first");
    for (int i = 0; i < 20; i++) {
        tell(hub, "u:2", "later");
        assert_true(probe_stats(hub).notice_memory <= 1000);
    }
    assert_string_equal(probe_since(hub, "u:1", 0), "reset");
    assert_string_equal(probe_since(hub, "u:1", 1), "nothing");
    assert_int_equal(probe_stats(hub).global_floor, 0); /* nobody else pays while there is memory */
    hub_free(hub);
}

static void one_larger_than_all_memory_is_a_reset(void **state)
{
    struct hub_options options = probe_options();
    options.limits.notice_memory = 10;
    struct hub *hub = hub_new(&options);
    probe_mark(hub, "u:1", "['a']");
    tell(hub, "u:1", "x");
    assert_string_equal(probe_since(hub, "u:1", 1), "reset");
    assert_string_equal(probe_since(hub, "u:1", 2), "nothing");
    hub_free(hub);
}

static void a_freed_scope_takes_its_notice_floor_to_the_global_one(void **state)
{
    struct hub_options options = probe_options();
    options.limits.notices = 1;
    options.limits.index_memory = 20000;
    struct hub *hub = hub_new(&options);
    tell(hub, "u:1", "a");
    uint64_t b = tell(hub, "u:1", "b");
    probe_tick(hub);
    char scope[32];
    for (int i = 0; i < 1000; i++) {
        sprintf(scope, "x:%d", i);
        tell(hub, scope, "c");
        probe_tick(hub);
    }
    struct hub_stats stats = probe_stats(hub);
    assert_true(stats.index_memory <= 20000);
    assert_true(stats.global_floor >= b);
    assert_true(stats.scopes < 1000);
    assert_string_equal(probe_since(hub, "u:1", 0), "reset");
    assert_string_equal(probe_since(hub, "x:999", hub_sequence(hub) - 1), "<c>");
    assert_true(hub_notice_lost(hub, STR("nobody:1")) > 0);
    hub_free(hub);
}

static void a_reset_scope_still_gives_its_notices(void **state)
{
    struct hub *hub = probe_new();
    tell(hub, "u:1", "a");
    probe_mark(hub, "u:1", "[]");
    assert_string_equal(probe_since(hub, "u:1", 0), "reset <a>");
    assert_string_equal(probe_since(hub, "u:1", 1), "reset");
    hub_free(hub);
}

static void none_are_laid_in_a_family(void **state)
{
    struct hub *hub = probe_new();
    assert_int_equal(tell(hub, "u:*", "a"), 0);
    assert_int_equal(probe_stats(hub).notices, 0);
    hub_free(hub);
}

static void lower_bounds_apply_at_once(void **state)
{
    struct hub_options options = probe_options();
    struct hub *hub = hub_new(&options);
    for (int i = 0; i < 10; i++)
        tell(hub, i % 2 ? "u:1" : "u:2", "a");
    probe_tick(hub);
    options.limits.notices = 2;
    hub_set_limits(hub, &options.limits);
    assert_int_equal(probe_stats(hub).notices, 4);
    options.limits.notices = 0;
    hub_set_limits(hub, &options.limits);
    assert_int_equal(probe_stats(hub).notices, 0);
    assert_string_equal(probe_since(hub, "u:1", 9), "reset");
    assert_string_equal(probe_since(hub, "u:1", 10), "nothing");
    hub_free(hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notices_are_told_in_order_after_the_position),
        cmocka_unit_test(ids_are_unique_and_rise),
        cmocka_unit_test(a_reader_can_stop_and_go_on_by_number_and_stop_at_a_position),
        cmocka_unit_test(a_full_ring_drops_the_oldest_and_resets_whoever_missed_it),
        cmocka_unit_test(past_the_memory_the_oldest_of_all_goes),
        cmocka_unit_test(one_larger_than_all_memory_is_a_reset),
        cmocka_unit_test(a_freed_scope_takes_its_notice_floor_to_the_global_one),
        cmocka_unit_test(a_reset_scope_still_gives_its_notices),
        cmocka_unit_test(none_are_laid_in_a_family),
        cmocka_unit_test(lower_bounds_apply_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
