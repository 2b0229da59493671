/* address: where to listen, as text: "127.0.0.1:8080", "[::1]:8080", "localhost:8080".
 *
 * An IP address and a port, no names but localhost: what a name means can change between the check
 * and the use. */
#pragma once

#include "base/str.h"

#include <stdbool.h>

enum { ADDRESS_MAX = 64 };

struct address {
    char text[ADDRESS_MAX]; /* localhost replaced by 127.0.0.1 */
    bool loopback;
    bool any_port; /* port 0 */
};

bool address_parse(struct str text, struct address *address);
