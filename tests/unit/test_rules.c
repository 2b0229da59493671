/* What the tables of tests/unit/rules/ cannot say: what a source asks, the hash, places, limits. */
#include "spec_text.h"
#include "unit.h"

#include "model/key.h"
#include "model/scope.h"
#include "model/template.h"
#include "rules/rules.h"

/* JSON with ' for ", so that it can be read here. */
static struct rules *compile(const char *quoted)
{
    struct spec_text_file file;
    struct place at;
    struct err err = ERR_INIT;
    char json[1000];
    snprintf(json, sizeof json, "%s", quoted);
    for (char *quote = json; (quote = strchr(quote, '\''));)
        *quote = '"';
    assert_true(spec_text_parse(&file, str_of(json)));
    struct rules *rules = rules_compile(&file.spec, &at, &err);
    if (!rules)
        fail_msg("column %u: %s", at.column, err.text);
    spec_text_free(&file);
    return rules;
}

/* ---- what a source asks ---- */

static const char *const TASKS =
    "{'tasks': {'id': 'uuid', 'scope': ['project:{project_id}', 'user:{owner}', "
    "'all'],"
    " 'stale': [['tasks', '{id}'], {'key': ['list', '{project_id}'], 'on': "
    "['created'], 'or_changed': ['title', 'owner']}],"
    " 'actions': {'done': {'changed': ['status']}}, 'data': {'state': 'status', "
    "'id': 'id'}},"
    " '*': {'scope': ['admin:{x}'], 'stale': [['{y}']]},"
    " 'users': {'scope': ['u{name}'], 'stale': [['users']]}}";

static void columns_are_told_once_with_what_they_are_needed_for(void **state)
{
    (void)state;
    struct rules *rules = compile(TASKS);
    static const struct {
        const char *name;
        bool value, differs, scope, data;
    } expected[] = {{"uuid", true, false, false, false},      {"status", true, true, false, true},
                    {"project_id", true, false, true, false}, {"owner", true, true, true, false},
                    {"title", false, true, false, false},     {"id", true, false, false, true}};
    struct rules_column columns[10];
    assert_int_equal(rules_columns(rules, STR("tasks"), columns, 10), 6);
    for (size_t i = 0; i < 6; i++) {
        assert_text(columns[i].column, expected[i].name);
        assert_int_equal(columns[i].value, expected[i].value);
        assert_int_equal(columns[i].differs, expected[i].differs);
        assert_int_equal(columns[i].scope, expected[i].scope);
        assert_int_equal(columns[i].data, expected[i].data);
        assert_int_equal(columns[i].at.line, 1);
    }
    assert_int_equal(rules_columns(rules, STR("tasks"), columns, 2), 6);
    assert_int_equal(rules_columns(rules, STR("nobody"), columns, 10), 0);
    assert_text(rules_name(rules, STR("tasks")), "tasks");
    assert_int_equal(rules_columns(rules, STR("*"), columns, 10), 0);
    rules_free(rules);
}

static void ids_are_told_in_their_order(void **state)
{
    (void)state;
    struct rules *rules = compile("{'a': {'id': ['y', 'x'], 'scope': ['s'], 'changes': true},"
                                  " 'b': {'scope': ['s'], 'changes': true}}");
    struct str ids[4];
    assert_int_equal(rules_id_columns(rules, STR("a"), ids, 4), 2);
    assert_text(ids[0], "y");
    assert_text(ids[1], "x");
    assert_int_equal(rules_id_columns(rules, STR("a"), ids, 0), 2);
    assert_int_equal(rules_id_columns(rules, STR("b"), ids, 4), 0);
    rules_free(rules);
}

static void resources_are_told_without_the_wildcard(void **state)
{
    (void)state;
    struct rules *rules = compile(TASKS);
    struct place at = {0};
    assert_int_equal(rules_count(rules), 2);
    assert_true(rules_has_wildcard(rules));
    assert_text(rules_resource(rules, 0, &at), "tasks");
    assert_int_equal(at.column, 2);
    assert_text(rules_resource(rules, 1, NULL), "users");
    assert_int_equal(rules_resource(rules, 2, NULL).n, 0);
    rules_free(rules);
    rules_free(NULL);

    rules = compile("{}");
    assert_int_equal(rules_count(rules), 0);
    assert_false(rules_has_wildcard(rules));
    rules_free(rules);
}

