/* proxies: whose word is taken for where a request comes from.
 *
 * A request that comes from one of these networks may say in X-Forwarded-For for whom it was made;
 * anybody else's header is nothing but text. A plain value: copied freely. */
#pragma once

#include "base/str.h"
#include "wire/http.h"

#include <stdbool.h>
#include <stdint.h>

enum { PROXIES_MAX = 32, PROXIES_CLIENT_MAX = 64 };

struct proxies {
    unsigned n;
    struct {
        uint8_t address[16]; /* IPv4 as ::ffff:a.b.c.d */
        uint8_t bits;
    } networks[PROXIES_MAX];
};

/* "127.0.0.1", "10.0.0.0/8", "::1", "fd00::/8". False: it is none of these, or there is no room. */
bool proxies_add(struct proxies *proxies, struct str text);
/* For whom `peer` (an address) asks: of the addresses in the request's X-Forwarded-For headers the
 * last one that is no trusted proxy, if peer itself is one. False, with `client` = peer, when that
 * is peer itself. */
bool proxies_client(const struct proxies *proxies, const char *peer,
                    const struct http_request *request, char client[PROXIES_CLIENT_MAX]);
/* What counts as one client: an address of IPv4, the first 64 bits of one of IPv6, since whoever
 * has one of these has all of them. `client` as it is where it is no address. */
void proxies_network(const char *client, char network[PROXIES_CLIENT_MAX]);
