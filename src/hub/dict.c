#include "hub/dict.h"

#include "base/check.h"
#include "base/mem.h"

#include <malloc.h>
#include <stdlib.h>

void dict_init(struct dict *dict)
{
    *dict = (struct dict){0};
}

void dict_free(struct dict *dict)
{
    for (size_t i = 0; i * DICT_SEGMENT < dict->_buckets; i++)
        free(dict->_segments[i]);
    free(dict->_segments);
    dict_init(dict);
}

static size_t taken(void *p)
{
    return p ? malloc_usable_size(p) + sizeof(size_t) : 0;
}

static void add_segment(struct dict *dict)
{
    size_t n = dict->_buckets / DICT_SEGMENT;
    if (n == dict->_segments_cap) {
        dict->memory -= taken(dict->_segments);
        dict->_segments_cap = n ? n * 2 : 8;
        dict->_segments = mem_grow(dict->_segments, dict->_segments_cap * sizeof *dict->_segments);
        dict->memory += taken(dict->_segments);
    }
    dict->_segments[n] = mem_array(DICT_SEGMENT, sizeof **dict->_segments);
    dict->memory += taken(dict->_segments[n]);
}

static void drop_segment(struct dict *dict)
{
    size_t n = dict->_buckets / DICT_SEGMENT;
    dict->memory -= taken(dict->_segments[n]);
    free(dict->_segments[n]);
}

static struct dict_node **bucket_at(const struct dict *dict, size_t at)
{
    return &dict->_segments[at / DICT_SEGMENT][at % DICT_SEGMENT];
}

/* One bucket more: the items of its elder that have the next bit of the hash move into it. */
static void split(struct dict *dict)
{
    size_t at = dict->_buckets;
    if (at % DICT_SEGMENT == 0)
        add_segment(dict);
    if (at > dict->_mask)
        dict->_mask = dict->_mask * 2 + 1;
    dict->_buckets++;
    struct dict_node **to = bucket_at(dict, at);
    struct dict_node **from = bucket_at(dict, at & (dict->_mask >> 1));
    while (*from) {
        struct dict_node *node = *from;
        if ((node->hash & dict->_mask) == at) {
            *from = node->_next;
            node->_next = *to;
            *to = node;
        } else {
            from = &node->_next;
        }
    }
}

/* One bucket less: its items go back to its elder. */
static void join(struct dict *dict)
{
    size_t at = dict->_buckets - 1;
    struct dict_node **last = bucket_at(dict, at);
    struct dict_node **end = bucket_at(dict, at & (dict->_mask >> 1));
    while (*end)
        end = &(*end)->_next;
    *end = *last;
    *last = NULL;
    dict->_buckets--;
    if (dict->_buckets % DICT_SEGMENT == 0)
        drop_segment(dict);
    if (dict->_buckets - 1 <= dict->_mask >> 1)
        dict->_mask >>= 1;
}

void dict_add(struct dict *dict, struct dict_node *node)
{
    if (dict->_buckets == 0) {
        add_segment(dict);
        dict->_buckets = DICT_SEGMENT;
        dict->_mask = DICT_SEGMENT - 1;
    } else if (dict->count >= dict->_buckets) {
        split(dict);
    }
    struct dict_node **bucket = dict_bucket(dict, node->hash);
    node->_next = *bucket;
    *bucket = node;
    dict->count++;
}

void dict_remove(struct dict *dict, struct dict_node *node)
{
    CHECK(dict->count);
    struct dict_node **at = dict_bucket(dict, node->hash);
    while (*at != node) {
        CHECK(*at);
        at = &(*at)->_next;
    }
    *at = node->_next;
    node->_next = NULL;
    dict->count--;
    /* A quarter of slack, so that a count that swings around a bucket costs nothing; two at a
     * time, so that the slack stays a quarter while everything goes. */
    for (int i = 0; i < 2; i++)
        if (dict->_buckets > DICT_SEGMENT && dict->count < dict->_buckets - dict->_buckets / 4)
            join(dict);
}

struct dict_node *dict_next(const struct dict *dict, size_t *cursor, const struct dict_node *node)
{
    if (node && node->_next)
        return node->_next;
    while (*cursor < dict->_buckets) {
        struct dict_node *first = *bucket_at(dict, (*cursor)++);
        if (first)
            return first;
    }
    return NULL;
}