static void add_line(void *ctx, struct str scope)
{
    struct buf *out = ctx;
    buf_str(out, scope);
    buf_byte(out, ' ');
}

static void families_are_as_wide_as_the_templates(void **state)
{
    (void)state;
    struct rules *rules = compile(TASKS);
    struct buf out = BUF_INIT(500);
    rules_families(rules, STR("tasks"), add_line, &out);
    assert_text(buf_slice(&out), "project:* user:* all admin:* ");
    buf_clear(&out);
    rules_families(rules, STR("users"), add_line, &out);
    assert_text(buf_slice(&out), "* admin:* ");
    buf_clear(&out);
    rules_families(rules, STR("others"), add_line, &out);
    assert_text(buf_slice(&out), "admin:* ");
    buf_clear(&out);
    rules_families(rules, (struct str){0}, add_line, &out);
    assert_text(buf_slice(&out), "project:* user:* all admin:* * ");
    buf_free(&out);
    rules_free(rules);
}

/* ---- the hash ---- */

static uint64_t hash_of(const char *json)
{
    struct rules *rules = compile(json);
    uint64_t hash = rules_hash(rules);
    rules_free(rules);
    return hash;
}

static void the_hash_is_the_same_for_rules_that_derive_the_same(void **state)
{
    (void)state;
    const char *base = "{'a': {'scope': ['p:{x}', 'q'], 'stale': [['k', '{y}'], "
                       "['l', {'m': 1, 'n': 2}]],"
                       " 'data': {'u': 'c', 'v': 'd'}}, 'b': {'scope': ['s'], "
                       "'stale': [['t']]}}";
    const char *reordered = "{'b': {'stale': [{'key': ['t']}], 'scope': 's', 'name': 'b'},\n"
                            " 'a': {'stale': [['l', {'n': 2, 'm': 1.0}], ['k', '{y}']], "
                            "'scope': ['q', 'p:{x}'], 'data': {'v': 'd', 'u': 'c'}}}";
    assert_true(hash_of(base) == hash_of(reordered));
    assert_true(hash_of("{}") != hash_of(base));
}

static void the_hash_is_another_one_for_any_difference(void **state)
{
    (void)state;
    static const char *const specs[] = {
        "{}",
        "{'a': {'scope': ['s'], 'stale': [['k']]}}",
        "{'*': {'scope': ['s'], 'stale': [['k']]}}",
        "{'a': {'name': 'b', 'scope': ['s'], 'stale': [['k']]}}",
        "{'a': {'scope': ['s:{x}'], 'stale': [['k']]}}",
        "{'a': {'scope': ['s:{y}'], 'stale': [['k']]}}",
        "{'a': {'scope': ['s:y'], 'stale': [['k']]}}",
        "{'a': {'scope': ['s', 's'], 'stale': [['k']]}}",
        "{'a': {'scope': ['s'], 'stale': [['k'], []]}}",
        "{'a': {'scope': ['s'], 'stale': [[['k']]]}}",
        "{'a': {'scope': ['s'], 'stale': [['k', '{x}']]}}",
        "{'a': {'scope': ['s'], 'stale': [['k', ['{x}']]]}}",
        "{'a': {'scope': ['s'], 'stale': [['k', {'x': '{x}'}]]}}",
        "{'a': {'scope': ['s'], 'stale': [['k', {'y': '{x}'}]]}}",
        "{'a': {'id': 'x', 'scope': ['s'], 'stale': [['k']]}}",
        "{'a': {'scope': ['s'], 'stale': [{'key': ['k'], 'at_most': 1}]}}",
        "{'a': {'scope': ['s'], 'stale': [{'key': ['k'], 'on': ['created']}]}}",
        "{'a': {'scope': ['s'], 'stale': [{'key': ['k'], 'on': ['deleted']}]}}",
        "{'a': {'scope': ['s'], 'stale': [{'key': ['k'], 'on': ['archived']}]}}",
        "{'a': {'scope': ['s'], 'stale': [{'key': [], 'on': ['created'], 'or_changed': ['x']}]}}",
        "{'a': {'scope': ['s'], 'stale': [{'key': [], 'on': ['created'], 'or_changed': ['y']}]}}",
        "{'a': {'scope': ['s'], 'stale': [['k']], 'actions': {'d': {'changed': ['x']}}}}",
        "{'a': {'scope': ['s'], 'stale': [['k']], 'actions': {'d': {'changed': ['y']}}}}",
        "{'a': {'scope': ['s'], 'stale': [['k']], 'changes': true}}",
        "{'a': {'scope': ['s'], 'stale': [['k']], 'data': {'x': 'x'}}}",
        "{'a': {'scope': ['s'], 'stale': [['k']], 'data': {'x': 'y'}}}",
        "{'a': {'scope': ['s'], 'stale': [['k']], 'data': {'y': 'x'}}}",
    };
    enum { SPECS = sizeof specs / sizeof specs[0] };
    uint64_t hashes[SPECS];
    for (size_t i = 0; i < SPECS; i++) {
        hashes[i] = hash_of(specs[i]);
        for (size_t j = 0; j < i; j++)
            if (hashes[i] == hashes[j])
                fail_msg("%s and %s have the same hash", specs[i], specs[j]);
    }
}

