#include "net/proxies.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <strings.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* `four`: it was written as IPv4. */
static bool parse(struct str text, uint8_t address[16], bool *four)
{
    char copy[INET6_ADDRSTRLEN];
    if (text.n == 0 || text.n >= sizeof copy)
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    *four = inet_pton(AF_INET, copy, address + 12) == 1;
    if (*four)
        memcpy(address, mapped, sizeof mapped);
    return *four || inet_pton(AF_INET6, copy, address) == 1;
}

bool proxies_add(struct proxies *proxies, struct str text)
{
    uint8_t address[16];
    bool four;
    size_t slash = str_index(text, '/');
    if (proxies->n == PROXIES_MAX || !parse((struct str){.p = text.p, .n = slash}, address, &four))
        return false;
    unsigned most = four ? 32 : 128, bits = most;
    if (slash < text.n) {
        struct str number = str_from(text, slash + 1);
        if (number.n == 0 || number.n > 3)
            return false;
        bits = 0;
        for (size_t i = 0; i < number.n; i++) {
            if (number.p[i] < '0' || number.p[i] > '9')
                return false;
            bits = bits * 10 + (unsigned)(number.p[i] - '0');
        }
        if (bits > most)
            return false;
    }
    memcpy(proxies->networks[proxies->n].address, address, sizeof address);
    proxies->networks[proxies->n++].bits = (uint8_t)(bits + (four ? 96 : 0));
    return true;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    if (memcmp(a, b, bits / 8) != 0)
        return false;
    unsigned rest = bits % 8;
    return rest == 0 || (a[bits / 8] ^ b[bits / 8]) >> (8 - rest) == 0;
}

static bool is_trusted(const struct proxies *proxies, const uint8_t address[16])
{
    for (unsigned i = 0; i < proxies->n; i++)
        if (same_bits(proxies->networks[i].address, address, proxies->networks[i].bits))
            return true;
    return false;
}

static void write_address(const uint8_t address[16], char text[PROXIES_CLIENT_MAX])
{
    bool four = memcmp(address, mapped, sizeof mapped) == 0;
    inet_ntop(four ? AF_INET : AF_INET6, four ? address + 12 : address, text, PROXIES_CLIENT_MAX);
}

static struct str trim(struct str text)
{
    while (text.n && (text.p[0] == ' ' || text.p[0] == '\t'))
        text = str_from(text, 1);
    while (text.n && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t'))
        text.n--;
    return text;
}

/* The address alone: some proxies write the client's port behind it, "192.0.2.1:1234" or
 * "[2001:db8::1]:1234". */
static struct str without_port(struct str text)
{
    size_t colon = str_index(text, ':');
    if (text.n && text.p[0] == '[') {
        struct str inside = str_from(text, 1);
        size_t end = str_index(inside, ']');
        return end < inside.n ? (struct str){.p = inside.p, .n = end} : text;
    }
    bool one = colon < text.n && !memchr(text.p + colon + 1, ':', text.n - colon - 1);
    return one ? (struct str){.p = text.p, .n = colon} : text;
}

/* From the end: what the nearest proxy wrote comes last. False: there is nothing further to look
 * at, either because somebody was found who is no proxy, or because it is not an address. */
static bool walk(const struct proxies *proxies, struct str list, char client[PROXIES_CLIENT_MAX])
{
    for (;;) {
        size_t from = list.n;
        while (from > 0 && list.p[from - 1] != ',')
            from--;
        uint8_t address[16];
        bool four;
        if (!parse(without_port(trim(str_from(list, from))), address, &four))
            return false;
        write_address(address, client);
        if (!is_trusted(proxies, address))
            return false;
        if (from == 0)
            return true;
        list.n = from - 1;
    }
}

bool proxies_client(const struct proxies *proxies, const char *peer,
                    const struct http_request *request, char client[PROXIES_CLIENT_MAX])
{
    uint8_t address[16];
    bool four;
    snprintf(client, PROXIES_CLIENT_MAX, "%s", peer);
    if (proxies->n == 0 || !parse(str_of(peer), address, &four) || !is_trusted(proxies, address))
        return false;
    static const char name[] = "x-forwarded-for";
    for (size_t i = request->n_headers; i-- > 0;) {
        const struct http_header *header = &request->headers[i];
        if (header->name.n == sizeof name - 1 &&
            strncasecmp(header->name.p, name, sizeof name - 1) == 0 &&
            !walk(proxies, header->value, client))
            break;
    }
    return strcmp(client, peer) != 0;
}

void proxies_network(const char *client, char network[PROXIES_CLIENT_MAX])
{
    uint8_t address[16];
    bool four;
    if (!parse(str_of(client), address, &four)) {
        snprintf(network, PROXIES_CLIENT_MAX, "%s", client);
        return;
    }
    if (memcmp(address, mapped, sizeof mapped) != 0)
        memset(address + 8, 0, 8);
    write_address(address, network);
}
