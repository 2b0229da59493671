#include "cli/doctor.h"

#include "source/sqlite_file.h"
#include "source/sqlite_schema.h"
#include "source/sqlite_verify.h"

#include <inttypes.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { MEND_MAX = 4096 };

/* ---- the file ---- */

static void write_setup(struct buf *out, const struct doctor *doctor)
{
    buf_printf(out, "unstale setup sqlite '%s' -c '%s' --apply", doctor->source->path,
               doctor->loaded->config->file);
}

/* WAL needs memory that is shared by all who have the database open: one machine. */
static void check_file_system(const struct doctor *doctor)
{
    static const struct {
        unsigned long magic;
        const char *name;
    } remote[] = {{NFS_SUPER_MAGIC, "NFS"},  {SMB_SUPER_MAGIC, "SMB"}, {CIFS_SUPER_MAGIC, "CIFS"},
                  {SMB2_SUPER_MAGIC, "SMB"}, {V9FS_MAGIC, "9P"},       {AFS_SUPER_MAGIC, "AFS"},
                  {CEPH_SUPER_MAGIC, "Ceph"}};
    struct statfs info;
    if (statfs(doctor->source->path, &info) != 0)
        return;
    for (size_t i = 0; i < sizeof remote / sizeof *remote; i++) {
        if ((unsigned long)info.f_type != remote[i].magic)
            continue;
        doctor_wrong(doctor, "file system", DOCTOR_NOTHING,
                     "it is on %s, where WAL mode does not work between machines: put it on a disk "
                     "of this one",
                     remote[i].name);
        return;
    }
    if ((unsigned long)info.f_type == FUSE_SUPER_MAGIC)
        doctor_warn(doctor, "file system", DOCTOR_NOTHING,
                    "it is on a FUSE mount: WAL mode works there only if all who write are on this "
                    "machine");
    else
        doctor_ok(doctor, "file system", "it is on a disk of this machine");
}

static void check_rights(const struct doctor *doctor)
{
    const char *path = doctor->source->path;
    const char *slash = strrchr(path, '/');
    struct buf folder = BUF_INIT(MEND_MAX);
    if (slash)
        buf_add(&folder, path, slash == path ? 1 : (size_t)(slash - path));
    else
        buf_byte(&folder, '.');
    buf_byte(&folder, '\0');
    if (access(path, R_OK) != 0)
        doctor_wrong(doctor, "rights", DOCTOR_NOTHING, "this user may not read it");
    else if (!folder.overflow && access(folder.data, W_OK) != 0)
        doctor_warn(doctor, "rights", DOCTOR_NOTHING,
                    "this user may not write to its folder: while nobody else has the database "
                    "open, the files -shm and -wal beside it cannot be made");
    else
        doctor_ok(doctor, "rights", "this user may read it");
    buf_free(&folder);
}

/* ---- what is in it ---- */

static void check_changes(const struct doctor *doctor, sqlite3 *db)
{
    sqlite3_stmt *stmt = NULL;
    static const char sql[] = "SELECT count(*), coalesce(min(id), 0), coalesce(max(id), 0) FROM "
                              "main.\"" SQLITE_CHANGES "\"";
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        doctor_ok(doctor, "change table",
                  "%" PRId64 " rows, numbers %" PRId64 " to %" PRId64 "; it trims itself",
                  (int64_t)sqlite3_column_int64(stmt, 0), (int64_t)sqlite3_column_int64(stmt, 1),
                  (int64_t)sqlite3_column_int64(stmt, 2));
    else
        doctor_wrong(doctor, "change table", DOCTOR_NOTHING, "it cannot be read: %s",
                     sqlite3_errmsg(db));
    sqlite3_finalize(stmt);
}

static void check_table(const struct doctor *doctor, const struct sqlite_verdict *verdict,
                        struct str setup)
{
    if (verdict->covered && verdict->warning.n)
        doctor_warn(doctor, "table", DOCTOR_NOTHING, "%.*s: %.*s", STR_ARG(verdict->resource),
                    STR_ARG(verdict->warning));
    else if (verdict->covered)
        doctor_ok(doctor, "table", "%.*s: its triggers are in place", STR_ARG(verdict->resource));
    else if (!verdict->exists && !doctor->alone)
        doctor_warn(doctor, "table", DOCTOR_NOTHING,
                    "%.*s does not exist here; its changes have to come from elsewhere",
                    STR_ARG(verdict->resource));
    else if (!verdict->ruled)
        doctor_warn(doctor, "table", setup,
                    "%.*s has no triggers: it is taken as changed by every commit",
                    STR_ARG(verdict->resource));
    else
        doctor_wrong(doctor, "table", verdict->fits ? setup : DOCTOR_NOTHING, "%.*s",
                     STR_ARG(verdict->problem));
}

static void check_content(const struct doctor *doctor, sqlite3 *db)
{
    int rc = SQLITE_OK;
    struct err err = ERR_INIT;
    struct buf setup = BUF_INIT(MEND_MAX);
    write_setup(&setup, doctor);
    sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
    struct sqlite_verdicts *verdicts = sqlite_verify(db, doctor->loaded->watch, &rc, &err);
    if (!verdicts) {
        doctor_wrong(doctor, "schema", DOCTOR_NOTHING, "it cannot be read: %s", err.text);
    } else if (!verdicts->set_up) {
        doctor_wrong(doctor, "setup", buf_slice(&setup),
                     "it is not set up for unstale: nothing records its changes");
    } else {
        doctor_ok(doctor, "setup", "it is set up for unstale");
        if (verdicts->trims)
            check_changes(doctor, db);
        else
            doctor_warn(doctor, "change table", buf_slice(&setup),
                        "nothing keeps it short: it grows for ever");
    }
    for (size_t i = 0; verdicts && verdicts->set_up && i < verdicts->n; i++)
        check_table(doctor, &verdicts->items[i], buf_slice(&setup));
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    sqlite_verdicts_free(verdicts);
    buf_free(&setup);
}

void doctor_sqlite(const struct doctor *doctor)
{
    static const char wal[] = "PRAGMA journal_mode=WAL;";
    sqlite3 *db = NULL;
    struct err err = ERR_INIT;
    doctor_ok(doctor, "version", "SQLite %s reads it", sqlite3_libversion());
    enum sqlite_file file = sqlite_file_look(doctor->source->path, &db, &err);
    if (file != SQLITE_FILE_MISSING) {
        check_rights(doctor);
        check_file_system(doctor);
    }
    switch (file) {
    case SQLITE_FILE_WAL:
        doctor_ok(doctor, "journal_mode", "wal");
        check_content(doctor, db);
        break;
    case SQLITE_FILE_ROLLBACK:
        doctor_wrong(doctor, "journal_mode", STR(wal),
                     "it is not in WAL mode, where reading it could make your own writes fail; "
                     "this is said once, and stays in the file");
        check_content(doctor, db);
        break;
    case SQLITE_FILE_MISSING:
        doctor_wrong(doctor, "file", DOCTOR_NOTHING,
                     "it does not exist; the server waits until your application makes it");
        break;
    case SQLITE_FILE_EMPTY:
        doctor_wrong(doctor, "file", DOCTOR_NOTHING,
                     "it is empty; the server waits until your application makes its tables");
        break;
    case SQLITE_FILE_FAILED:
        doctor_wrong(doctor, "file", DOCTOR_NOTHING, "it cannot be opened: %s", err.text);
        break;
    }
    sqlite3_close(db);
}
