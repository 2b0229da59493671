#include "base/random.h"

#include <sys/random.h>
#include <sys/types.h>

uint64_t random_u64(void)
{
    uint64_t value = 0;
    /* A signal may come in between, nothing else. */
    while (getrandom(&value, sizeof value, 0) != (ssize_t)sizeof value) {
    }
    return value;
}
