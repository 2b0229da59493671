/* worker: one delivery thread: its loop, listener, connections, subscribers.
 *
 * Made and freed by the hub's thread; in between only mails go in (worker_post) and
 * out (`to_hub`). Several workers share the port by SO_REUSEPORT. */
#pragma once

#include "base/err.h"
#include "base/hash.h"
#include "base/log.h"
#include "delivery/mails.h"
#include "net/server.h"

#include <stdbool.h>
#include <stdint.h>

struct worker;

struct worker_options {
    unsigned index;
    const char *listen;
    bool join; /* the port of another worker */
    struct worker_limits limits;
    uint64_t epoch;
    uint64_t start; /* the hub's last tick */
    struct hash_seed seed;
    const struct log *log;
    struct mailbox *to_hub;
};

/* Listens and starts the thread. */
struct worker *worker_new(const struct worker_options *options, struct err *err);
const char *worker_address(const struct worker *worker);
/* Any thread. */
void worker_post(struct worker *worker, struct mail *mail);
/* For what was posted since; see net/mailbox.h. */
void worker_wake(struct worker *worker);
/* After its MAIL_STOPPED came: joins the thread. */
void worker_free(struct worker *worker);
