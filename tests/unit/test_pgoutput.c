/* What no recorded stream has: frames, status updates, positions, and bytes that are wrong. */
#include "unit.h"
#include "wire/pgoutput.h"

#include <stdlib.h>

#define S(literal)                               \
    {                                            \
        .p = (literal), .n = sizeof(literal) - 1 \
    }
#define BEGIN  "B\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\2"
#define COMMIT "C\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0\0"

static void frames_are_read(void **state)
{
    struct pgoutput_frame frame;
    struct err err = ERR_INIT;
    assert_true(
        pgoutput_frame(STR("w\0\0\0\1\0\0\0\2\0\0\0\1\0\0\0\3\0\0\0\0\0\0\0\4data"), &frame, &err));
    assert_false(frame.keepalive);
    assert_int_equal(frame.start, 0x100000002);
    assert_int_equal(frame.end, 0x100000003);
    assert_int_equal(frame.sent_us, 4);
    assert_text(frame.data, "data");
    assert_true(
        pgoutput_frame(STR("k\0\0\0\1\0\0\0\2\xff\xff\xff\xff\xff\xff\xff\xff\1"), &frame, &err));
    assert_true(frame.keepalive && frame.reply);
    assert_int_equal(frame.end, 0x100000002);
    assert_int_equal(frame.sent_us, -1);
    assert_int_equal(frame.data.n, 0);
}

