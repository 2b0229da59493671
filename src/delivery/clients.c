#include "delivery/clients.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct client {
    uint64_t conn;
    char address[];
};

static uint32_t hash_of(uint64_t conn)
{
    return (uint32_t)(conn * 0x9e3779b97f4a7c15u >> 32);
}

static uint32_t hash(const void *item)
{
    return hash_of(((const struct client *)item)->conn);
}

static bool equal(const void *item, const void *key)
{
    return ((const struct client *)item)->conn == *(const uint64_t *)key;
}

static struct client *find(const struct clients *clients, uint64_t conn)
{
    return clients->_table.count ? table_find(&clients->_table, hash_of(conn), equal, &conn) : NULL;
}

void clients_init(struct clients *clients)
{
    table_init(&clients->_table, hash);
}

void clients_free(struct clients *clients)
{
    size_t cursor = 0;
    void *client;
    while ((client = table_next(&clients->_table, &cursor)))
        free(client);
    table_free(&clients->_table);
}

void clients_add(struct clients *clients, uint64_t conn, const char *address)
{
    size_t n = strlen(address) + 1;
    struct client *client = mem_new(sizeof *client + n);
    client->conn = conn;
    memcpy(client->address, address, n);
    table_add(&clients->_table, client);
}

const char *clients_find(const struct clients *clients, uint64_t conn)
{
    const struct client *client = find(clients, conn);
    return client ? client->address : NULL;
}

void clients_remove(struct clients *clients, uint64_t conn)
{
    struct client *client = find(clients, conn);
    if (!client)
        return;
    table_remove(&clients->_table, client);
    free(client);
}
