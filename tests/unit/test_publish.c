/* Bodies of the publish API: JSON in, one line of text for each item out; or the sentence that
 * refuses it. */
#include "wire/publish.h"

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
    buf_printf(out, "%.*s %s%.*s id=", STR_ARG(change->resource),
               change->action == CHANGE_CUSTOM ? "custom " : "", STR_ARG(change->action_name));
    add_value(out, change->id);
    for (size_t i = 0; i < change->n_fields; i++) {
        buf_printf(out, " %.*s:", STR_ARG(change->fields[i].column));
        add_value(out, change->fields[i].before);
        buf_byte(out, '>');
        add_value(out, change->fields[i].after);
    }
    if (change->data.n)
        buf_printf(out, " data=%.*s", STR_ARG(change->data));
    assert_true(change->sparse);
}

static void add_item(struct buf *out, const struct publish_item *item)
{
    switch (item->kind) {
    case PUBLISH_CHANGE:
        add_change(out, &item->change);
        break;
    case PUBLISH_MARKS:
        buf_printf(out, "marks %.*s", STR_ARG(item->marks.scope));
        for (size_t i = 0; i < item->marks.n; i++)
            buf_printf(out, " %.*s", STR_ARG(item->marks.keys[i]));
        break;
    case PUBLISH_NOTICE:
        buf_printf(out, "notice %.*s %.*s %.*s", STR_ARG(item->notice.scope),
                   STR_ARG(item->notice.type), STR_ARG(item->notice.data));
        break;
    }
    buf_text(out, ";");
}

/* `json` is written with ' for ". */
static void parse(enum publish_body body, const char *json, size_t memory, struct buf *out)
{
    struct arena arena;
    struct publish publish;
    struct err err = ERR_INIT;
    struct buf text = BUF_INIT(1 << 22);
    arena_init(&arena, memory);
    for (const char *c = json; *c; c++)
        buf_byte(&text, *c == '\'' ? '"' : *c);
    bool ok = publish_parse(body, buf_slice(&text), &arena, &publish, &err);
    buf_free(&text); /* nothing may point there */
    if (!ok)
        buf_printf(out, "error: %s", err.text);
    for (size_t i = 0; ok && i < publish.n; i++)
        add_item(out, &publish.items[i]);
    arena_free(&arena);
}

static void expect(enum publish_body body, const char *json, const char *expected)
{
    struct buf out = BUF_INIT(1 << 20);
    parse(body, json, 1 << 20, &out);
    assert_text(buf_slice(&out), expected);
    buf_free(&out);
}

static void changes(const char *json, const char *expected)
{
    expect(PUBLISH_CHANGES, json, expected);
}

static void notices(const char *json, const char *expected)
{
    expect(PUBLISH_NOTICES, json, expected);
}

static void takes_changes(void **state)
{
    changes("{'resource':'tasks','action':'created'}", "tasks created id=-;");
    changes("{'action':'deleted','resource':'r','id':'r1','old':{'a':1}}",
            "r deleted id=\"r1\" a:1>-;");
    changes("{'resource':'r','action':'archived','id':7}", "r custom archived id=7;");
    changes("{'resource':'r','action':'truncated'}", "r truncated id=-;");
    changes("{'resource':'r','action':'updated','id':2.5,'new':{},'old':{}}", "r updated id=2.5;");
}

static void joins_old_and_new_columns(void **state)
{
    changes("{'resource':'r','action':'updated','old':{'a':1,'b':'x'},'new':{'a':2,'c':null}}",
            "r updated id=- a:1>2 b:\"x\">- c:->null;");
    changes("{'resource':'r','action':'updated',"
            "'new':{'t':true,'f':1.5,'j':{'y':[1],'x':null},'l':[],'s':'\\u0000\\u00e9'}}",
            "r updated id=- t:->true f:->1.5 j:->{\"x\":null,\"y\":[1]} l:->[] "
            "s:->\"\\u0000\xc3\xa9\";");
}

static void carries_data_as_canonical_text(void **state)
{
    changes("{'resource':'r','action':'updated','data':{'b':1.0,'a':[ ]}}",
            "r updated id=- data={\"a\":[],\"b\":1};");
    changes("{'resource':'r','action':'updated','data':[]}",
            "error: item 0: \"data\": must be an object");
}

static void takes_marks(void **state)
{
    changes("{'scope':'project:42','keys':[['tasks', 'list', '42'],[],[['a'],{'c':1,'b':2}]]}",
            "marks project:42 [\"tasks\",\"list\",\"42\"] [] [[\"a\"],{\"b\":2,\"c\":1}];");
    changes("{'scope':'project:*','keys':[['a']]}", "marks project:* [\"a\"];");
    changes("{'scope':'*','keys':[[]]}", "marks * [];");
    changes("{'scope':'all','keys':[]}", "marks all;");
    changes("{'scope':'all','keys':[[9007199254740993]]}", "marks all [\"9007199254740993\"];");
}