static void wrong_frames_are_refused(void **state)
{
    static const struct {
        struct str bytes;
        const char *sentence;
    } rows[] = {
        {S(""), "the server sent an empty replication message"},
        {S("x"), "the server sent a replication message of the unknown kind 0x78"},
        {S("w"), "the server sent a piece of WAL of 1 bytes, which is not its length"},
        {S("w\0\0\0\1\0\0\0\2\0\0\0\1\0\0\0\3\0\0\0\0\0\0\0"),
         "the server sent a piece of WAL of 24 bytes, which is not its length"},
        {S("k\0\0\0\1\0\0\0\2\0\0\0\0\0\0\0\0"),
         "the server sent a keepalive of 17 bytes, which is not its length"},
        {S("k\0\0\0\1\0\0\0\2\0\0\0\0\0\0\0\0\0\0"),
         "the server sent a keepalive of 19 bytes, which is not its length"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pgoutput_frame frame;
        struct err err = ERR_INIT;
        assert_false(pgoutput_frame(rows[i].bytes, &frame, &err));
        assert_string_equal(err.text, rows[i].sentence);
    }
}

static void a_status_is_written(void **state)
{
    char bytes[PGOUTPUT_STATUS_BYTES];
    const struct pgoutput_status status = {
        .written = 0x100000002, .flushed = 3, .applied = UINT64_MAX, .now_us = -2, .reply = true};
    static const char expected[] =
        "r\0\0\0\1\0\0\0\2\0\0\0\0\0\0\0\3\xff\xff\xff\xff\xff\xff\xff\xff"
        "\xff\xff\xff\xff\xff\xff\xff\xfe\1";
    pgoutput_status(&status, bytes);
    assert_int_equal(sizeof bytes, sizeof expected - 1);
    assert_memory_equal(bytes, expected, sizeof bytes);
}

static void times_are_converted(void **state)
{
    assert_int_equal(pgoutput_unix_ms(0), 946684800000);
    assert_int_equal(pgoutput_unix_ms(1999), 946684800001);
    assert_int_equal(pgoutput_unix_ms(INT64_C(-946684800000000)), 0);
    assert_int_equal(pgoutput_unix_ms(INT64_MIN), 0);
    assert_int_equal(pgoutput_unix_ms(INT64_MAX), 9223372036854775 + 946684800000);
    assert_int_equal(pgoutput_time_us(946684800000005), 5);
    assert_int_equal(pgoutput_time_us(0), INT64_C(-946684800000000));
}

static void positions_are_read_and_written(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        uint64_t lsn;
        const char *again;
    } rows[] = {
        {"0/0", true, 0, "0/0"},
        {"16/B374D848", true, 0x16b374d848, "16/B374D848"},
        {"16/b374d848", true, 0x16b374d848, "16/B374D848"},
        {"FFFFFFFF/FFFFFFFF", true, UINT64_MAX, "FFFFFFFF/FFFFFFFF"},
        {"1/00000001", true, 0x100000001, "1/1"},
        {"", false, 0, ""},
        {"0", false, 0, ""},
        {"/", false, 0, ""},
        {"0/", false, 0, ""},
        {"/0", false, 0, ""},
        {"0/0/0", false, 0, ""},
        {"0/G", false, 0, ""},
        {"100000000/0", false, 0, ""},
        {"0/ 1", false, 0, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t lsn;
        char again[PGOUTPUT_LSN_TEXT];
        assert_int_equal(pgoutput_parse_lsn(str_of(rows[i].text), &lsn), rows[i].ok);
        if (!rows[i].ok)
            continue;
        assert_int_equal(lsn, rows[i].lsn);
        pgoutput_format_lsn(lsn, again);
        assert_string_equal(again, rows[i].again);
    }
}

/* ---- messages ---- */

/* Of exactly their length, so that a sanitizer sees what reads behind them. */
static bool decode(struct pgoutput *pgoutput, struct str bytes, struct err *err)
{
    struct pgoutput_message message;
    char *exact = malloc(bytes.n ? bytes.n : 1);
    assert_non_null(exact);
    memcpy(exact, bytes.p, bytes.n);
    bool ok = pgoutput_decode(pgoutput, (struct str){.p = exact, .n = bytes.n}, &message, err);
    free(exact);
    return ok;
}

static const struct str whole[] = {
    S(BEGIN),
    S("O\0\0\0\0\0\0\0\1name\0"),
    S("R\0\0\0\7\0t\0d\0\2\1id\0\0\0\0\x17\xff\xff\xff\xff\0x\0\0\0\0\x19\xff\xff\xff\xff"),
    S("Y\0\0\0\7\0int4\0"),
    S("I\0\0\0\7N\0\4t\0\0\0\2abnub\0\0\0\1x"),
    S("U\0\0\0\7N\0\1n"),
    S("U\0\0\0\7K\0\1t\0\0\0\0N\0\1n"),
    S("U\0\0\0\7O\0\1nN\0\1u"),
    S("D\0\0\0\7K\0\1n"),
    S("D\0\0\0\7O\0\0"),
    S("T\0\0\0\2\3\0\0\0\7\0\0\0\10"),
    S("M\1\0\0\0\0\0\0\0\1prefix\0\0\0\0\2ab"),
};

static void a_message_must_have_all_its_bytes_and_no_more(void **state)
{
    struct err err = ERR_INIT;
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        struct pgoutput within = {.stand = i ? PGOUTPUT_OPENED : PGOUTPUT_BETWEEN, .commit_lsn = 1};
        struct buf longer = BUF_INIT(256);
        struct pgoutput copy = within;
        assert_true(decode(&copy, whole[i], &err));
        for (size_t n = 0; n < whole[i].n; n++) {
            copy = within;
            assert_false(decode(&copy, (struct str){.p = whole[i].p, .n = n}, &err));
            assert_int_equal(copy.stand, within.stand);
        }
        buf_str(&longer, whole[i]);
        buf_byte(&longer, 'n');
        copy = within;
        assert_false(decode(&copy, buf_slice(&longer), &err));
        buf_free(&longer);
    }
}

