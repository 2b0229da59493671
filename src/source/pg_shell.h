/* pg_shell: a connection to PostgreSQL that waits for its answers: for the command line.
 *
 * Never on a loop. Connecting is bounded by PG_SHELL_SECONDS, a statement by what is told to
 * pg_shell_open. */
#pragma once

#include "base/err.h"
#include "source/pg_target.h"
#include "source/pg_trigger_tables.h"
#include "source/watch.h"

#include <libpq-fe.h>
#include <stdbool.h>

enum { PG_SHELL_SECONDS = 10 };

struct pg_shell;

/* NULL with a sentence that has no password in it. `target` need not outlive the call. */
struct pg_shell *pg_shell_open(const struct pg_target *target, enum pg_target_kind kind,
                               unsigned statement_seconds, struct err *err);
void pg_shell_close(struct pg_shell *shell);
/* With $1, $2, … as text; n 0: perhaps several statements. NULL with the server's sentence; else
 * PQclear it. */
PGresult *pg_shell_ask(struct pg_shell *shell, const char *sql, int n, const char *const *values,
                       struct err *err);
PGconn *pg_shell_conn(struct pg_shell *shell);
/* What pg_triggers.h wants to know of the database. NULL with a sentence. */
struct pg_trigger_tables *pg_shell_triggers(struct pg_shell *shell, const struct watch *watch,
                                            struct err *err);
