/* listener: a listening TCP socket with the options that its connections inherit.
 *
 * On Linux an accepted socket takes TCP_NODELAY, TCP_NOTSENT_LOWAT and
 * TCP_USER_TIMEOUT over from the listener, so that a connection costs no further
 * system call. The descriptor is the caller's, to close. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum { LISTENER_ADDRESS_MAX = 64 };

struct sockaddr;

/* `address`: "127.0.0.1:8080", "[::1]:8080", "localhost:8080" (the IPv4 loopback); port 0: any free
 * one. `text` becomes the same with the actual port. `join`: a listener of ours has the port
 * already, share it; otherwise nobody may have it, another process of the same user neither (the
 * kernel would give each of them a part of the connections). -1: err has a sentence. */
int listener_open(const char *address, bool join, uint64_t stalled_ms,
                  char text[LISTENER_ADDRESS_MAX], struct err *err);
/* For the connections accepted from here on. */
void listener_set_stalled(int fd, uint64_t stalled_ms);
/* "127.0.0.1", or with its port "127.0.0.1:80", "[::1]:80". IPv4 in IPv6 is written as IPv4. */
void listener_write_address(const struct sockaddr *address, bool with_port,
                            char text[LISTENER_ADDRESS_MAX]);
