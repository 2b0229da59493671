#include "subscribers.h"

#include "base/mem.h"
#include "frames.h"
#include "scanner.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { INPUT = 256 * 1024, REQUEST_MAX = 4096, ADDRESSES = 16 };

enum state { WAITING, CONNECTING, ASKING, OPEN, GONE };

struct subscriber {
    struct watched watched;
    struct subscribers *all;
    struct follower follower;
    int fd;
    unsigned topic;
    enum state state : 8;
    bool slow;
    bool answered; /* the status line was right */
    struct scanner_carry carry;
    struct frames frames;
};

struct subscribers {
    const struct options *options;
    struct loop *loop;
    struct template path, hello;
    struct scanner scanner;
    struct tally tally;
    struct subscribers_counts counts;
    struct subscriber *each;
    uint64_t *before; /* healthy subscribers of the topics below each, and of all */
    unsigned started, on_the_way;
    char input[SCANNER_CARRY + INPUT];
};

static bool is_slow(const struct options *options, unsigned i)
{
    return (unsigned)((i + 1) * options->slow / 100) > (unsigned)(i * options->slow / 100);
}

static void ready(struct watched *watched, uint32_t events);

static void count_topics(struct subscribers *all)
{
    unsigned topics = all->options->topics;
    all->before = mem_array(topics + 1, sizeof *all->before);
    for (unsigned i = 0; i < all->options->subscribers; i++)
        if (!all->each[i].slow)
            all->before[all->each[i].topic + 1]++;
    for (unsigned topic = 0; topic < topics; topic++)
        all->before[topic + 1] += all->before[topic];
}

struct subscribers *subscribers_new(const struct options *options, struct loop *loop)
{
    struct subscribers *all = mem_new(sizeof *all);
    all->options = options;
    all->loop = loop;
    all->each = mem_array(options->subscribers ? options->subscribers : 1, sizeof *all->each);
    if (options->count == DELIVERY_MESSAGE)
        all->scanner = (struct scanner){.start = STR("@ts="), .end = '@'};
    else
        all->scanner = (struct scanner){.start = STR("\"position\":\""), .end = '"'};
    template_parse(&all->path, options->path);
    template_parse(&all->hello, options->hello ? options->hello : "");
    for (unsigned i = 0; i < options->subscribers; i++) {
        struct subscriber *one = &all->each[i];
        one->watched.ready = ready;
        one->all = all;
        one->fd = -1;
        one->topic = i % options->topics;
        one->slow = is_slow(options, i);
        *(one->slow ? &all->counts.slow : &all->counts.healthy) += 1;
        /* Positions are of the whole server: their numbers do not depend on the topic. */
        if (options->count == DELIVERY_MESSAGE)
            follower_init(&one->follower, one->topic, options->topics);
        else
            follower_init(&one->follower, 0, 1);
    }
    count_topics(all);
    return all;
}

void subscribers_free(struct subscribers *all)
{
    if (!all)
        return;
    for (unsigned i = 0; i < all->options->subscribers; i++)
        if (all->each[i].fd >= 0)
            close(all->each[i].fd);
    free(all->each);
    free(all->before);
    free(all);
}

/* ---- one of them ---- */

static void gone(struct subscriber *one)
{
    struct subscribers_counts *counts = &one->all->counts;
    if (one->state == OPEN) {
        *(one->slow ? &counts->slow_closed : &counts->closed) += 1;
    } else {
        counts->failed++;
        one->all->on_the_way--;
    }
    close(one->fd);
    one->fd = -1;
    one->state = GONE;
}

static void say(struct subscriber *one, struct str text)
{
    ssize_t n = send(one->fd, text.p, text.n, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 || (size_t)n < text.n)
        gone(one);
}

static void opened(struct subscriber *one)
{
    struct subscribers *all = one->all;
    one->state = OPEN;
    all->on_the_way--;
    all->counts.open++;
    if (one->slow)
        loop_change(all->loop, one->fd, EPOLLRDHUP | EPOLLET, &one->watched);
    if (!all->options->hello)
        return;
    struct buf text = BUF_INIT(REQUEST_MAX), out = BUF_INIT(REQUEST_MAX);
    template_fill(&all->hello, &(struct template_values){.topic = one->topic}, &text);
    if (all->options->transport == TRANSPORT_WS)
        frames_write(&out, FRAMES_TEXT, buf_slice(&text));
    say(one, buf_slice(out.len ? &out : &text));
    buf_free(&text);
    buf_free(&out);
}

