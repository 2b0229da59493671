/* A change is taken as POST /v1/changes takes it, by the same code, so that what is explained here
 * is what would happen there. */
#include "base/arena.h"
#include "base/jsontext.h"
#include "base/nearest.h"
#include "cli/cli.h"
#include "cli/grid.h"
#include "cli/loaded.h"
#include "config/units.h"
#include "wire/publish.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static const struct args_option OPTIONS[] = {
    CLI_CONFIG_OPTION,
    {.name = "json", .help = "one JSON object instead of tables"},
    {0},
};

enum { MEMORY = 64 * 1024 * 1024, BODY_MAX = 4 * 1024 * 1024, ANSWERS_MAX = 20000 };

struct answer {
    struct str scope;
    struct str key; /* a mark's; empty: an entity mark */
    struct rules_entity entity;
    uint64_t at_most_ms;
    struct place rule;
};

struct answers {
    struct arena arena;
    struct answer *items;
    size_t n;
    bool full;
};

/* ---- collecting ---------------------------------------------------------------------------- */

static bool same(const struct answer *a, const struct answer *b)
{
    return str_equal(a->scope, b->scope) && str_equal(a->key, b->key) &&
           a->rule.line == b->rule.line && a->rule.column == b->rule.column &&
           str_equal(a->entity.action, b->entity.action) && str_equal(a->entity.id, b->entity.id);
}

static struct str keep(struct answers *answers, struct str text)
{
    struct str mine = arena_copy(&answers->arena, text);
    answers->full = answers->full || !mine.p;
    return mine;
}

static void add(struct answers *answers, const struct answer *answer)
{
    for (size_t i = 0; i < answers->n; i++)
        if (same(&answers->items[i], answer))
            return;
    if (answers->n == ANSWERS_MAX) {
        answers->full = true;
        return;
    }
    struct answer *mine = &answers->items[answers->n++];
    *mine = *answer;
    mine->scope = keep(answers, answer->scope);
    mine->key = keep(answers, answer->key);
    mine->entity.name = keep(answers, answer->entity.name);
    mine->entity.id = keep(answers, answer->entity.id);
    mine->entity.action = keep(answers, answer->entity.action);
    mine->entity.data = keep(answers, answer->entity.data);
}

static void on_mark(void *ctx, struct str scope, struct str key, uint64_t at_most_ms,
                    struct place rule)
{
    const struct answer answer = {
        .scope = scope, .key = key, .at_most_ms = at_most_ms, .rule = rule};
    add(ctx, &answer);
}

static void on_entity(void *ctx, struct str scope, const struct rules_entity *entity,
                      struct place rule)
{
    const struct answer answer = {.scope = scope, .entity = *entity, .rule = rule};
    add(ctx, &answer);
}

