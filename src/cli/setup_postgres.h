/* setup_postgres: `setup postgres` and `teardown postgres`: the PostgreSQL databases of the
 * configuration, one after the other. */
#pragma once

#include "cli/cli.h"

enum cli_exit setup_postgres(const struct args *args);
enum cli_exit teardown_postgres(const struct args *args);
