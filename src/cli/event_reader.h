/* event_reader: a stream of server-sent events as events (WHATWG HTML, "Interpreting an event
 * stream"), bytes in pieces of any size. Pure.
 *
 * What is handed over lives until the callback returns. The callback is not called for an event
 * without data. */
#pragma once

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct event {
    struct str name; /* "message" when the stream gives none */
    struct str data;
    struct str id; /* the last one seen, also of an earlier event */
};

typedef void event_each(void *ctx, const struct event *event);

struct event_reader {
    struct buf _line, _name, _data, _id;
    bool _after_cr, _began, _has_data;
    uint64_t retry_ms; /* what the stream asked for last; 0: nothing */
};

/* `max` bytes for a line, and for the data of an event. */
void event_reader_init(struct event_reader *reader, size_t max);
void event_reader_free(struct event_reader *reader);
/* A new connection: forgets what was half read, keeps the id. */
void event_reader_restart(struct event_reader *reader);
/* False when something is longer than `max`. */
bool event_reader_feed(struct event_reader *reader, struct str bytes, event_each *each, void *ctx);