/* ---- places and limits ---- */

struct last {
    char scope[SCOPE_MAX * 2], key[KEY_MAX * 2];
    size_t scope_length, key_length;
    struct place at[4];
    size_t calls;
};

static void remember(void *ctx, struct str scope, struct str key, uint64_t at_most_ms,
                     struct place rule)
{
    struct last *last = ctx;
    (void)at_most_ms;
    assert_true(last->calls < 4);
    last->at[last->calls++] = rule;
    last->scope_length = scope.n;
    last->key_length = key.n;
    memcpy(last->scope, scope.p, scope.n);
    memcpy(last->key, key.p, key.n);
}

static struct last apply(const struct rules *rules, struct value value)
{
    struct last last = {.calls = 0};
    const struct change_field field = {
        .column = STR("v"), .before = {.type = VALUE_ABSENT}, .after = value};
    const struct change change = {.resource = STR("t"),
                                  .action = CHANGE_CREATED,
                                  .action_name = STR("created"),
                                  .fields = &field,
                                  .n_fields = 1};
    const struct rules_sink sink = {.ctx = &last, .mark = remember};
    assert_true(rules_apply(rules, &change, &sink));
    return last;
}

static void an_answer_names_the_place_of_its_entry(void **state)
{
    (void)state;
    struct rules *rules = compile("{'t': {'scope': ['s'], 'stale': [['a'], {'key': ['b']}]},"
                                  " '*': {'scope': ['s'], 'stale': [['c']]}}");
    struct last last = apply(rules, value_int(1));
    assert_int_equal(last.calls, 3);
    assert_int_equal(last.at[0].column, 34);
    assert_int_equal(last.at[1].column, 41);
    assert_int_equal(last.at[2].column, 91);
    rules_free(rules);
}

static void scopes_and_keys_fill_their_maximum_to_the_last_byte(void **state)
{
    (void)state;
    char text[600];
    memset(text, 'a', sizeof text);
    struct rules *rules = compile("{'t': {'scope': ['p:{v}'], 'stale': [[]]}}");
    struct last last = apply(rules, value_text((struct str){text, SCOPE_MAX - 2}));
    assert_int_equal(last.scope_length, SCOPE_MAX);
    last = apply(rules, value_text((struct str){text, SCOPE_MAX - 1}));
    assert_text(((struct str){last.scope, last.scope_length}), "p:*");
    rules_free(rules);

    rules = compile("{'t': {'scope': ['s'], 'stale': [['t', '{v}']]}}");
    last = apply(rules, value_text((struct str){text, KEY_MAX - 8}));
    assert_int_equal(last.key_length, KEY_MAX);
    assert_true(key_check((struct str){last.key, last.key_length}));
    last = apply(rules, value_text((struct str){text, KEY_MAX - 7}));
    assert_text(((struct str){last.key, last.key_length}), "[\"t\"]");
    rules_free(rules);

    rules = compile("{'t': {'scope': ['s'], 'stale': [['t', '-{v}']]}}");
    last = apply(rules, value_text((struct str){text, KEY_MAX - 9}));
    assert_int_equal(last.key_length, KEY_MAX);
    last = apply(rules, value_text((struct str){text, KEY_MAX - 8}));
    assert_text(((struct str){last.key, last.key_length}), "[\"t\"]");
    rules_free(rules);
}

