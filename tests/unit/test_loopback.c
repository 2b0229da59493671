/* Which Host and Origin stand for this machine: a table. */
#include "auth/loopback.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const struct {
    const char *host;
    bool loopback;
} hosts[] = {
    {"localhost", true},
    {"localhost:8080", true},
    {"LOCALHOST:1", true},
    {"app.localhost:8080", true},
    {"127.0.0.1", true},
    {"127.0.0.1:65535", true},
    {"127.255.3.4", true},
    {"[::1]", true},
    {"[::1]:8080", true},
    {"", false},
    {"example.com", false},
    {"localhost.example.com", false},
    {"notlocalhost", false},
    {"127.0.0.1.example.com", false},
    {"127.0.0", false},
    {"127.0.0.1.1", false},
    {"127.0.0.256", false},
    {"127.0.0.1:", false},
    {"127.0.0.1:123456", false},
    {"127.0.0.1:80a", false},
    {"128.0.0.1", false},
    {"0.0.0.0", false},
    {"[::2]", false},
    {"[::1].example.com", false},
    {"10.0.0.1", false},
};

static void a_host_is_loopback_only_by_name_or_number(void **state)
{
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
        if (loopback_host(str_of(hosts[i].host)) != hosts[i].loopback)
            fail_msg("%s", hosts[i].host);
}

static void an_origin_needs_a_web_scheme_and_such_a_host(void **state)
{
    assert_true(loopback_origin(STR("http://localhost:5173")));
    assert_true(loopback_origin(STR("https://127.0.0.1")));
    assert_false(loopback_origin(STR("null")));
    assert_false(loopback_origin(STR("localhost")));
    assert_false(loopback_origin(STR("ftp://localhost")));
    assert_false(loopback_origin(STR("http://localhost@example.com")));
    assert_false(loopback_origin(STR("http://localhost:80/path")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_is_loopback_only_by_name_or_number),
        cmocka_unit_test(an_origin_needs_a_web_scheme_and_such_a_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