static void start(struct subscriber *one, unsigned i)
{
    struct subscribers *all = one->all;
    const struct options *options = all->options;
    const int on = 1;
    /* From several addresses, so that the ports last. */
    const struct sockaddr_in from = {.sin_family = AF_INET,
                                     .sin_addr.s_addr = htonl(0x7f010001U + i % ADDRESSES)};
    one->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    one->state = CONNECTING;
    all->on_the_way++;
    if (one->fd < 0) {
        gone(one);
        return;
    }
    setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(one->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (one->slow && options->slow_buffer)
        setsockopt(one->fd, SOL_SOCKET, SO_RCVBUF, &options->slow_buffer,
                   sizeof options->slow_buffer);
    if (bind(one->fd, (const struct sockaddr *)&from, sizeof from) != 0 ||
        (connect(one->fd, (const struct sockaddr *)&options->server, sizeof options->server) != 0 &&
         errno != EINPROGRESS) ||
        !loop_watch(all->loop, one->fd, EPOLLIN | EPOLLOUT | EPOLLET | EPOLLRDHUP, &one->watched))
        gone(one);
}

static void connected(struct subscriber *one)
{
    struct subscribers *all = one->all;
    loop_change(all->loop, one->fd, EPOLLIN | EPOLLET | EPOLLRDHUP, &one->watched);
    if (all->options->transport == TRANSPORT_LINE) {
        opened(one);
        return;
    }
    struct buf text = BUF_INIT(REQUEST_MAX);
    buf_text(&text, "GET ");
    template_fill(&all->path, &(struct template_values){.topic = one->topic}, &text);
    buf_text(&text, " HTTP/1.1\r\nHost: 127.0.0.1\r\n");
    if (all->options->transport == TRANSPORT_SSE)
        buf_text(&text, "Accept: text/event-stream\r\n\r\n");
    else
        buf_text(&text, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    one->state = ASKING;
    say(one, buf_slice(&text));
    buf_free(&text);
}

/* ---- what comes ---- */

static uint64_t digits(struct str *text)
{
    uint64_t value = 0;
    while (text->n && text->p[0] >= '0' && text->p[0] <= '9') {
        value = value * 10 + (uint64_t)(text->p[0] - '0');
        *text = str_from(*text, 1);
    }
    return value;
}

/* "1234567;seq=89" of a payload, or a position, "k3f9-10423". */
static void take_token(struct subscriber *one, struct str token, uint64_t now)
{
    struct tally *tally = &one->all->tally;
    if (one->all->options->count == DELIVERY_MESSAGE) {
        uint64_t sent = digits(&token);
        if (!str_starts(token, STR(";seq=")))
            return;
        token = str_from(token, sizeof ";seq=" - 1);
        follower_message(&one->follower, tally, digits(&token), sent, now);
    } else {
        token = str_from(token, str_index(token, '-') + 1);
        if (token.n)
            follower_grant(&one->follower, tally, digits(&token), now);
    }
}

static void answer_pings(struct subscriber *one, struct str bytes)
{
    while (one->state == OPEN && frames_next_ping(&one->frames, &bytes)) {
        struct buf out = BUF_INIT(256);
        frames_write(&out, FRAMES_PONG,
                     (struct str){.p = one->frames.control, .n = one->frames.payload});
        say(one, buf_slice(&out));
        buf_free(&out);
    }
}

/* `fresh` of the bytes were not looked at before. */
static void take(struct subscriber *one, struct str bytes, size_t fresh)
{
    uint64_t now = loop_now();
    size_t at = 0;
    for (;;) {
        struct str token = scanner_next(&one->all->scanner, bytes, &at, &one->carry);
        if (!token.p)
            break;
        take_token(one, token, now);
    }
    if (one->all->options->transport == TRANSPORT_WS)
        answer_pings(one, str_from(bytes, bytes.n - fresh));
}

/* The head of the answer. It comes whole: nothing is sent before, and it is short. */
static void take_head(struct subscriber *one, struct str bytes)
{
    bool ws = one->all->options->transport == TRANSPORT_WS;
    const char *end;
    if (!one->answered) {
        one->answered = bytes.n > 12 && memcmp(bytes.p, "HTTP/1.", 7) == 0 &&
                        memcmp(bytes.p + 9, ws ? "101" : "200", 3) == 0;
        if (!one->answered) {
            gone(one);
            return;
        }
    }
    end = memmem(bytes.p, bytes.n, "\r\n\r\n", 4);
    if (!end)
        return;
    opened(one);
    struct str rest = str_from(bytes, (size_t)(end - bytes.p) + 4);
    if (one->state == OPEN && !one->slow && rest.n)
        take(one, rest, rest.n);
}

static void read_all(struct subscriber *one)
{
    struct subscribers *all = one->all;
    while (one->state == ASKING || (one->state == OPEN && !one->slow)) {
        size_t before = one->carry.n;
        memcpy(all->input, one->carry.bytes, before);
        ssize_t n = read(one->fd, all->input + before, INPUT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            gone(one);
            return;
        }
        one->carry.n = 0;
        all->tally.bytes += (uint64_t)n;
        all->tally.reads++;
        struct str bytes = {.p = all->input, .n = before + (size_t)n};
        if (one->state == ASKING)
            take_head(one, bytes);
        else
            take(one, bytes, (size_t)n);
        if (n < INPUT)
            return;
    }
}

static void ready(struct watched *watched, uint32_t events)
{
    struct subscriber *one = (struct subscriber *)watched;
    switch (one->state) {
    case WAITING:
    case GONE:
        return;
    case CONNECTING:
        if (events & (EPOLLERR | EPOLLHUP))
            gone(one);
        else if (events & EPOLLOUT)
            connected(one);
        return;
    case ASKING:
        read_all(one);
        return;
    case OPEN:
        if (!one->slow)
            read_all(one);
        else if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
            gone(one);
    }
}

/* ---- all of them ---- */

bool subscribers_connect(struct subscribers *all)
{
    const struct options *options = all->options;
    while (all->started < options->subscribers && all->on_the_way < options->connecting) {
        start(&all->each[all->started], all->started);
        all->started++;
    }
    return all->started == options->subscribers && all->on_the_way == 0;
}

const struct tally *subscribers_tally(const struct subscribers *all)
{
    return &all->tally;
}

struct subscribers_counts subscribers_counts(const struct subscribers *all)
{
    return all->counts;
}

uint64_t subscribers_expected(const struct subscribers *all, uint64_t messages)
{
    unsigned topics = all->options->topics;
    return messages / topics * all->before[topics] + all->before[messages % topics];
}

uint64_t subscribers_lost(const struct subscribers *all, uint64_t sent)
{
    uint64_t lost = 0;
    for (unsigned i = 0; i < all->options->subscribers; i++) {
        const struct subscriber *one = &all->each[i];
        if (one->slow)
            continue;
        uint64_t base = all->options->count == DELIVERY_POSITION ? one->follower.first : 0;
        lost += follower_lost(&one->follower, base + sent);
    }
    return lost;
}
