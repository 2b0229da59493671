#include "publishers.h"

#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BODY_MAX = 8 * 1024 * 1024,
    ANSWERS_MAX = 256 * 1024,
    PAYLOAD_MAX = 65536,
    BROKEN_MAX = 1000, /* how often connections are made again */
    FLUSH_AT = 32 * 1024,
};

/* Requests are answered in order, each for `array` messages but the last. */
struct publisher {
    struct watched watched;
    struct publishers *all;
    int fd;
    unsigned unanswered; /* requests */
    uint64_t messages;   /* in them */
    struct buf out, in;
    size_t written; /* of `out` */
};

struct publishers {
    const struct options *options;
    struct loop *loop;
    struct template body, path;
    struct publisher *each;
    unsigned next, broken;
    struct publishers_counts counts;
    struct buf text; /* the body that is being made */
    char payload[PAYLOAD_MAX];
};

static void ready(struct watched *watched, uint32_t events);

static bool dial(struct publisher *one)
{
    const struct sockaddr_in *to = &one->all->options->publish;
    const int on = 1;
    one->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (one->fd < 0)
        return false;
    setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return connect(one->fd, (const struct sockaddr *)to, sizeof *to) == 0 &&
           loop_watch(one->all->loop, one->fd, EPOLLIN | EPOLLOUT | EPOLLET, &one->watched);
}

struct publishers *publishers_new(const struct options *options, struct loop *loop, struct err *err)
{
    struct publishers *all = mem_new(sizeof *all);
    all->options = options;
    all->loop = loop;
    all->text = BUF_INIT(BODY_MAX);
    memset(all->payload, 'x', sizeof all->payload);
    all->each = mem_array(options->publishers, sizeof *all->each);
    for (unsigned i = 0; i < options->publishers; i++)
        all->each[i].fd = -1;
    if (!template_parse(&all->body, options->body) ||
        !template_parse(&all->path, options->publish_path)) {
        err_set(err, "a template has too many holes");
        goto failed;
    }
    for (unsigned i = 0; i < options->publishers; i++) {
        struct publisher *one = &all->each[i];
        one->watched.ready = ready;
        one->all = all;
        one->out = BUF_INIT(BODY_MAX);
        one->in = BUF_INIT(ANSWERS_MAX);
        if (!dial(one)) {
            err_set(err, "connect to publish: %s", strerror(errno));
            goto failed;
        }
    }
    return all;
failed:
    publishers_free(all);
    return NULL;
}

void publishers_free(struct publishers *all)
{
    if (!all)
        return;
    for (unsigned i = 0; i < all->options->publishers; i++) {
        if (all->each[i].fd >= 0)
            close(all->each[i].fd);
        buf_free(&all->each[i].out);
        buf_free(&all->each[i].in);
    }
    buf_free(&all->text);
    free(all->each);
    free(all);
}

/* ---- answers ---- */

/* One request was answered; `ok` or not. */
static void answered(struct publisher *one, bool ok)
{
    struct publishers_counts *counts = &one->all->counts;
    if (one->unanswered == 0)
        return;
    uint64_t n = one->unanswered == 1       ? one->messages
                 : one->all->options->array ? one->all->options->array
                                            : 1;
    one->unanswered--;
    one->messages -= n;
    counts->waiting -= n;
    *(ok ? &counts->accepted : &counts->refused) += n;
}

/* The server closed: what it has not answered is refused. */
static void again(struct publisher *one)
{
    while (one->unanswered > 0)
        answered(one, false);
    close(one->fd);
    buf_clear(&one->out);
    buf_clear(&one->in);
    one->written = 0;
    if (++one->all->broken > BROKEN_MAX || !dial(one)) {
        fprintf(stderr, "load: publishing broke off\n");
        exit(EXIT_FAILURE);
    }
}

struct answer {
    unsigned status;
    size_t length; /* with its body */
    bool last;     /* the server closes behind it */
};

static bool has(struct str head, const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i + n <= head.n; i++)
        if (strncasecmp(head.p + i, text, n) == 0)
            return true;
    return false;
}

static size_t content_length(struct str head)
{
    static const char name[] = "\r\ncontent-length:";
    for (size_t i = 0; i + sizeof name <= head.n; i++)
        if (strncasecmp(head.p + i, name, sizeof name - 1) == 0)
            return strtoull(head.p + i + sizeof name - 1, NULL, 10);
    return 0;
}

