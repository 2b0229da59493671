/* Keys: identity, covering, cutting, canonical text. Written with ' for " here. */
#include "model/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct str quoted(const char *text)
{
    static char room[6][2048];
    static unsigned next;
    char *out = room[next++ % 6];
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++)
        out[i] = text[i] == '\'' ? '"' : text[i];
    /* Exactly its own bytes on the heap would be stricter; the fuzz target does that. */
    return (struct str){.p = out, .n = n};
}

static const struct hash_seed seed = {.k0 = 7, .k1 = 8};

static void number_and_its_text_are_the_same_key(void **state)
{
    static const struct {
        const char *a, *b;
        bool equal;
    } rows[] = {
        {"[]", "[]", true},
        {"['a',42]", "['a','42']", true},
        {"['a',-1.5]", "['a','-1.5']", true},
        {"[1e+21]", "['1e+21']", true},
        {"[{'p':42}]", "[{'p':'42'}]", true},
        {"[['1',2],3]", "[[1,'2'],'3']", true},
        {"['a',42]", "['a','042']", false},
        {"['a','042']", "['a','42']", false},
        {"['a',true]", "['a','true']", false},
        {"['a',null]", "['a','null']", false},
        {"['a',42]", "['a',43]", false},
        {"['a']", "['a',1]", false},
        {"['a',[]]", "['a','']", false},
        {"['']", "[]", false},
        {"['a\\'']", "['a']", false},
        {"[1,2]", "[12]", false},
        {"['1,2']", "[1,2]", false},
        {"[{'1':2}]", "[{'1':'2'}]", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str a = quoted(rows[i].a), b = quoted(rows[i].b);
        if (key_equal(a, b) != rows[i].equal || key_equal(b, a) != rows[i].equal)
            fail_msg("%s and %s", rows[i].a, rows[i].b);
        if (rows[i].equal)
            assert_true(key_hash(seed, a) == key_hash(seed, b));
    }
}

static void hashes_of_long_keys_do_not_depend_on_quotes(void **state)
{
    char a[3000], b[3000];
    size_t n = 0, m = 0;
    a[n++] = b[m++] = '[';
    for (int i = 0; i < 300; i++) {
        n += (size_t)sprintf(a + n, "%s%d", i ? "," : "", i);
        m += (size_t)sprintf(b + m, "%s\"%d\"", i ? "," : "", i);
    }
    a[n++] = b[m++] = ']';
    struct str x = {.p = a, .n = n}, y = {.p = b, .n = m};
    assert_true(key_equal(x, y));
    assert_true(key_hash(seed, x) == key_hash(seed, y));
}

/* TanStack Query 5, partialMatchKey, and 42 = "42". */
static void covers_as_partial_match_key_does(void **state)
{
    static const struct {
        const char *wide, *narrow;
        bool covers;
    } rows[] = {
        {"[]", "['a']", true},
        {"[]", "[]", true},
        {"['a']", "[]", false},
        {"['a']", "['a','b',1]", true},
        {"['a','b']", "['a']", false},
        {"['a',1]", "['a','1',2]", true},
        {"['a',{'p':1}]", "['a',{'p':'1','q':2}]", true},
        {"['a',{'p':1,'q':2}]", "['a',{'p':1}]", false},
        {"['a',{}]", "['a',{'p':1}]", true},
        {"['a',[1]]", "['a',[1,2]]", true},
        {"['a',[1,2]]", "['a',[1]]", false},
        {"['a',[2]]", "['a',[1,2]]", false},
        {"['a',{'p':[1]}]", "['a',{'p':[1,2],'r':0}]", true},
        {"['a',null]", "['a',null]", true},
        {"['a',null]", "['a',{}]", false},
        {"['a',{}]", "['a',null]", false},
        {"['a',[]]", "['a',{}]", true},
        {"['a',{'0':5}]", "['a',[5,6]]", true},
        {"['a',[5]]", "['a',{'0':'5'}]", true},
        {"['a',{'1':5}]", "['a',[5]]", false},
        {"['a',true]", "['a',1]", false},
        {"['a','x']", "['a',['x']]", false},
        {"[['t','list']]", "[['t','list'],{'input':{'p':7}}]", true},
        {"[['t'],{'input':{'p':'7'}}]", "[['t','list'],{'input':{'p':7,'q':[]}}]", true},
        {"['a]','[']", "['a]','[',{'}':']'}]", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (key_covers(quoted(rows[i].wide), quoted(rows[i].narrow)) != rows[i].covers)
            fail_msg("%s over %s", rows[i].wide, rows[i].narrow);
}

static void prefix_is_whole_parts(void **state)
{
    static const struct {
        const char *key;
        size_t parts;
        const char *prefixes[4];
    } rows[] = {
        {"[]", 0, {"[]", "[]", "[]", "[]"}},
        {"['a']", 1, {"[]", "['a']", "['a']", "['a']"}},
        {"['a',[1,{'x':','}],{'y':[']']}]",
         3,
         {"[]", "['a']", "['a',[1,{'x':','}]]", "['a',[1,{'x':','}],{'y':[']']}]"}},
        {"['\\'],',2]", 2, {"[]", "['\\'],']", "['\\'],',2]", "['\\'],',2]"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str key = quoted(rows[i].key);
        assert_int_equal(key_parts(key), rows[i].parts);
        for (size_t parts = 0; parts < 4; parts++) {
            struct buf out = BUF_INIT(1000);
            assert_true(key_prefix(&out, key, parts));
            assert_true(str_equal(buf_slice(&out), quoted(rows[i].prefixes[parts])));
            buf_free(&out);
        }
    }
}

static void cuts_to_the_longest_prefix_that_fits(void **state)
{
    char text[2000];
    struct buf out = BUF_INIT(5000);
    for (int size = 480; size < 530; size++) {
        size_t n = (size_t)sprintf(text, "[\"a\",\"%0*d\",\"tail\"]", size, 7);
        struct str key = {.p = text, .n = n};
        buf_clear(&out);
        assert_true(key_cut(&out, key));
        struct str cut = buf_slice(&out);
        assert_true(cut.n <= KEY_MAX);
        assert_true(key_check(cut));
        assert_true(key_covers(cut, key));
        size_t fits = n <= KEY_MAX ? 3 : n - strlen(",\"tail\"") <= KEY_MAX ? 2 : 1;
        assert_int_equal(key_parts(cut), fits);
    }
    buf_clear(&out);
    size_t n = (size_t)sprintf(text, "[\"%0600d\",1]", 7);
    assert_true(key_cut(&out, (struct str){.p = text, .n = n}));
    assert_true(str_equal(buf_slice(&out), KEY_ALL));
    buf_free(&out);
}

static void only_canonical_arrays_pass_the_check(void **state)
{
    static const char *const good[] = {
        "[]",
        "['a']",
        "['a',1,-1,0,1.5,1e+21,1e-7,true,false,null]",
        "[{},[],{'a':[]}]",
        "[{'a':1,'b':2}]",
        "['\\'\\\\\\n\\r\\t']",
        "['\\u0000\\u001f\\u007f\\u2028']",
        "['/']",
        "['ä€\xf0\x9f\x98\x80']",
        "[{'':1,'A':2,'a':3,'ä':4}]",
        "[{'\\n':1,' ':2}]",
    };
    static const char *const bad[] = {
        "",
        "[",
        "]",
        "{}",
        "1",
        "'a'",
        "[] ",
        " []",
        "[ 1]",
        "[1,]",
        "[,1]",
        "[1 ,2]",
        "['a]",
        "[01]",
        "[+1]",
        "[1.0]",
        "[-0]",
        "[1e21]",
        "[1E+21]",
        "[.5]",
        "[1.]",
        "[--1]",
        "[nul]",
        "[True]",
        "['\\/']",
        "['\\b']",
        "['\\u0041']",
        "['\\u000a']",
        "['\\u001F']",
        "['\\ud83d']",
        "['\\x']",
        "['\t']",
        "['\x7f']",
        "['\xff']",
        "['\xe2\x80\xa8']",
        "[{'b':1,'a':2}]",
        "[{'a':1,'a':2}]",
        "[{'a'}]",
        "[{'a':}]",
        "[{a:1}]",
        "[{'a':1,}]",
        "[1]]",
        "[[1]",
        "[1e999]",
        "[NaN]",
        "[0x1]",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (!key_check(quoted(good[i])))
            fail_msg("refused %s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (key_check(quoted(bad[i])))
            fail_msg("accepted %s", bad[i]);
    char deep[80];
    for (size_t depth = 31; depth <= 34; depth++) {
        memset(deep, '[', depth);
        memset(deep + depth, ']', depth);
        assert_int_equal(key_check((struct str){.p = deep, .n = 2 * depth}), depth <= 32);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(number_and_its_text_are_the_same_key),
        cmocka_unit_test(hashes_of_long_keys_do_not_depend_on_quotes),
        cmocka_unit_test(covers_as_partial_match_key_does),
        cmocka_unit_test(prefix_is_whole_parts),
        cmocka_unit_test(cuts_to_the_longest_prefix_that_fits),
        cmocka_unit_test(only_canonical_arrays_pass_the_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
