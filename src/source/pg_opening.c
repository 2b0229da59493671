#include "source/pg_opening.h"

#include "base/mem.h"
#include "source/sqltext.h"
#include "wire/pgoutput.h"

#include <stdio.h>
#include <stdlib.h>

enum { SQL_MAX = 4096, MESSAGES_VERSION = 140000 };

struct pg_opening {
    struct pg_opening_options options;
    struct pg_opened opened;
    struct buf sql;
    bool side_asked; /* the answer is still to come */
};

static void ask(struct pg_opening *opening, uint64_t timeout_ms, pg_conn_answer *answer)
{
    buf_byte(&opening->sql, '\0');
    pg_conn_query(opening->options.conn, opening->sql.data, timeout_ms, answer, opening);
    buf_clear(&opening->sql);
}

static void refuse(struct pg_opening *opening, const char *why)
{
    opening->options.refused(opening->options.ctx, why);
}

static void refuse_result(struct pg_opening *opening, const PGresult *result, const char *what)
{
    struct err why = ERR_INIT;
    pg_conn_complaint(opening->options.conn, result, &why);
    err_prefix(&why, "%s", what);
    refuse(opening, why.text);
}

static void set_gap(struct pg_opening *opening, const char *reason)
{
    opening->opened.gap = true;
    snprintf(opening->opened.reason, sizeof opening->opened.reason, "%s", reason);
}

/* ---- the steps, the last one first ---- */

static void on_started(void *ctx, struct pg_conn *conn, const PGresult *result)
{
    struct pg_opening *opening = ctx;
    if (PQresultStatus(result) != PGRES_COPY_BOTH)
        refuse_result(opening, result, "the replication cannot begin");
    else
        opening->options.opened(opening->options.ctx, &opening->opened);
}

static void start(struct pg_opening *opening)
{
    char lsn[PGOUTPUT_LSN_TEXT];
    struct buf *sql = &opening->sql;
    struct buf name = BUF_INIT(SQL_MAX);
    pgoutput_format_lsn(opening->opened.from, lsn);
    buf_text(sql, "START_REPLICATION SLOT ");
    sqltext_name(sql, str_of(opening->options.slot));
    /* The option is a list of names, each quoted, inside of a text. */
    sqltext_name(&name, str_of(opening->options.publication));
    buf_printf(sql, " LOGICAL %s (proto_version '1', publication_names ", lsn);
    sqltext_string(sql, buf_slice(&name));
    if (pg_conn_version(opening->options.conn) >= MESSAGES_VERSION)
        buf_text(sql, ", messages 'true'");
    buf_byte(sql, ')');
    buf_free(&name);
    ask(opening, opening->options.timeout_ms, on_started);
}

static void on_created(void *ctx, struct pg_conn *conn, const PGresult *result)
{
    struct pg_opening *opening = ctx;
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQnfields(result) < 2 ||
        !pgoutput_parse_lsn(str_of(PQgetvalue(result, 0, 1)), &opening->opened.here.lsn)) {
        refuse_result(opening, result, "no replication slot can be made");
        return;
    }
    opening->opened.from = opening->opened.here.lsn;
    start(opening);
}

static void create(struct pg_opening *opening)
{
    buf_text(&opening->sql, "CREATE_REPLICATION_SLOT ");
    sqltext_name(&opening->sql, str_of(opening->options.slot));
    buf_printf(&opening->sql, "%s LOGICAL pgoutput NOEXPORT_SNAPSHOT",
               opening->options.permanent ? "" : " TEMPORARY");
    opening->options.waiting(opening->options.ctx);
    ask(opening, 0, on_created);
}

static void on_dropped(void *ctx, struct pg_conn *conn, const PGresult *result)
{
    struct pg_opening *opening = ctx;
    if (PQresultStatus(result) == PGRES_COMMAND_OK)
        create(opening);
    else
        refuse_result(opening, result, "the replication slot cannot be dropped");
}

