/* sqlite_bench: a real database, a real source on a real loop, and a sink that writes down what it
 * is told, for the tests of src/source.
 *
 *     struct sqlite_bench *b = sqlite_bench_new("CREATE TABLE tasks(id INTEGER PRIMARY KEY, ...)");
 *     sqlite_bench_watch(b, "tasks", "id", "project_id title~");   values; ~ only whether it
 * differs sqlite_bench_setup(b); sqlite_bench_start(b, ""); sqlite_bench_sql(b, "UPDATE tasks
 * ..."); assert_text(sqlite_bench_heard(b), "tasks updated id=7 project_id=1>2 title!\n");
 *
 * One line a change: a created or deleted row with its one side, else before>after where they are
 * not the same; ? is absent; title! differs, title= does not, title? nobody knows; #... is the
 * change's id.
 * "--" stands where a transaction ends that had changes. Waiting ends with the awaited thing or
 * fails after ten seconds. The application's connection has no busy timeout: a test fails when its
 * statement does. */
#pragma once

#include "base/buf.h"
#include "base/str.h"
#include "source/source.h"
#include "source/watch.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <uv.h>

enum { SQLITE_BENCH_TABLES = 16, SQLITE_BENCH_COLUMNS = 16 };

struct sqlite_bench {
    char dir[64];
    char path[192];
    sqlite3 *db; /* the application's connection */
    uv_loop_t loop;
    struct source *source;
    struct watch watch;
    struct watch_table tables[SQLITE_BENCH_TABLES];
    struct watch_column columns[SQLITE_BENCH_TABLES][SQLITE_BENCH_COLUMNS];
    struct str ids[SQLITE_BENCH_TABLES][SQLITE_BENCH_COLUMNS];
    char *texts[2 * SQLITE_BENCH_TABLES];
    size_t n_texts;
    struct buf heard; /* lines */
    unsigned gaps, transactions, changes, fences;
    uint64_t time_ms; /* of the last change */
    bool refuse;      /* begin is refused */
    bool refused;     /* ... and was */
    bool open;        /* a transaction of the sink */
    bool told_current, current;
    char why[1024];
};

/* Makes the directory and the database, in WAL mode, with a table "fence" of the bench's own. */
struct sqlite_bench *sqlite_bench_new(const char *schema);
/* The same without a database. */
struct sqlite_bench *sqlite_bench_bare(void);
/* Stops what runs and removes everything. */
void sqlite_bench_free(struct sqlite_bench *b);
void sqlite_bench_watch(struct sqlite_bench *b, const char *table, const char *ids,
                        const char *columns);
void sqlite_bench_connect(struct sqlite_bench *b);
/* Setup as the command line does it. */
void sqlite_bench_setup(struct sqlite_bench *b);
void sqlite_bench_start(struct sqlite_bench *b, const char *cursor);
/* The cursor of the orderly stop, or "" when there is none; valid until the next one. */
const char *sqlite_bench_stop(struct sqlite_bench *b);
/* As the application: must succeed. */
void sqlite_bench_sql(struct sqlite_bench *b, const char *sql);
/* ... or may fail: SQLite's code. */
int sqlite_bench_try(struct sqlite_bench *b, const char *sql);
/* All that was said up to now: writes a fence, waits for it, answers the lines before it. */
struct str sqlite_bench_heard(struct sqlite_bench *b);
/* The lines that are there, without waiting; empties them. */
struct str sqlite_bench_take(struct sqlite_bench *b);
void sqlite_bench_wait_current(struct sqlite_bench *b, bool current);
/* Waits until `why` contains the text. */
void sqlite_bench_wait_why(struct sqlite_bench *b, const char *text);
void sqlite_bench_wait_gap(struct sqlite_bench *b);
/* Waits until what was heard contains the text. */
void sqlite_bench_wait_heard(struct sqlite_bench *b, const char *text);
/* The one integer that a query answers. */
int64_t sqlite_bench_number(struct sqlite_bench *b, const char *sql);
/* Turns the loop once. */
void sqlite_bench_turn(struct sqlite_bench *b);
