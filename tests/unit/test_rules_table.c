/* Runs the tables of tests/unit/rules/: one line is one change, and what must come of it.
 *
 *     spec {"tasks": {"scope": ["project:{project_id}"], "stale": [["tasks", "{id}"]]}}
 *     tasks updated id=7 project_id=1>2 -> project:1 ["tasks",7] | project:2 ["tasks",7]
 *
 * A spec goes on over indented lines and holds until the next one. A change is written as
 * change_text.h says. The answers stand in any order: "scope key", with " @5000" when at most one
 * in that many ms is wanted; an entity mark is "scope name/id:action data", its id ? when unknown,
 * with " (changes)" when plain subscribers do not get it; or `nothing`; or `no rule`.
 *
 * In errors.table a line is "spec -> column: sentence". */
#include "change_text.h"
#include "spec_text.h"

#include "base/buf.h"
#include "model/key.h"
#include "model/scope.h"
#include "rules/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { CASES = 1000, ITEMS = 64, TEXT = 1 << 16 };

struct table_case {
    char name[128]; /* file:line, for people and editors */
    struct str spec;
    struct str left, right;
};

struct tables {
    struct CMUnitTest tests[CASES];
    struct table_case cases[CASES];
    size_t n;
    struct arena arena;
};

/* ---- what came of it, as lines ---- */

struct answers {
    struct buf items[ITEMS];
    size_t n;
    const char *invalid; /* what no answer may ever be */
};

static struct buf *add(struct answers *answers)
{
    assert_true(answers->n < ITEMS);
    answers->items[answers->n] = BUF_INIT(TEXT);
    return &answers->items[answers->n++];
}

static void on_mark(void *ctx, struct str scope, struct str key, uint64_t at_most_ms,
                    struct place rule)
{
    struct answers *answers = ctx;
    struct buf *item = add(answers);
    buf_str(item, scope);
    buf_byte(item, ' ');
    buf_str(item, key);
    if (at_most_ms)
        buf_printf(item, " @%llu", (unsigned long long)at_most_ms);
    if (!scope_is_family(scope) && !scope_check(scope, NULL))
        answers->invalid = "a scope that nobody may ask for";
    if (key.n > KEY_MAX || !key_check(key))
        answers->invalid = "a key that is none";
    if (rule.line == 0)
        answers->invalid = "an answer without the place of its rule";
}

static void on_entity(void *ctx, struct str scope, const struct rules_entity *entity,
                      struct place rule)
{
    struct answers *answers = ctx;
    struct buf *item = add(answers);
    buf_str(item, scope);
    buf_byte(item, ' ');
    buf_str(item, entity->name);
    buf_byte(item, '/');
    buf_str(item, entity->id.n ? entity->id : STR("?"));
    buf_byte(item, ':');
    buf_str(item, entity->action);
    if (entity->data.n) {
        buf_byte(item, ' ');
        buf_str(item, entity->data);
    }
    if (!entity->has_data)
        buf_text(item, " (changes)");
    if (!scope_check(scope, NULL))
        answers->invalid = "an entity mark in a family";
    if (rule.line == 0)
        answers->invalid = "an answer without the place of its rule";
}

