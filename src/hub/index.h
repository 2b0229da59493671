/* index: which keys of which scopes are stale since which position. Private to src/hub.
 *
 * An entry is a scope or a family. It has its key marks in a row, oldest first,
 * and behind `extra`, once it needs them, its entity marks and its notices. All
 * marks of both kinds are also on one list, oldest first, which eviction follows.
 *
 * What always holds, and what each answer rests on (G = global_floor):
 *  - a key marked in a scope at a position p is either a mark of its entry (or a wider one) at
 *    p or later, or p <= the entry's floor, or the scope has no entry and p <= G;
 *  - an entry's floor is at least what G was when the entry was made;
 *  - a family's entry is never freed, so that G means nothing for a family: one without an
 *    entry was never marked;
 *  - an entry with a floor of `now` needs no further marks in this transaction, since whoever
 *    is behind it is reset already;
 *  - an entry that is dirty (touched since the last tick) is freed only by laying [] in its
 *    family, so that the tick still tells somebody.
 *
 * [] on a scope is a floor at that position; a mark with the key [] stands in the row only so
 * that the entry is evicted when its turn comes. A family needs no such mark.
 *
 * Marks are single allocations with their text inline; memory counts what the allocator
 * really took for each. */
#pragma once

#include "base/hash.h"
#include "base/list.h"
#include "base/str.h"
#include "hub/dict.h"
#include "model/scope.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A family can be one byte longer than the scope that it stands above. */
enum { INDEX_NAME_MAX = SCOPE_MAX + 1 };

enum mark_kind { MARK_KEY, MARK_ENTITY };

struct mark {
    struct list in_all; /* oldest first */
    struct entry *entry;
    uint64_t position;
    uint16_t len;
    uint8_t kind;
    char text[]; /* the key; or what entities.c packs */
};

/* Marks by position, oldest first, and beside them their hashes, so that finding one among the
 * few hundred of a scope is a scan over four bytes each, and a table of all marks is not needed.
 * Removing leaves a hole; adding to a full row closes holes before it grows. */
struct row {
    struct mark **slots; /* cap pointers, then cap hashes */
    uint32_t first, len; /* slots in use, holes among them */
    uint32_t cap, live;
};

enum entry_flags {
    ENTRY_FAMILY = 1,
    ENTRY_KEPT = 2, /* a family of a configured template, or "*" */
};

struct extra; /* see below */

struct entry {
    struct dict_node node; /* len of the name, flags */
    struct list dirty;     /* in index.dirty while touched since the last tick */
    struct row keys;
    struct extra *extra; /* NULL until it has an entity or a notice */
    uint64_t floor;
    char name[];
};

struct extra {
    struct entry *entry;
    struct row entities;
    uint64_t entity_floor;
    struct list notices; /* notice.in_ring, oldest first */
    uint32_t n_notices;
    uint64_t notice_floor; /* position and number of the newest notice that was dropped */
    uint64_t notice_number;
    struct list idle; /* in index.idle while the entry holds nothing but floors */
};

struct index_limits {
    size_t memory;
    uint32_t max_keys, max_entities;
    uint32_t families_max;
};

struct index {
    struct index_limits limits;
    struct hash_seed seed;
    struct dict entries;
    struct list all;      /* mark.in_all */
    struct list dirty;    /* entry.dirty */
    struct list idle;     /* extra.idle, in the order in which they became idle */
    struct entry *recent; /* the last one found: changes come in runs of one scope */
    uint64_t now;         /* the position of what is laid */
    bool laid;            /* something was, at `now` */
    uint64_t global_floor;
    uint64_t freed_notice; /* number of the newest notice that went with a freed entry */
    size_t allocated;      /* entries, marks, rows, extras */
    size_t n_keys, n_entities, n_families, n_other_families;
    uint64_t evicted, widened, resets;
};

void index_init(struct index *index, const struct index_limits *limits, struct hash_seed seed);
void index_free(struct index *index);
/* What it has allocated, the hash table too. */
size_t index_memory(const struct index *index);

static inline struct str mark_text(const struct mark *mark)
{
    return (struct str){.p = mark->text, .n = mark->len};
}

static inline struct str entry_name(const struct entry *entry)
{
    return (struct str){.p = entry->name, .n = entry->node.len};
}

static inline bool entry_is_family(const struct entry *entry)
{
    return entry->node.flags & ENTRY_FAMILY;
}

/* ---- entries ---- */

/* NULL when there is none. */
struct entry *index_find(struct index *index, struct str name);
/* Makes it where there is none; "*" in place of a family too many. */
struct entry *index_entry(struct index *index, struct str name);
/* For loading: the entry as it was. NULL when the name is there already. */
struct entry *index_restore(struct index *index, struct str name, bool family);
struct extra *index_extra(struct index *index, struct entry *entry);
/* A configured family: exists from now on and does not count as another one. */
void index_keep_family(struct index *index, struct str family);
/* Frees the entry when it holds nothing that is worth its memory. */
void index_settle(struct index *index, struct entry *entry);
/* Frees it later, when memory is needed; for an entry with extras, while entries are walked. */
void index_idle(struct index *index, struct entry *entry);
/* The next tick tells of it. */
void index_touch(struct index *index, struct entry *entry);
/* After a tick. */
void index_clean(struct index *index);

/* ---- marks ---- */

/* `key` is at most KEY_MAX bytes. May leave the index over its memory: see index_evict. */
void index_mark(struct index *index, struct str scope, struct str key);
/* Drops the entry's marks, both kinds; everybody behind `now` is reset. */
void index_reset(struct index *index, struct entry *entry);
/* For an entity that cannot be kept, and for a scope whose entry is gone: [] on its family. */
void index_reset_family(struct index *index, struct str scope);
/* True when nothing needs to be laid for this scope any more in this transaction. */
bool index_told(struct index *index, struct str scope, struct entry **entry);
/* Frees the oldest mark, or an entry that holds nothing but an older floor. False when there
 * is none. */
bool index_evict(struct index *index);

/* ---- rows and marks, for those who walk them ---- */

#define NO_SLOT UINT32_MAX

/* The slot after all marks up to P: the walk of everything newer starts there. */
uint32_t row_after(const struct row *row, uint64_t P);
uint32_t row_hash(const struct row *row, uint32_t slot);
/* The last slot below `below` with that hash, or NO_SLOT; start with row->len. */
uint32_t row_find(const struct row *row, uint32_t hash, uint32_t below);
void row_add(struct index *index, struct row *row, struct mark *mark, uint32_t hash);
/* A new mark of the entry, at the end of `all`, in no row yet. */
struct mark *mark_new(struct index *index, struct entry *entry, enum mark_kind kind,
                      struct str text);
/* Out of its row and its list, freed. */
void mark_drop(struct index *index, struct row *row, uint32_t slot);
/* `heir` takes the place and the position of the mark in that slot, which is freed. */
void mark_replace(struct index *index, struct row *row, uint32_t slot, struct mark *heir,
                  uint32_t hash);
void mark_move_to_end(struct index *index, struct row *row, uint32_t slot);
uint32_t mark_find_key(const struct entry *entry, uint32_t hash, struct str key);
uint32_t mark_hash_key(const struct index *index, struct str key);
void *index_alloc(struct index *index, size_t size);
void index_release(struct index *index, void *p);

/* Widens the entry's keys to at most three quarters of max_keys. */
void index_widen(struct index *index, struct entry *entry);
