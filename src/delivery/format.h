/* format: how events look to one kind of subscriber; an index into what a tick encodes.
 *
 * A tick encodes each scope once per format that somebody uses. A format is a
 * transport (framing) and a choice of content. */
#pragma once

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

enum { FORMAT_DIALECTS = 16 }; /* of one transport */

enum format {
    FORMAT_SSE,         /* GET /v1/stream */
    FORMAT_SSE_CHANGES, /* GET /v1/stream?changes=1 */
    FORMAT_WS,          /* GET /v1/ws: text frames, the name as "type" */
    FORMAT_WS_CHANGES,  /* GET /v1/ws?changes=1 */
    FORMAT_NATIVE,      /* how many those are */
    /* What follows are the dialects of endpoints (delivery/endpoints.h). */
    FORMAT_DIALECT_SSE = FORMAT_NATIVE,
    FORMAT_DIALECT_WS = FORMAT_DIALECT_SSE + FORMAT_DIALECTS,
    FORMAT_COUNT = FORMAT_DIALECT_WS + FORMAT_DIALECTS
};

/* All entity marks are part of what is promised, so their floor counts. */
bool format_reads_entities(enum format format);
bool format_is_websocket(enum format format);
/* The events below do not exist in it: its words are its endpoint's (delivery/dialect.h). */
bool format_is_dialect(enum format format);

/* One event: event_begin, the members of its JSON object appended to `out` (without the braces, at
 * least one), event_end. JSON from base/jsontext.h has no CR or LF in it, so nothing in it
 * can end a line. */
struct event {
    struct buf *out;
    enum format format;
    size_t start; /* of the frame */
};

struct event event_begin(struct buf *out, enum format format, const char *name);
/* `id` empty: no id line. WebSocket has no ids: there the position is a member. */
void event_end(const struct event *event, struct str id);
