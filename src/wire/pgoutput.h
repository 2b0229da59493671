/* pgoutput: what a PostgreSQL walsender says, bytes in, structs out (PostgreSQL 15, chapters 55.4
 * "Streaming Replication Protocol", 55.5 and 55.9 "Logical Replication Message Formats").
 *
 * Two layers. A CopyData payload is a frame: WAL data or a keepalive. The data of a frame is one
 * message of the output plugin pgoutput, protocol version 1 (version 2 without streaming is the
 * same).
 *
 * Streaming of transactions that are under way is not asked for: the server then keeps a large
 * transaction on its own disk (logical_decoding_work_mem) and sends it at its commit, row by row.
 * So nobody here holds more than one row, and a transaction that is rolled back is never seen.
 *
 * What always holds:
 *  1. Every length and count is checked against the bytes that are there; a message must end where
 *     its last field ends. Nothing is asserted about a peer's bytes.
 *  2. Nothing is copied or allocated: slices point into the bytes that were given, and live as
 * long.
 *  3. What comes in an order that the protocol does not know is refused (struct pgoutput).
 *
 * Positions (LSN) are bytes in the WAL, times are microseconds since 2000-01-01 UTC.
 * Pure: no socket, no clock. */
#pragma once

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- frames ---- */

struct pgoutput_frame {
    bool keepalive;
    uint64_t start;  /* where the data begins in the WAL; 0 for a keepalive */
    uint64_t end;    /* the end of the server's WAL as it knows it */
    int64_t sent_us; /* the server's clock */
    bool reply;      /* keepalive: answer at once, or the server hangs up soon */
    struct str data; /* a message; empty for a keepalive */
};

bool pgoutput_frame(struct str bytes, struct pgoutput_frame *frame, struct err *err);

/* A standby status update, the whole CopyData payload. */
struct pgoutput_status {
    uint64_t written, flushed, applied; /* each the byte behind the last one that is done */
    int64_t now_us;
    bool reply; /* the server shall answer at once */
};

enum { PGOUTPUT_STATUS_BYTES = 34 };

void pgoutput_status(const struct pgoutput_status *status, char out[PGOUTPUT_STATUS_BYTES]);

/* Between the server's time and Unix time. Before 1970: 0. */
uint64_t pgoutput_unix_ms(int64_t us);
int64_t pgoutput_time_us(uint64_t unix_us);

/* "16/B374D848", as SQL writes it. False when it is anything else. */
bool pgoutput_parse_lsn(struct str text, uint64_t *lsn);
enum { PGOUTPUT_LSN_TEXT = 18 }; /* with its NUL */
void pgoutput_format_lsn(uint64_t lsn, char out[PGOUTPUT_LSN_TEXT]);

/* ---- messages ---- */

enum pgoutput_kind {
    PGOUTPUT_BEGIN,
    PGOUTPUT_COMMIT,
    PGOUTPUT_ORIGIN, /* the transaction came from another server */
    PGOUTPUT_RELATION,
    PGOUTPUT_TYPE,
    PGOUTPUT_INSERT,
    PGOUTPUT_UPDATE,
    PGOUTPUT_DELETE,
    PGOUTPUT_TRUNCATE,
    PGOUTPUT_MESSAGE, /* pg_logical_emit_message */
};

enum { PGOUTPUT_COLUMNS_MAX = 1664 }; /* MaxTupleAttributeNumber; a table has at most 1600 */

enum pgoutput_datum {
    PGOUTPUT_NULL,
    PGOUTPUT_UNCHANGED, /* stored out of line (TOAST) and not changed: the value is not sent */
    PGOUTPUT_TEXT,
    PGOUTPUT_BINARY, /* only where it was asked for */
};

struct pgoutput_column {
    enum pgoutput_datum datum;
    struct str bytes; /* TEXT and BINARY */
};

/* A row. Its columns have been checked; they are read one by one. */
struct pgoutput_tuple {
    size_t n; /* columns that are still to be read */
    struct str _rest;
};

/* False after the last column. */
bool pgoutput_next(struct pgoutput_tuple *tuple, struct pgoutput_column *column);

enum pgoutput_old {
    PGOUTPUT_OLD_NONE, /* the identity did not change, and it is not FULL */
    PGOUTPUT_OLD_KEY,  /* "K": columns of the replica identity; all others read as null */
    PGOUTPUT_OLD_ROW,  /* "O": REPLICA IDENTITY FULL */
};

struct pgoutput_begin {
    uint64_t commit_lsn; /* where its commit record begins: the same as in its commit */
    int64_t commit_us;
    uint32_t xid;
};

struct pgoutput_commit {
    uint64_t commit_lsn;
    uint64_t end_lsn; /* behind the commit record: what is confirmed when it is done */
    int64_t commit_us;
};

struct pgoutput_attribute {
    bool identity; /* of the replica identity; with FULL all are */
    struct str name;
    uint32_t type;
    int32_t modifier;
};

struct pgoutput_relation {
    uint32_t oid;
    struct str schema; /* "pg_catalog" is sent as an empty text, and is read as that name */
    struct str name;
    char identity;    /* pg_class.relreplident: 'd' default, 'n' nothing, 'f' full, 'i' index */
    size_t n;         /* columns that are still to be read */
    struct str bytes; /* of those columns: two tables with the same have the same */
};

bool pgoutput_next_attribute(struct pgoutput_relation *relation,
                             struct pgoutput_attribute *attribute);

struct pgoutput_type {
    uint32_t oid;
    struct str schema, name; /* of a domain: those of its base type */
};

struct pgoutput_row {
    uint32_t relation;
    enum pgoutput_old old_kind;
    struct pgoutput_tuple before; /* n 0 where there is none */
    struct pgoutput_tuple after;
};

struct pgoutput_truncate {
    bool cascade, restart_identity;
    size_t n; /* relations that are still to be read */
    struct str _rest;
};

bool pgoutput_next_relation(struct pgoutput_truncate *truncate, uint32_t *oid);

struct pgoutput_emitted {
    bool transactional; /* false: it stands outside of every transaction */
    uint64_t lsn;
    struct str prefix;
    struct str content; /* any bytes */
};

struct pgoutput_origin {
    uint64_t lsn;
    struct str name;
};

struct pgoutput_message {
    enum pgoutput_kind kind;
    union {
        struct pgoutput_begin begin;
        struct pgoutput_commit commit;
        struct pgoutput_origin origin;
        struct pgoutput_relation relation;
        struct pgoutput_type type;
        struct pgoutput_row row; /* INSERT, UPDATE, DELETE */
        struct pgoutput_truncate truncate;
        struct pgoutput_emitted emitted; /* MESSAGE */
    };
};

/* Where a stream of messages stands; zeroed where a replication begins.
 *
 *     BETWEEN --begin--> OPENED --origin--> WITHIN --relation, type, row, truncate,
 *        ^                 | all but origin ^  |     message (transactional)--> WITHIN
 *        |                 +----------------+  |
 *        +------------------commit-------------+   (from OPENED too: an empty transaction)
 *
 * A message that is not transactional may come anywhere and moves nothing. */
enum pgoutput_stand { PGOUTPUT_BETWEEN, PGOUTPUT_OPENED, PGOUTPUT_WITHIN };

struct pgoutput {
    enum pgoutput_stand stand;
    uint64_t commit_lsn; /* of the open transaction */
};

/* One message. False, with a sentence, when it is not one or comes out of order: what the stream
 * says is not to be trusted from there on, and the state is left as it was. */
bool pgoutput_decode(struct pgoutput *pgoutput, struct str bytes, struct pgoutput_message *message,
                     struct err *err);
