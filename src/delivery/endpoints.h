/* endpoints: the endpoints that are served now, each with the format in which a tick is encoded for
 * it.
 *
 * Thread: made and freed by the hub's thread, read by every thread. A reload makes a new list from
 * the old one:
 *  1. An endpoint that is the same keeps its format, and its streams go on.
 *  2. One that is gone or has changed keeps its slot, closed: what is encoded for it stays in its
 *     words, while its streams are ended.
 *  3. A new one takes a slot that was never used, or else a closed one, whose streams end at once.
 */
#pragma once

#include "delivery/dialect.h"
#include "delivery/endpoint.h"
#include "delivery/format.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ENDPOINTS_MAX = FORMAT_DIALECTS };

/* As a configuration has it. */
struct endpoint_wanted {
    struct endpoint *endpoint;
    const struct dialect_resource *resources; /* of which it tells; its rules may change, so they
                                                 are no part of the endpoint */
    size_t n;
};

struct endpoints;

/* `previous` may be NULL. At most ENDPOINTS_MAX. */
struct endpoints *endpoints_new(const struct endpoints *previous,
                                const struct endpoint_wanted *wanted, size_t n);
void endpoints_free(struct endpoints *endpoints);

/* NULL where nothing was ever served, and for the native formats. */
const struct endpoint *endpoints_at(const struct endpoints *endpoints, enum format format);
bool endpoints_serves(const struct endpoints *endpoints, enum format format);
/* NULL when there is nothing at this path. */
const struct endpoint *endpoints_find(const struct endpoints *endpoints, struct str path,
                                      enum format *format);
/* The same endpoint has this format in both. */
bool endpoints_same(const struct endpoints *a, const struct endpoints *b, enum format format);
/* The event `position`, in the words of this format; nothing where they have none. */
void endpoints_say_position(const struct endpoints *endpoints, enum format format, struct buf *out,
                            struct position position);
const struct dialect_resource *endpoints_resources(const struct endpoints *endpoints,
                                                   enum format format, size_t *n);
