/* The triggers of capture: notify as text, for catalogs as JSON. What they do in a server is seen
 * in tests/integration/postgres-notify.test.ts. In JSON ' stands for ". */
#include "base/mem.h"
#include "source/pg_inbox.h"
#include "source/pg_text.h"
#include "source/pg_triggers.h"

#include "unit.h"

#include <stdlib.h>

#define COLUMNS \
    "'columns':[{'name':'id','type':'int8','kind':'b'},{'name':'p','type':'uuid','kind':'b'}]"
#define TABLE(oid, root, schema, name, kind, child)                                        \
    "{'oid':" oid ",'root':" root ",'schema':'" schema "','name':'" name "','kind':'" kind \
    "','activity':'','child':" child ",'subscribed':false," COLUMNS                        \
    ",'key':['id'],'triggers':null}"
#define CATALOG(tables) "{'queue':0,'functions':null,'tables':[" tables "]}"

static struct watch_column columns[] = {
    {.name = {"id", 2}, .value = true},
    {.name = {"p", 1}, .value = true, .scope = true, .at = {.line = 7}},
};
static struct watch_table tasks[] = {
    {.table = {"tasks", 5}, .columns = columns, .n_columns = 2, .at = {.line = 5}}};
static struct watch_column renamed[] = {{.name = {"q", 1}, .value = true, .at = {.line = 9}}};
static struct watch_table other_column[] = {
    {.table = {"tasks", 5}, .columns = renamed, .n_columns = 1, .at = {.line = 5}}};

static struct pg_trigger_tables *catalog(const char *json)
{
    struct err err = ERR_INIT;
    struct buf text = BUF_INIT(1 << 20);
    for (const char *c = json; *c; c++)
        buf_byte(&text, *c == '\'' ? '"' : *c);
    struct pg_trigger_tables *tables = pg_trigger_tables_parse(buf_slice(&text), &err);
    buf_free(&text);
    if (!tables)
        print_error("%s\n", err.text);
    return tables;
}

static size_t count(struct str text, const char *piece)
{
    size_t n = 0;
    for (const char *at = text.p;
         (at = memmem(at, (size_t)(text.p + text.n - at), piece, strlen(piece))) != NULL; at++)
        n++;
    return n;
}

static void refused(struct watch_table *rule, const char *json, unsigned line, const char *expected)
{
    const struct watch watch = {.tables = rule, .n_tables = 1};
    struct buf sql = BUF_INIT(1 << 20);
    struct place at = {0};
    struct err err = ERR_INIT;
    struct pg_trigger_tables *tables = catalog(json);
    assert_non_null(tables);
    assert_false(pg_triggers_setup(&watch, tables, true, &sql, &at, &err));
    assert_text(str_of(err.text), expected);
    assert_int_equal(at.line, line);
    struct pg_trigger_verdicts *verdicts = pg_triggers_verify(&watch, tables);
    assert_int_equal(verdicts->n, 1);
    assert_false(verdicts->items[0].covered);
    assert_false(verdicts->items[0].mendable);
    assert_text(verdicts->items[0].problem, expected);
    pg_trigger_verdicts_free(verdicts);
    pg_trigger_tables_free(tables);
    buf_free(&sql);
}

static void a_partitioned_table_has_triggers_on_each_partition(void **state)
{
    const struct watch watch = {.tables = tasks, .n_tables = 1};
    struct buf sql = BUF_INIT(1 << 20);
    struct place at = {0};
    struct err err = ERR_INIT;
    struct pg_trigger_tables *tables =
        catalog(CATALOG(TABLE("1", "1", "public", "tasks", "p",
                              "false") "," TABLE("2", "1", "old \\'er", "tasks_a", "r", "true")));
    assert_non_null(tables);
    assert_true(pg_triggers_setup(&watch, tables, true, &sql, &at, &err));
    assert_int_equal(count(buf_slice(&sql), "CREATE OR REPLACE FUNCTION"), 1);
    assert_int_equal(count(buf_slice(&sql), "CREATE TRIGGER"), 8);
    assert_int_equal(count(buf_slice(&sql), " ON \"old \"\"er\".\"tasks_a\"\n"), 4);
    assert_int_equal(count(buf_slice(&sql), "ENABLE ALWAYS TRIGGER"), 8);
    buf_free(&sql);
    pg_trigger_tables_free(tables);
}

static void with_a_star_every_table_is_told_by_its_key_alone(void **state)
{
    const struct watch watch = {.tables = tasks, .n_tables = 1, .every_table = true};
    struct buf sql = BUF_INIT(1 << 20);
    struct place at = {0};
    struct err err = ERR_INIT;
    struct pg_trigger_tables *tables =
        catalog(CATALOG(TABLE("1", "1", "public", "tasks", "r", "false") "," TABLE(
            "2", "2", "audit", "log", "r", "false") "," TABLE("3", "3", "public", "v", "v",
                                                              "false")));
    assert_non_null(tables);
    assert_true(pg_triggers_setup(&watch, tables, true, &sql, &at, &err));
    assert_int_equal(count(buf_slice(&sql), "CREATE OR REPLACE FUNCTION"), 2);
    assert_true(count(buf_slice(&sql), "\"table\":\"audit.log\",\"op\":\"insert\",\"columns\":"
                                       "[\"id\"]") > 0);
    assert_int_equal(count(buf_slice(&sql), "\"table\":\"v\""), 0);
    buf_free(&sql);
    pg_trigger_tables_free(tables);
}

