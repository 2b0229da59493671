#include "net/listener.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    /* Linux cuts it to net.core.somaxconn. */
    BACKLOG = 4096,
    /* Bytes that the kernel takes beyond what is on its way to the peer. What it refuses stays in
     * the index, where it merges; docs/design/net.md says why not SO_SNDBUF. */
    NOT_SENT_MAX = 16 * 1024,
};

static bool parse(const char *address, struct sockaddr_storage *out, struct err *err)
{
    const char *colon = strrchr(address, ':');
    char host[INET6_ADDRSTRLEN + 1];
    char *end = NULL;
    unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;
    if (!colon || colon[1] < '0' || colon[1] > '9' || *end || port > 65535)
        return err_set(err, "must end in a port, as in \"127.0.0.1:8080\"");
    struct str text = {.p = address, .n = (size_t)(colon - address)};
    bool six = text.n >= 2 && text.p[0] == '[' && text.p[text.n - 1] == ']';
    if (six)
        text = (struct str){.p = text.p + 1, .n = text.n - 2};
    if (str_is(text, "localhost"))
        text = STR("127.0.0.1");
    if (text.n >= sizeof host)
        return err_set(err, "is no IPv4 or IPv6 address");
    memcpy(host, text.p, text.n);
    host[text.n] = '\0';
    if (six) {
        struct sockaddr_in6 *to = (struct sockaddr_in6 *)out;
        to->sin6_family = AF_INET6;
        to->sin6_port = htons((uint16_t)port);
        if (inet_pton(AF_INET6, host, &to->sin6_addr) == 1)
            return true;
    } else {
        struct sockaddr_in *to = (struct sockaddr_in *)out;
        to->sin_family = AF_INET;
        to->sin_port = htons((uint16_t)port);
        if (inet_pton(AF_INET, host, &to->sin_addr) == 1)
            return true;
    }
    return err_set(err, "is no IPv4 or IPv6 address (IPv6 stands in brackets: \"[::1]:8080\")");
}

static bool set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

/* The kernel gives a peer up that acknowledges nothing, or whose window stays shut, for so long:
 * also where nothing of ours waits for it any more. */
static bool set_stalled(int fd, uint64_t stalled_ms)
{
    return set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
               stalled_ms > INT32_MAX ? INT32_MAX : (int)stalled_ms);
}

void listener_set_stalled(int fd, uint64_t stalled_ms)
{
    set_stalled(fd, stalled_ms);
}

int listener_open(const char *address, bool join, uint64_t stalled_ms,
                  char text[LISTENER_ADDRESS_MAX], struct err *err)
{
    struct sockaddr_storage where = {.ss_family = AF_UNSPEC};
    socklen_t size = sizeof where;
    int fd = -1;
    if (!parse(address, &where, err))
        goto failed;
    fd = socket(where.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    size = where.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (fd < 0 || !set(fd, SOL_SOCKET, SO_REUSEADDR, 1) ||
        (join && !set(fd, SOL_SOCKET, SO_REUSEPORT, 1)) ||
        (where.ss_family == AF_INET6 && !set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0)) ||
        !set(fd, IPPROTO_TCP, TCP_NODELAY, 1) ||
        !set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOT_SENT_MAX) || !set_stalled(fd, stalled_ms) ||
        bind(fd, (struct sockaddr *)&where, size) != 0 ||
        /* Bound alone, so that nobody else has it; from here on others of ours may join. */
        !set(fd, SOL_SOCKET, SO_REUSEPORT, 1) || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&where, &size) != 0) {
        err_set(err, "%s", strerror(errno));
        goto failed;
    }
    listener_write_address((struct sockaddr *)&where, true, text);
    return fd;
failed:
    err_prefix(err, "listen on \"%s\"", address);
    if (fd >= 0)
        close(fd);
    return -1;
}

void listener_write_address(const struct sockaddr *address, bool with_port,
                            char text[LISTENER_ADDRESS_MAX])
{
    char host[INET6_ADDRSTRLEN] = "unknown";
    bool six = address->sa_family == AF_INET6;
    unsigned port = 0;
    if (six) {
        const struct sockaddr_in6 *from = (const struct sockaddr_in6 *)(const void *)address;
        port = ntohs(from->sin6_port);
        if (IN6_IS_ADDR_V4MAPPED(&from->sin6_addr)) {
            six = false;
            inet_ntop(AF_INET, &from->sin6_addr.s6_addr[12], host, sizeof host);
        } else {
            inet_ntop(AF_INET6, &from->sin6_addr, host, sizeof host);
        }
    } else if (address->sa_family == AF_INET) {
        const struct sockaddr_in *from = (const struct sockaddr_in *)(const void *)address;
        port = ntohs(from->sin_port);
        inet_ntop(AF_INET, &from->sin_addr, host, sizeof host);
    }
    if (with_port)
        snprintf(text, LISTENER_ADDRESS_MAX, six ? "[%s]:%u" : "%s:%u", host, port);
    else
        snprintf(text, LISTENER_ADDRESS_MAX, "%s", host);
}
