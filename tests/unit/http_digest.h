/* http_digest: what a reader makes of some bytes, as one line of text.
 *
 *     GET /a?b HTTP/1.1 keep; 400 there is no Host
 *
 * The same bytes must give the same line however they are cut. Also used by the fuzz target. */
#pragma once

#include "base/buf.h"
#include "wire/http.h"

/* Feeds `bytes` in pieces: `cut(ctx, left)` says how long the next one is (1..left). The reader
 * behind it is fresh. */
void http_digest(struct buf *out, struct str bytes, const struct http_limits *limits,
                 size_t (*cut)(void *ctx, size_t left), void *ctx);
