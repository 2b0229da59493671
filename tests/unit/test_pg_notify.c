/* Payloads of NOTIFY: JSON in, one line of text for each change out; or the sentence that refuses
 * it. In JSON ' stands for ". */
#include "wire/pg_notify.h"

#include "unit.h"

static void add_value(struct buf *out, struct value value)
{
    if (value.type == VALUE_ABSENT)
        buf_text(out, "-");
    else
        value_write_json(out, value);
}

static void add_change(struct buf *out, const struct change *change)
{
    static const char *const differs[] = {
        [CHANGE_UNKNOWN] = "", [CHANGE_SAME] = "=", [CHANGE_DIFFERENT] = "!"};
    buf_printf(out, "%.*s %s%.*s id=", STR_ARG(change->resource),
               change->action == CHANGE_CUSTOM ? "custom " : "", STR_ARG(change->action_name));
    add_value(out, change->id);
    for (size_t i = 0; i < change->n_fields; i++) {
        buf_printf(out, " %.*s%s:", STR_ARG(change->fields[i].column),
                   differs[change->fields[i].differs]);
        add_value(out, change->fields[i].before);
        buf_byte(out, '>');
        add_value(out, change->fields[i].after);
    }
    buf_text(out, change->sparse ? " sparse;" : ";");
}

static void add_notify(struct buf *out, const struct pg_notify *notify)
{
    if (notify->kind == PG_NOTIFY_CANARY)
        buf_printf(out, "canary %.*s", STR_ARG(notify->canary));
    if (notify->kind == PG_NOTIFY_OVERFLOW)
        buf_printf(out, "overflow %.*s ", STR_ARG(notify->error));
    for (size_t i = 0; i < notify->n; i++)
        add_change(out, &notify->changes[i]);
}

typedef bool parser(struct str payload, struct arena *arena, struct pg_notify *out,
                    struct err *err);

static void expect(parser *parse, const char *json, const char *expected)
{
    struct arena arena;
    struct pg_notify notify;
    struct err err = ERR_INIT;
    struct buf text = BUF_INIT(1 << 20), out = BUF_INIT(1 << 20);
    arena_init(&arena, 1 << 20);
    for (const char *c = json; *c; c++)
        buf_byte(&text, *c == '\'' ? '"' : *c);
    bool ok = parse(buf_slice(&text), &arena, &notify, &err);
    buf_free(&text); /* nothing may point there */
    if (ok)
        add_notify(&out, &notify);
    else
        buf_printf(&out, "error: %s", err.text);
    assert_text(buf_slice(&out), expected);
    buf_free(&out);
    arena_free(&arena);
}

static void ours(const char *json, const char *expected)
{
    expect(pg_notify_parse, json, expected);
}

static void foreign(const char *json, const char *expected)
{
    expect(pg_notify_parse_foreign, json, expected);
}

static void inserts_and_deletes_have_one_side(void **state)
{
    ours("{'v':1,'table':'tasks','op':'insert','columns':['id','project_id'],'key':['id'],"
         "'rows':[[7,42],[8,null]]}",
         "tasks created id=7 id:->7 project_id:->42;tasks created id=8 id:->8 project_id:->null;");
    ours("{'v':1,'table':'tasks','op':'delete','columns':['project_id'],'rows':[['a'],[true]]}",
         "tasks deleted id=- project_id:\"a\">-;tasks deleted id=- project_id:true>-;");
    ours("{'v':1,'table':'t','op':'insert','columns':[],'rows':[[]]}", "t created id=-;");
    ours("{'v':1,'table':'t','op':'insert','columns':['j','r'],'rows':[[{'b':1,'a':[ ]},1.5]]}",
         "t created id=- j:->{\"a\":[],\"b\":1} r:->1.5;");
}

static void an_update_says_what_changed(void **state)
{
    ours("{'v':1,'table':'tasks','op':'update','columns':['id','p'],'key':['id'],"
         "'watched':['title','status'],'rows':[[[7,1],[1]]]}",
         "tasks updated id=7 id:7>7 p:1>1 title=:->- status!:->-;");
}

static void a_row_that_moves_has_both_sides(void **state)
{
    ours("{'v':1,'table':'tasks','op':'update','columns':['id','p'],'key':['id'],"
         "'watched':['p'],'rows':[[[7,1],[7,2],[0]]]}",
         "tasks updated id=7 id:7>7 p!:1>2;");
}

static void another_key_is_another_row(void **state)
{
    ours("{'v':1,'table':'t','op':'update','columns':['id'],'key':['id'],'watched':['x'],"
         "'rows':[[[1],[2],[]],[[3],null,[]],[null,[4],[]]]}",
         "t deleted id=1 id:1>-;t created id=2 id:->2;t deleted id=3 id:3>-;t created id=4 "
         "id:->4;");
}

static void several_columns_are_a_list_as_id(void **state)
{
    ours("{'v':1,'table':'t','op':'delete','columns':['x','b','a'],'key':['a','b'],"
         "'rows':[[0,'B',1]]}",
         "t deleted id=[1,\"B\"] x:0>- b:\"B\">- a:1>-;");
}

