/* hub: what is stale, since when, for whom. The staleness index, the order of
 * positions, ticks, notices, held keys, and the answers of catch-up rounds.
 *
 * Pure: no clock (time is an argument, Unix ms, never goes back), no socket, no
 * thread. One owner, one thread: the hub's.
 *
 * What always holds (H = hub_sequence, T = hub_ticked, T <= H):
 *  1. hub_since(scope, P) covers every key marked in `scope` at a position > P,
 *     and exactly those when nothing was widened, cut or evicted.
 *  2. An answer is [] whenever P is below the scope's floor, of another epoch or
 *     above H. It is never exact when something may be missing.
 *  3. A mark's position is that of the last transaction that laid it. Marking a
 *     key again moves it, it does not grow the index.
 *  4. Positions are handed out in order, one a transaction that laid anything.
 *     A tick never cuts a transaction.
 *  5. index memory (scopes, marks, entity marks, tables) <= index_memory, notice rings <=
 *     notice_memory, held keys <= held_max: past a bound the oldest goes and a floor rises.
 *     Families (the configured ones, families_max others and "*") are never freed; with a bound
 *     that leaves room for nothing else every mark is a reset of its scope's family.
 *  6. [] on a scope drops the scope's other marks and entity marks; [] on a
 *     family drops only the family's own. [] is never held.
 *  7. No entity mark and no notice is ever laid in a family.
 *
 * Costs: hub_mark one hash of the key and a scan over four bytes for each key of the scope
 * (200: some 20 ns), no allocation for a known one; hub_since O(keys in the answer) + one look-up;
 * eviction O(1) a mark; widening O(max_keys log max_keys), at most once in max_keys/4 insertions
 * of a scope. Nothing pauses to move all scopes. bench/index.c measures.
 *
 * The index itself is hub/index.h, entity marks hub/entities.h, widening hub/widen.c, rings
 * hub/notices.h, held keys hub/hold.h, saving hub/snapshot.c, catching up hub/round.h. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/str.h"
#include "model/position.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hub;

struct hub_limits {
    size_t index_memory;
    size_t notice_memory;
    unsigned max_keys;     /* per scope */
    unsigned max_entities; /* per scope */
    unsigned notices;      /* per scope */
    unsigned held_max;     /* keys that wait for their at_most */
    unsigned families_max; /* families beyond the configured ones; more go to "*" */
    uint64_t batch_ms;     /* ticks are at least this far apart */
};

struct hub_options {
    struct hub_limits limits;
    uint64_t epoch;        /* 64 random bits, from the caller */
    struct hash_seed seed; /* likewise */
};

struct hub *hub_new(const struct hub_options *options);
void hub_free(struct hub *hub);
/* Applies to what is laid from now on; what is over a lower bound goes at once. */
void hub_set_limits(struct hub *hub, const struct hub_limits *limits);
/* A family of a configured scope template: never freed, not counted in families_max. */
void hub_keep_family(struct hub *hub, struct str family);

uint64_t hub_epoch(const struct hub *hub);
/* The newest committed position, and that of the last tick. */
uint64_t hub_sequence(const struct hub *hub);
uint64_t hub_ticked(const struct hub *hub);

/* ---- writing: one transaction is open at a time ---- */

void hub_begin(struct hub *hub, uint64_t now);
bool hub_open(const struct hub *hub);
/* `scope` may be a family. `key` is canonical (model/key.h) and of any length.
 * at_most_ms > 0: at most one mark of this key in that time; an earlier one waits. */
void hub_mark(struct hub *hub, struct str scope, struct str key, uint64_t at_most_ms);

struct hub_entity {
    struct str name; /* resource on the wire */
    struct str id;   /* JSON, or empty */
    struct str action;
    struct str data; /* canonical JSON object, or empty; above 1 kB it is dropped */
    bool has_data;   /* of a rule with `data:` */
};
void hub_entity(struct hub *hub, struct str scope, const struct hub_entity *entity);

