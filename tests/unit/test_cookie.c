/* Cookie headers: text in, "name=value;" out; and which of several is believed. */
#include "unit.h"
#include "wire/cookie.h"

static void a_header_is_its_pairs_and_odd_ones_are_left_out(void **state)
{
    static const struct {
        const char *header, *pairs;
    } rows[] = {
        {"", ""},
        {"a=b", "a=b;"},
        {"a=b; c=d", "a=b;c=d;"},
        {"a=b;c=d", "a=b;c=d;"},
        {"a=b;  \tc=d ;", "a=b;c=d;"},
        {"  a = b ; c = d", "a=b;c=d;"},
        {"a=", "a=;"},
        {"a=b=c", "a=b=c;"},
        {"a=\"b\"", "a=b;"},
        {"a=\"b", "a=\"b;"},
        {"a=b\"", "a=b\";"},
        {"a=\"", "a=\";"},
        {"a=\"\"", "a=;"},
        {"a=\"b;c\"", "a=\"b;"},
        {"a=%41%3b", "a=%41%3b;"},
        {"a=b c", "a=b c;"},
        {"a=\xc3\xa9", "a=\xc3\xa9;"},
        {"a=eyJh.eyJi.c-_", "a=eyJh.eyJi.c-_;"},
        {"__Host-s=1; $Version=1", "__Host-s=1;$Version=1;"},
        {"odd; a=b", "a=b;"},
        {"=b; a=c", "a=c;"},
        {"a b=c; d=e", "d=e;"},
        {"a(b)=c; d=e", "d=e;"},
        {"a=\x01; d=e", "d=e;"},
        {"a=b\x7f; d=e", "d=e;"},
        {";;;a=b;;;", "a=b;"},
        {";", ""},
        {"=", ""},
        {"a", ""},
        {"a=b, c=d", "a=b, c=d;"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str rest = str_of(rows[i].header);
        struct buf out = BUF_INIT(1024);
        struct cookie cookie;
        while (cookie_next(&rest, &cookie))
            buf_printf(&out, "%.*s=%.*s;", STR_ARG(cookie.name), STR_ARG(cookie.value));
        assert_text(buf_slice(&out), rows[i].pairs);
        buf_free(&out);
    }
}

static void the_cookie_that_is_asked_for_is_found_and_doubt_is_told(void **state)
{
    static const struct {
        const char *header;
        enum cookie_found found;
        const char *value;
    } rows[] = {
        {"", COOKIE_NONE, ""},
        {"a=b", COOKIE_NONE, ""},
        {"session=1", COOKIE_ONE, "1"},
        {"a=b; session=1; c=d", COOKIE_ONE, "1"},
        {"session=", COOKIE_ONE, ""},
        {"Session=1", COOKIE_NONE, ""},
        {"session2=1; xsession=2", COOKIE_NONE, ""},
        {"session=1; session=1", COOKIE_ONE, "1"},
        {"session=1; session=\"1\"", COOKIE_ONE, "1"},
        {"session=1; session=2", COOKIE_DIFFERENT, "1"},
        {"session=1; a=b; session=", COOKIE_DIFFERENT, "1"},
        {"session=1; session=\x01", COOKIE_ONE, "1"},
        {"session; session=2", COOKIE_ONE, "2"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str value;
        if (cookie_find(str_of(rows[i].header), STR("session"), &value) != rows[i].found)
            fail_msg("%s", rows[i].header);
        assert_text(value, rows[i].value);
        assert_int_equal(value.p == NULL, rows[i].found == COOKIE_NONE);
    }
}

static void a_name_is_a_token(void **state)
{
    assert_true(cookie_name_ok(STR("__Secure-next-auth.session-token")));
    assert_false(cookie_name_ok(STR("")));
    assert_false(cookie_name_ok(STR("a b")));
    assert_false(cookie_name_ok(STR("a=b")));
    assert_false(cookie_name_ok(STR("a;b")));
    assert_false(cookie_name_ok(STR("caf\xc3\xa9")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_is_its_pairs_and_odd_ones_are_left_out),
        cmocka_unit_test(the_cookie_that_is_asked_for_is_found_and_doubt_is_told),
        cmocka_unit_test(a_name_is_a_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
