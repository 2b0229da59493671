/* jsontext: writing canonical JSON text.
 *
 * Canonical: no white space, object members sorted by their bytes, numbers as
 * JavaScript prints them (so that equal keys have equal text), strings escaped
 * only where RFC 8259 requires it, plus U+2028/2029 and U+007F. Bytes that are
 * not UTF-8 become U+FFFD, so what goes out is always valid. */
#pragma once

#include "base/buf.h"
#include "base/str.h"

#include <jansson.h>

/* With its quotes. */
bool jsontext_string(struct buf *out, struct str text);
/* As ECMAScript Number::toString; not finite becomes null. */
bool jsontext_number(struct buf *out, double value);
/* Integers beyond +-2^53 become text (quoted), because JavaScript would round them. */
bool jsontext_integer(struct buf *out, int64_t value);
/* The whole value, canonical. */
bool jsontext_value(struct buf *out, const json_t *value);
