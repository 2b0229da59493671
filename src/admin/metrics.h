/* metrics: counters as text in the Prometheus exposition format (version 0.0.4).
 *
 * A family is announced once (metrics_family), then its samples follow. Label values are
 * escaped here. Every metric has a sentence of help. */
#pragma once

#include "base/buf.h"
#include "base/str.h"

#include <stdint.h>

enum metrics_type { METRICS_COUNTER, METRICS_GAUGE };

void metrics_family(struct buf *out, const char *name, enum metrics_type type, const char *help);
void metrics_sample(struct buf *out, const char *name, uint64_t value);
void metrics_labelled(struct buf *out, const char *name, const char *label, struct str label_value,
                      uint64_t value);
/* Families with one sample each. */
struct metrics_row {
    const char *name;
    enum metrics_type type;
    uint64_t value;
    const char *help;
};

void metrics_rows(struct buf *out, const struct metrics_row *rows, size_t n);
