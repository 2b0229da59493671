/* audience: for which scopes and families somebody listens, and on which threads.
 *
 * Thread: the hub's. A delivery thread says so when its first subscriber of a scope
 * comes and its last one goes; a tick encodes nothing that nobody listens to. */
#pragma once

#include "base/hash.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct audience;

struct audience *audience_new(struct hash_seed seed);
void audience_free(struct audience *audience);
void audience_join(struct audience *audience, struct str scope);
void audience_leave(struct audience *audience, struct str scope);
bool audience_has(const struct audience *audience, struct str scope);
size_t audience_count(const struct audience *audience);
