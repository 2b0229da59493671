/* What a configuration that is right becomes. */
#include "unit.h"

#include "config/config.h"
#include "config/units.h"
#include "config/watch_of.h"
#include "config_outside.h"

#include <stdlib.h>

#define REST "\nauth: none\nsources: [{publish: {open: true}}]\n"

static struct config *parse_as(const char *file, const char *text)
{
    struct err err = ERR_INIT;
    struct config *config = config_parse(file, str_of(text), &config_outside, &err);
    if (!config)
        print_error("%s\nof:\n%s\n", err.text, text);
    assert_non_null(config);
    return config;
}

static struct config *parse(const char *text)
{
    return parse_as("etc/unstale.yaml", text);
}

static const struct spec_rule *rule_of(const struct config *config, const char *resource)
{
    for (size_t i = 0; i < config->rules.n; i++)
        if (str_is(config->rules.rules[i].resource.text, resource))
            return &config->rules.rules[i];
    fail_msg("no rule of %s", resource);
    return NULL;
}

static void assert_texts(const struct spec_texts *texts, const char *joined)
{
    struct buf out = BUF_INIT(1024);
    for (size_t i = 0; i < texts->n; i++) {
        buf_text(&out, i ? "|" : "");
        buf_str(&out, texts->items[i].text);
    }
    assert_text(buf_slice(&out), joined);
    buf_free(&out);
}

/* T:template L:literal [array] {object} */
static void write_node(struct buf *out, const struct spec_node *node)
{
    if (node->kind == SPEC_TEMPLATE || node->kind == SPEC_LITERAL) {
        buf_text(out, node->kind == SPEC_TEMPLATE ? "T:" : "L:");
        buf_str(out, node->text);
        return;
    }
    buf_byte(out, node->kind == SPEC_ARRAY ? '[' : '{');
    for (const struct spec_node *child = node->child; child; child = child->next) {
        buf_text(out, child == node->child ? "" : " ");
        if (node->kind == SPEC_OBJECT)
            buf_printf(out, "%.*s=", STR_ARG(child->name));
        write_node(out, child);
    }
    buf_byte(out, node->kind == SPEC_ARRAY ? ']' : '}');
}

static void assert_key(const struct spec_stale *stale, const char *expected)
{
    struct buf out = BUF_INIT(4096);
    write_node(&out, stale->key);
    assert_text(buf_slice(&out), expected);
    buf_free(&out);
}

/* ---- defaults and settings ----------------------------------------------------------------- */

static void defaults_are_filled_in(void **state)
{
    struct config *config = parse(REST);
    assert_string_equal(config->listen, "127.0.0.1:8080");
    assert_null(config->admin);
    assert_string_equal(config->state, "etc/unstale.state");
    assert_int_equal(config->threads, 1);
    assert_int_equal(config->limits.batch_ms, 100);
    assert_int_equal(config->limits.heartbeat_ms, 25000);
    assert_int_equal(config->limits.stalled_ms, 60000);
    assert_int_equal(config->limits.spread_ms, 5000);
    assert_int_equal(config->limits.drain_ms, 10000);
    assert_int_equal(config->limits.index_memory, 256 << 20);
    assert_int_equal(config->limits.notice_memory, 64 << 20);
    assert_int_equal(config->limits.publish_body, 1 << 20);
    assert_int_equal(config->limits.max_keys, 200);
    assert_int_equal(config->limits.max_entities, 200);
    assert_int_equal(config->limits.notices, 1000);
    assert_int_equal(config->limits.connections, 100000);
    assert_int_equal(config->limits.connections_per_user, 20);
    assert_int_equal(config->log_level, LOG_INFO);
    assert_false(config->log_json);
    assert_true(config->auth.none);
    assert_int_equal(config->rules.n, 0);
    config_free(config);
}

