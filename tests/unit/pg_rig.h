/* pg_rig: a stream of pgoutput messages and what it means, as text, with tables that somebody
 * watches. Shared by the tests of recorded streams and by the fuzz target. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "source/pg_relation.h"
#include "wire/pgoutput.h"

struct pg_rig {
    struct arena arena;
    struct watch watch;
    struct pgoutput pgoutput;
    struct pg_relations *relations;
    struct buf *out;
};

enum { PG_RIG_TEXT = 1 << 20 };

/* What is said is added to `out`, a line each. */
void pg_rig_open(struct pg_rig *rig, bool every_table, struct buf *out);
void pg_rig_close(struct pg_rig *rig);
/* False: a line says why. */
bool pg_rig_message(struct pg_rig *rig, struct str bytes);
