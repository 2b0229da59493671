#include "source/pg_slot.h"

#include "source/pg_target.h"
#include "wire/pgoutput.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { MIB = 1024 * 1024 };

/* ---- the cursor ---- */

#define PLACE_VERSION "2"

bool pg_place_write(struct buf *out, const struct pg_place *place)
{
    char lsn[PGOUTPUT_LSN_TEXT], last[PGOUTPUT_LSN_TEXT];
    if (!place->known)
        return false;
    pgoutput_format_lsn(place->lsn, lsn);
    pgoutput_format_lsn(place->last.lsn, last);
    return buf_printf(out,
                      PLACE_VERSION " %s %" PRIu32 " %s %" PRIx64 " %s %s %" PRIu32 " %" PRId64,
                      place->system, place->timeline, place->slot, place->tables, lsn, last,
                      place->last.xid, place->last.time_us);
}

/* One word off the front. */
static bool take_word(struct str *rest, char *out, size_t size)
{
    size_t n = str_index(*rest, ' ');
    if (n == 0 || n >= size)
        return false;
    memcpy(out, rest->p, n);
    out[n] = '\0';
    *rest = str_from(*rest, n < rest->n ? n + 1 : n);
    return true;
}

/* A decimal number, whole, up to `max`. */
static bool take_number(struct str *rest, uint64_t max, uint64_t *out)
{
    char word[24];
    char *end = NULL;
    if (!take_word(rest, word, sizeof word) || strspn(word, "0123456789") != strlen(word))
        return false;
    errno = 0;
    *out = strtoull(word, &end, 10);
    return errno == 0 && *out <= max;
}

static bool take_lsn(struct str *rest, uint64_t *out)
{
    char word[PGOUTPUT_LSN_TEXT];
    return take_word(rest, word, sizeof word) && pgoutput_parse_lsn(str_of(word), out);
}

struct pg_place pg_place_parse(struct str text)
{
    struct pg_place place = {0}, none = {0};
    char version[4], tables[17];
    uint64_t timeline, xid, time_us;
    if (!take_word(&text, version, sizeof version) || strcmp(version, PLACE_VERSION) != 0 ||
        !take_word(&text, place.system, sizeof place.system) ||
        !take_number(&text, UINT32_MAX, &timeline) ||
        !take_word(&text, place.slot, sizeof place.slot) ||
        !take_word(&text, tables, sizeof tables) || !take_lsn(&text, &place.lsn) ||
        !take_lsn(&text, &place.last.lsn) || !take_number(&text, UINT32_MAX, &xid) ||
        !take_number(&text, INT64_MAX, &time_us) || text.n)
        return none;
    place.timeline = (uint32_t)timeline;
    place.tables = strtoull(tables, NULL, 16);
    place.last.xid = (uint32_t)xid;
    place.last.time_us = (int64_t)time_us;
    place.known = true;
    return place;
}

/* ---- the slot ---- */

const char pg_slot_sql[] =
    "SELECT s.slot_name IS NOT NULL,"
    " coalesce(s.plugin = 'pgoutput' AND s.database = current_database(), false),"
    " coalesce(s.active_pid, 0), s.confirmed_flush_lsn,"
    " coalesce(to_jsonb(s)->>'wal_status', ''),"
    " CASE WHEN pg_is_in_recovery() THEN 0"
    "  ELSE coalesce(pg_current_wal_lsn() - s.restart_lsn, 0) END::bigint,"
    " coalesce((SELECT setting::bigint FROM pg_settings WHERE name = 'max_slot_wal_keep_size'), "
    "-1) "
    "FROM (SELECT 1) one LEFT JOIN pg_replication_slots s ON s.slot_name = $1";

bool pg_slot_read(const PGresult *result, struct pg_slot *out, struct err *err)
{
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1 ||
        PQnfields(result) != 7) {
        pg_sentence(err, PQresultErrorMessage(result));
        return err_prefix(err, "the server did not say what is with the slot");
    }
    *out = (struct pg_slot){
        .exists = PQgetvalue(result, 0, 0)[0] == 't',
        .ours = PQgetvalue(result, 0, 1)[0] == 't',
        .active_pid = (int)strtol(PQgetvalue(result, 0, 2), NULL, 10),
        .retained = strtoll(PQgetvalue(result, 0, 5), NULL, 10),
        .keep_mb = strtoll(PQgetvalue(result, 0, 6), NULL, 10),
    };
    pgoutput_parse_lsn(str_of(PQgetvalue(result, 0, 3)), &out->confirmed);
    snprintf(out->wal_status, sizeof out->wal_status, "%s", PQgetvalue(result, 0, 4));
    return true;
}

bool pg_slot_is_heavy(const struct pg_slot *slot)
{
    return slot->exists && slot->keep_mb >= 0 && slot->retained / MIB >= (slot->keep_mb + 1) / 2 &&
           slot->keep_mb > 0;
}

enum pg_slot_step pg_slot_judge(const struct pg_slot *slot, const struct pg_place *here,
                                const struct pg_place *cursor, struct err *why)
{
    if (slot->keep_mb <= 0) {
        err_set(why,
                "a permanent slot is used only where it cannot fill the disk; run: ALTER SYSTEM "
                "SET max_slot_wal_keep_size = '10GB'; SELECT pg_reload_conf();");
        return PG_SLOT_REFUSE;
    }
    if (!slot->exists) {
        err_set(why, cursor->known ? "its slot is gone" : "no place to go on from");
        return PG_SLOT_CREATE;
    }
    if (!slot->ours) {
        err_set(why,
                "the slot %s is another one's (other plugin or database); choose another "
                "slot_name",
                here->slot);
        return PG_SLOT_REFUSE;
    }
    if (slot->active_pid) {
        err_set(why,
                "the slot %s is in use by process %d of the server: another unstale, or one "
                "that the server has not noticed gone",
                here->slot, slot->active_pid);
        return PG_SLOT_REFUSE;
    }
    if (strcmp(slot->wal_status, "lost") == 0 || slot->confirmed == 0) {
        err_set(why, "the slot was invalidated");
        return PG_SLOT_RECREATE;
    }
    if (pg_slot_is_heavy(slot)) {
        err_set(why, "the slot kept more than half of max_slot_wal_keep_size");
        return PG_SLOT_RECREATE;
    }
    if (!cursor->known) {
        err_set(why, "no place to go on from");
        return PG_SLOT_GAP;
    }
    if (strcmp(cursor->system, here->system) != 0) {
        err_set(why, "it is another database cluster");
        return PG_SLOT_RECREATE;
    }
    if (cursor->timeline != here->timeline) {
        err_set(why,
                "the server failed over or was restored (timeline %" PRIu32 ", was %" PRIu32 ")",
                here->timeline, cursor->timeline);
        return PG_SLOT_RECREATE;
    }
    if (here->lsn < cursor->lsn) {
        err_set(why, "the database was set back");
        return PG_SLOT_RECREATE;
    }
    if (strcmp(cursor->slot, here->slot) != 0 || slot->confirmed > cursor->lsn) {
        err_set(why, "the slot is another one than before, or was moved on");
        return PG_SLOT_GAP;
    }
    return PG_SLOT_CONTINUE;
}
