/* sqlite_names: whether the names of a database still mean the files that are open.
 *
 * A database is three files, and other processes open them by name. When one of them was replaced
 * (a restored backup, a deployment that moves a new file into place, a -wal that somebody removed),
 * a connection goes on reading what nobody writes any more, and no error says so. A plain value. */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <sys/types.h>

struct sqlite_name {
    bool known;
    dev_t device;
    ino_t inode;
};

struct sqlite_names {
    struct sqlite_name _file, _wal, _shm;
};

/* Begins anew: what `path` means now. To be asked before the database is opened, so that what is
 * replaced between the two is seen. */
void sqlite_names_note(struct sqlite_names *names, const char *path);
/* What the names beside the database mean, unless that is known already. To be asked while the
 * connection has read something, since only then they exist. */
void sqlite_names_note_beside(struct sqlite_names *names, sqlite3 *db);
/* Whether what is open is no longer what others open by these names. */
bool sqlite_names_moved(const struct sqlite_names *names, const char *path, sqlite3 *db);
