#include "net/conn.h"

#include "base/mem.h"

#include <stdlib.h>

enum { CHUNK = 128 }; /* connections */

static bool grow(struct conns *conns)
{
    struct conn *chunk = mem_try(CHUNK * sizeof *chunk);
    if (!chunk)
        return false;
    conns->_chunks = mem_grow(conns->_chunks, (conns->_n_chunks + 1) * sizeof(struct conn *));
    conns->_chunks[conns->_n_chunks] = chunk;
    /* The lowest index is taken first. */
    for (unsigned i = CHUNK; i-- > 0;) {
        chunk[i] = (struct conn){
            .fd = -1, .next = conns->_free, .index = conns->_n_chunks * CHUNK + i, .generation = 1};
        conns->_free = &chunk[i];
    }
    conns->_n_chunks++;
    return true;
}

struct conn *conns_take(struct conns *conns)
{
    if (!conns->_free && !grow(conns))
        return NULL;
    struct conn *conn = conns->_free;
    conns->_free = conn->next;
    conn->next = NULL;
    return conn;
}

void conns_give(struct conns *conns, struct conn *conn)
{
    *conn = (struct conn){
        .fd = -1, .next = conns->_free, .index = conn->index, .generation = conn->generation + 1};
    conns->_free = conn;
}

struct conn *conns_find(const struct conns *conns, uint64_t id)
{
    uint32_t index = (uint32_t)id;
    if (index / CHUNK >= conns->_n_chunks)
        return NULL;
    struct conn *conn = &conns->_chunks[index / CHUNK][index % CHUNK];
    return conn->generation == id >> 32 && conn->state != CONN_FREE ? conn : NULL;
}

struct conn *conns_next(const struct conns *conns, unsigned *cursor)
{
    while (*cursor / CHUNK < conns->_n_chunks) {
        struct conn *conn = &conns->_chunks[*cursor / CHUNK][*cursor % CHUNK];
        ++*cursor;
        if (conn->state != CONN_FREE)
            return conn;
    }
    return NULL;
}

void conns_free(struct conns *conns)
{
    for (unsigned i = 0; i < conns->_n_chunks; i++)
        free(conns->_chunks[i]);
    free(conns->_chunks);
    *conns = (struct conns){0};
}
