/* deadlines: many time-outs of few lengths, on one timer of the loop.
 *
 * All time-outs of a class have the same length, so a class is a list in the order
 * of their starts, and starting, restarting and clearing one are O(1).
 * A deadline is never due early; it is late by the loop's own delay and 1 ms.
 * The time is the clock's at the call, not the loop's cached one, which may be
 * older by a whole turn. */
#pragma once

#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum { DEADLINE_CLASSES = 5 };

struct deadline {
    struct list _node;
    uint64_t _since; /* ms */
};

struct deadlines {
    struct list _lists[DEADLINE_CLASSES];
    uint64_t _ms[DEADLINE_CLASSES];
    uint64_t _timer_at; /* 0: not running */
    uv_timer_t _timer;
    void (*_due)(void *ctx, struct deadline *deadline, unsigned class);
    void *_ctx;
};

/* `due` is called once a deadline has passed, with the deadline cleared. */
void deadlines_init(struct deadlines *deadlines, uv_loop_t *loop,
                    void (*due)(void *ctx, struct deadline *deadline, unsigned class), void *ctx);
/* `closed` is called with the timer when the loop is done with it. No deadline may be running. */
void deadlines_close(struct deadlines *deadlines, uv_close_cb closed);
/* Holds for those that are running too. */
void deadlines_set_length(struct deadlines *deadlines, unsigned class, uint64_t ms);
void deadline_init(struct deadline *deadline);
/* Starts it, or starts it again in another or the same class. */
void deadlines_start(struct deadlines *deadlines, struct deadline *deadline, unsigned class);
void deadline_clear(struct deadline *deadline);
