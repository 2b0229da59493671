/* Who may read what, as a script: each line does something, and says behind "->" what comes of it.
 *
 *   join USER N          stream N of USER wants in        leave USER
 *   answer USER SCOPE…   the database's answer            fail USER
 *   stale USER SCOPE…    an answer for some moment since it was asked
 *   touch USER SCOPE     a change of its row              lose USER SCOPE   it was deleted
 *   touch_user, touch_scope, touch_all, retry
 *   take, give           what is taken is told; and what is given
 *   expire               who waits is refused */
#include "unit.h"

#include "auth/membership.h"
#include "base/mem.h"
#include "source/watch.h"

#include <stdlib.h>

enum { TEXT_MAX = 64 * 1024, WORDS_MAX = 16 };

struct waiting {
    struct membership_waiter waiter;
    char name[16];
};

struct play {
    struct membership *membership;
    struct buf said;
    struct list questions;
};

static void say(struct play *play, const char *what, struct str a, struct str b)
{
    buf_printf(&play->said, "%s%s", play->said.len ? "; " : "", what);
    if (a.n)
        buf_printf(&play->said, " %.*s", STR_ARG(a));
    if (b.n)
        buf_printf(&play->said, " %.*s", STR_ARG(b));
}

static void on_ask(void *ctx, struct roll_question *question)
{
    struct play *play = ctx;
    list_push_back(&play->questions, &question->node);
    say(play, "ask", question->user, (struct str){0});
}

static void on_tell(void *ctx, struct str user, struct str scope, enum membership_news news)
{
    say(ctx, membership_news_name(news), user, scope);
}

static int by_text(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    size_t n = x->n < y->n ? x->n : y->n;
    int order = memcmp(x->p, y->p, n);
    return order ? order : x->n < y->n ? -1 : x->n > y->n;
}

static void on_admit(void *ctx, struct membership_waiter *waiter, const struct str *scopes,
                     size_t n)
{
    struct play *play = ctx;
    struct waiting *waiting = (struct waiting *)waiter;
    struct str *sorted = mem_array(n + 1, sizeof *sorted);
    if (n)
        memcpy(sorted, scopes, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_text);
    say(play, "admit", str_of(waiting->name), (struct str){0});
    for (size_t i = 0; i < n; i++)
        buf_printf(&play->said, " %.*s", STR_ARG(sorted[i]));
    free(sorted);
    free(waiting);
}

static void on_refuse(void *ctx, struct membership_waiter *waiter, const char *why)
{
    struct waiting *waiting = (struct waiting *)waiter;
    say(ctx, "refuse", str_of(waiting->name), (struct str){0});
    free(waiting);
}

static struct roll_question *question_of(struct play *play, struct str user)
{
    LIST_EACH (node, &play->questions) {
        struct roll_question *question = LIST_ITEM(node, struct roll_question, node);
        if (str_equal(question->user, user))
            return question;
    }
    fail_msg("nothing was asked about %.*s", STR_ARG(user));
    return NULL;
}

static void act(struct play *play, struct str *words, size_t n)
{
    struct membership *m = play->membership;
    struct str verb = words[0];
    if (str_is(verb, "join")) {
        struct waiting *waiting = mem_new(sizeof *waiting);
        memcpy(waiting->name, words[2].p, words[2].n);
        membership_join(m, words[1], &waiting->waiter);
    } else if (str_is(verb, "leave")) {
        membership_leave(m, words[1]);
    } else if (str_is(verb, "answer") || str_is(verb, "stale") || str_is(verb, "fail")) {
        const struct roll_answer answer = {.ok = !str_is(verb, "fail"),
                                           .exact = str_is(verb, "answer"),
                                           .why = "no",
                                           .scopes = words + 2,
                                           .n = n - 2};
        membership_answer(m, question_of(play, words[1]), &answer);
    } else if (str_is(verb, "touch") || str_is(verb, "lose")) {
        membership_touch(m, words[1], words[2], str_is(verb, "lose"));
    } else if (str_is(verb, "touch_user")) {
        membership_touch_user(m, words[1]);
    } else if (str_is(verb, "touch_scope")) {
        membership_touch_scope(m, words[1]);
    } else if (str_is(verb, "touch_all")) {
        membership_touch_all(m);
    } else if (str_is(verb, "retry")) {
        membership_retry(m);
    } else if (str_is(verb, "expire")) {
        membership_expire(m, 1, "late");
    } else {
        assert_true(str_is(verb, "give") || str_is(verb, "take"));
        membership_flush(m, str_is(verb, "give"));
    }
}

