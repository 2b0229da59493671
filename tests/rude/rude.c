/* rude: strangers at the door. Hundreds of connections at a time that are slow, send half of a
 * request, too much, garbage or one of the shapes that two servers could read differently; that
 * reset, never read, open and drop, and lie about who they are.
 *
 * One table says what each of them sends and how. Afterwards one line of JSON says what they got.
 * The exit code is 1 when a request was accepted that must be refused: "smuggled" counts them.
 *
 *     rude --server 127.0.0.1:8080 --seconds 60 [--connections 200] [--rate 400] [--seed 1]
 *
 * Loopback only; each comes from an address of its own, 127.x.y.z, as strangers do. */
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 20000, EVENTS = 256, TURN_MS = 10, TEXT_MAX = 64 * 1024, READ = 16384 };

/* ---- manners ------------------------------------------------------------------------------- */

enum how {
    AT_ONCE, /* all of it, then read what comes */
    DRIP,    /* a byte at a time */
    HALF,    /* some of it, then silence */
    FLOOD,   /* all of it, then bytes without end */
    DEAF,    /* all of it, and never a read */
    RESET,   /* all of it, then a reset at once */
    DROP,    /* nothing: open and gone */
    SHUT,    /* all of it and the end of sending, then read */
    MANY,    /* again and again, without waiting for answers */
};

#define HOST "Host: localhost\r\n"
#define GET  "GET /v1/position HTTP/1.1\r\n" HOST
#define POST "POST /v1/changes HTTP/1.1\r\n" HOST "Content-Type: application/json\r\n"
#define MARK "{\"scope\":\"smuggled\",\"keys\":[[\"smuggled\"]]}"
/* What must never be taken for a request of its own. */
#define SECOND POST "Content-Length: 42\r\n\r\n" MARK
#define SSE    "GET /v1/stream?scope=rude HTTP/1.1\r\n" HOST
#define WS                                                                       \
    "GET /v1/ws?scope=rude HTTP/1.1\r\n" HOST                                    \
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
#define JWT "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."

