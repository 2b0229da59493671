/* Streams of a real server (tests/unit/pgoutput/record.ts) and what they mean: each part of a
 * recorded stream is a case. A recorded stream ends as it began, so it is also run twice, on the
 * same tables.
 *
 *     test_pg_relation FILE.stream…           runs them
 *     test_pg_relation --print FILE.stream    says what each part means now */
#include "pg_rig.h"
#include "unit.h"

#include "base/arena.h"

#include <stdlib.h>

enum { PARTS = 64, FILE_MAX = 4 << 20, MESSAGE_MAX = 64 * 1024 };

struct part {
    struct str title;
    struct str messages, meaning; /* lines with "< " and "> " in front */
    struct pg_rig *rig;           /* of all parts of a file */
};

struct recorded {
    struct part parts[PARTS];
    size_t n;
    char *text;
    struct pg_rig rig;
    struct buf out;
};

static struct str read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        print_error("cannot open %s\n", path);
        exit(1);
    }
    char *text = malloc(FILE_MAX);
    size_t n = text ? fread(text, 1, FILE_MAX, file) : 0;
    fclose(file);
    return (struct str){.p = text, .n = n};
}

static struct str next_line(struct str *text)
{
    struct str line = {.p = text->p, .n = str_index(*text, '\n')};
    *text = str_from(*text, line.n + 1);
    return line;
}

static void add_line(struct str *block, struct str line)
{
    if (block->n == 0)
        block->p = line.p;
    block->n = (size_t)(line.p + line.n + 1 - block->p);
}

static void open_recorded(struct recorded *recorded, const char *path)
{
    struct str text = read_file(path);
    *recorded = (struct recorded){.text = (char *)text.p, .out = BUF_INIT(PG_RIG_TEXT)};
    pg_rig_open(&recorded->rig, false, &recorded->out);
    while (text.n > 0) {
        struct str line = next_line(&text);
        if (str_starts(line, STR("= "))) {
            assert_true(recorded->n < PARTS);
            recorded->parts[recorded->n++] =
                (struct part){.title = str_from(line, 2), .rig = &recorded->rig};
        } else if (str_starts(line, STR("< "))) {
            add_line(&recorded->parts[recorded->n - 1].messages, line);
        } else if (str_starts(line, STR("> "))) {
            add_line(&recorded->parts[recorded->n - 1].meaning, line);
        }
    }
}

static void close_recorded(struct recorded *recorded)
{
    pg_rig_close(&recorded->rig);
    buf_free(&recorded->out);
    free(recorded->text);
}

static unsigned digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10) & 15;
}

static struct str from_hex(struct str hex, char *out)
{
    assert_true(hex.n % 2 == 0 && hex.n / 2 <= MESSAGE_MAX);
    for (size_t i = 0; i < hex.n / 2; i++)
        out[i] = (char)(digit(hex.p[2 * i]) << 4 | digit(hex.p[2 * i + 1]));
    return (struct str){.p = out, .n = hex.n / 2};
}

/* Each message in memory of exactly its length, so that a sanitizer sees what reads behind it. */
static void run_part(const struct part *part)
{
    struct str lines = part->messages;
    while (lines.n > 0) {
        struct str hex = str_from(next_line(&lines), 2);
        char *bytes = malloc(hex.n / 2 + 1);
        assert_non_null(bytes);
        char *exact = bytes + 1; /* not aligned either */
        assert_true(pg_rig_message(part->rig, from_hex(hex, exact)));
        free(bytes);
    }
}

static void means_what_stands_there(void **state)
{
    const struct part *part = *state;
    struct str meaning = part->meaning;
    buf_clear(part->rig->out);
    run_part(part);
    struct str got = buf_slice(part->rig->out);
    while (got.n > 0 || meaning.n > 0) {
        struct str is = next_line(&got), wanted = str_from(next_line(&meaning), 2);
        if (!str_equal(is, wanted))
            fail_msg("%.*s:\n  expected %.*s\n  got      %.*s", STR_ARG(part->title),
                     STR_ARG(wanted), STR_ARG(is));
    }
}

