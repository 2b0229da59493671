/* again: marks that were laid, perhaps before readers of the database could see what they tell, and
 * that may have to be laid once more.
 *
 * Pure. Bounded: beyond AGAIN_MARKS different marks it keeps [] for the families of their scopes,
 * beyond AGAIN_FAMILIES of those [] for "*". So what is laid again covers what was added. */
#pragma once

#include "base/hash.h"
#include "base/str.h"
#include "hub/hub.h"

#include <stdbool.h>
#include <stddef.h>

enum { AGAIN_MARKS = 1000, AGAIN_FAMILIES = 1000 };

struct again;

struct again *again_new(struct hash_seed seed);
void again_free(struct again *again);
/* `scope` may be a family, `key` is canonical; both are copied. */
void again_mark(struct again *again, struct str scope, struct str key);
/* Without its data: who reads it asks the database. */
void again_entity(struct again *again, struct str scope, const struct hub_entity *entity);
/* Everything of `from` is now in `into`, and `from` is empty. */
void again_move(struct again *into, struct again *from);
bool again_is_empty(const struct again *again);
/* Lays everything in the open transaction of the hub; keeps it. */
void again_lay(const struct again *again, struct hub *hub);
void again_clear(struct again *again);
size_t again_count(const struct again *again);
