#include "state.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/unstale-state-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/unstale.state", folder);
    return 0;
}

static int remove_folder(void **state)
{
    unlink(path);
    return rmdir(folder);
}

static void write_one(void)
{
    struct state_cursor cursors[] = {{.source = STR("sqlite a.db"), .cursor = STR("c\0ursor")},
                                     {.source = STR("sqlite b.db")}};
    const struct state state = {
        .rules = 7, .hub = STR("hub\0bytes"), .cursors = cursors, .n_cursors = 2};
    struct err err = ERR_INIT;
    if (!state_write(path, &state, &err))
        fail_msg("%s", err.text);
}

static void what_was_written_comes_back_once(void **unused)
{
    struct state state;
    struct err err = ERR_INIT;
    struct stat info;
    write_one();
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_true(state_take(path, &state, &err));
    assert_int_equal(state.rules, 7);
    assert_true(str_equal(state.hub, STR("hub\0bytes")));
    assert_true(str_equal(state_cursor(&state, STR("sqlite a.db")), STR("c\0ursor")));
    assert_int_equal(state_cursor(&state, STR("sqlite b.db")).n, 0);
    assert_int_equal(state_cursor(&state, STR("other")).n, 0);
    state_free(&state);
    assert_false(state_take(path, &state, &err));
    assert_string_equal(err.text, "");
}

static size_t read_file(char *bytes, size_t max)
{
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, bytes, max);
    close(fd);
    return (size_t)n;
}

static void write_file(const char *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, bytes, n), n);
    close(fd);
}

static void a_file_with_any_bit_flipped_or_cut_anywhere_is_not_used(void **unused)
{
    char bytes[1024];
    write_one();
    size_t n = read_file(bytes, sizeof bytes);
    for (size_t i = 0; i < n; i++) {
        struct state state;
        struct err err = ERR_INIT;
        bytes[i] ^= 0x10;
        write_file(bytes, n);
        assert_false(state_take(path, &state, &err));
        assert_true(err.text[0]);
        unlink(path); /* flipped in its name, it is somebody else's */
        bytes[i] ^= 0x10;
        write_file(bytes, i);
        assert_false(state_take(path, &state, &err));
        assert_int_equal(access(path, F_OK), -1);
    }
}

static void what_is_not_ours_is_left_as_it_is(void **unused)
{
    static const char theirs[] = "SQLite format 3";
    char bytes[64];
    struct state state = {.hub = STR("x")};
    struct err err = ERR_INIT;
    write_file(theirs, sizeof theirs);
    assert_false(state_write(path, &state, &err));
    assert_non_null(strstr(err.text, "not one of ours"));
    assert_false(state_take(path, &state, &err));
    assert_non_null(strstr(err.text, "not one of ours"));
    assert_int_equal(read_file(bytes, sizeof bytes), sizeof theirs);
    assert_memory_equal(bytes, theirs, sizeof theirs);
    unlink(path);
}

static void a_folder_that_cannot_be_written_is_said(void **unused)
{
    const struct state state = {.hub = STR("x")};
    struct err err = ERR_INIT;
    assert_false(state_write("/nonexistent/unstale.state", &state, &err));
    assert_non_null(strstr(err.text, "/nonexistent/unstale.state"));
    assert_false(state_expect("/nonexistent/unstale.state", &err));
    assert_non_null(strstr(err.text, "nothing can be written to /nonexistent/"));
    assert_true(state_expect(path, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_comes_back_once),
        cmocka_unit_test(a_file_with_any_bit_flipped_or_cut_anywhere_is_not_used),
        cmocka_unit_test(what_is_not_ours_is_left_as_it_is),
        cmocka_unit_test(a_folder_that_cannot_be_written_is_said),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
