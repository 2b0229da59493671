/* check: our own mistakes, kept in release builds.
 *
 * CHECK is for what only a bug of ours can break. Never for a length, a byte
 * or a limit that a peer chooses: that is a close reason or an err. */
#pragma once

#include <stdbool.h>

_Noreturn void check_failed(const char *what, const char *file, int line);

#define CHECK(condition)                                  \
    do {                                                  \
        if (!(condition))                                 \
            check_failed(#condition, __FILE__, __LINE__); \
    } while (0)
