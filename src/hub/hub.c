/* The order of things: positions, transactions, ticks. What is stale is in index.c, what
 * waits in hold.c, what is not a mark in notices.c; here they are one hub.
 *
 * A position is given out at commit, to a transaction that laid something; while it is open its
 * marks carry that position already, so a reader may be told of them early, which is harmless.
 * Whatever evicts does so at the end of an operation, never while something is half laid. */
#include "hub/hub.h"

#include "base/check.h"
#include "base/mem.h"
#include "hub/entities.h"
#include "hub/state.h"
#include "model/key.h"
#include "model/scope.h"

#include <stdlib.h>

static struct index_limits index_limits(const struct hub_limits *limits)
{
    return (struct index_limits){
        .memory = limits->index_memory,
        .max_keys = limits->max_keys ? limits->max_keys : 1,
        .max_entities = limits->max_entities,
        .families_max = limits->families_max,
    };
}

struct hub *hub_new(const struct hub_options *options)
{
    struct hub *hub = mem_new(sizeof *hub);
    struct index_limits limits = index_limits(&options->limits);
    hub->epoch = options->epoch;
    hub->batch_ms = options->limits.batch_ms;
    hub->cut = BUF_INIT(KEY_MAX);
    index_init(&hub->index, &limits, options->seed);
    hub->index.now = 1;
    notices_init(&hub->notices, options->limits.notice_memory, options->limits.notices);
    hold_init(&hub->hold, options->limits.held_max, options->seed);
    return hub;
}

void hub_free(struct hub *hub)
{
    if (!hub)
        return;
    notices_free(&hub->notices);
    index_free(&hub->index);
    hold_free(&hub->hold);
    buf_free(&hub->cut);
    free(hub);
}

void hub_keep_family(struct hub *hub, struct str family)
{
    if (scope_is_family(family) && family.n <= INDEX_NAME_MAX)
        index_keep_family(&hub->index, family);
}

uint64_t hub_epoch(const struct hub *hub)
{
    return hub->epoch;
}

uint64_t hub_sequence(const struct hub *hub)
{
    return hub->sequence;
}

uint64_t hub_ticked(const struct hub *hub)
{
    return hub->ticked;
}

/* ---- writing ---- */

void state_fit(struct hub *hub)
{
    /* Without a mark left only notices keep entries alive. */
    while (index_memory(&hub->index) > hub->index.limits.memory)
        if (!index_evict(&hub->index) && !notices_drop(&hub->notices, &hub->index))
            break;
}

void hub_begin(struct hub *hub, uint64_t now)
{
    CHECK(!hub->open);
    hub->open = true;
    hub->now = now;
    hub->index.now = hub->sequence + 1;
    hub->index.laid = false;
}

bool hub_open(const struct hub *hub)
{
    return hub->open;
}

uint64_t hub_commit(struct hub *hub)
{
    CHECK(hub->open);
    hub->open = false;
    if (hub->index.laid) {
        hub->sequence++;
        hub->transactions++;
    }
    hub->index.laid = false;
    hub->index.now = hub->sequence + 1;
    return hub->sequence;
}

/* A scope that is longer than any that a client may ask for has no subscriber. */
static bool is_name(struct str scope)
{
    return scope.n > 0 &&
           scope.n <= (scope_is_family(scope) ? (size_t)INDEX_NAME_MAX : (size_t)SCOPE_MAX);
}

static void lay(void *ctx, struct str scope, struct str key)
{
    struct hub *hub = ctx;
    hub->laid++;
    index_mark(&hub->index, scope, key);
    state_fit(hub);
}

void hub_mark(struct hub *hub, struct str scope, struct str key, uint64_t at_most_ms)
{
    CHECK(hub->open);
    if (!is_name(scope))
        return;
    if (key.n > KEY_MAX) {
        buf_clear(&hub->cut);
        key_cut(&hub->cut, key);
        key = buf_slice(&hub->cut);
    }
    if (at_most_ms && !str_equal(key, KEY_ALL) &&
        !hold_pass(&hub->hold, scope, key, at_most_ms, hub->now))
        return;
    lay(hub, scope, key);
}

void hub_entity(struct hub *hub, struct str scope, const struct hub_entity *entity)
{
    CHECK(hub->open);
    if (!is_name(scope) || scope_is_family(scope))
        return;
    entities_mark(&hub->index, scope, entity);
    state_fit(hub);
}

void hub_notice(struct hub *hub, struct str scope, struct str type, struct str data, struct buf *id)
{
    CHECK(hub->open);
    if (!is_name(scope) || scope_is_family(scope) || type.n > UINT32_MAX || data.n > UINT32_MAX)
        return;
    char text[POSITION_TEXT_MAX + 1];
    struct buf own = BUF_FIXED(text);
    position_write(&own, (struct position){.epoch = hub->epoch});
    buf_cut(&own, own.len - 1);
    buf_byte(&own, 'n'); /* tells it from a position */
    buf_u64(&own, hub->notices.last + 1);
    if (id)
        buf_str(id, buf_slice(&own));
    notices_add(&hub->notices, &hub->index, scope, buf_slice(&own), type, data);
    state_fit(hub);
}