static void play_line(struct play *play, struct str line)
{
    struct str words[WORDS_MAX];
    size_t n = 0, arrow = 0;
    while (arrow + 1 < line.n && memcmp(line.p + arrow, "->", 2) != 0)
        arrow++;
    bool has = arrow + 1 < line.n;
    struct str rest = {.p = line.p, .n = has ? arrow : line.n};
    while (rest.n) {
        size_t end = str_index(rest, ' ');
        if (end)
            words[n++] = (struct str){.p = rest.p, .n = end};
        rest = str_from(rest, end + 1);
    }
    if (n == 0)
        return;
    buf_clear(&play->said);
    act(play, words, n);
    struct str expected = has ? str_from(line, arrow + 2) : (struct str){0};
    while (expected.n && expected.p[0] == ' ')
        expected = str_from(expected, 1);
    if (!str_equal(expected, buf_slice(&play->said)))
        fail_msg("%.*s\n  said: %.*s", STR_ARG(line), STR_ARG(buf_slice(&play->said)));
}

static void plays(const char *script)
{
    struct play play = {.said = BUF_INIT(TEXT_MAX)};
    const struct membership_sink sink = {
        .ctx = &play, .ask = on_ask, .tell = on_tell, .admit = on_admit, .refuse = on_refuse};
    struct str rest = str_of(script);
    list_init(&play.questions);
    play.membership = membership_new(&sink, (struct hash_seed){.k0 = 1, .k1 = 2});
    while (rest.n) {
        size_t end = str_index(rest, '\n');
        play_line(&play, (struct str){.p = rest.p, .n = end});
        rest = str_from(rest, end + 1);
    }
    membership_free(play.membership);
    buf_free(&play.said);
}

static void first_registers_then_asks_then_lets_in(void **state)
{
    plays("join ada 1 -> ask ada\n"
          "give\n" /* nobody is let in before the answer */
          "answer ada p:1 p:2\n"
          "take\n" /* nor before a tick has all that was committed before */
          "give -> admit 1 p:1 p:2\n"
          "join ada 2\n" /* known already: nothing is asked */
          "give -> admit 2 p:1 p:2\n"
          "leave ada\n"
          "leave ada\n"
          "join ada 3 -> ask ada\n"
          "answer ada\n"
          "give -> admit 3\n");
}

static void a_change_between_question_and_answer_asks_again(void **state)
{
    plays("join ada 1 -> ask ada\n"
          "lose ada p:1\n"
          "stale ada p:1 -> ask ada\n"
          "give\n"
          "stale ada\n"
          "give -> admit 1\n"
          /* An answer that speaks for the very moment has it in it. */
          "join eve 2 -> ask eve\n"
          "lose eve p:1\n"
          "answer eve p:2\n"
          "give -> admit 2 p:2\n");
}

static void what_is_lost_is_taken_at_once_and_revoked_by_the_answer(void **state)
{
    plays("join ada 1 -> ask ada\n"
          "answer ada p:1 p:2\n"
          "give -> admit 1 p:1 p:2\n"
          "lose ada p:1 -> ask ada\n"
          "take -> suspended ada p:1\n"
          "stale ada p:2\n"
          "take -> revoked ada p:1\n"
          "give\n"
          /* The answer is there before anything was said: one word is enough. */
          "lose ada p:2 -> ask ada\n"
          "answer ada\n"
          "take -> revoked ada p:2\n");
}

