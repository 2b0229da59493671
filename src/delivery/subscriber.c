#include "delivery/subscriber.h"

#include "base/check.h"

#define MAY(state) (1u << SUBSCRIBER_##state)

static const unsigned may_follow[SUBSCRIBER_STATES] = {
    [SUBSCRIBER_OPENING] = MAY(LIVE) | MAY(ASKING) | MAY(SENDING),
    [SUBSCRIBER_ASKING] = MAY(SENDING) | MAY(LIVE) | MAY(ASKING),
    [SUBSCRIBER_SENDING] = MAY(ASKING) | MAY(LIVE),
    [SUBSCRIBER_LIVE] = MAY(CUT) | MAY(ASKING),
    [SUBSCRIBER_CUT] = MAY(ASKING) | MAY(LIVE),
};

void subscriber_move(struct subscriber *subscriber, enum subscriber_state to)
{
    CHECK(may_follow[subscriber->state] & (1u << to));
    subscriber->state = (uint8_t)to;
}
