/* round: how one subscriber that is behind catches up.
 *
 * The rules (DESIGN 4.2):
 *  1. A round starts at its first scope; the cursor means nothing outside of its round.
 *  2. The target is the last tick when the round is first answered, and stays.
 *  3. Scope by scope everything after P is sent: marks newer than the target too (they only
 *     come again), notices up to the target (so that each comes once). What does not fit into
 *     one blob goes on in the next; a scope's marks are never split.
 *  4. After the last scope the target is granted, never more. It is above P whenever a tick
 *     was after P, however much is marked meanwhile: a round sees each scope once.
 *
 * Pure; the hub's thread. The round itself is a few words that belong to the subscriber and
 * may travel between threads with its questions. */
#pragma once

#include "base/str.h"
#include "hub/hub.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct round {
    uint64_t from;   /* P */
    uint64_t target; /* T, once `answered` */
    uint64_t notice; /* number of the last notice sent of the scope at the cursor, 0: none */
    unsigned cursor; /* the scopes in front of it are done */
    bool answered;
    bool marked; /* the marks of the scope at the cursor were sent */
};

struct round_scope {
    struct str name;       /* scopes, and each of their families once */
    uint64_t since;        /* usually the round's `from` */
    uint64_t notice_after; /* number of the last notice of it that was sent, usually 0 */
};

/* What the caller is to write into the blob that it is filling. */
struct round_ask {
    struct str scope;
    uint64_t since;
    uint64_t notice_after, notice_until;
    bool only_notices; /* the marks went with an earlier blob */
};

enum round_took {
    ROUND_TOOK_ALL,     /* all of it, perhaps nothing */
    ROUND_TOOK_NOTHING, /* no room, nothing was written; never the answer for an empty blob */
    ROUND_TOOK_MARKS,   /* marks and perhaps some notices; *last_notice is the last. For an empty
                           blob and only_notices at least one notice */
};

typedef enum round_took round_take(void *ctx, const struct round_ask *ask, uint64_t *last_notice);

enum round_step {
    ROUND_MORE, /* write the blob, then call again with an empty one */
    ROUND_DONE, /* behind this blob `target` is granted */
};

void round_start(struct round *round, uint64_t P);

/* Fills one blob: asks for scope after scope until one does not fit or `limit` scopes were
 * asked (ROUND_MORE, perhaps with an empty blob). `scopes` is the same in every call of a
 * round; whoever subscribes or leaves in between starts another. */
enum round_step round_next(struct hub *hub, struct round *round, const struct round_scope *scopes,
                           size_t n, size_t limit, round_take *take, void *ctx);