/* "%r" stands for random bytes, "%t" for random letters of a token, "%x" for many of them. */
static const struct manner {
    const char *name;
    enum how how;
    bool refused; /* a 2xx would be a hole */
    const char *text;
} manners[] = {
    /* Two servers could read these differently. */
    {"length and chunks", AT_ONCE, true,
     POST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SECOND},
    {"chunks and length", AT_ONCE, true,
     POST "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n" SECOND},
    {"two lengths", AT_ONCE, true, POST "Content-Length: 2\r\nContent-Length: 44\r\n\r\n[]" SECOND},
    {"list of lengths", AT_ONCE, true, POST "Content-Length: 2, 2\r\n\r\n[]" SECOND},
    {"signed length", AT_ONCE, true, POST "Content-Length: +2\r\n\r\n[]" SECOND},
    {"hexadecimal length", AT_ONCE, true, POST "Content-Length: 0x2\r\n\r\n[]" SECOND},
    {"huge length", AT_ONCE, true, POST "Content-Length: 99999999999999999999\r\n\r\n[]" SECOND},
    {"negative length", AT_ONCE, true, POST "Content-Length: -1\r\n\r\n" SECOND},
    {"bare line feeds", AT_ONCE, true, "GET /v1/position HTTP/1.1\nHost: localhost\n\n" SECOND},
    {"a bare line feed", AT_ONCE, true, GET "X: a\nY: b\r\n\r\n" SECOND},
    {"a bare return", AT_ONCE, true, GET "X: a\rY: b\r\n\r\n" SECOND},
    {"chunk size with 0x", AT_ONCE, true,
     POST "Transfer-Encoding: chunked\r\n\r\n0x2\r\n[]\r\n0\r\n\r\n" SECOND},
    {"negative chunk", AT_ONCE, true,
     POST "Transfer-Encoding: chunked\r\n\r\n-2\r\n[]\r\n0\r\n\r\n" SECOND},
    {"huge chunk", AT_ONCE, true,
     POST "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n[]\r\n0\r\n\r\n" SECOND},
    {"chunk without its end", AT_ONCE, true,
     POST "Transfer-Encoding: chunked\r\n\r\n2\r\n[]0\r\n\r\n" SECOND},
    {"chunk ended by a line feed", AT_ONCE, true,
     POST "Transfer-Encoding: chunked\r\n\r\n2\n[]\r\n0\r\n\r\n" SECOND},
    {"chunked twice", AT_ONCE, true,
     POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" SECOND},
    {"other coding", AT_ONCE, true,
     POST "Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\n[]" SECOND},
    {"coding with a tab", AT_ONCE, true,
     POST "Transfer-Encoding:\tchunked, identity\r\n\r\n0\r\n\r\n" SECOND},
    {"folded header", AT_ONCE, true, GET "X: a\r\n b\r\n\r\n" SECOND},
    {"folded length", AT_ONCE, true, POST "Content-Length:\r\n 2\r\n\r\n[]" SECOND},
    {"NUL in a header", AT_ONCE, true, GET "X: a%0b\r\n\r\n" SECOND},
    {"NUL in the path", AT_ONCE, true, "GET /v1/po%0sition HTTP/1.1\r\n" HOST "\r\n" SECOND},
    {"space before the colon", AT_ONCE, true, POST "Content-Length : 2\r\n\r\n[]" SECOND},
    {"space in a name", AT_ONCE, true, GET "Content Length: 2\r\n\r\n" SECOND},
    {"two hosts", AT_ONCE, true, GET HOST "\r\n" SECOND},
    {"no host", AT_ONCE, true, "GET /v1/position HTTP/1.1\r\n\r\n" SECOND},
    {"foreign host", AT_ONCE, true, "GET /v1/position HTTP/1.1\r\nHost: evil.example\r\n\r\n"},
    {"foreign origin", AT_ONCE, true, SSE "Origin: https://evil.example\r\n\r\n"},
    {"form that publishes", AT_ONCE, true,
     "POST /v1/changes HTTP/1.1\r\n" HOST
     "Content-Type: text/plain\r\nContent-Length: 42\r\n\r\n" MARK},
    {"lower case method", AT_ONCE, true, "get /v1/position HTTP/1.1\r\n" HOST "\r\n" SECOND},
    {"other version", AT_ONCE, true, "GET /v1/position HTTP/3.7\r\n" HOST "\r\n" SECOND},
    {"HTTP/0.9", AT_ONCE, true, "GET /v1/position\r\n\r\n"},
    {"HTTP/2", AT_ONCE, true, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n%r%r%r"},
    {"TLS", AT_ONCE, true, "\x16\x03\x01\x02%0\x01%0\x01\xfc\x03\x03%r%r%r%r"},
    {"another protocol", AT_ONCE, true, "SSH-2.0-OpenSSH_9.2\r\n"},
    {"body of half an object", SHUT, true, POST "Content-Length: 10\r\n\r\n{\"scope\":\""},
    {"not JSON", AT_ONCE, true, POST "Content-Length: 16\r\n\r\n[[[[[[[[[[[[[[[["},
    {"too large a body", FLOOD, true, POST "Content-Length: 999999999\r\n\r\n"},
    {"chunks without end", FLOOD, true, POST "Transfer-Encoding: chunked\r\n\r\nfffffff\r\n"},
    {"header without end", FLOOD, true, GET "X: "},
    {"path without end", FLOOD, true, "GET /"},
    {"many headers", AT_ONCE, true, GET "%h%h%h%h%h%h%h%h%h\r\n"},
    {"garbage", AT_ONCE, true, "%r%r%r%r%r%r%r%r"},
    {"garbage without end", FLOOD, true, "%r"},
    {"empty lines without end", MANY, false, "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n"},
    /* Slow, half, rude. */
    {"slow head", DRIP, false, SSE "X-Slow: yes\r\n\r\n"},
    {"slow body", DRIP, false, SECOND},
    {"half a head", HALF, false, SSE "Accept: text/event-stream\r\n"},
    {"half a body", HALF, false, SECOND},
    {"never reads", DEAF, false, SSE "\r\n"},
    {"never reads a socket", DEAF, false, WS},
    {"never reads answers", MANY, false, GET "\r\n"},
    {"resets a stream", RESET, false, SSE "\r\n"},
    {"resets half a head", RESET, false, "GET /v1/str"},
    {"resets half a body", RESET, false, POST "Content-Length: 100\r\n\r\n{\"sco"},
    {"opens and drops", DROP, false, ""},
    {"shuts a stream", SHUT, false, SSE "\r\n"},
    {"leaves streams behind", AT_ONCE, false, SSE "\r\n" GET "\r\n" GET "\r\n"},
    {"odd scopes", AT_ONCE, false,
     "GET /v1/stream?scope=%25%25%25%3A%3A*&scope=%t&since=%t&fresh=%t HTTP/1.1\r\n" HOST "\r\n"},
    {"bad escapes", AT_ONCE, true, "GET /v1/stream?scope=%zz HTTP/1.1\r\n" HOST "\r\n"},
    /* Frames. */
    {"frame without a mask", AT_ONCE, false, WS "\x81\x05hello"},
    {"frame that is huge", AT_ONCE, false, WS "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff%r"},
    {"frame that is reserved", AT_ONCE, false, WS "\xb3\x80%0%0%0%0"},
    {"control in pieces", AT_ONCE, false, WS "\x09\x80%0%0%0%0"},
    {"half a frame", HALF, false, WS "\x81\xfe\x01%0%0%0%0%0{\"type\":"},
    {"frames of garbage", FLOOD, false, WS},
    {"pings without end", MANY, false, WS "\x89\x80%0%0%0%0\x89\x80%0%0%0%0\x89\x80%0%0%0%0"},
    {"message that is none", AT_ONCE, false, WS "\x81\x82%0%0%0%0[]"},
    {"token that is none", AT_ONCE, false,
     WS "\x81\xa5%0%0%0%0{\"type\":\"token\",\"token\":\"%t.%t.%t\"}"},
    {"handshake of an old version", AT_ONCE, true,
     "GET /v1/ws HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"},
    /* Who they say that they are. */
    {"bearer of none", AT_ONCE, false, SSE "Authorization: Bearer " JWT "\r\n\r\n"},
    {"bearer of garbage", AT_ONCE, false, SSE "Authorization: Bearer %t.%t.%t\r\n\r\n"},
    {"bearer of bytes", AT_ONCE, false, SSE "Authorization: Bearer \xff\xfe\xfd\r\n\r\n"},
    {"bearer that is long", AT_ONCE, false, SSE "Authorization: Bearer %x%x%x%x.%x.%x\r\n\r\n"},
    {"cookies", AT_ONCE, false, SSE "Cookie: session=%t.%t.%t; session=%t; a=\"; =;;\r\n\r\n"},
    {"token in the query", AT_ONCE, false,
     "GET /v1/stream?scope=rude&token=%t.%t.%t HTTP/1.1\r\n" HOST "\r\n"},
    {"ticket", AT_ONCE, false, "GET /v1/stream?scope=rude&ticket=%t HTTP/1.1\r\n" HOST "\r\n"},
    {"publisher's token", AT_ONCE, false,
     "POST /v1/tickets HTTP/1.1\r\n" HOST "Authorization: Bearer %t\r\nContent-Type: "
     "application/json\r\nContent-Length: 2\r\n\r\n{}"},
};

enum { MANNERS = sizeof manners / sizeof *manners };

/* ---- state --------------------------------------------------------------------------------- */

struct guest {
    int fd; /* -1: not there */
    unsigned manner;
    bool connected, heard, refused;
    struct buf text;
    size_t sent;
    uint64_t next_ms, end_ms;
    char head[16]; /* the beginning of the answer */
    size_t head_len;
};

struct tally {
    uint64_t opened, ended, answered, refused, bytes, smuggled;
};

struct party {
    struct sockaddr_in server;
    unsigned connections, rate, seconds;
    uint64_t dice, failed, sent;
    int epoll;
    struct guest *guests;
    struct tally tallies[MANNERS];
    unsigned next;
    char scratch[READ];
};

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* xorshift64*. */
static uint64_t roll(struct party *party)
{
    party->dice ^= party->dice >> 12;
    party->dice ^= party->dice << 25;
    party->dice ^= party->dice >> 27;
    return party->dice * UINT64_C(2685821657736338717);
}

static unsigned below(struct party *party, unsigned n)
{
    return (unsigned)((roll(party) >> 32) % n);
}

static void random_text(struct party *party, char kind, struct buf *out)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned n = kind == 'x' ? 2000 : 1 + below(party, kind == 'r' ? 256 : 60);
    for (unsigned i = 0; i < n; i++)
        buf_byte(out, kind == 'r' ? (char)below(party, 256) : letters[below(party, 64)]);
}

static void compose(struct party *party, const char *text, struct buf *out)
{
    for (const char *p = text; *p; p++) {
        if (*p != '%' || !p[1] || !strchr("0rtxh", p[1])) {
            buf_byte(out, *p);
            continue;
        }
        p++;
        if (*p == '0')
            buf_byte(out, '\0');
        else if (*p == 'h')
            for (unsigned i = 0; i < 10; i++)
                buf_printf(out, "X-%u: %u\r\n", i, below(party, 1000));
        else
            random_text(party, *p, out);
    }
}

/* ---- one guest ----------------------------------------------------------------------------- */

static void leave(struct party *party, struct guest *guest, bool reset)
{
    const struct linger linger = {.l_onoff = 1};
    if (guest->fd < 0)
        return;
    if (reset)
        setsockopt(guest->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(guest->fd);
    guest->fd = -1;
    party->tallies[guest->manner].answered += guest->heard;
    party->tallies[guest->manner].refused += guest->refused;
    buf_free(&guest->text);
}

static bool come(struct party *party, struct guest *guest, uint64_t now)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP, .data.ptr = guest};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int small = 4096;
    if (fd < 0)
        return false;
    *guest = (struct guest){.fd = fd, .manner = party->next++ % MANNERS};
    const struct manner *manner = &manners[guest->manner];
    /* Not 127.0: there are the polite ones. */
    from.sin_addr.s_addr = htonl(0x7f000000U | (1 + below(party, 254)) << 16 |
                                 below(party, 256) << 8 | (1 + below(party, 254)));
    if (manner->how == DEAF || manner->how == MANY)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    guest->text = BUF_INIT(TEXT_MAX);
    guest->end_ms = now + 50 + below(party, manner->how == AT_ONCE ? 1000 : 12000);
    if (bind(fd, (struct sockaddr *)&from, sizeof from) != 0 ||
        (connect(fd, (struct sockaddr *)&party->server, sizeof party->server) != 0 &&
         errno != EINPROGRESS) ||
        epoll_ctl(party->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        close(fd);
        guest->fd = -1;
        return false;
    }
    compose(party, manner->text, &guest->text);
    if (manner->how == HALF)
        buf_cut(&guest->text, 1 + below(party, (unsigned)guest->text.len - 1));
    party->tallies[guest->manner].opened++;
    return true;
}

/* What to do when all was said. */
static void said(struct party *party, struct guest *guest, uint64_t now)
{
    switch (manners[guest->manner].how) {
    case RESET:
    case DROP:
        leave(party, guest, true);
        break;
    case SHUT:
        shutdown(guest->fd, SHUT_WR);
        guest->next_ms = guest->end_ms;
        break;
    case MANY:
        guest->sent = 0;
        guest->next_ms = now + 1 + below(party, 20);
        break;
    case FLOOD:
        guest->sent = 0;
        buf_clear(&guest->text);
        while (guest->text.len < 4096)
            random_text(party, 'r', &guest->text);
        guest->next_ms = now + 1;
        break;
    case AT_ONCE:
    case DRIP:
    case HALF:
    case DEAF:
        guest->next_ms = guest->end_ms;
        break;
    }
}

static void speak(struct party *party, struct guest *guest, uint64_t now)
{
    size_t left = guest->text.len - guest->sent;
    bool drip = manners[guest->manner].how == DRIP;
    if (!guest->connected || guest->fd < 0 || now < guest->next_ms)
        return;
    ssize_t n = left ? send(guest->fd, guest->text.data + guest->sent, drip ? 1 : left,
                            MSG_NOSIGNAL | MSG_DONTWAIT)
                     : 0;
    if (n < 0 && errno != EAGAIN) {
        party->tallies[guest->manner].ended++;
        leave(party, guest, false);
        return;
    }
    if (n > 0) {
        guest->sent += (size_t)n;
        party->sent += (uint64_t)n;
    }
    if (guest->sent == guest->text.len)
        said(party, guest, now);
    else
        guest->next_ms = now + (drip ? 20 + below(party, 200) : 2);
}

/* The status of the first answer says whether a hole is open. */
static void judge(struct party *party, struct guest *guest)
{
    if (guest->head_len < 12 || guest->heard)
        return;
    guest->heard = true;
    guest->refused = guest->head[9] == '4' || guest->head[9] == '5';
    if (manners[guest->manner].refused && guest->head[9] == '2')
        party->tallies[guest->manner].smuggled++;
}

static void hear(struct party *party, struct guest *guest)
{
    enum how how = manners[guest->manner].how;
    if (how == DEAF || how == MANY)
        return;
    for (;;) {
        ssize_t n = recv(guest->fd, party->scratch, sizeof party->scratch, MSG_DONTWAIT);
        if (n <= 0) {
            if (n == 0 || errno != EAGAIN) {
                party->tallies[guest->manner].ended++;
                leave(party, guest, false);
            }
            return;
        }
        party->tallies[guest->manner].bytes += (uint64_t)n;
        size_t room = sizeof guest->head - guest->head_len;
        size_t part = (size_t)n < room ? (size_t)n : room;
        memcpy(guest->head + guest->head_len, party->scratch, part);
        guest->head_len += part;
        judge(party, guest);
        /* Whoever accepts the second request that was hidden in the first says 202. */
        if (manners[guest->manner].refused && memmem(party->scratch, (size_t)n, "HTTP/1.1 202", 12))
            party->tallies[guest->manner].smuggled++;
    }
}

/* ---- all of them --------------------------------------------------------------------------- */

static void happened(struct party *party, struct guest *guest, unsigned events, uint64_t now)
{
    if (guest->fd < 0)
        return;
    if (!guest->connected && (events & (EPOLLOUT | EPOLLERR))) {
        struct epoll_event quiet = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = guest};
        enum how how = manners[guest->manner].how;
        if (events & EPOLLERR) {
            party->failed++;
            leave(party, guest, false);
            return;
        }
        guest->connected = true;
        /* Who does not read does not want to hear of it either. */
        quiet.events = how == DEAF || how == MANY ? 0 : quiet.events;
        epoll_ctl(party->epoll, EPOLL_CTL_MOD, guest->fd, &quiet);
        speak(party, guest, now);
    }
    if (guest->fd >= 0 && (events & (EPOLLHUP | EPOLLERR))) {
        party->tallies[guest->manner].ended++;
        leave(party, guest, false);
    } else if (guest->fd >= 0 && (events & (EPOLLIN | EPOLLRDHUP))) {
        hear(party, guest);
    }
}

