/* Applications that write without a busy timeout, while the source comes, reads and goes: not one
 * of their statements may fail because of it, and every transaction arrives whole.
 *
 * Two writers would hurt each other, so they take turns by a lock of their own. What is left to
 * fail is what the source does. */
#include "sqlite_bench.h"
#include "unit.h"

#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WRITERS = 2, TRANSACTIONS = 400, ROWS = 7 };

/* Says on `begun` that it has the database open. The first error that has to do with locks, as the
 * exit status. */
static int write_rows(const struct sqlite_bench *b, int lock, int begun)
{
    sqlite3 *db = NULL;
    char sql[256];
    int rc = sqlite3_open(b->path, &db);
    for (int i = 0; rc == SQLITE_OK && i < TRANSACTIONS; i++) {
        flock(lock, LOCK_EX);
        snprintf(sql, sizeof sql,
                 "BEGIN IMMEDIATE; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
                 "WHERE i < %d) INSERT INTO users(name) SELECT 'x' FROM n; COMMIT;",
                 ROWS);
        rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
        if (rc == SQLITE_OK && i % 50 == 0)
            rc = sqlite3_exec(db, "PRAGMA wal_checkpoint(PASSIVE)", NULL, NULL, NULL);
        flock(lock, LOCK_UN);
        if (i == 0 && write(begun, "", 1) != 1)
            rc = SQLITE_ABORT;
    }
    sqlite3_close(db);
    return rc;
}

static pid_t start_writer(const struct sqlite_bench *b, const int gate[2], const int begun[2])
{
    char byte;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child > 0)
        return child;
    char name[256];
    snprintf(name, sizeof name, "%s/lock", b->dir);
    FILE *lock = fopen(name, "w");
    close(gate[1]);
    close(begun[0]);
    _exit(lock && read(gate[0], &byte, 1) == 0 ? write_rows(b, fileno(lock), begun[1]) : 99);
}

/* True while it runs; else its status must be 0. */
static bool is_running(pid_t *child)
{
    int status = 0;
    if (*child == 0)
        return false;
    if (waitpid(*child, &status, WNOHANG) == 0)
        return true;
    *child = 0;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    return false;
}

static size_t count(struct str text, const char *word)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += str_starts(str_from(text, i), str_of(word));
    return n;
}

static void writers_without_patience_never_fail(void **state)
{
    struct sqlite_bench *b =
        sqlite_bench_new("CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT)");
    sqlite_bench_watch(b, "users", "id", "");
    sqlite_bench_setup(b);
    /* No connection of this process goes into the children. */
    sqlite3_close(b->db);
    b->db = NULL;
    pid_t writers[WRITERS];
    int gate[2], begun[2];
    char byte;
    assert_int_equal(pipe(gate), 0);
    assert_int_equal(pipe(begun), 0);
    for (unsigned i = 0; i < WRITERS; i++)
        writers[i] = start_writer(b, gate, begun);
    close(begun[1]);
    /* The very first to open a database in WAL mode makes its index, and locks everybody else out
     * for that moment, whoever it is: here it is done before they begin, and the source does not
     * go before all of them are there. */
    sqlite_bench_start(b, "");
    sqlite_bench_wait_current(b, true);
    close(gate[0]);
    close(gate[1]);
    for (unsigned i = 0; i < WRITERS; i++)
        assert_int_equal(read(begun[0], &byte, 1), 1);
    close(begun[0]);
    bool running = true;
    char cursor[256];
    for (unsigned turn = 1; running; turn++) {
        sqlite_bench_turn(b);
        if (!b->open)
            assert_int_equal(b->changes % ROWS, 0);
        if (turn % 100 == 0) {
            snprintf(cursor, sizeof cursor, "%s", sqlite_bench_stop(b));
            sqlite_bench_start(b, cursor);
        }
        running = false;
        for (unsigned i = 0; i < WRITERS; i++)
            running = is_running(&writers[i]) || running;
    }
    sqlite_bench_connect(b);
    sqlite_bench_wait_current(b, true);
    struct str heard = sqlite_bench_heard(b);
    assert_int_equal(count(heard, "gap"), 1); /* only the first start has no cursor */
    assert_int_equal(count(heard, "users created"), WRITERS * TRANSACTIONS * ROWS);
    int64_t rows = sqlite_bench_number(b, "SELECT count(*) FROM users");
    assert_int_equal(rows, WRITERS * TRANSACTIONS * ROWS);
    sqlite_bench_free(b);
}

/* The last connection that closes folds the WAL back under an exclusive lock: ours must not. */
static void an_open_and_close_never_disturbs_the_first_writer(void **state)
{
    struct sqlite_bench *b =
        sqlite_bench_new("CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT)");
    sqlite_bench_watch(b, "users", "id", "");
    sqlite_bench_setup(b);
    sqlite3_close(b->db);
    b->db = NULL;
    for (unsigned i = 0; i < 50; i++) {
        sqlite_bench_start(b, "");
        sqlite_bench_wait_current(b, true);
        assert_int_equal(sqlite3_open(b->path, &b->db), SQLITE_OK);
        sqlite_bench_sql(b, "INSERT INTO users(name) VALUES ('x')");
        sqlite_bench_stop(b);
        sqlite_bench_sql(b, "INSERT INTO users(name) VALUES ('y')");
        sqlite3_close(b->db);
        b->db = NULL;
    }
    sqlite_bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writers_without_patience_never_fail),
        cmocka_unit_test(an_open_and_close_never_disturbs_the_first_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
