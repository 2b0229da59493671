/* pg_setup: what a PostgreSQL database needs so that its changes can be read by logical
 * replication, as SQL: a publication of exactly the tables that rules name, each with a replica
 * identity.
 *
 * Blocking, with libpq itself: for the command line and for checks at the start. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "source/pg_catalog.h"
#include "source/watch.h"

#include <libpq-fe.h>
#include <stdbool.h>

struct pg_setup_options {
    const char *url;
    const char *password_file; /* may be NULL */
    const char *publication;
    unsigned timeout_s; /* to connect */
    const struct watch *watch;
};

/* A database that was asked. */
struct pg_asked {
    PGconn *conn;
    struct pg_server server;
    struct pg_catalog *catalog;
    struct pg_verdicts *verdicts;
    struct arena arena;
};

/* False with a sentence when it cannot be reached or asked; pg_asked_close in any case. */
bool pg_setup_ask(const struct pg_setup_options *options, struct pg_asked *out, struct err *err);
void pg_asked_close(struct pg_asked *asked);

/* False with the place in the configuration (line 0: none) where a table or a column is missing.
 * `alone`: the table can be in no other database; otherwise a missing one is left out. */
bool pg_setup_check(const struct pg_asked *asked, bool alone, struct place *at, struct err *err);
/* Idempotent. False as above, or where the publication is of another make. */
bool pg_setup_sql(const struct pg_asked *asked, const struct pg_setup_options *options, bool alone,
                  struct buf *out, struct place *at, struct err *err);
/* Removes the publication and the permanent slot (NULL: there is none); all of it fails where that
 * is in use. */
void pg_setup_teardown_sql(const char *publication, const char *slot, struct buf *out);
/* Runs what would be printed. False with the server's sentence, and what to do where that is known;
 * then nothing of it was done. */
bool pg_setup_apply(PGconn *conn, const struct buf *sql, struct err *err);
