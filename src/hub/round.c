#include "hub/round.h"

void round_start(struct round *round, uint64_t P)
{
    *round = (struct round){.from = P};
}

static void first_answer(struct hub *hub, struct round *round)
{
    if (round->answered)
        return;
    round->answered = true;
    round->target = hub_ticked(hub);
    /* A position from a publish answer can be ahead of the last tick, never of the hub. */
    if (round->from > round->target && round->from <= hub_sequence(hub))
        round->target = round->from;
}

static void advance(struct round *round)
{
    round->cursor++;
    round->notice = 0;
    round->marked = false;
}

/* Between two blobs notices of the scope may have been dropped that this reader was still to
 * get: then its marks are asked for again, and the answer will be a reset. */
static void look_for_losses(struct hub *hub, struct round *round, struct str scope)
{
    uint64_t lost = hub_notice_lost(hub, scope);
    if (round->marked && lost > round->notice)
        round->marked = false;
}

enum round_step round_next(struct hub *hub, struct round *round, const struct round_scope *scopes,
                           size_t n, size_t limit, round_take *take, void *ctx)
{
    first_answer(hub, round);
    if (round->cursor < n)
        look_for_losses(hub, round, scopes[round->cursor].name);
    for (size_t asked = 0; round->cursor < n; asked++) {
        const struct round_scope *scope = &scopes[round->cursor];
        if (asked == limit)
            return ROUND_MORE;
        if (round->notice < scope->notice_after)
            round->notice = scope->notice_after;
        struct round_ask ask = {
            .scope = scope->name,
            .since = scope->since,
            .notice_after = round->notice,
            .notice_until = round->target,
            .only_notices = round->marked,
        };
        uint64_t lost = hub_notice_lost(hub, scope->name);
        uint64_t last = round->notice;
        switch (take(ctx, &ask, &last)) {
        case ROUND_TOOK_ALL:
            advance(round);
            break;
        case ROUND_TOOK_NOTHING:
            return ROUND_MORE;
        case ROUND_TOOK_MARKS:
            /* Whatever was lost until now was answered with the marks. */
            if (!round->marked)
                last = last > lost ? last : lost;
            round->marked = true;
            round->notice = last;
            return ROUND_MORE;
        }
    }
    return ROUND_DONE;
}
