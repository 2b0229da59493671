/* tally: what the subscribers got, followed by sequence number, so that lost, doubled and
 * out-of-order messages are counted for each connection.
 *
 * A hole that is filled later is a reordered message, one that is not is a lost one. A copy is
 * recognised among the last 64 messages of a connection. */
#pragma once

#include "histogram.h"

#include <stdbool.h>

struct tally {
    uint64_t delivered, doubled, reordered;
    uint64_t bytes, reads;
    uint64_t last_ns; /* of the last delivery */
    struct histogram latency;
};

/* Of one connection. */
struct follower {
    uint64_t next;   /* the sequence number that comes next */
    uint64_t first;  /* the first grant */
    uint64_t recent; /* which of the last 64 came; bit 0 is the newest */
    uint32_t missing;
    uint32_t step; /* from one message of its topic to the next */
    bool placed;   /* `next` is known (follower_grant) */
};

void follower_init(struct follower *follower, unsigned topic, unsigned topics);
/* A message of this number came, which was sent at `sent_ns`. */
void follower_message(struct follower *follower, struct tally *tally, uint64_t number,
                      uint64_t sent_ns, uint64_t now_ns);
/* Everything up to `sequence` is with the client. The first grant is where counting begins; each
 * sequence number behind it is one message, merged or not. */
void follower_grant(struct follower *follower, struct tally *tally, uint64_t sequence,
                    uint64_t now_ns);
/* Messages that never came, of those numbered below `sent`. */
uint64_t follower_lost(const struct follower *follower, uint64_t sent);
