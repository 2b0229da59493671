/* postgres_triggers: `setup postgres` and `teardown postgres` where changes come by NOTIFY
 * (source/pg_triggers.h). */
#pragma once

#include "cli/cli.h"
#include "config/config.h"
#include "source/watch.h"

#include <stdbool.h>

struct postgres_triggers {
    const struct config *config;
    const struct config_source *source;
    const struct watch *watch;
    bool alone; /* a table that is missing here can be nowhere else */
    bool apply; /* run the SQL instead of printing it */
};

enum cli_exit postgres_triggers_setup(const struct postgres_triggers *task);
enum cli_exit postgres_triggers_teardown(const struct postgres_triggers *task);
