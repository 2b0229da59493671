/* value, change and scope. */
#include "unit.h"

#include "model/change.h"
#include "model/scope.h"
#include "model/value.h"

#include <math.h>

static const struct value absent = {.type = VALUE_ABSENT};
static const struct value null = {.type = VALUE_NULL};

static struct value real(double number)
{
    return (struct value){.type = VALUE_REAL, .real = number};
}

static struct value boolean(bool yes)
{
    return (struct value){.type = VALUE_BOOL, .boolean = yes};
}

static struct value json(const char *text)
{
    return (struct value){.type = VALUE_JSON, .text = str_of(text)};
}

/* ---- value ---- */

static void values_are_equal_only_with_the_same_type_and_content(void **state)
{
    (void)state;
    assert_true(value_equal(null, null));
    assert_true(value_equal(value_int(7), value_int(7)));
    assert_false(value_equal(value_int(7), value_int(8)));
    assert_false(value_equal(value_int(7), real(7)));
    assert_false(value_equal(value_int(7), value_text(STR("7"))));
    assert_false(value_equal(null, value_text(STR(""))));
    assert_true(value_equal(value_text(STR("")), value_text((struct str){0})));
    assert_false(value_equal(value_text(STR("a")), value_text(STR("a\0"))));
    assert_true(value_equal(boolean(true), boolean(true)));
    assert_false(value_equal(boolean(true), boolean(false)));
    assert_true(value_equal(real((double)NAN), real((double)NAN)));
    assert_true(value_equal(json("[]"), json("[]")));
    assert_false(value_equal(json("[]"), value_text(STR("[]"))));
}

static void an_absent_value_equals_nothing_not_even_itself(void **state)
{
    (void)state;
    assert_false(value_equal(absent, absent));
    assert_false(value_equal(absent, null));
}

