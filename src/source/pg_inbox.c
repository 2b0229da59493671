#include "source/pg_inbox.h"

/* Of each: its length, its tag, its bytes. */

void pg_inbox_init(struct pg_inbox *inbox)
{
    *inbox = (struct pg_inbox){._bytes = BUF_INIT(PG_INBOX_MAX)};
}

void pg_inbox_free(struct pg_inbox *inbox)
{
    buf_free(&inbox->_bytes);
}

void pg_inbox_clear(struct pg_inbox *inbox)
{
    buf_clear(&inbox->_bytes);
    inbox->_closed = inbox->_taken = 0;
}

void pg_inbox_add(struct pg_inbox *inbox, char tag, struct str payload)
{
    struct buf *bytes = &inbox->_bytes;
    if (bytes->max - bytes->len < sizeof payload.n + 1 + payload.n) {
        pg_inbox_clear(inbox);
        inbox->_overrun = true;
        return;
    }
    buf_add(bytes, &payload.n, sizeof payload.n);
    buf_byte(bytes, tag);
    buf_str(bytes, payload);
}

void pg_inbox_close(struct pg_inbox *inbox)
{
    inbox->_closed = inbox->_bytes.len;
}

bool pg_inbox_has_open(const struct pg_inbox *inbox)
{
    return inbox->_bytes.len > inbox->_closed;
}

bool pg_inbox_has_closed(const struct pg_inbox *inbox)
{
    return inbox->_closed > inbox->_taken;
}

bool pg_inbox_take(struct pg_inbox *inbox, char *tag, struct str *payload)
{
    if (!pg_inbox_has_closed(inbox)) {
        buf_shift(&inbox->_bytes, inbox->_closed);
        inbox->_closed = inbox->_taken = 0;
        return false;
    }
    const char *at = inbox->_bytes.data + inbox->_taken;
    memcpy(&payload->n, at, sizeof payload->n);
    *tag = at[sizeof payload->n];
    payload->p = at + sizeof payload->n + 1;
    inbox->_taken += sizeof payload->n + 1 + payload->n;
    return true;
}

bool pg_inbox_overrun(struct pg_inbox *inbox)
{
    bool overrun = inbox->_overrun;
    inbox->_overrun = false;
    return overrun;
}
