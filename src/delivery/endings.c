#include "delivery/endings.h"

#include "base/mem.h"

#include <stdlib.h>

/* A heap: the one that ends first is the first one. */
struct ending {
    uint64_t at, conn;
};

void endings_init(struct endings *endings, uint64_t seed)
{
    *endings = (struct endings){._random = seed};
}

void endings_free(struct endings *endings)
{
    free(endings->_items);
    endings->_items = NULL;
}

static void swap(struct ending *a, struct ending *b)
{
    struct ending kept = *a;
    *a = *b;
    *b = kept;
}

void endings_add(struct endings *endings, uint64_t conn, uint64_t now, uint64_t spread_ms)
{
    if (endings->_n == endings->_cap) {
        endings->_cap = endings->_cap ? endings->_cap * 2 : 16;
        endings->_items = mem_grow(endings->_items, endings->_cap * sizeof *endings->_items);
    }
    endings->_random = endings->_random * 6364136223846793005u + 1442695040888963407u;
    struct ending *items = endings->_items;
    size_t i = endings->_n++;
    items[i] =
        (struct ending){.at = now + (endings->_random >> 33) % (spread_ms + 1), .conn = conn};
    for (; i > 0 && items[(i - 1) / 2].at > items[i].at; i = (i - 1) / 2)
        swap(&items[(i - 1) / 2], &items[i]);
}

bool endings_take(struct endings *endings, uint64_t now, uint64_t *conn)
{
    struct ending *items = endings->_items;
    if (endings->_n == 0 || items[0].at > now)
        return false;
    *conn = items[0].conn;
    items[0] = items[--endings->_n];
    for (size_t i = 0;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < endings->_n; child++)
            if (items[child].at < items[least].at)
                least = child;
        if (least == i)
            return true;
        swap(&items[i], &items[least]);
        i = least;
    }
}