static void values_are_written_as_json_and_as_text(void **state)
{
    (void)state;
    const struct {
        struct value value;
        const char *json, *text;
    } rows[] = {
        {absent, "null", ""},
        {null, "null", ""},
        {boolean(true), "true", "true"},
        {boolean(false), "false", "false"},
        {value_int(-7), "-7", "-7"},
        {value_int(INT64_C(9007199254740993)), "\"9007199254740993\"", "9007199254740993"},
        {real(0.5), "0.5", "0.5"},
        {real(7), "7", "7"},
        {real((double)INFINITY), "null", "null"},
        {value_text(STR("a\"b")), "\"a\\\"b\"", "a\"b"},
        {value_text(STR("\xff")), "\"\xef\xbf\xbd\"", "\xff"},
        {json("{\"a\":1}"), "{\"a\":1}", "{\"a\":1}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out = BUF_INIT(100);
        assert_true(value_write_json(&out, rows[i].value));
        assert_text(buf_slice(&out), rows[i].json);
        buf_clear(&out);
        assert_true(value_write_text(&out, rows[i].value));
        assert_text(buf_slice(&out), rows[i].text);
        buf_free(&out);
    }
}

static void a_text_that_does_not_fit_is_an_overflow(void **state)
{
    (void)state;
    struct buf out = BUF_INIT(4);
    assert_false(value_write_json(&out, value_text(STR("abc"))));
    assert_true(out.overflow);
    buf_clear(&out);
    assert_true(value_write_json(&out, value_text(STR("ab"))));
    buf_clear(&out);
    assert_false(value_write_text(&out, value_text(STR("abcde"))));
    buf_free(&out);
}

/* ---- change ---- */

static void a_column_changed_when_nobody_can_say_that_it_did_not(void **state)
{
    (void)state;
    const struct change_field fields[] = {
        {.column = STR("same"), .before = value_int(1), .after = value_int(1)},
        {.column = STR("other"), .before = value_int(1), .after = value_int(2)},
        {.column = STR("half"), .before = absent, .after = value_int(2)},
        {.column = STR("neither"), .before = absent, .after = absent},
        {.column = STR("told same"), .differs = CHANGE_SAME},
        {.column = STR("told other"), .differs = CHANGE_DIFFERENT},
        {.column = STR("told wins"),
         .before = value_int(1),
         .after = value_int(1),
         .differs = CHANGE_DIFFERENT},
    };
    struct change change = {.action = CHANGE_UPDATED, .fields = fields, .n_fields = 7};
    assert_int_equal(change_differs(&change, STR("same")), CHANGE_SAME);
    assert_int_equal(change_differs(&change, STR("other")), CHANGE_DIFFERENT);
    assert_int_equal(change_differs(&change, STR("half")), CHANGE_UNKNOWN);
    assert_int_equal(change_differs(&change, STR("neither")), CHANGE_UNKNOWN);
    assert_int_equal(change_differs(&change, STR("told same")), CHANGE_SAME);
    assert_int_equal(change_differs(&change, STR("told other")), CHANGE_DIFFERENT);
    assert_int_equal(change_differs(&change, STR("told wins")), CHANGE_DIFFERENT);
    assert_int_equal(change_differs(&change, STR("nowhere")), CHANGE_UNKNOWN);
    change.action = CHANGE_CREATED;
    assert_int_equal(change_differs(&change, STR("same")), CHANGE_DIFFERENT);
    change.action = CHANGE_DELETED;
    assert_int_equal(change_differs(&change, STR("nowhere")), CHANGE_DIFFERENT);
}

static void fields_are_found_by_their_exact_name(void **state)
{
    (void)state;
    const struct change_field fields[] = {{.column = STR("a")}, {.column = STR("ab")}};
    const struct change change = {.fields = fields, .n_fields = 2};
    assert_ptr_equal(change_field(&change, STR("ab")), &fields[1]);
    assert_null(change_field(&change, STR("A")));
    assert_null(change_field(&change, STR("")));
}

static void action_names_go_both_ways(void **state)
{
    (void)state;
    static const char *const names[] = {"created", "updated", "deleted", "truncated"};
    for (size_t i = 0; i < 4; i++)
        assert_text(change_action_name(change_action_of(str_of(names[i]))), names[i]);
    assert_int_equal(change_action_of(STR("archived")), CHANGE_CUSTOM);
    assert_int_equal(change_action_of(STR("Created")), CHANGE_CUSTOM);
    assert_int_equal(change_action_of(STR("custom")), CHANGE_CUSTOM);
}

/* ---- scope ---- */

static void a_scope_is_short_printable_text_and_no_family(void **state)
{
    (void)state;
    char longest[SCOPE_MAX + 1];
    memset(longest, 'a', sizeof longest);
    struct err err = ERR_INIT;
    const struct str good[] = {STR("all"), STR("project:42"),   STR("a:b:*"),
                               STR("a*"),  STR("\xc3\xbc"),     STR("a b"),
                               STR(":"),   {longest, SCOPE_MAX}};
    const struct str bad[] = {STR(""),     STR("*"),     STR("project:*"),
                              STR(":*"),   STR("a\n"),   STR("a\0b"),
                              STR("\x7f"), STR("a\xff"), {longest, SCOPE_MAX + 1}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(scope_check(good[i], &err));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        err = ERR_INIT;
        assert_false(scope_check(bad[i], &err));
        assert_true(strlen(err.text) > 10);
    }
    assert_false(scope_check(STR(""), NULL));
}

static void the_family_ends_at_the_first_colon(void **state)
{
    (void)state;
    static const struct {
        const char *scope, *stem, *family;
    } rows[] = {
        {"project:42", "project:", "project:*"},
        {"org:1:project:2", "org:", "org:*"},
        {"all", "", "*"},
        {":x", ":", ":*"},
        {"a:", "a:", "a:*"},
        {"a:b:*", "a:", "a:*"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out = BUF_INIT(100);
        assert_text(scope_stem(str_of(rows[i].scope)), rows[i].stem);
        assert_true(scope_family(&out, str_of(rows[i].scope)));
        assert_text(buf_slice(&out), rows[i].family);
        assert_true(scope_is_family(buf_slice(&out)));
        assert_false(scope_is_family(str_of(rows[i].scope)));
        assert_true(scope_in_family(str_of(rows[i].scope), buf_slice(&out)));
        assert_true(scope_in_family(str_of(rows[i].scope), SCOPE_EVERY));
        assert_text(scope_stem(buf_slice(&out)), rows[i].stem);
        buf_free(&out);
    }
}

static void a_family_stands_above_its_own_scopes_only(void **state)
{
    (void)state;
    assert_false(scope_in_family(STR("project:42"), STR("pro:*")));
    assert_false(scope_in_family(STR("projects:42"), STR("project:*")));
    assert_false(scope_in_family(STR("all"), STR("all:*")));
    assert_false(scope_in_family(STR("project:42"), STR("project:4")));
    assert_false(scope_in_family(STR("*"), STR("*")));
    assert_true(scope_in_family(STR("project:*"), STR("*")));
}

static void values_in_scopes_are_encoded_so_that_none_forges_another(void **state)
{
    (void)state;
    const struct {
        struct value value;
        const char *text;
    } rows[] = {
        {value_text(STR("plain")), "plain"},
        {value_text(STR("a:b%c*d")), "a%3Ab%25c%2Ad"},
        {value_text(STR("\0\x1f\x7f\n")), "%00%1F%7F%0A"},
        {value_text(STR("\xc3\xbc\xff")), "\xc3\xbc%FF"},
        {value_text(STR("%3A")), "%253A"},
        {value_int(-5), "-5"},
        {value_int(INT64_MAX), "9223372036854775807"},
        {real(1.5), "1.5"},
        {boolean(true), "true"},
        {json("{\"a\":1}"), "{\"a\"%3A1}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out = BUF_INIT(100);
        assert_true(scope_write_value(&out, rows[i].value));
        assert_text(buf_slice(&out), rows[i].text);
        buf_free(&out);
    }
}

static void a_value_that_is_nothing_or_too_long_writes_nothing(void **state)
{
    (void)state;
    const struct value none[] = {absent, null, value_text(STR(""))};
    struct buf out = BUF_INIT(8);
    buf_text(&out, "p:");
    for (size_t i = 0; i < 3; i++) {
        assert_false(scope_write_value(&out, none[i]));
        assert_false(out.overflow);
        assert_text(buf_slice(&out), "p:");
    }
    assert_false(scope_write_value(&out, value_text(STR("abcd:::"))));
    assert_true(out.overflow);
    assert_text(buf_slice(&out), "p:");
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_equal_only_with_the_same_type_and_content),
        cmocka_unit_test(an_absent_value_equals_nothing_not_even_itself),
        cmocka_unit_test(values_are_written_as_json_and_as_text),
        cmocka_unit_test(a_text_that_does_not_fit_is_an_overflow),
        cmocka_unit_test(a_column_changed_when_nobody_can_say_that_it_did_not),
        cmocka_unit_test(fields_are_found_by_their_exact_name),
        cmocka_unit_test(action_names_go_both_ways),
        cmocka_unit_test(a_scope_is_short_printable_text_and_no_family),
        cmocka_unit_test(the_family_ends_at_the_first_colon),
        cmocka_unit_test(a_family_stands_above_its_own_scopes_only),
        cmocka_unit_test(values_in_scopes_are_encoded_so_that_none_forges_another),
        cmocka_unit_test(a_value_that_is_nothing_or_too_long_writes_nothing),
    };
    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
