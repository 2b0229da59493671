#include "cli/doctor.h"

#include "source/pg_catalog.h"
#include "source/pg_shell.h"
#include "source/pg_slot.h"
#include "source/pg_text.h"
#include "source/pg_triggers.h"
#include "source/sqltext.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    STATEMENT_SECONDS = 30,
    SQL_MAX = 4 << 20,
    MEND_MAX = 64 << 10,
    MEMORY = 1 << 20,
    LEAST_VERSION = 120000,  /* generated columns, which the survey looks at */
    MENDED_VERSION = 130000, /* max_slot_wal_keep_size */
    CLOCK_SECONDS = 2,
    POOL_TRIES = 20,
};

/* One PostgreSQL under examination. */
struct patient {
    const struct doctor *doctor;
    const struct config_source *source;
    struct pg_target *target;
    struct pg_shell *shell;
    struct arena arena;
    struct pg_server server;
    struct buf mend;
    bool notify;
};

static PGresult *ask(struct patient *patient, const char *check, const char *sql, int n,
                     const char *const *values)
{
    struct err err = ERR_INIT;
    PGresult *result = pg_shell_ask(patient->shell, sql, n, values, &err);
    if (!result)
        doctor_wrong(patient->doctor, check, DOCTOR_NOTHING, "it cannot be looked at: %s",
                     err.text);
    return result;
}

static struct str setup_command(struct patient *patient)
{
    buf_clear(&patient->mend);
    buf_printf(&patient->mend, "unstale setup postgres -c '%s' --apply",
               patient->doctor->loaded->config->file);
    return buf_slice(&patient->mend);
}

/* ---- the connection ---- */

static void check_encryption(struct patient *patient)
{
    PGconn *pg = pg_shell_conn(patient->shell);
    const char *host = PQhost(pg);
    const char *address = PQhostaddr(pg);
    bool near = !host || host[0] == '/' || (address && strncmp(address, "127.", 4) == 0) ||
                (address && strcmp(address, "::1") == 0);
    if (PQsslInUse(pg))
        doctor_ok(patient->doctor, "encryption", "%s", PQsslAttribute(pg, "protocol"));
    else if (near)
        doctor_ok(patient->doctor, "encryption", "none, and the server is this machine");
    else
        doctor_warn(patient->doctor, "encryption", DOCTOR_NOTHING,
                    "the connection is not encrypted: add ?sslmode=verify-full to the URL");
}

/* The process that serves this connection now; 0: nobody says. */
static long served_by(struct pg_shell *shell)
{
    PGresult *result = pg_shell_ask(shell, "SELECT pg_backend_pid()", 0, NULL, NULL);
    long pid = result ? strtol(PQgetvalue(result, 0, 0), NULL, 10) : 0;
    PQclear(result);
    return pid;
}

/* Two connections that are served by the same process while both are open, or one by two: a pool
 * gives each transaction another one. Others use the pool too, so it is tried more than once. */
static bool is_shared(struct patient *patient, long first)
{
    struct pg_shell *other =
        pg_shell_open(patient->target, PG_TARGET_ORDINARY, STATEMENT_SECONDS, NULL);
    bool shared = false;
    for (int i = 0; other && !shared && i < POOL_TRIES; i++) {
        long here = served_by(patient->shell), there = served_by(other);
        shared = here != first || here == there;
    }
    pg_shell_close(other);
    return shared;
}

static void check_pooler(struct patient *patient)
{
    long pid = served_by(patient->shell);
    bool pooled = pid != PQbackendPID(pg_shell_conn(patient->shell));
    if (!pooled)
        doctor_ok(patient->doctor, "pooler", "none stands between");
    else if (!patient->notify)
        doctor_wrong(patient->doctor, "pooler", DOCTOR_NOTHING,
                     "a pooler (PgBouncer or its like) stands between, and replication does not go "
                     "through one: give the address of PostgreSQL itself");
    else if (is_shared(patient, pid))
        doctor_wrong(
            patient->doctor, "pooler", DOCTOR_NOTHING,
            "a pooler stands between that gives every transaction another connection "
            "(PgBouncer in transaction mode), where LISTEN hears nothing: give the address "
            "of PostgreSQL itself, or of a pool in session mode");
    else
        doctor_warn(patient->doctor, "pooler", DOCTOR_NOTHING,
                    "a pooler stands between: LISTEN works through it in session mode alone");
}

