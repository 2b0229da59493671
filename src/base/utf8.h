/* utf8: which bytes are well-formed text (Unicode, table 3-7).
 *
 * No overlong forms, no surrogates, nothing above U+10FFFF. */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the well-formed sequence that `text` begins with; 0 when there is none. */
size_t utf8_length(struct str text);
bool utf8_check(struct str text);
