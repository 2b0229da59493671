/* pg_stream: what a walsender sends, as transactions of a source.
 *
 * Pure: bytes in, calls out; who owns the connection feeds it and sends what it asks for. A row is
 * handed on as it comes, so memory does not depend on the size of a transaction. A transaction
 * without a row that matters is never opened. */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "source/pg_relation.h"
#include "source/watch.h"
#include "wire/pgoutput.h"

#include <stdbool.h>
#include <stdint.h>

struct pg_stream;

/* A transaction as the server's WAL has it: no other history of the same server has the same. */
struct pg_commit {
    uint64_t lsn; /* where its commit record begins; 0: none is known */
    uint32_t xid;
    int64_t time_us;
};

/* Where a stream stood: everything before `applied` was handed on, or is nobody's matter. */
struct pg_stand {
    uint64_t applied;
    struct pg_commit last; /* the last transaction that the server sent */
};

struct pg_stream_ops {
    /* Before the first row. False: not now; the same bytes are given again later. */
    bool (*begin)(void *ctx);
    void (*change)(void *ctx, const struct change *change);
    /* `end` is the LSN behind the commit. May come before the last row (pg_stream_break). */
    void (*commit)(void *ctx, uint32_t xid, uint64_t end);
    /* The server describes a table, before its first row and after each change of it. False: not
     * now. */
    bool (*described)(void *ctx, const struct pgoutput_relation *relation);
    /* It was learned: as it is now, and whether that is new. */
    void (*learned)(void *ctx, const struct pg_relation *relation, enum pg_learned learned);
    /* pg_logical_emit_message with the prefix "unstale". Between begin and commit. */
    void (*emitted)(void *ctx, struct str content);
};

/* `watch` must outlive it. What ends before `before.applied` was handed on before and is skipped.
 * The server begins at `from`: where that is lower, what it sends again has to be what it sent. */
struct pg_stream *pg_stream_new(const struct watch *watch, uint64_t from,
                                const struct pg_stand *before, const struct pg_stream_ops *ops,
                                void *ctx);
void pg_stream_free(struct pg_stream *stream);

enum pg_stream_taken {
    PG_STREAM_TAKEN,
    PG_STREAM_LATER,  /* `begin` or `described` said no */
    PG_STREAM_BROKEN, /* the stream is not to be trusted any more: `err` says why */
    PG_STREAM_OTHER,  /* the server was set back: what was skipped is not what was handed on */
};
enum pg_stream_taken pg_stream_take(struct pg_stream *stream, struct str bytes, struct err *err);
/* The server wants a status update at once. Asking forgets it. */
bool pg_stream_wants_reply(struct pg_stream *stream);

struct pg_stand pg_stream_stand(const struct pg_stream *stream);
uint64_t pg_stream_applied(const struct pg_stream *stream);
/* Between begin and commit. */
bool pg_stream_is_open(const struct pg_stream *stream);
/* Ends what is open, so that others can go on; the next row begins it anew. */
void pg_stream_break(struct pg_stream *stream);
struct pg_relations *pg_stream_relations(struct pg_stream *stream);
