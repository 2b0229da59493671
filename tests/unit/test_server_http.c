/* Requests and responses of a real server: keep-alive, pipelining, ends of every kind. */
#include "server_rig.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define GET(path)  STR("GET " path " HTTP/1.1\r\nHost: a\r\n\r\n")
#define OK(length) "HTTP/1.1 200 OK\r\nX-Kind: echo\r\nContent-Length: " length "\r\n\r\n"

static void answers_and_keeps_the_connection(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct client *client = rig_connect(rig);
    for (unsigned i = 0; i < 3; i++) {
        buf_clear(&client->in);
        rig_send(client, GET("/echo?a=b"));
        rig_until(rig, rig_has(&client->in, ";"));
        assert_text(buf_slice(&client->in), OK("15") "GET /echo?a=b ;");
    }
    assert_int_equal(server_stats(rig->server)->accepted, 1);
    assert_int_equal(server_stats(rig->server)->requests, 3);
    assert_true(rig->turns > 0);
    rig_free(rig);
}

static void takes_a_request_byte_by_byte(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct client *client = rig_connect(rig);
    struct str bytes = STR("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    for (size_t i = 0; i < bytes.n; i++) {
        uint64_t seen = server_stats(rig->server)->bytes_in;
        assert_int_equal(client->in.len, 0);
        rig_send(client, (struct str){.p = bytes.p + i, .n = 1});
        rig_until(rig, server_stats(rig->server)->bytes_in > seen);
    }
    rig_until(rig, rig_has(&client->in, ";"));
    assert_text(buf_slice(&client->in), OK("17") "POST /echo abcde;");
    rig_free(rig);
}

static void answers_a_pipeline_in_order(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct client *client = rig_connect(rig);
    struct buf out = BUF_INIT(1 << 20), expected = BUF_INIT(1 << 20);
    for (unsigned i = 100; i < 600; i++) {
        buf_printf(&out, "POST /echo?%u HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n%u", i, i);
        buf_printf(&expected, OK("19") "POST /echo?%u %u;", i, i);
    }
    buf_byte(&expected, '\0');
    rig_send(client, buf_slice(&out));
    rig_until(rig, rig_count(&client->in, ";") == 500);
    assert_text(buf_slice(&client->in), expected.data);
    buf_free(&out);
    buf_free(&expected);
    rig_free(rig);
}

static void hands_the_next_request_over_after_the_response(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct client *client = rig_connect(rig);
    rig_send(client, STR("GET /later HTTP/1.1\r\nHost: a\r\n\r\n"
                         "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"
                         "GET /later HTTP/1.1\r\nHost: a\r\n\r\n"));
    rig_until(rig, rig->handed == 1);
    for (unsigned i = 0; i < 10; i++)
        rig_step(rig);
    assert_int_equal(rig->handed, 1);
    rig_answer(rig, "one;");
    rig_until(rig, rig->handed == 3);
    rig_answer(rig, "three;");
    rig_until(rig, rig_has(&client->in, "three;"));
    assert_text(buf_slice(&client->in),
                "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\none;" OK(
                    "11") "GET /echo ;"
                          "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nthree;");
    rig_free(rig);
}

static void stops_reading_a_peer_that_does_not_read(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct client *client = rig_connect(rig);
    struct buf out = BUF_INIT(1 << 20);
    client->reading = false;
    for (unsigned i = 0; i < 1000; i++)
        buf_text(&out, "GET /big?100000 HTTP/1.1\r\nHost: a\r\n\r\n");
    rig_send(client, buf_slice(&out));
    for (unsigned i = 0; i < 100; i++)
        rig_step(rig);
    assert_true(rig->handed > 0 && rig->handed < 200);
    unsigned handed = rig->handed;
    for (unsigned i = 0; i < 20; i++)
        rig_step(rig);
    assert_int_equal(rig->handed, handed);
    client->reading = true;
    for (size_t total = 0; total < 1000 * 100000;) {
        rig_step(rig);
        total += rig_count(&client->in, "b");
        assert_int_equal(rig_count(&client->in, "a"), 0);
        buf_clear(&client->in);
    }
    assert_int_equal(rig->handed, 1000);
    buf_free(&out);
    rig_free(rig);
}

