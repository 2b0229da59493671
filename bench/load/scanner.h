/* scanner: finds short marked texts in a stream of bytes, whatever framing is around them.
 *
 *     start text, at most SCANNER_TOKEN bytes, end character
 *
 * A text that is cut between two reads is found when the rest comes: scanner_rest keeps its
 * beginning, which the caller puts in front of the next bytes (scanner_carry). */
#pragma once

#include "base/str.h"

#include <stdint.h>

enum { SCANNER_TOKEN = 48, SCANNER_CARRY = 63 };

struct scanner {
    struct str start; /* shorter than SCANNER_CARRY - SCANNER_TOKEN */
    char end;
};

/* The beginning of a text whose rest has not come. */
struct scanner_carry {
    uint8_t n;
    char bytes[SCANNER_CARRY];
};

/* The next token at or behind *at, which moves behind it; .p is NULL when there is no other, and
 * what may be the beginning of one is in `carry`. */
struct str scanner_next(const struct scanner *scanner, struct str bytes, size_t *at,
                        struct scanner_carry *carry);
