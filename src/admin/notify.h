/* notify: telling the service manager how it stands: the datagrams of sd_notify(3), by hand.
 *
 * Nothing here fails in a way that matters: without a manager, or when it does not listen, the
 * words are lost. Never blocks. */
#pragma once

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct notify {
    int _fd; /* -1: nobody wants to hear */
    socklen_t _size;
    struct sockaddr_un _to;
};

/* `path` is $NOTIFY_SOCKET: a path, or "@name" for an abstract socket; NULL where it is not set. */
void notify_open(struct notify *notify, const char *path);
void notify_close(struct notify *notify);
/* Lines such as "READY=1\nSTATUS=…". */
void notify_say(const struct notify *notify, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* "RELOADING=1" with the moment, as systemd wants it since 253. */
void notify_reloading(const struct notify *notify);
/* How often "WATCHDOG=1" is to be said, by $WATCHDOG_USEC and $WATCHDOG_PID (both may be NULL):
 * half of the time that the manager waits; 0: not at all. */
uint64_t notify_watchdog_ms(const char *usec, const char *pid);