static void what_is_granted_waits_for_the_tick(void **state)
{
    plays("join ada 1 -> ask ada\n"
          "answer ada\n"
          "give -> admit 1\n"
          "touch ada p:7 -> ask ada\n"
          "take\n"
          "answer ada p:7\n"
          "take\n"
          "give -> granted ada p:7\n"
          "give\n");
}

static void a_right_that_never_went_is_resumed_and_one_that_came_back_is_renewed(void **state)
{
    plays("join ada 1 -> ask ada\n"
          "answer ada p:1\n"
          "give -> admit 1 p:1\n"
          /* A role that changed, answered at once: nobody has to know. */
          "touch ada p:1 -> ask ada\n"
          "answer ada p:1\n"
          "give\n"
          "touch ada p:1 -> ask ada\n"
          "take -> suspended ada p:1\n"
          "answer ada p:1\n"
          "take\n"
          "give -> resumed ada p:1\n"
          /* Deleted and inserted again, or another row grants it. */
          "lose ada p:1 -> ask ada\n"
          "touch ada p:1\n"
          "answer ada p:1\n"
          "take -> suspended ada p:1\n"
          "give -> renewed ada p:1\n"
          "give\n");
}

static void given_and_lost_before_the_tick_is_never_told(void **state)
{
    plays("join ada 1 -> ask ada\n"
          "answer ada\n"
          "give -> admit 1\n"
          "touch ada p:1 -> ask ada\n"
          "answer ada p:1\n"
          "take\n"
          "lose ada p:1 -> ask ada\n"
          "take\n"
          "answer ada\n"
          "give\n");
}

static void who_waits_is_let_in_with_what_is_right_at_that_moment(void **state)
{
    plays("join ada 1 -> ask ada\n"
          "answer ada p:1\n"
          "lose ada p:1 -> ask ada\n"
          "give\n" /* suspended: who waits waits on */
          "answer ada\n"
          "give -> admit 1\n");
}

static void a_gap_suspends_everybody_and_asks_about_everybody(void **state)
{
    plays("join ada 1 -> ask ada\n"
          "answer ada p:1\n"
          "give -> admit 1 p:1\n"
          "touch_all -> ask ada\n"
          "take -> suspended ada p:1\n"
          "fail ada\n"
          "give\n"
          "retry -> ask ada\n"
          "retry\n"
          "answer ada p:1 p:2\n"
          "take\n");
}

static void a_scope_whose_member_is_not_known_is_asked_about_for_everybody(void **state)
{
    plays("join ada 1 -> ask ada\n"
          "answer ada p:1 p:2\n"
          "give -> admit 1 p:1 p:2\n"
          "touch_scope p:1 -> ask ada\n"
          "take -> suspended ada p:1\n"
          "answer ada p:1 p:2\n"
          "give -> renewed ada p:1\n"
          "touch_user eve\n"
          "lose eve p:1\n");
}

static void who_cannot_be_answered_in_time_is_refused(void **state)
{
    plays("join ada 1 -> ask ada\n"
          "fail ada\n"
          "expire -> refuse 1\n"
          "retry\n" /* nobody is left */
          "join ada 2 -> ask ada\n"
          "expire -> refuse 2\n"
          "stale ada p:1\n"
          "give\n"
          "join ada 3 -> ask ada\n"
          "answer ada p:1\n"
          "give -> admit 3 p:1\n");
}

/* ---- rolls ---- */

static struct roll members;
static struct template_part parts[] = {{.text = {.p = "p:", .n = 2}},
                                       {.text = {.p = "project", .n = 7}, .is_column = true}};
static struct str roles[] = {{.p = "editor", .n = 6}, {.p = "owner", .n = 5}};
static struct roll_where wheres[] = {
    {.column = {.p = "role", .n = 4}, .values = roles, .n = 2},
    {.column = {.p = "gone", .n = 4}, .null = true},
};

static int set_up(void **state)
{
    static const char *const columns[] = {"member", "project", "role", "gone"};
    members = (struct roll){.text = STR("p:{project}"), .table = STR("members")};
    members.scope = (struct template){.parts = parts, .n = 2};
    members.where = wheres;
    members.n_where = 2;
    for (size_t i = 0; i < 4; i++)
        roll_column(&members, str_of(columns[i]), (struct place){0});
    return 0;
}

