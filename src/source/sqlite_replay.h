/* sqlite_replay: rows of the change table become changes.
 *
 * All rows of one snapshot, in the order of their ids, then sqlite_replay_end. Most rows are a
 * change each. The provisional ones ("R": a row was in the way of an INSERT or UPDATE) are held
 * until it is clear what became of the row, which the same snapshot shows:
 *
 *   the row is gone, nothing came with its id        deleted, with its old columns
 *   an insert came for the same row or the same id   updated, old columns and new columns
 *   the row is there and nothing came for it         nothing: an IGNORE or an upsert
 *
 * So INSERT OR REPLACE is an update of the row that it replaces, and nothing is called deleted that
 * is still there. (With recursive_triggers on, SQLite itself reports the replaced row as deleted:
 * then it is deleted and created.) Where that cannot be found out, the whole table is truncated:
 * wide, never wrong.
 *
 * An update of the primary key, where that is the id, is a deletion and a creation. */
#pragma once

#include "base/err.h"
#include "model/change.h"
#include "source/watch.h"

#include <sqlite3.h>
#include <stdbool.h>

struct sqlite_replay;

struct sqlite_replay_sink {
    void *ctx;
    void (*change)(void *ctx, const struct change *change);
    /* Rows of a table of which nobody knows what they mean. */
    void (*unreadable)(void *ctx, struct str table);
};

/* What a row has in front of v0. */
enum {
    SQLITE_REPLAY_ID,
    SQLITE_REPLAY_TABLE,
    SQLITE_REPLAY_OP,
    SQLITE_REPLAY_AT,
    SQLITE_REPLAY_VALUES
};

/* `watch` must outlive it. */
struct sqlite_replay *sqlite_replay_new(const struct watch *watch,
                                        const struct sqlite_replay_sink *sink);
void sqlite_replay_free(struct sqlite_replay *replay);
/* Reads the layouts from the database; again after its schema changed. Not while rows are held.
 * Answers SQLite's code. */
int sqlite_replay_layouts(struct sqlite_replay *replay, sqlite3 *db);
void sqlite_replay_row(struct sqlite_replay *replay, sqlite3 *db, sqlite3_stmt *row);
/* Hands on what is held. */
void sqlite_replay_end(struct sqlite_replay *replay);
/* Forgets what is held: the snapshot broke off. */
void sqlite_replay_drop(struct sqlite_replay *replay);
/* The whole table may have changed. */
void sqlite_replay_truncated(struct sqlite_replay *replay, struct str resource, uint64_t time_ms);
