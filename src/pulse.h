/* pulse: whether the server lives, as the service manager and the log are told it.
 *
 * A delivery thread that hangs is a server that hangs: while one of them has said nothing for ten
 * seconds, the manager is told nothing either, and restarts the service. Each second the log says
 * what it left out.
 *
 * Thread: the hub's. */
#pragma once

#include "admin/notify.h"
#include "base/log.h"

#include <uv.h>

struct pulse;

/* `notify` and `log` live longer than it. The threads count as heard of now. How often the manager
 * is told stands in $WATCHDOG_USEC and $WATCHDOG_PID. */
struct pulse *pulse_new(uv_loop_t *loop, unsigned n_workers, const struct notify *notify,
                        const struct log *log);
/* The delivery thread has said something. */
void pulse_heard(struct pulse *pulse, unsigned worker);
/* Its timers end; the loop runs empty before pulse_free. */
void pulse_close(struct pulse *pulse);
void pulse_free(struct pulse *pulse);