static void a_touched_row_may_have_changed_in_any_way(void **state)
{
    ours("{'v':1,'table':'t','op':'touch','columns':['p'],'watched':['s'],'rows':[[1]]}",
         "t updated id=- p!:1>1 s!:->-;");
}

static void what_is_too_much_is_the_whole_table(void **state)
{
    ours("{'v':1,'table':'t','op':'truncate'}", "t truncated id=-;");
    ours("{'v':1,'table':'t','op':'overflow'}", "overflow  t truncated id=-;");
    ours("{'v':1,'table':'t','op':'overflow','error':'42703'}", "overflow 42703 t truncated id=-;");
    ours("{'v':1,'canary':'c0ffee'}", "canary c0ffee");
}

static void refuses_what_is_not_ours(void **state)
{
    ours("", "error: it is not JSON: '[' or '{' expected near end of file");
    ours("[]", "error: it is not an object");
    ours("{}", "error: \"v\" must be 1");
    ours("{'v':2,'canary':'x'}", "error: \"v\" must be 1");
    ours("{'v':1}", "error: \"table\" must be text of 1 to 256 bytes");
    ours("{'v':1,'canary':7}", "error: \"canary\" must be text of 1 to 64 bytes");
    ours("{'v':1,'table':'t','op':'drop'}", "error: \"op\" may not be \"drop\"");
    ours("{'v':1,'table':'t','op':'insert'}", "error: \"rows\" must be a list");
    ours("{'v':1,'table':'t','op':'insert','columns':['a'],'rows':[[1,2]]}",
         "error: row 0: a row must be a list of 1 values");
    ours("{'v':1,'table':'t','op':'insert','columns':['a'],'rows':[null]}",
         "error: row 0: a row may not be null");
    ours("{'v':1,'table':'t','op':'insert','columns':[1],'rows':[]}",
         "error: \"columns\" must be a list of names");
    ours("{'v':1,'table':'t','op':'insert','columns':['a'],'key':['b'],'rows':[]}",
         "error: \"key\" names \"b\", which is not among \"columns\"");
    ours("{'v':1,'table':'t','op':'update','columns':['a'],'watched':['x'],'rows':[[[1],[1]]]}",
         "error: row 0: what changed must be a list of places in \"watched\"");
    ours("{'v':1,'table':'t','op':'update','columns':['a'],'watched':['x'],'rows':[[[1],[-1]]]}",
         "error: row 0: what changed must be a list of places in \"watched\"");
    ours("{'v':1,'table':'t','op':'update','columns':['a'],'rows':[[null,null,[]]]}",
         "error: row 0: a row of an update must have values");
    ours("{'v':1,'table':'t','op':'update','columns':['a'],'rows':[[1]]}",
         "error: row 0: a row of an update must be a list of 2 or 3");
    /* Rounded it would be the id of another row. */
    ours("{'v':1,'table':'t','op':'insert','columns':['a'],'rows':[[99999999999999999999]]}",
         "error: it is not JSON: too big integer near '99999999999999999999'");
}

static void understands_a_trigger_of_somebody_else(void **state)
{
    foreign("{'resource':'task','id':'t1','action':'UPDATE','project_id':'p1',"
            "'timestamp':'2026-01-01T00:00:00Z'}",
            "task updated id=\"t1\" project_id:->\"p1\" sparse;");
    foreign("{'resource':'project_members','action':'INSERT','project_id':42}",
            "project_members created id=- project_id:->42 sparse;");
    foreign("{'resource':'task','id':7,'action':'delete','project_id':'p1'}",
            "task deleted id=7 project_id:\"p1\">- sparse;");
    foreign("{'resource':'task','id':null,'action':'archived','meta':{'a':1}}",
            "task custom archived id=- sparse;");
    foreign("{'resource':'task','action':'TRUNCATE','project_id':'p1'}",
            "task truncated id=- sparse;");
    foreign("{'resource':'task','action':'created'}", "task created id=- sparse;");
}

static void refuses_what_a_foreign_trigger_may_not_say(void **state)
{
    foreign("{'action':'UPDATE'}", "error: \"resource\" must be text of 1 to 256 bytes");
    foreign("{'resource':'task'}", "error: \"action\" must be text of 1 to 64 bytes");
    foreign("{'resource':'task','action':'UPDATE','id':[1]}",
            "error: \"id\" must be text or a number");
    foreign("task 7", "error: it is not JSON: '[' or '{' expected near 'task'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inserts_and_deletes_have_one_side),
        cmocka_unit_test(an_update_says_what_changed),
        cmocka_unit_test(a_row_that_moves_has_both_sides),
        cmocka_unit_test(another_key_is_another_row),
        cmocka_unit_test(several_columns_are_a_list_as_id),
        cmocka_unit_test(a_touched_row_may_have_changed_in_any_way),
        cmocka_unit_test(what_is_too_much_is_the_whole_table),
        cmocka_unit_test(refuses_what_is_not_ours),
        cmocka_unit_test(understands_a_trigger_of_somebody_else),
        cmocka_unit_test(refuses_what_a_foreign_trigger_may_not_say),
    };
    return cmocka_run_group_tests_name("pg_notify", tests, NULL, NULL);
}
