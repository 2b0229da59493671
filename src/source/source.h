/* source: where changes come from. One interface; each source is a small
 * explicit state machine in a file of its own.
 *
 * Thread: the hub's; everything happens on its loop, nothing blocks it for long.
 *
 * Order of calls into the sink: for each transaction begin, change..., commit,
 * nothing else in between; begin may be refused while another source's
 * transaction is open, and the source is then called with `resume`.
 *
 * Truth: a source that cannot prove that it missed nothing calls `gap` before it
 * hands on anything newer; starting without a proof is a gap too. While it is not
 * capturing it says current(false). It starts as not current. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "model/change.h"

#include <stdbool.h>

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
};

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
};

/* First member of every source. */
struct source {
    const struct source_ops *ops;
    struct source_sink sink;
    const char *name; /* for logs and metrics: "sqlite ./app.db"; owned by the source */
};
