/* The wake-up is an eventfd and not a uv_async: there the receiver spins for as long as a sender is
 * between two steps of sending, and where both threads share a core that is until the sender has
 * the core again (a tenth of all time, measured before libuv 1.45). */
#include "net/mailbox.h"

#include "base/check.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct mailbox {
    uv_poll_t poll;
    int wake; /* an eventfd */
    pthread_mutex_t lock;
    struct list waiting; /* guarded by lock, and so is `closed` */
    bool closed;         /* nobody is woken any more */
    atomic_bool unheard; /* something waits that nobody was woken for; set under the lock */
    void (*deliver)(void *ctx, struct mail *mail);
    void *ctx;
};

static void take(struct mailbox *box)
{
    struct list taken;
    list_init(&taken);
    pthread_mutex_lock(&box->lock);
    if (!list_empty(&box->waiting)) {
        list_insert(&taken, box->waiting.prev, box->waiting.next);
        list_init(&box->waiting);
    }
    pthread_mutex_unlock(&box->lock);
    while (!list_empty(&taken)) {
        struct list *node = taken.next;
        list_remove(node);
        box->deliver(box->ctx, LIST_ITEM(node, struct mail, node));
    }
}

static void woken(uv_poll_t *poll, int status, int events)
{
    struct mailbox *box = poll->data;
    eventfd_t count;
    eventfd_read(box->wake, &count);
    take(box);
}

struct mailbox *mailbox_new(uv_loop_t *loop, void (*deliver)(void *ctx, struct mail *mail),
                            void *ctx)
{
    struct mailbox *box = mem_new(sizeof *box);
    box->deliver = deliver;
    box->ctx = ctx;
    list_init(&box->waiting);
    pthread_mutex_init(&box->lock, NULL);
    box->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    CHECK(box->wake >= 0);
    CHECK(uv_poll_init(loop, &box->poll, box->wake) == 0);
    CHECK(uv_poll_start(&box->poll, UV_READABLE, woken) == 0);
    box->poll.data = box;
    return box;
}

void mailbox_post(struct mailbox *box, struct mail *mail)
{
    pthread_mutex_lock(&box->lock);
    if (list_empty(&box->waiting) && !box->closed)
        atomic_store_explicit(&box->unheard, true, memory_order_relaxed);
    list_push_back(&box->waiting, &mail->node);
    pthread_mutex_unlock(&box->lock);
}

void mailbox_wake(struct mailbox *box)
{
    /* The poster of the first mail sees its own store, and it is the one who has to wake. */
    if (!atomic_load_explicit(&box->unheard, memory_order_relaxed))
        return;
    /* The box may be closed in between: its descriptor lives until mailbox_free, so that is a
     * wake-up that nobody hears. */
    if (atomic_exchange_explicit(&box->unheard, false, memory_order_relaxed))
        eventfd_write(box->wake, 1);
}

void mailbox_close(struct mailbox *box)
{
    take(box);
    pthread_mutex_lock(&box->lock);
    box->closed = true;
    pthread_mutex_unlock(&box->lock);
    uv_close((uv_handle_t *)&box->poll, NULL);
}

void mailbox_free(struct mailbox *box, void (*drop)(struct mail *mail))
{
    if (!box)
        return;
    while (!list_empty(&box->waiting)) {
        struct list *node = box->waiting.next;
        list_remove(node);
        drop(LIST_ITEM(node, struct mail, node));
    }
    close(box->wake);
    pthread_mutex_destroy(&box->lock);
    free(box);
}
