/* The small parts of the floor: buf, arena, err, table, hash, utf8. */
#include "unit.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/utf8.h"

#include <stdalign.h>
#include <stdlib.h>

/* ---- buf ---- */

static void buf_refuses_what_goes_past_its_maximum_and_all_that_follows(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(5);
    assert_true(buf_text(&buf, "abc"));
    assert_false(buf_text(&buf, "def"));
    assert_true(buf.overflow);
    assert_text(buf_slice(&buf), "abc");
    assert_false(buf_byte(&buf, 'd'));
    assert_text(buf_slice(&buf), "abc");
    buf_clear(&buf);
    assert_true(buf_text(&buf, "abcde"));
    assert_false(buf_byte(&buf, 'f'));
    assert_text(buf_slice(&buf), "abcde");
    buf_free(&buf);
}

static void buf_cut_forgets_the_overflow(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(4);
    buf_text(&buf, "abc");
    buf_text(&buf, "toolong");
    buf_cut(&buf, 1);
    assert_false(buf.overflow);
    assert_true(buf_text(&buf, "xyz"));
    assert_text(buf_slice(&buf), "axyz");
    buf_cut(&buf, 100);
    assert_text(buf_slice(&buf), "axyz");
    buf_free(&buf);
}

static void buf_shift_drops_from_the_front(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(16);
    buf_text(&buf, "abcdef");
    buf_shift(&buf, 2);
    assert_text(buf_slice(&buf), "cdef");
    buf_shift(&buf, 100);
    assert_int_equal(buf.len, 0);
    buf_shift(&buf, 1);
    assert_int_equal(buf.len, 0);
    buf_free(&buf);
}

static void buf_writes_numbers_and_formats(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(2000);
    char long_text[600];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    buf_u64(&buf, 0);
    buf_byte(&buf, ' ');
    buf_u64(&buf, UINT64_MAX);
    buf_printf(&buf, " %s=%d", "a", -1);
    assert_text(buf_slice(&buf), "0 18446744073709551615 a=-1");
    buf_clear(&buf);
    assert_true(buf_printf(&buf, "%s!", long_text));
    assert_int_equal(buf.len, 600);
    assert_int_equal(buf.data[599], '!');
    buf_free(&buf);
}

static void buf_in_an_array_stays_there(void **state)
{
    (void)state;
    char bytes[4];
    struct buf buf = BUF_FIXED(bytes);
    assert_true(buf_text(&buf, "abcd"));
    assert_ptr_equal(buf.data, bytes);
    assert_false(buf_byte(&buf, 'e'));
    assert_memory_equal(bytes, "abcd", 4);
}

static void buf_takes_nothing_without_memory(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(0);
    assert_true(buf_add(&buf, NULL, 0));
    assert_true(buf_str(&buf, (struct str){0}));
    assert_null(buf.data);
    assert_false(buf_byte(&buf, 'a'));
    buf_free(&buf);
    buf_free(&buf);
}

/* ---- arena ---- */

static void arena_gives_aligned_zeroed_memory_up_to_its_maximum(void **state)
{
    (void)state;
    struct arena arena;
    size_t got = 0;
    arena_init(&arena, 20000);
    for (;;) {
        unsigned char *p = arena_alloc(&arena, 100);
        if (!p)
            break;
        assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
        for (size_t i = 0; i < 100; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, 100);
        got += 100;
    }
    assert_in_range(got, 15000, 20000);
    arena_clear(&arena);
    unsigned char *again = arena_alloc(&arena, 100);
    assert_non_null(again);
    assert_int_equal(again[0] | again[99], 0);
    arena_free(&arena);
    arena_free(&arena);
}

static void arena_refuses_sizes_that_would_wrap(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    assert_null(arena_alloc(&arena, SIZE_MAX));
    arena_free(&arena);
    arena_init(&arena, 1000);
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, 1001));
    assert_non_null(arena_alloc(&arena, 992));
    assert_null(arena_alloc(&arena, 16));
    arena_free(&arena);
}

static void arena_takes_a_piece_larger_than_its_blocks(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    char *small = arena_alloc(&arena, 10);
    char *large = arena_alloc(&arena, 500000);
    memset(large, 'x', 500000);
    assert_int_equal(small[0], 0);
    struct str copy = arena_copy(&arena, STR("text"));
    assert_text(copy, "text");
    assert_int_equal(copy.p[4], '\0');
    arena_free(&arena);
}

/* ---- err ---- */

static void err_gets_its_context_in_front(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    assert_false(err_set(&err, "file %s is missing", "a"));
    assert_false(err_prefix(&err, "line %d", 3));
    assert_false(err_prefix(&err, "config"));
    assert_string_equal(err.text, "config: line 3: file a is missing");
    assert_false(err_set(NULL, "nobody listens"));
    assert_false(err_prefix(NULL, "nobody"));
}

