/* sources_from_yaml: the entries of `sources:`, and of `publish:` inside. */
#pragma once

#include "config/reader.h"

enum { SOURCES_MAX = 64 };

bool sources_from_yaml(const struct reader *reader, const struct yaml *node, struct config *config);
