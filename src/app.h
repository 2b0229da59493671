/* app: joins the parts: sources -> rules -> hub -> delivery, and the admin listener.
 *
 * The only file that knows all of them (with engine.c, its hub thread). */
#pragma once

#include "base/err.h"
#include "base/log.h"
#include "config/config.h"

/* Serves until SIGTERM or SIGINT; false when it could not start. Prints nothing but the log, whose
 * level and format a reload (SIGHUP) sets. */
bool app_serve(const struct config *config, struct log *log, struct err *err);
