/* pg_survey: what the server and its tables are like now, and what became of the tables since the
 * last time. What is found of a table is a line of the log when it comes and when it goes.
 *
 * Asked over an ordinary connection: two queries. Thread: the loop's. */
#pragma once

#include "base/log.h"
#include "source/pg_catalog.h"
#include "source/pg_relation.h"
#include "source/pg_side.h"
#include "source/watch.h"

#include <stdbool.h>

struct pg_survey;

struct pg_survey_options {
    struct pg_side *side;      /* must outlive it */
    const struct watch *watch; /* likewise */
    const char *publication;   /* likewise */
    bool alone;                /* a table that is missing here can be nowhere else */
    const char *name;          /* of the source, for the log; must outlive it */
    const struct log *log;     /* likewise */
    void *ctx;
    /* The survey is as it was where `why` is a sentence. Never from inside of the functions below.
     */
    void (*done)(void *ctx, const char *why);
    /* Before `done`: changes of this resource may have been missed since the last survey. */
    void (*missed)(void *ctx, struct str resource, const char *reason);
};

struct pg_survey *pg_survey_new(const struct pg_survey_options *options);
/* Its side must be closed, or closing. */
void pg_survey_free(struct pg_survey *survey);
/* False where the connection is busy or down: try again soon. Nothing happens while one is under
 * way, which is true. */
bool pg_survey_begin(struct pg_survey *survey);

/* NULL before the first one. Live until the next `done`. */
const struct pg_server *pg_survey_server(const struct pg_survey *survey);
const struct pg_catalog *pg_survey_catalog(const struct pg_survey *survey);
const struct pg_verdicts *pg_survey_verdicts(const struct pg_survey *survey);
/* Says of a relation that the stream has learned whose partition it is and what its primary key is,
 * as the last survey found them. Nothing where that does not know it. */
void pg_survey_teach(const struct pg_survey *survey, struct pg_relations *relations, uint32_t oid);
/* Changes of this table should come, and do not. */
bool pg_survey_is_trouble(const struct pg_survey *survey, const struct pg_verdict *verdict);
/* How many those are; `sentence` (may be NULL) is about the first, with the SQL that mends it. */
size_t pg_survey_trouble(const struct pg_survey *survey, struct err *sentence);
/* Tables of which rules mark more than they have to. */
size_t pg_survey_wide(const struct pg_survey *survey);
/* Something was written to the server's WAL between the last survey and the one before. */
bool pg_survey_wal_moved(const struct pg_survey *survey);
