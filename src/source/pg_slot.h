/* pg_slot: may a permanent replication slot be gone on with, and is that a proof that nothing was
 * missed?
 *
 * Pure but for reading libpq's results. A slot keeps WAL on the server's disk for as long as nobody
 * takes it; so it is used only where the server has an end to that (max_slot_wal_keep_size), and
 * is given up by ourselves at half of it. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "source/pg_stream.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

enum { PG_SLOT_NAME_MAX = 64, PG_SYSTEM_MAX = 24 };

/* Where a source stands: everything before `lsn` is in the index, and readers see it. */
struct pg_place {
    bool known;
    char system[PG_SYSTEM_MAX]; /* identifier of the cluster */
    uint32_t timeline;
    char slot[PG_SLOT_NAME_MAX];
    uint64_t lsn;
    struct pg_commit last; /* before `lsn` */
    uint64_t tables;       /* pg_verdicts.mark: another one, and a table may have changed unseen */
};

/* The cursor of the source, opaque text. */
bool pg_place_write(struct buf *out, const struct pg_place *place);
/* Not known for any other text. */
struct pg_place pg_place_parse(struct str text);

struct pg_slot {
    bool exists;
    bool ours;      /* of pgoutput, and of this database */
    int active_pid; /* 0: nobody uses it */
    uint64_t confirmed;
    char wal_status[16]; /* reserved, extended, unreserved, lost; empty: unknown */
    int64_t retained;    /* bytes of WAL that the slot keeps */
    int64_t keep_mb;     /* max_slot_wal_keep_size; -1: without an end */
};

extern const char pg_slot_sql[]; /* $1: the slot */
bool pg_slot_read(const PGresult *result, struct pg_slot *out, struct err *err);

enum pg_slot_step {
    PG_SLOT_CONTINUE, /* nothing was missed since the cursor */
    PG_SLOT_GAP,      /* to be gone on with, and `why` is the reason of a gap */
    PG_SLOT_CREATE,   /* it does not exist; the same */
    PG_SLOT_RECREATE, /* to be dropped and made anew; the same */
    PG_SLOT_REFUSE,   /* not now: `why` is a sentence that says what to do */
};

/* `here` is where the server stands now, with the name of the slot. */
enum pg_slot_step pg_slot_judge(const struct pg_slot *slot, const struct pg_place *here,
                                const struct pg_place *cursor, struct err *why);
/* It keeps more than half of what it may. */
bool pg_slot_is_heavy(const struct pg_slot *slot);