static void settings_are_read_with_their_units(void **state)
{
    struct config *config =
        parse("listen: \"[::1]:0\"\nadmin: 0.0.0.0:9091\nthreads: 4\nstate: /var/lib/s\n"
              "limits: { batch: 0, heartbeat: 1m, stalled: 2m, spread: 250ms, drain: 0,\n"
              "  index_memory: 1GiB, notice_memory: 1MB, publish_body: 65536, head: \"32KiB\" }\n"
              "log: { level: debug, format: json }" REST);
    assert_string_equal(config->listen, "[::1]:0");
    assert_string_equal(config->admin, "0.0.0.0:9091");
    assert_string_equal(config->state, "/var/lib/s");
    assert_int_equal(config->threads, 4);
    assert_int_equal(config->limits.batch_ms, 0);
    assert_int_equal(config->limits.heartbeat_ms, 60000);
    assert_int_equal(config->limits.spread_ms, 250);
    assert_int_equal(config->limits.drain_ms, 0);
    assert_int_equal(config->limits.index_memory, 1 << 30);
    assert_int_equal(config->limits.notice_memory, 1000000);
    assert_int_equal(config->limits.publish_body, 65536);
    assert_int_equal(config->limits.head, 32768);
    assert_int_equal(config->log_level, LOG_DEBUG);
    assert_true(config->log_json);
    config_free(config);
}

static void localhost_becomes_an_address(void **state)
{
    struct config *config = parse("listen: localhost:9000" REST);
    assert_string_equal(config->listen, "127.0.0.1:9000");
    config_free(config);
}

static const char *only_state_directory(void *ctx, const char *name)
{
    return strcmp(name, "STATE_DIRECTORY") == 0 ? ctx : NULL;
}

