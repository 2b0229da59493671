/* units: durations and sizes as people write them.
 *
 *     duration   0  100ms  5s  1m  2h        in milliseconds
 *     size       1000  64KiB  256MiB  1GiB  1kB  1MB  1GB     in bytes
 *
 * Whole numbers only; false for anything else and for what does not fit. */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum { UNITS_TEXT_MAX = 32 };

bool units_duration(struct str text, uint64_t *ms);
bool units_size(struct str text, uint64_t *bytes);
bool units_count(struct str text, uint64_t *count);
/* With the largest unit that divides it: "90s", "1m", "64KiB". */
void units_write_duration(uint64_t ms, char out[UNITS_TEXT_MAX]);
void units_write_size(uint64_t bytes, char out[UNITS_TEXT_MAX]);
