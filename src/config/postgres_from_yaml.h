/* postgres_from_yaml: an entry of `sources:` with `postgres:` in it. */
#pragma once

#include "config/reader.h"

/* `node` is the value of `postgres:`, `whole` the entry. */
bool postgres_from_yaml(const struct reader *reader, const struct yaml *node,
                        const struct yaml *whole, struct config_source *source);
