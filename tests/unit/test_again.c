/* Marks that are told again: all of them, or what covers them. */
#include "hub_probe.h"
#include "unit.h"

#include "hub/again.h"

static const struct hash_seed SEED = {.k0 = 1, .k1 = 2};

static struct again *some(unsigned n)
{
    struct again *again = again_new(SEED);
    for (unsigned i = 0; i < n; i++) {
        char scope[32], key[32];
        snprintf(scope, sizeof scope, "project:%u", i % 7);
        snprintf(key, sizeof key, "[\"t\",%u]", i);
        again_mark(again, str_of(scope), str_of(key));
    }
    return again;
}

static void lay(const struct again *again, struct hub *hub)
{
    hub_begin(hub, 1000);
    again_lay(again, hub);
    hub_commit(hub);
}

static void each_mark_is_laid_once_more(void **state)
{
    struct again *again = again_new(SEED);
    struct hub *hub = probe_new();
    const struct hub_entity entity = {
        .name = STR("task"), .id = STR("\"7\""), .action = STR("updated"), .has_data = true};
    assert_true(again_is_empty(again));
    again_mark(again, STR("project:1"), STR("[\"a\"]"));
    again_mark(again, STR("project:1"), STR("[\"a\"]"));
    again_mark(again, STR("project:1"), STR("[\"b\"]"));
    again_entity(again, STR("project:2"), &entity);
    assert_int_equal(again_count(again), 3);
    lay(again, hub);
    assert_non_null(strstr(probe_since(hub, "project:1", 0), "['a']"));
    assert_non_null(strstr(probe_since(hub, "project:1", 0), "['b']"));
    assert_string_equal(probe_since(hub, "project:3", 0), "nothing");
    assert_non_null(strstr(probe_entities(hub, "project:2", 0), "task/'7'/updated"));
    again_clear(again);
    assert_true(again_is_empty(again));
    again_free(again);
    hub_free(hub);
}

static void a_thousand_are_kept_one_by_one_and_more_as_their_family(void **state)
{
    struct again *exact = some(AGAIN_MARKS), *wide = some(AGAIN_MARKS + 1);
    struct hub *hub = probe_new();
    assert_int_equal(again_count(exact), AGAIN_MARKS);
    assert_int_equal(again_count(wide), 1);
    lay(wide, hub);
    assert_string_equal(probe_since(hub, "project:*", 0), "reset");
    assert_string_equal(probe_since(hub, "user:*", 0), "nothing");
    again_mark(wide, STR("user:1"), STR("[\"x\"]"));
    assert_int_equal(again_count(wide), 2);
    again_free(exact);
    again_free(wide);
    hub_free(hub);
}

static void more_families_than_fit_are_everybody(void **state)
{
    struct again *again = some(AGAIN_MARKS + 1);
    struct hub *hub = probe_new();
    for (unsigned i = 0; i < AGAIN_FAMILIES + 1; i++) {
        char scope[32];
        snprintf(scope, sizeof scope, "f%u:1", i);
        again_mark(again, str_of(scope), STR("[\"x\"]"));
    }
    assert_int_equal(again_count(again), 1);
    lay(again, hub);
    assert_string_equal(probe_since(hub, "*", 0), "reset");
    again_free(again);
    hub_free(hub);
}

static void what_is_moved_covers_what_was_there(void **state)
{
    struct again *into = some(600), *from = some(900), *wide = some(AGAIN_MARKS + 1);
    again_move(into, from);
    assert_true(again_is_empty(from));
    assert_int_equal(again_count(into), 900); /* 600 are the same */
    again_move(into, wide);
    assert_int_equal(again_count(into), 1);
    again_free(into);
    again_free(from);
    again_free(wide);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mark_is_laid_once_more),
        cmocka_unit_test(a_thousand_are_kept_one_by_one_and_more_as_their_family),
        cmocka_unit_test(more_families_than_fit_are_everybody),
        cmocka_unit_test(what_is_moved_covers_what_was_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
