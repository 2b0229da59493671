/* pg_target: which PostgreSQL database, and how it is reached.
 *
 * From a URL (postgres://user@host:5432/db?sslmode=…) or a connection string of libpq; every option
 * of libpq passes through, and what is not said comes from its environment variables (PGPASSWORD,
 * PGPASSFILE, PGSSLMODE, …) and its password file. Immutable once made, so any thread may read it.
 *
 * A password is nowhere in what pg_target_name and error sentences say. */
#pragma once

#include "base/err.h"
#include "base/str.h"

#include <libpq-fe.h>
#include <stdbool.h>

struct pg_target;

/* `password_file` may be NULL; its content (without the newline at its end) is read anew for each
 * connection, so that a password may change. NULL with a sentence when the URL is none. */
struct pg_target *pg_target_new(const char *url, const char *password_file, struct err *err);
void pg_target_free(struct pg_target *target);
/* "host:port/database" or "/socket/folder:port/database", without user and password. */
const char *pg_target_name(const struct pg_target *target);
/* The same server and database, reached in the same way. */
bool pg_target_equal(const struct pg_target *a, const struct pg_target *b);

enum pg_target_kind {
    PG_TARGET_ORDINARY,
    PG_TARGET_REPLICATION, /* a walsender for logical replication */
};

/* Keywords and values for PQconnectStartParams and PQconnectdbParams, NULL-terminated; they live as
 * long as the target. Blocking: the password file is read; false when it cannot be. */
struct pg_params {
    const char **keywords; /* with room for one more */
    const char **values;
    char *_password; /* overwritten before it is freed */
};
bool pg_params_new(const struct pg_target *target, enum pg_target_kind kind, struct pg_params *out,
                   struct err *err);
void pg_params_free(struct pg_params *params);
/* Waits until it is connected, at most so long, whatever the URL says; for the command line,
 * never on a loop. NULL with libpq's sentence; else PQfinish it. */
PGconn *pg_params_connect(struct pg_params *params, unsigned seconds, struct err *err);

/* A sentence of libpq's on one line. */
void pg_sentence(struct err *err, const char *text);
