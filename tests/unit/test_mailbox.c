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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_posted_after_the_close_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