static void a_row_grants_where_user_and_conditions_are_met(void **state)
{
    const struct value null = {.type = VALUE_NULL};
    const struct value none = {.type = VALUE_ABSENT};
    const struct {
        const char *user;
        struct value values[4];
        const char *scope;
    } rows[] = {
        {"7", {value_int(7), value_int(42), value_text(STR("owner")), null}, "p:42"},
        {"7",
         {value_text(STR("7")), value_text(STR("a:b*")), value_text(STR("editor")), null},
         "p:a%3Ab%2A"},
        {"07", {value_int(7), value_int(42), value_text(STR("owner")), null}, ""},
        {"7", {value_int(8), value_int(42), value_text(STR("owner")), null}, ""},
        {"", {null, value_int(42), value_text(STR("owner")), null}, ""},
        {"", {none, value_int(42), value_text(STR("owner")), null}, ""},
        {"7", {value_int(7), null, value_text(STR("owner")), null}, ""},
        {"7", {value_int(7), value_text(STR("")), value_text(STR("owner")), null}, ""},
        {"7", {value_int(7), value_int(42), value_text(STR("guest")), null}, ""},
        {"7", {value_int(7), value_int(42), null, null}, ""},
        {"7", {value_int(7), value_int(42), value_text(STR("owner")), value_int(1)}, ""},
        {"7", {value_int(7), value_int(42), value_text(STR("owner")), none}, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf scope = BUF_INIT(SCOPE_MAX + 1);
        bool granted = roll_row(&members, str_of(rows[i].user), rows[i].values, &scope);
        if (granted)
            assert_text(buf_slice(&scope), rows[i].scope);
        assert_int_equal(granted, rows[i].scope[0] != '\0');
        buf_free(&scope);
    }
}

struct touching {
    enum change_action action;
    const char *before[3], *after[3]; /* member, project, role; NULL: absent, "": null */
    const char *touches;
};

static struct value value_of(const char *text)
{
    if (!text)
        return (struct value){.type = VALUE_ABSENT};
    return text[0] ? value_text(str_of(text)) : (struct value){.type = VALUE_NULL};
}

static void assert_touches(const struct touching *touching)
{
    struct change_field fields[4];
    struct roll_touch touches[2];
    struct buf said = BUF_INIT(TEXT_MAX);
    const struct value null = {.type = VALUE_NULL};
    for (size_t i = 0; i < 3; i++)
        fields[i] = (struct change_field){.column = members.columns[i].name,
                                          .before = value_of(touching->before[i]),
                                          .after = value_of(touching->after[i])};
    fields[3] =
        (struct change_field){.column = members.columns[3].name, .before = null, .after = null};
    const struct change change = {
        .resource = STR("members"), .action = touching->action, .fields = fields, .n_fields = 4};
    size_t n = roll_touches(&members, &change, touches);
    for (size_t i = 0; i < n; i++)
        buf_printf(&said, "%s%s %.*s %.*s", i ? ", " : "", touches[i].lost ? "lose" : "touch",
                   STR_ARG(touches[i].any_user ? STR("?") : buf_slice(&touches[i].user)),
                   STR_ARG(touches[i].any_scope ? STR("?") : buf_slice(&touches[i].scope)));
    if (!str_is(buf_slice(&said), touching->touches))
        fail_msg("expected %s\n     got %.*s", touching->touches, STR_ARG(buf_slice(&said)));
    roll_untouch(touches);
    buf_free(&said);
}

static void a_change_touches_the_rights_of_its_rows(void **state)
{
    static const struct touching all[] = {
        {CHANGE_CREATED, {NULL, NULL, NULL}, {"7", "42", "owner"}, "touch 7 p:42"},
        {CHANGE_CREATED, {NULL, NULL, NULL}, {"7", "", "owner"}, ""},
        {CHANGE_CREATED, {NULL, NULL, NULL}, {"", "42", "owner"}, ""},
        {CHANGE_DELETED, {"7", "42", "owner"}, {NULL, NULL, NULL}, "lose 7 p:42"},
        {CHANGE_DELETED, {"7", NULL, NULL}, {NULL, NULL, NULL}, "lose 7 ?"},
        {CHANGE_DELETED, {NULL, "42", NULL}, {NULL, NULL, NULL}, "lose ? p:42"},
        {CHANGE_UPDATED, {"7", "42", "owner"}, {"7", "43", "owner"}, "lose 7 p:42, touch 7 p:43"},
        {CHANGE_UPDATED, {"7", "42", "owner"}, {"8", "42", "owner"}, "lose 7 p:42, touch 8 p:42"},
        {CHANGE_UPDATED, {"7", "42", "owner"}, {"7", "42", "owner"}, ""},
        {CHANGE_UPDATED, {"7", "42", "owner"}, {"7", "42", "editor"}, "touch 7 p:42"},
        {CHANGE_UPDATED, {"7", "42", "owner"}, {"7", "42", "guest"}, "lose 7 p:42"},
        {CHANGE_UPDATED, {"7", "42", "guest"}, {"7", "42", "owner"}, "lose 7 p:42"},
        {CHANGE_UPDATED, {NULL, NULL, NULL}, {"7", "42", "owner"}, "lose ? ?, touch 7 p:42"},
        {CHANGE_TRUNCATED, {NULL, NULL, NULL}, {NULL, NULL, NULL}, "lose ? ?"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_touches(&all[i]);
}

static void a_change_of_another_table_touches_nothing(void **state)
{
    struct roll_touch touches[2];
    const struct change change = {.resource = STR("tasks"), .action = CHANGE_TRUNCATED};
    assert_int_equal(roll_touches(&members, &change, touches), 0);
}

static void the_table_is_watched_with_or_without_a_rule(void **state)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct watch_column role = {.name = STR("role"), .data = true};
    struct watch_table ruled = {
        .table = STR("members"), .name = STR("member"), .columns = &role, .n_columns = 1};
    const struct rolls rolls = {.items = &members, .n = 1};
    struct watch watch = {0};
    assert_true(watch_rolls(&watch, &rolls, &arena));
    assert_int_equal(watch.n_tables, 1);
    assert_int_equal(watch.tables[0].n_columns, 4);
    watch = (struct watch){.tables = &ruled, .n_tables = 1};
    assert_true(watch_rolls(&watch, &rolls, &arena));
    assert_int_equal(watch.n_tables, 1);
    assert_text(watch.tables[0].name, "member");
    assert_int_equal(watch.tables[0].n_columns, 4);
    for (size_t i = 0; i < 4; i++)
        assert_true(watch.tables[0].columns[i].value && watch.tables[0].columns[i].scope &&
                    !watch.tables[0].columns[i].data);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_registers_then_asks_then_lets_in),
        cmocka_unit_test(a_change_between_question_and_answer_asks_again),
        cmocka_unit_test(what_is_lost_is_taken_at_once_and_revoked_by_the_answer),
        cmocka_unit_test(what_is_granted_waits_for_the_tick),
        cmocka_unit_test(a_right_that_never_went_is_resumed_and_one_that_came_back_is_renewed),
        cmocka_unit_test(given_and_lost_before_the_tick_is_never_told),
        cmocka_unit_test(who_waits_is_let_in_with_what_is_right_at_that_moment),
        cmocka_unit_test(a_gap_suspends_everybody_and_asks_about_everybody),
        cmocka_unit_test(a_scope_whose_member_is_not_known_is_asked_about_for_everybody),
        cmocka_unit_test(who_cannot_be_answered_in_time_is_refused),
        cmocka_unit_test(a_row_grants_where_user_and_conditions_are_met),
        cmocka_unit_test(a_change_touches_the_rights_of_its_rows),
        cmocka_unit_test(a_change_of_another_table_touches_nothing),
        cmocka_unit_test(the_table_is_watched_with_or_without_a_rule),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
