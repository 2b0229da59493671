/* histogram: how often which duration was seen, in nanoseconds.
 *
 * Buckets are 32 to each power of two, so a quantile is off by 3 % at most; nothing is allocated.
 */
#pragma once

#include <stdint.h>

enum { HISTOGRAM_STEPS = 32, HISTOGRAM_BUCKETS = 60 * HISTOGRAM_STEPS };

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t n, max;
};

void histogram_add(struct histogram *histogram, uint64_t ns);
/* The value below which the share `q` of all lies; 0 when there is none. */
double histogram_quantile(const struct histogram *histogram, double q);
