#include "source/pg_setup.h"

#include "base/mem.h"
#include "source/pg_target.h"
#include "source/sqltext.h"

#include <stdlib.h>

enum { SERVER_MEMORY = 64 * 1024, NAMES_MAX = 4 << 20 };

/* ---- asking ---- */

static bool connect_to(const struct pg_setup_options *options, struct pg_asked *out,
                       struct err *err)
{
    struct pg_params params;
    bool ok = false;
    struct pg_target *target = pg_target_new(options->url, options->password_file, err);
    if (!target)
        return false;
    if (!pg_params_new(target, PG_TARGET_ORDINARY, &params, err))
        goto out;
    out->conn = pg_params_connect(&params, options->timeout_s, err);
    ok = out->conn || err_prefix(err, "it cannot be reached");
    pg_params_free(&params);
out:
    pg_target_free(target);
    return ok;
}

bool pg_setup_ask(const struct pg_setup_options *options, struct pg_asked *out, struct err *err)
{
    struct buf names = BUF_INIT(NAMES_MAX);
    PGresult *result = NULL;
    bool ok = false;
    *out = (struct pg_asked){0};
    arena_init(&out->arena, SERVER_MEMORY);
    pg_catalog_names(options->watch, &names);
    buf_byte(&names, '\0');
    const char *const values[] = {options->publication, names.data,
                                  options->watch->every_table ? "t" : "f"};
    if (!connect_to(options, out, err))
        goto out;
    result = PQexecParams(out->conn, pg_catalog_server_sql, 1, NULL, values, NULL, NULL, 0);
    if (!pg_catalog_server(result, &out->arena, &out->server, err))
        goto out;
    PQclear(result);
    result = PQexecParams(out->conn, pg_catalog_tables_sql, 3, NULL, values, NULL, NULL, 0);
    out->catalog = pg_catalog_read(result, err);
    if (!out->catalog)
        goto out;
    out->verdicts = pg_catalog_judge(out->catalog, options->watch, options->publication);
    ok = out->verdicts || err_set(err, "there are too many tables to watch");
out:
    PQclear(result);
    buf_free(&names);
    return ok;
}

void pg_asked_close(struct pg_asked *asked)
{
    pg_verdicts_free(asked->verdicts);
    pg_catalog_free(asked->catalog);
    PQfinish(asked->conn);
    arena_free(&asked->arena);
    *asked = (struct pg_asked){0};
}

/* ---- judging ---- */

bool pg_setup_check(const struct pg_asked *asked, bool alone, struct place *at, struct err *err)
{
    for (size_t i = 0; i < asked->verdicts->n; i++) {
        const struct pg_verdict *verdict = &asked->verdicts->items[i];
        bool wrong = verdict->lacks.n || (verdict->finding == PG_MISSING && alone) ||
                     (verdict->finding == PG_UNFIT && verdict->ruled);
        if (!wrong)
            continue;
        *at = verdict->at;
        return err_set(err, "%.*s", STR_ARG(verdict->lacks.n ? verdict->lacks : verdict->problem));
    }
    return true;
}

static const struct watch_table *find_wanted(const struct watch *watch, struct str resource)
{
    for (size_t i = 0; i < watch->n_tables; i++)
        if (str_equal(watch->tables[i].table, resource))
            return &watch->tables[i];
    return NULL;
}

static bool is_publishable(const struct pg_verdict *verdict)
{
    return verdict->finding != PG_MISSING && verdict->finding != PG_UNFIT;
}

static void write_identities(const struct pg_asked *asked, const struct watch *watch,
                             struct buf *out)
{
    for (size_t i = 0; i < asked->verdicts->n; i++) {
        const struct pg_verdict *verdict = &asked->verdicts->items[i];
        const struct pg_table *root = pg_catalog_root(asked->catalog, verdict->resource);
        struct buf sql = BUF_INIT(out->max);
        if (root && is_publishable(verdict))
            pg_catalog_identity_sql(asked->catalog, root, find_wanted(watch, verdict->resource),
                                    &sql);
        if (sql.len) {
            buf_printf(out, "-- %.*s: the old row must have what scopes and keys are made of.\n",
                       STR_ARG(verdict->resource));
            buf_str(out, buf_slice(&sql));
            buf_byte(out, '\n');
        }
        buf_free(&sql);
    }
}

