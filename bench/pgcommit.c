/* pgcommit: how long it takes from a commit in PostgreSQL until a subscriber has the event, and
 * until a client that does nothing but LISTEN has its notification of the same commit.
 *
 *     bench/pgcommit URL ADDRESS:PORT COMMITS PAUSE_MS         prints one line of JSON
 *
 * The time runs from the moment before COMMIT is sent to the arrival of the bytes, all in one
 * process, so there is one clock. The answer to the COMMIT itself is timed too: nobody can know of
 * it much earlier. The pause before each commit is random, up to PAUSE_MS. */
#include "load/histogram.h"
#include "load/loop.h"
#include "stream.h"

#include "base/err.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROWS = 100, PATIENCE_MS = 10000 };

/* Who waits for the commit. */
enum { WRITER, LISTENER, SUBSCRIBER, WAITING };

struct bench {
    PGconn *connections[SUBSCRIBER];
    struct stream stream;
    struct histogram latency[WAITING];
};

static bool run(PGconn *connection, const char *sql, struct err *err)
{
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return true;
    return err_set(err, "%s: %s", sql, PQerrorMessage(connection));
}

static bool connect_to(PGconn **connection, const char *url, struct err *err)
{
    *connection = PQconnectdb(url);
    if (PQstatus(*connection) == CONNECTION_OK)
        return true;
    return err_set(err, "connect: %s", PQerrorMessage(*connection));
}

/* Whether what is waited for has come. */
static bool has_come(struct bench *bench, int who, bool *came, struct err *err)
{
    if (who == SUBSCRIBER)
        return stream_read(&bench->stream, "event: stale", came, err);
    PGconn *connection = bench->connections[who];
    if (!PQconsumeInput(connection))
        return err_set(err, "the connection ended: %s", PQerrorMessage(connection));
    if (who == WRITER) {
        *came = !PQisBusy(connection);
        return true;
    }
    PGnotify *notification = PQnotifies(connection);
    *came = notification != NULL;
    PQfreemem(notification);
    return true;
}

static bool wait_for_all(struct bench *bench, uint64_t since, struct err *err)
{
    struct pollfd fds[WAITING] = {{.fd = PQsocket(bench->connections[WRITER]), .events = POLLIN},
                                  {.fd = PQsocket(bench->connections[LISTENER]), .events = POLLIN},
                                  {.fd = bench->stream.fd, .events = POLLIN}};
    for (int left = WAITING; left > 0;) {
        if (poll(fds, WAITING, PATIENCE_MS) <= 0)
            return err_set(err, "not everybody knew of a commit in %d ms", PATIENCE_MS);
        uint64_t now = loop_now();
        for (int who = 0; who < WAITING; who++) {
            bool came = false;
            if (fds[who].revents == 0)
                continue;
            if (!has_come(bench, who, &came, err))
                return false;
            if (!came)
                continue;
            histogram_add(&bench->latency[who], now - since);
            fds[who].fd = -1;
            fds[who].revents = 0;
            left--;
        }
    }
    return true;
}

static bool commit_once(struct bench *bench, unsigned long i, struct err *err)
{
    PGconn *writer = bench->connections[WRITER];
    char sql[128];
    snprintf(sql, sizeof sql, "UPDATE tasks SET title = 'task %lu' WHERE id = %lu", i, i % ROWS);
    if (!run(writer, "BEGIN", err) || !run(writer, sql, err) || !run(writer, "NOTIFY bare", err))
        return false;
    uint64_t since = loop_now();
    if (!PQsendQuery(writer, "COMMIT"))
        return err_set(err, "COMMIT: %s", PQerrorMessage(writer));
    if (!wait_for_all(bench, since, err))
        return err_prefix(err, "commit %lu", i);
    for (PGresult *result; (result = PQgetResult(writer));)
        PQclear(result);
    return true;
}

static void print(const char *name, const struct histogram *latency)
{
    printf("\"%s_p50_us\":%.0f,\"%s_p99_us\":%.0f", name, histogram_quantile(latency, 0.5) / 1e3,
           name, histogram_quantile(latency, 0.99) / 1e3);
}

static bool measure(struct bench *bench, unsigned long commits, unsigned long pause_ms,
                    struct err *err)
{
    if (!run(bench->connections[LISTENER], "LISTEN bare", err) ||
        !stream_await(&bench->stream, "event: ready", err))
        return false;
    for (unsigned long i = 0; i < commits; i++) {
        usleep((useconds_t)(pause_ms ? random() % (long)(pause_ms * 1000) : 0));
        if (!commit_once(bench, i, err))
            return false;
    }
    printf("{\"commits\":%lu,", commits);
    print("commit", &bench->latency[WRITER]);
    printf(",");
    print("listen", &bench->latency[LISTENER]);
    printf(",");
    print("socket", &bench->latency[SUBSCRIBER]);
    printf("}\n");
    return true;
}

int main(int argc, char **argv)
{
    static struct bench bench = {.stream.fd = -1};
    struct err err = ERR_INIT;
    bool done = false;
    if (argc == 5)
        done = connect_to(&bench.connections[WRITER], argv[1], &err) &&
               connect_to(&bench.connections[LISTENER], argv[1], &err) &&
               stream_open(&bench.stream, argv[2], &err) &&
               measure(&bench, strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10), &err);
    else
        err_set(&err, "URL ADDRESS:PORT COMMITS PAUSE_MS");
    if (!done)
        fprintf(stderr, "pgcommit: %s\n", err.text);
    stream_close(&bench.stream);
    PQfinish(bench.connections[WRITER]);
    PQfinish(bench.connections[LISTENER]);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
