/* Full jitter: anything up to a bound that doubles, and that has an end. */
#include "unit.h"

#include "base/backoff.h"

static void the_bound_doubles_up_to_its_end(void **state)
{
    struct backoff backoff = {.first_ms = 100, .max_ms = 1000};
    static const uint64_t bounds[] = {100, 200, 400, 800, 1000, 1000, 1000};
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        struct backoff twin = backoff;
        assert_int_equal(backoff_next(&twin, bounds[i]), bounds[i]);
        assert_int_equal(backoff_next(&backoff, bounds[i] + 1), 0);
    }
    for (unsigned i = 0; i < 100; i++)
        assert_true(backoff_next(&backoff, UINT64_MAX - i) <= 1000);
    backoff.failures = 0;
    assert_true(backoff_next(&backoff, UINT64_MAX) <= 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_bound_doubles_up_to_its_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