static void drop(struct pg_opening *opening)
{
    buf_text(&opening->sql, "DROP_REPLICATION_SLOT ");
    sqltext_name(&opening->sql, str_of(opening->options.slot));
    ask(opening, opening->options.timeout_ms, on_dropped);
}

static void judge(struct pg_opening *opening, const struct pg_slot *slot)
{
    struct err why = ERR_INIT;
    const struct pg_place *cursor = &opening->options.cursor;
    struct pg_place *here = &opening->opened.here;
    enum pg_slot_step step = pg_slot_judge(slot, here, cursor, &why);
    if (opening->options.stuck && (step == PG_SLOT_CONTINUE || step == PG_SLOT_GAP)) {
        err_set(&why, "the server could not read on from where the slot stood");
        step = PG_SLOT_RECREATE;
    }
    switch (step) {
    case PG_SLOT_CONTINUE:
        /* What is between is sent again, which proves that it is the same. */
        here->lsn = cursor->lsn;
        here->last = cursor->last;
        opening->opened.from = slot->confirmed;
        start(opening);
        return;
    case PG_SLOT_GAP:
        set_gap(opening, why.text);
        here->lsn = opening->opened.from = slot->confirmed;
        start(opening);
        return;
    case PG_SLOT_CREATE:
        set_gap(opening, why.text);
        create(opening);
        return;
    case PG_SLOT_RECREATE:
        set_gap(opening, why.text);
        drop(opening);
        return;
    case PG_SLOT_REFUSE:
        break;
    }
    refuse(opening, why.text);
}

static void on_slot(void *ctx, const PGresult *result)
{
    struct pg_opening *opening = ctx;
    struct pg_slot slot;
    struct err why = ERR_INIT;
    opening->side_asked = false;
    if (!result)
        refuse(opening, "the connection was lost");
    else if (!pg_slot_read(result, &slot, &why))
        refuse(opening, why.text);
    else
        judge(opening, &slot);
}

static void find_slot(struct pg_opening *opening)
{
    const char *const values[] = {opening->options.slot};
    if (!pg_side_ready(opening->options.side)) {
        refuse(opening, "the connection for questions is busy, or lost");
        return;
    }
    opening->side_asked = true;
    pg_side_ask(opening->options.side, pg_slot_sql, 1, values, on_slot, opening);
}

static void on_identified(void *ctx, struct pg_conn *conn, const PGresult *result)
{
    struct pg_opening *opening = ctx;
    struct pg_place *here = &opening->opened.here;
    const struct pg_place *cursor = &opening->options.cursor;
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1 ||
        PQnfields(result) < 3 ||
        !pgoutput_parse_lsn(str_of(PQgetvalue(result, 0, 2)), &here->lsn)) {
        refuse_result(opening, result, "the server does not say who it is");
        return;
    }
    here->known = true;
    snprintf(here->system, sizeof here->system, "%s", PQgetvalue(result, 0, 0));
    here->timeline = (uint32_t)strtoul(PQgetvalue(result, 0, 1), NULL, 10);
    snprintf(here->slot, sizeof here->slot, "%s", opening->options.slot);
    opening->opened.other =
        cursor->known && (strcmp(cursor->system, here->system) != 0 ||
                          cursor->timeline != here->timeline || here->lsn < cursor->lsn);
    if (opening->options.permanent) {
        find_slot(opening);
        return;
    }
    set_gap(opening, cursor->known ? "the replication was cut, and its slot was temporary"
                                   : "no place to go on from");
    create(opening);
}

struct pg_opening *pg_opening_new(const struct pg_opening_options *options)
{
    struct pg_opening *opening = mem_new(sizeof *opening);
    opening->options = *options;
    opening->sql = BUF_INIT(SQL_MAX);
    buf_text(&opening->sql, "IDENTIFY_SYSTEM");
    ask(opening, options->timeout_ms, on_identified);
    return opening;
}

void pg_opening_free(struct pg_opening *opening)
{
    if (!opening)
        return;
    if (opening->side_asked)
        pg_side_forget(opening->options.side);
    buf_free(&opening->sql);
    free(opening);
}
