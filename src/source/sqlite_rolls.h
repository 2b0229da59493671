/* sqlite_rolls: the questions of auth.membership to an SQLite database, within a snapshot of the
 * source's: what it answers is exactly what the changes up to there made of it.
 *
 * Thread: the source's. Reads only. */
#pragma once

#include "model/roll.h"

#include <sqlite3.h>

struct sqlite_rolls;

/* Copies. */
struct sqlite_rolls *sqlite_rolls_new(const struct rolls *rolls);
/* NULL is allowed. */
void sqlite_rolls_free(struct sqlite_rolls *rolls);
/* The tables, for whoever wants to know whether they are covered. */
const struct rolls *sqlite_rolls_all(const struct sqlite_rolls *rolls);
/* Before the connection is closed. */
void sqlite_rolls_drop(struct sqlite_rolls *rolls);

/* All scopes of the user, each once or more often; ok is false where the database says no. Lives
 * until the next call. */
struct roll_answer sqlite_rolls_ask(struct sqlite_rolls *rolls, sqlite3 *db, struct str user);
