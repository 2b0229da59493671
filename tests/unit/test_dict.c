/* The incremental hash set: nothing is lost while it grows and shrinks, and it never grows at once.
 */
#include "hub/dict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { N = 20000 };

static bool has(const struct dict *dict, const struct dict_node *node)
{
    struct dict_node *at = dict_first(dict, node->hash);
    while (at && at != node)
        at = dict_more(at);
    return at != NULL;
}

static uint32_t scramble(uint32_t i)
{
    i *= 2654435761U;
    return i ^ (i >> 15);
}

static void finds_what_is_in_and_nothing_else_while_it_grows_and_shrinks(void **state)
{
    struct dict dict;
    struct dict_node *nodes = calloc(N, sizeof *nodes);
    dict_init(&dict);
    for (uint32_t i = 0; i < N; i++) {
        nodes[i].hash = scramble(i / 2); /* pairs of one hash */
        size_t before = dict.memory;
        dict_add(&dict, &nodes[i]);
        assert_true(dict.memory - before <= 3 * 4096); /* a segment, at times its directory */
        if (i % 97 == 0)
            for (uint32_t j = 0; j < N; j += 41)
                assert_true(has(&dict, &nodes[j]) == (j <= i));
    }
    assert_true(dict.memory <= N * 10);
    size_t walked = 0, cursor = 0;
    for (struct dict_node *node = dict_next(&dict, &cursor, NULL); node;
         node = dict_next(&dict, &cursor, node))
        walked++;
    assert_int_equal(walked, N);
    for (uint32_t i = 0; i < N; i++) {
        dict_remove(&dict, &nodes[i]);
        if (i % 97 == 0)
            for (uint32_t j = 0; j < N; j += 41)
                assert_true(has(&dict, &nodes[j]) == (j > i));
    }
    assert_int_equal(dict.count, 0);
    assert_true(dict.memory <= 3 * 4096);
    dict_free(&dict);
    free(nodes);
}

static void survives_one_hash_for_all(void **state)
{
    struct dict dict;
    struct dict_node nodes[700] = {0};
    dict_init(&dict);
    for (size_t i = 0; i < 700; i++)
        dict_add(&dict, &nodes[i]);
    for (size_t i = 0; i < 700; i += 3)
        dict_remove(&dict, &nodes[i]);
    for (size_t i = 0; i < 700; i++)
        assert_true(has(&dict, &nodes[i]) == (i % 3 != 0));
    dict_free(&dict);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_is_in_and_nothing_else_while_it_grows_and_shrinks),
        cmocka_unit_test(survives_one_hash_for_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
