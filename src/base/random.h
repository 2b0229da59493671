/* random: 64 bits of the system's, for seeds, names and waits. Any thread. */
#pragma once

#include <stdint.h>

uint64_t random_u64(void);