static void print(const char *path)
{
    static struct recorded recorded;
    open_recorded(&recorded, path);
    for (size_t i = 0; i < recorded.n; i++) {
        const struct part *part = &recorded.parts[i];
        printf("= %.*s\n%.*s", STR_ARG(part->title), STR_ARG(part->messages));
        buf_clear(&recorded.out);
        run_part(part);
        struct str got = buf_slice(&recorded.out);
        while (got.n > 0) {
            struct str line = next_line(&got);
            printf("> %.*s\n", STR_ARG(line));
        }
    }
    close_recorded(&recorded);
}

/* ---- what no server would say ---- */

#define BEGIN "B\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\2"
#define TASKS                                                                                      \
    "R\0\0\0\7public\0tasks\0d\0\2\1id\0\0\0\0\x17\xff\xff\xff\xff\0title\0\0\0\0\x19\xff\xff\xff" \
    "\xff"

static void refuses_rows_that_contradict_the_table(void **state)
{
    const struct {
        struct str message;
        const char *line;
    } rows[] = {
        {STR("I\0\0\0\7N\0\2t\0\0\0\1"
             "1n"),
         "created tasks, id 1, title null\n"},
        {STR("I\0\0\0\10N\0\2nn"),
         "refused: the server sent a row of a table (OID 8) that it has not described\n"},
        {STR("I\0\0\0\7N\0\1n"),
         "refused: the server sent a row of tasks that has not the table's 2 columns\n"},
        {STR("U\0\0\0\7K\0\1nN\0\2nn"),
         "refused: the server sent a row of tasks that has not the table's 2 columns\n"},
        {STR("D\0\0\0\7K\0\3nnn"),
         "refused: the server sent a row of tasks that has not the table's 2 columns\n"},
        {STR("T\0\0\0\2\0\0\0\0\7\0\0\0\11"),
         "refused: the server truncated a table (OID 9) that it has not described\n"},
        {STR("I\0\0\0\7N\0\2b\0\0\0\1"
             "1u"),
         "created tasks, id ?, title ?\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pg_rig rig;
        struct buf out = BUF_INIT(PG_RIG_TEXT);
        pg_rig_open(&rig, false, &out);
        assert_true(pg_rig_message(&rig, STR(BEGIN)));
        assert_true(pg_rig_message(&rig, STR(TASKS)));
        buf_clear(&out);
        pg_rig_message(&rig, rows[i].message);
        assert_text(buf_slice(&out), rows[i].line);
        pg_rig_close(&rig);
        buf_free(&out);
    }
}

static void tables_without_a_rule_are_told_by_key_where_all_are_watched(void **state)
{
    const struct str described = STR("R\0\0\0\5other\0things\0d\0\2\1id\0\0\0\0\x17\xff\xff"
                                     "\xff\xff\0x\0\0\0\0\x19\xff\xff\xff\xff");
    for (int every = 0; every < 2; every++) {
        struct pg_rig rig;
        struct buf out = BUF_INIT(PG_RIG_TEXT);
        pg_rig_open(&rig, every, &out);
        pg_rig_message(&rig, STR(BEGIN));
        pg_rig_message(&rig, described);
        buf_clear(&out);
        pg_rig_message(&rig, STR("I\0\0\0\5N\0\2t\0\0\0\1"
                                 "1n"));
        pg_rig_message(&rig, STR("T\0\0\0\1\0\0\0\0\5"));
        assert_text(buf_slice(&out), every ? "created other.things id 1, id 1\n"
                                             "truncated other.things\n"
                                           : "");
        pg_rig_close(&rig);
        buf_free(&out);
    }
}

/* Its columns stand in another order than its root's, after something was dropped and added. */
static void rows_of_a_partition_are_those_of_its_root(void **state)
{
    struct pg_rig rig;
    struct buf out = BUF_INIT(PG_RIG_TEXT);
    pg_rig_open(&rig, false, &out);
    pg_rig_message(&rig, STR(BEGIN));
    pg_rig_message(&rig, STR("R\0\0\0\6public\0leaf_1\0d\0\2\0project_id\0\0\0\0\x17\xff\xff\xff"
                             "\xff\1id\0\0\0\0\x17\xff\xff\xff\xff"));
    buf_clear(&out);
    pg_rig_message(&rig, STR("I\0\0\0\6N\0\2t\0\0\0\1"
                             "5t\0\0\0\1"
                             "1"));
    pg_rig_message(&rig, STR("R\0\0\0\6public\0leaf_1\0d\0\1\1id\0\0\0\0\x17\xff\xff\xff\xff"));
    pg_rig_message(&rig, STR("T\0\0\0\1\0\0\0\0\6"));
    assert_text(buf_slice(&out), "created events, project_id 5, id 1\n"
                                 "shape events of 1 columns, identity d, missing project_id\n"
                                 "truncated events\n");
    pg_rig_close(&rig);
    buf_free(&out);
}

static void big_endian(struct buf *out, size_t number, unsigned bytes)
{
    while (bytes-- > 0)
        buf_byte(out, (char)(uint8_t)(number >> 8 * bytes));
}

/* Each with 1,600 columns of 1,000 bytes: 40 of them are more than is kept. */
static void a_table_without_room_for_its_columns_is_truncated_by_each_row(void **state)
{
    enum { TABLES = 60, COLUMNS = 1600, NAME = 1000 };
    struct pg_rig rig;
    struct buf out = BUF_INIT(PG_RIG_TEXT), message = BUF_INIT(4 << 20);
    char name[NAME];
    memset(name, 'c', sizeof name);
    pg_rig_open(&rig, true, &out);
    pg_rig_message(&rig, STR(BEGIN));
    unsigned opaque = 0;
    for (size_t table = 1; table <= TABLES; table++) {
        buf_clear(&message);
        buf_byte(&message, 'R');
        big_endian(&message, table, 4);
        buf_str(&message, STR("public\0wide\0d"));
        big_endian(&message, COLUMNS, 2);
        for (size_t i = 0; i < COLUMNS; i++) {
            buf_byte(&message, i == 0);
            buf_add(&message, name, sizeof name);
            buf_byte(&message, 0);
            big_endian(&message, 23, 4);
            big_endian(&message, UINT32_MAX, 4);
        }
        assert_true(pg_rig_message(&rig, buf_slice(&message)));
        buf_clear(&message);
        buf_byte(&message, 'I');
        big_endian(&message, table, 4);
        buf_byte(&message, 'N');
        big_endian(&message, COLUMNS, 2);
        for (size_t i = 0; i < COLUMNS; i++)
            buf_byte(&message, 'n');
        buf_clear(&out);
        assert_true(pg_rig_message(&rig, buf_slice(&message)));
        opaque += str_is(buf_slice(&out), "truncated wide\n");
    }
    assert_in_range(opaque, 1, TABLES - 1);
    pg_rig_close(&rig);
    buf_free(&message);
    buf_free(&out);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--print") == 0) {
        print(argv[2]);
        return 0;
    }
    static struct recorded files[4];
    static struct CMUnitTest tests[sizeof files / sizeof *files * PARTS];
    size_t n = 0;
    for (int i = 1; i < argc && (size_t)i <= sizeof files / sizeof *files; i++) {
        struct recorded *recorded = &files[i - 1];
        open_recorded(recorded, argv[i]);
        for (size_t part = 0; part < recorded->n; part++) {
            char *name = malloc(recorded->parts[part].title.n + 1);
            snprintf(name, recorded->parts[part].title.n + 1, "%s", recorded->parts[part].title.p);
            tests[n++] = (struct CMUnitTest){.name = name,
                                             .test_func = means_what_stands_there,
                                             .initial_state = &recorded->parts[part]};
        }
    }
    const struct CMUnitTest more[] = {
        cmocka_unit_test(refuses_rows_that_contradict_the_table),
        cmocka_unit_test(tables_without_a_rule_are_told_by_key_where_all_are_watched),
        cmocka_unit_test(rows_of_a_partition_are_those_of_its_root),
        cmocka_unit_test(a_table_without_room_for_its_columns_is_truncated_by_each_row),
    };
    int failed = n == 0 ? 1 : _cmocka_run_group_tests("recorded", tests, n, NULL, NULL);
    failed += cmocka_run_group_tests(more, NULL, NULL);
    for (size_t i = 0; i < n; i++)
        free((char *)tests[i].name);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (files[i].text)
            close_recorded(&files[i]);
    return failed ? 1 : 0;
}