static void asks_for_the_body_where_it_is_expected(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct client *client = rig_connect(rig);
    rig_send(client, STR("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
                         "Expect: 100-continue\r\n\r\n"));
    rig_until(rig, rig_has(&client->in, "\r\n\r\n"));
    assert_text(buf_slice(&client->in), "HTTP/1.1 100 Continue\r\n\r\n");
    rig_send(client, STR("hi"));
    rig_until(rig, rig_has(&client->in, ";"));
    assert_text(buf_slice(&client->in), "HTTP/1.1 100 Continue\r\n\r\n" OK("14") "POST /echo hi;");
    rig_free(rig);
}

static void sends_no_body_for_head(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct client *client = rig_connect(rig);
    rig_send(client, STR("HEAD /echo HTTP/1.1\r\nHost: a\r\n\r\n"
                         "GET /close HTTP/1.1\r\nHost: a\r\n\r\n"));
    rig_until(rig, client->ended);
    assert_text(buf_slice(&client->in), OK("12") "HTTP/1.1 200 OK\r\nConnection: close\r\n"
                                                 "Content-Length: 12\r\n\r\nGET /close ;");
    rig_until(rig, rig_has(&rig->events, "closed done"));
    rig_free(rig);
}

static void speaks_http_1_0(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct client *client = rig_connect(rig);
    rig_send(client, STR("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    rig_until(rig, rig_has(&client->in, ";"));
    assert_text(buf_slice(&client->in),
                "HTTP/1.1 200 OK\r\nX-Kind: echo\r\nConnection: keep-alive\r\n"
                "Content-Length: 11\r\n\r\nGET /echo ;");
    rig_send(client, STR("GET /echo HTTP/1.0\r\n\r\n"));
    rig_until(rig, client->ended);
    assert_true(rig_has(&client->in, "Connection: close"));
    rig_free(rig);
}

static void answers_a_peer_that_has_shut_its_side(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct client *client = rig_connect(rig);
    rig_send(client, STR("GET /later HTTP/1.1\r\nHost: a\r\n\r\n"
                         "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"));
    shutdown(client->fd, SHUT_WR);
    rig_until(rig, rig->handed == 1);
    for (unsigned i = 0; i < 10; i++)
        rig_step(rig);
    rig_answer(rig, "one;");
    rig_until(rig, client->ended);
    assert_false(client->reset);
    assert_int_equal(rig_count(&client->in, "HTTP/1.1 200"), 2);
    rig_until(rig, rig_has(&rig->events, "closed peer"));
    rig_free(rig);
}

static void tells_of_a_peer_that_left_while_its_request_waits(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct client *client = rig_connect(rig);
    rig_send(client, GET("/later"));
    rig_until(rig, rig->handed == 1);
    rig_leave(client, true);
    rig_until(rig, rig_has(&rig->events, "closed peer"));
    assert_null(conn_find(rig->server, rig->conn));
    assert_int_equal(rig_count(&rig->events, "closed"), 1);
    rig_free(rig);
}

static void says_nothing_of_a_peer_without_a_request(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct client *client = rig_connect(rig);
    rig_send(client, STR("GET /ech"));
    rig_until(rig, server_stats(rig->server)->bytes_in > 0);
    rig_leave(client, false);
    rig_until(rig, server_stats(rig->server)->open == 0);
    assert_int_equal(rig->events.len, 0);
    assert_int_equal(server_stats(rig->server)->closed[CLOSE_PEER], 1);
    rig_free(rig);
}

static void the_peer_sees_why_it_is_refused_although_it_still_sends(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct client *client = rig_connect(rig);
    char body[4096];
    memset(body, 'x', sizeof body);
    rig_send(client, STR("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n"));
    for (unsigned i = 0; i < 30; i++) {
        rig_send(client, (struct str){.p = body, .n = sizeof body});
        rig_step(rig);
    }
    rig_until(rig, rig_has(&client->in, "}"));
    assert_true(str_starts(buf_slice(&client->in), STR("HTTP/1.1 413 Content Too Large\r\n")));
    assert_true(rig_has(&client->in, "{\"error\":\"the body is too large\"}"));
    assert_false(client->reset);
    rig_leave(client, false);
    rig_until(rig, server_stats(rig->server)->open == 0);
    assert_int_equal(server_stats(rig->server)->closed[CLOSE_BAD_REQUEST], 1);
    assert_int_equal(rig->handed, 0);
    rig_free(rig);
}

static void drains_no_more_than_it_must(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct client *client = rig_connect(rig);
    char bytes[65536];
    memset(bytes, 'x', sizeof bytes);
    rig_send(client, STR("\n"));
    for (unsigned i = 0; i < 1000 && server_stats(rig->server)->closed[CLOSE_BAD_REQUEST] == 0; i++)
        rig_step(rig);
    while (server_stats(rig->server)->open) {
        send(client->fd, bytes, sizeof bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
        rig_step(rig);
    }
    assert_true(server_stats(rig->server)->bytes_in < 1 << 20);
    rig_free(rig);
}

static void refuses_bad_requests_after_good_ones(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct client *client = rig_connect(rig);
    rig_send(client, STR("GET /echo HTTP/1.1\r\nHost: a\r\n\r\nGET /echo HTTP/1.1\r\n\r\n"));
    rig_until(rig, client->ended);
    assert_true(str_starts(buf_slice(&client->in), STR(OK("11") "GET /echo ;HTTP/1.1 400 ")));
    rig_until(rig, rig_has(&rig->events, "closed bad_request"));
    rig_free(rig);
}

static void short_times(struct server_options *options)
{
    options->limits.head_ms = 120;
    options->limits.body_ms = 240;
    options->limits.keepalive_ms = 360;
}

/* The three time-outs at once, each by a peer that keeps sending a little. */
static void gives_slow_peers_up_in_their_time(void **state)
{
    struct rig *rig = rig_new(short_times);
    uint64_t start = rig_ms();
    struct client *silent = rig_connect(rig);
    struct client *head = rig_connect(rig);
    struct client *body = rig_connect(rig);
    struct client *kept = rig_connect(rig);
    uint64_t at[4] = {0};
    struct client *all[] = {head, body, silent, kept};
    rig_send(head, STR("GET /"));
    rig_send(body, STR("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n"));
    rig_send(kept, GET("/echo"));
    for (uint64_t next = 0; !(at[0] && at[1] && at[2] && at[3]);) {
        rig_step(rig);
        for (unsigned i = 0; i < 4; i++)
            if (!at[i] && all[i]->ended)
                at[i] = rig_ms() - start;
        if (rig_ms() > next) {
            next = rig_ms() + 10;
            send(head->fd, "a", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
            send(body->fd, "a", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        }
        assert_true(rig_ms() - start < 20000);
    }
    assert_true(at[0] >= 120 && at[1] >= 240 && at[2] >= 360 && at[3] >= 360);
    assert_true(at[0] < at[1] && at[1] < at[2]);
    assert_true(str_starts(buf_slice(&head->in), STR("HTTP/1.1 408 ")));
    assert_true(str_starts(buf_slice(&body->in), STR("HTTP/1.1 408 ")));
    assert_int_equal(silent->in.len, 0);
    assert_true(rig_has(&kept->in, ";"));
    const struct server_stats *stats = server_stats(rig->server);
    assert_int_equal(stats->closed[CLOSE_HEAD_SLOW], 1);
    assert_int_equal(stats->closed[CLOSE_BODY_SLOW], 1);
    assert_int_equal(stats->closed[CLOSE_KEEPALIVE], 2);
    rig_free(rig);
}

static void new_limits_hold_for_running_time_outs(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct client *client = rig_connect(rig);
    rig_until(rig, server_stats(rig->server)->open == 1);
    struct server_limits limits = rig->limits;
    limits.keepalive_ms = 50;
    server_set_limits(rig->server, &limits);
    rig_until(rig, client->ended);
    rig_free(rig);
}

static void three_connections(struct server_options *options)
{
    options->limits.connections = 3;
}

static void answers_503_to_one_too_many(void **state)
{
    struct rig *rig = rig_new(three_connections);
    struct client *first = rig_connect(rig);
    rig_connect(rig);
    rig_connect(rig);
    rig_until(rig, server_stats(rig->server)->open == 3);
    struct client *extra = rig_connect(rig);
    rig_send(extra, GET("/echo"));
    rig_until(rig, extra->ended);
    assert_true(str_starts(buf_slice(&extra->in), STR("HTTP/1.1 503 Service Unavailable\r\n")));
    assert_int_equal(server_stats(rig->server)->refused, 1);
    assert_int_equal(server_stats(rig->server)->open, 3);
    rig_leave(first, false);
    rig_until(rig, server_stats(rig->server)->open == 2);
    struct client *next = rig_connect(rig);
    rig_send(next, GET("/echo"));
    rig_until(rig, rig_has(&next->in, ";"));
    rig_free(rig);
}

static void on_over_limit(void *ctx, struct conn *conn, const struct http_request *request)
{
    struct rig *rig = ctx;
    buf_printf(&rig->events, "refused %.*s; ", STR_ARG(request->path));
    conn_respond(conn, 200, STR("X-Kind: refusal\r\n"), request->path);
}

static struct rig *full_rig(void)
{
    struct rig *rig = rig_new(three_connections);
    rig->ops.over_limit = on_over_limit;
    for (unsigned i = 0; i < 3; i++)
        rig_connect(rig);
    rig_until(rig, server_stats(rig->server)->open == 3);
    return rig;
}

static void refuses_one_too_many_in_the_words_of_its_request(void **state)
{
    struct rig *rig = full_rig();
    struct client *extra = rig_connect(rig);
    struct str request = GET("/echo");
    for (size_t i = 0; i < request.n; i++) {
        uint64_t seen = server_stats(rig->server)->bytes_in;
        rig_send(extra, (struct str){.p = request.p + i, .n = 1});
        rig_until(rig, server_stats(rig->server)->bytes_in > seen);
    }
    rig_until(rig, extra->ended);
    assert_true(str_starts(buf_slice(&extra->in), STR("HTTP/1.1 200 OK\r\n")));
    assert_true(rig_has(&extra->in, "Connection: close\r\n"));
    assert_true(rig_has(&extra->in, "\r\n\r\n/echo"));
    rig_leave(extra, false);
    rig_until(rig, server_stats(rig->server)->closed[CLOSE_LIMIT] == 1);
    assert_text(buf_slice(&rig->events), "refused /echo; ");
    assert_int_equal(server_stats(rig->server)->refused, 1);
    assert_int_equal(server_stats(rig->server)->open, 3);
    rig_free(rig);
}

static void refuses_one_too_many_that_has_more_to_say(void **state)
{
    static const char *const requests[] = {
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\nbegin",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
        "GET /later HTTP/1.1\r\nHo", /* and no more */
        "",
    };
    struct rig *rig = full_rig();
    struct client *clients[4];
    for (unsigned i = 0; i < 4; i++)
        rig_send(clients[i] = rig_connect(rig), str_of(requests[i]));
    for (unsigned i = 0; i < 4; i++) {
        rig_until(rig, clients[i]->ended);
        assert_true(str_starts(buf_slice(&clients[i]->in), STR("HTTP/1.1 503 ")));
        assert_int_equal(rig_count(&clients[i]->in, "HTTP/1.1"), 1);
    }
    rig_until(rig, server_stats(rig->server)->closed[CLOSE_LIMIT] == 4);
    assert_text(buf_slice(&rig->events), "");
    rig_free(rig);
}

static void reads_of_some_too_many_only(void **state)
{
    enum { SOME = 64, MORE = 20 };
    struct rig *rig = full_rig();
    int fds[SOME + MORE];
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = rig_port(rig->server),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (unsigned i = 0; i < SOME + MORE; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(fds[i], (struct sockaddr *)&to, sizeof to), 0);
    }
    /* They say nothing: those beyond the reserve are closed at once, the others when their time is
     * over. */
    rig_until(rig, server_stats(rig->server)->refused == SOME + MORE);
    assert_true(server_stats(rig->server)->closed[CLOSE_LIMIT] >= MORE);
    for (unsigned i = 0; i < SOME + MORE; i++)
        close(fds[i]);
    rig_until(rig, server_stats(rig->server)->closed[CLOSE_LIMIT] +
                           server_stats(rig->server)->closed[CLOSE_PEER] ==
                       SOME + MORE);
    struct client *extra = rig_connect(rig);
    rig_send(extra, GET("/echo"));
    rig_until(rig, extra->ended);
    assert_true(rig_has(&extra->in, "X-Kind: refusal"));
    rig_free(rig);
}

static void lives_on_without_descriptors(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct client *first = rig_connect(rig);
    rig_send(first, GET("/echo"));
    rig_until(rig, rig_has(&first->in, ";"));
    struct client *second = rig_connect(rig);
    struct rlimit before, none;
    getrlimit(RLIMIT_NOFILE, &before);
    none = before;
    none.rlim_cur = (rlim_t)second->fd + 1; /* every number below is in use */
    setrlimit(RLIMIT_NOFILE, &none);
    rig_send(second, GET("/echo"));
    for (unsigned i = 0; i < 3; i++) {
        buf_clear(&first->in);
        rig_send(first, GET("/echo"));
        rig_until(rig, rig_has(&first->in, ";"));
    }
    assert_int_equal(server_stats(rig->server)->accepted, 1);
    setrlimit(RLIMIT_NOFILE, &before);
    rig_until(rig, rig_has(&second->in, ";"));
    rig_free(rig);
}

/* 2,000 connections that leave at any point, politely or not. */
static void outlives_churn(void **state)
{
    const struct str starts[] = {
        GET("/echo"),
        GET("/stream"),
        GET("/big?200000"),
        GET("/close"),
        GET("/ec"),
        STR("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx"),
        STR("")};
    struct rig *rig = rig_new(NULL);
    unsigned descriptors = rig_descriptors();
    for (unsigned round = 0; round < 40; round++) {
        for (unsigned i = 0; i < 50; i++) {
            struct client *client = rig_connect(rig);
            client->reading = i % 4 != 0;
            rig_send(client, starts[i % (sizeof starts / sizeof *starts)]);
        }
        for (unsigned i = 0; i < round % 5; i++)
            rig_step(rig);
        for (unsigned i = 0; i < 50; i++)
            rig_leave(&rig->clients[i], (i + round) % 3 == 0);
    }
    const struct server_stats *stats = server_stats(rig->server);
    rig_until(rig, stats->open == 0 && stats->accepted == 2000);
    uint64_t closed = 0;
    for (unsigned i = 0; i < CLOSE_REASON_COUNT; i++)
        closed += stats->closed[i];
    assert_int_equal(closed, 2000);
    assert_int_equal(rig_count(&rig->events, "requested"), rig->handed);
    assert_true(rig_count(&rig->events, "closed") > 500);
    assert_null(conn_find(rig->server, rig->conn));
    assert_int_equal(rig_descriptors(), descriptors);
    rig_free(rig);
}

static void a_paused_server_takes_nobody_and_lets_go(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct client *client = rig_connect(rig);
    rig_send(client, GET("/echo"));
    rig_until(rig, rig_has(&client->in, ";"));
    server_pause(rig->server);
    rig_send(client, GET("/echo"));
    rig_until(rig, client->ended);
    assert_int_equal(rig_count(&client->in, "Connection: close"), 1);
    struct sockaddr_in to = {.sin_family = AF_INET};
    to.sin_port = rig_port(rig->server);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), -1);
    close(fd);
    rig_free(rig);
}

static void on_stopped(void *ctx)
{
    struct rig *rig = ctx;
    assert_false(rig->stopped);
    rig->stopped = true;
}

static void stopping_tells_of_every_connection_once(void **state)
{
    struct rig *rig = rig_new(NULL);
    for (unsigned i = 0; i < 10; i++)
        rig_send(rig_connect(rig), i % 2 ? GET("/stream") : GET("/later"));
    rig_connect(rig);
    rig_until(rig, rig->handed == 10 && server_stats(rig->server)->open == 11);
    server_stop(rig->server, on_stopped, rig);
    assert_int_equal(rig_count(&rig->events, "closed"), 0);
    rig_until(rig, rig->stopped);
    assert_int_equal(rig_count(&rig->events, "closed shutdown"), 10);
    assert_int_equal(server_stats(rig->server)->closed[CLOSE_SHUTDOWN], 11);
    rig_free(rig);
}

static void waking_runs_a_turn(void **state)
{
    struct rig *rig = rig_new(NULL);
    while (uv_run(&rig->loop, UV_RUN_NOWAIT) && uv_backend_timeout(&rig->loop) == 0)
        continue;
    unsigned turns = rig->turns;
    server_wake(rig->server);
    server_wake(rig->server);
    assert_int_equal(rig->turns, turns);
    rig_until(rig, rig->turns > turns);
    for (unsigned i = 0; i < 5; i++)
        uv_run(&rig->loop, UV_RUN_NOWAIT);
    assert_int_equal(rig->turns, turns + 1);
    rig_free(rig);
}

static void listens_where_it_is_told(void **state)
{
    static const struct {
        const char *listen, *begins, *error;
    } rows[] = {
        {"localhost:0", "127.0.0.1:", NULL},
        {"127.0.0.1:0", "127.0.0.1:", NULL},
        {"[::1]:0", "[::1]:", NULL},
        {"127.0.0.1", NULL, "must end in a port"},
        {"127.0.0.1:", NULL, "must end in a port"},
        {"127.0.0.1:http", NULL, "must end in a port"},
        {"127.0.0.1:65536", NULL, "must end in a port"},
        {"127.0.0.1:-1", NULL, "must end in a port"},
        {"example:80", NULL, "is no IPv4 or IPv6 address"},
        {"::1:80", NULL, "is no IPv4 or IPv6 address"},
        {"[::g]:80", NULL, "is no IPv4 or IPv6 address"},
        {"192.0.2.1:0", NULL, "Cannot assign requested address"},
    };
    uv_loop_t loop;
    uv_loop_init(&loop);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct server_ops ops = {0};
        struct server_options options = {.loop = &loop, .listen = rows[i].listen, .ops = &ops};
        struct err err = ERR_INIT;
        struct server *server = server_new(&options, &err);
        if (rows[i].error) {
            assert_null(server);
            assert_non_null(strstr(err.text, rows[i].error));
            assert_non_null(strstr(err.text, rows[i].listen));
        } else if (!server) { /* a machine without IPv6 */
            assert_non_null(strstr(err.text, "Cannot assign requested address"));
        } else {
            assert_true(str_starts(str_of(server_address(server)), str_of(rows[i].begins)));
            assert_int_not_equal(rig_port(server), 0);
            server_stop(server, NULL, NULL);
            uv_run(&loop, UV_RUN_DEFAULT);
            server_free(server);
        }
    }
    assert_int_equal(uv_loop_close(&loop), 0);
}

static const char *taken_address;

static void the_same_address(struct server_options *options)
{
    options->listen = taken_address;
    options->join = true;
}

static void several_servers_share_a_port(void **state)
{
    struct rig *one = rig_new(NULL);
    taken_address = server_address(one->server);
    struct rig *two = rig_new(the_same_address);
    assert_string_equal(server_address(one->server), server_address(two->server));
    uint64_t began = rig_ms();
    for (unsigned i = 0; i < 60; i++)
        rig_send(rig_connect(one), GET("/echo"));
    while (one->handed + two->handed < 60 && rig_ms() - began < 20000) {
        rig_step(one);
        rig_step(two);
    }
    assert_int_equal(one->handed + two->handed, 60);
    assert_true(one->handed > 0 && two->handed > 0);
    rig_free(two);
    rig_free(one);
}

/* The server's end of a client's connection. */
static int other_end(const struct client *client)
{
    struct sockaddr_in ours = {0}, theirs = {0};
    socklen_t size = sizeof ours;
    getsockname(client->fd, (struct sockaddr *)&ours, &size);
    for (int fd = 0; fd < 1024; fd++) {
        size = sizeof theirs;
        if (getpeername(fd, (struct sockaddr *)&theirs, &size) == 0 &&
            theirs.sin_port == ours.sin_port)
            return fd;
    }
    return -1;
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof value;
    getsockopt(fd, level, name, &value, &size);
    return value;
}

static void connections_inherit_the_listeners_options(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct client *client = rig_connect(rig);
    rig_until(rig, server_stats(rig->server)->open == 1);
    int fd = other_end(client);
    assert_true(fd >= 0);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT), 16 * 1024);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 20000);
    rig_free(rig);
}

