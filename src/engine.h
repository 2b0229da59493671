/* engine: the hub's thread at work: changes of all sources go through the rules into the hub,
 * ticks leave when they are due.
 *
 * Thread: the loop's. One transaction is open in the hub at a time; a source that finds another
 * one open waits and is resumed, publishes wait in a queue (bounded by the delivery threads). */
#pragma once

#include "base/log.h"
#include "delivery/exchange.h"
#include "hub/hub.h"
#include "rules/rules.h"
#include "source/source.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct engine;

/* Who must hear of changes besides the rules: live membership (members.h). All, or nobody. */
struct engine_listener {
    void *ctx;
    /* Of a source, inside of its transaction. True: the table is known there. */
    bool (*change)(void *ctx, const struct change *change);
    void (*gap)(void *ctx, struct str resource);
    void (*current)(void *ctx, struct source *source, bool current);
    void (*answered)(void *ctx, struct source *source, struct roll_question *question,
                     const struct roll_answer *answer);
    /* No transaction is open. `all`: everything that was committed is ticked, or is with the tick
     * that follows at once. */
    void (*flush)(void *ctx, bool all);
};

struct engine_options {
    uv_loop_t *loop;
    struct hub *hub;
    const struct rules *rules;
    struct exchange *exchange;
    const struct log *log;
    struct hash_seed seed;
    void *ctx;
    /* The publish's answer goes back to its thread; owns the mail. */
    void (*published)(void *ctx, struct mail_publish *publish);
    /* All that a turn of the loop had to say is posted: now the threads may be woken. */
    void (*turned)(void *ctx);
    struct engine_listener listener;
};

struct engine *engine_new(const struct engine_options *options);
/* What sources are made with. Lives as long as the engine. */
const struct source_sink *engine_sink(const struct engine *engine);
/* A source that was made with the sink; it is not current until it says so. */
void engine_add(struct engine *engine, struct source *source);
/* `to` takes over what was said of `from`, which has stopped: its counts, and whether it is
 * current, until it says otherwise. */
void engine_replace(struct engine *engine, const struct source *from, struct source *to);
/* Somebody reads rows and no keys (a dialect): marks that a publisher names himself leave a mark
 * without a row, so that he is reset. */
void engine_tell_rows(struct engine *engine, bool tell);
/* From the next change on; no transaction of a source may be open. */
void engine_set_rules(struct engine *engine, const struct rules *rules);

/* Unix ms from a clock that never goes back. */
uint64_t engine_now(const struct engine *engine);
/* Takes the mail. */
void engine_publish(struct engine *engine, struct mail_publish *publish);
/* Everything that one loop turn brought is in: cut the ticks that are due. Called by the engine
 * itself before and after the loop waits; by others after they changed what is due. */
void engine_pump(struct engine *engine);
/* [] for everybody, because of `reason`. */
void engine_reset_all(struct engine *engine, const char *reason);
/* An orderly stop: what is open is committed, held keys are laid, everything is ticked. */
void engine_flush(struct engine *engine);
/* Takes its handles off the loop; engine_free after they are closed. */
void engine_close(struct engine *engine);
void engine_free(struct engine *engine);

struct engine_source_state {
    const char *name;
    const char *kind;
    bool current;
    bool ready;      /* current, or not for long: within the source's patience */
    const char *why; /* why not, or "" */
    uint64_t changes, transactions, gaps;
    uint64_t unseen;    /* marks that were told before readers could see, not yet told again */
    uint64_t told_late; /* times that a tick left before everything in it was visible */
    size_t n_numbers;   /* its own */
    struct source_number numbers[SOURCE_NUMBERS_MAX];
};

struct engine_stats {
    uint64_t publishes, published_changes, published_marks, published_notices, publish_errors,
        unmatched;
    size_t n_sources;
    bool current; /* all of them */
    bool ready;   /* all of them */
};
void engine_stats(const struct engine *engine, struct engine_stats *stats);
struct engine_source_state engine_source(const struct engine *engine, size_t index);
