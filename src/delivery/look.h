/* look: one open stream as a row of /debug/connections. */
#pragma once

#include "delivery/endpoint.h"
#include "delivery/mails.h"
#include "delivery/subscriber.h"
#include "model/position.h"

#include <stdint.h>

/* Counts it, and writes its row while there is room. `endpoint` NULL: a native stream; `client`
 * NULL: it comes by itself. */
void look_add(struct mail_look *look, const struct subscriber *subscriber,
              const struct endpoint *endpoint, const char *client, struct position position,
              uint32_t age_s);
