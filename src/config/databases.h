/* databases: do the tables and columns that the rules name exist in the databases of `sources:`?
 *
 * A database whose file does not exist yet, or that cannot be reached or read, says nothing: it is
 * noted, not an error, because a source waits for its database. A column that its table lacks is
 * always an error. A table that is missing is one when the changes of its rule can come from
 * nowhere else: with a publish source, or with several databases, it may not be this database's.
 *
 * Blocking; for the start and the command line. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "config/config.h"
#include "source/watch.h"

enum databases_finding {
    DATABASE_ABSENT,     /* the file does not exist */
    DATABASE_UNREADABLE, /* `sentence` says why */
    DATABASE_NO_TABLE,   /* `sentence` names it, `at` is the rule */
};

typedef void databases_note(void *ctx, const char *place, enum databases_finding finding,
                            struct place at, const char *sentence);

/* False with "file:line:column: sentence". */
bool databases_check(const struct config *config, const struct watch *watch, databases_note *note,
                     void *ctx, struct err *err);

/* The part of `watch` whose tables this database has, the others noted; all of it when the changes
 * can come from nowhere else, or when the database cannot be asked. Shares the tables of `watch`;
 * `note` may be NULL. NULL when the arena is full. */
struct watch *databases_watch(const struct config *config, const struct config_source *source,
                              const struct watch *watch, databases_note *note, void *ctx,
                              struct arena *arena);
/* Some other source than this database may be the one that a rule waits for. */
bool databases_has_others(const struct config *config, const struct config_source *source);
