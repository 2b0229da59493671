/* streams: GET /v1/stream, GET /v1/ws (DESIGN 5) and the endpoints of the configuration, once it is
 * known who asks.
 *
 * Thread: the delivery thread's. */
#pragma once

#include "delivery/entrance.h"

void streams_enter_sse(struct entry *entry);
void streams_enter_websocket(struct entry *entry);
/* An endpoint of the configuration, in the words of its dialect. */
void streams_enter_endpoint(struct entry *entry);
/* Refuses a client of an SSE endpoint for now, with the one status from which a browser's
 * EventSource comes back: 200, when to come, and the end. */
void streams_send_away(struct call *call);
