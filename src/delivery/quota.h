/* quota: how many streams a user, a token, an address has open, on all threads together.
 *
 * Why a lock, where everything else between threads is a message: the answer decides whether a
 * stream is opened, and it is asked for once in a stream's life. It is held for a look into a
 * table, never for a system call.
 *
 * Names are not kept: what is counted is known by a keyed hash of 64 bits (base/hash.h).
 * Bound: an entry exists while a stream does. Thread: any. */
#pragma once

#include "base/hash.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum quota_kind { QUOTA_USER, QUOTA_TOKEN, QUOTA_ADDRESS, QUOTA_KINDS };

const char *quota_kind_name(enum quota_kind kind);

struct quota;

/* What one stream counts for; zero: for nothing of that kind. */
struct quota_seat {
    uint64_t keys[QUOTA_KINDS];
};

struct quota *quota_new(struct hash_seed seed);
/* Every seat must be given back. */
void quota_free(struct quota *quota);

/* Takes a seat of each kind whose name is not empty. False: `kind` is full, nothing was taken.
 * max 0: that kind has no bound. */
bool quota_take(struct quota *quota, const struct str names[QUOTA_KINDS],
                const unsigned max[QUOTA_KINDS], struct quota_seat *seat, enum quota_kind *kind);
void quota_give_back(struct quota *quota, struct quota_seat *seat);
/* Streams that were refused. */
uint64_t quota_refused(struct quota *quota, enum quota_kind kind);
