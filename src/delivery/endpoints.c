#include "delivery/endpoints.h"

#include "base/check.h"
#include "base/mem.h"
#include "delivery/events.h"

#include <stdlib.h>

enum { MEMORY = 16 * 1024 * 1024, SLOTS = FORMAT_COUNT - FORMAT_DIALECT_SSE };

struct slot {
    struct endpoint *endpoint;
    bool open;
    struct dialect_resource *resources;
    size_t n;
};

struct endpoints {
    struct slot slots[SLOTS];
    struct arena memory; /* of the resources */
};

static void set_resources(struct endpoints *endpoints, struct slot *slot,
                          const struct dialect_resource *resources, size_t n)
{
    slot->resources = arena_alloc(&endpoints->memory, (n + 1) * sizeof *slot->resources);
    CHECK(slot->resources);
    slot->n = n;
    for (size_t i = 0; i < n; i++) {
        slot->resources[i].name = arena_copy(&endpoints->memory, resources[i].name);
        slot->resources[i].home = arena_copy(&endpoints->memory, resources[i].home);
        CHECK(slot->resources[i].name.p && slot->resources[i].home.p);
    }
}

static bool is_same(const struct endpoint *a, const struct endpoint *b)
{
    return a && a->hash == b->hash && str_equal(a->path, b->path);
}

/* The slots of its transport. */
static size_t first_slot(const struct endpoint *endpoint)
{
    return endpoint->dialect.websocket ? FORMAT_DIALECT_WS - FORMAT_DIALECT_SSE : 0;
}

static struct slot *slot_for(struct endpoints *endpoints, const struct endpoint *endpoint)
{
    struct slot *slots = &endpoints->slots[first_slot(endpoint)], *best = NULL;
    for (size_t i = 0; i < FORMAT_DIALECTS; i++) {
        struct slot *slot = &slots[i];
        if (slot->open)
            continue;
        if (is_same(slot->endpoint, endpoint))
            return slot;
        if (!best || (best->endpoint && !slot->endpoint))
            best = slot;
    }
    CHECK(best);
    return best;
}

static void open_slot(struct endpoints *endpoints, struct slot *slot,
                      const struct endpoint_wanted *wanted)
{
    endpoint_unref(slot->endpoint);
    slot->endpoint = endpoint_ref(wanted->endpoint);
    slot->open = true;
    set_resources(endpoints, slot, wanted->resources, wanted->n);
}

struct endpoints *endpoints_new(const struct endpoints *previous,
                                const struct endpoint_wanted *wanted, size_t n)
{
    struct endpoints *endpoints = mem_new(sizeof *endpoints);
    bool kept[ENDPOINTS_MAX] = {false};
    CHECK(n <= ENDPOINTS_MAX);
    arena_init(&endpoints->memory, MEMORY);
    for (size_t i = 0; previous && i < SLOTS; i++) {
        const struct slot *before = &previous->slots[i];
        if (!before->endpoint)
            continue;
        endpoints->slots[i].endpoint = endpoint_ref(before->endpoint);
        set_resources(endpoints, &endpoints->slots[i], before->resources, before->n);
    }
    /* First those that are the same, so that nobody else takes their slot. */
    for (size_t i = 0; i < n; i++) {
        struct slot *slot = slot_for(endpoints, wanted[i].endpoint);
        kept[i] = is_same(slot->endpoint, wanted[i].endpoint);
        if (kept[i])
            open_slot(endpoints, slot, &wanted[i]);
    }
    for (size_t i = 0; i < n; i++)
        if (!kept[i])
            open_slot(endpoints, slot_for(endpoints, wanted[i].endpoint), &wanted[i]);
    return endpoints;
}

void endpoints_free(struct endpoints *endpoints)
{
    if (!endpoints)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        endpoint_unref(endpoints->slots[i].endpoint);
    arena_free(&endpoints->memory);
    free(endpoints);
}

static const struct slot *slot_of(const struct endpoints *endpoints, enum format format)
{
    if (!endpoints || !format_is_dialect(format))
        return NULL;
    return &endpoints->slots[format - FORMAT_DIALECT_SSE];
}

const struct endpoint *endpoints_at(const struct endpoints *endpoints, enum format format)
{
    const struct slot *slot = slot_of(endpoints, format);
    return slot ? slot->endpoint : NULL;
}

bool endpoints_serves(const struct endpoints *endpoints, enum format format)
{
    const struct slot *slot = slot_of(endpoints, format);
    return slot && slot->open;
}

const struct endpoint *endpoints_find(const struct endpoints *endpoints, struct str path,
                                      enum format *format)
{
    for (size_t i = 0; endpoints && i < SLOTS; i++) {
        const struct slot *slot = &endpoints->slots[i];
        if (!slot->open || !str_equal(slot->endpoint->path, path))
            continue;
        *format = (enum format)(FORMAT_DIALECT_SSE + i);
        return slot->endpoint;
    }
    return NULL;
}

bool endpoints_same(const struct endpoints *a, const struct endpoints *b, enum format format)
{
    const struct endpoint *before = endpoints_at(a, format), *after = endpoints_at(b, format);
    return before && after && is_same(before, after);
}

const struct dialect_resource *endpoints_resources(const struct endpoints *endpoints,
                                                   enum format format, size_t *n)
{
    const struct slot *slot = slot_of(endpoints, format);
    *n = slot ? slot->n : 0;
    return slot ? slot->resources : NULL;
}

void endpoints_say_position(const struct endpoints *endpoints, enum format format, struct buf *out,
                            struct position position)
{
    const struct endpoint *endpoint = endpoints_at(endpoints, format);
    if (endpoint)
        dialect_say_position(&endpoint->dialect, out, position);
    else
        events_position(out, format, position);
}