static void the_state_file_has_a_place_by_default(void **state)
{
    static const struct {
        const char *file, *directory, *expected;
    } rows[] = {{"unstale.yaml", NULL, "unstale.state"},
                {"a/b.yml", NULL, "a/b.state"},
                {"/etc/unstale.conf", NULL, "/etc/unstale.conf.state"},
                {".yaml", NULL, ".yaml.state"},
                {"a/b.yaml", "", "a/b.state"},
                {"a/b.yaml", "/var/lib/unstale", "/var/lib/unstale/unstale.state"},
                {"a/b.yaml", "/var/lib/one:/var/lib/two", "/var/lib/one/unstale.state"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct config_outside outside = {.ctx = (void *)(uintptr_t)rows[i].directory,
                                               .variable = only_state_directory};
        struct config *config = config_parse(rows[i].file, STR(REST), &outside, NULL);
        assert_non_null(config);
        assert_string_equal(config->state, rows[i].expected);
        config_free(config);
    }
}

/* ---- sources ------------------------------------------------------------------------------- */

static void sources_are_read_in_order(void **state)
{
    struct config *config =
        parse("auth: none\nrules: { a: { scope: all, stale: [[a]] } }\nsources:\n"
              "  - sqlite: ./one.db\n  - sqlite: /data/two.db\n    poll: 5ms\n"
              "  - publish: { token_file: token }\n");
    assert_int_equal(config->n_sources, 3);
    assert_int_equal(config->sources[0].kind, CONFIG_SQLITE);
    assert_string_equal(config->sources[0].path, "etc/./one.db");
    assert_int_equal(config->sources[0].poll_ms, 50);
    assert_int_equal(config->sources[0].at.line, 4);
    assert_string_equal(config->sources[1].path, "/data/two.db");
    assert_int_equal(config->sources[1].poll_ms, 5);
    assert_int_equal(config->sources[2].kind, CONFIG_PUBLISH);
    assert_string_equal(config->sources[2].token, "s3cret");
    assert_string_equal(config->sources[2].token_file, "etc/token");
    assert_false(config->sources[2].open);
    config_free(config);
}

/* ---- rules --------------------------------------------------------------------------------- */

static void a_whole_rule_is_read(void **state)
{
    struct config *config = parse(
        "rules:\n"
        "  tasks:\n"
        "    name: task\n"
        "    id: [project_id, id]\n"
        "    scope: [\"project:{project_id}\", \"user:{owner}\"]\n"
        "    stale:\n"
        "      - [tasks, detail, \"{id}\"]\n"
        "      - { key: [tasks], on: [created, done], or_changed: title, at_most: 5s }\n"
        "    actions: { done: { changed: [status, closed] }, moved: { changed: project_id } }\n"
        "    data: { currentStatus: status }\n"
        "    changes: true\n"
        "  \"*\": { scope: all, stale: [[admin-stats]] }" REST);
    assert_int_equal(config->rules.n, 2);
    const struct spec_rule *rule = rule_of(config, "tasks");
    assert_text(rule->name.text, "task");
    assert_int_equal(rule->name.at.line, 3);
    assert_int_equal(rule->name.at.column, 11);
    assert_texts(&rule->id, "project_id|id");
    assert_texts(&rule->scope, "project:{project_id}|user:{owner}");
    assert_int_equal(rule->scope.items[1].at.line, 5);
    assert_int_equal(rule->scope.items[1].at.column, 37);
    assert_int_equal(rule->n_stale, 2);
    assert_key(&rule->stale[0], "[T:tasks T:detail T:{id}]");
    assert_int_equal(rule->stale[0].on.n, 0);
    assert_int_equal(rule->stale[0].at_most_ms, 0);
    assert_key(&rule->stale[1], "[T:tasks]");
    assert_texts(&rule->stale[1].on, "created|done");
    assert_texts(&rule->stale[1].or_changed, "title");
    assert_int_equal(rule->stale[1].at_most_ms, 5000);
    assert_int_equal(rule->stale[1].at.line, 8);
    assert_int_equal(rule->n_actions, 2);
    assert_text(rule->actions[0].name.text, "done");
    assert_texts(&rule->actions[0].changed, "status|closed");
    assert_texts(&rule->actions[1].changed, "project_id");
    assert_int_equal(rule->n_data, 1);
    assert_text(rule->data[0].name.text, "currentStatus");
    assert_text(rule->data[0].column.text, "status");
    assert_true(rule->changes);
    assert_texts(&rule_of(config, "*")->scope, "all");
    config_free(config);
}

static void plain_words_of_json_are_literals_and_quoted_ones_are_text(void **state)
{
    struct config *config = parse(
        "rules: { a: { scope: all, stale: [\n"
        "  [a, 42, -1, 0, 1.50, 1e3, true, False, null, ~],\n"
        "  [a, \"42\", 'true', \"null\", 007, +1, .5, 1., 0x10, yes, no, 1_000, 2026-01-01, "
        "\"\"],\n"
        "  [a, 9007199254740992, 9007199254740993, -9007199254740993, 99999999999999999999],\n"
        "  [[a, [b, {}]], { c: { d: \"{id}\", e: 1 }, \"f g\": [] }]] } }" REST);
    const struct spec_rule *rule = rule_of(config, "a");
    assert_key(&rule->stale[0], "[T:a L:42 L:-1 L:0 L:1.5 L:1000 L:true L:false L:null L:null]");
    assert_key(
        &rule->stale[1],
        "[T:a T:42 T:true T:null T:007 T:+1 T:.5 T:1. T:0x10 T:yes T:no T:1_000 T:2026-01-01 T:]");
    assert_key(
        &rule->stale[2],
        "[T:a L:9007199254740992 T:9007199254740993 T:-9007199254740993 T:99999999999999999999]");
    assert_key(&rule->stale[3], "[[T:a [T:b {}]] {c={d=T:{id} e=L:1} f g=[]}]");
    config_free(config);
}

static void variables_are_text_and_nothing_more(void **state)
{
    struct config *config =
        parse("state: ${HOME}/s\nlisten: 127.0.0.1:${PORT}\n"
              "rules: { a: { scope: \"$${HOME}$\", stale: [[\"${TRICKY}\", '${PORT}']] } }\n"
              "auth: none\nsources: [{publish: {token_file: token}}]\n");
    assert_string_equal(config->state, "/home/me/s");
    assert_string_equal(config->listen, "127.0.0.1:9090");
    assert_texts(&rule_of(config, "a")->scope, "${HOME}$");
    assert_key(&rule_of(config, "a")->stale[0], "[T:a: [b]\n- ${HOME} # {x} T:9090]");
    config_free(config);
}

static void an_alias_stands_for_its_anchor(void **state)
{
    struct config *config =
        parse("rules:\n  a: { scope: &who [\"p:{p}\"], stale: &what [[x, \"{id}\"]] }\n"
              "  b: { scope: *who, stale: *what }" REST);
    assert_texts(&rule_of(config, "b")->scope, "p:{p}");
    assert_key(&rule_of(config, "b")->stale[0], "[T:x T:{id}]");
    config_free(config);
}

static void the_rules_say_what_a_source_has_to_record(void **state)
{
    struct config *config =
        parse("rules:\n"
              "  tasks:\n"
              "    id: id\n"
              "    scope: [\"project:{project_id}\"]\n"
              "    stale: [[tasks, \"{id}\"], { key: [tasks], on: created, or_changed: body }]\n"
              "  \"*\": { scope: all, stale: [[x]] }" REST);
    struct place at;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct rules *rules = rules_compile(&config->rules, &at, NULL);
    assert_non_null(rules);
    struct watch *watch = watch_from_rules(rules, &arena);
    assert_non_null(watch);
    assert_true(watch->every_table);
    assert_int_equal(watch->n_tables, 1);
    const struct watch_table *table = &watch->tables[0];
    assert_text(table->table, "tasks");
    assert_int_equal(table->at.line, 2);
    assert_int_equal(table->n_id, 1);
    assert_text(table->id[0], "id");
    assert_int_equal(table->n_columns, 3);
    for (size_t i = 0; i < table->n_columns; i++) {
        bool body = str_is(table->columns[i].name, "body");
        assert_int_equal(table->columns[i].value, !body);
        assert_true(table->columns[i].at.line >= 3 && table->columns[i].at.line <= 5);
    }
    arena_free(&arena);
    arena_init(&arena, 16);
    assert_null(watch_from_rules(rules, &arena));
    arena_free(&arena);
    rules_free(rules);
    config_free(config);
}

/* ---- small parts --------------------------------------------------------------------------- */

static void loopback_is_known(void **state)
{
    static const struct {
        const char *listen;
        bool loopback;
    } rows[] = {{"127.0.0.1:80", true},
                {"127.255.0.9:80", true},
                {"localhost:80", true},
                {"[::1]:80", true},
                {"[::ffff:127.0.0.1]:80", true},
                {"0.0.0.0:80", false},
                {"[::]:80", false},
                {"128.0.0.1:80", false},
                {"[::ffff:10.0.0.1]:80", false},
                {"10.0.0.1:80", false},
                {"", false},
                {":80", false},
                {"127.0.0.1", false},
                {"127.0.0.1:", false},
                {"127.0.0.1:80x", false},
                {"127.0.0.1:-1", false},
                {"127.1:80", false},
                {"[::1:80", false},
                {"::1:80", false},
                {"[127.0.0.1]:80", false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (config_is_loopback(rows[i].listen) != rows[i].loopback)
            fail_msg("%s", rows[i].listen);
}

static void units_are_read_and_written(void **state)
{
    static const struct {
        const char *text;
        bool size, ok;
        uint64_t value;
        const char *written;
    } rows[] = {{"0", false, true, 0, "0"},
                {"0s", false, true, 0, "0"},
                {"1500ms", false, true, 1500, "1500ms"},
                {"90s", false, true, 90000, "90s"},
                {"60s", false, true, 60000, "1m"},
                {"2h", false, true, 7200000, "2h"},
                {"5", false, false, 0, NULL},
                {"5 s", false, false, 0, NULL},
                {"", false, false, 0, NULL},
                {"s", false, false, 0, NULL},
                {"1d", false, false, 0, NULL},
                {"1.5s", false, false, 0, NULL},
                {"18446744073709551615h", false, false, 0, NULL},
                {"0", true, true, 0, "0"},
                {"1000", true, true, 1000, "1kB"},
                {"1001", true, true, 1001, "1001B"},
                {"64KiB", true, true, 65536, "64KiB"},
                {"1MB", true, true, 1000000, "1MB"},
                {"1TiB", true, true, UINT64_C(1) << 40, "1TiB"},
                {"1kib", true, false, 0, NULL},
                {"KiB", true, false, 0, NULL},
                {"16777216TiB", true, false, 0, NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t value = 0;
        char text[UNITS_TEXT_MAX];
        struct str in = str_of(rows[i].text);
        bool ok = rows[i].size ? units_size(in, &value) : units_duration(in, &value);
        if (ok != rows[i].ok || (ok && value != rows[i].value))
            fail_msg("%s", rows[i].text);
        if (!ok)
            continue;
        if (rows[i].size)
            units_write_size(value, text);
        else
            units_write_duration(value, text);
        assert_string_equal(text, rows[i].written);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_filled_in),
        cmocka_unit_test(settings_are_read_with_their_units),
        cmocka_unit_test(localhost_becomes_an_address),
        cmocka_unit_test(the_state_file_has_a_place_by_default),
        cmocka_unit_test(sources_are_read_in_order),
        cmocka_unit_test(a_whole_rule_is_read),
        cmocka_unit_test(plain_words_of_json_are_literals_and_quoted_ones_are_text),
        cmocka_unit_test(variables_are_text_and_nothing_more),
        cmocka_unit_test(an_alias_stands_for_its_anchor),
        cmocka_unit_test(the_rules_say_what_a_source_has_to_record),
        cmocka_unit_test(loopback_is_known),
        cmocka_unit_test(units_are_read_and_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