/* False: it is not whole. */
static bool parse_answer(struct str text, struct answer *answer)
{
    const char *end = text.n ? memmem(text.p, text.n, "\r\n\r\n", 4) : NULL;
    if (!end)
        return false;
    struct str head = {.p = text.p, .n = (size_t)(end - text.p) + 4};
    size_t body = content_length(head);
    if (has(head, "\r\ntransfer-encoding: chunked")) {
        struct str rest = str_from(text, head.n);
        const char *last = rest.n ? memmem(rest.p, rest.n, "0\r\n\r\n", 5) : NULL;
        if (!last)
            return false;
        body = (size_t)(last - rest.p) + 5;
    }
    answer->status = head.n > 12 ? (unsigned)strtoul(head.p + 9, NULL, 10) : 0;
    answer->length = head.n + body;
    answer->last = has(head, "\r\nconnection: close") ||
                   (str_starts(head, STR("HTTP/1.0")) && !has(head, "\r\nconnection: keep-alive"));
    return answer->length <= text.n;
}

/* Bytes of the answers that were whole. */
static size_t take_lines(struct publisher *one, struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '\n')
            answered(one, true);
    return text.n;
}

static size_t take_answers(struct publisher *one, struct str text)
{
    size_t used = 0;
    struct answer answer;
    while (parse_answer(str_from(text, used), &answer)) {
        answered(one, answer.status >= 200 && answer.status < 300);
        used += answer.length;
        if (answer.last) {
            again(one);
            return 0;
        }
    }
    return used;
}

static void read_answers(struct publisher *one)
{
    char chunk[32768];
    for (;;) {
        ssize_t n = recv(one->fd, chunk, sizeof chunk, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0 || !buf_add(&one->in, chunk, (size_t)n)) {
            again(one);
            return;
        }
        size_t used = one->all->options->publish_line ? take_lines(one, buf_slice(&one->in))
                                                      : take_answers(one, buf_slice(&one->in));
        if (used)
            buf_shift(&one->in, used);
        if ((size_t)n < sizeof chunk)
            return;
    }
}

/* ---- requests ---- */

static void write_out(struct publisher *one)
{
    while (one->written < one->out.len) {
        ssize_t n = send(one->fd, one->out.data + one->written, one->out.len - one->written,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) {
            again(one);
            return;
        }
        one->written += (size_t)n;
    }
    buf_clear(&one->out);
    one->written = 0;
}

static void ready(struct watched *watched, uint32_t events)
{
    struct publisher *one = (struct publisher *)watched;
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        read_answers(one);
    if (events & EPOLLOUT)
        write_out(one);
}

static void add_message(struct publishers *all, uint64_t number, uint64_t now_ns)
{
    const struct options *options = all->options;
    char marker[64];
    int n = snprintf(marker, sizeof marker, "@ts=%" PRIu64 ";seq=%" PRIu64 "@", now_ns, number);
    memset(all->payload, 'x', sizeof marker);
    memcpy(all->payload, marker, (size_t)n);
    const struct template_values values = {
        .topic = (unsigned)(number % options->topics),
        .key = (unsigned)(number % options->keys),
        .payload = {.p = all->payload, .n = options->size},
    };
    template_fill(&all->body, &values, &all->text);
}

bool publishers_send(struct publishers *all, uint64_t number, unsigned n, uint64_t now_ns)
{
    const struct options *options = all->options;
    struct publisher *one = NULL;
    for (unsigned i = 0; i < options->publishers && !one; i++) {
        unsigned at = (all->next + i) % options->publishers;
        if (all->each[at].unanswered < options->depth) {
            one = &all->each[at];
            all->next = (at + 1) % options->publishers;
        }
    }
    if (!one)
        return false;
    buf_clear(&all->text);
    if (options->array)
        buf_byte(&all->text, '[');
    for (unsigned i = 0; i < n; i++) {
        if (i > 0)
            buf_byte(&all->text, ',');
        add_message(all, number + i, now_ns);
    }
    if (options->array)
        buf_byte(&all->text, ']');
    if (!options->publish_line) {
        const struct template_values path = {.topic = (unsigned)(number % options->topics)};
        buf_text(&one->out, "POST ");
        template_fill(&all->path, &path, &one->out);
        buf_text(&one->out, " HTTP/1.1\r\nHost: 127.0.0.1\r\n");
        if (options->content_type)
            buf_printf(&one->out, "Content-Type: %s\r\n", options->content_type);
        buf_printf(&one->out, "Content-Length: %zu\r\n\r\n", all->text.len);
    }
    buf_str(&one->out, buf_slice(&all->text));
    one->unanswered++;
    one->messages += n;
    all->counts.waiting += n;
    if (options->depth == 1 || one->out.len > FLUSH_AT)
        write_out(one);
    return true;
}

void publishers_flush(struct publishers *all)
{
    for (unsigned i = 0; i < all->options->publishers; i++)
        if (all->each[i].out.len)
            write_out(&all->each[i]);
}

struct publishers_counts publishers_counts(const struct publishers *all)
{
    return all->counts;
}
