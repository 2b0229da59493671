/* pg_logical: the source that follows a PostgreSQL database by logical replication (pgoutput).
 *
 * It reads with a slot, temporary or permanent, the publication that `unstale setup postgres`
 * makes, and writes nothing but the slot. See docs/design/postgres.md. */
#pragma once

#include "base/err.h"
#include "base/log.h"
#include "source/source.h"
#include "source/watch.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct pg_logical_options {
    const char *url;
    const char *password_file; /* may be NULL */
    const char *publication;
    const char *slot_name; /* of a permanent slot */
    bool permanent;
    const char *visible_on; /* URL of the server that readers use; NULL: the same */
    uint64_t timeout_ms;    /* to connect, for each answer, and of silence */
    uint64_t patience_ms;
    const struct watch *watch;
    const struct rolls
        *rolls; /* copied; NULL or empty: it is asked nothing. Their tables are watched */
    bool alone; /* a table that is missing here can be nowhere else */
    uv_loop_t *loop;
    const struct log *log;
};

/* Copies the options and the sink. NULL when an URL is none. */
struct source *pg_logical_new(const struct pg_logical_options *options,
                              const struct source_sink *sink, struct err *err);