static int by_bytes(const void *a, const void *b)
{
    const struct buf *x = a, *y = b;
    size_t n = x->len < y->len ? x->len : y->len;
    int order = n ? memcmp(x->data, y->data, n) : 0;
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

/* Sorted and joined; frees the items. */
static void join(struct answers *answers, struct buf *out)
{
    qsort(answers->items, answers->n, sizeof *answers->items, by_bytes);
    for (size_t i = 0; i < answers->n; i++) {
        if (i)
            buf_text(out, " | ");
        buf_str(out, buf_slice(&answers->items[i]));
        buf_free(&answers->items[i]);
    }
}

static void split(struct str text, struct answers *answers)
{
    while (text.n) {
        const char *bar = memmem(text.p, text.n, " | ", 3);
        size_t n = bar ? (size_t)(bar - text.p) : text.n;
        buf_add(add(answers), text.p, n);
        text = str_from(text, bar ? n + 3 : n);
    }
}

/* ---- the two kinds of case ---- */

static void compare(const struct table_case *c, struct str expected, struct str got)
{
    if (str_equal(expected, got))
        return;
    print_error("%s:\n  expected %.*s\n  got      %.*s\n", c->name, STR_ARG(expected),
                STR_ARG(got));
    fail_msg("%s", c->name);
}

static void change_gives_what_the_line_says(void **state)
{
    const struct table_case *c = *state;
    struct err err = ERR_INIT;
    struct place at = {0};
    struct spec_text_file file;
    struct arena arena;
    struct change change;
    arena_init(&arena, 8 << 20);
    if (!spec_text_parse(&file, c->spec))
        fail_msg("%s: the spec is not JSON of the right shape", c->name);
    struct rules *rules = rules_compile(&file.spec, &at, &err);
    spec_text_free(&file); /* what is compiled owns all it needs */
    if (!rules)
        fail_msg("%s: column %u: %s", c->name, at.column, err.text);
    if (!change_text_parse(c->left, &arena, &change, &err))
        fail_msg("%s: %s", c->name, err.text);

    struct answers answers = {0}, wanted = {0};
    struct rules_sink sink = {.ctx = &answers, .mark = on_mark, .entity = on_entity};
    bool known = rules_apply(rules, &change, &sink);
    if (answers.invalid)
        fail_msg("%s: %s", c->name, answers.invalid);
    if (answers.n == 0)
        buf_text(add(&answers), known ? "nothing" : "no rule");
    split(c->right, &wanted);

    struct buf got = BUF_INIT(TEXT), expected = BUF_INIT(TEXT);
    join(&answers, &got);
    join(&wanted, &expected);
    compare(c, buf_slice(&expected), buf_slice(&got));
    buf_free(&got);
    buf_free(&expected);
    rules_free(rules);
    arena_free(&arena);
}

static void spec_is_refused_with_the_sentence(void **state)
{
    const struct table_case *c = *state;
    struct err err = ERR_INIT;
    struct place at = {0};
    struct spec_text_file file;
    if (!spec_text_parse(&file, c->left))
        fail_msg("%s: the spec is not JSON of the right shape", c->name);
    struct rules *rules = rules_compile(&file.spec, &at, &err);
    struct buf got = BUF_INIT(TEXT);
    if (rules)
        buf_text(&got, "fine");
    else
        buf_printf(&got, "%u: %s", at.column, err.text);
    compare(c, c->right, buf_slice(&got));
    rules_free(rules);
    buf_free(&got);
    spec_text_free(&file);
}

/* ---- reading ---- */

static struct str read_file(struct arena *arena, const char *path)
{
    FILE *in = fopen(path, "rb");
    char *bytes = arena_alloc(arena, TEXT * 4);
    if (!in || !bytes) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(2);
    }
    size_t n = fread(bytes, 1, TEXT * 4, in);
    fclose(in);
    return (struct str){.p = bytes, .n = n};
}

static struct str trim(struct str text)
{
    while (text.n && (text.p[0] == ' ' || text.p[0] == '\n'))
        text = str_from(text, 1);
    while (text.n && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\n'))
        text.n--;
    return text;
}

static void add_case(struct tables *tables, const char *file, unsigned number, struct str spec,
                     struct str line)
{
    const char *arrow = memmem(line.p, line.n, " -> ", 4);
    if (!arrow || tables->n == CASES) {
        fprintf(stderr, "%s:%u: %s\n", file, number, arrow ? "too many cases" : "no -> in it");
        exit(2);
    }
    struct table_case *c = &tables->cases[tables->n];
    size_t left = (size_t)(arrow - line.p);
    snprintf(c->name, sizeof c->name, "%s:%u", file, number);
    c->spec = spec;
    c->left = trim((struct str){.p = line.p, .n = left});
    c->right = trim(str_from(line, left + 4));
    tables->tests[tables->n++] = (struct CMUnitTest){
        .name = c->name,
        .test_func = spec.n ? change_gives_what_the_line_says : spec_is_refused_with_the_sentence,
        .initial_state = c,
    };
}

static void read_table(struct tables *tables, const char *path)
{
    struct str text = read_file(&tables->arena, path), spec = {0};
    const char *slash = strrchr(path, '/');
    const char *file = slash ? slash + 1 : path;
    bool in_spec = false;
    for (unsigned number = 1; text.n; number++) {
        size_t n = str_index(text, '\n');
        struct str line = {.p = text.p, .n = n};
        text = str_from(text, n + 1);
        if (in_spec && line.n && line.p[0] == ' ') {
            spec.n = (size_t)(line.p + line.n - spec.p);
            continue;
        }
        in_spec = str_starts(line, STR("spec "));
        if (in_spec)
            spec = str_from(line, strlen("spec "));
        else if (line.n && line.p[0] != '#')
            add_case(tables, file, number, spec, line);
    }
}

int main(int argc, char **argv)
{
    struct tables *tables = calloc(1, sizeof *tables);
    arena_init(&tables->arena, 16 << 20);
    for (int i = 1; i < argc; i++)
        read_table(tables, argv[i]);
    int failed = _cmocka_run_group_tests("rules", tables->tests, tables->n, NULL, NULL);
    arena_free(&tables->arena);
    free(tables);
    return failed;
}
