#include "source/sqlite_names.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct sqlite_name look_up(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return (struct sqlite_name){.known = false};
    return (struct sqlite_name){.known = true, .device = info.st_dev, .inode = info.st_ino};
}

/* A file beside the database, which stands where the symbolic links end. */
static struct sqlite_name look_up_beside(sqlite3 *db, const char *suffix)
{
    const char *database = sqlite3_db_filename(db, "main");
    size_t size = strlen(database) + strlen(suffix) + 1;
    char *path = mem_new(size);
    snprintf(path, size, "%s%s", database, suffix);
    struct sqlite_name name = look_up(path);
    free(path);
    return name;
}

static bool is_same(struct sqlite_name a, struct sqlite_name b)
{
    return a.known == b.known && a.device == b.device && a.inode == b.inode;
}

void sqlite_names_note(struct sqlite_names *names, const char *path)
{
    *names = (struct sqlite_names){._file = look_up(path)};
}

void sqlite_names_note_beside(struct sqlite_names *names, sqlite3 *db)
{
    if (names->_wal.known && names->_shm.known)
        return;
    names->_wal = look_up_beside(db, "-wal");
    names->_shm = look_up_beside(db, "-shm");
}

bool sqlite_names_moved(const struct sqlite_names *names, const char *path, sqlite3 *db)
{
    int moved = 0;
    if (sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved)
        return true;
    return !is_same(look_up(path), names->_file) ||
           (names->_wal.known && !is_same(look_up_beside(db, "-wal"), names->_wal)) ||
           (names->_shm.known && !is_same(look_up_beside(db, "-shm"), names->_shm));
}
