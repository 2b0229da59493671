/* Phrases as tables: what a document says when its names stand for these values, or what is wrong
 * with it. */
#include "unit.h"

#include "wire/phrase.h"

enum { RESOURCE, ID, GONE, DATA, SCOPE, WORDS, NAMES };

static const struct phrase_name ITEMS[NAMES] = {
    [RESOURCE] = {"resource", PHRASE_WHOLE}, [ID] = {"id", PHRASE_WHOLE},
    [GONE] = {"gone", PHRASE_WHOLE},         [DATA] = {"data", PHRASE_NAMED},
    [SCOPE] = {"scope", PHRASE_NUMBERED},    [WORDS] = {"words", PHRASE_WHOLE},
};
/* WORDS exists, but not here. */
static const struct phrase_names KNOWN = {ITEMS, NAMES, (1 << WORDS) - 1};

static struct phrase_value look_up(void *ctx, size_t name, struct str part)
{
    switch (name) {
    case RESOURCE:
        return (struct phrase_value){PHRASE_TEXT, STR("ta\"sk\n")};
    case ID:
        return (struct phrase_value){PHRASE_JSON, STR("[1,\"b\"]")};
    case DATA:
        if (part.n == 0)
            return (struct phrase_value){PHRASE_JSON, STR("{\"a\":1,\"type\":\"x\",\"z\":null}")};
        if (str_is(part, "none"))
            return (struct phrase_value){0};
        return (struct phrase_value){PHRASE_TEXT, part};
    case SCOPE:
        return (struct phrase_value){PHRASE_TEXT, part.n ? part : STR("project:42")};
    default:
        return (struct phrase_value){0};
    }
}

static const struct {
    const char *json, *says; /* says NULL: nothing can be said */
} SAID[] = {
    {"{}", "{}"},
    {"[]", "[]"},
    {"7", "7"},
    {"null", "null"},
    /* Text alone is written as it is. */
    {"\":heartbeat\"", ":heartbeat"},
    {"\"entity.{resource}\"", "entity.ta\"sk\n"},
    {"\"{id}\"", "[1,\"b\"]"},
    {"\"\"", ""},
    /* The order is the document's; types stay. */
    {"{\"z\":true,\"a\":-1.5,\"m\":[null,\"t\"]}", "{\"z\":true,\"a\":-1.5,\"m\":[null,\"t\"]}"},
    {"{\"id\":\"{id}\"}", "{\"id\":[1,\"b\"]}"},
    {"{\"r\":\"{resource}\"}", "{\"r\":\"ta\\\"sk\\n\"}"},
    {"{\"r\":\"<{resource}|{id}>\"}", "{\"r\":\"<ta\\\"sk\\n|[1,\\\"b\\\"]>\"}"},
    {"[100000000000000000000,1e300]", "[100000000000000000000,1e+300]"},
    {"{\"q\\\"\":1}", "{\"q\\\"\":1}"},
    {"{\"b\":\"{{id}}\"}", "{\"b\":\"{id}\"}"},
    {"{\"s\":\"{scope}\",\"n\":\"{scope.1}\",\"p\":\"{data.x}\"}",
     "{\"s\":\"project:42\",\"n\":\"1\",\"p\":\"x\"}"},
    /* Absent. */
    {"{\"a\":\"{gone?}\",\"b\":1}", "{\"b\":1}"},
    {"{\"b\":1,\"a\":\"{gone?}\"}", "{\"b\":1}"},
    {"{\"b\":1,\"a\":\"x{gone?}\",\"c\":2}", "{\"b\":1,\"c\":2}"},
    {"[\"{gone?}\",1,\"{gone?}\",2]", "[1,2]"},
    {"{\"o\":{\"a\":\"{gone?}\"}}", "{\"o\":{}}"},
    {"{\"a\":1,\"o\":{\"a\":\"{gone}\"}}", NULL},
    {"\"x{gone}\"", NULL},
    {"{\"a\":\"{data.none?}\"}", "{}"},
    /* Members in the place of one. */
    {"{\"...\":\"{data}\"}", "{\"a\":1,\"type\":\"x\",\"z\":null}"},
    {"{\"type\":\"t\",\"...\":\"{data}\",\"end\":1}",
     "{\"type\":\"t\",\"a\":1,\"z\":null,\"end\":1}"},
    {"{\"...\":\"{gone?}\",\"end\":1}", "{\"end\":1}"},
    {"{\"...\":\"{id}\",\"end\":1}", "{\"end\":1}"},
    {"{\"...\":\"{gone}\"}", NULL},
};

