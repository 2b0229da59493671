#include "auth/tickets.h"

#include "base/check.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/table.h"
#include "wire/base64url.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SECRET_BYTES = 32, HASH_BYTES = 32 };

struct ticket {
    struct list node; /* in the order of their making */
    unsigned char hash[HASH_BYTES];
    uint64_t ends;
    size_t n;
    char document[];
};

struct tickets {
    pthread_mutex_t lock;
    struct table table;
    struct list order;
    struct tickets_stats stats;
};

static uint32_t hash(const void *item)
{
    uint32_t first;
    memcpy(&first, ((const struct ticket *)item)->hash, sizeof first);
    return first;
}

static bool equal(const void *item, const void *key)
{
    return memcmp(((const struct ticket *)item)->hash, key, HASH_BYTES) == 0;
}

struct tickets *tickets_new(void)
{
    struct tickets *tickets = mem_new(sizeof *tickets);
    CHECK(pthread_mutex_init(&tickets->lock, NULL) == 0);
    table_init(&tickets->table, hash);
    list_init(&tickets->order);
    return tickets;
}

static void drop(struct tickets *tickets, struct ticket *ticket)
{
    table_remove(&tickets->table, ticket);
    list_remove(&ticket->node);
    explicit_bzero(ticket->document, ticket->n);
    free(ticket);
}

void tickets_free(struct tickets *tickets)
{
    if (!tickets)
        return;
    LIST_EACH (node, &tickets->order)
        drop(tickets, LIST_ITEM(node, struct ticket, node));
    table_free(&tickets->table);
    pthread_mutex_destroy(&tickets->lock);
    free(tickets);
}

static void hash_of(struct str text, unsigned char out[HASH_BYTES])
{
    CHECK(EVP_Digest(text.n ? text.p : "", text.n, out, NULL, EVP_sha256(), NULL) == 1);
}

/* A reload may have made their time shorter: those that ended are not always the first. */
static void forget_ended(struct tickets *tickets, uint64_t now)
{
    LIST_EACH (node, &tickets->order) {
        struct ticket *ticket = LIST_ITEM(node, struct ticket, node);
        if (ticket->ends > now)
            break;
        drop(tickets, ticket);
    }
}

bool tickets_issue(struct tickets *tickets, struct str document, uint64_t now, uint64_t ttl_ms,
                   unsigned max, struct buf *text)
{
    unsigned char secret[SECRET_BYTES];
    CHECK(RAND_bytes(secret, sizeof secret) == 1);
    size_t before = text->len;
    base64url_encode((struct str){.p = (char *)secret, .n = sizeof secret}, text);
    struct ticket *ticket = mem_new(sizeof *ticket + document.n);
    hash_of(str_from(buf_slice(text), before), ticket->hash);
    ticket->ends = now + ttl_ms;
    ticket->n = document.n;
    memcpy(ticket->document, document.p, document.n);
    explicit_bzero(secret, sizeof secret);

    pthread_mutex_lock(&tickets->lock);
    forget_ended(tickets, now);
    bool ok = tickets->table.count < max;
    if (ok) {
        table_add(&tickets->table, ticket);
        list_push_back(&tickets->order, &ticket->node);
        tickets->stats.issued++;
    }
    pthread_mutex_unlock(&tickets->lock);
    if (!ok) {
        free(ticket);
        buf_cut(text, before);
    }
    return ok;
}

bool tickets_take(struct tickets *tickets, struct str text, uint64_t now, struct buf *document)
{
    unsigned char key[HASH_BYTES];
    hash_of(text, key);
    uint32_t first;
    memcpy(&first, key, sizeof first);

    pthread_mutex_lock(&tickets->lock);
    struct ticket *ticket =
        tickets->table.count ? table_find(&tickets->table, first, equal, key) : NULL;
    bool ok = ticket && ticket->ends > now;
    if (ok)
        buf_add(document, ticket->document, ticket->n);
    if (ok)
        tickets->stats.used++;
    else
        tickets->stats.refused++;
    if (ticket)
        drop(tickets, ticket);
    pthread_mutex_unlock(&tickets->lock);
    return ok;
}

void tickets_stats(struct tickets *tickets, struct tickets_stats *stats)
{
    pthread_mutex_lock(&tickets->lock);
    *stats = tickets->stats;
    stats->open = tickets->table.count;
    pthread_mutex_unlock(&tickets->lock);
}
