/* Streams of a real server: what is cut comes later, once and in order; who takes nothing is given
 * up, not before his time; an idle stream costs next to nothing. */
#include "server_rig.h"

#include <arpa/inet.h>
#include <malloc.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define STREAM STR("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")

static struct client *open_stream(struct rig *rig)
{
    struct client *client = rig_connect(rig);
    unsigned handed = rig->handed;
    rig_send(client, STREAM);
    rig_until(rig, rig->handed == handed + 1 && rig_has(&client->in, "stream;"));
    buf_clear(&client->in);
    return client;
}

static struct conn *stream_of(struct rig *rig)
{
    struct conn *conn = conn_find(rig->server, rig->conn);
    assert_non_null(conn);
    return conn;
}

static enum conn_sent send_text(struct conn *conn, const char *text)
{
    struct blob *blob = blob_new(str_of(text));
    struct piece piece = {.blob = blob, .from = 0, .to = blob->len};
    enum conn_sent sent = conn_send(conn, &piece, 1, NULL);
    blob_unref(blob);
    return sent;
}

/* Sends until the kernel takes no more. */
static void fill(struct conn *conn)
{
    char bytes[30000];
    memset(bytes, 'x', sizeof bytes);
    struct blob *blob = blob_new((struct str){.p = bytes, .n = sizeof bytes});
    struct piece piece = {.blob = blob, .from = 0, .to = blob->len};
    while (!conn_busy(conn))
        conn_send(conn, &piece, 1, NULL);
    blob_unref(blob);
}

/* The bytes 0, 1, 2, ... of one long text, in blobs of many lengths, of which each piece is a part.
 * The owner remembers only how far he is, as delivery does. */
struct supply {
    uint64_t sent; /* bytes that were taken or are in flight */
    uint64_t total;
    unsigned cuts;
    uint32_t random;
};

static unsigned rnd(struct supply *supply, unsigned below)
{
    supply->random = supply->random * 1664525 + 1013904223;
    return (supply->random >> 8) % below;
}

static char byte_at(uint64_t at)
{
    return (char)((at * 2654435761U) >> 24);
}

static struct piece make_piece(struct supply *supply, uint64_t at)
{
    static char bytes[70000];
    static const unsigned sizes[] = {1, 60, 5000, 16384, 65000};
    uint32_t before = rnd(supply, 10);
    uint32_t length = 1 + rnd(supply, sizes[rnd(supply, 5)]);
    for (uint32_t i = 0; i < length; i++)
        bytes[before + i] = byte_at(at + i);
    struct blob *blob = blob_new((struct str){.p = bytes, .n = before + length + rnd(supply, 10)});
    return (struct piece){.blob = blob, .from = before, .to = before + length};
}

static void send_more(struct rig *rig, struct conn *conn)
{
    struct supply *supply = rig->test;
    while (supply->sent < supply->total && !conn_busy(conn)) {
        struct piece pieces[30];
        unsigned n = 1 + rnd(supply, 30), cut = 99;
        uint64_t at = supply->sent;
        for (unsigned i = 0; i < n; i++) {
            pieces[i] = make_piece(supply, at);
            at += pieces[i].to - pieces[i].from;
        }
        enum conn_sent sent = conn_send(conn, pieces, n, &cut);
        assert_int_equal(conn_busy(conn), sent == CONN_CUT);
        unsigned last = sent == CONN_CUT ? cut : n - 1;
        supply->cuts += sent == CONN_CUT;
        for (unsigned i = 0; i < n; i++) {
            if (i <= last)
                supply->sent += pieces[i].to - pieces[i].from;
            blob_unref(pieces[i].blob);
        }
    }
}

