/* sources: the databases of the configuration, as sources that run: started, replaced by a reload,
 * stopped with their cursors.
 *
 * Thread: the hub's. `publish` is no source here: it has no state, the delivery threads know of it
 * by the authorizer. */
#pragma once

#include "base/err.h"
#include "base/log.h"
#include "config/config.h"
#include "engine.h"
#include "source/watch.h"
#include "state.h"

#include <stdbool.h>
#include <uv.h>

struct sources;

struct sources *sources_new(uv_loop_t *loop, struct engine *engine, const struct log *log);
/* Once. Each goes on at the cursor that the state has for it. */
bool sources_start(struct sources *sources, const struct config *config, const struct watch *watch,
                   const struct state *state, struct err *err);
/* Stops all; `done` is called once, later or at once, when none has a handle on the loop. */
void sources_stop(struct sources *sources, void (*done)(void *ctx), void *ctx);
/* After they were stopped: the same databases with another watch, each from where it was. Which
 * databases they are stays what it was at the start (`first`); how they are read is what `config`
 * says. */
void sources_restart(struct sources *sources, const struct config *first,
                     const struct config *config, const struct watch *watch);
/* Are they the databases that `config` names? */
bool sources_are(const struct sources *sources, const struct config *config);
/* Is one of them to be read otherwise by `next` than by `config`? */
bool sources_differ(const struct sources *sources, const struct config *config,
                    const struct config *next);
/* The database that may be asked who may read what; NULL: there is none, or it has not started. */
struct source *sources_database(const struct sources *sources);
/* After they were stopped: from where the next process can go on. Live as long as the sources. */
struct state_cursor *sources_cursors(struct sources *sources, size_t *n);
/* NULL is allowed. They must be stopped, or never have run. */
void sources_free(struct sources *sources);