static void err_cuts_a_sentence_that_is_too_long(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    char text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    err_set(&err, "%s", text);
    assert_int_equal(strlen(err.text), ERR_MAX - 1);
    err_prefix(&err, "%s", text);
    assert_int_equal(strlen(err.text), ERR_MAX - 1);
    err_prefix(&err, "context");
    assert_memory_equal(err.text, "context: xxx", 12);
}

/* ---- table ---- */

struct item {
    uint32_t number;
    uint32_t hash;
    bool in;
};

static uint32_t item_hash(const void *item)
{
    return ((const struct item *)item)->hash;
}

static bool item_is(const void *item, const void *key)
{
    return ((const struct item *)item)->number == *(const uint32_t *)key;
}

/* `spread` of the hashes: 1 lets all items collide. */
static void table_survives(uint32_t spread)
{
    enum { ITEMS = 500, STEPS = 20000 };
    struct item items[ITEMS];
    struct table table;
    uint32_t random = 12345;
    size_t count = 0;
    table_init(&table, item_hash);
    for (uint32_t i = 0; i < ITEMS; i++)
        items[i] = (struct item){.number = i, .hash = i % spread * 2654435761U};
    for (unsigned step = 0; step < STEPS; step++) {
        random = random * 1664525 + 1013904223;
        struct item *item = &items[(random >> 8) % ITEMS];
        struct item *found = table_find(&table, item->hash, item_is, &item->number);
        assert_ptr_equal(found, item->in ? item : NULL);
        if (item->in)
            table_remove(&table, item);
        else
            table_add(&table, item);
        item->in = !item->in;
        count = item->in ? count + 1 : count - 1;
        assert_int_equal(table.count, count);
    }
    size_t cursor = 0, seen = 0;
    while (table_next(&table, &cursor))
        seen++;
    assert_int_equal(seen, count);
    for (uint32_t i = 0; i < ITEMS; i++)
        assert_ptr_equal(table_find(&table, items[i].hash, item_is, &i),
                         items[i].in ? &items[i] : NULL);
    table_free(&table);
    table_free(&table);
}

static void table_finds_what_is_in_it_and_nothing_else(void **state)
{
    (void)state;
    table_survives(UINT32_MAX);
}

static void table_survives_hashes_that_collide(void **state)
{
    (void)state;
    table_survives(1);
    table_survives(7);
}

static void table_gives_memory_back_when_it_empties(void **state)
{
    (void)state;
    enum { MANY = 10000 };
    struct item *items = mem_array(MANY, sizeof *items);
    struct table table;
    table_init(&table, item_hash);
    assert_null(table_find(&table, 1, item_is, &(uint32_t){1}));
    for (uint32_t i = 0; i < MANY; i++) {
        items[i] = (struct item){.number = i, .hash = i * 2654435761U};
        table_add(&table, &items[i]);
    }
    size_t full = table_memory(&table);
    for (uint32_t i = 0; i < MANY; i++)
        table_remove(&table, &items[i]);
    assert_true(table_memory(&table) < full / 10);
    table_free(&table);
    free(items);
}

/* ---- hash ---- */

