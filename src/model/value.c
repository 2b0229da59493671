#include "model/value.h"

#include "base/jsontext.h"

#include <inttypes.h>
#include <math.h>

bool value_equal(struct value a, struct value b)
{
    if (a.type != b.type)
        return false;
    switch (a.type) {
    case VALUE_ABSENT:
        return false;
    case VALUE_NULL:
        return true;
    case VALUE_BOOL:
        return a.boolean == b.boolean;
    case VALUE_INT:
        return a.integer == b.integer;
    case VALUE_REAL:
        return a.real == b.real || (isnan(a.real) && isnan(b.real));
    case VALUE_TEXT:
    case VALUE_JSON:
        break;
    }
    return str_equal(a.text, b.text);
}

/* No byte of a text is written as less than one byte, so a text that is longer than the room
 * need not be looked at: a megabyte that somebody put into a column costs nothing. */
static bool too_long(struct buf *out, struct str text)
{
    if (text.n > out->max - out->len)
        out->overflow = true;
    return out->overflow;
}

bool value_write_json(struct buf *out, struct value value)
{
    switch (value.type) {
    case VALUE_ABSENT:
    case VALUE_NULL:
        break;
    case VALUE_BOOL:
        return buf_text(out, value.boolean ? "true" : "false");
    case VALUE_INT:
        return jsontext_integer(out, value.integer);
    case VALUE_REAL:
        return jsontext_number(out, value.real);
    case VALUE_TEXT:
        return !too_long(out, value.text) && jsontext_string(out, value.text);
    case VALUE_JSON:
        return buf_str(out, value.text);
    }
    return buf_text(out, "null");
}

bool value_write_text(struct buf *out, struct value value)
{
    switch (value.type) {
    case VALUE_ABSENT:
    case VALUE_NULL:
        break;
    case VALUE_BOOL:
        return buf_text(out, value.boolean ? "true" : "false");
    case VALUE_INT:
        return buf_printf(out, "%" PRId64, value.integer);
    case VALUE_REAL:
        return jsontext_number(out, value.real);
    case VALUE_TEXT:
    case VALUE_JSON:
        return buf_str(out, value.text);
    }
    return !out->overflow;
}