static int order_of(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

static int by_scope(const void *a, const void *b)
{
    const struct answer *x = a, *y = b;
    int order = order_of(x->scope, y->scope);
    if (!order)
        order = (x->rule.line > y->rule.line) - (x->rule.line < y->rule.line);
    if (!order)
        order = (x->rule.column > y->rule.column) - (x->rule.column < y->rule.column);
    return order ? order : order_of(x->key, y->key);
}

/* ---- showing ------------------------------------------------------------------------------- */

static void cell_of_place(struct grid *grid, const struct config *config, struct place at)
{
    struct buf text = BUF_INIT(4096);
    buf_printf(&text, "%s:%u:%u", config->file, at.line, at.column);
    grid_cell(grid, buf_slice(&text));
    buf_free(&text);
}

static void print_marks(const struct config *config, const struct answers *answers)
{
    struct grid grid;
    struct str scope = {0};
    grid_init(&grid, 4);
    for (size_t i = 0; i < answers->n; i++) {
        const struct answer *answer = &answers->items[i];
        char every[UNITS_TEXT_MAX], text[UNITS_TEXT_MAX + 16] = "";
        if (!answer->key.n)
            continue;
        grid_cell(&grid, str_equal(scope, answer->scope) ? STR("") : answer->scope);
        scope = answer->scope;
        grid_cell(&grid, answer->key);
        if (answer->at_most_ms) {
            units_write_duration(answer->at_most_ms, every);
            snprintf(text, sizeof text, "at most every %s", every);
        }
        grid_cell(&grid, str_of(text));
        cell_of_place(&grid, config, answer->rule);
    }
    puts(grid.n ? "stale:" : "Nothing goes stale.");
    grid_print(&grid, "  ", stdout);
    grid_free(&grid);
}

static void print_entities(const struct config *config, const struct answers *answers)
{
    struct grid grid;
    struct buf text = BUF_INIT(BODY_MAX);
    grid_init(&grid, 4);
    for (size_t i = 0; i < answers->n; i++) {
        const struct answer *answer = &answers->items[i];
        if (answer->key.n)
            continue;
        grid_cell(&grid, answer->scope);
        buf_clear(&text);
        buf_printf(&text, "%.*s %.*s %.*s", STR_ARG(answer->entity.name),
                   STR_ARG(answer->entity.action), STR_ARG(answer->entity.id));
        grid_cell(&grid, buf_slice(&text));
        grid_cell(&grid, answer->entity.data);
        cell_of_place(&grid, config, answer->rule);
    }
    if (grid.n)
        puts("\nchanges sent along:");
    grid_print(&grid, "  ", stdout);
    grid_free(&grid);
    buf_free(&text);
}

static void member(struct buf *out, const char *name, struct str text)
{
    buf_printf(out, "\"%s\":", name);
    jsontext_string(out, text);
    buf_byte(out, ',');
}

static void print_json(const struct config *config, const struct change *change,
                       const struct answers *answers)
{
    struct buf out = BUF_INIT(MEMORY);
    buf_byte(&out, '{');
    member(&out, "resource", change->resource);
    member(&out, "action", change->action_name);
    for (int entities = 0; entities <= 1; entities++) {
        bool first = true;
        buf_text(&out, entities ? "],\"changes\":[" : "\"stale\":[");
        for (size_t i = 0; i < answers->n; i++) {
            const struct answer *answer = &answers->items[i];
            if ((answer->key.n == 0) != (entities == 1))
                continue;
            buf_text(&out, first ? "{" : ",{");
            first = false;
            member(&out, "scope", answer->scope);
            if (entities) {
                member(&out, "resource", answer->entity.name);
                member(&out, "action", answer->entity.action);
                buf_printf(&out, "\"id\":%.*s,",
                           STR_ARG(answer->entity.id.n ? answer->entity.id : STR("null")));
                buf_printf(&out, "\"data\":%.*s,",
                           STR_ARG(answer->entity.data.n ? answer->entity.data : STR("null")));
            } else {
                buf_printf(&out, "\"key\":%.*s,\"at_most_ms\":", STR_ARG(answer->key));
                buf_u64(&out, answer->at_most_ms);
                buf_byte(&out, ',');
            }
            struct buf place = BUF_INIT(4096);
            buf_printf(&place, "%s:%u:%u", config->file, answer->rule.line, answer->rule.column);
            buf_text(&out, "\"rule\":");
            jsontext_string(&out, buf_slice(&place));
            buf_free(&place);
            buf_byte(&out, '}');
        }
    }
    buf_text(&out, "]}");
    printf("%.*s\n", STR_ARG(buf_slice(&out)));
    buf_free(&out);
}

/* ---- the change ---------------------------------------------------------------------------- */

static bool is_object(const char *what, const char *text, struct err *err)
{
    json_error_t why;
    json_t *json =
        json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
    bool object = json_is_object(json);
    if (!json)
        err_set(err, "%s is not JSON: %s (character %d): %.80s", what, why.text, why.position,
                text);
    else if (!object)
        err_set(err, "%s is a JSON object of columns, as in '{\"id\":7}'; here stands %.80s", what,
                text);
    json_decref(json);
    return object;
}

/* A row that is gone has only an old side; whoever names one row of it means that. */
static bool parse_change(const struct args *args, struct arena *arena, struct publish *publish,
                         struct err *err)
{
    const char *new = args->n_words > 2 ? args->words[2] : NULL;
    const char *old = args->n_words > 3 ? args->words[3] : NULL;
    struct buf body = BUF_INIT(BODY_MAX);
    bool ok = false;
    if ((new && !is_object("the new row", new, err)) ||
        (old && !is_object("the old row", old, err)))
        goto out;
    if (new && !old && strcmp(args->words[1], "deleted") == 0) {
        old = new;
        new = NULL;
    }
    buf_text(&body, "{\"resource\":");
    jsontext_string(&body, str_of(args->words[0]));
    buf_text(&body, ",\"action\":");
    jsontext_string(&body, str_of(args->words[1]));
    if (new) {
        buf_text(&body, ",\"new\":");
        buf_text(&body, new);
    }
    if (old) {
        buf_text(&body, ",\"old\":");
        buf_text(&body, old);
    }
    buf_byte(&body, '}');
    ok = body.overflow ? err_set(err, "the rows are too long")
                       : publish_parse(PUBLISH_CHANGES, buf_slice(&body), arena, publish, err);
out:
    buf_free(&body);
    return ok;
}

/* Whose right the change may move. */
static void print_rights(const struct rolls *rolls, const struct change *change)
{
    for (size_t i = 0; i < rolls->n; i++) {
        struct roll_touch touches[2];
        size_t n = roll_touches(&rolls->items[i], change, touches);
        for (size_t k = 0; k < n; k++) {
            const struct roll_touch *touch = &touches[k];
            printf("%swhat %s%.*s may read is asked again, and suspended until then: %.*s\n",
                   i + k ? "" : "\n", touch->any_user ? "everybody" : "user ",
                   STR_ARG(touch->any_user ? STR("") : buf_slice(&touch->user)),
                   STR_ARG(touch->any_scope ? rolls->items[i].text : buf_slice(&touch->scope)));
        }
        roll_untouch(touches);
    }
}

static bool has_roll(const struct rolls *rolls, struct str table)
{
    for (size_t i = 0; i < rolls->n; i++)
        if (str_equal(rolls->items[i].table, table))
            return true;
    return false;
}

static bool has_rule(const struct rules *rules, struct str resource, struct nearest *near)
{
    bool found = false;
    for (size_t i = 0; i < rules_count(rules); i++) {
        struct place at;
        struct str known = rules_resource(rules, i, &at);
        nearest_offer(near, known);
        found = found || str_equal(known, resource);
    }
    return found;
}

static enum cli_exit explain(const struct loaded *loaded, const struct args *args,
                             struct answers *answers)
{
    struct publish publish = {0};
    struct err err = ERR_INIT;
    struct nearest near = nearest_to(str_of(args->words[0]));
    const struct rules_sink sink = {.ctx = answers, .mark = on_mark, .entity = on_entity};
    if (!parse_change(args, &answers->arena, &publish, &err) || !publish.items)
        return cli_fail(CLI_FAILED, "%s", err.text);
    const struct change *change = &publish.items[0].change;
    bool own = has_rule(loaded->rules, change->resource, &near);
    const struct rolls *rolls = &loaded->config->auth.membership;
    if (!rules_apply(loaded->rules, change, &sink) && !has_roll(rolls, change->resource))
        return cli_fail(CLI_FAILED, "no rule knows \"%.60s\"%s", args->words[0],
                        nearest_hint(&near));
    if (answers->full)
        return cli_fail(CLI_FAILED, "there are too many answers to show");
    if (!own && !has_roll(rolls, change->resource))
        cli_note("\"%.60s\" has no rule of its own%s; only \"*\" applies", args->words[0],
                 nearest_hint(&near));
    qsort(answers->items, answers->n, sizeof *answers->items, by_scope);
    if (args_flag(args, "json")) {
        print_json(loaded->config, change, answers);
    } else {
        print_marks(loaded->config, answers);
        print_entities(loaded->config, answers);
        print_rights(rolls, change);
    }
    return CLI_OK;
}

static enum cli_exit run(const struct args *args)
{
    struct loaded loaded;
    struct answers answers = {0};
    struct err err = ERR_INIT;
    enum cli_exit exit = CLI_FAILED;
    if (args->n_words < 2 || args->n_words > 4)
        return cli_misused(&cli_explain);
    arena_init(&answers.arena, MEMORY);
    answers.items = arena_alloc(&answers.arena, ANSWERS_MAX * sizeof *answers.items);
    if (!loaded_open(&loaded, cli_config_file(args), &err))
        exit = cli_fail(CLI_USAGE, "%s", err.text);
    else if (answers.items)
        exit = explain(&loaded, args, &answers);
    loaded_close(&loaded);
    arena_free(&answers.arena);
    return exit;
}

const struct cli_command cli_explain = {
    .name = "explain",
    .usage = "[-c FILE] [--json] TABLE ACTION ['NEW ROW'] ['OLD ROW']",
    .summary = "show which scopes and keys a change marks, and by which rule",
    .help = "Takes a change and shows what the rules make of it, without a server:\n\n"
            "    unstale explain tasks updated '{\"id\":7,\"project_id\":42}'\n\n"
            "ACTION is created, updated, deleted, truncated, or a name of a publisher's. Rows are "
            "JSON objects\n"
            "of columns; one row of a deleted one is its old row. A column that is named on one "
            "side only has\n"
            "that value on the other side too, as for published changes. An unknown table is exit "
            "code 1.",
    .options = OPTIONS,
    .run = run,
};
