/* Cutting SQL text: what the schema reader and the triggers rely on. */
#include "source/sqltext.h"
#include "unit.h"

static void cuts_tokens_and_skips_comments(void **state)
{
    struct str rest =
        STR(" a1 /* c ' */ \"b \"\"x\" -- d\n [e] `f` 'g''h' x'00' 1.5e-3 .5 0x1f <\t");
    static const struct {
        enum sqltext_kind kind;
        const char *text;
    } expected[] = {{SQLTEXT_WORD, "a1"},       {SQLTEXT_QUOTED, "\"b \"\"x\""},
                    {SQLTEXT_QUOTED, "[e]"},    {SQLTEXT_QUOTED, "`f`"},
                    {SQLTEXT_STRING, "'g''h'"}, {SQLTEXT_STRING, "x'00'"},
                    {SQLTEXT_NUMBER, "1.5e-3"}, {SQLTEXT_NUMBER, ".5"},
                    {SQLTEXT_NUMBER, "0x1f"},   {SQLTEXT_OTHER, "<"}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        struct sqltext_token token = sqltext_next(&rest);
        assert_int_equal(token.kind, expected[i].kind);
        assert_text(token.text, expected[i].text);
    }
    assert_int_equal(sqltext_next(&rest).kind, SQLTEXT_END);
    assert_int_equal(sqltext_next(&rest).kind, SQLTEXT_END);
}

static void ends_at_the_end_of_what_is_not_closed(void **state)
{
    static const char *const texts[] = {"'a", "\"a", "[a", "`a", "/* a",
                                        "/*", "/",   "-",  "x'", "-- a"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct str rest = str_of(texts[i]);
        for (unsigned k = 0; k < 3; k++)
            sqltext_next(&rest);
        assert_int_equal(rest.n, 0);
    }
}

static void finds_names_however_they_are_quoted(void **state)
{
    assert_true(sqltext_mentions(STR("lower(Email)"), STR("email")));
    assert_true(sqltext_mentions(STR("lower(\"E\"\"m\")"), STR("e\"m")));
    assert_true(sqltext_mentions(STR("[a b] + 1"), STR("a b")));
    assert_false(sqltext_mentions(STR("emails || 'email' -- email"), STR("email")));
}

static void knows_literals(void **state)
{
    static const char *const literals[] = {"1", "-1", "+1.5", "'x'", "x'00'", "NULL", "true"};
    static const char *const others[] = {"",     "random()", "(1)", "'a' || 'b'", "CURRENT_TIME",
                                         "-'a'", "-"};
    for (size_t i = 0; i < sizeof literals / sizeof literals[0]; i++)
        assert_true(sqltext_is_literal(str_of(literals[i])));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(sqltext_is_literal(str_of(others[i])));
}

static void knows_what_cannot_fail(void **state)
{
    static const char *const harmless[] = {"a",
                                           "lower(a)",
                                           "a || 'json(x)'",
                                           "CASE WHEN a IS NULL THEN 1 ELSE -b END",
                                           "coalesce(trim(a), 'x') COLLATE NOCASE",
                                           "a IN (1, 2)",
                                           "cast(a AS INTEGER) % 7",
                                           "a - b > 1"};
    static const char *const others[] = {"json_extract(a, '$.x')",
                                         "a -> 'x'",
                                         "a->>'x'",
                                         "abs(a)",
                                         "a LIKE 'x'",
                                         "a GLOB b",
                                         "my_own(a)",
                                         "\"f\"(a)",
                                         "lower (f (a))",
                                         "(SELECT 1)"};
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++)
        assert_true(sqltext_is_harmless(str_of(harmless[i])));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(sqltext_is_harmless(str_of(others[i])));
}

static void reads_the_parts_of_an_index(void **state)
{
    struct str sql = STR("CREATE UNIQUE INDEX IF NOT EXISTS main.\"on (\" ON [t(]\n"
                         "( a , lower(b, ')') COLLATE NOCASE DESC -- x,\n, \"c)\" asc)"
                         " WHERE a > 1 AND b = 'where'");
    struct str part;
    assert_true(sqltext_index_part(sql, 0, &part));
    assert_text(part, "a");
    assert_true(sqltext_index_part(sql, 1, &part));
    assert_text(part, "lower(b, ')') COLLATE NOCASE");
    assert_true(sqltext_index_part(sql, 2, &part));
    assert_text(part, "\"c)\"");
    assert_false(sqltext_index_part(sql, 3, &part));
    assert_text(sqltext_index_where(sql), "a > 1 AND b = 'where'");
    assert_int_equal(sqltext_index_where(STR("CREATE INDEX i ON t(a)")).n, 0);
    assert_int_equal(sqltext_index_where(STR("CREATE INDEX i ON t(a")).n, 0);
    assert_false(sqltext_index_part(STR("CREATE INDEX"), 0, &part));
    assert_false(sqltext_index_part((struct str){0}, 0, &part));
}

static void quotes(void **state)
{
    struct buf out = BUF_INIT(100);
    sqltext_name(&out, STR("a\"b'c"));
    sqltext_string(&out, STR("a\"b'c"));
    assert_text(buf_slice(&out), "\"a\"\"b'c\"'a\"b''c'");
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_tokens_and_skips_comments),
        cmocka_unit_test(ends_at_the_end_of_what_is_not_closed),
        cmocka_unit_test(finds_names_however_they_are_quoted),
        cmocka_unit_test(knows_literals),
        cmocka_unit_test(knows_what_cannot_fail),
        cmocka_unit_test(reads_the_parts_of_an_index),
        cmocka_unit_test(quotes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