static void revel(struct party *party)
{
    struct epoll_event events[EVENTS];
    uint64_t began = now_ms(), end = began + (uint64_t)party->seconds * 1000, arrived = 0;
    for (uint64_t now = began; now < end; now = now_ms()) {
        int n = epoll_wait(party->epoll, events, EVENTS, TURN_MS);
        for (int i = 0; i < n; i++)
            happened(party, events[i].data.ptr, events[i].events, now);
        for (unsigned i = 0; i < party->connections; i++) {
            struct guest *guest = &party->guests[i];
            if (guest->fd >= 0 && now >= guest->end_ms)
                leave(party, guest, below(party, 2));
            if (guest->fd < 0 && arrived < (now - began) * party->rate / 1000 + 1) {
                arrived++;
                party->failed += !come(party, guest, now);
            } else {
                speak(party, guest, now);
            }
        }
    }
    for (unsigned i = 0; i < party->connections; i++)
        leave(party, &party->guests[i], below(party, 2));
}

static uint64_t report(const struct party *party)
{
    struct tally all = {0};
    unsigned silent = 0;
    printf("{\"manners\":{");
    for (unsigned i = 0; i < MANNERS; i++) {
        const struct tally *one = &party->tallies[i];
        printf("%s\"%s\":{\"opened\":%" PRIu64 ",\"ended\":%" PRIu64 ",\"answered\":%" PRIu64
               ",\"refused\":%" PRIu64 ",\"smuggled\":%" PRIu64 "}",
               i ? "," : "", manners[i].name, one->opened, one->ended, one->answered, one->refused,
               one->smuggled);
        all.opened += one->opened;
        all.ended += one->ended;
        all.answered += one->answered;
        all.refused += one->refused;
        all.bytes += one->bytes;
        all.smuggled += one->smuggled;
        silent += one->opened == 0;
    }
    printf("},\"opened\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"ended\":%" PRIu64
           ",\"answered\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"sent\":%" PRIu64
           ",\"received\":%" PRIu64 ",\"smuggled\":%" PRIu64 ",\"unused\":%u}\n",
           all.opened, party->failed, all.ended, all.answered, all.refused, party->sent, all.bytes,
           all.smuggled, silent);
    return all.smuggled;
}

