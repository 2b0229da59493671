/* sqlite_read: the small reads of a look at a database.
 *
 * Each is one statement on a connection that does not wait for locks; what comes back is SQLite's
 * result code, SQLITE_OK also where there is no row. Inside of a transaction they all see its
 * snapshot. */
#pragma once

#include "source/sqlite_schema.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

/* Every column of the change table; a WHERE goes behind it. */
#define SQLITE_READ_ROWS "SELECT * FROM main.\"" SQLITE_CHANGES "\" "

/* The first column of the first row; `found` false when there is no row, or it is NULL. */
int sqlite_read_integer(sqlite3 *db, const char *sql, int64_t *value, bool *found);
/* Of the row that a SQLITE_READ_ROWS statement stands at: its values and their types, and nothing
 * of how the database stores them. */
uint64_t sqlite_read_hash(sqlite3_stmt *row);
/* The same of the row of the change table with this id; `found` false when there is none. */
int sqlite_read_row_hash(sqlite3 *db, int64_t id, uint64_t *hash, bool *found);