static void check_clock(struct patient *patient)
{
    PGresult *result =
        ask(patient, "clock", "SELECT extract(epoch FROM clock_timestamp())", 0, NULL);
    struct timespec now;
    if (!result)
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    double ahead =
        strtod(PQgetvalue(result, 0, 0), NULL) - (double)now.tv_sec - (double)now.tv_nsec / 1e9;
    PQclear(result);
    if (fabs(ahead) > CLOCK_SECONDS)
        doctor_warn(patient->doctor, "clock", DOCTOR_NOTHING,
                    "the server's clock is %.1f s %s ours; times of changes are its own",
                    fabs(ahead), ahead > 0 ? "ahead of" : "behind");
    else
        doctor_ok(patient->doctor, "clock", "within %d s of ours", CLOCK_SECONDS);
}

static void check_version(struct patient *patient)
{
    int version = patient->server.version;
    if (version < LEAST_VERSION)
        doctor_wrong(patient->doctor, "version", DOCTOR_NOTHING,
                     "PostgreSQL %d.%d is too old: it has to be %d or later", version / 10000,
                     version % 10000, LEAST_VERSION / 10000);
    else
        doctor_ok(patient->doctor, "version", "PostgreSQL %d.%d", version / 10000, version % 10000);
}

static void check_standby(struct patient *patient)
{
    if (!patient->server.standby)
        doctor_ok(patient->doctor, "standby", "it is a primary");
    else if (patient->notify)
        doctor_wrong(patient->doctor, "standby", DOCTOR_NOTHING,
                     "it is a standby, where LISTEN is not possible: give the address of the "
                     "primary");
    else
        doctor_warn(patient->doctor, "standby", DOCTOR_NOTHING,
                    "it is a standby: PostgreSQL decodes there from version 16 on alone");
}

/* ---- capture: logical ---- */

static void check_wal_level(struct patient *patient)
{
    if (str_is(patient->server.wal_level, "logical"))
        doctor_ok(patient->doctor, "wal_level", "logical");
    else
        doctor_wrong(patient->doctor, "wal_level", STR("ALTER SYSTEM SET wal_level = 'logical';"),
                     "it is %.*s, and has to be logical; the server must be restarted after the "
                     "change (where you may not do that: capture: notify)",
                     STR_ARG(patient->server.wal_level));
}

static void check_role(struct patient *patient)
{
    buf_clear(&patient->mend);
    buf_text(&patient->mend, "ALTER ROLE ");
    sqltext_name(&patient->mend, patient->server.role);
    buf_text(&patient->mend, " REPLICATION;");
    if (patient->server.may_replicate)
        doctor_ok(patient->doctor, "role", "%.*s may replicate", STR_ARG(patient->server.role));
    else
        doctor_wrong(patient->doctor, "role", buf_slice(&patient->mend),
                     "%.*s has no right to replicate", STR_ARG(patient->server.role));
}

/* The role may, but pg_hba.conf has the last word. */
static void check_replication(struct patient *patient)
{
    struct err err = ERR_INIT;
    struct pg_shell *shell =
        pg_shell_open(patient->target, PG_TARGET_REPLICATION, STATEMENT_SECONDS, &err);
    if (shell)
        doctor_ok(patient->doctor, "replication", "a replication connection is accepted");
    else
        doctor_wrong(patient->doctor, "replication", DOCTOR_NOTHING,
                     "a replication connection is refused: %s", err.text);
    pg_shell_close(shell);
}

static void check_room(struct patient *patient)
{
    const struct pg_server *server = &patient->server;
    if (server->slots_used >= server->slots_max)
        doctor_wrong(patient->doctor, "slots",
                     STR("ALTER SYSTEM SET max_replication_slots = '20';"),
                     "all %d replication slots are in use; the server must be restarted after the "
                     "change",
                     server->slots_max);
    else
        doctor_ok(patient->doctor, "slots", "%d of %d replication slots are in use",
                  server->slots_used, server->slots_max);
    if (server->senders_max == 0)
        doctor_wrong(patient->doctor, "senders", STR("ALTER SYSTEM SET max_wal_senders = '10';"),
                     "max_wal_senders is 0; the server must be restarted after the change");
}