/* ---- the command line ---------------------------------------------------------------------- */

static bool take_server(const char *text, struct sockaddr_in *out)
{
    char host[INET_ADDRSTRLEN];
    const char *colon = strrchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : sizeof host;
    if (n >= sizeof host)
        return false;
    memcpy(host, text, n);
    host[n] = '\0';
    *out = (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10))};
    return inet_pton(AF_INET, host, &out->sin_addr) == 1 &&
           ntohl(out->sin_addr.s_addr) >> 24 == 127 && out->sin_port;
}

static bool take_number(const char *text, unsigned max, unsigned *out)
{
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 10);
    *out = (unsigned)value;
    return *text && !*end && value > 0 && value <= max;
}

int main(int argc, char **argv)
{
    static const struct option known[] = {
        {"server", required_argument, NULL, 's'},      {"seconds", required_argument, NULL, 't'},
        {"connections", required_argument, NULL, 'c'}, {"rate", required_argument, NULL, 'r'},
        {"seed", required_argument, NULL, 'd'},        {0},
    };
    static struct party party = {.connections = 200, .rate = 400, .seconds = 10, .dice = 1};
    unsigned seed = 1;
    bool ok = true;
    for (int c; ok && (c = getopt_long(argc, argv, "", known, NULL)) != -1;)
        switch (c) {
        case 's':
            ok = take_server(optarg, &party.server);
            break;
        case 't':
            ok = take_number(optarg, 24 * 3600, &party.seconds);
            break;
        case 'c':
            ok = take_number(optarg, CONNECTIONS_MAX, &party.connections);
            break;
        case 'r':
            ok = take_number(optarg, 100000, &party.rate);
            break;
        case 'd':
            ok = take_number(optarg, UINT32_MAX, &seed);
            break;
        default:
            ok = false;
        }
    if (!ok || optind < argc || !party.server.sin_port) {
        fprintf(stderr, "usage: rude --server 127.0.0.1:PORT --seconds N [--connections N] "
                        "[--rate NEW-ONES-A-SECOND] [--seed N]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    party.dice = seed * UINT64_C(0x9e3779b97f4a7c15);
    party.epoll = epoll_create1(EPOLL_CLOEXEC);
    party.guests = mem_array(party.connections, sizeof *party.guests);
    for (unsigned i = 0; i < party.connections; i++)
        party.guests[i].fd = -1;
    revel(&party);
    uint64_t smuggled = report(&party);
    free(party.guests);
    close(party.epoll);
    return smuggled ? 1 : 0;
}
