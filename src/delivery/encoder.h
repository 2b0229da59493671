/* encoder: what one scope's answer looks like as bytes, within a bound.
 *
 * Thread: the hub's; one encoder is used again and again. An answer that is too
 * large for one blob gives up precision, never truth (DESIGN 4.2): `data` goes
 * first, then keys widen to shorter prefixes, at last it is a reset. Notices do not
 * widen: they continue in the next blob. */
#pragma once

#include "base/buf.h"
#include "base/str.h"
#include "delivery/format.h"
#include "hub/hub.h"
#include "hub/round.h"

#include <stdbool.h>
#include <stdint.h>

enum { ENCODER_BLOB_MAX = 16 * 1024 };

struct encoder;

struct encoder *encoder_new(uint64_t spread_ms);
void encoder_free(struct encoder *encoder);
void encoder_set_spread(struct encoder *encoder, uint64_t spread_ms);

/* Appends events to `out`, as round_take wants it (hub/round.h): at most ENCODER_BLOB_MAX bytes,
 * more only where a single notice is larger. `reason` is that of a reset. */
enum round_took encoder_scope(struct encoder *encoder, struct hub *hub, enum format format,
                              const struct round_ask *ask, const char *reason, struct buf *out,
                              uint64_t *last_notice);