static size_t write_tables(const struct pg_asked *asked, struct buf *out)
{
    size_t n = 0;
    for (size_t i = 0; i < asked->verdicts->n; i++) {
        const struct pg_verdict *verdict = &asked->verdicts->items[i];
        const struct pg_table *root = pg_catalog_root(asked->catalog, verdict->resource);
        if (!root || !is_publishable(verdict))
            continue;
        buf_text(out, n++ ? ", " : " SET TABLE ");
        sqltext_name(out, root->schema);
        buf_byte(out, '.');
        sqltext_name(out, root->name);
    }
    return n;
}

/* Nothing where nothing is to do: a publication that was altered is a reason for a reset. */
static void write_settings(const struct pg_asked *asked, struct str publication, struct buf *out)
{
    const struct pg_server *server = &asked->server;
    if (server->published && server->all_actions && !server->via_root)
        return;
    buf_text(out, "ALTER PUBLICATION ");
    sqltext_name(out, publication);
    buf_printf(out, " SET (publish = 'insert, update, delete, truncate'%s);\n",
               server->version >= 130000 ? ", publish_via_partition_root = false" : "");
}

bool pg_setup_sql(const struct pg_asked *asked, const struct pg_setup_options *options, bool alone,
                  struct buf *out, struct place *at, struct err *err)
{
    struct str publication = str_of(options->publication);
    if (!pg_setup_check(asked, alone, at, err))
        return false;
    *at = (struct place){0};
    if (asked->server.all_tables)
        return err_set(err,
                       "the publication %s is FOR ALL TABLES, which makes an UPDATE of a table "
                       "without replica identity fail; choose another name with publication:, or "
                       "run: DROP PUBLICATION \"%s\";",
                       options->publication, options->publication);
    buf_text(out, "-- What unstale reads: a publication of the tables that rules name.\n"
                  "BEGIN;\n"
                  "SET LOCAL lock_timeout = '5s'; -- rather fail than hold up the application\n");
    write_identities(asked, options->watch, out);
    buf_text(out, "DO $unstale$ BEGIN\n"
                  "  IF NOT EXISTS (SELECT FROM pg_publication WHERE pubname = ");
    sqltext_string(out, publication);
    buf_text(out, ") THEN\n    CREATE PUBLICATION ");
    sqltext_name(out, publication);
    buf_text(out, ";\n  END IF;\nEND $unstale$;\n");
    write_settings(asked, publication, out);
    buf_text(out, "ALTER PUBLICATION ");
    sqltext_name(out, publication);
    if (!write_tables(asked, out))
        return err_set(err, "there is no table to publish");
    buf_text(out, ";\nCOMMIT;\n");
    return !out->overflow || err_set(err, "there are too many tables to publish");
}

void pg_setup_teardown_sql(const char *publication, const char *slot, struct buf *out)
{
    buf_text(out, "-- Replica identities stay as they are.\nDROP PUBLICATION IF EXISTS ");
    sqltext_name(out, str_of(publication));
    buf_text(out, ";\n");
    if (!slot)
        return;
    buf_text(out, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE "
                  "slot_name = ");
    sqltext_string(out, str_of(slot));
    buf_text(out, " AND plugin = 'pgoutput' AND database = current_database();\n");
}

/* What mends a refusal of the server. */
static const char *hint_for(const char *sqlstate)
{
    static const char *const hints[][2] = {
        {"42501", "run it as the owner of the tables, or give the owner what is printed without "
                  "--apply"},
        {"55P03", "somebody holds a lock on one of the tables; run it again when that is over"},
        {"55006", "stop unstale, which uses it, and run it again"},
    };
    for (size_t i = 0; sqlstate && i < sizeof hints / sizeof hints[0]; i++)
        if (strcmp(sqlstate, hints[i][0]) == 0)
            return hints[i][1];
    return NULL;
}

bool pg_setup_apply(PGconn *conn, const struct buf *sql, struct err *err)
{
    char *text = mem_copy(sql->data, sql->len);
    PQclear(PQexec(conn, "SET client_min_messages = warning"));
    PGresult *result = PQexec(conn, text);
    ExecStatusType status = PQresultStatus(result);
    bool ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (!ok) {
        const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
        const char *hint = hint_for(PQresultErrorField(result, PG_DIAG_SQLSTATE));
        struct err said = ERR_INIT;
        pg_sentence(&said, primary ? primary : PQerrorMessage(conn));
        err_set(err, "%.700s%s%s", said.text, hint ? "; " : "", hint ? hint : "");
        PQclear(PQexec(conn, "ROLLBACK"));
    }
    PQclear(result);
    free(text);
    return ok;
}
