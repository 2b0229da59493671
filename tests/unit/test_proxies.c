#include "unit.h"

#include "net/proxies.h"

static struct proxies trusting(const char *const *networks)
{
    struct proxies proxies = {0};
    for (; *networks; networks++)
        assert_true(proxies_add(&proxies, str_of(*networks)));
    return proxies;
}

/* Up to two headers, the second may be NULL. */
static void assert_client(const struct proxies *proxies, const char *peer, const char *first,
                          const char *second, const char *expected)
{
    struct http_request request = {0};
    const char *const values[] = {first, second};
    char client[PROXIES_CLIENT_MAX];
    for (size_t i = 0; i < 2; i++)
        if (values[i])
            request.headers[request.n_headers++] =
                (struct http_header){.name = i ? STR("x-forwarded-for") : STR("X-Forwarded-For"),
                                     .value = str_of(values[i])};
    bool other = proxies_client(proxies, peer, &request, client);
    assert_string_equal(client, expected);
    assert_int_equal(other, strcmp(peer, expected) != 0);
}

static void networks_are_addresses_with_or_without_a_length(void **state)
{
    const char *const good[] = {"127.0.0.1", "10.0.0.0/8", "0.0.0.0/0", "192.168.1.1/32",
                                "::1",       "fd00::/8",   "::/0",      "2001:db8::1/128"};
    const char *const bad[] = {
        "",           "localhost",    "127.0.0.1/33", "::1/129",  "10.0.0.0/",
        "10.0.0.0/x", "/8",           "10.0.0.0/-1",  "10.0.0/8", "1.2.3.4:80",
        "[::1]",      "10.0.0.0/8/8", "10.0.0.0/08x"};
    struct proxies proxies = {0};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(proxies_add(&proxies, str_of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (proxies_add(&proxies, str_of(bad[i])))
            fail_msg("taken: %s", bad[i]);
    while (proxies.n < PROXIES_MAX)
        assert_true(proxies_add(&proxies, STR("10.0.0.1")));
    assert_false(proxies_add(&proxies, STR("10.0.0.1")));
}

static void nobody_is_believed_who_is_not_trusted(void **state)
{
    const struct proxies none = {0};
    const struct proxies one = trusting((const char *const[]){"10.0.0.0/8", NULL});
    assert_client(&none, "127.0.0.1", "203.0.113.7", NULL, "127.0.0.1");
    assert_client(&one, "11.0.0.1", "203.0.113.7", NULL, "11.0.0.1");
    assert_client(&one, "10.1.2.3", "203.0.113.7", NULL, "203.0.113.7");
    assert_client(&one, "10.1.2.3", NULL, NULL, "10.1.2.3");
    assert_client(&one, "unknown", "203.0.113.7", NULL, "unknown");
}

static void the_last_that_is_no_proxy_counts_whatever_the_client_wrote_before(void **state)
{
    const struct proxies some =
        trusting((const char *const[]){"127.0.0.1", "10.0.0.0/8", "fd00::/8", NULL});
    assert_client(&some, "127.0.0.1", "1.1.1.1, 203.0.113.7", NULL, "203.0.113.7");
    assert_client(&some, "127.0.0.1", "1.1.1.1, 203.0.113.7 ,10.0.0.9", NULL, "203.0.113.7");
    assert_client(&some, "127.0.0.1", "1.1.1.1", "203.0.113.7", "203.0.113.7");
    assert_client(&some, "127.0.0.1", "203.0.113.7", "10.0.0.9", "203.0.113.7");
    assert_client(&some, "fd00::1", "2001:DB8::7, fd00::2", NULL, "2001:db8::7");
    /* Nobody but proxies: the furthest of them. */
    assert_client(&some, "127.0.0.1", "10.0.0.1, 10.0.0.2", NULL, "10.0.0.1");
}

static void what_is_no_address_ends_the_search(void **state)
{
    const struct proxies some = trusting((const char *const[]){"127.0.0.1", "10.0.0.0/8", NULL});
    assert_client(&some, "127.0.0.1", "203.0.113.7, nonsense", NULL, "127.0.0.1");
    assert_client(&some, "127.0.0.1", "203.0.113.7, x, 10.0.0.1", NULL, "10.0.0.1");
    assert_client(&some, "127.0.0.1", "", NULL, "127.0.0.1");
    assert_client(&some, "127.0.0.1", ",,,", NULL, "127.0.0.1");
    assert_client(&some, "127.0.0.1", "203.0.113.7\", \"id\":\"x", NULL, "127.0.0.1");
}

static void a_port_behind_the_address_is_no_part_of_it(void **state)
{
    const struct proxies some = trusting((const char *const[]){"127.0.0.1", "10.0.0.0/8", NULL});
    assert_client(&some, "127.0.0.1", "203.0.113.7:1234", NULL, "203.0.113.7");
    assert_client(&some, "127.0.0.1", "1.1.1.1:5, 203.0.113.7:1234, 10.0.0.1:80", NULL,
                  "203.0.113.7");
    assert_client(&some, "127.0.0.1", "[2001:db8::7]:1234", NULL, "2001:db8::7");
    assert_client(&some, "127.0.0.1", "[2001:db8::7]", NULL, "2001:db8::7");
    for (const char *const *bad = (const char *const[]){":", "[", "[]", "[::1", ":80", "1.2.3:80",
                                                        "x:1", "[1.2.3.4:5", NULL};
         *bad; bad++)
        assert_client(&some, "127.0.0.1", *bad, NULL, "127.0.0.1");
}

static void one_client_is_an_address_or_a_network_of_ipv6(void **state)
{
    const char *const rows[][2] = {{"203.0.113.7", "203.0.113.7"},
                                   {"::ffff:203.0.113.7", "203.0.113.7"},
                                   {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
                                   {"2001:db8:1:2::9", "2001:db8:1:2::"},
                                   {"2001:db8:1:3::9", "2001:db8:1:3::"},
                                   {"::1", "::"},
                                   {"unknown", "unknown"},
                                   {"", ""}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char network[PROXIES_CLIENT_MAX];
        proxies_network(rows[i][0], network);
        assert_string_equal(network, rows[i][1]);
    }
}

static void an_address_of_ipv4_is_the_same_in_ipv6(void **state)
{
    const struct proxies some = trusting((const char *const[]){"127.0.0.1", NULL});
    assert_client(&some, "::ffff:127.0.0.1", "::ffff:203.0.113.7", NULL, "203.0.113.7");
    const struct proxies all = trusting((const char *const[]){"0.0.0.0/0", NULL});
    assert_client(&all, "::1", "203.0.113.7", NULL, "::1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_are_addresses_with_or_without_a_length),
        cmocka_unit_test(nobody_is_believed_who_is_not_trusted),
        cmocka_unit_test(the_last_that_is_no_proxy_counts_whatever_the_client_wrote_before),
        cmocka_unit_test(what_is_no_address_ends_the_search),
        cmocka_unit_test(a_port_behind_the_address_is_no_part_of_it),
        cmocka_unit_test(one_client_is_an_address_or_a_network_of_ipv6),
        cmocka_unit_test(an_address_of_ipv4_is_the_same_in_ipv6),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
