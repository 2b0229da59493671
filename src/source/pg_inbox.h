/* pg_inbox: notifications that have come and are not handed on yet, in their order.
 *
 * Whole transactions: what came is `open` until somebody knows that the transaction it belongs to
 * is complete (pg_inbox_close); only closed ones are taken out. Bounded: what is more than fits is
 * forgotten together with all that is in it, and pg_inbox_overrun says so once. Pure. */
#pragma once

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

enum { PG_INBOX_MAX = 16 << 20 }; /* bytes */

struct pg_inbox {
    struct buf _bytes;
    size_t _closed; /* bytes that may be taken */
    size_t _taken;  /* bytes of those that were */
    bool _overrun;
};

void pg_inbox_init(struct pg_inbox *inbox);
void pg_inbox_free(struct pg_inbox *inbox);
/* `tag` is the caller's. */
void pg_inbox_add(struct pg_inbox *inbox, char tag, struct str payload);
/* Everything that is in it belongs to transactions that are complete. */
void pg_inbox_close(struct pg_inbox *inbox);
void pg_inbox_clear(struct pg_inbox *inbox);
bool pg_inbox_has_open(const struct pg_inbox *inbox);
bool pg_inbox_has_closed(const struct pg_inbox *inbox);
/* The next closed one, valid until the next call of any of these; false when there is none. */
bool pg_inbox_take(struct pg_inbox *inbox, char *tag, struct str *payload);
/* Whether some were forgotten since the last time it was asked. */
bool pg_inbox_overrun(struct pg_inbox *inbox);
