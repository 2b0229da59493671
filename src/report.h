/* report: what the admin listener says of the whole: /readyz and /metrics.
 *
 * Thread: the hub's. A view, made for one answer; owns nothing. */
#pragma once

#include "base/buf.h"
#include "config/config.h"
#include "delivery/exchange.h"
#include "delivery/mails.h"
#include "engine.h"
#include "hub/hub.h"

#include <stdbool.h>

struct report {
    const struct config *config;
    const struct hub *hub;
    const struct exchange *exchange;
    const struct engine *engine;
    const struct endpoints *endpoints;
    const struct mail_stats *workers; /* the last that each delivery thread sent */
    unsigned n_workers;
    unsigned connections_max; /* what the descriptors allow of limits: connections */
    bool stopping;
    uint64_t reloads_applied, reloads_refused;
};

/* True: ready. A JSON object with every source, and why it is not current. */
bool report_ready(const struct report *report, struct buf *json);
/* Prometheus text. */
void report_metrics(const struct report *report, struct buf *text);