static void takes_notices(void **state)
{
    notices("{'scope':'user:7','type':'job_completion','data':{'b':1,'a':2}}",
            "notice user:7 job_completion {\"a\":2,\"b\":1};");
    notices("{'scope':'user:7','type':'x'}", "notice user:7 x null;");
    notices("{'scope':'user:7','type':'x','data':5}", "notice user:7 x 5;");
}

static void takes_arrays_of_any_length(void **state)
{
    changes("[]", "");
    changes(" [ ] ", "");
    changes("\n[ {'resource':'r','action':'created'} , {'scope':'a','keys':[]}\t]\r\n",
            "r created id=-;marks a;");
    struct buf json = BUF_INIT(1 << 20), expected = BUF_INIT(1 << 20);
    buf_byte(&json, '[');
    for (unsigned i = 0; i < 1000; i++) {
        buf_printf(&json, "%s{'scope':'a','keys':[[%u,'\xc3\xa9']]}", i ? "," : "", i);
        buf_printf(&expected, "marks a [%u,\"\xc3\xa9\"];", i);
    }
    buf_add(&json, "]", 2);
    buf_byte(&expected, '\0');
    changes(json.data, expected.data);
    buf_free(&json);
    buf_free(&expected);
}

static void names_index_and_field_of_an_error(void **state)
{
    changes("[{'resource':'r','action':'created'},{'resource':'r'}]",
            "error: item 1: \"action\": missing");
    changes("{'action':'created'}", "error: item 0: \"resource\": missing");
    changes("{}", "error: item 0: \"resource\": missing");
    changes("{'resource':1,'action':'x'}", "error: item 0: \"resource\": must be text");
    changes("{'resource':'','action':'x'}", "error: item 0: \"resource\": may not be empty");
    changes("{'resource':'r','action':'a\\nb'}",
            "error: item 0: \"action\": may not contain a control character");
    changes("{'resource':'r','action':'x','id':null}",
            "error: item 0: \"id\": must be text or a number");
    changes("{'resource':'r','action':'x','id':[1]}",
            "error: item 0: \"id\": must be text or a number");
    changes("{'resource':'r','action':'x','new':[]}", "error: item 0: \"new\": must be an object");
    changes("{'resource':'r','action':'x','old':7}", "error: item 0: \"old\": must be an object");
    changes("{'resource':'r','action':'truncated','id':1}",
            "error: item 0: \"id\": \"truncated\" is about the whole resource");
    changes("{'scope':'a'}", "error: item 0: \"keys\": missing");
    changes("{'keys':[]}", "error: item 0: \"scope\": missing");
    changes("{'scope':'a','keys':'b'}",
            "error: item 0: \"keys\": must be an array of keys, which are arrays themselves");
    changes("{'scope':'a','keys':[['a'],'b']}", "error: item 0: \"keys\": key 1: must be an array");
    changes("{'scope':'','keys':[]}", "error: item 0: \"scope\": a scope may not be empty");
    notices("{'scope':'project:*','type':'x'}",
            "error: item 0: \"scope\": \"project:*\" is a family of scopes, not a scope");
    notices("{'scope':'a'}", "error: item 0: \"type\": missing");
}

static void says_which_field_was_probably_meant(void **state)
{
    changes("{'resource':'r','acton':'created'}",
            "error: item 0: \"acton\": a change has no such field (did you mean \"action\"?)");
    changes("{'scope':'a','keys':[],'resource':'r'}",
            "error: item 0: \"resource\": a list of marks has no such field");
    notices("{'scope':'a','type':'x','date':1}",
            "error: item 0: \"date\": a notice has no such field (did you mean \"data\"?)");
}

static void checks_the_scopes_of_marks(void **state)
{
    changes("{'scope':'a\\u0001','keys':[]}",
            "error: item 0: \"scope\": a scope may not contain a control character "
            "(byte 2 is 0x01)");
    changes("{'scope':'a\\u0001:*','keys':[]}",
            "error: item 0: \"scope\": a scope may not contain a control character "
            "(byte 2 is 0x01)");
    changes("{'scope':5,'keys':[]}", "error: item 0: \"scope\": must be text");
}

static bool error_contains(enum publish_body body, const char *json, size_t memory,
                           const char *part)
{
    struct buf out = BUF_INIT(1 << 20);
    parse(body, json, memory, &out);
    buf_byte(&out, '\0');
    bool found = strncmp(out.data, "error: ", 7) == 0 && strstr(out.data, part);
    if (!found)
        print_error("%s: %s\n", json, out.data);
    buf_free(&out);
    return found;
}

