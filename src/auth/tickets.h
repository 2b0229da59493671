/* tickets: one-time passes that the application's backend asks for and a page spends in a URL.
 *
 * Whoever may publish gives a document ({sub, scopes, exp}, as the callback answers it) and gets
 * 256 random bits; whoever shows them first, on whichever thread, gets the document. Kept is their
 * hash: what is read from this memory opens nothing.
 *
 * Why a lock, where everything else between threads is a message: "once" has to be decided in one
 * place, before the stream opens. Bound: `max` tickets, one more is refused. Thread: any. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum { TICKETS_DOCUMENT_MAX = 16 * 1024 };

struct tickets;

struct tickets_stats {
    uint64_t issued, used, refused; /* refused: unknown, used before, too late */
    uint64_t open;
};

struct tickets *tickets_new(void);
void tickets_free(struct tickets *tickets);

/* Appends the ticket's text. `now`: milliseconds of any clock that only goes on. False: there are
 * `max` already. */
bool tickets_issue(struct tickets *tickets, struct str document, uint64_t now, uint64_t ttl_ms,
                   unsigned max, struct buf *ticket);
/* Takes it: appends the document. False: there is no such ticket (any more). */
bool tickets_take(struct tickets *tickets, struct str ticket, uint64_t now, struct buf *document);
void tickets_stats(struct tickets *tickets, struct tickets_stats *stats);
