#include "share.h"

#include <sys/resource.h>

struct hub_limits share_hub(const struct config_limits *limits)
{
    return (struct hub_limits){.index_memory = limits->index_memory,
                               .notice_memory = limits->notice_memory,
                               .max_keys = limits->max_keys,
                               .max_entities = limits->max_entities,
                               .notices = limits->notices,
                               .held_max = limits->held,
                               .families_max = limits->families,
                               .batch_ms = limits->batch_ms};
}

/* At least one, where the descriptors are that scarce. */
static unsigned part(unsigned connections, unsigned n_workers)
{
    return connections < n_workers ? 1 : connections / n_workers;
}

/* Descriptors: the soft limit goes up to the hard one; what is left for connections is said. */
static unsigned connections_possible(const struct config *config, const struct log *log)
{
    enum { OWN = 64 }; /* listeners, loops, databases, admin connections */
    struct rlimit limit;
    unsigned wanted = config->limits.connections;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return wanted;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < (rlim_t)wanted + OWN) {
        unsigned possible = limit.rlim_cur > OWN ? (unsigned)(limit.rlim_cur - OWN) : 1;
        log_warn(log, "app",
                 "connections: %u instead of %u, since the process may open %llu descriptors",
                 possible, wanted, (unsigned long long)limit.rlim_cur);
        return possible;
    }
    return wanted;
}

struct worker_limits share_worker(const struct config *config, unsigned n_workers,
                                  const struct log *log)
{
    const struct config_limits *limits = &config->limits;
    return (struct worker_limits){
        .server = {.http = {.head = limits->head,
                            .body = limits->publish_body,
                            .headers = HTTP_HEADERS_MAX},
                   .connections = part(connections_possible(config, log), n_workers),
                   .head_ms = limits->head_ms,
                   .body_ms = limits->body_ms,
                   .keepalive_ms = limits->keepalive_ms,
                   .stalled_ms = limits->stalled_ms},
        .heartbeat_ms = limits->heartbeat_ms,
        .spread_ms = limits->spread_ms,
        .scopes_max = limits->scopes,
        .publishes_max = limits->publish_queue / n_workers + 1,
        .publish_body = limits->publish_body,
        .proxies = config->trusted_proxies,
        .streams_max = {[QUOTA_USER] = limits->connections_per_user,
                        [QUOTA_TOKEN] = limits->connections_per_token,
                        [QUOTA_ADDRESS] = limits->connections_per_address}};
}
