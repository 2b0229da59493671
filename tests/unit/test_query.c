/* Parameters behind "?": text in, "name=value;" out. */
#include "wire/query.h"

#include "unit.h"

static void decodes_as_browsers_encode(void **state)
{
    static const struct {
        const char *text, *params;
    } rows[] = {
        {"", ""},
        {"a=b", "a=b;"},
        {"a=b&c=d", "a=b;c=d;"},
        {"a", "a=;"},
        {"=b", "=b;"},
        {"a=b=c", "a=b=c;"},
        {"&&a=b&&&c=d&", "a=b;c=d;"},
        {"a+b=c+d", "a b=c d;"},
        {"scope=project%3A42&scope=user%3a7", "scope=project:42;scope=user:7;"},
        {"a=%26%3D%2B%25", "a=&=+%;"},
        {"a=%C3%A9%ff", "a=\xc3\xa9\xff;"},
        {"a=?/#", "a=?/#;"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena arena;
        struct query query;
        struct err err = ERR_INIT;
        struct buf out = BUF_INIT(1024);
        arena_init(&arena, 4096);
        assert_true(query_parse(str_of(rows[i].text), 16, &arena, &query, &err));
        for (size_t p = 0; p < query.n; p++)
            buf_printf(&out, "%.*s=%.*s;", STR_ARG(query.params[p].name),
                       STR_ARG(query.params[p].value));
        assert_text(buf_slice(&out), rows[i].params);
        buf_free(&out);
        arena_free(&arena);
    }
}

static void expect_error(const char *text, size_t max, size_t memory, const char *sentence)
{
    struct arena arena;
    struct query query;
    struct err err = ERR_INIT;
    arena_init(&arena, memory);
    assert_false(query_parse(str_of(text), max, &arena, &query, &err));
    assert_string_equal(err.text, sentence);
    assert_int_equal(query.n, 0);
    arena_free(&arena);
}

static void refuses_bad_escapes(void **state)
{
    const char *sentence = "the query has a \"%\" without two hexadecimal digits";
    expect_error("a=%", 9, 4096, sentence);
    expect_error("a=%4", 9, 4096, sentence);
    expect_error("a=%4g", 9, 4096, sentence);
    expect_error("%g4=a", 9, 4096, sentence);
    expect_error("b=c&a=%%41", 9, 4096, sentence);
}

static void refuses_too_many_and_too_much(void **state)
{
    expect_error("a&b&c", 2, 4096, "the query has more than 2 parameters");
    expect_error("a=01234567890123456789", 2, 64, "the query is too large");
}

static void finds_the_first_of_a_name(void **state)
{
    struct arena arena;
    struct query query;
    struct err err = ERR_INIT;
    arena_init(&arena, 4096);
    assert_true(query_parse(STR("a=1&b=&a=2"), 16, &arena, &query, &err));
    assert_text(query_find(&query, "a"), "1");
    assert_non_null(query_find(&query, "b").p);
    assert_null(query_find(&query, "c").p);
    assert_null(query_find(&query, "A").p);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_as_browsers_encode),
        cmocka_unit_test(refuses_bad_escapes),
        cmocka_unit_test(refuses_too_many_and_too_much),
        cmocka_unit_test(finds_the_first_of_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
