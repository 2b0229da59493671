/* Which commits readers cannot see yet, from what a snapshot says. */
#include "unit.h"

#include "source/pg_visible.h"

/* Transactions that are waited for, as "xid@end xid@end"; how many are left after the snapshot. */
static void add(struct pg_visible *visible, const char *text)
{
    unsigned xid, end;
    int n;
    while (sscanf(text, "%u@%u%n", &xid, &end, &n) == 2) {
        pg_visible_add(visible, xid, end);
        text += n;
    }
}

struct row {
    const char *added, *snapshot;
    uint64_t replayed;
    size_t left;
};

static const struct row rows[] = {
    {"700@10", "701:701:", UINT64_MAX, 0},
    {"700@10", "700:701:700", UINT64_MAX, 1},     /* it still runs */
    {"700@10", "699:705:699,703", UINT64_MAX, 0}, /* others run */
    {"700@10", "650:700:", UINT64_MAX, 1},        /* the snapshot is older than it */
    {"700@10 701@20 702@30", "701:703:701", UINT64_MAX, 1},
    {"700@10 702@30", "701:703:701", UINT64_MAX, 0},
    {"700@10 701@20", "702:702:", 15, 1}, /* a replica that has come to 15 */
    {"700@10 701@20", "702:702:", 20, 0},
    {"700@10", "701:701:", 0, 1},
    {"0@20", "5:5:", 20, 0}, /* no transaction, a place alone */
    {"0@20", "3000000000:3000000000:", 20, 0},
    {"0@20", "5:5:", 19, 1},
    /* 32 bits in the WAL, 64 in a snapshot: after the second round, and at its seam. */
    {"4294967290@1", "4294967297:4294967300:", UINT64_MAX, 0},
    {"4294967290@1", "4294967290:4294967300:4294967290", UINT64_MAX, 1},
    {"3@1", "4294967290:4294967295:", UINT64_MAX, 1},
    {"3@1", "4294967300:4294967301:", UINT64_MAX, 0},
    {"3@1", "4294967299:4294967301:4294967299", UINT64_MAX, 1},
};

static void a_commit_is_seen_when_it_runs_no_more(void **state)
{
    struct pg_visible *visible = pg_visible_new();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        pg_visible_clear(visible);
        add(visible, rows[i].added);
        assert_true(pg_visible_see(visible, str_of(rows[i].snapshot), rows[i].replayed));
        if (pg_visible_left(visible) != rows[i].left)
            fail_msg("%s in %s: %zu are left", rows[i].added, rows[i].snapshot,
                     pg_visible_left(visible));
    }
    pg_visible_free(visible);
}

static void what_is_no_snapshot_is_no_answer(void **state)
{
    static const char *const texts[] = {"",
                                        "1",
                                        "1:2",
                                        "1:2:x",
                                        "1:2:3,",
                                        "1:2:,3",
                                        "a:2:",
                                        "1:2:3 ",
                                        ":2:",
                                        "1::",
                                        "1:99999999999999999999:",
                                        "1:2:3,,4"};
    struct pg_visible *visible = pg_visible_new();
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        pg_visible_clear(visible);
        pg_visible_add(visible, 1, 1);
        bool list_end = strcmp(texts[i], "1:2:3,") == 0; /* an empty rest is no number */
        assert_int_equal(pg_visible_see(visible, str_of(texts[i]), UINT64_MAX), list_end);
        if (!list_end)
            assert_int_equal(pg_visible_left(visible), 1);
    }
    pg_visible_free(visible);
}

static void what_ran_before_counts_until_it_is_over(void **state)
{
    struct pg_visible *visible = pg_visible_new();
    assert_true(pg_visible_add_running(visible, STR("10:20:10,15")));
    assert_int_equal(pg_visible_left(visible), 2);
    assert_true(pg_visible_see(visible, STR("15:21:15"), UINT64_MAX));
    assert_int_equal(pg_visible_left(visible), 1);
    assert_true(pg_visible_see(visible, STR("21:21:"), UINT64_MAX));
    assert_int_equal(pg_visible_left(visible), 0);
    pg_visible_free(visible);
}

/* More than are kept one by one: seen only when nothing older than the newest runs. */
static void a_crowd_is_seen_as_one(void **state)
{
    struct pg_visible *visible = pg_visible_new(), *late = pg_visible_new();
    for (uint32_t i = 0; i < 3 * PG_VISIBLE_MAX; i++)
        pg_visible_add(visible, 1000 + i, i);
    pg_visible_move(late, visible);
    assert_int_equal(pg_visible_left(visible), 0);
    assert_true(pg_visible_left(late) > 0);
    assert_true(pg_visible_see(late, STR("1000:90000:1000"), UINT64_MAX));
    assert_int_equal(pg_visible_left(late), 1);
    assert_true(pg_visible_see(late, STR("90000:90000:"), 100));
    assert_true(pg_visible_left(late) > 0);
    assert_true(pg_visible_see(late, STR("90000:90000:"), UINT64_MAX));
    assert_int_equal(pg_visible_left(late), 0);
    pg_visible_free(visible);
    pg_visible_free(late);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commit_is_seen_when_it_runs_no_more),
        cmocka_unit_test(what_is_no_snapshot_is_no_answer),
        cmocka_unit_test(what_ran_before_counts_until_it_is_over),
        cmocka_unit_test(a_crowd_is_seen_as_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