static void check_publication(struct patient *patient)
{
    const struct pg_server *server = &patient->server;
    const char *name = patient->source->publication;
    if (!server->published) {
        doctor_wrong(patient->doctor, "publication", setup_command(patient),
                     "there is no publication %s", name);
        return;
    }
    buf_clear(&patient->mend);
    buf_text(&patient->mend, "ALTER PUBLICATION ");
    sqltext_name(&patient->mend, str_of(name));
    if (!server->all_actions) {
        buf_text(&patient->mend, " SET (publish = 'insert, update, delete, truncate');");
        doctor_wrong(patient->doctor, "publication", buf_slice(&patient->mend),
                     "%s leaves out some of insert, update, delete and truncate", name);
    } else if (server->via_root) {
        buf_text(&patient->mend, " SET (publish_via_partition_root = false);");
        doctor_wrong(patient->doctor, "publication", buf_slice(&patient->mend),
                     "%s has publish_via_partition_root, with which a truncated partition is not "
                     "told",
                     name);
    } else if (server->all_tables) {
        doctor_warn(patient->doctor, "publication", DOCTOR_NOTHING,
                    "%s is FOR ALL TABLES: an UPDATE of a table without replica identity fails "
                    "then; drop it, and run unstale setup postgres",
                    name);
    } else {
        doctor_ok(patient->doctor, "publication", "%s publishes all that is done to its tables",
                  name);
    }
}

static void check_keep_size(struct patient *patient)
{
    static const char mend[] =
        "ALTER SYSTEM SET max_slot_wal_keep_size = '10GB';\nSELECT pg_reload_conf();";
    int64_t keep = patient->server.keep_size_mb;
    if (keep >= 0)
        doctor_ok(patient->doctor, "max_slot_wal_keep_size", "%lld MB", (long long)keep);
    else if (!patient->source->permanent)
        doctor_ok(patient->doctor, "max_slot_wal_keep_size",
                  "without an end, which a temporary slot does not mind");
    else if (patient->server.version < MENDED_VERSION)
        doctor_wrong(patient->doctor, "max_slot_wal_keep_size", DOCTOR_NOTHING,
                     "this version has no end to what a slot keeps, so a permanent one could fill "
                     "the disk: use slot: temporary");
    else
        doctor_wrong(
            patient->doctor, "max_slot_wal_keep_size", STR(mend),
            "there is no end to what a slot keeps, so a permanent one could fill the disk");
}

static void check_slot(struct patient *patient)
{
    struct pg_slot slot;
    struct err err = ERR_INIT;
    const char *name = patient->source->slot_name;
    if (!patient->source->permanent) {
        doctor_ok(patient->doctor, "slot", "temporary: made at the start, gone at the end");
        return;
    }
    PGresult *result = ask(patient, "slot", pg_slot_sql, 1, &name);
    if (!result)
        return;
    bool read = pg_slot_read(result, &slot, &err);
    PQclear(result);
    if (!read) {
        doctor_wrong(patient->doctor, "slot", DOCTOR_NOTHING, "%s", err.text);
        return;
    }
    buf_clear(&patient->mend);
    buf_text(&patient->mend, "SELECT pg_drop_replication_slot(");
    pg_text_string(&patient->mend, str_of(name));
    buf_text(&patient->mend, ");");
    if (!slot.exists)
        doctor_ok(patient->doctor, "slot", "%s is not there yet; it is made at the start", name);
    else if (!slot.ours)
        doctor_wrong(patient->doctor, "slot", DOCTOR_NOTHING,
                     "%s is somebody else's: it is not of pgoutput, or of another database; give "
                     "another slot_name",
                     name);
    else if (strcmp(slot.wal_status, "lost") == 0)
        doctor_warn(patient->doctor, "slot", buf_slice(&patient->mend),
                    "%s is lost: the server has removed WAL that it needed; it is made anew at the "
                    "start, with a reset",
                    name);
    else if (pg_slot_is_heavy(&slot))
        doctor_warn(patient->doctor, "slot", buf_slice(&patient->mend),
                    "%s keeps %lld MB of WAL, more than half of what it may; drop it if unstale "
                    "does not run any more",
                    name, (long long)(slot.retained >> 20));
    else
        doctor_ok(patient->doctor, "slot", "%s keeps %lld MB of WAL%s", name,
                  (long long)(slot.retained >> 20), slot.active_pid ? ", and is in use" : "");
}

static enum finding_level level_of(const struct patient *patient, enum pg_finding finding)
{
    switch (finding) {
    case PG_COVERED:
        return FINDING_OK;
    case PG_WIDE:
    case PG_COLUMN:
        return FINDING_WARNING;
    case PG_MISSING:
        return patient->doctor->alone ? FINDING_PROBLEM : FINDING_WARNING;
    case PG_UNFIT:
    case PG_UNPUBLISHED:
    case PG_NO_IDENTITY:
        break;
    }
    return FINDING_PROBLEM;
}