void hub_set_limits(struct hub *hub, const struct hub_limits *limits)
{
    CHECK(!hub->open);
    struct index *index = &hub->index;
    hub->batch_ms = limits->batch_ms;
    index->limits = index_limits(limits);
    hub->notices.memory_max = limits->notice_memory;
    hub->notices.per_scope = limits->notices;
    hub_begin(hub, hub->now);
    hold_set_max(&hub->hold, limits->held_max, lay, hub);
    size_t cursor = 0;
    struct dict_node *node = dict_next(&index->entries, &cursor, NULL);
    for (; node; node = dict_next(&index->entries, &cursor, node)) {
        struct entry *entry = (struct entry *)node;
        if (entry->keys.live > index->limits.max_keys)
            index_widen(index, entry);
        if (entry->extra && entry->extra->entities.live > index->limits.max_entities) {
            entities_trim(index, entry);
            index_idle(index, entry);
        }
    }
    notices_trim(&hub->notices, index);
    state_fit(hub);
    hub_commit(hub);
}

/* ---- ticks ---- */

/* When the window of the last tick ends. */
static uint64_t window_end(const struct hub *hub)
{
    if (!hub->ever_ticked)
        return 0;
    return hub->batch_ms > UINT64_MAX - hub->last_tick ? UINT64_MAX
                                                       : hub->last_tick + hub->batch_ms;
}

uint64_t hub_due(const struct hub *hub, uint64_t now)
{
    if (hub->open)
        return UINT64_MAX;
    uint64_t due = hub->sequence > hub->ticked ? window_end(hub) : UINT64_MAX;
    uint64_t held = hold_due(&hub->hold);
    if (held < due)
        due = held;
    return due <= now ? 0 : due;
}

bool hub_tick(struct hub *hub, uint64_t now,
              void (*each)(void *ctx, struct str scope, uint64_t previous), void *ctx)
{
    CHECK(!hub->open);
    if (hold_due(&hub->hold) <= now) {
        hub_begin(hub, now);
        hold_lay(&hub->hold, now, lay, hub);
        hub_commit(hub);
    }
    if (hub->sequence == hub->ticked || now < window_end(hub))
        return false;
    if (each)
        LIST_EACH (node, &hub->index.dirty)
            each(ctx, entry_name(LIST_ITEM(node, struct entry, dirty)), hub->ticked);
    index_clean(&hub->index);
    hub->ticked = hub->sequence;
    hub->last_tick = now;
    hub->ever_ticked = true;
    hub->ticks++;
    return true;
}

void hub_lay_held(struct hub *hub, uint64_t now)
{
    hub_begin(hub, now);
    hold_lay_all(&hub->hold, lay, hub);
    hub_commit(hub);
}

/* ---- reading ---- */

static bool is_after(const struct notice *notice, uint64_t P, const struct hub_reader *reader)
{
    return notice->position > P && notice->number > reader->notice_after;
}

static void read_notices(const struct extra *extra, uint64_t P, const struct hub_reader *reader,
                         size_t *n)
{
    /* A full ring is mostly old, so what is new is found from its end. */
    const struct list *old = extra->notices.prev;
    while (old != &extra->notices && is_after(LIST_ITEM(old, struct notice, in_ring), P, reader))
        old = old->prev;
    for (const struct list *node = old->next; node != &extra->notices; node = node->next) {
        const struct notice *notice = LIST_ITEM(node, struct notice, in_ring);
        if (notice->position > reader->notice_until && reader->notice_until)
            break;
        struct hub_notice told = {
            .number = notice->number,
            .position = notice->position,
            .id = {.p = notice->text, .n = notice->id},
            .type = {.p = notice->text + notice->id, .n = notice->type},
            .data = {.p = notice->text + notice->id + notice->type, .n = notice->data},
        };
        ++*n;
        if (!reader->notice(reader->ctx, &told))
            break;
    }
}

/* Whether somebody at P may have missed something of this scope that is no longer there. */
static bool missed(const struct hub *hub, const struct entry *entry, struct str scope, uint64_t P,
                   bool entities, uint64_t notice_after)
{
    if (P > hub->sequence)
        return true;
    if (!entry)
        return P < hub->index.global_floor && !scope_is_family(scope);
    if (P < entry->floor)
        return true;
    const struct extra *extra = entry->extra;
    if (!extra)
        return false;
    return (entities && P < extra->entity_floor) ||
           (P < extra->notice_floor && notice_after < extra->notice_number);
}

