/* What is decided once for all threads: tickets and seats. */
#include "auth/tickets.h"
#include "delivery/quota.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static bool take(struct tickets *tickets, struct str text, uint64_t now, const char *wanted)
{
    struct buf document = BUF_INIT(TICKETS_DOCUMENT_MAX);
    bool ok = tickets_take(tickets, text, now, &document);
    if (ok)
        assert_true(str_is(buf_slice(&document), wanted));
    buf_free(&document);
    return ok;
}

static void a_ticket_is_good_once_and_for_its_time(void **state)
{
    struct tickets *tickets = tickets_new();
    struct buf one = BUF_INIT(64), two = BUF_INIT(64), three = BUF_INIT(64);
    struct tickets_stats stats;
    assert_true(tickets_issue(tickets, STR("{1}"), 1000, 500, 2, &one));
    assert_true(tickets_issue(tickets, STR("{2}"), 1100, 500, 2, &two));
    assert_int_equal(one.len, 43);
    assert_false(str_equal(buf_slice(&one), buf_slice(&two)));
    assert_false(tickets_issue(tickets, STR("{3}"), 1200, 500, 2, &three));
    assert_int_equal(three.len, 0);
    assert_false(take(tickets, STR("x"), 1200, ""));
    assert_false(take(tickets, (struct str){0}, 1200, ""));
    assert_true(take(tickets, buf_slice(&one), 1499, "{1}"));
    assert_false(take(tickets, buf_slice(&one), 1499, ""));
    assert_false(take(tickets, buf_slice(&two), 1600, "")); /* the moment at which it ends */
    assert_true(tickets_issue(tickets, STR("{3}"), 1600, 500, 1, &three));
    tickets_stats(tickets, &stats);
    assert_int_equal(stats.issued, 3);
    assert_int_equal(stats.used, 1);
    assert_int_equal(stats.refused, 4);
    assert_int_equal(stats.open, 1);
    tickets_free(tickets); /* with one that nobody used */
    buf_free(&one);
    buf_free(&two);
    buf_free(&three);
}

static void seats_are_counted_by_kind_and_given_back(void **state)
{
    struct quota *quota = quota_new((struct hash_seed){.k0 = 1, .k1 = 2});
    const struct str ann[QUOTA_KINDS] = {STR("ann"), STR("t1"), STR("10.0.0.1")};
    const struct str other[QUOTA_KINDS] = {STR("ann"), STR("t2"), STR("ann")};
    const struct str nobody[QUOTA_KINDS] = {{0}, {0}, STR("10.0.0.1")};
    const unsigned max[QUOTA_KINDS] = {2, 1, 0};
    struct quota_seat one, two, three;
    enum quota_kind full;
    assert_true(quota_take(quota, ann, max, &one, &full));
    assert_false(quota_take(quota, ann, max, &two, &full));
    assert_int_equal(full, QUOTA_TOKEN);
    assert_true(quota_take(quota, other, max, &two, &full));
    assert_false(quota_take(quota, other, max, &three, &full));
    assert_int_equal(full, QUOTA_USER);
    assert_true(quota_take(quota, nobody, max, &three, &full));
    assert_int_equal(three.keys[QUOTA_ADDRESS], 0); /* no bound, so nothing is counted */
    quota_give_back(quota, &three);
    quota_give_back(quota, &one);
    assert_true(quota_take(quota, ann, max, &one, &full));
    assert_int_equal(quota_refused(quota, QUOTA_USER), 1);
    assert_int_equal(quota_refused(quota, QUOTA_TOKEN), 1);
    quota_give_back(quota, &one);
    quota_give_back(quota, &one); /* an empty seat */
    quota_give_back(quota, &two);
    quota_free(quota);
}

enum { THREADS = 4, TRIES = 2000 };

static void *sit(void *ctx)
{
    const struct str names[QUOTA_KINDS] = {STR("ann"), {0}, {0}};
    const unsigned max[QUOTA_KINDS] = {THREADS - 1, 1, 1};
    struct quota_seat seat;
    enum quota_kind full;
    size_t taken = 0;
    for (unsigned i = 0; i < TRIES; i++) {
        if (!quota_take(ctx, names, max, &seat, &full))
            continue;
        taken++;
        quota_give_back(ctx, &seat);
    }
    return (void *)(uintptr_t)taken;
}

static void threads_lose_no_seat(void **state)
{
    struct quota *quota = quota_new((struct hash_seed){.k0 = 3, .k1 = 4});
    pthread_t threads[THREADS];
    size_t taken = 0;
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sit, quota), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        void *one;
        pthread_join(threads[i], &one);
        taken += (size_t)(uintptr_t)one;
    }
    assert_int_equal(taken + quota_refused(quota, QUOTA_USER), THREADS * TRIES);
    quota_free(quota); /* checks that every seat was given back */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_is_good_once_and_for_its_time),
        cmocka_unit_test(seats_are_counted_by_kind_and_given_back),
        cmocka_unit_test(threads_lose_no_seat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
