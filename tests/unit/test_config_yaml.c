/* The bounds of the tree: what a file may look like, whoever wrote it. */
#include "unit.h"

#include "config/yaml.h"

#include <stdlib.h>

static void assert_refused(struct str text, const char *sentence)
{
    struct arena arena;
    struct place at = {0};
    struct err err = ERR_INIT;
    arena_init(&arena, YAML_MEMORY);
    assert_null(yaml_read(text, NULL, NULL, &arena, &at, &err));
    assert_string_equal(err.text, sentence);
    arena_free(&arena);
}

static void assert_taken(struct str text)
{
    struct arena arena;
    struct place at = {0};
    struct err err = ERR_INIT;
    arena_init(&arena, YAML_MEMORY);
    if (!yaml_read(text, NULL, NULL, &arena, &at, &err))
        fail_msg("%u:%u: %s", at.line, at.column, err.text);
    arena_free(&arena);
}

static struct buf repeat(const char *head, const char *piece, size_t n, const char *tail)
{
    struct buf out = BUF_INIT(8 * YAML_BYTES);
    buf_text(&out, head);
    for (size_t i = 0; i < n; i++)
        buf_text(&out, piece);
    buf_text(&out, tail);
    return out;
}

static void refuses_what_is_nested_too_deep(void **state)
{
    struct buf deep = repeat("", "[", 1000 * 1000, "");
    assert_refused(buf_slice(&deep), "this is nested more than 32 levels deep");
    buf_free(&deep);
    deep = repeat("", "[", 32, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
    assert_taken(buf_slice(&deep));
    buf_free(&deep);
    deep = repeat("", "? ", 400 * 1000, "");
    assert_refused(buf_slice(&deep), "the name in a mapping has to be a text");
    buf_free(&deep);
    deep = repeat("", "- ", 500 * 1000, "");
    assert_refused(buf_slice(&deep), "this is nested more than 32 levels deep");
    buf_free(&deep);
}

static void counts_aliases_as_often_as_they_are_used(void **state)
{
    struct buf laughs = BUF_INIT(YAML_BYTES);
    buf_text(&laughs, "l0: &l0 [a,a,a,a,a,a,a,a,a,a]\n");
    for (int i = 1; i < 10; i++) {
        buf_printf(&laughs, "l%d: &l%d [", i, i);
        for (int k = 0; k < 10; k++)
            buf_printf(&laughs, "*l%d,", i - 1);
        buf_text(&laughs, "]\n");
    }
    assert_refused(buf_slice(&laughs),
                   "this is too much: more than 50000 values (aliases count each time)");
    buf_free(&laughs);
}

static void counts_the_depth_through_aliases(void **state)
{
    struct buf chain = BUF_INIT(YAML_BYTES);
    buf_text(&chain, "- &a0 [x]\n");
    for (int i = 1; i < 40; i++)
        buf_printf(&chain, "- &a%d [*a%d]\n", i, i - 1);
    assert_refused(buf_slice(&chain), "this is nested more than 32 levels deep");
    buf_free(&chain);
}

static void bounds_what_is_many(void **state)
{
    struct buf many = BUF_INIT(YAML_BYTES);
    for (int i = 0; i <= YAML_NAMES; i++)
        buf_printf(&many, "n%d: 1\n", i);
    assert_refused(buf_slice(&many), "a mapping has at most 4096 names");
    buf_clear(&many);
    for (int i = 0; i <= YAML_ANCHORS; i++)
        buf_printf(&many, "- &a%d 1\n", i);
    assert_refused(buf_slice(&many), "there are more than 256 anchors");
    buf_free(&many);
    many = repeat("", "- 1\n", 60000, "");
    assert_refused(buf_slice(&many),
                   "this is too much: more than 50000 values (aliases count each time)");
    buf_free(&many);
    many = repeat("# ", "x", YAML_BYTES, "");
    assert_refused(buf_slice(&many), "the file is larger than 1048576 bytes");
    buf_free(&many);
}

static const char *long_value(void *ctx, const char *name)
{
    return ctx;
}

static void bounds_what_variables_add(void **state)
{
    struct buf value = repeat("", "x", 100 * 1000, "");
    struct buf text = repeat("- a\n", "- ${X}\n", 11, "");
    struct arena arena;
    struct place at = {0};
    struct err err = ERR_INIT;
    buf_byte(&value, '\0');
    arena_init(&arena, YAML_MEMORY);
    assert_null(yaml_read(buf_slice(&text), long_value, value.data, &arena, &at, &err));
    assert_string_equal(err.text, "the variables are more than 1048576 bytes together");
    assert_int_equal(at.line, 12);
    arena_free(&arena);
    buf_free(&text);
    buf_free(&value);
}

static void takes_what_people_write(void **state)
{
    assert_taken(STR(""));
    assert_taken(STR("# nothing\n"));
    assert_taken(STR("\xef\xbb\xbf"
                     "a: 1\nb: 2\n"));
    assert_taken(STR("%YAML 1.2\n---\na: 1\n...\n"));
    assert_taken(STR("a: |\n  long\n  text\nb: >-\n  more\nc: 'it''s'\r\nd: [1,\n  2]\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_nested_too_deep),
        cmocka_unit_test(counts_aliases_as_often_as_they_are_used),
        cmocka_unit_test(counts_the_depth_through_aliases),
        cmocka_unit_test(bounds_what_is_many),
        cmocka_unit_test(bounds_what_variables_add),
        cmocka_unit_test(takes_what_people_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
