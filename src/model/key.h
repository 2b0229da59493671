/* key: a TanStack query key, as the canonical JSON text of an array.
 *
 *     ["tasks","list","42"]      ["tasks",["stats"],{"input":{"project":42}}]
 *
 * Canonical as in base/jsontext.h (no white space, sorted members, JavaScript
 * numbers). The functions below take such text; key_check says whether some
 * text is. Pure, no allocation.
 *
 * Identity: two keys are the same when their parts are, where a number and a
 * string that spells exactly that number are the same at any depth ("42" and
 * 42), because a column's type in the database and in the page often differ.
 *
 * Covering, as TanStack Query 5's partialMatchKey: a key covers another when
 * each of its parts covers the part at the same place; arrays and objects cover
 * by members (an object with fewer members covers one with more, an array that
 * is a prefix covers the longer one). [] covers everything. */
#pragma once

#include "base/buf.h"
#include "base/hash.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

enum { KEY_MAX = 512 }; /* bytes; longer ones are cut by key_cut */

#define KEY_ALL STR("[]")

/* True when the text is one canonical JSON array (depth at most 32). */
bool key_check(struct str key);
/* Number of top-level parts. */
size_t key_parts(struct str key);
/* Bytes of the text up to and including the first `parts` parts, without the
 * closing bracket: key_prefix writes them with it. */
bool key_prefix(struct buf *out, struct str key, size_t parts);
/* Appends the longest prefix of at most KEY_MAX bytes; the whole key where it fits. */
bool key_cut(struct buf *out, struct str key);
bool key_equal(struct str a, struct str b);
/* Equal keys have equal hashes. */
uint64_t key_hash(struct hash_seed seed, struct str key);
bool key_covers(struct str wide, struct str narrow);
