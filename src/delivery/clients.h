/* clients: for whom connections were made that come by way of a trusted proxy.
 *
 * Thread: one delivery thread's. A table beside the streams, since most have none: it costs nothing
 * where there is no proxy. */
#pragma once

#include "base/table.h"

#include <stdint.h>

struct clients {
    struct table _table;
};

void clients_init(struct clients *clients);
void clients_free(struct clients *clients);
/* Copies; there is none for this connection yet. */
void clients_add(struct clients *clients, uint64_t conn, const char *address);
/* NULL: it comes by itself. */
const char *clients_find(const struct clients *clients, uint64_t conn);
void clients_remove(struct clients *clients, uint64_t conn);
