/* hash: SipHash-1-3 (Aumasson, Bernstein 2012), keyed.
 *
 * Names and keys come from rows and peers; with a secret seed nobody can
 * choose them so that they collide. */
#pragma once

#include "base/str.h"

#include <stdint.h>

struct hash_seed {
    uint64_t k0, k1;
};

uint64_t hash_bytes(struct hash_seed seed, struct str bytes);
