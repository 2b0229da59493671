/* sqlite_file: opening a database so that nobody who writes it is hurt.
 *
 * In rollback-journal mode even a reader makes a writer fail that does not wait. So the mode is
 * read from the file's header, without a lock, before the first statement; and a connection of ours
 * never takes the exclusive lock with which the last one to close folds the WAL back. */
#pragma once

#include "base/err.h"

#include <sqlite3.h>
#include <stdbool.h>

enum sqlite_file {
    SQLITE_FILE_WAL,      /* open, nothing was read yet */
    SQLITE_FILE_ROLLBACK, /* not in WAL mode; not open */
    SQLITE_FILE_MISSING,  /* no such file; not open */
    SQLITE_FILE_EMPTY,    /* no byte in it yet: its mode is not decided; not open */
    SQLITE_FILE_FAILED,   /* `err` says why; not open */
};

/* Opens for reading alone. */
enum sqlite_file sqlite_file_open(const char *path, sqlite3 **db, struct err *err);
/* Opens for reading whatever the mode: a database in rollback mode is read without any lock, which
 * is good enough for its schema, not for rows. */
enum sqlite_file sqlite_file_look(const char *path, sqlite3 **db, struct err *err);