static void add_verdict(struct patient *patient, const struct pg_verdict *verdict)
{
    const struct doctor *doctor = patient->doctor;
    if (verdict->finding == PG_COVERED)
        doctor_ok(doctor, "table", "%.*s: published, and its identity has all that the rules need",
                  STR_ARG(verdict->resource));
    else
        findings_add(doctor->findings, doctor->name, "table", level_of(patient, verdict->finding),
                     verdict->sql, "%.*s", STR_ARG(verdict->problem));
}

static void check_published_tables(struct patient *patient)
{
    const struct watch *watch = patient->doctor->loaded->watch;
    struct buf names = BUF_INIT(SQL_MAX);
    struct err err = ERR_INIT;
    pg_catalog_names(watch, &names);
    buf_byte(&names, '\0');
    const char *values[] = {patient->source->publication, names.data,
                            watch->every_table ? "t" : "f"};
    PGresult *result = ask(patient, "table", pg_catalog_tables_sql, 3, values);
    struct pg_catalog *catalog = result ? pg_catalog_read(result, &err) : NULL;
    struct pg_verdicts *verdicts =
        catalog ? pg_catalog_judge(catalog, watch, patient->source->publication) : NULL;
    for (size_t i = 0; verdicts && i < verdicts->n; i++)
        add_verdict(patient, &verdicts->items[i]);
    if (result && !verdicts)
        doctor_wrong(patient->doctor, "table", DOCTOR_NOTHING, "%s",
                     catalog ? "there are too many tables" : err.text);
    pg_verdicts_free(verdicts);
    pg_catalog_free(catalog);
    PQclear(result);
    buf_free(&names);
}

static void examine_logical(struct patient *patient)
{
    check_wal_level(patient);
    check_role(patient);
    check_replication(patient);
    check_room(patient);
    check_publication(patient);
    check_keep_size(patient);
    check_slot(patient);
    check_published_tables(patient);
}

/* ---- capture: notify ---- */

static void check_queue(struct patient *patient, double queue)
{
    if (queue > 0.5)
        doctor_wrong(patient->doctor, "queue",
                     STR("SELECT pid, usename, xact_start FROM pg_stat_activity WHERE xact_start < "
                         "now() - interval '10 min';"),
                     "the queue of notifications is %.0f %% full; when it is full, commits fail: "
                     "some session listens and has had a transaction open for long",
                     queue * 100);
    else
        doctor_ok(patient->doctor, "queue", "the queue of notifications is %.0f %% full",
                  queue * 100);
}

static void check_two_phase(struct patient *patient)
{
    PGresult *result = ask(
        patient, "max_prepared_transactions",
        "SELECT setting::int FROM pg_settings WHERE name = 'max_prepared_transactions'", 0, NULL);
    if (!result)
        return;
    bool possible = PQntuples(result) == 1 && strtol(PQgetvalue(result, 0, 0), NULL, 10) > 0;
    PQclear(result);
    if (possible)
        doctor_warn(patient->doctor, "max_prepared_transactions", DOCTOR_NOTHING,
                    "PREPARE TRANSACTION is allowed on this server, and fails in a transaction "
                    "that wrote to a table with our triggers: NOTIFY cannot be prepared");
    else
        doctor_ok(patient->doctor, "max_prepared_transactions", "0: nobody prepares transactions");
}

static void check_rights(struct patient *patient)
{
    PGresult *result =
        ask(patient, "rights",
            "SELECT has_database_privilege(current_database(), 'CREATE'), current_user,"
            " current_database(), to_regnamespace('" PG_OURS "') IS NOT NULL",
            0, NULL);
    if (!result)
        return;
    bool may = PQgetvalue(result, 0, 0)[0] == 't', there = PQgetvalue(result, 0, 3)[0] == 't';
    buf_clear(&patient->mend);
    buf_text(&patient->mend, "GRANT CREATE ON DATABASE ");
    sqltext_name(&patient->mend, str_of(PQgetvalue(result, 0, 2)));
    buf_text(&patient->mend, " TO ");
    sqltext_name(&patient->mend, str_of(PQgetvalue(result, 0, 1)));
    buf_byte(&patient->mend, ';');
    if (may || there)
        doctor_ok(patient->doctor, "rights", "%s may LISTEN, which everybody may%s",
                  PQgetvalue(result, 0, 1), may ? ", and make the schema for the triggers" : "");
    else
        doctor_warn(patient->doctor, "rights", buf_slice(&patient->mend),
                    "%s may not make the schema for the triggers; the owner of the tables may run "
                    "what unstale setup postgres prints",
                    PQgetvalue(result, 0, 1));
    PQclear(result);
}

