/* entities: the entity marks of a scope. Private to src/hub.
 *
 * One mark an entity and action, in the entry's own row. The text of such a mark is a packed
 * head, then name, id, action and data. */
#pragma once

#include "hub/hub.h"
#include "hub/index.h"

#include <stdbool.h>
#include <stdint.h>

enum { ENTITY_TEXT_MAX = 1024, ENTITY_DATA_MAX = 1024 };

/* Not for a family. An entity whose name, id and action exceed ENTITY_TEXT_MAX together cannot
 * be kept: who reads entities is reset instead. */
void entities_mark(struct index *index, struct str scope, const struct hub_entity *entity);
/* The slices point into the mark. */
struct hub_entity entities_read(const struct mark *mark);
/* Oldest first, everything newer than P; only those with has_data unless `all`. The number of
 * them; `each` may be NULL. */
size_t entities_after(const struct entry *entry, uint64_t P, bool all,
                      void (*each)(void *ctx, const struct hub_entity *entity), void *ctx);
/* For loading: false when it is there already or is too large. */
bool entities_restore(struct index *index, struct entry *entry, const struct hub_entity *entity);
/* Down to max_entities. */
void entities_trim(struct index *index, struct entry *entry);
