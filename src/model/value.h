/* value: one column of a row, as a source captured it.
 *
 * A plain value; text and JSON point at bytes that somebody else owns (usually
 * the arena of the transaction).
 * ABSENT means that nobody recorded the column: unlike NULL, which is known to
 * be null, it makes whatever depends on it unknown, and an unknown scope or key
 * widens the mark. */
#pragma once

#include "base/buf.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum value_type {
    VALUE_ABSENT,
    VALUE_NULL,
    VALUE_BOOL,
    VALUE_INT,
    VALUE_REAL,
    VALUE_TEXT, /* any bytes, perhaps not UTF-8 */
    VALUE_JSON, /* canonical JSON text of an object or array */
};

struct value {
    enum value_type type;
    union {
        bool boolean;
        int64_t integer;
        double real;
        struct str text; /* TEXT and JSON */
    };
};

static inline struct value value_text(struct str text)
{
    return (struct value){.type = VALUE_TEXT, .text = text};
}

static inline struct value value_int(int64_t integer)
{
    return (struct value){.type = VALUE_INT, .integer = integer};
}

/* Same type and same content; ABSENT equals nothing, not even ABSENT. */
bool value_equal(struct value a, struct value b);
/* As JSON, keeping its type (jsontext.h); ABSENT writes null. */
bool value_write_json(struct buf *out, struct value value);
/* As bare text, for the middle of a string; ABSENT and NULL write nothing. */
bool value_write_text(struct buf *out, struct value value);
