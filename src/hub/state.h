/* state: what a hub is made of; for hub.c and snapshot.c alone. */
#pragma once

#include "base/buf.h"
#include "hub/hold.h"
#include "hub/hub.h"
#include "hub/index.h"
#include "hub/notices.h"

struct hub {
    uint64_t epoch;
    uint64_t sequence;
    uint64_t ticked;
    uint64_t last_tick; /* its time */
    uint64_t now;       /* time of the open transaction */
    uint64_t batch_ms;
    bool open;
    bool ever_ticked;
    struct index index;
    struct notices notices;
    struct hold hold;
    struct buf cut; /* scratch for keys above KEY_MAX */
    uint64_t ticks, transactions, laid;
};

/* Evicts until the index is within its memory, or nothing is left. */
void state_fit(struct hub *hub);
