/* watch_of: what the rules need to know of a database, as sources want to hear it. */
#pragma once

#include "base/arena.h"
#include "config/config.h"
#include "rules/rules.h"
#include "source/watch.h"

/* In the arena; NULL when that is full. Names are slices of the rules, which must outlive it. */
struct watch *watch_from_rules(const struct rules *rules, struct arena *arena);
/* The same, and the tables of auth.membership, whose names are the configuration's. */
struct watch *watch_of(const struct config *config, const struct rules *rules, struct arena *arena);
