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
#include "stream.h"

#include "base/err.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUSY_MS = 5000, ROWS = 100 };

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

static void pause_for(unsigned long most_ms)
{
    long us = most_ms ? random() % (long)(most_ms * 1000) : 0;
    usleep((useconds_t)us);
}

static bool measure(sqlite3 *db, struct stream *stream, unsigned long commits,
                    unsigned long pause_ms, struct err *err)
{
    struct histogram latency = {.n = 0};
    char sql[128];
    if (!stream_await(stream, "event: ready", err))
        return false;
    for (unsigned long i = 0; i < commits; i++) {
        pause_for(pause_ms);
        snprintf(sql, sizeof sql, "UPDATE tasks SET title = 'task %lu' WHERE id = %lu", i,
                 i % ROWS);
        if (!run(db, "BEGIN IMMEDIATE", err) || !run(db, sql, err) || !run(db, "COMMIT", err))
            return false;
        uint64_t committed = loop_now();
        if (!stream_await(stream, "event: stale", err))
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
    struct stream stream = {.fd = -1};
    bool done = false;
    if (argc == 3 && strcmp(argv[1], "--init") == 0) {
        done = open_database(&db, argv[2], &err) && init(db, &err);
    } else if (argc == 5) {
        done = open_database(&db, argv[1], &err) && stream_open(&stream, argv[2], &err) &&
               measure(db, &stream, strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10), &err);
    } else {
        err_set(&err, "FILE ADDRESS:PORT COMMITS PAUSE_MS, or --init FILE");
    }
    if (!done)
        fprintf(stderr, "commit: %s\n", err.text);
    stream_close(&stream);
    sqlite3_close(db);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
