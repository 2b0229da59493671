#include "unit.h"

#include "base/buf.h"
#include "base/log.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TEXT_MAX = 256 * 1024 };

struct rig {
    struct log log;
    int read;
    char text[TEXT_MAX];
};

static struct rig *rig_new(enum log_level level, bool json)
{
    struct rig *rig = calloc(1, sizeof *rig);
    int ends[2];
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    rig->read = ends[0];
    log_open(&rig->log, level, json, ends[1]);
    return rig;
}

/* What was written since the last time. */
static const char *said(struct rig *rig)
{
    ssize_t n = read(rig->read, rig->text, sizeof rig->text - 1);
    rig->text[n > 0 ? n : 0] = '\0';
    return rig->text;
}

static void rig_free(struct rig *rig)
{
    if (rig->log._kinds)
        log_close(&rig->log);
    close(rig->log.fd);
    close(rig->read);
    free(rig);
}

static size_t lines(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static void drops_what_is_below_the_level_which_may_change(void **state)
{
    struct rig *rig = rig_new(LOG_WARN, false);
    log_info(&rig->log, "part", "quiet");
    assert_string_equal(said(rig), "");
    assert_false(log_has(&rig->log, LOG_INFO));
    log_set(&rig->log, LOG_DEBUG, false);
    log_debug(&rig->log, "part", "loud %d", 7);
    assert_non_null(strstr(said(rig), "Z debug part: loud 7\n"));
    log_info(NULL, "part", "nobody hears");
    rig_free(rig);
}

static void one_event_is_one_line_whatever_is_in_it(void **state)
{
    struct rig *rig = rig_new(LOG_INFO, false);
    log_info(&rig->log, "part", "%s", "a\r\nb\x1b[2Jc");
    assert_non_null(strstr(said(rig), "part: a??b?[2Jc\n"));
    rig_free(rig);
}

static void a_line_about_a_connection_names_it_in_text_and_in_json(void **state)
{
    struct rig *rig = rig_new(LOG_INFO, false);
    log_conn(&rig->log, LOG_INFO, "server", "c_0_1", "ends: %s", "\"it\" said so");
    assert_non_null(strstr(said(rig), "info  server: c_0_1: ends: \"it\" said so\n"));
    log_set(&rig->log, LOG_INFO, true);
    log_conn(&rig->log, LOG_INFO, "server", "c_0_1", "ends: %s", "\"it\" said so");
    json_t *line = json_loads(said(rig), 0, NULL);
    assert_string_equal(json_string_value(json_object_get(line, "connection")), "c_0_1");
    assert_string_equal(json_string_value(json_object_get(line, "part")), "server");
    assert_string_equal(json_string_value(json_object_get(line, "level")), "info");
    assert_string_equal(json_string_value(json_object_get(line, "message")),
                        "ends: \"it\" said so");
    assert_non_null(json_object_get(line, "time"));
    json_decref(line);
    rig_free(rig);
}

static void a_burst_of_one_kind_is_cut_and_the_rest_is_counted(void **state)
{
    struct rig *rig = rig_new(LOG_INFO, false);
    for (int i = 0; i < 1000; i++)
        log_warn(&rig->log, "part", "again: %d", i);
    log_warn(&rig->log, "part", "another kind");
    assert_int_equal(lines(said(rig)), LOG_BURST + 1);
    log_rest(&rig->log);
    assert_string_equal(said(rig), ""); /* the window has not ended */
    log_close(&rig->log);
    assert_non_null(strstr(said(rig), "warn  part: and 980 more like: again: 999\n"));
    rig_free(rig);
}

static void debug_lines_are_not_cut(void **state)
{
    struct rig *rig = rig_new(LOG_DEBUG, false);
    for (int i = 0; i < 10 * LOG_BURST; i++)
        log_debug(&rig->log, "part", "again: %d", i);
    assert_int_equal(lines(said(rig)), 10 * LOG_BURST);
    rig_free(rig);
}

static void more_kinds_than_there_is_room_for_share_the_last(void **state)
{
    struct rig *rig = rig_new(LOG_INFO, false);
    static char formats[300][16];
    for (size_t i = 0; i < 300; i++) {
        snprintf(formats[i], sizeof formats[i], "kind %zu", i);
        /* A kind is the address of its format. */
        void (*write_line)(const struct log *, enum log_level, const char *, const char *,
                           const char *, ...) = log_write;
        write_line(&rig->log, LOG_INFO, "part", NULL, formats[i]);
    }
    assert_in_range(lines(said(rig)), 127, 300);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drops_what_is_below_the_level_which_may_change),
        cmocka_unit_test(one_event_is_one_line_whatever_is_in_it),
        cmocka_unit_test(a_line_about_a_connection_names_it_in_text_and_in_json),
        cmocka_unit_test(a_burst_of_one_kind_is_cut_and_the_rest_is_counted),
        cmocka_unit_test(debug_lines_are_not_cut),
        cmocka_unit_test(more_kinds_than_there_is_room_for_share_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
