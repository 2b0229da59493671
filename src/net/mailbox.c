#include "net/mailbox.h"

#include "base/check.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdlib.h>

struct mailbox {
    uv_async_t wake;
    pthread_mutex_t lock;
    struct list waiting; /* guarded by lock, and so is `closed` */
    bool closed;         /* nobody is woken any more */
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

static void woken(uv_async_t *wake)
{
    take(wake->data);
}

struct mailbox *mailbox_new(uv_loop_t *loop, void (*deliver)(void *ctx, struct mail *mail),
                            void *ctx)
{
    struct mailbox *box = mem_new(sizeof *box);
    box->deliver = deliver;
    box->ctx = ctx;
    list_init(&box->waiting);
    pthread_mutex_init(&box->lock, NULL);
    CHECK(uv_async_init(loop, &box->wake, woken) == 0);
    box->wake.data = box;
    return box;
}

void mailbox_post(struct mailbox *box, struct mail *mail)
{
    pthread_mutex_lock(&box->lock);
    bool wake = list_empty(&box->waiting) && !box->closed;
    list_push_back(&box->waiting, &mail->node);
    pthread_mutex_unlock(&box->lock);
    /* The handle may be closed in between: its memory lives until mailbox_free, so that is a
     * wake-up that nobody hears. */
    if (wake)
        uv_async_send(&box->wake);
}

void mailbox_close(struct mailbox *box)
{
    take(box);
    pthread_mutex_lock(&box->lock);
    box->closed = true;
    pthread_mutex_unlock(&box->lock);
    uv_close((uv_handle_t *)&box->wake, NULL);
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
    pthread_mutex_destroy(&box->lock);
    free(box);
}
