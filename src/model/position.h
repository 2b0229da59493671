/* position: how far a client has been told; opaque text "<epoch>-<sequence>".
 *
 * The epoch is 64 random bits per index, the sequence the hub's order. Compared
 * only within one epoch. */
#pragma once

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum { POSITION_TEXT_MAX = 40 };

struct position {
    uint64_t epoch;
    uint64_t sequence;
};

bool position_write(struct buf *out, struct position position);
/* False for anything that position_write does not write. */
bool position_parse(struct str text, struct position *position);