static void what_is_cut_arrives_later_once_and_in_order(void **state)
{
    struct supply supply = {.total = 40000000, .random = 42};
    struct rig *rig = rig_new(NULL);
    struct client *client = open_stream(rig);
    uint64_t got = 0;
    rig->test = &supply;
    rig->on_writable = send_more;
    client->reading = false;
    send_more(rig, stream_of(rig));
    for (unsigned i = 0; i < 20; i++)
        rig_step(rig);
    assert_true(conn_busy(stream_of(rig)));
    while (got < supply.sent || supply.sent < supply.total) {
        client->reading = rnd(&supply, 3) == 0;
        rig_step(rig);
        for (size_t i = 0; i < client->in.len; i++)
            if (client->in.data[i] != byte_at(got++))
                fail_msg("byte %llu is wrong", (unsigned long long)got - 1);
        buf_clear(&client->in);
    }
    assert_int_equal(got, supply.sent);
    assert_true(supply.cuts > 10);
    assert_int_equal(rig_count(&rig->events, "writable"), supply.cuts);
    rig_free(rig);
}

static void many_pieces_are_one_send(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct client *client = open_stream(rig);
    struct piece pieces[200];
    struct blob *blob = blob_new(STR("0123456789"));
    for (unsigned i = 0; i < 200; i++)
        pieces[i] = (struct piece){.blob = blob, .from = i % 10, .to = 10};
    uint64_t sends = server_stats(rig->server)->sends;
    assert_int_equal(conn_send(stream_of(rig), pieces, 200, NULL), CONN_SENT);
    assert_int_equal(server_stats(rig->server)->sends, sends + 1);
    rig_until(rig, client->in.len == 20 * 55);
    assert_true(str_starts(buf_slice(&client->in), STR("0123456789123456789234567893456789")));
    pieces[0].from = 10; /* pieces of nothing do no harm */
    assert_int_equal(conn_send(stream_of(rig), pieces, 1, NULL), CONN_SENT);
    assert_int_equal(conn_send(stream_of(rig), pieces, 0, NULL), CONN_SENT);
    assert_int_equal(server_stats(rig->server)->sends, sends + 1);
    blob_unref(blob);
    rig_free(rig);
}

static void the_kernel_swallows_little_for_a_sleeping_reader(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct client *client = rig_connect(rig);
    int small = 4096; /* what the peer's own kernel takes is not ours to bound */
    setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    rig_send(client, STREAM);
    rig_until(rig, rig_has(&client->in, "stream;"));
    client->reading = false;
    uint64_t before = server_stats(rig->server)->bytes_out;
    char bytes[150];
    memset(bytes, 'x', sizeof bytes);
    struct blob *blob = blob_new((struct str){.p = bytes, .n = sizeof bytes});
    struct piece piece = {.blob = blob, .from = 0, .to = blob->len};
    struct conn *conn = stream_of(rig);
    while (!conn_busy(conn)) {
        conn_send(conn, &piece, 1, NULL);
        rig_step(rig);
    }
    uint64_t swallowed = server_stats(rig->server)->bytes_out - before;
    print_message("swallowed for a reader that sleeps: %llu bytes\n",
                  (unsigned long long)swallowed);
    assert_true(swallowed < 200000);
    blob_unref(blob);
    rig_free(rig);
}

static void short_stalled(struct server_options *options)
{
    options->limits.stalled_ms = 300;
}

static void gives_up_who_takes_nothing_but_not_before_his_time(void **state)
{
    struct rig *rig = rig_new(short_stalled);
    struct client *client = open_stream(rig);
    client->reading = false;
    uint64_t start = rig_ms();
    fill(stream_of(rig));
    rig_until(rig, rig_has(&rig->events, "closed stalled"));
    uint64_t took = rig_ms() - start;
    assert_true(took >= 300);
    assert_true(took < 3000);
    rig_free(rig);
}

