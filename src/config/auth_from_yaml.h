/* auth_from_yaml: the section `auth:` as the plain structs of auth/spec.h, checked: files are read,
 * keys are keys, templates are templates. */
#pragma once

#include "config/reader.h"

bool auth_from_yaml(const struct reader *reader, const struct yaml *node, struct auth_spec *spec);
