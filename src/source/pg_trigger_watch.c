#include "source/pg_trigger_watch.h"

static const char MENDED[] = "run: unstale setup postgres -c CONFIG --apply";

static bool matters(const struct pg_trigger_watch *watched,
                    const struct pg_trigger_verdict *verdict)
{
    return !verdict->covered && (verdict->exists || watched->alone);
}

static void compare(struct pg_trigger_watch *watched, const struct pg_trigger_verdicts *old)
{
    for (size_t i = 0; i < watched->_verdicts->n; i++) {
        const struct pg_trigger_verdict *verdict = &watched->_verdicts->items[i];
        const struct pg_trigger_verdict *before = pg_trigger_verdicts_find(old, verdict->resource);
        if (!before || before->mark != verdict->mark)
            watched->missed(watched->ctx, verdict->resource,
                            "the table or its triggers were altered");
        else if (!verdict->covered && verdict->activity != before->activity)
            watched->written(watched->ctx, verdict->resource);
    }
    for (size_t i = 0; i < old->n; i++)
        if (!pg_trigger_verdicts_find(watched->_verdicts, old->items[i].resource))
            watched->missed(watched->ctx, old->items[i].resource, "the table is gone");
}

/* Says what is new, and counts. */
static void note(struct pg_trigger_watch *watched, const struct pg_trigger_verdicts *old)
{
    watched->blind = false;
    watched->untold = 0;
    for (size_t i = 0; i < watched->_verdicts->n; i++) {
        const struct pg_trigger_verdict *verdict = &watched->_verdicts->items[i];
        const struct pg_trigger_verdict *before =
            old ? pg_trigger_verdicts_find(old, verdict->resource) : NULL;
        bool news = !before || before->mark != verdict->mark;
        watched->blind = watched->blind || !verdict->covered;
        watched->untold += matters(watched, verdict);
        if (news && verdict->warning.n)
            log_warn(watched->log, "postgres", "%s: %.*s", watched->name,
                     STR_ARG(verdict->warning));
        if (news && matters(watched, verdict))
            log_warn(watched->log, "postgres",
                     "%s: %.*s; its changes are not told, and it is taken as changed whenever rows "
                     "were written; %s",
                     watched->name, STR_ARG(verdict->problem), MENDED);
    }
}

static void note_queue(struct pg_trigger_watch *watched, double queue)
{
    if (queue > 0.5 && watched->queue <= 0.5)
        log_warn(
            watched->log, "postgres",
            "%s: the server's queue of notifications is %.0f %% full; when it is full, commits "
            "fail: some session listens and has had a transaction open for long",
            watched->name, queue * 100);
    watched->queue = queue;
}

void pg_trigger_watch_look(struct pg_trigger_watch *watched, const struct pg_trigger_tables *tables,
                           bool anew)
{
    struct pg_trigger_verdicts *old = watched->_verdicts;
    watched->_verdicts = pg_triggers_verify(watched->watch, tables);
    note_queue(watched, tables->queue);
    note(watched, old);
    if (old && !anew)
        compare(watched, old);
    pg_trigger_verdicts_free(old);
}

bool pg_trigger_watch_stands(const struct pg_trigger_watch *watched, struct err *why)
{
    size_t n = 0;
    struct str problem = {0};
    for (size_t i = 0; watched->_verdicts && i < watched->_verdicts->n; i++) {
        const struct pg_trigger_verdict *verdict = &watched->_verdicts->items[i];
        if (!verdict->ruled || !matters(watched, verdict))
            continue;
        if (n++ == 0)
            problem = verdict->problem;
    }
    return n == 0 || err_set(why, "%.*s%s; %s", STR_ARG(problem),
                             n > 1 ? " (and there is more of that kind)" : "", MENDED);
}

void pg_trigger_watch_free(struct pg_trigger_watch *watched)
{
    pg_trigger_verdicts_free(watched->_verdicts);
    watched->_verdicts = NULL;
}
