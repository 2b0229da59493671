#include "histogram.h"

/* Values below 32 are their own bucket; above, the five bits behind the highest one choose. */
static unsigned bucket_of(uint64_t ns)
{
    if (ns < HISTOGRAM_STEPS)
        return (unsigned)ns;
    unsigned exponent = 63U - (unsigned)__builtin_clzll(ns);
    return (exponent - 4) * HISTOGRAM_STEPS +
           (unsigned)((ns >> (exponent - 5)) & (HISTOGRAM_STEPS - 1));
}

static double middle_of(unsigned bucket)
{
    if (bucket < HISTOGRAM_STEPS)
        return bucket;
    unsigned shift = bucket / HISTOGRAM_STEPS - 1;
    uint64_t low = ((uint64_t)HISTOGRAM_STEPS + bucket % HISTOGRAM_STEPS) << shift;
    return (double)low + (double)(1ULL << shift) / 2;
}

void histogram_add(struct histogram *histogram, uint64_t ns)
{
    histogram->counts[bucket_of(ns)]++;
    histogram->n++;
    if (ns > histogram->max)
        histogram->max = ns;
}

double histogram_quantile(const struct histogram *histogram, double q)
{
    uint64_t before = (uint64_t)(q * (double)histogram->n), seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen > before)
            return middle_of(i);
    }
    return (double)histogram->max;
}
