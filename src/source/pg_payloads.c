#include "source/pg_payloads.h"

#include "source/pg_trigger_body.h"
#include "wire/pg_notify.h"

enum { PAYLOAD_MEMORY = 4 << 20 };

void pg_payloads_init(struct pg_payloads *payloads)
{
    arena_init(&payloads->_arena, PAYLOAD_MEMORY);
}

void pg_payloads_free(struct pg_payloads *payloads)
{
    arena_free(&payloads->_arena);
}

/* A trigger of somebody else's may call a table as its rule does. */
static struct str table_of(const struct watch *watch, struct str resource)
{
    for (size_t i = 0; i < watch->n_tables; i++)
        if (str_equal(watch->tables[i].table, resource))
            return resource;
    for (size_t i = 0; i < watch->n_tables; i++)
        if (str_equal(watch->tables[i].name, resource))
            return watch->tables[i].table;
    return resource;
}

static void count(struct pg_payloads *payloads, const struct pg_notify *notify)
{
    payloads->_understood++;
    if (notify->kind == PG_NOTIFY_OVERFLOW)
        payloads->_overflows++;
    if (!notify->error.n)
        return;
    payloads->_errors++;
    log_warn(payloads->log, "postgres",
             "%s: the trigger of %.*s failed (SQLSTATE %.*s), so everything in the table is "
             "stale; run: unstale doctor -c CONFIG",
             payloads->source->name, STR_ARG(notify->table), STR_ARG(notify->error));
}

void pg_payloads_hand(struct pg_payloads *payloads, enum pg_payload_of of, struct str payload)
{
    struct source *source = payloads->source;
    bool foreign = of == PG_PAYLOAD_FOREIGN;
    struct pg_notify notify;
    struct err err = ERR_INIT;
    arena_clear(&payloads->_arena);
    bool ok = foreign ? pg_notify_parse_foreign(payload, &payloads->_arena, &notify, &err)
                      : pg_notify_parse(payload, &payloads->_arena, &notify, &err);
    if (!ok) {
        payloads->_refused++;
        log_warn(payloads->log, "postgres",
                 "%s: a notification on the channel %s is not understood: %s", source->name,
                 foreign ? payloads->channel : PG_CHANNEL, err.text);
        source_gap(source, (struct str){0}, "a notification is not understood");
        return;
    }
    count(payloads, &notify);
    for (size_t i = 0; i < notify.n; i++) {
        if (foreign)
            notify.changes[i].resource = table_of(payloads->watch, notify.changes[i].resource);
        source->sink.change(source->sink.ctx, source, &notify.changes[i]);
    }
}

size_t pg_payloads_numbers(const struct pg_payloads *payloads, struct source_number *out)
{
    const struct source_number numbers[] = {
        {"unstale_notify_payloads_total", "Notifications that were understood.", true,
         payloads->_understood},
        {"unstale_notify_overflows_total",
         "Of those, statements with more rows than fit: the whole table is stale.", true,
         payloads->_overflows},
        {"unstale_notify_trigger_errors_total",
         "Of those, triggers that failed (see the log of PostgreSQL).", true, payloads->_errors},
        {"unstale_notify_refused_total", "Notifications that were not understood; each is a reset.",
         true, payloads->_refused},
    };
    enum { N = sizeof numbers / sizeof numbers[0] };
    for (size_t i = 0; i < N; i++)
        out[i] = numbers[i];
    return N;
}