static void a_rule_names_at_most_64_columns(void **state)
{
    (void)state;
    struct spec_text or_changed[65];
    char names[65][8];
    for (size_t i = 0; i < 65; i++) {
        snprintf(names[i], sizeof names[i], "c%zu", i);
        or_changed[i] = (struct spec_text){.text = str_of(names[i]), .at = {1, (unsigned)i + 1}};
    }
    struct spec_text scope = {.text = STR("s")}, on = {.text = STR("created")};
    struct spec_node key = {.kind = SPEC_ARRAY};
    struct spec_stale stale = {.key = &key, .on = {&on, 1}, .or_changed = {or_changed, 64}};
    struct spec_rule rule = {
        .resource = {.text = STR("t")}, .scope = {&scope, 1}, .stale = &stale, .n_stale = 1};
    struct rules_spec spec = {.rules = &rule, .n = 1};
    struct place at;
    struct err err;
    struct rules *rules = rules_compile(&spec, &at, &err);
    assert_non_null(rules);
    rules_free(rules);
    stale.or_changed.n = 65;
    assert_null(rules_compile(&spec, &at, &err));
    assert_string_equal(err.text, "\"c64\" is one column too many: a rule may name 64");
    assert_int_equal(at.column, 65);
    assert_null(rules_compile(&spec, NULL, NULL));
}

static void a_rule_has_at_most_32_derived_actions(void **state)
{
    (void)state;
    struct spec_action actions[33];
    char names[33][8];
    struct spec_text column = {.text = STR("c")}, scope = {.text = STR("s")};
    for (size_t i = 0; i < 33; i++) {
        snprintf(names[i], sizeof names[i], "a%zu", i);
        actions[i] =
            (struct spec_action){.name = {.text = str_of(names[i])}, .changed = {&column, 1}};
    }
    struct spec_rule rule = {.resource = {.text = STR("t")},
                             .scope = {&scope, 1},
                             .actions = actions,
                             .n_actions = 32,
                             .changes = true};
    struct rules_spec spec = {.rules = &rule, .n = 1};
    struct err err;
    struct rules *rules = rules_compile(&spec, NULL, &err);
    assert_non_null(rules);
    rules_free(rules);
    rule.n_actions = 33;
    assert_null(rules_compile(&spec, NULL, &err));
    assert_string_equal(err.text, "a rule may have 32 derived actions");
}

static void members_of_a_key_are_there_once(void **state)
{
    (void)state;
    struct spec_node second = {
        .kind = SPEC_LITERAL, .text = STR("2"), .name = STR("a"), .at = {3, 4}};
    struct spec_node first = {
        .kind = SPEC_LITERAL, .text = STR("1"), .name = STR("a"), .next = &second};
    struct spec_node object = {.kind = SPEC_OBJECT, .child = &first};
    struct spec_node key = {.kind = SPEC_ARRAY, .child = &object};
    struct spec_text scope = {.text = STR("s")};
    struct spec_stale stale = {.key = &key};
    struct spec_rule rule = {
        .resource = {.text = STR("t")}, .scope = {&scope, 1}, .stale = &stale, .n_stale = 1};
    struct rules_spec spec = {.rules = &rule, .n = 1};
    struct place at;
    struct err err;
    assert_null(rules_compile(&spec, &at, &err));
    assert_string_equal(err.text, "the member \"a\" is there twice");
    assert_int_equal(at.line, 3);
    second.name = STR("b");
    second.text = STR("[1]");
    assert_null(rules_compile(&spec, &at, &err));
    assert_string_equal(err.text, "\"[1]\" is not a number, true, false or null");
    second.text = STR("nonsense");
    assert_null(rules_compile(&spec, &at, &err));
    second.text = STR("36893488147419103232");
    struct rules *rules = rules_compile(&spec, &at, &err);
    assert_non_null(rules);
    rules_free(rules);
}

