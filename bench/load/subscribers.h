/* subscribers: many connections that listen, and what they got.
 *
 * One that is slow never reads: it is connected, its answer's head stays in its small receive
 * buffer, and everything that the server sends it stays with the server or the kernel. */
#pragma once

#include "loop.h"
#include "options.h"
#include "tally.h"

struct subscribers;

struct subscribers_counts {
    unsigned open, failed;        /* opened, ever; could not be opened */
    unsigned closed, slow_closed; /* by the server, after they were open */
    unsigned healthy, slow;       /* as asked for */
};

/* `options` and `loop` must outlive it. */
struct subscribers *subscribers_new(const struct options *options, struct loop *loop);
void subscribers_free(struct subscribers *subscribers);

/* Opens as many as may be on their way; to be called until it returns true: all are open or have
 * failed. */
bool subscribers_connect(struct subscribers *subscribers);

const struct tally *subscribers_tally(const struct subscribers *subscribers);
struct subscribers_counts subscribers_counts(const struct subscribers *subscribers);
/* Deliveries that so many messages, to the topics in turn, make to healthy subscribers. */
uint64_t subscribers_expected(const struct subscribers *subscribers, uint64_t messages);
/* What of `sent` messages never came; in positions: what was never granted. */
uint64_t subscribers_lost(const struct subscribers *subscribers, uint64_t sent);