static void show_peer(struct rig *rig, struct conn *conn, const struct http_request *request)
{
    char text[64];
    conn_peer(conn, text);
    conn_respond(conn, 200, STR(""), str_of(text));
}

static void knows_the_peers_address(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct client *client = rig_connect(rig);
    rig->on_request = show_peer;
    rig_send(client, GET("/"));
    rig_until(rig, rig_has(&client->in, "\r\n\r\n127.0.0.1"));
    rig_free(rig);
}

static void one_who_sends_much_does_not_keep_others_waiting(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct client *greedy = rig_connect(rig);
    struct client *modest = rig_connect(rig);
    struct buf out = BUF_INIT(1 << 20);
    for (unsigned i = 0; i < 10000; i++)
        buf_text(&out, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    rig_send(greedy, buf_slice(&out));
    rig_send(modest, GET("/echo"));
    rig_until(rig, rig_has(&modest->in, ";"));
    assert_true(rig->handed < 5000);
    rig_until(rig, rig_count(&greedy->in, ";") == 10000);
    buf_free(&out);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_and_keeps_the_connection),
        cmocka_unit_test(takes_a_request_byte_by_byte),
        cmocka_unit_test(answers_a_pipeline_in_order),
        cmocka_unit_test(hands_the_next_request_over_after_the_response),
        cmocka_unit_test(stops_reading_a_peer_that_does_not_read),
        cmocka_unit_test(asks_for_the_body_where_it_is_expected),
        cmocka_unit_test(sends_no_body_for_head),
        cmocka_unit_test(speaks_http_1_0),
        cmocka_unit_test(answers_a_peer_that_has_shut_its_side),
        cmocka_unit_test(tells_of_a_peer_that_left_while_its_request_waits),
        cmocka_unit_test(says_nothing_of_a_peer_without_a_request),
        cmocka_unit_test(the_peer_sees_why_it_is_refused_although_it_still_sends),
        cmocka_unit_test(drains_no_more_than_it_must),
        cmocka_unit_test(refuses_bad_requests_after_good_ones),
        cmocka_unit_test(gives_slow_peers_up_in_their_time),
        cmocka_unit_test(new_limits_hold_for_running_time_outs),
        cmocka_unit_test(answers_503_to_one_too_many),
        cmocka_unit_test(refuses_one_too_many_in_the_words_of_its_request),
        cmocka_unit_test(refuses_one_too_many_that_has_more_to_say),
        cmocka_unit_test(reads_of_some_too_many_only),
        cmocka_unit_test(lives_on_without_descriptors),
        cmocka_unit_test(outlives_churn),
        cmocka_unit_test(a_paused_server_takes_nobody_and_lets_go),
        cmocka_unit_test(stopping_tells_of_every_connection_once),
        cmocka_unit_test(waking_runs_a_turn),
        cmocka_unit_test(listens_where_it_is_told),
        cmocka_unit_test(several_servers_share_a_port),
        cmocka_unit_test(connections_inherit_the_listeners_options),
        cmocka_unit_test(knows_the_peers_address),
        cmocka_unit_test(one_who_sends_much_does_not_keep_others_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
