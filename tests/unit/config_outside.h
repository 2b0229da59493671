/* config_outside: a small world for config_parse: the variables HOME, THREADS, PORT and TRICKY, and
 * the files "token", "empty" and "two-words", in any folder. */
#pragma once

#include "config/config.h"

extern const struct config_outside config_outside;
