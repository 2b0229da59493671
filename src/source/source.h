/* source: where changes come from. One interface; each source is a small
 * explicit state machine in a file of its own.
 *
 * Thread: the hub's; everything happens on its loop, nothing blocks it for long.
 *
 * Order of calls into the sink: for each transaction begin, change..., commit,
 * nothing else in between; begin may be refused while another source's
 * transaction is open, and the source is then called with `resume`.
 *
 * Visible: a database may announce a commit that its readers cannot see yet. A source that has
 * `settle` is asked before a tick leaves with what it committed, and answers with `settled`; until
 * then it begins no transaction. Where it cannot say "visible" in time, the tick leaves all the
 * same, what was in it is kept, and laid once more when the source says `seen`.
 *
 * Truth: a source that cannot prove that it missed nothing calls `gap` before it
 * hands on anything newer; starting without a proof is a gap too. While it is not
 * capturing it says current(false). It starts as not current. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "model/change.h"
#include "model/roll.h"
#include "wire/publish.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct source;

struct source_sink {
    void *ctx;
    /* Opens a transaction; false: wait for `resume`. */
    bool (*begin)(void *ctx, struct source *source);
    void (*change)(void *ctx, struct source *source, const struct change *change);
    void (*commit)(void *ctx, struct source *source);
    /* What this source covers (one resource, or all where `resource` is empty) may have
     * changed unseen: [] goes on its families. Inside or outside of a transaction. */
    void (*gap)(void *ctx, struct source *source, struct str resource, const char *reason);
    /* Idempotent. `why` is a sentence for the log and /readyz, with what to do. */
    void (*current)(void *ctx, struct source *source, bool current, const char *why);
    /* What the application published inside its own transaction. Inside of begin and commit only.
     * False with a sentence, and nothing is laid, where a change has no rule. */
    bool (*publish)(void *ctx, struct source *source, const struct publish *publish,
                    struct err *err);
    /* The answer to `settle`, at once or later: whether readers see everything that was committed
     * to the sink. What they do not see is kept until `seen`. */
    void (*settled)(void *ctx, struct source *source, bool visible);
    /* Readers see now all that was kept. */
    void (*seen)(void *ctx, struct source *source);
    /* The answer to `ask`; the question is the asker's again. Outside of begin and commit. */
    void (*answered)(void *ctx, struct source *source, struct roll_question *question,
                     const struct roll_answer *answer);
};

/* A number for /metrics. */
struct source_number {
    const char *name; /* "unstale_postgres_retained_bytes" */
    const char *help;
    bool counter;
    uint64_t value;
};
enum { SOURCE_NUMBERS_MAX = 16 };

struct source_ops {
    const char *kind; /* "sqlite" */
    /* `cursor` is what `cursor` wrote at the last orderly stop, or empty. A source that cannot
     * reach its database yet still starts: it says so by current(false) and tries again. False only
     * where trying again cannot help (the configuration is wrong). */
    bool (*start)(struct source *source, struct str cursor, struct err *err);
    void (*resume)(struct source *source);
    /* Opaque text from which the next process can prove that it misses nothing. False: it cannot.
     */
    bool (*cursor)(struct source *source, struct buf *out);
    /* Stops; calls `done` once, later or at once, when no handle is left on the loop. */
    void (*stop)(struct source *source, void (*done)(void *ctx), void *ctx);
    void (*free)(struct source *source); /* after stop */
    /* NULL: what is committed to the sink is visible to every reader. */
    void (*settle)(struct source *source);
    /* NULL: it has none. Fills at most SOURCE_NUMBERS_MAX, returns how many. */
    size_t (*numbers)(const struct source *source, struct source_number *out);
    /* NULL: it cannot be asked. Who may read what, by the rolls that it was made with; answered
     * once, later, when it can be: at the latest when the source stops. It is never answered from
     * a state whose changes may not all be captured. */
    void (*ask)(struct source *source, struct roll_question *question);
};

struct source_said {
    bool any, current;
    char why[ERR_MAX];
};

/* First member of every source. */
struct source {
    const struct source_ops *ops;
    struct source_sink sink;
    const char *name; /* for logs and metrics: "sqlite ./app.db"; owned by the source */
    /* So long /readyz stays ready while a source that was current is not; pages are told at once.
     */
    uint64_t patience_ms;
    struct source_said said; /* of source_say */
};

/* What sources say of themselves, formatted; the same twice in a row is said once. */
void source_say(struct source *source, bool current, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void source_gap(struct source *source, struct str resource, const char *reason);