/* The id text of the notice (unique over all epochs) is written to `id` unless that is NULL.
 * Nothing happens when the scope is a family or longer than SCOPE_MAX: nobody could be told. */
void hub_notice(struct hub *hub, struct str scope, struct str type, struct str data,
                struct buf *id);
/* The position of the transaction; the last one when it laid nothing. */
uint64_t hub_commit(struct hub *hub);

/* ---- ticks ---- */

/* When hub_tick next has something to do (a window's end, a held key that is
 * due): Unix ms, UINT64_MAX for never, 0 for now. */
uint64_t hub_due(const struct hub *hub, uint64_t now);
/* Lays held keys that are due, then, if a tick is due, cuts it: calls `each` for every
 * scope and family that was touched since the last tick, then moves hub_ticked to
 * hub_sequence. Inside `each` the caller asks hub_since(scope, previous). False when no
 * tick was due. Never while a transaction is open. */
bool hub_tick(struct hub *hub, uint64_t now,
              void (*each)(void *ctx, struct str scope, uint64_t previous), void *ctx);
/* Lays all held keys now: an orderly stop. */
void hub_lay_held(struct hub *hub, uint64_t now);

/* ---- reading ---- */

enum hub_answer { HUB_NOTHING, HUB_KEYS, HUB_RESET };

struct hub_notice {
    uint64_t number;   /* rises by one a notice, over all scopes */
    uint64_t position; /* of its transaction */
    struct str id;     /* text */
    struct str type;
    struct str data; /* canonical JSON */
};

/* Slices live until the next write to the hub. Any callback may be NULL. */
struct hub_reader {
    void *ctx;
    void (*key)(void *ctx, struct str key);                     /* newest first */
    void (*entity)(void *ctx, const struct hub_entity *entity); /* oldest first */
    bool (*notice)(void *ctx, const struct hub_notice *notice); /* in order; false stops */
    uint64_t notice_after; /* notices with a number up to this one were sent already */
    uint64_t notice_until; /* notices at later positions are not for now; 0: no bound */
    /* Reads all entity marks, so their floor counts too (dialects, ?changes=1). False:
     * only those of rules with `data:`, and their floor does not matter. */
    bool entities;
};

/* Everything of this one scope (or family) newer than P; families are asked by
 * their own names. HUB_RESET: only [] (no callback but `notice` is called; notices
 * that are still there are given all the same). HUB_KEYS: `key` was called at least
 * once, or an entity or a notice was. P above H: HUB_RESET. */
enum hub_answer hub_since(struct hub *hub, struct str scope, uint64_t P,
                          const struct hub_reader *reader);
/* HUB_RESET when the scope or one of its families answers [] for P, else HUB_NOTHING or HUB_KEYS.
 */
enum hub_answer hub_standing(struct hub *hub, struct str scope, uint64_t P, bool entities);

/* The number up to which notices of the scope may have been dropped: whoever has not been sent
 * all of them is answered HUB_RESET (a round that was cut between two notices asks this). */
uint64_t hub_notice_lost(struct hub *hub, struct str scope);

/* ---- saving: an orderly stop and start ---- */

/* Index, floors, rings, epoch and sequence. Only after a tick, with nothing held or open. */
bool hub_save(const struct hub *hub, struct buf *out, struct err *err);
/* NULL when the bytes are not whole: the caller starts a new epoch. Limits come from options;
 * the epoch and sequence from the bytes. */
struct hub *hub_load(const struct hub_options *options, struct str bytes, struct err *err);

/* ---- looking ---- */

struct hub_stats {
    size_t scopes, families, marks, entities, notices, held;
    size_t index_memory, notice_memory;
    uint64_t evicted, widened, notices_dropped, resets, ticks, transactions, laid;
    uint64_t global_floor;
};
void hub_stats(const struct hub *hub, struct hub_stats *stats);
/* For /debug/scopes: every scope, in no order. */
void hub_each_scope(const struct hub *hub,
                    void (*each)(void *ctx, struct str scope, size_t marks, uint64_t floor,
                                 uint64_t newest),
                    void *ctx);
