#include "net/mailbox.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct note {
    struct mail mail;
    unsigned *delivered, *dropped;
};

static void deliver(void *ctx, struct mail *mail)
{
    struct note *note = (struct note *)mail;
    ++*note->delivered;
    free(note);
}

static void drop(struct mail *mail)
{
    struct note *note = (struct note *)mail;
    ++*note->dropped;
    free(note);
}

static void post(struct mailbox *box, unsigned *delivered, unsigned *dropped)
{
    struct note *note = mem_new(sizeof *note);
    note->delivered = delivered;
    note->dropped = dropped;
    mailbox_post(box, &note->mail);
}

/* A thread that ends cannot be told apart from one that lives until its word of it has arrived. */
static void what_is_posted_after_the_close_is_given_back(void **state)
{
    uv_loop_t loop;
    unsigned delivered = 0, dropped = 0;
    assert_int_equal(uv_loop_init(&loop), 0);
    struct mailbox *box = mailbox_new(&loop, deliver, NULL);
    post(box, &delivered, &dropped);
    mailbox_close(box);
    assert_int_equal(delivered, 1);
    post(box, &delivered, &dropped);
    uv_run(&loop, UV_RUN_DEFAULT);
    post(box, &delivered, &dropped);
    assert_int_equal(delivered, 1);
    mailbox_free(box, drop);
    assert_int_equal(dropped, 2);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void stop_loop(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

static void run_for_a_moment(uv_loop_t *loop, uv_timer_t *timer)
{
    uv_timer_start(timer, stop_loop, 20, 0);
    uv_run(loop, UV_RUN_DEFAULT);
}

/* So that the mails of one turn of the sender cost one wake-up, whatever their number. */
static void what_is_posted_waits_for_the_wake_and_then_all_of_it_comes(void **state)
{
    uv_loop_t loop;
    uv_timer_t timer;
    unsigned delivered = 0, dropped = 0;
    assert_int_equal(uv_loop_init(&loop), 0);
    uv_timer_init(&loop, &timer);
    struct mailbox *box = mailbox_new(&loop, deliver, NULL);
    for (unsigned i = 0; i < 3; i++)
        post(box, &delivered, &dropped);
    run_for_a_moment(&loop, &timer);
    assert_int_equal(delivered, 0);
    mailbox_wake(box);
    mailbox_wake(box);
    run_for_a_moment(&loop, &timer);
    assert_int_equal(delivered, 3);
    post(box, &delivered, &dropped);
    mailbox_wake(box);
    run_for_a_moment(&loop, &timer);
    assert_int_equal(delivered, 4);
    mailbox_close(box);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    mailbox_free(box, drop);
    assert_int_equal(dropped, 0);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_posted_after_the_close_is_given_back),
        cmocka_unit_test(what_is_posted_waits_for_the_wake_and_then_all_of_it_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
