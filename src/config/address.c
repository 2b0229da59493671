#include "config/address.h"

#include "config/units.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>

static bool loopback_v6(const struct in6_addr *ip)
{
    return IN6_IS_ADDR_LOOPBACK(ip) || (IN6_IS_ADDR_V4MAPPED(ip) && ip->s6_addr[12] == 127);
}

bool address_parse(struct str text, struct address *address)
{
    char host[INET6_ADDRSTRLEN];
    bool v6 = text.n && text.p[0] == '[';
    size_t from = v6 ? 1 : 0;
    size_t end = from + str_index(str_from(text, from), v6 ? ']' : ':');
    size_t colon = v6 ? end + 1 : end;
    uint64_t port;
    if (colon >= text.n || text.p[colon] != ':' || end - from >= sizeof host)
        return false;
    memcpy(host, text.p + from, end - from);
    host[end - from] = '\0';
    struct str digits = str_from(text, colon + 1);
    if (digits.n > 5 || !units_count(digits, &port) || port > UINT16_MAX)
        return false;
    address->any_port = port == 0;
    if (v6) {
        struct in6_addr ip;
        if (inet_pton(AF_INET6, host, &ip) != 1)
            return false;
        address->loopback = loopback_v6(&ip);
        snprintf(address->text, sizeof address->text, "[%s]:%u", host, (unsigned)port);
        return true;
    }
    struct in_addr ip;
    if (strcmp(host, "localhost") == 0)
        memcpy(host, "127.0.0.1", sizeof "127.0.0.1");
    if (inet_pton(AF_INET, host, &ip) != 1)
        return false;
    address->loopback = ntohl(ip.s_addr) >> 24 == 127;
    snprintf(address->text, sizeof address->text, "%s:%u", host, (unsigned)port);
    return true;
}
