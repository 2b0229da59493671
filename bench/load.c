/* load: opens many subscriptions, publishes to them, and says what came and what it cost.
 *
 *     connect  ->  idle  ->  publish, until everybody has everything  ->  one line of JSON
 *
 * "Outstanding" (--window) means: message n + window is published only when healthy subscribers
 * have had, together, as many deliveries as the messages up to n make. With a window of 1 nothing
 * can be merged. */
#include "load/publishers.h"
#include "load/subscribers.h"

#include "base/err.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { TURN_NS = 20000000, BUSY_TURN_NS = 1000000, LOOK_NS = 250000000, SPARE_FDS = 64 };

struct result {
    double connect_s, publish_s; /* publish_s: from the first message to the last delivery */
    struct probe_processes before, idle, start, end;
    double tcp_before_kb, tcp_idle_kb, tcp_end_kb;
    double rss_max_kb, anon_max_kb;
    uint64_t sent, expected;
    bool timed_out;
};

struct run {
    struct options options;
    struct loop loop;
    struct subscribers *subscribers;
    struct publishers *publishers;
    struct result result;
    uint64_t look_at; /* when the server's memory is looked at again */
};

static bool raise_descriptors(unsigned wanted, struct err *err)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= wanted + SPARE_FDS)
        return true;
    return err_set(err, "%u connections are more than the %lu descriptors of a process", wanted,
                   (unsigned long)limit.rlim_cur);
}

static void look(struct run *run, uint64_t now)
{
    struct result *result = &run->result;
    if (now < run->look_at)
        return;
    run->look_at = now + LOOK_NS;
    struct probe_processes seen = probe_processes(&run->options.pids);
    if (seen.rss_kb > result->rss_max_kb)
        result->rss_max_kb = seen.rss_kb;
    if (seen.anon_kb > result->anon_max_kb)
        result->anon_max_kb = seen.anon_kb;
}

static void connect_all(struct run *run)
{
    uint64_t began = loop_now();
    while (!subscribers_connect(run->subscribers) &&
           loop_now() - began < loop_seconds(run->options.max_s))
        loop_turn(&run->loop, TURN_NS);
    run->result.connect_s = (double)(loop_now() - began) / 1e9;
}

static void stay_idle(struct run *run)
{
    uint64_t until = loop_now() + loop_seconds(run->options.idle_s);
    while (loop_now() < until)
        loop_turn(&run->loop, TURN_NS);
}

/* ---- publishing ---- */

/* Messages that may be sent now, up to `most`; 0: none, and *wait_ns says for how long at most. */
static unsigned may_send(struct run *run, uint64_t began, unsigned most, uint64_t *wait_ns)
{
    const struct options *options = &run->options;
    uint64_t next = run->result.sent;
    if (options->rate > 0) {
        uint64_t due = began + (uint64_t)((double)next / options->rate * 1e9), now = loop_now();
        if (due > now) {
            *wait_ns = due - now < TURN_NS ? due - now : TURN_NS;
            return 0;
        }
    }
    if (options->window) {
        uint64_t delivered = subscribers_tally(run->subscribers)->delivered;
        uint64_t last = next + most - 1;
        if (last >= options->window &&
            delivered < subscribers_expected(run->subscribers, last - options->window + 1)) {
            *wait_ns = BUSY_TURN_NS;
            return 0;
        }
    }
    return most;
}

static void send_some(struct run *run, uint64_t began, uint64_t *wait_ns)
{
    const struct options *options = &run->options;
    unsigned most = options->array ? options->array : 1;
    while (run->result.sent < options->messages) {
        uint64_t left = options->messages - run->result.sent;
        unsigned n = may_send(run, began, left < most ? (unsigned)left : most, wait_ns);
        if (n == 0)
            break;
        if (!publishers_send(run->publishers, run->result.sent, n, loop_now())) {
            *wait_ns = BUSY_TURN_NS;
            break;
        }
        run->result.sent += n;
    }
    publishers_flush(run->publishers);
}

static void publish_all(struct run *run)
{
    const struct options *options = &run->options;
    struct result *result = &run->result;
    const struct tally *tally = subscribers_tally(run->subscribers);
    uint64_t began = loop_now(), progress = began, seen = 0, sent = 0;
    result->expected = subscribers_expected(run->subscribers, options->messages);
    for (;;) {
        uint64_t wait_ns = TURN_NS, now = loop_now();
        if (tally->delivered != seen || result->sent != sent) {
            seen = tally->delivered;
            sent = result->sent;
            progress = now;
        }
        look(run, now);
        send_some(run, began, &wait_ns);
        bool answered = run->result.sent == options->messages &&
                        publishers_counts(run->publishers).waiting == 0;
        if (answered && seen >= result->expected)
            break;
        if (now - progress > loop_seconds(options->drain_s) ||
            now - began > loop_seconds(options->max_s)) {
            result->timed_out = true;
            break;
        }
        loop_turn(&run->loop, wait_ns);
    }
    result->publish_s = tally->last_ns > began ? (double)(tally->last_ns - began) / 1e9 : 0;
}

/* ---- the result ---- */

static const char *transport_name(enum transport transport)
{
    return transport == TRANSPORT_SSE ? "sse" : transport == TRANSPORT_WS ? "ws" : "line";
}

