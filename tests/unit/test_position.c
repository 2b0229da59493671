#include "model/position.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void reads_back_what_it_writes(void **state)
{
    static const struct {
        uint64_t epoch, sequence;
        const char *text;
    } rows[] = {
        {0, 0, "0-0"},
        {35, 10, "z-10"},
        {943281, 10423, "k7u9-10423"},
        {UINT64_MAX, UINT64_MAX, "3w5e11264sgsf-18446744073709551615"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char room[POSITION_TEXT_MAX];
        struct buf out = BUF_FIXED(room);
        struct position back;
        assert_true(position_write(
            &out, (struct position){.epoch = rows[i].epoch, .sequence = rows[i].sequence}));
        assert_int_equal(out.len, strlen(rows[i].text));
        assert_memory_equal(out.data, rows[i].text, out.len);
        assert_true(position_parse(buf_slice(&out), &back));
        assert_true(back.epoch == rows[i].epoch && back.sequence == rows[i].sequence);
    }
}

static void refuses_whatever_it_would_not_write(void **state)
{
    static const char *const bad[] = {
        "",
        "-",
        "0",
        "0-",
        "-0",
        "00-0",
        "0-00",
        "a-01",
        "A-1",
        "a-1x",
        "a-1-",
        "a--1",
        "a-+1",
        " a-1",
        "a-1 ",
        "a-1\n",
        "ä-1",
        "3w5e11264sgsg-0",
        "0-18446744073709551616",
        "0-99999999999999999999999",
        "zzzzzzzzzzzzzzzzzzzzzzz-1",
        "k3f9-n1",
    };
    struct position kept = {.epoch = 5, .sequence = 6};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (position_parse(str_of(bad[i]), &kept))
            fail_msg("accepted \"%s\"", bad[i]);
    assert_false(position_parse((struct str){.p = "a\0-1", .n = 4}, &kept));
    assert_true(kept.epoch == 5 && kept.sequence == 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back_what_it_writes),
        cmocka_unit_test(refuses_whatever_it_would_not_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
