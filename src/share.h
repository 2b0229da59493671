/* share: what the numbers of a configuration mean to the parts.
 *
 * The configuration speaks of the whole server; a part is told its share. Used at the start and at
 * each reload alike. */
#pragma once

#include "base/log.h"
#include "config/config.h"
#include "delivery/mails.h"
#include "hub/hub.h"

struct hub_limits share_hub(const struct config_limits *limits);
/* The share of one of `n_workers` delivery threads. Who may listen and the endpoints are not
 * numbers: the caller fills them in.
 *
 * Raises the process's soft limit of descriptors to the hard one; where that is less than
 * `connections` asks for, there are fewer, and `log` says so. */
struct worker_limits share_worker(const struct config *config, unsigned n_workers,
                                  const struct log *log);
