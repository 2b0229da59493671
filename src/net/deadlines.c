#include "net/deadlines.h"

#include "base/check.h"

/* Ten years: no sum of it and the clock overflows. */
#define NEVER_MS (UINT64_C(3650) * 24 * 3600 * 1000)

static void on_timer(uv_timer_t *timer);

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

/* The timer never runs later than the earliest deadline; it may run earlier, and then looks again.
 */
static void run_timer(struct deadlines *deadlines, uint64_t at)
{
    if (deadlines->_timer_at && deadlines->_timer_at <= at)
        return;
    uint64_t now = now_ms();
    deadlines->_timer_at = at;
    uv_update_time(deadlines->_timer.loop);
    uv_timer_start(&deadlines->_timer, on_timer, at > now ? at - now : 0, 0);
}

static uint64_t due_at(const struct deadlines *deadlines, const struct deadline *deadline,
                       unsigned class)
{
    return deadline->_since + deadlines->_ms[class] + 1; /* the start was cut to a millisecond */
}

static struct deadline *first(struct deadlines *deadlines, unsigned class)
{
    struct list *list = &deadlines->_lists[class];
    return list_empty(list) ? NULL : LIST_ITEM(list->next, struct deadline, _node);
}

static void on_timer(uv_timer_t *timer)
{
    struct deadlines *deadlines = timer->data;
    deadlines->_timer_at = 0;
    uint64_t now = now_ms();
    for (unsigned class = 0; class < DEADLINE_CLASSES; class ++) {
        struct deadline *deadline;
        while ((deadline = first(deadlines, class)) && due_at(deadlines, deadline, class) <= now) {
            deadline_clear(deadline);
            deadlines->_due(deadlines->_ctx, deadline, class);
        }
    }
    for (unsigned class = 0; class < DEADLINE_CLASSES; class ++) {
        struct deadline *deadline = first(deadlines, class);
        if (deadline)
            run_timer(deadlines, due_at(deadlines, deadline, class));
    }
}

void deadlines_init(struct deadlines *deadlines, uv_loop_t *loop,
                    void (*due)(void *ctx, struct deadline *deadline, unsigned class), void *ctx)
{
    *deadlines = (struct deadlines){._due = due, ._ctx = ctx};
    for (unsigned class = 0; class < DEADLINE_CLASSES; class ++)
        list_init(&deadlines->_lists[class]);
    uv_timer_init(loop, &deadlines->_timer);
    deadlines->_timer.data = deadlines;
}

void deadlines_close(struct deadlines *deadlines, uv_close_cb closed)
{
    for (unsigned class = 0; class < DEADLINE_CLASSES; class ++)
        CHECK(list_empty(&deadlines->_lists[class]));
    uv_close((uv_handle_t *)&deadlines->_timer, closed);
}

void deadlines_set_length(struct deadlines *deadlines, unsigned class, uint64_t ms)
{
    CHECK(class < DEADLINE_CLASSES);
    deadlines->_ms[class] = ms < NEVER_MS ? ms : NEVER_MS;
    struct deadline *deadline = first(deadlines, class);
    if (deadline)
        run_timer(deadlines, due_at(deadlines, deadline, class));
}

void deadline_init(struct deadline *deadline)
{
    list_init(&deadline->_node);
}

void deadlines_start(struct deadlines *deadlines, struct deadline *deadline, unsigned class)
{
    list_remove(&deadline->_node);
    deadline->_since = now_ms();
    list_push_back(&deadlines->_lists[class], &deadline->_node);
    if (deadline == first(deadlines, class))
        run_timer(deadlines, due_at(deadlines, deadline, class));
}

void deadline_clear(struct deadline *deadline)
{
    list_remove(&deadline->_node);
}
