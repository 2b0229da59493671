/* pg_visible: which of the transactions that were read from the WAL can readers not see yet?
 *
 * Logical decoding hands on a commit as soon as it is in the WAL. The transaction may go on in the
 * server's list of running ones for a while (a commit that waits for its synchronous standby), and
 * on a replica it has not happened yet. A snapshot says which are running; the replica also says
 * how far it has come.
 *
 * Pure; bounded: more than PG_VISIBLE_MAX become one, which is seen when every transaction that is
 * older than the newest of them is over. */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PG_VISIBLE_MAX = 4096 };

struct pg_visible;

struct pg_visible *pg_visible_new(void);
void pg_visible_free(struct pg_visible *visible);
/* `end` is the LSN behind its commit. xid 0 is no transaction: only `end` counts. */
void pg_visible_add(struct pg_visible *visible, uint32_t xid, uint64_t end);
/* Everything of `from` is now in `into`. */
void pg_visible_move(struct pg_visible *into, struct pg_visible *from);
/* What `pg_current_snapshot()` says as text ("xmin:xmax:xid,xid"), and the LSN up to which that
 * server has come (UINT64_MAX: the primary). Forgets what readers see. False, and nothing is
 * forgotten, when the text is no snapshot. */
bool pg_visible_see(struct pg_visible *visible, struct str snapshot, uint64_t replayed);
/* Adds the transactions that run in this snapshot: they count until they are over. False as above.
 */
bool pg_visible_add_running(struct pg_visible *visible, struct str snapshot);
/* How many are not seen yet. */
size_t pg_visible_left(const struct pg_visible *visible);
void pg_visible_clear(struct pg_visible *visible);
