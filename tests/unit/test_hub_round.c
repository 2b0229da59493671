/* Catch-up rounds, step by step. tests/sim/sim_round.c has the chaos. */
#include "hub_probe.h"

#include "hub/round.h"
#include "model/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* A blob takes `room` items; a notice of the type "big" takes all the room there ever is. */
struct blob_writer {
    struct hub *hub;
    unsigned size, room;
    struct buf text;
};

static void take_key(void *ctx, struct str key)
{
    struct blob_writer *w = ctx;
    w->room--;
    buf_printf(&w->text, " %.*s", STR_ARG(key));
}

static bool take_notice(void *ctx, const struct hub_notice *notice)
{
    struct blob_writer *w = ctx;
    unsigned size = str_is(notice->type, "big") ? w->size : 1;
    if (size > w->room)
        return false;
    w->room -= size;
    buf_printf(&w->text, " <%.*s>", STR_ARG(notice->type));
    return true;
}

struct last_taken {
    struct blob_writer *writer;
    uint64_t *number;
    bool full;
};

static bool take_counted(void *ctx, const struct hub_notice *notice)
{
    struct last_taken *last = ctx;
    last->full = !take_notice(last->writer, notice);
    if (!last->full)
        *last->number = notice->number;
    return !last->full;
}

static enum round_took take(void *ctx, const struct round_ask *ask, uint64_t *last_notice)
{
    struct blob_writer *w = ctx;
    if (w->room == 0)
        return ROUND_TOOK_NOTHING;
    buf_printf(&w->text, " %.*s:", STR_ARG(ask->scope));
    if (!ask->only_notices) {
        const struct hub_reader marks = {
            .ctx = w, .key = take_key, .notice_after = ask->notice_after};
        if (hub_since(w->hub, ask->scope, ask->since, &marks) == HUB_RESET) {
            buf_text(&w->text, " reset");
            w->room--;
        }
    }
    struct last_taken last = {.writer = w, .number = last_notice};
    const struct hub_reader notices = {.ctx = &last,
                                       .notice = take_counted,
                                       .notice_after = ask->notice_after,
                                       .notice_until = ask->notice_until};
    hub_since(w->hub, ask->scope, ask->since, &notices);
    return last.full ? ROUND_TOOK_MARKS : ROUND_TOOK_ALL;
}

static const char *step(struct blob_writer *w, struct round *round,
                        const struct round_scope *scopes, size_t n, size_t limit)
{
    buf_clear(&w->text);
    w->room = w->size;
    enum round_step next = round_next(w->hub, round, scopes, n, limit, take, w);
    buf_text(&w->text, next == ROUND_DONE ? " done" : " more");
    buf_byte(&w->text, '\0');
    return w->text.data;
}

static void tell(struct hub *hub, const char *scope, const char *type)
{
    hub_begin(hub, 0);
    hub_notice(hub, str_of(scope), str_of(type), STR("{}"), NULL);
    hub_commit(hub);
}

static void small_answers_share_a_blob(void **state)
{
    struct blob_writer w = {.hub = probe_new(), .size = 10, .text = BUF_INIT(1000)};
    struct round_scope scopes[] = {
        {.name = STR("a:1")}, {.name = STR("b:1")}, {.name = STR("a:*")}};
    struct round round;
    probe_mark(w.hub, "a:1", "['x']");
    probe_mark(w.hub, "b:1", "['y']");
    tell(w.hub, "b:1", "n");
    probe_mark(w.hub, "a:*", "[]");
    probe_tick(w.hub);
    round_start(&round, 0);
    assert_string_equal(step(&w, &round, scopes, 3, 100),
                        " a:1: [\"x\"] b:1: [\"y\"] <n> a:*: reset done");
    assert_int_equal(round.target, 4);
    buf_free(&w.text);
    hub_free(w.hub);
}

static void the_target_is_that_of_the_first_answer(void **state)
{
    struct blob_writer w = {.hub = probe_new(), .size = 1, .text = BUF_INIT(1000)};
    struct round_scope scopes[] = {{.name = STR("a:1")}, {.name = STR("b:1")}};
    struct round round;
    probe_mark(w.hub, "a:1", "['x']");
    round_start(&round, 0);
    probe_tick(w.hub);
    assert_string_equal(step(&w, &round, scopes, 2, 100), " a:1: [\"x\"] more");
    probe_mark(w.hub, "b:1", "['y']");
    probe_mark(w.hub, "a:1", "['z']");
    probe_tick(w.hub);
    assert_string_equal(step(&w, &round, scopes, 2, 100), " b:1: [\"y\"] done");
    assert_int_equal(round.target, 1);
    round_start(&round, round.target);
    assert_string_equal(
        step(&w, &round, &(struct round_scope){.name = STR("a:1"), .since = 1}, 1, 100),
        " a:1: [\"z\"] done");
    assert_int_equal(round.target, 3);
    buf_free(&w.text);
    hub_free(w.hub);
}

static void no_more_scopes_than_the_limit_are_asked_in_one_step(void **state)
{
    struct blob_writer w = {.hub = probe_new(), .size = 10, .text = BUF_INIT(1000)};
    struct round_scope scopes[] = {{.name = STR("a")}, {.name = STR("b")}, {.name = STR("c")}};
    struct round round;
    round_start(&round, 0);
    assert_string_equal(step(&w, &round, scopes, 3, 2), " a: b: more");
    assert_string_equal(step(&w, &round, scopes, 3, 2), " c: done");
    buf_free(&w.text);
    hub_free(w.hub);
}

