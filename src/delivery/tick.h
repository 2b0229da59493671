/* tick: one delivery round, encoded; what the hub's thread sends to every delivery thread.
 *
 * Immutable once sent, one reference a thread. Entries of the same scope stand
 * together, in the order in which they must be written. Each blob is
 * [events of the scope][position event]: who gets just this one blob is sent all of it,
 * who gets several is sent the first `body` bytes of each and the position once. */
#pragma once

#include "base/blob.h"
#include "base/str.h"
#include "delivery/format.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tick_blob {
    struct blob *blob; /* NULL: nobody used this format when the tick was cut */
    uint32_t body;     /* bytes before the position event */
    uint64_t notice;   /* number of the last notice in it, 0: none */
    bool ends;         /* a reset that this format says by the end of the stream */
};

struct tick_entry {
    struct str scope;        /* a scope or a family; the bytes are the tick's */
    struct tick_blob *blobs; /* by format, for the first n_blobs of them */
    unsigned n_blobs;
    bool ask; /* the tick was large enough without it: who holds the scope asks for a round */
};

struct tick {
    atomic_uint _refs;
    uint64_t position;
    uint64_t previous; /* the tick before: who was live then has everything up to it */
    struct tick_entry *entries;
    size_t n_entries;
    size_t _cap;
};

struct tick *tick_new(uint64_t previous, uint64_t position);
/* Before it is sent. Copies the name; the blobs are filled in by the caller, who gives them away.
 */
struct tick_entry *tick_add(struct tick *tick, struct str scope, unsigned n_blobs);
/* NULL where nothing of the entry is for this format. */
const struct tick_blob *tick_blob_for(const struct tick_entry *entry, enum format format);
struct tick *tick_ref(struct tick *tick);
void tick_unref(struct tick *tick);
