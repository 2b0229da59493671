/* sqlite_setup: the change table and the triggers that the sqlite source reads,
 * as SQL text that a person can read before it runs.
 *
 * Opens the database, reads its schema, writes SQL; only sqlite_setup_apply writes
 * to the database, in one transaction. Blocking; for the command line. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "model/place.h"
#include "source/watch.h"

/* Appends the whole SQL, idempotent (drops and makes again what is ours). False when a
 * watched table or column does not exist: `at` is then its place in the configuration. */
bool sqlite_setup_sql(const char *path, const struct watch *watch, struct buf *sql,
                      struct place *at, struct err *err);
/* Appends the SQL that removes every trace. */
bool sqlite_teardown_sql(const char *path, struct buf *sql, struct err *err);
bool sqlite_setup_apply(const char *path, const struct buf *sql, struct err *err);
/* Tables and columns of `watch` exist, and can be followed? For the start and `unstale check`. A
 * missing or empty file is fine (nothing can be said yet): true. A file that cannot be read: false,
 * and `at` is {0, 0}. Never makes a writer wait or fail: without WAL it reads without a lock. */
bool sqlite_setup_check(const char *path, const struct watch *watch, struct place *at,
                        struct err *err);
