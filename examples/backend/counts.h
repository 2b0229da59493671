/* counts: how often each request line was seen, so that a test can prove that
 * only the stale queries were fetched again.
 *
 * At most COUNTS_MAX different lines; what comes later is counted together as
 * "(other)". Safe from many threads. */
#ifndef EXAMPLE_COUNTS_H
#define EXAMPLE_COUNTS_H

#include <jansson.h>

enum { COUNTS_MAX = 1000 };

struct counts;

struct counts *counts_new(void);
void counts_free(struct counts *counts);
void counts_add(struct counts *counts, const char *method, const char *target);
void counts_clear(struct counts *counts);
/* {"GET /api/recordings?page=1": 3, …}; the caller's. */
json_t *counts_json(struct counts *counts);

#endif