static void print(const struct run *run)
{
    const struct options *options = &run->options;
    const struct result *result = &run->result;
    const struct tally *tally = subscribers_tally(run->subscribers);
    struct subscribers_counts counts = subscribers_counts(run->subscribers);
    struct publishers_counts published = {0};
    if (run->publishers)
        published = publishers_counts(run->publishers);
    double cpu_s = result->end.cpu_s - result->start.cpu_s;
    double delivered = (double)tally->delivered;
    printf("{\"name\":\"%s\",\"transport\":\"%s\",\"subscribers\":%u,\"topics\":%u,"
           "\"window\":%lu,\"size\":%zu,",
           options->name, transport_name(options->transport), options->subscribers, options->topics,
           (unsigned long)options->window, options->size);
    printf("\"open\":%u,\"failed\":%u,\"connect_s\":%.4f,\"connects_per_s\":%.0f,"
           "\"cpu_us_per_connect\":%.2f,",
           counts.open, counts.failed, result->connect_s,
           result->connect_s > 0 ? counts.open / result->connect_s : 0,
           counts.open ? (result->idle.cpu_s - result->before.cpu_s) * 1e6 / counts.open : 0);
    printf("\"sent\":%lu,\"accepted\":%lu,\"refused\":%lu,\"expected\":%lu,\"delivered\":%lu,"
           "\"lost\":%lu,\"doubled\":%lu,\"reordered\":%lu,\"timed_out\":%s,",
           (unsigned long)result->sent, (unsigned long)published.accepted,
           (unsigned long)published.refused, (unsigned long)result->expected,
           (unsigned long)tally->delivered,
           (unsigned long)subscribers_lost(run->subscribers, result->sent),
           (unsigned long)tally->doubled, (unsigned long)tally->reordered,
           result->timed_out ? "true" : "false");
    printf("\"publish_s\":%.5f,\"deliveries_per_s\":%.0f,\"bytes\":%lu,\"reads\":%lu,",
           result->publish_s, result->publish_s > 0 ? delivered / result->publish_s : 0,
           (unsigned long)tally->bytes, (unsigned long)tally->reads);
    printf("\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f,",
           histogram_quantile(&tally->latency, 0.5) / 1e3,
           histogram_quantile(&tally->latency, 0.99) / 1e3,
           histogram_quantile(&tally->latency, 0.999) / 1e3, (double)tally->latency.max / 1e3);
    printf("\"cpu_s\":%.5f,\"cpu_us_per_delivery\":%.4f,\"cores\":%.3f,\"idle_cpu_s\":%.5f,", cpu_s,
           delivered > 0 ? cpu_s * 1e6 / delivered : 0,
           result->publish_s > 0 ? cpu_s / result->publish_s : 0,
           result->start.cpu_s - result->idle.cpu_s);
    printf("\"anon_before_kb\":%.0f,\"anon_idle_kb\":%.0f,\"anon_end_kb\":%.0f,"
           "\"anon_max_kb\":%.0f,\"rss_before_kb\":%.0f,\"rss_end_kb\":%.0f,\"rss_max_kb\":%.0f,",
           result->before.anon_kb, result->start.anon_kb, result->end.anon_kb, result->anon_max_kb,
           result->before.rss_kb, result->end.rss_kb, result->rss_max_kb);
    printf("\"tcp_before_kb\":%.0f,\"tcp_idle_kb\":%.0f,\"tcp_end_kb\":%.0f,",
           result->tcp_before_kb, result->tcp_idle_kb, result->tcp_end_kb);
    printf("\"healthy\":%u,\"slow\":%u,\"closed\":%u,\"slow_closed\":%u}\n", counts.healthy,
           counts.slow, counts.closed, counts.slow_closed);
}

static bool measure(struct run *run, struct err *err)
{
    struct result *result = &run->result;
    result->before = probe_processes(&run->options.pids);
    result->tcp_before_kb = probe_tcp_kb();
    connect_all(run);
    result->idle = probe_processes(&run->options.pids);
    stay_idle(run);
    if (run->options.messages > 0) {
        run->publishers = publishers_new(&run->options, &run->loop, err);
        if (!run->publishers)
            return false;
    }
    result->start = probe_processes(&run->options.pids);
    result->tcp_idle_kb = probe_tcp_kb();
    if (run->publishers)
        publish_all(run);
    result->end = probe_processes(&run->options.pids);
    result->tcp_end_kb = probe_tcp_kb();
    return true;
}

int main(int argc, char **argv)
{
    struct run run = {.publishers = NULL};
    struct err err = ERR_INIT;
    signal(SIGPIPE, SIG_IGN);
    if (!options_read(&run.options, argc, argv, &err)) {
        if (!err.text[0])
            options_help();
        else
            fprintf(stderr, "load: %s\n", err.text);
        return err.text[0] ? 2 : 0;
    }
    bool done = false;
    if (!raise_descriptors(run.options.subscribers + run.options.publishers, &err))
        goto out;
    if (!loop_open(&run.loop)) {
        err_set(&err, "no epoll set");
        goto out;
    }
    run.subscribers = subscribers_new(&run.options, &run.loop);
    done = measure(&run, &err);
    if (done)
        print(&run);
    publishers_free(run.publishers);
    subscribers_free(run.subscribers);
    loop_close(&run.loop);
out:
    if (!done)
        fprintf(stderr, "load: %s\n", err.text);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
