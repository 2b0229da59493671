/* loaded: a configuration with what the commands need of it: rules and what they watch. */
#pragma once

#include "base/arena.h"
#include "config/config.h"
#include "config/databases.h"
#include "rules/rules.h"
#include "source/watch.h"

struct loaded {
    struct config *config;
    struct rules *rules;
    struct watch *watch;
    struct arena _arena;
};

/* Sentences already have the file and the place in front. loaded_close in any case. */
bool loaded_open(struct loaded *loaded, const char *file, struct err *err);
void loaded_close(struct loaded *loaded);
/* The part of the watch that concerns this database, the rest said on standard error; NULL when
 * there is too much. */
struct watch *loaded_watch(struct loaded *loaded, const char *sqlite_path);
