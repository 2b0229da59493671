/* rules_from_yaml: `rules:` as the structs of rules/spec.h.
 *
 * Shapes and types only: what the templates, actions and columns mean is judged by rules_compile.
 */
#pragma once

#include "config/reader.h"
#include "rules/spec.h"

bool rules_from_yaml(const struct reader *reader, const struct yaml *node, struct rules_spec *spec);