static const struct {
    const char *json, *error;
} WRONG[] = {
    {"{", "it is no JSON: string or '}' expected near end of file"},
    {"{\"a\":1,\"a\":2}", "it is no JSON: duplicate object key near '\"a\"'"},
    {"\"{ressource}\"", "{ressource} is not known here (did you mean \"resource\"?)"},
    {"\"{words}\"", "{words} is not known here"},
    {"\"{id.x}\"", "{id.x} is not known here"},
    {"\"{scope.x}\"", "{scope.x} is not known here"},
    {"\"{scope.123}\"", "{scope.123} is not known here"},
    {"\"{data.}\"", "{data.} is not known here"},
    {"\"{?}\"", "{?} is not known here"},
    {"\"{id\"",
     "bad template \"{id\": \"{\" is not closed; write \"{{\" for a brace (character 1)"},
    {"\"id}\"", "bad template \"id}\": \"}\" without a \"{\" before it; write \"}}\" for a brace "
                "(character 3)"},
    {"{\"...\":\"x{data}\"}", "\"...\" takes one name alone, as in \"...\": \"{data}\""},
    {"{\"...\":{}}", "\"...\" takes one name alone, as in \"...\": \"{data}\""},
    {"[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]", "it is nested deeper than 16"},
};

static void says_what_its_names_stand_for(void **state)
{
    for (size_t i = 0; i < sizeof SAID / sizeof *SAID; i++) {
        struct arena arena;
        struct err err = ERR_INIT;
        struct buf out = BUF_INIT(1 << 16);
        arena_init(&arena, 1 << 20);
        buf_text(&out, "<");
        const struct phrase *phrase = phrase_parse(str_of(SAID[i].json), &KNOWN, &arena, &err);
        if (!phrase)
            fail_msg("%s: %s", SAID[i].json, err.text);
        bool said = phrase_write(phrase, &out, look_up, NULL);
        assert_int_equal(said, SAID[i].says != NULL);
        assert_text(str_from(buf_slice(&out), 1), said ? SAID[i].says : "");
        buf_free(&out);
        arena_free(&arena);
    }
}

static void what_is_wrong_is_a_sentence(void **state)
{
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        struct arena arena;
        struct err err = ERR_INIT;
        arena_init(&arena, 1 << 20);
        assert_null(phrase_parse(str_of(WRONG[i].json), &KNOWN, &arena, &err));
        assert_string_equal(err.text, WRONG[i].error);
        arena_free(&arena);
    }
}

static void one_text_is_judged_alone(void **state)
{
    struct err err = ERR_INIT;
    assert_true(phrase_check_text(STR("a{id?}b"), &KNOWN, &err));
    assert_false(phrase_check_text(STR("a{idd}b"), &KNOWN, &err));
    assert_string_equal(err.text, "{idd} is not known here (did you mean \"id\"?)");
}

static void knows_what_it_needs(void **state)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    const struct phrase *phrase =
        phrase_parse(STR("{\"a\":\"{id?}\",\"b\":[\"{data}\"]}"), &KNOWN, &arena, NULL);
    assert_true(phrase_needs(phrase, DATA));
    assert_false(phrase_needs(phrase, ID));
    assert_false(phrase_needs(phrase, RESOURCE));
    assert_false(phrase_is_text(phrase));
    assert_true(phrase_is_text(phrase_parse(STR("\"x\""), &KNOWN, &arena, NULL)));
    arena_free(&arena);
}

static void what_does_not_fit_overflows_and_an_arena_that_is_full_is_a_sentence(void **state)
{
    struct arena arena;
    struct err err = ERR_INIT;
    struct buf out = BUF_INIT(10);
    arena_init(&arena, 1 << 20);
    const struct phrase *phrase =
        phrase_parse(STR("{\"a\":\"{scope}\",\"b\":\"{gone?}\"}"), &KNOWN, &arena, &err);
    phrase_write(phrase, &out, look_up, NULL);
    assert_true(out.overflow);
    buf_free(&out);
    arena_free(&arena);
    arena_init(&arena, 256);
    assert_null(phrase_parse(STR("{\"a\":\"{id}\",\"b\":\"{id}\"}"), &KNOWN, &arena, &err));
    assert_string_equal(err.text, "there is too much of it");
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_its_names_stand_for),
        cmocka_unit_test(what_is_wrong_is_a_sentence),
        cmocka_unit_test(one_text_is_judged_alone),
        cmocka_unit_test(knows_what_it_needs),
        cmocka_unit_test(what_does_not_fit_overflows_and_an_arena_that_is_full_is_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
