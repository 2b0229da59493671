#include "pulse.h"

#include "base/mem.h"

#include <stdlib.h>

enum {
    PULSE_SILENT_MS = 10000, /* so long a delivery thread may say nothing; it does each second */
    PULSE_REST_MS = 1000,    /* how often the log says what it left out */
};

struct pulse {
    uv_loop_t *loop;
    uv_timer_t rest, watchdog;
    const struct notify *notify;
    const struct log *log;
    unsigned n_workers;
    uint64_t heard_at[]; /* of each delivery thread, ms of the loop */
};

static void on_rest(uv_timer_t *timer)
{
    const struct pulse *pulse = timer->data;
    log_rest(pulse->log);
}

static bool all_live(const struct pulse *pulse)
{
    uint64_t now = uv_now(pulse->loop);
    for (unsigned i = 0; i < pulse->n_workers; i++)
        if (now - pulse->heard_at[i] > PULSE_SILENT_MS)
            return false;
    return true;
}

static void on_watchdog(uv_timer_t *timer)
{
    const struct pulse *pulse = timer->data;
    if (all_live(pulse))
        notify_say(pulse->notify, "WATCHDOG=1");
}

struct pulse *pulse_new(uv_loop_t *loop, unsigned n_workers, const struct notify *notify,
                        const struct log *log)
{
    uint64_t ms = notify_watchdog_ms(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"));
    struct pulse *pulse = mem_new(sizeof *pulse + n_workers * sizeof pulse->heard_at[0]);
    pulse->loop = loop;
    pulse->notify = notify;
    pulse->log = log;
    pulse->n_workers = n_workers;
    for (unsigned i = 0; i < n_workers; i++)
        pulse->heard_at[i] = uv_now(loop);
    uv_timer_init(loop, &pulse->rest);
    uv_timer_init(loop, &pulse->watchdog);
    pulse->rest.data = pulse->watchdog.data = pulse;
    uv_timer_start(&pulse->rest, on_rest, PULSE_REST_MS, PULSE_REST_MS);
    if (ms > 0)
        uv_timer_start(&pulse->watchdog, on_watchdog, ms, ms);
    return pulse;
}

void pulse_heard(struct pulse *pulse, unsigned worker)
{
    pulse->heard_at[worker] = uv_now(pulse->loop);
}

void pulse_close(struct pulse *pulse)
{
    uv_close((uv_handle_t *)&pulse->rest, NULL);
    uv_close((uv_handle_t *)&pulse->watchdog, NULL);
}

void pulse_free(struct pulse *pulse)
{
    free(pulse);
}
