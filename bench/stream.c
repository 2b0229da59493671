#include "stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000 };

bool stream_open(struct stream *stream, const char *server, struct err *err)
{
    static const char request[] =
        "GET /v1/stream?scope=project:0 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    const char *colon = strrchr(server, ':');
    char host[INET_ADDRSTRLEN] = "";
    struct sockaddr_in to = {.sin_family = AF_INET};
    *stream = (struct stream){.fd = -1};
    if (!colon || (size_t)(colon - server) >= sizeof host)
        return err_set(err, "\"%s\" is no address and port", server);
    memcpy(host, server, (size_t)(colon - server));
    to.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    stream->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (stream->fd >= 0 && inet_pton(AF_INET, host, &to.sin_addr) == 1 &&
        connect(stream->fd, (const struct sockaddr *)&to, sizeof to) == 0 &&
        send(stream->fd, request, sizeof request - 1, MSG_NOSIGNAL) == (ssize_t)sizeof request - 1)
        return true;
    return err_set(err, "subscribe at %s: %s", server, strerror(errno));
}

void stream_close(struct stream *stream)
{
    if (stream->fd >= 0)
        close(stream->fd);
    stream->fd = -1;
}

bool stream_read(struct stream *stream, const char *text, bool *came, struct err *err)
{
    if (stream->n == sizeof stream->seen) {
        memmove(stream->seen, stream->seen + stream->n / 2, stream->n / 2);
        stream->n /= 2;
    }
    ssize_t got = recv(stream->fd, stream->seen + stream->n, sizeof stream->seen - stream->n, 0);
    if (got <= 0)
        return err_set(err, "the stream ended");
    stream->n += (size_t)got;
    *came = memmem(stream->seen, stream->n, text, strlen(text)) != NULL;
    if (*came)
        stream->n = 0;
    return true;
}

bool stream_await(struct stream *stream, const char *text, struct err *err)
{
    for (bool came = false; !came;) {
        struct pollfd wait = {.fd = stream->fd, .events = POLLIN};
        if (poll(&wait, 1, PATIENCE_MS) != 1)
            return err_set(err, "no \"%s\" in %d ms", text, PATIENCE_MS);
        if (!stream_read(stream, text, &came, err))
            return false;
    }
    return true;
}
