/* utf8: which bytes are well-formed text (Unicode, table 3-7).
 *
 * No overlong forms, no surrogates, nothing above U+10FFFF. */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the well-formed sequence that `text` begins with; 0 when there is none. */
size_t utf8_length(struct str text);
bool utf8_check(struct str text);

/* Text that comes in pieces. Zeroed at its start; `need` is 0 when no sequence is begun. */
struct utf8_walk {
    uint8_t need;      /* bytes that the begun sequence still wants */
    uint8_t low, high; /* what its next byte may be */
};

/* Bytes of the piece that are fine; less than all of them: the next byte cannot be, and the walk
 * is over. */
size_t utf8_walk(struct utf8_walk *walk, struct str piece);
