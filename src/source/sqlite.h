/* sqlite: the source that follows a change table in an SQLite database.
 *
 * The triggers that fill the table are made by sqlite_setup.h. While serving this source only
 * reads (SQLITE_OPEN_READONLY, query_only): it polls PRAGMA data_version every `poll_ms`, and reads
 * up to max(id) in one snapshot, which is a cut between transactions. */
#pragma once

#include "base/log.h"
#include "source/source.h"
#include "source/watch.h"

#include <stdint.h>
#include <uv.h>

struct sqlite_options {
    const char *path;
    uint64_t poll_ms;
    const struct watch *watch; /* copied */
    const struct rolls *rolls; /* copied; NULL: it is asked nothing. Their tables are watched */
    uv_loop_t *loop;
    const struct log *log;
};

struct source *sqlite_new(const struct sqlite_options *options, const struct source_sink *sink);
