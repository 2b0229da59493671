#include "source/sqlite_file.h"

#include "base/buf.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { HEADER = 100, WRITE_VERSION = 18, READ_VERSION = 19, URI_MAX = 16384 };

static bool open_db(const char *path, int flags, sqlite3 **db, struct err *err)
{
    int rc = sqlite3_open_v2(path, db, SQLITE_OPEN_READONLY | flags, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_extended_result_codes(*db, 1);
        sqlite3_db_config(*db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        sqlite3_db_config(*db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        return true;
    }
    err_set(err, "%s", *db ? sqlite3_errmsg(*db) : "out of memory");
    sqlite3_close(*db);
    *db = NULL;
    return false;
}

/* Through SQLite's own handle: closing a descriptor of our own would drop every lock that this
 * process has on the file (POSIX). */
static enum sqlite_file read_mode(sqlite3 *db, struct err *err)
{
    sqlite3_file *file = NULL;
    unsigned char header[HEADER];
    sqlite3_int64 size = 0;
    sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (!file || !file->pMethods || file->pMethods->xFileSize(file, &size) != SQLITE_OK) {
        err_set(err, "its size cannot be read");
        return SQLITE_FILE_FAILED;
    }
    if (size == 0)
        return SQLITE_FILE_EMPTY;
    if (size < HEADER || file->pMethods->xRead(file, header, HEADER, 0) != SQLITE_OK ||
        memcmp(header, "SQLite format 3", 16) != 0) {
        err_set(err, "it is not an SQLite database");
        return SQLITE_FILE_FAILED;
    }
    bool wal = header[WRITE_VERSION] == 2 && header[READ_VERSION] == 2;
    return wal ? SQLITE_FILE_WAL : SQLITE_FILE_ROLLBACK;
}

static enum sqlite_file open_any(const char *path, sqlite3 **db, struct err *err)
{
    *db = NULL;
    struct stat info;
    if (stat(path, &info) != 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return SQLITE_FILE_MISSING;
        err_set(err, "%s", strerror(errno));
        return SQLITE_FILE_FAILED;
    }
    if (!S_ISREG(info.st_mode)) {
        err_set(err, "it is not a file");
        return SQLITE_FILE_FAILED;
    }
    if (!open_db(path, 0, db, err))
        return SQLITE_FILE_FAILED;
    return read_mode(*db, err);
}

enum sqlite_file sqlite_file_open(const char *path, sqlite3 **db, struct err *err)
{
    enum sqlite_file answer = open_any(path, db, err);
    if (answer != SQLITE_FILE_WAL) {
        sqlite3_close(*db);
        *db = NULL;
    }
    return answer;
}

/* "file:PATH?immutable=1", with what means something in a URI encoded. */
static bool write_uri(struct buf *out, const char *path)
{
    buf_text(out, path[0] == '/' ? "file://" : "file:");
    for (const char *c = path; *c; c++) {
        if (strchr("%?#", *c))
            buf_printf(out, "%%%02x", (unsigned char)*c);
        else
            buf_byte(out, *c);
    }
    return buf_text(out, "?immutable=1") && buf_byte(out, '\0');
}

enum sqlite_file sqlite_file_look(const char *path, sqlite3 **db, struct err *err)
{
    enum sqlite_file answer = open_any(path, db, err);
    if (answer == SQLITE_FILE_WAL)
        return answer;
    sqlite3_close(*db);
    *db = NULL;
    if (answer != SQLITE_FILE_ROLLBACK)
        return answer;
    struct buf uri = BUF_INIT(URI_MAX);
    if (!write_uri(&uri, path))
        err_set(err, "its path is too long");
    else
        open_db(uri.data, SQLITE_OPEN_URI, db, err);
    buf_free(&uri);
    return *db ? SQLITE_FILE_ROLLBACK : SQLITE_FILE_FAILED;
}