static void scopes_and_members_that_are_not_utf8_are_refused(void **state)
{
    (void)state;
    struct spec_text scope = {.text = STR("p\xff:{a}")};
    struct spec_rule rule = {.resource = {.text = STR("t")}, .scope = {&scope, 1}, .changes = true};
    struct rules_spec spec = {.rules = &rule, .n = 1};
    struct err err;
    assert_null(rules_compile(&spec, NULL, &err));
    assert_string_equal(err.text, "a scope must be UTF-8 text");

    struct spec_node member = {.kind = SPEC_LITERAL, .text = STR("1"), .name = STR("a\xff")};
    struct spec_node object = {.kind = SPEC_OBJECT, .child = &member};
    struct spec_node key = {.kind = SPEC_ARRAY, .child = &object};
    struct spec_stale stale = {.key = &key};
    scope.text = STR("s");
    rule.stale = &stale;
    rule.n_stale = 1;
    assert_null(rules_compile(&spec, NULL, &err));
    assert_string_equal(err.text, "the name of a key's member must be UTF-8 text");
}

/* ---- templates ---- */

static void templates_come_apart_as_they_are_written(void **state)
{
    (void)state;
    static const struct {
        const char *text, *parts; /* literals in quotes, columns in angle brackets */
    } rows[] = {
        {"", ""},
        {"plain", "'plain'"},
        {"{id}", "<id>"},
        {"a{b}c", "'a'<b>'c'"},
        {"{a}{b}", "<a><b>"},
        {"{{}}", "'{}'"},
        {"{{a}}", "'{a}'"},
        {"{{{a}}}", "'{'<a>'}'"},
        {"}}{a}{{", "'}'<a>'{'"},
        {"{first name}", "<first name>"},
        {"{a.b:c-d}", "<a.b:c-d>"},
        {"{\xc3\xbc}", "<\xc3\xbc>"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena;
        struct template template;
        struct buf out = BUF_INIT(100);
        arena_init(&arena, 10000);
        assert_true(template_parse(str_of(rows[i].text), &arena, &template, NULL));
        for (size_t j = 0; j < template.n; j++)
            buf_printf(&out, template.parts[j].is_column ? "<%.*s>" : "'%.*s'",
                       STR_ARG(template.parts[j].text));
        assert_text(buf_slice(&out), rows[i].parts);
        buf_free(&out);
        arena_free(&arena);
    }
}

static void one_column_alone_is_known_as_such(void **state)
{
    (void)state;
    struct arena arena;
    struct template template;
    arena_init(&arena, 10000);
    assert_true(template_parse(STR("{id}"), &arena, &template, NULL));
    assert_true(template_is_column(&template));
    assert_false(template_is_literal(&template));
    assert_true(template_parse(STR("{id} "), &arena, &template, NULL));
    assert_false(template_is_column(&template));
    assert_true(template_parse(STR("{{id}}"), &arena, &template, NULL));
    assert_false(template_is_column(&template));
    assert_true(template_is_literal(&template));
    assert_true(template_parse(STR(""), &arena, &template, NULL));
    assert_true(template_is_literal(&template));
    arena_free(&arena);
}

static void a_template_that_does_not_fit_its_arena_is_refused(void **state)
{
    (void)state;
    struct arena arena;
    struct template template;
    struct err err = ERR_INIT;
    arena_init(&arena, 64);
    assert_false(template_parse(STR("{a}{b}{c}{d}{e}{f}{g}"), &arena, &template, &err));
    assert_string_equal(err.text, "there is too much of it");
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_told_once_with_what_they_are_needed_for),
        cmocka_unit_test(ids_are_told_in_their_order),
        cmocka_unit_test(resources_are_told_without_the_wildcard),
        cmocka_unit_test(families_are_as_wide_as_the_templates),
        cmocka_unit_test(the_hash_is_the_same_for_rules_that_derive_the_same),
        cmocka_unit_test(the_hash_is_another_one_for_any_difference),
        cmocka_unit_test(an_answer_names_the_place_of_its_entry),
        cmocka_unit_test(scopes_and_keys_fill_their_maximum_to_the_last_byte),
        cmocka_unit_test(a_rule_names_at_most_64_columns),
        cmocka_unit_test(a_rule_has_at_most_32_derived_actions),
        cmocka_unit_test(members_of_a_key_are_there_once),
        cmocka_unit_test(scopes_and_members_that_are_not_utf8_are_refused),
        cmocka_unit_test(templates_come_apart_as_they_are_written),
        cmocka_unit_test(one_column_alone_is_known_as_such),
        cmocka_unit_test(a_template_that_does_not_fit_its_arena_is_refused),
    };
    return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
