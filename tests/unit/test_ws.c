/* Runs the tables of tests/unit/ws/: one line is what a client sends, and what must come of it.
 *
 *     5.3 a text in two fragments: more text "a" | cont "b" -> text "ab"
 *
 * The left side is written as ws_script.h says, the right one as ws_digest.h. `limit N` holds for
 * the lines behind it. Each line is fed whole, byte by byte, and cut at random. */
#include "unit.h"
#include "ws_digest.h"
#include "ws_script.h"

#include "base/arena.h"
#include "wire/ws.h"

#include <stdlib.h>

enum {
    CASES = 400,
    TEXT = 1 << 16,
    LARGEST = 1 << 25,
    BYTEWISE = 1 << 20, /* what is longer is only cut at random */
    LIMIT = 1 << 20,
};

struct table_case {
    char name[160];
    uint32_t limit;
    struct str script, digest;
};

struct tables {
    struct CMUnitTest tests[CASES];
    struct table_case cases[CASES];
    size_t n;
    struct arena arena;
};

/* ---- ways to cut ---- */

static size_t whole(void *ctx, size_t left)
{
    return left;
}

static size_t bytewise(void *ctx, size_t left)
{
    return 1;
}

struct dice {
    uint32_t random;
    uint32_t longest;
};

static size_t somewhere(void *ctx, size_t left)
{
    struct dice *dice = ctx;
    dice->random = dice->random * 1664525 + 1013904223;
    size_t n = 1 + (dice->random >> 8) % dice->longest;
    return n < left ? n : left;
}

static void check_digest(const struct table_case *c, struct str bytes, const char *how,
                         size_t (*cut)(void *, size_t), void *ctx)
{
    struct buf got = BUF_INIT(TEXT);
    ws_digest(&got, bytes, c->limit, cut, ctx);
    if (!str_equal(buf_slice(&got), c->digest)) {
        print_error("%s, %s:\n  expected %.*s\n  got      %.*s\n", c->name, how, STR_ARG(c->digest),
                    STR_ARG(buf_slice(&got)));
        fail();
    }
    buf_free(&got);
}

static void frames_give_what_the_line_says(void **state)
{
    const struct table_case *c = *state;
    struct buf bytes = BUF_INIT(LARGEST);
    if (!ws_script(&bytes, c->script))
        fail_msg("%s: this is no script", c->name);
    check_digest(c, buf_slice(&bytes), "whole", whole, NULL);
    if (bytes.len <= BYTEWISE)
        check_digest(c, buf_slice(&bytes), "byte by byte", bytewise, NULL);
    unsigned rounds = bytes.len < 4096 ? 40 : 2;
    for (unsigned i = 0; i < rounds; i++) {
        struct dice dice = {.random = i, .longest = bytes.len < 4096 ? 2 + i : 5000};
        check_digest(c, buf_slice(&bytes), "cut at random", somewhere, &dice);
    }
    buf_free(&bytes);
}

/* ---- what is written ---- */

/* The header that a client must find in front of n bytes. */
static void assert_text_frame(struct str frame, size_t n)
{
    const uint8_t *p = (const uint8_t *)frame.p;
    if (frame.n < 2) {
        fail();
        return;
    }
    assert_int_equal(p[0], 0x81);
    size_t head = 2;
    uint64_t length = p[1];
    if (n > 125) {
        head = n > 65535 ? 10 : 4;
        assert_int_equal(p[1], n > 65535 ? 127 : 126);
        length = 0;
        for (size_t i = 2; i < head; i++)
            length = length << 8 | p[i];
    }
    assert_int_equal(length, n);
    assert_int_equal(frame.n, head + n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(frame.p[head + i], 'a' + (char)(i % 26));
}

static void text_of_any_length_gets_the_shortest_header_in_place(void **state)
{
    static const size_t lengths[] = {1, 2, 124, 125, 126, 127, 128, 65534, 65535, 65536, 70000};
    struct buf out = BUF_INIT(1 << 20);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        buf_text(&out, "before");
        size_t begun = ws_text_begin(&out);
        for (size_t n = 0; n < lengths[i]; n++)
            buf_byte(&out, (char)('a' + n % 26));
        assert_true(ws_text_end(&out, begun));
        assert_true(str_starts(buf_slice(&out), STR("before")));
        assert_text_frame(str_from(buf_slice(&out), strlen("before")), lengths[i]);
        buf_clear(&out);
    }
    buf_free(&out);
}

static void frames_stand_one_behind_the_other(void **state)
{
    struct buf out = BUF_INIT(1024);
    assert_true(ws_text(&out, (struct str){0}));
    assert_true(ws_text(&out, STR("Hello")));
    assert_true(ws_ping(&out, STR("p")));
    assert_true(ws_pong(&out, (struct str){0}));
    assert_true(ws_close(&out, WS_NO_CODE, STR("not said")));
    assert_true(ws_close(&out, 4401, STR("bye")));
    assert_true(str_equal(buf_slice(&out), STR("\x81\0\x81\5Hello\x89\1p\x8a\0\x88\0\x88\5\x11\x31"
                                               "bye")));
    buf_free(&out);
}

static void reason_that_is_too_long_is_cut_between_characters(void **state)
{
    struct buf reason = BUF_INIT(1024), out = BUF_INIT(1024);
    for (unsigned i = 0; i < 122; i++)
        buf_byte(&reason, 'x');
    buf_text(&reason, "\xc3\xa9");
    assert_true(ws_close(&out, WS_NORMAL, buf_slice(&reason)));
    assert_int_equal(out.len, 2 + 2 + 122);
    assert_int_equal(out.data[1], 124);
    buf_clear(&out);
    assert_true(ws_close(&out, WS_NORMAL,
                         STR("a\xff"
                             "b")));
    assert_true(str_equal(buf_slice(&out), STR("\x88\3\x03\xe8"
                                               "a")));
    buf_free(&reason);
    buf_free(&out);
}