static void what_cannot_be_followed_is_refused_with_its_line(void **state)
{
    refused(tasks, CATALOG(""), 5, "the database has no table \"tasks\"");
    refused(other_column, CATALOG(TABLE("1", "1", "public", "tasks", "r", "false")), 9,
            "the table \"tasks\" has no column \"q\"");
    refused(tasks, CATALOG(TABLE("1", "1", "public", "tasks", "v", "false")), 5,
            "\"tasks\" is a view; name the tables that it reads");
    refused(tasks, CATALOG(TABLE("1", "1", "public", "tasks", "r", "true")), 5,
            "\"tasks\" is part of another table, and a statement on that one does not fire its "
            "triggers: name the table that it is a part of");
    refused(tasks,
            CATALOG(TABLE("1", "1", "public", "tasks", "p", "false") "," TABLE("2", "1", "public",
                                                                               "far", "f", "true")),
            5,
            "\"tasks\" is a foreign table or has one below it, where PostgreSQL has no triggers of "
            "the kind that is needed: take it out of the rules");
}

static void a_table_that_may_be_elsewhere_is_left_out(void **state)
{
    const struct watch watch = {.tables = tasks, .n_tables = 1};
    struct buf sql = BUF_INIT(1 << 20);
    struct place at = {0};
    struct err err = ERR_INIT;
    struct pg_trigger_tables *tables = catalog(CATALOG(""));
    assert_non_null(tables);
    assert_true(pg_triggers_setup(&watch, tables, false, &sql, &at, &err));
    assert_int_equal(count(buf_slice(&sql), "CREATE TRIGGER"), 0);
    buf_free(&sql);
    pg_trigger_tables_free(tables);
}

static void a_table_without_triggers_can_be_mended(void **state)
{
    const struct watch watch = {.tables = tasks, .n_tables = 1};
    struct pg_trigger_tables *tables =
        catalog(CATALOG(TABLE("1", "1", "public", "tasks", "r", "false")));
    assert_non_null(tables);
    struct pg_trigger_verdicts *verdicts = pg_triggers_verify(&watch, tables);
    assert_true(verdicts->items[0].mendable);
    assert_text(verdicts->items[0].problem, "the table \"tasks\" has no triggers");
    pg_trigger_verdicts_free(verdicts);
    pg_trigger_tables_free(tables);
}

static void an_answer_that_is_none_is_refused(void **state)
{
    static const char *const answers[] = {"",
                                          "[]",
                                          "{}",
                                          "{'tables':7,'functions':null}",
                                          "{'tables':[{}],'functions':null}",
                                          "{'tables':null,'functions':[7]}"};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        assert_null(catalog(answers[i]));
}

static void text_means_the_same_whatever_the_session_says(void **state)
{
    struct buf sql = BUF_INIT(1 << 10);
    pg_text_string(&sql, STR("it's"));
    buf_byte(&sql, ' ');
    pg_text_string(&sql, STR("a\\b'c"));
    buf_byte(&sql, ' ');
    pg_text_body(&sql, STR("x $unstale$ y"));
    assert_text(buf_slice(&sql), "'it''s' E'a\\\\b''c' $unstale_$x $unstale$ y$unstale_$");
    buf_free(&sql);
}

static void only_whole_transactions_leave_the_inbox(void **state)
{
    struct pg_inbox inbox;
    char tag = 0;
    struct str payload = {0};
    pg_inbox_init(&inbox);
    pg_inbox_add(&inbox, 1, STR("one"));
    assert_true(pg_inbox_has_open(&inbox));
    assert_false(pg_inbox_take(&inbox, &tag, &payload));
    pg_inbox_close(&inbox);
    pg_inbox_add(&inbox, 2, STR("two"));
    assert_true(pg_inbox_has_closed(&inbox));
    assert_true(pg_inbox_take(&inbox, &tag, &payload));
    assert_text(payload, "one");
    assert_int_equal(tag, 1);
    assert_false(pg_inbox_take(&inbox, &tag, &payload));
    assert_true(pg_inbox_has_open(&inbox));
    pg_inbox_close(&inbox);
    assert_true(pg_inbox_take(&inbox, &tag, &payload));
    assert_text(payload, "two");
    assert_false(pg_inbox_take(&inbox, &tag, &payload));
    assert_false(pg_inbox_has_open(&inbox));
    pg_inbox_free(&inbox);
}

static void an_inbox_that_is_full_forgets_everything_and_says_so(void **state)
{
    enum { LARGE = 1 << 20 };
    struct pg_inbox inbox;
    char tag;
    struct str payload;
    char *large = mem_new(LARGE);
    pg_inbox_init(&inbox);
    for (int i = 0; i < PG_INBOX_MAX / LARGE; i++) {
        assert_false(pg_inbox_overrun(&inbox));
        pg_inbox_add(&inbox, 0, (struct str){.p = large, .n = LARGE});
        pg_inbox_close(&inbox);
    }
    assert_true(pg_inbox_overrun(&inbox));
    assert_false(pg_inbox_overrun(&inbox));
    assert_false(pg_inbox_take(&inbox, &tag, &payload));
    pg_inbox_free(&inbox);
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_partitioned_table_has_triggers_on_each_partition),
        cmocka_unit_test(with_a_star_every_table_is_told_by_its_key_alone),
        cmocka_unit_test(what_cannot_be_followed_is_refused_with_its_line),
        cmocka_unit_test(a_table_that_may_be_elsewhere_is_left_out),
        cmocka_unit_test(a_table_without_triggers_can_be_mended),
        cmocka_unit_test(an_answer_that_is_none_is_refused),
        cmocka_unit_test(text_means_the_same_whatever_the_session_says),
        cmocka_unit_test(only_whole_transactions_leave_the_inbox),
        cmocka_unit_test(an_inbox_that_is_full_forgets_everything_and_says_so),
    };
    return cmocka_run_group_tests_name("pg_triggers", tests, NULL, NULL);
}
