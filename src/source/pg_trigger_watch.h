/* pg_trigger_watch: what became of the triggers since they were looked at the last time, and what
 * that means for somebody who relies on them.
 *
 * A table whose triggers are not those that setup makes is blind: what is done to it is told by
 * nobody, or not as the rules need it. */
#pragma once

#include "base/err.h"
#include "base/log.h"
#include "source/pg_triggers.h"

#include <stdbool.h>
#include <stdint.h>

struct pg_trigger_watch {
    const struct watch *watch;
    bool alone;       /* a table that is missing here can be nowhere else */
    const char *name; /* of the source, for the log */
    const struct log *log;
    void *ctx;
    /* Changes of this resource may have been missed. */
    void (*missed)(void *ctx, struct str resource, const char *reason);
    /* Rows of a blind table were written. */
    void (*written)(void *ctx, struct str resource);

    struct pg_trigger_verdicts *_verdicts; /* NULL: not looked at yet */
    bool blind;                            /* a table is; look again soon */
    uint64_t untold;                       /* how many are */
    double queue;                          /* how full the server's queue of notifications is */
};

void pg_trigger_watch_free(struct pg_trigger_watch *watched);
/* `anew`: everything was a gap anyway, so there is nothing to compare with. */
void pg_trigger_watch_look(struct pg_trigger_watch *watched, const struct pg_trigger_tables *tables,
                           bool anew);
/* True: every table that a rule names is told of. Else a sentence that says which is not. */
bool pg_trigger_watch_stands(const struct pg_trigger_watch *watched, struct err *why);
