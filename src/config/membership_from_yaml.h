/* membership_from_yaml: `auth: membership:` as rolls (model/roll.h).
 *
 * Shapes, templates and conditions; whether the tables and columns are there is judged with those
 * of the rules (config/databases.h). */
#pragma once

#include "config/reader.h"

bool membership_from_yaml(const struct reader *reader, const struct yaml *node,
                          struct auth_spec *spec);
/* Is there one database that can be asked? Once all is read. */
bool membership_fits(const struct reader *reader, const struct config *config);
