/* encoder: what one scope's answer looks like as bytes, within a bound.
 *
 * Thread: the hub's; one encoder is used again and again. An answer that is too
 * large for one blob gives up precision, never truth (DESIGN 4.2): `data` goes
 * first, then keys widen to shorter prefixes, at last it is a reset. Notices do not
 * widen: they continue in the next blob. */
#pragma once

#include "base/buf.h"
#include "base/str.h"
#include "delivery/dialect.h"
#include "delivery/format.h"
#include "hub/hub.h"
#include "hub/round.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    ENCODER_BLOB_MAX = 16 * 1024,
    /* Of a dialect, where each row is an event of some 200 bytes, so that what the hub keeps of a
     * scope (max_entities) is not already too much. */
    ENCODER_DIALECT_MAX = 64 * 1024,
};

struct encoder;

struct encoder *encoder_new(uint64_t spread_ms);
void encoder_free(struct encoder *encoder);
void encoder_set_spread(struct encoder *encoder, uint64_t spread_ms);

/* The words for a format that is a dialect. */
struct encoder_voice {
    const struct dialect *dialect;
    const struct dialect_resource *resources; /* that a reset may have to name */
    size_t n_resources;
    uint64_t now; /* what {time} is: Unix ms */
    bool ends;    /* set where a reset is said by the end of the stream */
};

/* Appends events to `out`, as round_take wants it (hub/round.h): at most ENCODER_BLOB_MAX bytes,
 * more only where a single notice is larger. `reason` is that of a reset, `voice` NULL for a native
 * format. */
enum round_took encoder_scope(struct encoder *encoder, struct hub *hub, enum format format,
                              const struct round_ask *ask, const char *reason,
                              struct encoder_voice *voice, struct buf *out, uint64_t *last_notice);
