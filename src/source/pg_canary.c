#include "source/pg_canary.h"

#include "source/pg_text.h"
#include "source/pg_trigger_body.h"

#include <inttypes.h>
#include <string.h>

static const char beginning[] = "{\"v\":1,\"canary\":";

void pg_canary_write(struct pg_canary *canary, struct buf *sql, uint64_t random, uint64_t until)
{
    struct buf json = BUF_INIT(PG_CANARY_MAX);
    buf_printf(&json, "%s\"%016" PRIx64 "\"}", beginning, random);
    memcpy(canary->_text, json.data, json.len);
    canary->_text[json.len] = '\0';
    buf_text(sql, "SELECT pg_catalog.pg_backend_pid(), pg_catalog.pg_notify('" PG_CHANNEL "', ");
    pg_text_string(sql, buf_slice(&json));
    buf_text(sql, ")");
    buf_free(&json);
    canary->_until = until;
}

bool pg_canary_is_one(struct str payload)
{
    return str_starts(payload, str_of(beginning));
}

bool pg_canary_take(struct pg_canary *canary, struct str payload)
{
    if (!canary->_text[0] || !str_is(payload, canary->_text))
        return false;
    canary->_until = 0;
    canary->_text[0] = '\0';
    canary->_came = canary->_sent;
    return true;
}

void pg_canary_forget(struct pg_canary *canary)
{
    canary->_until = 0;
    canary->_sent = canary->_came = canary->_closed = canary->_passed;
}

void pg_canary_expect(struct pg_canary *canary, uint64_t until)
{
    canary->_until = until;
}

bool pg_canary_is_out(const struct pg_canary *canary)
{
    return canary->_until != 0;
}

bool pg_canary_is_missing(const struct pg_canary *canary, uint64_t now)
{
    return canary->_until != 0 && now > canary->_until;
}

uint64_t pg_canary_want(struct pg_canary *canary)
{
    return ++canary->_wanted;
}

bool pg_canary_is_wanted(const struct pg_canary *canary)
{
    return canary->_wanted > canary->_sent && canary->_until == 0;
}

void pg_canary_serve(struct pg_canary *canary)
{
    canary->_sent = canary->_wanted;
}

void pg_canary_close(struct pg_canary *canary)
{
    canary->_closed = canary->_came;
}

void pg_canary_pass(struct pg_canary *canary)
{
    canary->_passed = canary->_closed;
}

uint64_t pg_canary_passed(const struct pg_canary *canary)
{
    return canary->_passed;
}