static void notices_go_on_by_their_number_and_end_at_the_target(void **state)
{
    struct blob_writer w = {.hub = probe_new(), .size = 2, .text = BUF_INIT(1000)};
    struct round_scope scopes[] = {{.name = STR("a:1")}, {.name = STR("b:1")}};
    struct round round;
    tell(w.hub, "b:1", "b1");
    probe_mark(w.hub, "a:1", "['x']");
    tell(w.hub, "a:1", "a1");
    tell(w.hub, "a:1", "a2");
    tell(w.hub, "a:1", "a3");
    probe_tick(w.hub);
    round_start(&round, 0);
    assert_string_equal(step(&w, &round, scopes, 2, 100), " a:1: [\"x\"] <a1> more");
    tell(w.hub, "a:1", "a4");
    probe_tick(w.hub);
    assert_string_equal(step(&w, &round, scopes, 2, 100), " a:1: <a2> <a3> more");
    assert_string_equal(step(&w, &round, scopes, 2, 100), " b:1: <b1> done");
    assert_int_equal(round.target, 5);
    buf_free(&w.text);
    hub_free(w.hub);
}

static struct hub *with_ring(unsigned notices)
{
    struct hub_options options = probe_options();
    options.limits.notices = notices;
    return hub_new(&options);
}

static void what_is_dropped_between_two_blobs_is_answered_by_one_reset(void **state)
{
    struct blob_writer w = {.hub = with_ring(3), .size = 2, .text = BUF_INIT(1000)};
    struct round_scope scope = {.name = STR("a:1")};
    struct round round;
    probe_mark(w.hub, "a:1", "['x']");
    tell(w.hub, "a:1", "a1");
    tell(w.hub, "a:1", "a2");
    tell(w.hub, "a:1", "big");
    probe_tick(w.hub);
    round_start(&round, 0);
    assert_string_equal(step(&w, &round, &scope, 1, 100), " a:1: [\"x\"] <a1> more");
    tell(w.hub, "a:1", "a4");
    tell(w.hub, "a:1", "a5"); /* a2 is gone */
    assert_string_equal(step(&w, &round, &scope, 1, 100), " a:1: reset more");
    assert_string_equal(step(&w, &round, &scope, 1, 100), " a:1: <big> done");
    buf_free(&w.text);
    hub_free(w.hub);
}

static void what_was_sent_may_be_dropped_in_between(void **state)
{
    struct blob_writer w = {.hub = with_ring(3), .size = 2, .text = BUF_INIT(1000)};
    struct round_scope scope = {.name = STR("a:1")};
    struct round round;
    tell(w.hub, "a:1", "a1");
    tell(w.hub, "a:1", "a2");
    tell(w.hub, "a:1", "a3");
    probe_tick(w.hub);
    round_start(&round, 0);
    assert_string_equal(step(&w, &round, &scope, 1, 100), " a:1: <a1> <a2> more");
    tell(w.hub, "a:1", "a4");
    tell(w.hub, "a:1", "a5");
    assert_string_equal(step(&w, &round, &scope, 1, 100), " a:1: <a3> done");
    buf_free(&w.text);
    hub_free(w.hub);
}

static void a_scope_that_is_freed_between_two_blobs_is_reset(void **state)
{
    struct hub_options options = probe_options();
    options.limits.index_memory = 5200;
    options.limits.notice_memory = 400;
    struct blob_writer w = {.hub = hub_new(&options), .size = 1, .text = BUF_INIT(1000)};
    struct round_scope scope = {.name = STR("a:1")};
    struct round round;
    char other[32];
    tell(w.hub, "a:1", "a1");
    tell(w.hub, "a:1", "a2");
    probe_tick(w.hub);
    round_start(&round, 0);
    assert_string_equal(step(&w, &round, &scope, 1, 100), " a:1: <a1> more");
    for (int i = 0; i < 50; i++) {
        sprintf(other, "x:%d", i);
        tell(w.hub, other, "n");
        probe_tick(w.hub);
    }
    assert_true(probe_stats(w.hub).global_floor >= 2);
    assert_string_equal(step(&w, &round, &scope, 1, 100), " a:1: reset done");
    buf_free(&w.text);
    hub_free(w.hub);
}

static void a_position_ahead_of_the_last_tick_is_not_lowered(void **state)
{
    struct blob_writer w = {.hub = probe_new(), .size = 9, .text = BUF_INIT(1000)};
    struct round_scope scope = {.name = STR("a:1"), .since = 2};
    struct round round;
    probe_mark(w.hub, "a:1", "['x']");
    probe_tick(w.hub);
    uint64_t published = probe_mark(w.hub, "a:1", "['y']");
    round_start(&round, published);
    assert_string_equal(step(&w, &round, &scope, 1, 100), " a:1: done");
    assert_int_equal(round.target, published);
    round_start(&round, 7); /* nobody was given that one */
    scope.since = 7;
    assert_string_equal(step(&w, &round, &scope, 1, 100), " a:1: reset done");
    assert_int_equal(round.target, 1);
    buf_free(&w.text);
    hub_free(w.hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_answers_share_a_blob),
        cmocka_unit_test(the_target_is_that_of_the_first_answer),
        cmocka_unit_test(no_more_scopes_than_the_limit_are_asked_in_one_step),
        cmocka_unit_test(notices_go_on_by_their_number_and_end_at_the_target),
        cmocka_unit_test(what_is_dropped_between_two_blobs_is_answered_by_one_reset),
        cmocka_unit_test(what_was_sent_may_be_dropped_in_between),
        cmocka_unit_test(a_scope_that_is_freed_between_two_blobs_is_reset),
        cmocka_unit_test(a_position_ahead_of_the_last_tick_is_not_lowered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