static void hash_is_siphash_1_3(void **state)
{
    (void)state;
    char counting[64], same[1000];
    for (size_t i = 0; i < sizeof counting; i++)
        counting[i] = (char)i;
    memset(same, 'x', sizeof same);
    const struct str counted = {.p = counting, .n = sizeof counting},
                     repeated = {.p = same, .n = sizeof same};
    const struct hash_seed zero = {0, 0};
    const struct hash_seed other = {UINT64_C(0xaed66ce184be2329), UINT64_C(0xebe9bbf1f1499052)};
    const struct hash_seed paper = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
    /* What CPython 3.11 answers under PYTHONHASHSEED 0 and 1, whose keys these are. */
    const struct {
        struct hash_seed seed;
        struct str text;
        uint64_t hash;
    } rows[] = {
        {zero, STR("a"), UINT64_C(0x407448d2b89b1813)},
        {zero, STR("abc"), UINT64_C(0xc03bc3a0042630f2)},
        {zero, STR("1234567"), UINT64_C(0xa33d651594fdae81)},
        {zero, STR("12345678"), UINT64_C(0x3489982430560a87)},
        {zero, STR("123456789"), UINT64_C(0x0fbc0f0007965fcf)},
        {zero, counted, UINT64_C(0x75e05fd5bbc870c6)},
        {zero, repeated, UINT64_C(0x1b47c0cc4dd21f05)},
        {other, STR("a"), UINT64_C(0xd6300bc9f7cc0e73)},
        {other, STR("abc"), UINT64_C(0xbf3a636edf177675)},
        {other, STR("1234567"), UINT64_C(0x84a31031575efe31)},
        {other, STR("12345678"), UINT64_C(0x06f07c60efe2bad9)},
        {other, STR("123456789"), UINT64_C(0xfd1ae9f33bc59a62)},
        {other, counted, UINT64_C(0x7e644b6edc375dc8)},
        {other, repeated, UINT64_C(0x5d5a886a4b1a1f77)},
        {paper, STR(""), UINT64_C(0xabac0158050fc4dc)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_true(hash_bytes(rows[i].seed, rows[i].text) == rows[i].hash);
}

/* ---- utf8 ---- */

static void utf8_knows_what_is_well_formed(void **state)
{
    (void)state;
    static const struct {
        struct str text;
        size_t length;
    } rows[] = {
        {{"", 0}, 0},
        {{"a", 1}, 1},
        {{"\0", 1}, 1},
        {{"\x7f", 1}, 1},
        {{"\x80", 1}, 0},
        {{"\xc1\xbf", 2}, 0}, /* overlong */
        {{"\xc2\x80", 2}, 2},
        {{"\xdf\xbf", 2}, 2},
        {{"\xc3", 1}, 0}, /* cut short */
        {{"\xc3"
          "a",
          2},
         0},
        {{"\xe0\x9f\xbf", 3}, 0}, /* overlong */
        {{"\xe0\xa0\x80", 3}, 3},
        {{"\xed\x9f\xbf", 3}, 3},
        {{"\xed\xa0\x80", 3}, 0}, /* a surrogate */
        {{"\xee\x80\x80", 3}, 3},
        {{"\xef\xbf\xbf", 3}, 3},
        {{"\xe2\x82", 2}, 0},
        {{"\xf0\x8f\xbf\xbf", 4}, 0}, /* overlong */
        {{"\xf0\x90\x80\x80", 4}, 4},
        {{"\xf4\x8f\xbf\xbf", 4}, 4},
        {{"\xf4\x90\x80\x80", 4}, 0}, /* above U+10FFFF */
        {{"\xf5\x80\x80\x80", 4}, 0},
        {{"\xff", 1}, 0},
        {{"\xf0\x9f\x98", 3}, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(utf8_length(rows[i].text), rows[i].length);
        assert_int_equal(utf8_check(rows[i].text), rows[i].length > 0 || rows[i].text.n == 0);
    }
    assert_true(utf8_check(STR("a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80z")));
    assert_false(utf8_check(STR("a\xc3\xbc\xe2\x82z")));
}

/* Every sequence of two bytes, and those of four in steps, behind text that was taken in eights. */
static void utf8_walked_in_pieces_is_what_it_is_as_a_whole(void **state)
{
    for (uint32_t i = 0; i < 0x20000; i++) {
        uint32_t word = i < 0x10000 ? i : 0xe0000000u + (i - 0x10000) * 0x2083u;
        size_t n = i < 0x10000 ? 2 : 4;
        char bytes[13] = "12345678x";
        for (size_t k = 0; k < n; k++)
            bytes[9 + k] = (char)(word >> 8 * (n - 1 - k) & 0xff);
        struct str text = {.p = bytes, .n = 9 + n};
        struct utf8_walk whole = {0}, cut = {0};
        size_t fine = utf8_walk(&whole, text), one_by_one = 0;
        while (one_by_one < text.n &&
               utf8_walk(&cut, (struct str){.p = bytes + one_by_one, .n = 1}) == 1)
            one_by_one++;
        assert_int_equal(fine, one_by_one);
        assert_int_equal(fine == text.n && whole.need == 0, utf8_check(text));
        assert_int_equal(cut.need, whole.need);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buf_refuses_what_goes_past_its_maximum_and_all_that_follows),
        cmocka_unit_test(buf_cut_forgets_the_overflow),
        cmocka_unit_test(buf_shift_drops_from_the_front),
        cmocka_unit_test(buf_writes_numbers_and_formats),
        cmocka_unit_test(buf_in_an_array_stays_there),
        cmocka_unit_test(buf_takes_nothing_without_memory),
        cmocka_unit_test(arena_gives_aligned_zeroed_memory_up_to_its_maximum),
        cmocka_unit_test(arena_refuses_sizes_that_would_wrap),
        cmocka_unit_test(arena_takes_a_piece_larger_than_its_blocks),
        cmocka_unit_test(err_gets_its_context_in_front),
        cmocka_unit_test(err_cuts_a_sentence_that_is_too_long),
        cmocka_unit_test(table_finds_what_is_in_it_and_nothing_else),
        cmocka_unit_test(table_survives_hashes_that_collide),
        cmocka_unit_test(table_gives_memory_back_when_it_empties),
        cmocka_unit_test(hash_is_siphash_1_3),
        cmocka_unit_test(utf8_knows_what_is_well_formed),
        cmocka_unit_test(utf8_walked_in_pieces_is_what_it_is_as_a_whole),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
