/* publishers: connections that messages are sent on, by HTTP POST or as lines.
 *
 * Messages are numbered from 0; number n goes to topic n modulo topics. A payload begins with
 * "@ts=<sent, monotonic ns>;seq=<number>@" and is filled up with "x". */
#pragma once

#include "loop.h"
#include "options.h"

struct publishers;

/* `options` and `loop` must outlive it. NULL: could not connect. */
struct publishers *publishers_new(const struct options *options, struct loop *loop,
                                  struct err *err);
void publishers_free(struct publishers *publishers);

/* Sends messages `number` to `number + n - 1` in one body, if a connection has room for one more
 * request. */
bool publishers_send(struct publishers *publishers, uint64_t number, unsigned n, uint64_t now_ns);
/* What publishers_send gathered goes out. */
void publishers_flush(struct publishers *publishers);

struct publishers_counts {
    uint64_t accepted, refused; /* messages; refused ones were answered so, or not at all */
    uint64_t waiting;           /* for their answer */
};

struct publishers_counts publishers_counts(const struct publishers *publishers);
