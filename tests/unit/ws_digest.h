/* ws_digest: what a reader makes of some bytes, as one line of text.
 *
 *     text "Hello" | 2x ping "" | close 1000 "bye"
 *     text "Hello" | fail 1002 @19          the 19th byte is to blame
 *
 * A long payload of one byte alone is 65536*"a". At the end stands `unfinished` when the reader is
 * not idle. The same bytes must give the same line however they are cut. Also used by the fuzz
 * target: whatever must hold of every event is checked here. */
#pragma once

#include "base/buf.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

/* Feeds `bytes` in pieces: `cut(ctx, left)` says how long the next one is (1..left). */
void ws_digest(struct buf *out, struct str bytes, uint32_t limit,
               size_t (*cut)(void *ctx, size_t left), void *ctx);
