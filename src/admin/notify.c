#include "admin/notify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TEXT_MAX = 1024 };

void notify_open(struct notify *notify, const char *path)
{
    size_t n = path ? strlen(path) : 0;
    *notify = (struct notify){._fd = -1, ._to = {.sun_family = AF_UNIX}};
    /* An abstract name has no NUL at its end, and its first byte is one. */
    if (n < 2 || n > sizeof notify->_to.sun_path - 1 || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(notify->_to.sun_path, path, n);
    notify->_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    if (path[0] == '@')
        notify->_to.sun_path[0] = '\0';
    else
        notify->_size++;
    notify->_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

void notify_close(struct notify *notify)
{
    if (notify->_fd >= 0)
        close(notify->_fd);
    notify->_fd = -1;
}

void notify_say(const struct notify *notify, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;
    if (notify->_fd < 0)
        return;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n <= 0 || (size_t)n >= sizeof text)
        return;
    if (sendto(notify->_fd, text, (size_t)n, MSG_NOSIGNAL, (const struct sockaddr *)&notify->_to,
               notify->_size) < 0) {
        /* The manager does not listen. */
    }
}

void notify_reloading(const struct notify *notify)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    notify_say(notify, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
               (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
}

static bool read_number(const char *text, uint64_t *number)
{
    char *end = NULL;
    if (!text || text[0] < '0' || text[0] > '9')
        return false;
    *number = strtoull(text, &end, 10);
    return *end == '\0';
}

uint64_t notify_watchdog_ms(const char *usec, const char *pid)
{
    uint64_t number = 0;
    if (pid && (!read_number(pid, &number) || number != (uint64_t)getpid()))
        return 0; /* meant for another process */
    if (!read_number(usec, &number) || number == 0)
        return 0;
    return number / 2000 > 0 ? number / 2000 : 1;
}
