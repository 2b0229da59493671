/* notices: messages that are not marks, kept in order. Private to src/hub.
 *
 * A ring a scope, and one list of all by number, so that past the memory bound
 * the oldest of all goes. A dropped notice raises its entry's notice floor. */
#pragma once

#include "base/buf.h"
#include "hub/index.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct notice {
    struct list in_all;
    struct list in_ring; /* extra.notices */
    struct extra *extra;
    uint64_t number, position;
    uint32_t id, type, data; /* bytes of each in text, one after the other */
    char text[];
};

struct notices {
    struct list all;
    uint64_t last; /* number of the newest */
    size_t count, memory;
    size_t memory_max;
    uint32_t per_scope;
    uint64_t dropped;
};

void notices_init(struct notices *notices, size_t memory_max, uint32_t per_scope);
void notices_free(struct notices *notices);
/* At position index->now; keeps the bounds. `id` is its text. */
void notices_add(struct notices *notices, struct index *index, struct str scope, struct str id,
                 struct str type, struct str data);
/* For loading: with its number and position, at the end. */
void notices_restore(struct notices *notices, struct index *index, struct entry *entry,
                     uint64_t number, uint64_t position, const struct str text[3]);
/* After a bound was lowered. */
void notices_trim(struct notices *notices, struct index *index);
/* The oldest of all; false when there is none. */
bool notices_drop(struct notices *notices, struct index *index);