static void being_slow_is_no_reason(void **state)
{
    struct rig *rig = rig_new(short_stalled);
    struct client *client = open_stream(rig);
    struct conn *conn = stream_of(rig);
    client->reading = false;
    fill(conn);
    size_t seen = 0;
    for (uint64_t start = rig_ms(); rig_ms() - start < 1200;) {
        char bytes[65536];
        ssize_t n = recv(client->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        seen += n > 0 ? (size_t)n : 0;
        for (uint64_t wait = rig_ms(); rig_ms() - wait < 50;)
            rig_step(rig);
        if (!conn_busy(conn))
            fill(conn);
    }
    assert_true(seen > 0);
    assert_false(rig_has(&rig->events, "closed"));
    rig_free(rig);
}

static void an_idle_stream_has_no_time_out(void **state)
{
    struct rig *rig = rig_new(short_stalled);
    struct server_limits limits = rig->limits;
    limits.keepalive_ms = limits.head_ms = limits.body_ms = 50;
    server_set_limits(rig->server, &limits);
    open_stream(rig);
    for (uint64_t start = rig_ms(); rig_ms() - start < 500;)
        rig_step(rig);
    assert_false(rig_has(&rig->events, "closed"));
    rig_free(rig);
}

static void ends_when_the_peer_shuts_its_side(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct client *client = open_stream(rig);
    send(client->fd, "bye", 3, MSG_NOSIGNAL);
    shutdown(client->fd, SHUT_WR);
    rig_until(rig, client->ended);
    assert_true(rig_has(&rig->events, "bytes bye; closed peer"));
    rig_free(rig);
}

static void hands_over_what_came_behind_the_request(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct client *client = rig_connect(rig);
    rig_send(client, STR("GET /stream HTTP/1.1\r\nHost: a\r\n\r\nmore"));
    rig_until(rig, rig_has(&rig->events, "bytes more;"));
    rig_free(rig);
}

static void wait_only(struct rig *rig, struct conn *conn, const struct http_request *request) {}

static void turns_into_a_stream_in_a_later_turn_too(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct client *client = rig_connect(rig);
    rig->on_request = wait_only;
    rig_send(client, STR("GET /stream HTTP/1.1\r\nHost: a\r\n\r\nmore"));
    rig_until(rig, rig->handed == 1);
    for (unsigned i = 0; i < 5; i++)
        rig_step(rig);
    assert_false(rig_has(&rig->events, "bytes"));
    conn_stream(stream_of(rig));
    assert_int_equal(send_text(stream_of(rig), "head"), CONN_SENT);
    rig_until(rig, rig_has(&rig->events, "bytes more;") && rig_has(&client->in, "head"));
    rig_send(client, STR("again"));
    rig_until(rig, rig_has(&rig->events, "bytes again;"));
    rig_free(rig);
}

static void closes_after_what_is_in_flight(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct client *client = open_stream(rig);
    struct conn *conn = stream_of(rig);
    client->reading = false;
    fill(conn);
    uint64_t out = 0;
    conn_close(conn, CLOSE_SHUTDOWN, true);
    assert_int_equal(send_text(conn, "late"), CONN_GONE);
    for (unsigned i = 0; i < 10; i++)
        rig_step(rig);
    assert_false(rig_has(&rig->events, "closed"));
    client->reading = true;
    rig_until(rig, client->ended);
    out = server_stats(rig->server)->bytes_out;
    assert_false(client->reset);
    assert_false(rig_has(&client->in, "late"));
    assert_int_equal(client->in.len, out - strlen("stream;"));
    assert_int_equal(client->in.len % 30000, 0);
    rig_until(rig, rig_has(&rig->events, "closed shutdown"));
    assert_int_equal(rig_count(&rig->events, "closed"), 1);
    assert_false(rig_has(&rig->events, "writable"));
    rig_free(rig);
}

static void sending_to_one_who_left_says_gone(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct client *client = open_stream(rig);
    rig_leave(client, true);
    usleep(
        2000); /* the reset is on its way inside this machine; either answer is right before it */
    struct conn *conn = stream_of(rig);
    enum conn_sent sent = send_text(conn, "x");
    assert_true(sent == CONN_GONE || sent == CONN_SENT);
    if (sent == CONN_GONE)
        assert_int_equal(send_text(conn, "y"), CONN_GONE);
    assert_false(rig_has(&rig->events, "closed"));
    rig_until(rig, rig_has(&rig->events, "closed peer"));
    assert_int_equal(rig_count(&rig->events, "closed"), 1);
    rig_free(rig);
}

static void close_in_request(struct rig *rig, struct conn *conn, const struct http_request *request)
{
    conn_stream(conn);
    conn_close(conn, CLOSE_ERROR, false);
    conn_close(conn, CLOSE_DONE, true);
    conn_respond(conn, 200, STR(""), STR("x"));
    assert_int_equal(send_text(conn, "x"), CONN_GONE);
    assert_false(rig_has(&rig->events, "closed"));
}

static void may_be_closed_inside_a_callback(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct client *client = rig_connect(rig);
    rig->on_request = close_in_request;
    rig_send(client, STR("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    rig_until(rig, client->ended);
    assert_int_equal(rig->handed, 1);
    assert_int_equal(rig_count(&rig->events, "closed error"), 1);
    assert_int_equal(client->in.len, 0);
    rig_free(rig);
}

static void ids_are_never_used_twice(void **state)
{
    struct rig *rig = rig_new(NULL);
    uint64_t before = 0;
    for (unsigned i = 0; i < 20; i++) {
        struct client *client = open_stream(rig);
        assert_int_not_equal(rig->conn, before);
        assert_null(conn_find(rig->server, before));
        before = rig->conn;
        conn_set_user(stream_of(rig), client);
        assert_ptr_equal(conn_user(stream_of(rig)), client);
        rig_leave(client, i % 2);
        rig_until(rig, server_stats(rig->server)->open == 0);
    }
    assert_null(conn_find(rig->server, UINT64_MAX));
    assert_null(conn_find(rig->server, 1ULL << 32 | 1000000));
    rig_free(rig);
}

static int connect_to(const struct rig *rig)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    to.sin_port = rig_port(rig->server);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void an_idle_stream_costs_next_to_nothing(void **state)
{
    enum { STREAMS = 2000 };
    static int fds[STREAMS];
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 2 * STREAMS + 100)
        skip();
    struct rig *rig = rig_new(NULL);
    rig->events.max = 100; /* this test counts, it does not look */
    open_stream(rig);
    size_t before = mallinfo2().uordblks;
    for (unsigned i = 0; i < STREAMS; i++) {
        fds[i] = connect_to(rig);
        assert_int_equal(send(fds[i], STREAM.p, STREAM.n, MSG_NOSIGNAL), STREAM.n);
        if (i % 50 == 49)
            rig_until(rig, rig->handed == i + 2);
    }
    for (unsigned i = 0; i < 10; i++)
        rig_step(rig);
    size_t each = (mallinfo2().uordblks - before) / STREAMS;
    print_message("user memory of an idle stream: %zu bytes\n", each);
    assert_true(each < 320); /* 0 under a sanitizer, which has its own heap */
    for (unsigned i = 0; i < STREAMS; i++)
        close(fds[i]);
    rig_until(rig, server_stats(rig->server)->open == 1);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_cut_arrives_later_once_and_in_order),
        cmocka_unit_test(many_pieces_are_one_send),
        cmocka_unit_test(the_kernel_swallows_little_for_a_sleeping_reader),
        cmocka_unit_test(gives_up_who_takes_nothing_but_not_before_his_time),
        cmocka_unit_test(being_slow_is_no_reason),
        cmocka_unit_test(an_idle_stream_has_no_time_out),
        cmocka_unit_test(ends_when_the_peer_shuts_its_side),
        cmocka_unit_test(hands_over_what_came_behind_the_request),
        cmocka_unit_test(turns_into_a_stream_in_a_later_turn_too),
        cmocka_unit_test(closes_after_what_is_in_flight),
        cmocka_unit_test(sending_to_one_who_left_says_gone),
        cmocka_unit_test(may_be_closed_inside_a_callback),
        cmocka_unit_test(ids_are_never_used_twice),
        cmocka_unit_test(an_idle_stream_costs_next_to_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
