/* endpoints_from_yaml: the entries of `endpoints:`, and the dialects that are compiled in. */
#pragma once

#include "config/reader.h"

bool endpoints_from_yaml(const struct reader *reader, const struct yaml *node,
                         struct config *config);
/* When the whole file is known: which rules an endpoint serves (their rows are remembered, like
 * with `changes: true`), and whether everything fits together. */
bool endpoints_serve(const struct reader *reader, struct config *config);