static void wrong_messages_are_refused(void **state)
{
    static const struct {
        struct str bytes;
        const char *sentence;
    } rows[] = {
        {S(""), "pgoutput: the server sent an empty message"},
        {S("S\0\0\0\1\1"), "pgoutput: the server sent a message of the unknown kind 0x53"},
        {S("\xff"), "pgoutput: the server sent a message of the unknown kind 0xff"},
        {S("I\0\0\0\7N\0\1x"), "pgoutput: the server sent INSERT in 9 bytes, which cannot be read"},
        {S("I\0\0\0\7N\0\1t\xff\xff\xff\xff"),
         "pgoutput: the server sent INSERT in 13 bytes, which cannot be read"},
        {S("I\0\0\0\7K\0\1n"), "pgoutput: the server sent INSERT in 9 bytes, which cannot be read"},
        {S("I\0\0\0\7N\xff\xff"),
         "pgoutput: the server sent INSERT in 8 bytes, which cannot be read"},
        {S("U\0\0\0\7X\0\1n"), "pgoutput: the server sent UPDATE in 9 bytes, which cannot be read"},
        {S("D\0\0\0\7N\0\1n"), "pgoutput: the server sent DELETE in 9 bytes, which cannot be read"},
        {S("T\xff\xff\xff\xff\0\0\0\0\7"),
         "pgoutput: the server sent TRUNCATE in 10 bytes, which cannot be read"},
        {S("R\0\0\0\7\0t\0x\0\0"),
         "pgoutput: the server sent RELATION in 11 bytes, which cannot be read"},
        {S("R\0\0\0\7\0t\0d\xff\xff"),
         "pgoutput: the server sent RELATION in 11 bytes, which cannot be read"},
        {S("M\1\0\0\0\0\0\0\0\1prefix"),
         "pgoutput: the server sent MESSAGE in 16 bytes, which cannot be read"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pgoutput within = {.stand = PGOUTPUT_WITHIN};
        struct err err = ERR_INIT;
        assert_false(decode(&within, rows[i].bytes, &err));
        assert_string_equal(err.text, rows[i].sentence);
    }
}

/* Each row: what is sent, and the sentence about the last of it. */
static void messages_come_in_an_order(void **state)
{
    static const struct str begin = S(BEGIN), commit = S(COMMIT), row = S("D\0\0\0\7K\0\1n"),
                            origin = S("O\0\0\0\0\0\0\0\1name\0"),
                            within = S("M\1\0\0\0\0\0\0\0\1p\0\0\0\0\0"),
                            alone = S("M\0\0\0\0\0\0\0\0\1p\0\0\0\0\0"),
                            other = S("C\0\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0\0");
    static const struct {
        const struct str *messages[6];
        const char *sentence;
    } rows[] = {
        {{&begin, &commit}, ""},
        {{&begin, &row, &commit, &begin, &commit}, ""},
        {{&begin, &origin, &row, &within, &row, &commit}, ""},
        {{&alone, &begin, &alone, &row, &alone, &commit}, ""},
        {{&commit}, "pgoutput: the server sent COMMIT between two transactions"},
        {{&row}, "pgoutput: the server sent DELETE between two transactions"},
        {{&within}, "pgoutput: the server sent MESSAGE between two transactions"},
        {{&origin}, "pgoutput: the server sent ORIGIN between two transactions"},
        {{&begin, &begin}, "pgoutput: the server sent BEGIN at the begin of a transaction"},
        {{&begin, &row, &begin}, "pgoutput: the server sent BEGIN within a transaction"},
        {{&begin, &row, &origin}, "pgoutput: the server sent ORIGIN within a transaction"},
        {{&begin, &commit, &row}, "pgoutput: the server sent DELETE between two transactions"},
        {{&begin, &other}, "pgoutput: the server sent the COMMIT of another transaction"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pgoutput pgoutput = {0};
        struct err err = ERR_INIT;
        for (size_t m = 0; m < 6 && rows[i].messages[m]; m++) {
            bool last = m == 5 || !rows[i].messages[m + 1];
            assert_int_equal(decode(&pgoutput, *rows[i].messages[m], &err),
                             !last || !*rows[i].sentence);
        }
        assert_string_equal(err.text, rows[i].sentence);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_read),
        cmocka_unit_test(wrong_frames_are_refused),
        cmocka_unit_test(a_status_is_written),
        cmocka_unit_test(times_are_converted),
        cmocka_unit_test(positions_are_read_and_written),
        cmocka_unit_test(a_message_must_have_all_its_bytes_and_no_more),
        cmocka_unit_test(wrong_messages_are_refused),
        cmocka_unit_test(messages_come_in_an_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
