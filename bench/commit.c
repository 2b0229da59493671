/* commit: how long it takes from a commit in SQLite until a subscriber has the event.
 *
 *     bench/commit --init FILE                                creates the table
 *     bench/commit FILE ADDRESS:PORT COMMITS PAUSE_MS         prints one line of JSON
 *
 * The time runs from the return of COMMIT to the arrival of the bytes, in one process, so there is
 * one clock. The pause before each commit is random, up to PAUSE_MS, so that commits fall anywhere
 * into the server's poll interval. Row n is in scope "project:0". */
#include "load/histogram.h"
#include "load/loop.h"

#include "base/err.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUSY_MS = 5000, PATIENCE_MS = 10000, ROWS = 100 };

static bool run(sqlite3 *db, const char *sql, struct err *err)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return true;
    return err_set(err, "%s: %s", sql, sqlite3_errmsg(db));
}

static bool open_database(sqlite3 **db, const char *path, struct err *err)
{
    if (sqlite3_open(path, db) != SQLITE_OK)
        return err_set(err, "open \"%s\": %s", path, sqlite3_errmsg(*db));
    sqlite3_busy_timeout(*db, BUSY_MS);
    /* As applications run it; a full sync of the disk would not be part of what is measured. */
    return run(*db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL", err);
}

static bool init(sqlite3 *db, struct err *err)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
             "INSERT INTO tasks SELECT i, 0, 'task' FROM n",
             ROWS - 1);
    return run(db,
               "CREATE TABLE tasks (id INTEGER PRIMARY KEY, project_id INTEGER NOT NULL, "
               "title TEXT NOT NULL)",
               err) &&
           run(db, sql, err);
}

static int subscribe(const char *server, struct err *err)
{
    static const char request[] =
        "GET /v1/stream?scope=project:0 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    const char *colon = strrchr(server, ':');
    char host[INET_ADDRSTRLEN] = "";
    struct sockaddr_in to = {.sin_family = AF_INET};
    if (!colon || (size_t)(colon - server) >= sizeof host) {
        err_set(err, "\"%s\" is no address and port", server);
        return -1;
    }
    memcpy(host, server, (size_t)(colon - server));
    to.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && inet_pton(AF_INET, host, &to.sin_addr) == 1 &&
        connect(fd, (const struct sockaddr *)&to, sizeof to) == 0 &&
        send(fd, request, sizeof request - 1, MSG_NOSIGNAL) == (ssize_t)sizeof request - 1)
        return fd;
    err_set(err, "subscribe at %s: %s", server, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Reads until `text` came; other events before it do not matter. */
static bool await(int fd, const char *text, struct err *err)
{
    char seen[8192];
    size_t n = 0;
    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (poll(&wait, 1, PATIENCE_MS) != 1)
            return err_set(err, "no \"%s\" in %d ms", text, PATIENCE_MS);
        if (n == sizeof seen) {
            memmove(seen, seen + n / 2, n / 2);
            n /= 2;
        }
        ssize_t got = recv(fd, seen + n, sizeof seen - n, 0);
        if (got <= 0)
            return err_set(err, "the stream ended");
        n += (size_t)got;
        if (memmem(seen, n, text, strlen(text)))
            return true;
    }
}

static void pause_for(unsigned long most_ms)
{
    long us = most_ms ? random() % (long)(most_ms * 1000) : 0;
    usleep((useconds_t)us);
}

static bool measure(sqlite3 *db, int stream, unsigned long commits, unsigned long pause_ms,
                    struct err *err)
{
    struct histogram latency = {.n = 0};
    char sql[128];
    if (!await(stream, "event: ready", err))
        return false;
    for (unsigned long i = 0; i < commits; i++) {
        pause_for(pause_ms);
        snprintf(sql, sizeof sql, "UPDATE tasks SET title = 'task %lu' WHERE id = %lu", i,
                 i % ROWS);
        if (!run(db, "BEGIN IMMEDIATE", err) || !run(db, sql, err) || !run(db, "COMMIT", err))
            return false;
        uint64_t committed = loop_now();
        if (!await(stream, "event: stale", err))
            return err_prefix(err, "commit %lu", i);
        uint64_t came = loop_now();
        histogram_add(&latency, came - committed);
    }
    printf("{\"commits\":%lu,\"p50_us\":%.0f,\"p99_us\":%.0f,\"max_us\":%.0f}\n", commits,
           histogram_quantile(&latency, 0.5) / 1e3, histogram_quantile(&latency, 0.99) / 1e3,
           (double)latency.max / 1e3);
    return true;
}

int main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    sqlite3 *db = NULL;
    int stream = -1;
    bool done = false;
    if (argc == 3 && strcmp(argv[1], "--init") == 0) {
        done = open_database(&db, argv[2], &err) && init(db, &err);
    } else if (argc == 5) {
        done = open_database(&db, argv[1], &err) && (stream = subscribe(argv[2], &err)) >= 0 &&
               measure(db, stream, strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10), &err);
    } else {
        err_set(&err, "FILE ADDRESS:PORT COMMITS PAUSE_MS, or --init FILE");
    }
    if (!done)
        fprintf(stderr, "commit: %s\n", err.text);
    if (stream >= 0)
        close(stream);
    sqlite3_close(db);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