enum { LINE = 64 };

/* A mark is two lines of memory that nobody has looked at for long: the next few are fetched
 * while one is told. */
static void fetch(const struct mark *mark)
{
    __builtin_prefetch(mark);
    __builtin_prefetch((const void *)((uintptr_t)mark + LINE));
}

static size_t read_keys(const struct entry *entry, uint64_t P, const struct hub_reader *reader)
{
    enum { AHEAD = 6 };
    const struct row *row = &entry->keys;
    size_t n = 0;
    for (uint32_t i = row->len, k = 0; i-- > row->first && k < AHEAD; k++)
        fetch(row->slots[i]);
    for (uint32_t i = row->len; i-- > row->first;) {
        const struct mark *mark = row->slots[i];
        if (i >= row->first + AHEAD)
            fetch(row->slots[i - AHEAD]);
        if (!mark)
            continue;
        if (mark->position <= P)
            break;
        n++;
        if (reader->key)
            reader->key(reader->ctx, mark_text(mark));
    }
    return n;
}

enum hub_answer hub_since(struct hub *hub, struct str scope, uint64_t P,
                          const struct hub_reader *reader)
{
    const struct entry *entry = index_find(&hub->index, scope);
    size_t n = 0, n_notices = 0;
    bool reset = missed(hub, entry, scope, P, reader->entities, reader->notice_after);
    if (entry && !reset) {
        n = read_keys(entry, P, reader);
        if (reader->entity)
            n += entities_after(entry, P, reader->entities, reader->entity, reader->ctx);
    }
    if (entry && entry->extra && reader->notice)
        read_notices(entry->extra, P, reader, &n_notices);
    return reset ? HUB_RESET : n + n_notices ? HUB_KEYS : HUB_NOTHING;
}

static enum hub_answer standing(struct hub *hub, struct str scope, uint64_t P, bool entities)
{
    const struct entry *entry = index_find(&hub->index, scope);
    if (missed(hub, entry, scope, P, entities, 0))
        return HUB_RESET;
    if (!entry)
        return HUB_NOTHING;
    const struct hub_reader nobody = {.entities = entities};
    const struct extra *extra = entry->extra;
    bool notices = extra && extra->n_notices &&
                   LIST_ITEM(extra->notices.prev, struct notice, in_ring)->position > P;
    return notices || read_keys(entry, P, &nobody) || entities_after(entry, P, entities, NULL, NULL)
               ? HUB_KEYS
               : HUB_NOTHING;
}

enum hub_answer hub_standing(struct hub *hub, struct str scope, uint64_t P, bool entities)
{
    char name[INDEX_NAME_MAX];
    struct buf family = BUF_FIXED(name);
    scope_family(&family, scope);
    enum hub_answer answer = standing(hub, scope, P, entities);
    enum hub_answer above =
        family.overflow ? HUB_NOTHING : standing(hub, buf_slice(&family), P, entities);
    enum hub_answer every = standing(hub, SCOPE_EVERY, P, entities);
    answer = above > answer ? above : answer;
    return every > answer ? every : answer;
}

uint64_t hub_notice_lost(struct hub *hub, struct str scope)
{
    const struct entry *entry = index_find(&hub->index, scope);
    return entry && entry->extra ? entry->extra->notice_number : hub->index.freed_notice;
}

/* ---- looking ---- */

void hub_stats(const struct hub *hub, struct hub_stats *stats)
{
    const struct index *index = &hub->index;
    *stats = (struct hub_stats){
        .scopes = index->entries.count - index->n_families,
        .families = index->n_families,
        .marks = index->n_keys,
        .entities = index->n_entities,
        .notices = hub->notices.count,
        .held = hub->hold.waiting,
        .index_memory = index_memory(index),
        .notice_memory = hub->notices.memory,
        .evicted = index->evicted,
        .widened = index->widened,
        .notices_dropped = hub->notices.dropped,
        .resets = index->resets,
        .ticks = hub->ticks,
        .transactions = hub->transactions,
        .laid = hub->laid,
        .global_floor = index->global_floor,
    };
}

void hub_each_scope(const struct hub *hub,
                    void (*each)(void *ctx, struct str scope, size_t marks, uint64_t floor,
                                 uint64_t newest),
                    void *ctx)
{
    size_t cursor = 0;
    const struct dict_node *node = dict_next(&hub->index.entries, &cursor, NULL);
    for (; node; node = dict_next(&hub->index.entries, &cursor, node)) {
        const struct entry *entry = (const struct entry *)node;
        const struct row *row = &entry->keys;
        uint64_t newest = row->len ? row->slots[row->len - 1]->position : entry->floor;
        each(ctx, entry_name(entry), row->live, entry->floor, newest);
    }
}
