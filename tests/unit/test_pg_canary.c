/* Notifications of our own: that somebody listens, and behind which everything has come. */
#include "unit.h"

#include "source/pg_canary.h"

enum { SQL_MAX = 1000 };

/* What the server will hand to every listener. */
static struct str payload_of(struct buf *sql)
{
    struct str text = buf_slice(sql);
    const char *begin = memchr(text.p, '{', text.n);
    const char *end = memchr(text.p, '}', text.n);
    assert_non_null(begin);
    assert_non_null(end);
    return (struct str){.p = begin, .n = (size_t)(end + 1 - begin)};
}

static void ours_is_taken_once_and_anothers_is_known_as_one(void **state)
{
    struct pg_canary one = {0}, other = {0};
    struct buf sql = BUF_INIT(SQL_MAX), foreign = BUF_INIT(SQL_MAX);
    assert_false(pg_canary_is_out(&one));
    pg_canary_write(&one, &sql, 1, 50);
    pg_canary_write(&other, &foreign, 2, 50);
    assert_true(pg_canary_is_one(payload_of(&foreign)));
    assert_false(pg_canary_take(&one, payload_of(&foreign)));
    assert_false(pg_canary_is_one(STR("{\"v\":1,\"table\":\"canary\"}")));
    assert_true(pg_canary_is_out(&one));
    assert_true(pg_canary_take(&one, payload_of(&sql)));
    assert_false(pg_canary_is_out(&one));
    assert_false(pg_canary_take(&one, payload_of(&sql)));
    buf_free(&sql);
    buf_free(&foreign);
}

static void it_is_missing_when_its_time_is_over(void **state)
{
    struct pg_canary canary = {0};
    struct buf sql = BUF_INIT(SQL_MAX);
    assert_false(pg_canary_is_missing(&canary, 1000));
    pg_canary_expect(&canary, 40);
    assert_true(pg_canary_is_missing(&canary, 41));
    pg_canary_write(&canary, &sql, 1, 50);
    assert_false(pg_canary_is_missing(&canary, 50));
    assert_true(pg_canary_is_missing(&canary, 51));
    pg_canary_forget(&canary);
    assert_false(pg_canary_is_missing(&canary, 51));
    buf_free(&sql);
}

static void a_fence_is_passed_when_what_stood_before_it_is_handed_on(void **state)
{
    struct pg_canary canary = {0};
    struct buf sql = BUF_INIT(SQL_MAX);
    uint64_t first = pg_canary_want(&canary);
    assert_true(pg_canary_is_wanted(&canary));
    pg_canary_serve(&canary);
    pg_canary_write(&canary, &sql, 1, 50);
    uint64_t second = pg_canary_want(&canary); /* too late for the one that is out */
    assert_false(pg_canary_is_wanted(&canary));
    assert_true(pg_canary_take(&canary, payload_of(&sql)));
    pg_canary_pass(&canary);
    assert_true(pg_canary_passed(&canary) < first); /* it came, but what came is not complete */
    pg_canary_close(&canary);
    pg_canary_pass(&canary);
    assert_int_equal(pg_canary_passed(&canary), first);
    assert_true(pg_canary_passed(&canary) < second);
    assert_true(pg_canary_is_wanted(&canary));
    buf_free(&sql);
}

static void one_that_was_lost_is_wanted_again(void **state)
{
    struct pg_canary canary = {0};
    struct buf sql = BUF_INIT(SQL_MAX);
    uint64_t fence = pg_canary_want(&canary);
    pg_canary_serve(&canary);
    pg_canary_write(&canary, &sql, 1, 50);
    pg_canary_forget(&canary);
    assert_true(pg_canary_is_wanted(&canary));
    pg_canary_close(&canary);
    pg_canary_pass(&canary);
    assert_true(pg_canary_passed(&canary) < fence);
    buf_free(&sql);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ours_is_taken_once_and_anothers_is_known_as_one),
        cmocka_unit_test(it_is_missing_when_its_time_is_over),
        cmocka_unit_test(a_fence_is_passed_when_what_stood_before_it_is_handed_on),
        cmocka_unit_test(one_that_was_lost_is_wanted_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
