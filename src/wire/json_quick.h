/* json_quick: JSON as most publishers write it, read in a quarter of jansson's time.
 *
 * jansson takes each byte of a text by a call of its own, some 120 instructions; for a message that
 * two pages hear that is the most expensive thing that is not the kernel's. What is read here is a
 * part of JSON about which there is nothing to decide: objects without a name that comes twice,
 * arrays, strings without escapes, integers of at most 18 digits, literals. Of everything else,
 * mistakes too, nothing is said: the text is jansson's then, from its start.
 *
 * What always holds (and is tested and fuzzed): where there is a tree, json_loadb would have made
 * an equal one of as many bytes, with JSON_REJECT_DUPLICATES and JSON_DISABLE_EOF_CHECK. Pure. */
#pragma once

#include "base/str.h"

#include <jansson.h>
#include <stddef.h>

/* The value that `text` begins with, blanks in front of it aside; *used are the bytes up to its
 * end. NULL: ask jansson. */
json_t *json_quick(struct str text, size_t *used);
