/* The quick reader of JSON: what it reads, jansson reads in the same way; what it leaves alone is
 * all that takes thought. */
#include "wire/json_quick.h"

#include "unit.h"

#include <stdlib.h>

/* Reads it in both ways; whether the quick one had anything to say. A copy without a byte behind
 * it, so that a sanitizer sees who reads on. */
static bool same_as_jansson(struct str text)
{
    char *copy = malloc(text.n ? text.n : 1);
    assert_non_null(copy);
    memcpy(copy, text.p, text.n);
    size_t used = 0;
    json_error_t why;
    json_t *quick = json_quick((struct str){.p = copy, .n = text.n}, &used);
    json_t *slow = json_loadb(
        copy, text.n,
        JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, &why);
    bool read = quick != NULL;
    if (quick && (!slow || !json_equal(quick, slow) || used != (size_t)why.position))
        fail_msg("%.*s", STR_ARG(text));
    json_decref(quick);
    json_decref(slow);
    free(copy);
    return read;
}

static void reads_what_is_plain(void **state)
{
    static const char *const rows[] = {
        "{\"scope\":\"user:7\",\"data\":{\"a\":[1,-2,0,true,false,null],\"b\":\"\"}}",
        " \t\r\n[ 1 , 2 ] ",
        "[]",
        "{ }",
        "\"\"",
        "7",
        "-7 behind it",
        "999999999999999999",
        "-999999999999999999",
        "null",
        "true,",
        "false]",
        "[1] and more",
        "\"\x7f\"",
        "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\"",
        "{\"\xc3\xbc\":1}",
        "{\"\":{}}",
        "{\"a\":1,\"A\":1,\"a \":1}",
        "\"\xef\xbf\xbf\"",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!same_as_jansson(str_of(rows[i])))
            fail_msg("left to jansson: %s", rows[i]);
}

static void leaves_to_jansson_what_takes_thought(void **state)
{
    static const char *const rows[] = {
        "",
        " ",
        "{",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "{a:1}",
        "{1:1}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1,\"b\":{\"c\":1,\"c\":1}}",
        "\"",
        "\"a",
        "\"a\\n\"",
        "\"\\u0041\"",
        "{\"a\\n\":1}",
        "\"a\nb\"",
        "\"\x01\"",
        "\"\xff\"",
        "\"\xc3\"",
        "\"\xc0\xaf\"",
        "\"\xed\xa0\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "{\"\xff\":1}",
        "1.5",
        "1e5",
        "1E5",
        "-",
        "-0",
        "01",
        "-01",
        "00",
        "+1",
        ".5",
        "1234567890123456789",
        "9223372036854775808",
        "nul",
        "nulll",
        "trueX",
        "True",
        "NaN",
        "'a'",
        "]",
        "}",
        "\xef\xbb\xbf[]",
        "/* */ 1",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (same_as_jansson(str_of(rows[i])))
            fail_msg("read quickly: %s", rows[i]);
    assert_false(same_as_jansson((struct str){.p = "\"a\0b\"", .n = 5}));
}

static void leaves_what_is_deep(void **state)
{
    char text[80];
    for (unsigned depth = 30; depth <= 34; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        /* A value in the innermost one counts, too. */
        assert_int_equal(same_as_jansson((struct str){.p = text, .n = 2 * (size_t)depth}),
                         depth <= 32);
    }
}

/* Bytes of JSON in any order, and what is JSON with a byte exchanged or cut off. */
static void never_contradicts_jansson(void **state)
{
    static const char pieces[] = "{}[]:,\"\"\"aub\\ntrue false null0123456789-.eE \x01\x80\xc3\xbc";
    static const char seed[] =
        "{\"scope\":\"p:1\",\"keys\":[[\"t\",\"\xc3\xbc\",42,{\"a\":-1}],[true,false,"
        "null]],\"data\":{\"a\":1,\"b\":[],\"c\":\"x\"}}";
    unsigned quick = 0;
    uint64_t random = 1;
    for (unsigned round = 0; round < 200000; round++) {
        char text[sizeof seed];
        size_t n = sizeof seed - 1;
        memcpy(text, seed, n);
        random = random * 6364136223846793005U + 1442695040888963407U;
        uint64_t bits = random >> 16;
        if (round & 1) {
            for (unsigned changes = 1 + (bits & 1); changes > 0; changes--, bits >>= 16)
                text[(bits >> 1) % n] = pieces[(bits >> 9) % (sizeof pieces - 1)];
            if (round & 2)
                n = bits % n;
        } else {
            n = bits % 12;
            for (size_t i = 0; i < n; i++) {
                random = random * 6364136223846793005U + 1442695040888963407U;
                text[i] = pieces[(random >> 33) % (sizeof pieces - 1)];
            }
        }
        quick += same_as_jansson((struct str){.p = text, .n = n});
    }
    assert_in_range(quick, 2000, 198000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_is_plain),
        cmocka_unit_test(leaves_to_jansson_what_takes_thought),
        cmocka_unit_test(leaves_what_is_deep),
        cmocka_unit_test(never_contradicts_jansson),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
