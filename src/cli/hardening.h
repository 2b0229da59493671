/* hardening: what a server gives up before it reads its first secret. */
#pragma once

#include "base/err.h"

#include <stdbool.h>

/* no_new_privs: nothing that is started from here can gain rights, whatever its file says.
 * Not dumpable, unless `core_dumps`: no core dump, and nobody but root may look into the memory,
 * where secrets and tokens are; /proc/PID belongs to root then.
 * Both hold until the end of the process. False with a sentence. */
bool hardening_apply(bool core_dumps, struct err *err);
