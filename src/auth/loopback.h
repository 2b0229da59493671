/* loopback: is this the name of the machine itself? Pure text, no look-up. */
#pragma once

#include "base/str.h"

#include <stdbool.h>

/* "localhost", "x.localhost", 127.0.0.0/8 or "[::1]", each with or without ":port". */
bool loopback_host(struct str host);
/* "http://" or "https://" and such a host. */
bool loopback_origin(struct str origin);
