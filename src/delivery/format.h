/* format: how events look to one kind of subscriber; an index into what a tick encodes.
 *
 * A tick encodes each scope once per format that somebody uses. A format is a
 * transport (framing) and a choice of content. */
#pragma once

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

enum format {
    FORMAT_SSE,         /* GET /v1/stream */
    FORMAT_SSE_CHANGES, /* GET /v1/stream?changes=1 */
    FORMAT_COUNT
};

/* All entity marks are part of what is promised, so their floor counts. */
bool format_reads_entities(enum format format);

/* One event: event_begin, the JSON text of an object appended to `out`, event_end.
 * JSON from base/jsontext.h has no CR or LF in it, so nothing in it can end a line. */
struct event {
    struct buf *out;
    enum format format;
};

struct event event_begin(struct buf *out, enum format format, const char *name);
/* `id` empty: no id line. */
void event_end(const struct event *event, struct str id);
