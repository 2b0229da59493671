/* sample: plausible rows for a fresh database. The same rows on every machine,
 * only their times move, so that the newest is always from today. */
#ifndef EXAMPLE_SAMPLE_H
#define EXAMPLE_SAMPLE_H

#include "db.h"

/* Does nothing when there are projects already. Inside the caller's transaction. */
bool sample_fill(struct db *db, struct problem *problem);

#endif
