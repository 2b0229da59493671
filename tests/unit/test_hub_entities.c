/* Entity marks: who changed, beside what went stale. */
#include "hub_probe.h"

#include "model/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t lay(struct hub *hub, const char *scope, const char *name, const char *id,
                    const char *action, const char *data)
{
    struct hub_entity entity = {
        .name = str_of(name),
        .id = probe_key(id),
        .action = str_of(action),
        .data = probe_key(data ? data : ""),
        .has_data = data != NULL,
    };
    hub_begin(hub, 0);
    hub_entity(hub, str_of(scope), &entity);
    return hub_commit(hub);
}

static void entities_are_told_oldest_first(void **state)
{
    struct hub *hub = probe_new();
    lay(hub, "p:1", "task", "1", "updated", NULL);
    lay(hub, "p:1", "task", "2", "updated", NULL);
    lay(hub, "p:1", "task", "1", "updated", NULL);
    lay(hub, "p:1", "user", "1", "updated", NULL);
    assert_string_equal(probe_entities(hub, "p:1", 0),
                        "task/2/updated= task/1/updated= user/1/updated=");
    assert_string_equal(probe_entities(hub, "p:1", 2), "task/1/updated= user/1/updated=");
    assert_string_equal(probe_entities(hub, "p:1", 4), "nothing");
    assert_int_equal(probe_stats(hub).entities, 3);
    hub_free(hub);
}

static void each_action_is_a_mark_of_its_own(void **state)
{
    struct hub *hub = probe_new();
    lay(hub, "p:1", "task", "1", "created", NULL);
    lay(hub, "p:1", "task", "1", "status_changed", NULL);
    lay(hub, "p:1", "task", "1", "updated", NULL);
    assert_string_equal(probe_entities(hub, "p:1", 0),
                        "task/1/created= task/1/status_changed= task/1/updated=");
    hub_free(hub);
}

static void data_merges_field_by_field_and_the_later_wins(void **state)
{
    struct hub *hub = probe_new();
    lay(hub, "p:1", "task", "1", "updated", "{'a':1,'b':[2]}");
    lay(hub, "p:1", "task", "1", "updated", "{'b':3,'c':'\\u0000'}");
    assert_string_equal(probe_entities(hub, "p:1", 0),
                        "task/1/updated={'a':1,'b':3,'c':'\\u0000'}");
    lay(hub, "p:1", "task", "1", "updated", NULL);
    assert_string_equal(probe_entities(hub, "p:1", 2),
                        "task/1/updated={'a':1,'b':3,'c':'\\u0000'}");
    lay(hub, "p:1", "task", "1", "status_changed", "{'d':4}");
    assert_string_equal(probe_entities(hub, "p:1", 3), "task/1/status_changed={'d':4}");
    hub_free(hub);
}

static void created_and_deleted_clear_older_data(void **state)
{
    struct hub *hub = probe_new();
    lay(hub, "p:1", "task", "1", "updated", "{'a':1}");
    lay(hub, "p:1", "task", "2", "updated", "{'z':1}");
    lay(hub, "p:1", "task", "1", "deleted", "{'b':2}");
    assert_string_equal(probe_entities(hub, "p:1", 0),
                        "task/1/updated= task/2/updated={'z':1} task/1/deleted={'b':2}");
    lay(hub, "p:1", "task", "1", "created", "{'c':3}");
    lay(hub, "p:1", "task", "1", "deleted", "{'d':4}");
    assert_string_equal(
        probe_entities(hub, "p:1", 0),
        "task/1/updated= task/2/updated={'z':1} task/1/created= task/1/deleted={'d':4}");
    hub_free(hub);
}

static void data_above_one_kilobyte_is_dropped_and_the_mark_kept(void **state)
{
    struct hub *hub = probe_new();
    char big[1200], half[1200];
    sprintf(big, "{'a':'%01100d'}", 1);
    sprintf(half, "{'a':'%0600d'}", 1);
    lay(hub, "p:1", "task", "1", "updated", big);
    assert_string_equal(probe_entities(hub, "p:1", 0), "task/1/updated=");
    lay(hub, "p:1", "task", "1", "updated", half);
    sprintf(half, "{'b':'%0600d'}", 1);
    lay(hub, "p:1", "task", "1", "updated", half); /* merged they are too large */
    assert_string_equal(probe_entities(hub, "p:1", 0), "task/1/updated=");
    lay(hub, "p:1", "task", "1", "updated", "{'c':1}");
    assert_string_equal(probe_entities(hub, "p:1", 0), "task/1/updated={'c':1}");
    hub_free(hub);
}

