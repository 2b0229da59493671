#include "unit.h"

#include "base/jsontext.h"

#include <math.h>

static void numbers_are_printed_as_javascript_does(void **state)
{
    (void)state;
    /* The right column is what Number.prototype.toString says. */
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0.0, "0"},
        {-0.0, "0"},
        {1.0, "1"},
        {-1.0, "-1"},
        {0.1, "0.1"},
        {0.2, "0.2"},
        {0.30000000000000004, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {100.0, "100"},
        {123456789.0, "123456789"},
        {1e5, "100000"},
        {1e20, "100000000000000000000"},
        {1e21, "1e+21"},
        {123456789012345680000.0, "123456789012345680000"},
        {1.2345678901234567e21, "1.2345678901234568e+21"},
        {1e-6, "0.000001"},
        {1e-7, "1e-7"},
        {1.5e-7, "1.5e-7"},
        {0.000001234, "0.000001234"},
        {5e-324, "5e-324"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {4.35, "4.35"},
        {0.000035, "0.000035"},
        {9007199254740991.0, "9007199254740991"},
        {9007199254740992.0, "9007199254740992"},
        {9007199254740994.0, "9007199254740994"},
        {18014398509481984.0, "18014398509481984"},
        {4294967295.0, "4294967295"},
        {4294967296.0, "4294967296"},
        {-2147483648.0, "-2147483648"},
        {1.0, "1"},
        {10.50, "10.5"},
        {-1.5e-10, "-1.5e-10"},
        {2e-3, "0.002"},
        {1e23, "1e+23"},
        {9.5367431640625e-7, "9.5367431640625e-7"},
        {3.141592653589793, "3.141592653589793"},
        {2.718281828459045, "2.718281828459045"},
        {1.1, "1.1"},
        {5e-7, "5e-7"},
        {999999999999999900000.0, "999999999999999900000"},
        {1e22, "1e+22"},
        {0.1 + 0.7, "0.7999999999999999"},
        {123e-20, "1.23e-18"},
        {1.7976931348623155e308, "1.7976931348623155e+308"},
        {8.41e21, "8.41e+21"},
        {2.0e-310, "2e-310"},
        {72057594037927945.0, "72057594037927950"},
        {9.999999999999999e22, "1e+23"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out = BUF_INIT(64);
        assert_true(jsontext_number(&out, rows[i].value));
        assert_text(buf_slice(&out), rows[i].text);
        buf_free(&out);
    }
}

static void what_is_no_number_is_null(void **state)
{
    (void)state;
    const double values[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
    for (size_t i = 0; i < 3; i++) {
        struct buf out = BUF_INIT(64);
        assert_true(jsontext_number(&out, values[i]));
        assert_text(buf_slice(&out), "null");
        buf_free(&out);
    }
}

static void integers_that_javascript_would_round_are_text(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        const char *text;
    } rows[] = {
        {0, "0"},
        {-1, "-1"},
        {INT64_C(9007199254740991), "9007199254740991"},
        {INT64_C(9007199254740992), "9007199254740992"},
        {INT64_C(9007199254740993), "\"9007199254740993\""},
        {INT64_C(-9007199254740992), "-9007199254740992"},
        {INT64_C(-9007199254740993), "\"-9007199254740993\""},
        {INT64_MAX, "\"9223372036854775807\""},
        {INT64_MIN, "\"-9223372036854775808\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out = BUF_INIT(64);
        assert_true(jsontext_integer(&out, rows[i].value));
        assert_text(buf_slice(&out), rows[i].text);
        buf_free(&out);
    }
}

static void strings_are_escaped_only_where_they_must(void **state)
{
    (void)state;
    static const struct {
        struct str text;
        const char *json;
    } rows[] = {
        {{"", 0}, "\"\""},
        {{"plain /text'", 12}, "\"plain /text'\""},
        {{"\"\\", 2}, "\"\\\"\\\\\""},
        {{"\n\r\t\b\f", 5}, "\"\\n\\r\\t\\u0008\\u000c\""},
        {{"\0\x1f\x7f", 3}, "\"\\u0000\\u001f\\u007f\""},
        {{"\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa", 12},
         "\"\xe2\x80\xa7\\u2028\\u2029\xe2\x80\xaa\""},
        {{"\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80", 9}, "\"\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {{"a\xff"
          "b",
          3},
         "\"a\xef\xbf\xbd"
         "b\""},
        {{"\xe2\x82", 2}, "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {{"\xed\xa0\x80", 3}, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out = BUF_INIT(128);
        assert_true(jsontext_string(&out, rows[i].text));
        assert_text(buf_slice(&out), rows[i].json);
        buf_free(&out);
    }
}

static void values_become_canonical(void **state)
{
    (void)state;
    static const struct {
        const char *json, *canonical;
    } rows[] = {
        {"{ \"b\" : 1 , \"a\" : [ true , false , null ] }", "{\"a\":[true,false,null],\"b\":1}"},
        {"{\"aa\":1,\"a\":2,\"B\":3,\"\":4}", "{\"\":4,\"B\":3,\"a\":2,\"aa\":1}"},
        {"{\"\\u00fc\":1,\"z\":2}", "{\"z\":2,\"\xc3\xbc\":1}"},
        {"[1.0, 1e2, 0.10, -0.0]", "[1,100,0.1,0]"},
        {"[9007199254740993]", "[\"9007199254740993\"]"},
        {"{\"x\":{\"b\":[],\"a\":{}}}", "{\"x\":{\"a\":{},\"b\":[]}}"},
        {"[\"\\u0041\\/\"]", "[\"A/\"]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out = BUF_INIT(256);
        json_t *value = json_loads(rows[i].json, 0, NULL);
        assert_non_null(value);
        assert_true(jsontext_value(&out, value));
        assert_text(buf_slice(&out), rows[i].canonical);
        json_decref(value);
        buf_free(&out);
    }
}

static void too_long_is_said(void **state)
{
    (void)state;
    struct buf out = BUF_INIT(8);
    json_t *value = json_loads("{\"a\":[1,2,3,4,5]}", 0, NULL);
    assert_false(jsontext_value(&out, value));
    assert_true(out.overflow);
    assert_true(out.len <= 8);
    json_decref(value);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_printed_as_javascript_does),
        cmocka_unit_test(what_is_no_number_is_null),
        cmocka_unit_test(integers_that_javascript_would_round_are_text),
        cmocka_unit_test(strings_are_escaped_only_where_they_must),
        cmocka_unit_test(values_become_canonical),
        cmocka_unit_test(too_long_is_said),
    };
    return cmocka_run_group_tests_name("jsontext", tests, NULL, NULL);
}
