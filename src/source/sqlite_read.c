#include "source/sqlite_read.h"

#include "base/hash.h"
#include "base/str.h"

int sqlite_read_integer(sqlite3 *db, const char *sql, int64_t *value, bool *found)
{
    sqlite3_stmt *stmt = NULL;
    *found = false;
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW &&
        sqlite3_column_type(stmt, 0) != SQLITE_NULL) {
        *value = sqlite3_column_int64(stmt, 0);
        *found = true;
    }
    int end = sqlite3_finalize(stmt);
    return rc == SQLITE_OK ? end : rc;
}

uint64_t sqlite_read_hash(sqlite3_stmt *row)
{
    struct hash_seed seed = {.k0 = 0, .k1 = 0};
    int n = sqlite3_column_count(row);
    for (int i = 0; i < n; i++) {
        int type = sqlite3_column_type(row, i);
        /* As text, in UTF-8 whatever the database's encoding is; the blob of a text would be in the
         * one or the other, as it was read before or not. */
        const char *bytes = type == SQLITE_BLOB ? sqlite3_column_blob(row, i)
                                                : (const char *)sqlite3_column_text(row, i);
        seed.k1 = (uint64_t)type;
        seed.k0 =
            hash_bytes(seed, (struct str){.p = bytes, .n = (size_t)sqlite3_column_bytes(row, i)});
    }
    return seed.k0;
}

int sqlite_read_row_hash(sqlite3 *db, int64_t id, uint64_t *hash, bool *found)
{
    sqlite3_stmt *stmt = NULL;
    *found = false;
    int rc = sqlite3_prepare_v2(db, SQLITE_READ_ROWS "WHERE id = ?1", -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(stmt, 1, id);
    if (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
        *hash = sqlite_read_hash(stmt);
        *found = true;
    }
    int end = sqlite3_finalize(stmt);
    return rc == SQLITE_OK ? end : rc;
}
