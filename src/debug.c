#include "debug.h"

#include "base/jsontext.h"
#include "base/list.h"
#include "base/mem.h"

#include <stdlib.h>

enum { ANSWER_MAX = 4 * 1024 * 1024 };

/* One question that is at the delivery threads. */
struct question {
    struct list node;
    uint64_t id, conn;
    unsigned left, shown;
    size_t total;
    struct buf rows;
};

struct debug {
    struct debug_options options;
    struct list questions;
    uint64_t last;
};

struct debug *debug_new(const struct debug_options *options)
{
    struct debug *debug = mem_new(sizeof *debug);
    debug->options = *options;
    list_init(&debug->questions);
    return debug;
}

static void question_free(struct question *question)
{
    list_remove(&question->node);
    buf_free(&question->rows);
    free(question);
}

void debug_free(struct debug *debug)
{
    if (!debug)
        return;
    while (!list_empty(&debug->questions))
        question_free(LIST_ITEM(debug->questions.next, struct question, node));
    free(debug);
}

static void answer(struct debug *debug, uint64_t conn, const char *what, const struct buf *rows,
                   unsigned shown, size_t total)
{
    struct buf json = BUF_INIT(ANSWER_MAX + 256);
    buf_printf(&json, "{\"%s\":[", what);
    buf_str(&json, buf_slice(rows));
    buf_printf(&json, "],\"shown\":%u,\"total\":%zu}\n", shown, total);
    debug->options.answer(debug->options.ctx, conn, 200, buf_slice(&json));
    buf_free(&json);
}

/* ---- scopes ---- */

struct listing {
    struct str wanted;
    struct buf rows;
    unsigned limit, shown;
    size_t total;
    uint64_t epoch;
};

static void write_position(struct buf *out, const char *name, uint64_t epoch, uint64_t sequence)
{
    buf_printf(out, ",\"%s\":\"", name);
    position_write(out, (struct position){.epoch = epoch, .sequence = sequence});
    buf_byte(out, '"');
}

static void list_scope(void *ctx, struct str scope, size_t marks, uint64_t floor, uint64_t newest)
{
    struct listing *listing = ctx;
    if (listing->wanted.n && !str_equal(listing->wanted, scope))
        return;
    listing->total++;
    if (listing->shown == listing->limit)
        return;
    buf_text(&listing->rows, listing->shown++ ? ",{\"scope\":" : "{\"scope\":");
    jsontext_string(&listing->rows, scope);
    buf_printf(&listing->rows, ",\"marks\":%zu", marks);
    write_position(&listing->rows, "newest", listing->epoch, newest);
    write_position(&listing->rows, "floor", listing->epoch, floor);
    buf_byte(&listing->rows, '}');
}

void debug_scopes(struct debug *debug, uint64_t conn, struct str scope, unsigned limit)
{
    struct listing listing = {.wanted = scope,
                              .rows = BUF_INIT(ANSWER_MAX),
                              .limit = limit,
                              .epoch = hub_epoch(debug->options.hub)};
    hub_each_scope(debug->options.hub, list_scope, &listing);
    answer(debug, conn, "scopes", &listing.rows, listing.shown, listing.total);
    buf_free(&listing.rows);
}

/* ---- connections ---- */

/* Of the rows, for each thread. */
static unsigned share(unsigned limit, unsigned worker, const struct debug *debug)
{
    unsigned n = debug->options.workers;
    return limit / n + (worker < limit % n);
}

void debug_connections(struct debug *debug, uint64_t conn, struct str scope, unsigned limit)
{
    struct question *question = mem_new(sizeof *question);
    *question = (struct question){.id = ++debug->last,
                                  .conn = conn,
                                  .left = debug->options.workers,
                                  .rows = BUF_INIT(ANSWER_MAX)};
    list_push_back(&debug->questions, &question->node);
    for (unsigned i = 0; i < debug->options.workers; i++)
        debug->options.send(debug->options.ctx, i,
                            &mail_look_new(question->id, scope, share(limit, i, debug))->mail);
}

static struct question *find(struct debug *debug, uint64_t id)
{
    LIST_EACH (node, &debug->questions) {
        struct question *question = LIST_ITEM(node, struct question, node);
        if (question->id == id)
            return question;
    }
    return NULL;
}

void debug_mail(struct debug *debug, struct mail_look *look)
{
    struct question *question = find(debug, look->id);
    if (question) {
        question->total += look->total;
        if (look->shown > 0) {
            if (question->shown > 0)
                buf_byte(&question->rows, ',');
            buf_str(&question->rows, buf_slice(&look->rows));
            question->shown += look->shown;
        }
        if (--question->left == 0) {
            answer(debug, question->conn, "connections", &question->rows, question->shown,
                   question->total);
            question_free(question);
        }
    }
    mail_look_free(look);
}
