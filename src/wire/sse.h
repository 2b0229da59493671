/* sse: server-sent events as bytes (WHATWG HTML, "Server-sent events").
 *
 * Event names and ids come from us; data is any text: CR, LF and CRLF in it become
 * new data lines, so nothing a row contains can forge a field. */
#pragma once

#include "base/buf.h"
#include "base/str.h"

#include <stdint.h>

/* `event` or `id` empty: that line is left out. */
bool sse_event(struct buf *out, struct str event, struct str data, struct str id);
/* The same around data that has no line end in it (canonical JSON) and is written in between. */
bool sse_begin(struct buf *out, struct str event);
bool sse_end(struct buf *out, struct str id);
bool sse_retry(struct buf *out, uint64_t ms);
bool sse_comment(struct buf *out, struct str text);
