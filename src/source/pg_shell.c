#include "source/pg_shell.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

enum { SQL_MAX = 64 << 20 };

struct pg_shell {
    PGconn *pg;
};

static void ignore_notice(void *ctx, const PGresult *result) {}

struct pg_shell *pg_shell_open(const struct pg_target *target, enum pg_target_kind kind,
                               unsigned statement_seconds, struct err *err)
{
    struct pg_params params;
    char sql[64];
    if (!pg_params_new(target, kind, &params, err))
        return NULL;
    PGconn *pg = pg_params_connect(&params, PG_SHELL_SECONDS, err);
    pg_params_free(&params);
    if (!pg)
        return NULL;
    struct pg_shell *shell = mem_new(sizeof *shell);
    shell->pg = pg;
    PQsetNoticeReceiver(shell->pg, ignore_notice, NULL);
    snprintf(sql, sizeof sql, "SET statement_timeout = '%us'", statement_seconds);
    PGresult *result = pg_shell_ask(shell, sql, 0, NULL, err);
    if (!result) {
        pg_shell_close(shell);
        return NULL;
    }
    PQclear(result);
    return shell;
}

void pg_shell_close(struct pg_shell *shell)
{
    if (!shell)
        return;
    PQfinish(shell->pg);
    free(shell);
}

PGresult *pg_shell_ask(struct pg_shell *shell, const char *sql, int n, const char *const *values,
                       struct err *err)
{
    PGresult *result = n > 0 ? PQexecParams(shell->pg, sql, n, NULL, values, NULL, NULL, 0)
                             : PQexec(shell->pg, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return result;
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    pg_sentence(err, primary ? primary : PQerrorMessage(shell->pg));
    PQclear(result);
    return NULL;
}

PGconn *pg_shell_conn(struct pg_shell *shell)
{
    return shell->pg;
}

struct pg_trigger_tables *pg_shell_triggers(struct pg_shell *shell, const struct watch *watch,
                                            struct err *err)
{
    struct pg_trigger_tables *tables = NULL;
    PGresult *result = NULL;
    struct buf sql = BUF_INIT(SQL_MAX);
    pg_trigger_tables_query(&sql, watch);
    if (buf_byte(&sql, '\0'))
        result = pg_shell_ask(shell, sql.data, 0, NULL, err);
    else
        err_set(err, "the rules name too many tables");
    if (result)
        tables = pg_trigger_tables_parse(
            (struct str){.p = PQgetvalue(result, 0, 0), .n = (size_t)PQgetlength(result, 0, 0)},
            err);
    PQclear(result);
    buf_free(&sql);
    return tables;
}
