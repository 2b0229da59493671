#include "unit.h"

#include "admin/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* A service manager's socket; "@name" is an abstract one. */
static int listen_at(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    memcpy(at.sun_path, path, n);
    if (path[0] == '@')
        at.sun_path[0] = '\0';
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, path[0] == '@' ? size : size + 1), 0);
    return fd;
}

static void assert_said(int fd, const char *text)
{
    char got[2048];
    ssize_t n = recv(fd, got, sizeof got - 1, 0);
    if (n < 0)
        fail_msg("nothing was said");
    got[n] = '\0';
    assert_string_equal(got, text);
}

static void talks_to(const char *path)
{
    struct notify notify;
    int fd = listen_at(path);
    notify_open(&notify, path);
    notify_say(&notify, "READY=1\nSTATUS=listening on %s", "x");
    assert_said(fd, "READY=1\nSTATUS=listening on x");

    char got[256];
    unsigned long long usec;
    notify_reloading(&notify);
    ssize_t n = recv(fd, got, sizeof got - 1, 0);
    assert_true(n > 0);
    got[n] = '\0';
    assert_int_equal(sscanf(got, "RELOADING=1\nMONOTONIC_USEC=%llu", &usec), 1);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    assert_true(usec <= (unsigned long long)now.tv_sec * 1000000 + 999999);
    assert_true(usec + 60000000 > (unsigned long long)now.tv_sec * 1000000);
    notify_close(&notify);
    close(fd);
}

static void reaches_a_socket_in_the_file_system(void **state)
{
    char path[] = "/tmp/unstale-notify-XXXXXX", name[64];
    assert_non_null(mkdtemp(path));
    snprintf(name, sizeof name, "%s/s", path);
    talks_to(name);
    unlink(name);
    rmdir(path);
}

static void reaches_an_abstract_socket(void **state)
{
    char name[64];
    snprintf(name, sizeof name, "@unstale-notify-%d", (int)getpid());
    talks_to(name);
}

static void a_name_of_the_full_length_fits(void **state)
{
    char name[sizeof((struct sockaddr_un *)NULL)->sun_path];
    memset(name, 'x', sizeof name);
    snprintf(name, sizeof name, "@unstale-%d-", (int)getpid());
    name[strlen(name)] = 'x';
    name[sizeof name - 1] = '\0';
    talks_to(name);
}

static void nobody_or_nonsense_is_no_error(void **state)
{
    char longer[400];
    memset(longer, 'x', sizeof longer);
    longer[0] = '/';
    longer[sizeof longer - 1] = '\0';
    const char *const paths[] = {NULL,  "", "/", "@", "relative", "vsock:2:1", "/nonexistent/s",
                                 longer};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct notify notify;
        notify_open(&notify, paths[i]);
        notify_say(&notify, "READY=1");
        notify_reloading(&notify);
        notify_close(&notify);
        notify_close(&notify);
    }
}

static void a_manager_that_does_not_read_does_not_hold_us_up(void **state)
{
    char name[64];
    struct notify notify;
    snprintf(name, sizeof name, "@unstale-full-%d", (int)getpid());
    int fd = listen_at(name);
    notify_open(&notify, name);
    for (int i = 0; i < 10000; i++)
        notify_say(&notify, "WATCHDOG=1");
    notify_close(&notify);
    close(fd);
}

static void the_watchdog_is_fed_twice_as_often_as_it_must(void **state)
{
    char self[32], other[32];
    snprintf(self, sizeof self, "%d", (int)getpid());
    snprintf(other, sizeof other, "%d", (int)getpid() + 1);
    assert_int_equal(notify_watchdog_ms("30000000", NULL), 15000);
    assert_int_equal(notify_watchdog_ms("30000000", self), 15000);
    assert_int_equal(notify_watchdog_ms("30000000", other), 0);
    assert_int_equal(notify_watchdog_ms("30000000", "me"), 0);
    assert_int_equal(notify_watchdog_ms("100", NULL), 1);
    assert_int_equal(notify_watchdog_ms("0", NULL), 0);
    assert_int_equal(notify_watchdog_ms("-5", NULL), 0);
    assert_int_equal(notify_watchdog_ms("5s", NULL), 0);
    assert_int_equal(notify_watchdog_ms(NULL, self), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reaches_a_socket_in_the_file_system),
        cmocka_unit_test(reaches_an_abstract_socket),
        cmocka_unit_test(a_name_of_the_full_length_fits),
        cmocka_unit_test(nobody_or_nonsense_is_no_error),
        cmocka_unit_test(a_manager_that_does_not_read_does_not_hold_us_up),
        cmocka_unit_test(the_watchdog_is_fed_twice_as_often_as_it_must),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