static void whoever_reads_no_entities_gets_only_those_with_data(void **state)
{
    struct hub *hub = probe_new();
    lay(hub, "p:1", "task", "1", "updated", NULL);
    lay(hub, "p:1", "task", "2", "updated", "{'a':1}");
    assert_string_equal(probe_data(hub, "p:1", 0), "task/2/updated={'a':1}");
    assert_string_equal(probe_entities(hub, "p:1", 0), "task/1/updated= task/2/updated={'a':1}");
    hub_free(hub);
}

static void too_many_raise_a_floor_that_only_their_readers_feel(void **state)
{
    struct hub_options options = probe_options();
    options.limits.max_entities = 3;
    struct hub *hub = hub_new(&options);
    char id[16];
    uint64_t key = probe_mark(hub, "p:1", "['a']");
    for (int i = 0; i < 5; i++) {
        sprintf(id, "%d", i);
        lay(hub, "p:1", "task", id, "updated", NULL);
    }
    assert_string_equal(probe_entities(hub, "p:1", key + 1), "reset");
    assert_string_equal(probe_entities(hub, "p:1", key + 2),
                        "task/2/updated= task/3/updated= task/4/updated=");
    assert_string_equal(probe_since(hub, "p:1", 0), "['a']");
    assert_int_equal(hub_standing(hub, STR("p:1"), key, true), HUB_RESET);
    assert_int_equal(hub_standing(hub, STR("p:1"), key, false), HUB_NOTHING);
    hub_free(hub);
}

static void none_are_laid_in_a_family(void **state)
{
    struct hub *hub = probe_new();
    assert_int_equal(lay(hub, "p:*", "task", "1", "updated", NULL), 0);
    assert_int_equal(lay(hub, "*", "task", "1", "updated", NULL), 0);
    assert_int_equal(probe_stats(hub).entities, 0);
    hub_free(hub);
}

static void the_empty_key_drops_them_too(void **state)
{
    struct hub *hub = probe_new();
    lay(hub, "p:1", "task", "1", "updated", NULL);
    uint64_t reset = probe_mark(hub, "p:1", "[]");
    assert_int_equal(probe_stats(hub).entities, 0);
    assert_string_equal(probe_entities(hub, "p:1", 0), "reset");
    assert_string_equal(probe_entities(hub, "p:1", reset), "nothing");
    hub_free(hub);
}

static void one_too_large_to_keep_resets_its_readers(void **state)
{
    struct hub *hub = probe_new();
    char id[2000];
    sprintf(id, "'%01500d'", 1);
    uint64_t p = lay(hub, "p:1", "task", id, "updated", NULL);
    assert_int_equal(p, 1);
    assert_string_equal(probe_entities(hub, "p:1", 0), "reset");
    assert_string_equal(probe_entities(hub, "p:1", 1), "nothing");
    assert_string_equal(probe_since(hub, "p:1", 0), "nothing");
    hub_free(hub);
}

static void are_evicted_by_age_with_the_keys(void **state)
{
    struct hub_options options = probe_options();
    options.limits.index_memory = 10000;
    struct hub *hub = hub_new(&options);
    char key[32];
    lay(hub, "p:1", "task", "1", "updated", NULL);
    probe_mark(hub, "p:1", "['a']");
    probe_tick(hub);
    for (int i = 0; probe_stats(hub).evicted == 0 && i < 200; i++) {
        sprintf(key, "['b',%d]", i);
        probe_mark(hub, "p:2", key);
        probe_tick(hub);
    }
    assert_string_equal(probe_entities(hub, "p:1", 0), "reset");
    assert_int_equal(probe_stats(hub).entities, 0);
    hub_free(hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entities_are_told_oldest_first),
        cmocka_unit_test(each_action_is_a_mark_of_its_own),
        cmocka_unit_test(data_merges_field_by_field_and_the_later_wins),
        cmocka_unit_test(created_and_deleted_clear_older_data),
        cmocka_unit_test(data_above_one_kilobyte_is_dropped_and_the_mark_kept),
        cmocka_unit_test(whoever_reads_no_entities_gets_only_those_with_data),
        cmocka_unit_test(too_many_raise_a_floor_that_only_their_readers_feel),
        cmocka_unit_test(none_are_laid_in_a_family),
        cmocka_unit_test(the_empty_key_drops_them_too),
        cmocka_unit_test(one_too_large_to_keep_resets_its_readers),
        cmocka_unit_test(are_evicted_by_age_with_the_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
