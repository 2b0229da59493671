#include "source/pg_asker.h"

#include "base/mem.h"
#include "source/pg_rolls.h"
#include "source/pg_visible.h"

#include <stdlib.h>

enum { AGAIN_MS = 20 };

struct pg_asker {
    struct pg_asker_options options;
    struct pg_rolls *rolls;
    struct pg_side *side;
    struct pg_visible *unseen; /* of what was handed on */
    struct list questions;     /* that of `asked` is the first */
    bool asked, as_text;       /* the first one's query is under way */
    PGresult *result;          /* its answer, which waits for the stream … */
    uint64_t fence;            /* … to come to here, if there is a fence */
    uv_timer_t timer;
    unsigned handles;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

static struct roll_question *first(const struct pg_asker *asker)
{
    return LIST_ITEM(asker->questions.next, struct roll_question, node);
}

static void answer(struct pg_asker *asker, const struct roll_answer *said)
{
    struct roll_question *question = first(asker);
    list_remove(&question->node);
    asker->as_text = false;
    asker->options.answered(asker->options.ctx, question, said);
}

static void drop(struct pg_asker *asker)
{
    PQclear(asker->result);
    asker->result = NULL;
}

static void go_on(struct pg_asker *asker);

static void on_timer(uv_timer_t *timer)
{
    go_on(timer->data);
}

static void later(struct pg_asker *asker)
{
    uv_timer_start(&asker->timer, on_timer, AGAIN_MS, 0);
}

/* The stream is at or behind the answer's end of the WAL. True: it was answered. */
static bool give(struct pg_asker *asker)
{
    struct pg_rolls_found found;
    uint64_t lsn = 0;
    struct roll_question *question = first(asker);
    if (!pg_rolls_read(asker->rolls, asker->result, question->user, &found)) {
        const struct roll_answer none = {.ok = false, .why = "the server answers something else"};
        drop(asker);
        answer(asker, &none);
        return true;
    }
    if (asker->options.fence && found.standby) {
        const struct roll_answer none = {
            .ok = false, .why = "a standby answers: give the address of the primary"};
        drop(asker);
        answer(asker, &none);
        return true;
    }
    if (!asker->options.reached(asker->options.ctx, &lsn) ||
        lsn < (asker->options.fence ? asker->fence : found.lsn))
        return false;
    bool sees = pg_visible_see(asker->unseen, found.snapshot, UINT64_MAX) &&
                pg_visible_left(asker->unseen) == 0;
    drop(asker);
    if (!sees) {
        later(asker);
        return false;
    }
    found.answer.exact = !asker->options.fence;
    answer(asker, &found.answer);
    return true;
}

static void on_answer(void *ctx, const PGresult *result);

static void ask(struct pg_asker *asker)
{
    const char *values[ROLLS_MAX];
    struct roll_question *question = first(asker);
    char *user = mem_copy(question->user.p, question->user.n);
    for (size_t i = 0; i < ROLLS_MAX; i++)
        values[i] = user;
    asker->asked = true;
    pg_side_ask(asker->side, pg_rolls_sql(asker->rolls, asker->as_text),
                pg_rolls_parameters(asker->rolls), values, on_answer, asker);
    free(user);
}

static void go_on(struct pg_asker *asker)
{
    uint64_t lsn;
    while (!list_empty(&asker->questions) && !asker->asked) {
        if (asker->result && !give(asker))
            return;
        if (list_empty(&asker->questions) || asker->result)
            continue;
        if (uv_is_active((uv_handle_t *)&asker->timer) || !pg_side_ready(asker->side) ||
            !asker->options.reached(asker->options.ctx, &lsn))
            return;
        ask(asker);
    }
}

static void on_answer(void *ctx, const PGresult *result)
{
    struct pg_asker *asker = ctx;
    asker->asked = false;
    if (!result || list_empty(&asker->questions)) {
        later(asker); /* the connection was lost; it comes back */
    } else if (PQresultStatus(result) == PGRES_TUPLES_OK) {
        asker->result = PQcopyResult(result, PG_COPYRES_ATTRS | PG_COPYRES_TUPLES);
        if (asker->options.fence)
            asker->fence = asker->options.fence(asker->options.ctx);
    } else if (!asker->as_text && pg_rolls_is_mistyped(result)) {
        asker->as_text = true;
    } else {
        struct err why = ERR_INIT;
        const struct roll_answer refused = {.ok = false, .why = why.text};
        err_set(&why, "%s", PQresultErrorMessage(result));
        answer(asker, &refused);
    }
    go_on(asker);
}

void pg_asker_look(struct pg_asker *asker)
{
    if (!list_empty(&asker->questions) && !asker->asked)
        go_on(asker);
}

void pg_asker_ask(struct pg_asker *asker, struct roll_question *question)
{
    list_push_back(&asker->questions, &question->node);
    /* Not from inside: whoever asks may be in a transaction, and whoever answers may not. */
    if (!asker->asked && !asker->result && !uv_is_active((uv_handle_t *)&asker->timer))
        uv_timer_start(&asker->timer, on_timer, 0, 0);
}

void pg_asker_commit(struct pg_asker *asker, uint32_t xid, uint64_t end)
{
    if (xid)
        pg_visible_add(asker->unseen, xid, end);
}

bool pg_asker_knows(const struct pg_asker *asker, struct str table)
{
    const struct rolls *rolls = pg_rolls_all(asker->rolls);
    for (size_t i = 0; i < rolls->n; i++)
        if (str_equal(rolls->items[i].table, table))
            return true;
    return false;
}

static void on_up(void *ctx, struct pg_side *side)
{
    pg_asker_look(ctx);
}

static void on_down(void *ctx, struct pg_side *side, const char *why)
{
    /* The source says of its own connections what there is to be said. */
}

struct pg_asker *pg_asker_new(const struct pg_asker_options *options)
{
    struct pg_asker *asker = mem_new(sizeof *asker);
    asker->options = *options;
    asker->rolls = pg_rolls_new(options->rolls);
    asker->unseen = pg_visible_new();
    list_init(&asker->questions);
    uv_timer_init(options->loop, &asker->timer);
    asker->timer.data = asker;
    const struct pg_side_options side = {.loop = options->loop,
                                         .target = options->target,
                                         .timeout_ms = options->timeout_ms,
                                         .ctx = asker,
                                         .up = on_up,
                                         .down = on_down};
    asker->side = pg_side_new(&side);
    asker->handles = 2;
    return asker;
}

static void one_closed(struct pg_asker *asker)
{
    if (--asker->handles > 0)
        return;
    asker->closed(asker->closed_ctx);
    pg_rolls_free(asker->rolls);
    pg_visible_free(asker->unseen);
    free(asker);
}

static void on_timer_closed(uv_handle_t *handle)
{
    one_closed(handle->data);
}

static void on_side_closed(void *ctx)
{
    one_closed(ctx);
}

void pg_asker_close(struct pg_asker *asker, void (*closed)(void *ctx), void *ctx)
{
    const struct roll_answer refused = {.ok = false, .why = "the source stops"};
    asker->closed = closed;
    asker->closed_ctx = ctx;
    drop(asker);
    pg_side_close(asker->side, on_side_closed, asker);
    uv_close((uv_handle_t *)&asker->timer, on_timer_closed);
    while (!list_empty(&asker->questions))
        answer(asker, &refused);
}