static void text_that_does_not_fit_overflows_as_any_other(void **state)
{
    for (size_t max = 0; max < 70020; max += max < 200 ? 1 : 4999) {
        struct buf out = BUF_INIT(max);
        size_t begun = ws_text_begin(&out);
        for (unsigned n = 0; n < 70000 && !out.overflow; n++)
            buf_byte(&out, 'x');
        bool fits = ws_text_end(&out, begun);
        assert_int_equal(fits, max >= 70010);
        assert_int_equal(fits, !out.overflow);
        buf_free(&out);
    }
    /* All of the payload fits, its longer header does not. */
    struct buf out = BUF_INIT(65536 + 4);
    size_t begun = ws_text_begin(&out);
    for (unsigned n = 0; n < 65536; n++)
        buf_byte(&out, 'x');
    assert_false(out.overflow);
    assert_false(ws_text_end(&out, begun));
    buf_free(&out);
}

static void a_reader_that_is_idle_holds_nothing(void **state)
{
    struct ws_reader reader = WS_READER_INIT(100), fresh = reader;
    struct ws_event event;
    struct buf bytes = BUF_INIT(1024);
    size_t used;
    assert_true(ws_script(&bytes, STR("text \"Hello\"")));
    assert_int_equal(ws_reader_feed(&reader, buf_slice(&bytes), &used, &event), WS_TEXT);
    assert_true(ws_reader_idle(&reader));
    assert_text(event.text, "Hello");
    ws_reader_free(&reader);
    assert_memory_equal(&reader, &fresh, sizeof reader);
    assert_true(sizeof reader <= 64);
    buf_free(&bytes);
}

static void a_promised_length_gets_no_memory(void **state)
{
    struct ws_reader reader = WS_READER_INIT(1 << 24);
    struct ws_event event;
    struct buf bytes = BUF_INIT(1024);
    size_t used;
    assert_true(ws_script(&bytes, STR("says=10000000 text \"Hello\"")));
    assert_int_equal(ws_reader_feed(&reader, buf_slice(&bytes), &used, &event), WS_MORE);
    assert_false(ws_reader_idle(&reader));
    assert_true(reader._cap < 1024);
    ws_reader_free(&reader);
    assert_true(ws_reader_idle(&reader));
    buf_free(&bytes);
}

static const struct CMUnitTest writing[] = {
    cmocka_unit_test(text_of_any_length_gets_the_shortest_header_in_place),
    cmocka_unit_test(frames_stand_one_behind_the_other),
    cmocka_unit_test(reason_that_is_too_long_is_cut_between_characters),
    cmocka_unit_test(text_that_does_not_fit_overflows_as_any_other),
    cmocka_unit_test(a_reader_that_is_idle_holds_nothing),
    cmocka_unit_test(a_promised_length_gets_no_memory),
};

/* ---- reading the tables ---- */

static struct str read_file(struct arena *arena, const char *path)
{
    FILE *in = fopen(path, "rb");
    char *bytes = arena_alloc(arena, TEXT);
    if (!in || !bytes) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(2);
    }
    size_t n = fread(bytes, 1, TEXT, in);
    fclose(in);
    return (struct str){.p = bytes, .n = n};
}

/* Where `what` begins in the line, or the line's length. */
static size_t find(struct str line, const char *what)
{
    size_t at = 0;
    while (at < line.n && !str_starts(str_from(line, at), str_of(what)))
        at++;
    return at;
}

static void add_case(struct tables *tables, const char *file, unsigned number, uint32_t limit,
                     struct str line)
{
    size_t colon = find(line, ": "), arrow = find(line, " -> ");
    if (arrow < colon || arrow == line.n || tables->n == CASES) {
        fprintf(stderr, "%s:%u: a line is \"name: frames -> events\"\n", file, number);
        exit(2);
    }
    struct table_case *c = &tables->cases[tables->n];
    snprintf(c->name, sizeof c->name, "%s:%u %.*s", file, number, (int)colon, line.p);
    c->limit = limit;
    c->script = (struct str){.p = line.p + colon + 2, .n = arrow - colon - 2};
    c->digest = str_from(line, arrow + 4);
    tables->tests[tables->n++] = (struct CMUnitTest){
        .name = c->name, .test_func = frames_give_what_the_line_says, .initial_state = c};
}

static void read_table(struct tables *tables, const char *path)
{
    struct str text = read_file(&tables->arena, path);
    const char *slash = strrchr(path, '/');
    uint32_t limit = LIMIT;
    for (unsigned number = 1; text.n; number++) {
        size_t n = str_index(text, '\n');
        struct str line = {.p = text.p, .n = n};
        text = str_from(text, n + 1);
        if (str_starts(line, STR("limit ")))
            limit = (uint32_t)strtoul(line.p + strlen("limit "), NULL, 10);
        else if (line.n && line.p[0] != '#')
            add_case(tables, slash ? slash + 1 : path, number, limit, line);
    }
}

int main(int argc, char **argv)
{
    struct tables *tables = calloc(1, sizeof *tables);
    if (!tables)
        return 2;
    arena_init(&tables->arena, 16 << 20);
    for (int i = 1; i < argc; i++)
        read_table(tables, argv[i]);
    int failed = _cmocka_run_group_tests("frames in", tables->tests, tables->n, NULL, NULL);
    failed += cmocka_run_group_tests_name("frames out", writing, NULL, NULL);
    arena_free(&tables->arena);
    free(tables);
    return failed;
}
