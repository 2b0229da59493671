/* The parts of the command line that need no process: options, tables, and the reader of a stream.
 */
#include "unit.h"

#include "base/nearest.h"
#include "cli/args.h"
#include "cli/event_reader.h"
#include "cli/grid.h"

#include <stdlib.h>

/* ---- options ------------------------------------------------------------------------------- */

static const struct args_option OPTIONS[] = {
    {.letter = 'c', .name = "config", .value = "FILE", .help = ""},
    {.name = "apply", .help = ""},
    {.letter = 'v', .name = "verbose", .help = ""},
    {0}};

/* Words are separated by blanks. */
static bool parse(struct args *args, char *line, struct err *err)
{
    char *argv[32];
    int argc = 0;
    for (char *word = strtok_r(line, " ", &line); word; word = strtok_r(NULL, " ", &line))
        argv[argc++] = word;
    return args_parse(args, OPTIONS, argc, argv, err);
}

static void options_are_taken_in_every_form(void **state)
{
    static const struct {
        const char *line, *config, *word;
        bool apply;
    } rows[] = {{"", NULL, NULL, false},
                {"-c a", "a", NULL, false},
                {"-ca", "a", NULL, false},
                {"--config a", "a", NULL, false},
                {"--config=a", "a", NULL, false},
                {"--config=", "", NULL, false},
                {"--config=a=b", "a=b", NULL, false},
                {"-c a -c b", "b", NULL, false},
                {"x --apply", NULL, "x", true},
                {"-c --apply x", "--apply", "x", false},
                {"-- --apply", NULL, "--apply", false},
                {"-", NULL, "-", false},
                {"--apply -v -", NULL, "-", true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct args args;
        struct err err = ERR_INIT;
        char line[64];
        snprintf(line, sizeof line, "%s", rows[i].line);
        if (!parse(&args, line, &err))
            fail_msg("%s: %s", rows[i].line, err.text);
        assert_int_equal(args_flag(&args, "apply"), rows[i].apply);
        assert_int_equal(args.n_words, rows[i].word ? 1 : 0);
        if (rows[i].word)
            assert_string_equal(args.words[0], rows[i].word);
        if (rows[i].config)
            assert_string_equal(args_value(&args, "config"), rows[i].config);
        else
            assert_null(args_value(&args, "config"));
    }
}

static void wrong_options_are_said(void **state)
{
    static const struct {
        const char *line, *error;
    } rows[] = {{"-c", "--config needs a value: --config FILE"},
                {"--config", "--config needs a value: --config FILE"},
                {"--apply=yes", "--apply takes no value"},
                {"--aply", "unknown option --aply (did you mean --apply?)"},
                {"--hlep", "unknown option --hlep (did you mean --help?)"},
                {"--xyz=1", "unknown option --xyz"},
                {"-vx", "unknown option -vx"},
                {"-q", "unknown option -q"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct args args;
        struct err err = ERR_INIT;
        char line[64];
        snprintf(line, sizeof line, "%s", rows[i].line);
        assert_false(parse(&args, line, &err));
        assert_string_equal(err.text, rows[i].error);
    }
}

static void help_wins_over_everything_behind_it(void **state)
{
    struct args args;
    char line[] = "x --help --nonsense";
    assert_true(parse(&args, line, NULL));
    assert_true(args.help);
}

static void more_words_than_there_is_room_for_are_refused(void **state)
{
    struct args args;
    struct err err = ERR_INIT;
    char word[] = "x";
    char *argv[ARGS_WORDS + 1];
    for (size_t i = 0; i <= ARGS_WORDS; i++)
        argv[i] = word;
    assert_true(args_parse(&args, OPTIONS, ARGS_WORDS, argv, &err));
    assert_false(args_parse(&args, OPTIONS, ARGS_WORDS + 1, argv, &err));
}

/* ---- names --------------------------------------------------------------------------------- */

static void the_nearest_name_is_hinted(void **state)
{
    static const char *const names[] = {"listen", "limits", "log",      "id",
                                        "stale",  "scope",  "heartbeat"};
    static const struct {
        const char *word, *best;
    } rows[] = {{"lsiten", "listen"},  {"Listen", "listen"}, {"lisen", "listen"},
                {"listenn", "listen"}, {"limit", "limits"},  {"hartbeet", "heartbeat"},
                {"lgo", "log"},        {"i", "id"},          {"sclae", "stale"},
                {"colour", NULL},      {"", NULL},           {"xyz", NULL},
                {"qd", "id"},          {"on", NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct nearest near = nearest_to(str_of(rows[i].word));
        for (size_t k = 0; k < sizeof names / sizeof *names; k++)
            nearest_offer(&near, str_of(names[k]));
        if (rows[i].best)
            assert_text(near.best, rows[i].best);
        else if (near.best.p)
            fail_msg("%s is not %.*s", rows[i].word, STR_ARG(near.best));
    }
    char longest[200];
    memset(longest, 'x', sizeof longest);
    struct nearest near = nearest_to((struct str){.p = longest, .n = sizeof longest});
    nearest_offer(&near, (struct str){.p = longest, .n = sizeof longest});
    assert_string_equal(nearest_hint(&near), "");
}

/* ---- tables -------------------------------------------------------------------------------- */

static void columns_stand_under_each_other(void **state)
{
    static const char *const cells[] = {
        "a", "long cell", "x", "\xc3\xa4\xc3\xb6\xc3\xbc", "", "", "", "b\tc", "\xc2\x9b!\x7f"};
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    struct grid grid;
    grid_init(&grid, 3);
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        grid_cell(&grid, str_of(cells[i]));
    grid_print(&grid, "> ", out);
    grid_free(&grid);
    fclose(out);
    assert_string_equal(
        text, "> a    long cell  x\n> \xc3\xa4\xc3\xb6\xc3\xbc\n>      b?c        ?\?!?\n");
    free(text);
}

/* ---- the stream ---------------------------------------------------------------------------- */

static void write_event(void *ctx, const struct event *event)
{
    buf_printf(ctx, "%.*s(%.*s)#%.*s ", STR_ARG(event->name), STR_ARG(event->data),
               STR_ARG(event->id));
}

/* Whole, byte by byte, and in threes: the same events. */
static void assert_events(struct str stream, const char *expected)
{
    static const size_t steps[] = {SIZE_MAX, 1, 3};
    for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
        struct event_reader reader;
        struct buf out = BUF_INIT(4096);
        event_reader_init(&reader, 1024);
        for (size_t at = 0; at < stream.n;) {
            size_t left = stream.n - at, step = left < steps[s] ? left : steps[s];
            assert_true(event_reader_feed(&reader, (struct str){.p = stream.p + at, .n = step},
                                          write_event, &out));
            at += step;
        }
        assert_text(buf_slice(&out), expected);
        event_reader_free(&reader);
        buf_free(&out);
    }
}

static void events_are_read_as_the_standard_says(void **state)
{
    assert_events(STR("data: a\n\n"), "message(a)# ");
    assert_events(STR("event: x\ndata:a\ndata:  b\nid: 7\n\n"), "x(a\n b)#7 ");
    assert_events(STR("data: a\r\n\r\ndata: b\r\rdata: c\n\n"),
                  "message(a)# message(b)# message(c)# ");
    assert_events(STR("\xef\xbb\xbf"
                      "data: a\n\n"),
                  "message(a)# ");
    assert_events(STR(": comment\nevent: x\n\ndata: a\n\n"), "message(a)# ");
    assert_events(STR("id: 1\n\ndata: a\n\nid\ndata: b\n\n"), "message(a)#1 message(b)# ");
    assert_events(STR("id: 1\nid: a\0b\ndata: a\n\n"), "message(a)#1 ");
    assert_events(STR("data\n\ndata\ndata\n\n"), "message()# message(\n)# ");
    assert_events(STR("data: unfinished\n"), "");
    assert_events(STR("colour: blue\ndata:a:b\n\n"), "message(a:b)# ");
}

static void a_stream_says_when_to_come_back(void **state)
{
    struct event_reader reader;
    struct buf out = BUF_INIT(64);
    event_reader_init(&reader, 1024);
    event_reader_feed(&reader, STR("retry: 1500\n"), write_event, &out);
    assert_int_equal(reader.retry_ms, 1500);
    event_reader_feed(&reader, STR("retry: 1x\nretry: \nretry: 99999999999999999999\n"),
                      write_event, &out);
    assert_int_equal(reader.retry_ms, 1500);
    event_reader_free(&reader);
    buf_free(&out);
}

static void a_line_or_an_event_has_a_bound(void **state)
{
    struct event_reader reader;
    struct buf out = BUF_INIT(64);
    event_reader_init(&reader, 8);
    assert_false(event_reader_feed(&reader, STR("data: 123456789"), write_event, &out));
    event_reader_free(&reader);
    event_reader_init(&reader, 8);
    assert_false(
        event_reader_feed(&reader, STR("data:123\ndata:456\ndata:7\n"), write_event, &out));
    event_reader_free(&reader);
    buf_free(&out);
}

static void a_new_connection_forgets_what_was_half_read(void **state)
{
    struct event_reader reader;
    struct buf out = BUF_INIT(256);
    event_reader_init(&reader, 1024);
    event_reader_feed(&reader, STR("id: 5\ndata: a\n\nevent: x\ndata: ha"), write_event, &out);
    event_reader_restart(&reader);
    event_reader_feed(&reader, STR("data: b\n\n"), write_event, &out);
    assert_text(buf_slice(&out), "message(a)#5 message(b)#5 ");
    event_reader_free(&reader);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_taken_in_every_form),
        cmocka_unit_test(wrong_options_are_said),
        cmocka_unit_test(help_wins_over_everything_behind_it),
        cmocka_unit_test(more_words_than_there_is_room_for_are_refused),
        cmocka_unit_test(the_nearest_name_is_hinted),
        cmocka_unit_test(columns_stand_under_each_other),
        cmocka_unit_test(events_are_read_as_the_standard_says),
        cmocka_unit_test(a_stream_says_when_to_come_back),
        cmocka_unit_test(a_line_or_an_event_has_a_bound),
        cmocka_unit_test(a_new_connection_forgets_what_was_half_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