static void refuses_what_is_not_json(void **state)
{
    static const char *const rows[] = {
        "",
        " ",
        "x",
        "{",
        "{'resource':'r','action':'x'",
        "{'resource':'r','action':'x','resource':'s'}",
        "{'resource':'\xff','action':'x'}",
        "[{'resource':'r','action':'x'},]",
        "{'resource':'r','action':'x','id':99999999999999999999}",
        "{'resource':'r','action':'x','id':1e999}",
        "{'resource':'r','action':'x','new':{'a':nan}}",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_true(error_contains(PUBLISH_CHANGES, rows[i], 1 << 20, "item "));
    changes("[{'scope':'a','keys':[]},\n{'scope':\xff}]",
            "error: item 1: unable to decode byte 0xff at byte 35 of the body");
    changes("[1]", "error: item 0: must be an object");
    changes("null", "error: item 0: must be an object");
    changes("[[]]", "error: item 0: must be an object");
    changes("[{'scope':'a','keys':[]} {'scope':'a','keys':[]}]",
            "error: item 1: \",\" or \"]\" must stand in front of it");
    changes("[{'scope':'a','keys':[]}", "error: item 1: \",\" or \"]\" must stand in front of it");
    changes("{'scope':'a','keys':[]} x", "error: there is something behind the end of the body");
    changes("[] []", "error: there is something behind the end of the body");
}

static void nest(struct buf *json, const char *before, unsigned depth, const char *after)
{
    buf_clear(json);
    buf_text(json, before);
    for (unsigned i = 0; i < depth; i++)
        buf_byte(json, '[');
    for (unsigned i = 0; i < depth; i++)
        buf_byte(json, ']');
    buf_add(json, after, strlen(after) + 1);
}

static void refuses_what_is_nested_too_deep(void **state)
{
    struct buf json = BUF_INIT(1 << 20), out = BUF_INIT(1 << 20);
    nest(&json, "{'scope':'a','keys':[", 32, "]}");
    parse(PUBLISH_CHANGES, json.data, 1 << 20, &out);
    assert_true(str_starts(buf_slice(&out), STR("marks a [[")));
    nest(&json, "{'scope':'a','keys':[", 33, "]}");
    assert_true(error_contains(PUBLISH_CHANGES, json.data, 1 << 20, "nested deeper than 32"));
    nest(&json, "{'resource':'r','action':'x','new':{'c':", 33, "}}");
    assert_true(error_contains(PUBLISH_CHANGES, json.data, 1 << 20, "nested deeper than 32"));
    nest(&json, "{'scope':'a','type':'t','data':", 33, "}");
    assert_true(error_contains(PUBLISH_NOTICES, json.data, 1 << 20, "nested deeper than 32"));
    nest(&json, "{'scope':'a','type':'t','data':", 20000, "}");
    assert_true(error_contains(PUBLISH_NOTICES, json.data, 1 << 20, "item 0"));
    buf_free(&json);
    buf_free(&out);
}

static void says_when_it_is_too_large(void **state)
{
    assert_true(error_contains(PUBLISH_CHANGES, "{'scope':'a','keys':[['b']]}", 200, "too large"));
    assert_true(error_contains(PUBLISH_CHANGES, "{'resource':'r','action':'x','new':{'a':1,'b':2}}",
                               400, "too large"));
}

static void keeps_keys_of_any_length(void **state)
{
    struct buf json = BUF_INIT(1 << 20), out = BUF_INIT(1 << 20);
    buf_text(&json, "{'scope':'a','keys':[['");
    for (unsigned i = 0; i < 100000; i++)
        buf_byte(&json, 'k');
    buf_add(&json, "']]}", 5);
    parse(PUBLISH_CHANGES, json.data, 1 << 20, &out);
    assert_int_equal(out.len, strlen("marks a [\"\"];") + 100000);
    buf_free(&json);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_changes),
        cmocka_unit_test(joins_old_and_new_columns),
        cmocka_unit_test(carries_data_as_canonical_text),
        cmocka_unit_test(takes_marks),
        cmocka_unit_test(takes_notices),
        cmocka_unit_test(takes_arrays_of_any_length),
        cmocka_unit_test(names_index_and_field_of_an_error),
        cmocka_unit_test(says_which_field_was_probably_meant),
        cmocka_unit_test(checks_the_scopes_of_marks),
        cmocka_unit_test(refuses_what_is_not_json),
        cmocka_unit_test(refuses_what_is_nested_too_deep),
        cmocka_unit_test(says_when_it_is_too_large),
        cmocka_unit_test(keeps_keys_of_any_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