static void add_triggers(struct patient *patient, const struct pg_trigger_verdict *verdict)
{
    const struct doctor *doctor = patient->doctor;
    if (verdict->covered && verdict->warning.n)
        doctor_warn(doctor, "table", DOCTOR_NOTHING, "%.*s", STR_ARG(verdict->warning));
    else if (verdict->covered)
        doctor_ok(doctor, "table",
                  "%.*s: its triggers are in place, and tell all that the rules "
                  "need",
                  STR_ARG(verdict->resource));
    else if (!verdict->exists && !doctor->alone)
        doctor_warn(doctor, "table", DOCTOR_NOTHING,
                    "%.*s; its changes have to come from elsewhere", STR_ARG(verdict->problem));
    else
        doctor_wrong(doctor, "table", verdict->mendable ? setup_command(patient) : DOCTOR_NOTHING,
                     "%.*s", STR_ARG(verdict->problem));
}

static void check_triggers(struct patient *patient)
{
    const struct watch *watch = patient->doctor->loaded->watch;
    struct err err = ERR_INIT;
    struct pg_trigger_tables *tables = pg_shell_triggers(patient->shell, watch, &err);
    if (!tables) {
        doctor_wrong(patient->doctor, "table", DOCTOR_NOTHING, "%s", err.text);
        return;
    }
    check_queue(patient, tables->queue);
    struct pg_trigger_verdicts *verdicts = pg_triggers_verify(watch, tables);
    for (size_t i = 0; !patient->source->channel && i < verdicts->n; i++)
        add_triggers(patient, &verdicts->items[i]);
    pg_trigger_verdicts_free(verdicts);
    pg_trigger_tables_free(tables);
}

static void examine_notify(struct patient *patient)
{
    check_two_phase(patient);
    if (patient->source->channel)
        doctor_ok(patient->doctor, "channel",
                  "%s: its triggers are your own; whether they tell every change is theirs to keep",
                  patient->source->channel);
    else
        check_rights(patient);
    check_triggers(patient);
}

/* ---- all of it ---- */

static bool look_at_server(struct patient *patient)
{
    struct err err = ERR_INIT;
    const char *publication = patient->notify ? "" : patient->source->publication;
    PGresult *result = ask(patient, "server", pg_catalog_server_sql, 1, &publication);
    if (!result)
        return false;
    bool ok = pg_catalog_server(result, &patient->arena, &patient->server, &err);
    if (!ok)
        doctor_wrong(patient->doctor, "server", DOCTOR_NOTHING, "%s", err.text);
    PQclear(result);
    return ok;
}

static void examine(struct patient *patient)
{
    struct err err = ERR_INIT;
    patient->shell = pg_shell_open(patient->target, PG_TARGET_ORDINARY, STATEMENT_SECONDS, &err);
    if (!patient->shell) {
        doctor_wrong(patient->doctor, "connection", DOCTOR_NOTHING, "%s", err.text);
        return;
    }
    doctor_ok(patient->doctor, "connection", "it answers");
    if (!look_at_server(patient))
        return;
    check_version(patient);
    check_standby(patient);
    check_pooler(patient);
    check_encryption(patient);
    check_clock(patient);
    if (patient->notify)
        examine_notify(patient);
    else
        examine_logical(patient);
}

void doctor_postgres(const struct doctor *doctor)
{
    struct err err = ERR_INIT;
    struct patient patient = {.doctor = doctor,
                              .source = doctor->source,
                              .mend = BUF_INIT(MEND_MAX),
                              .notify = doctor->source->capture == CONFIG_NOTIFY};
    arena_init(&patient.arena, MEMORY);
    patient.target = pg_target_new(doctor->source->url, doctor->source->password_file, &err);
    if (patient.target)
        examine(&patient);
    else
        doctor_wrong(doctor, "connection", DOCTOR_NOTHING, "%s", err.text);
    pg_shell_close(patient.shell);
    pg_target_free(patient.target);
    buf_free(&patient.mend);
    arena_free(&patient.arena);
}
