/* dict: an intrusive hash set that grows and shrinks one bucket at a time.
 *
 * base/table moves everything when it doubles: a pause, and for a moment both
 * tables in memory. The index promises neither to happen, so this one is linear
 * hashing (Litwin 1980): buckets lie in segments of 4 KiB, an insertion splits
 * at most one bucket, a removal joins at most two. At most one item a bucket on
 * average; 8 bytes a bucket.
 *
 * Does not own the items. An item embeds a dict_node as its first member, is in
 * at most one dict, and keeps its hash while it is in. The caller compares what
 * dict_first and dict_more find. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct dict_node {
    struct dict_node *_next;
    uint32_t hash;
    /* The item's own; here because the compiler would leave these bytes empty. */
    uint16_t len;
    uint8_t kind, flags;
};

enum { DICT_SEGMENT = 512 };

struct dict {
    struct dict_node ***_segments;
    size_t _segments_cap;
    size_t _buckets;
    size_t _mask; /* of the larger of the two sizes that buckets are between */
    size_t count;
    size_t memory; /* bytes allocated */
};

void dict_init(struct dict *dict);
void dict_free(struct dict *dict);
void dict_add(struct dict *dict, struct dict_node *node);
/* The node must be in the dict. */
void dict_remove(struct dict *dict, struct dict_node *node);
/* Start with *cursor = 0 and node NULL; NULL at the end. Not stable under changes. */
struct dict_node *dict_next(const struct dict *dict, size_t *cursor, const struct dict_node *node);

static inline struct dict_node **dict_bucket(const struct dict *dict, uint32_t hash)
{
    size_t at = hash & dict->_mask;
    if (at >= dict->_buckets)
        at = hash & (dict->_mask >> 1);
    return &dict->_segments[at / DICT_SEGMENT][at % DICT_SEGMENT];
}

static inline struct dict_node *dict_same(struct dict_node *node, uint32_t hash)
{
    while (node && node->hash != hash)
        node = node->_next;
    return node;
}

/* The first item of that hash, and the next one after an item; NULL at the end. */
static inline struct dict_node *dict_first(const struct dict *dict, uint32_t hash)
{
    return dict->count ? dict_same(*dict_bucket(dict, hash), hash) : NULL;
}

static inline struct dict_node *dict_more(const struct dict_node *node)
{
    return dict_same(node->_next, node->hash);
}
