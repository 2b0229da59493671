/* sqlite_cursor: the place up to which a change table was read, as the state file keeps it.
 *
 * "sqlite1 <instance> <id> <row> <schema>": enough to prove that the table that is found later is
 * the same one, and went on from there. A plain value. */
#pragma once

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct sqlite_cursor {
    bool known;
    char instance[40]; /* of the setup */
    int64_t id;
    uint64_t row;    /* hash of the row with that id */
    uint64_t schema; /* mark of all verdicts (sqlite_verify.h) */
};

/* Not known for whatever sqlite_cursor_write does not write. */
struct sqlite_cursor sqlite_cursor_parse(struct str text);
bool sqlite_cursor_write(struct buf *out, const struct sqlite_cursor *cursor);
