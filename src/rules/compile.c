/* From the rules as they are written to the rules as they are applied, and every
 * check that needs no database. `c->at` always is the place of what is being
 * looked at, so that whoever finds a mistake only writes the sentence. */
#include "rules/rules.h"

#include "base/hash.h"
#include "base/jsontext.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/utf8.h"
#include "model/scope.h"
#include "model/template.h"
#include "rules/compiled.h"

#include <stdlib.h>

enum {
    RULES_MEMORY = 32 << 20, /* a file of some megabytes; no file that a person writes */
    TEXT_MAX = 1 << 20,      /* one literal of a key as JSON */
    KEY_DEPTH = 32,
};

struct compiler {
    struct rules *rules;
    struct arena *arena;
    struct compiled_rule *rule; /* the one being compiled */
    const struct spec_rule *spec;
    struct place *at;
    struct err *err;
};

static const struct str built_in[] = {
    [CHANGE_CREATED] = {.p = "created", .n = 7},
    [CHANGE_UPDATED] = {.p = "updated", .n = 7},
    [CHANGE_DELETED] = {.p = "deleted", .n = 7},
    [CHANGE_TRUNCATED] = {.p = "truncated", .n = 9},
};

enum { BUILT_IN = sizeof built_in / sizeof built_in[0] };

static void *take(struct compiler *c, size_t count, size_t size)
{
    void *p = count <= RULES_MEMORY / size ? arena_alloc(c->arena, count * size) : NULL;
    if (!p)
        err_set(c->err, "the rules are too large");
    return p;
}

static bool keep(struct compiler *c, struct str text, struct str *out)
{
    *out = arena_copy(c->arena, text);
    return out->p || err_set(c->err, "the rules are too large");
}

static bool has_control(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f)
            return true;
    return false;
}

/* ---- columns ---- */

/* What a column is named for. */
enum use { USE_VALUE, USE_DIFFERS };

/* The number of the column in the rule, which it gets when it is first named. */
static bool column_number(struct compiler *c, struct str name, enum use use, unsigned *number)
{
    struct compiled_rule *rule = c->rule;
    if (name.n == 0)
        return err_set(c->err, "a column's name may not be empty");
    size_t i = 0;
    while (i < rule->n_columns && !str_equal(rule->columns[i].name, name))
        i++;
    if (i == COMPILED_COLUMNS)
        return err_set(c->err, "\"%.*s\" is one column too many: a rule may name %d", STR_ARG(name),
                       COMPILED_COLUMNS);
    struct compiled_column *column = &rule->columns[i];
    if (i == rule->n_columns) {
        if (!keep(c, name, &column->name))
            return false;
        column->at = *c->at;
        rule->n_columns++;
    }
    column->value = column->value || use == USE_VALUE;
    column->differs = column->differs || use == USE_DIFFERS;
    *number = (unsigned)i;
    return true;
}

static bool column_list(struct compiler *c, const struct spec_texts *texts, column_set *set)
{
    for (size_t i = 0; i < texts->n; i++) {
        unsigned number = 0;
        *c->at = texts->items[i].at;
        if (!column_number(c, texts->items[i].text, USE_DIFFERS, &number))
            return false;
        *set |= (column_set)1 << number;
    }
    return true;
}

static bool compile_pattern(struct compiler *c, const struct template *template,
                            struct pattern *out)
{
    out->parts = take(c, template->n ? template->n : 1, sizeof *out->parts);
    if (!out->parts)
        return false;
    for (size_t i = 0; i < template->n; i++) {
        const struct template_part *part = &template->parts[i];
        struct pattern_part *to = &out->parts[out->n++];
        to->is_column = part->is_column;
        to->literal = part->text;
        if (!part->is_column)
            continue;
        /* {id} is the row's id, also where its column has another name. */
        if (str_is(part->text, "id") && c->rule->n_ids == 1)
            to->column = c->rule->ids[0];
        else if (!column_number(c, part->text, USE_VALUE, &to->column))
            return false;
        out->columns |= (column_set)1 << to->column;
    }
    return true;
}

static bool compile_ids(struct compiler *c)
{
    const struct spec_texts *ids = &c->spec->id;
    struct compiled_rule *rule = c->rule;
    for (size_t i = 0; i < ids->n; i++) {
        unsigned number = 0;
        *c->at = ids->items[i].at;
        if (i == COMPILED_COLUMNS)
            return err_set(c->err, "`id` has too many columns");
        if (!column_number(c, ids->items[i].text, USE_VALUE, &number))
            return false;
        for (size_t j = 0; j < i; j++)
            if (rule->ids[j] == number)
                return err_set(c->err, "`id` names \"%.*s\" twice", STR_ARG(ids->items[i].text));
        rule->ids[i] = number;
    }
    rule->n_ids = ids->n;
    return true;
}

/* ---- scopes ---- */

static bool check_scope_literal(struct compiler *c, struct str text)
{
    if (!utf8_check(text))
        return err_set(c->err, "a scope must be UTF-8 text");
    if (str_index(text, '*') < text.n)
        return err_set(c->err,
                       "a scope may not contain \"*\": that is how families of scopes are named");
    if (has_control(text))
        return err_set(c->err, "a scope may not contain a control character");
    return true;
}

/* What stands before the first ":" is known only where no column comes earlier. */
static bool compile_family(struct compiler *c, struct compiled_scope *scope)
{
    char bytes[SCOPE_MAX + 1];
    struct buf family = BUF_FIXED(bytes);
    const struct pattern *pattern = &scope->pattern;
    struct str first = pattern->parts[0].is_column ? (struct str){0} : pattern->parts[0].literal;
    if (pattern->columns == 0)
        buf_str(&family, first);
    else
        scope_family(&family, first);
    return keep(c, buf_slice(&family), &scope->family);
}

static bool compile_scope(struct compiler *c, const struct spec_text *text,
                          struct compiled_scope *scope)
{
    struct template template;
    size_t literal = 0;
    *c->at = text->at;
    if (text->text.n == 0)
        return err_set(c->err, "a scope may not be empty");
    if (!template_parse(text->text, c->arena, &template, c->err))
        return false;
    for (size_t i = 0; i < template.n; i++) {
        if (template.parts[i].is_column)
            continue;
        literal += template.parts[i].text.n;
        if (!check_scope_literal(c, template.parts[i].text))
            return false;
    }
    if (literal + (template_is_literal(&template) ? 0 : 1) > SCOPE_MAX)
        return err_set(c->err,
                       "a scope may have %d bytes, and this one has %zu before any value is in it",
                       SCOPE_MAX, literal);
    return compile_pattern(c, &template, &scope->pattern) && compile_family(c, scope);
}

static bool compile_scopes(struct compiler *c)
{
    const struct spec_texts *scopes = &c->spec->scope;
    if (scopes->n == 0)
        return err_set(c->err, "the rule for \"%.*s\" needs at least one scope",
                       STR_ARG(c->spec->resource.text));
    c->rule->scopes = take(c, scopes->n, sizeof *c->rule->scopes);
    if (!c->rule->scopes)
        return false;
    c->rule->n_scopes = scopes->n;
    for (size_t i = 0; i < scopes->n; i++)
        if (!compile_scope(c, &scopes->items[i], &c->rule->scopes[i]))
            return false;
    return true;
}

/* ---- keys ---- */

static bool keep_json(struct compiler *c, struct buf *json, struct str *out)
{
    bool ok = json->overflow ? err_set(c->err, "the text is too long for a key")
                             : keep(c, buf_slice(json), out);
    buf_free(json);
    return ok;
}

static bool compile_literal(struct compiler *c, struct str text, struct str *out)
{
    struct buf json = BUF_INIT(TEXT_MAX);
    json_t *value = json_loadb(text.p, text.n, JSON_DECODE_ANY, NULL);
    if (!value)
        value = json_loadb(text.p, text.n, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL);
    bool scalar = value && !json_is_array(value) && !json_is_object(value);
    if (scalar)
        jsontext_value(&json, value);
    json_decref(value);
    if (!scalar)
        return err_set(c->err, "\"%.*s\" is not a number, true, false or null", STR_ARG(text));
    return keep_json(c, &json, out);
}

static bool compile_template(struct compiler *c, struct str text, struct node *node)
{
    struct template template;
    if (!template_parse(text, c->arena, &template, c->err))
        return false;
    if (template_is_literal(&template)) {
        struct buf json = BUF_INIT(TEXT_MAX);
        jsontext_string(&json, template.n ? template.parts[0].text : (struct str){0});
        return keep_json(c, &json, &node->text);
    }
    node->kind = template_is_column(&template) ? NODE_VALUE : NODE_MIXED;
    if (!compile_pattern(c, &template, &node->pattern))
        return false;
    node->columns = node->pattern.columns;
    return true;
}

static bool compile_node(struct compiler *c, const struct spec_node *spec, struct node *node);

static bool member_before(const struct spec_node *a, const struct spec_node *b)
{
    size_t n = a->name.n < b->name.n ? a->name.n : b->name.n;
    int order = n ? memcmp(a->name.p, b->name.p, n) : 0;
    return order ? order < 0 : a->name.n < b->name.n;
}

/* The members in canonical order: the next one after `last`. NULL at the end. */
static const struct spec_node *next_member(const struct spec_node *object,
                                           const struct spec_node *last)
{
    const struct spec_node *best = NULL;
    for (const struct spec_node *member = object->child; member; member = member->next)
        if ((!last || member_before(last, member)) && (!best || member_before(member, best)))
            best = member;
    return best;
}

static bool member_name(struct compiler *c, const struct spec_node *object,
                        const struct spec_node *member, struct str *out)
{
    struct buf json = BUF_INIT(TEXT_MAX);
    /* Two names that are not text would be written alike. */
    if (!utf8_check(member->name)) {
        *c->at = member->at;
        return err_set(c->err, "the name of a key's member must be UTF-8 text");
    }
    /* It would stand in the key as it is, and match no query. */
    const char *brace = member->name.n ? memchr(member->name.p, '{', member->name.n) : NULL;
    if (brace && memchr(brace, '}', member->name.n - (size_t)(brace - member->name.p))) {
        *c->at = member->at;
        return err_set(c->err, "the name of a member is no template, only its value is: \"%.*s\"",
                       STR_ARG(member->name));
    }
    for (const struct spec_node *other = object->child; other != member; other = other->next) {
        if (str_equal(other->name, member->name)) {
            *c->at = member->at;
            return err_set(c->err, "the member \"%.*s\" is there twice", STR_ARG(member->name));
        }
    }
    jsontext_string(&json, member->name);
    buf_byte(&json, ':');
    return keep_json(c, &json, out);
}

/* Adds `spec`, compiled, to the children of `parent`. */
static bool compile_child(struct compiler *c, const struct spec_node *spec, struct node *parent,
                          struct node ***end)
{
    struct node *child = take(c, 1, sizeof *child);
    if (!child)
        return false;
    child->depth = parent->depth + 1;
    if (!compile_node(c, spec, child))
        return false;
    parent->columns |= child->columns;
    **end = child;
    *end = &child->next;
    return true;
}

static bool compile_children(struct compiler *c, const struct spec_node *spec, struct node *node)
{
    struct node **end = &node->child;
    if (node->depth >= KEY_DEPTH)
        return err_set(c->err, "a key may be %d arrays and objects deep", KEY_DEPTH);
    if (spec->kind == SPEC_ARRAY) {
        for (const struct spec_node *item = spec->child; item; item = item->next)
            if (!compile_child(c, item, node, &end))
                return false;
        return true;
    }
    for (const struct spec_node *member = spec->child; member; member = member->next) {
        struct str unused;
        if (!member_name(c, spec, member, &unused))
            return false;
    }
    for (const struct spec_node *member = next_member(spec, NULL); member;
         member = next_member(spec, member)) {
        struct node **place = end;
        if (!compile_child(c, member, node, &end) || !member_name(c, spec, member, &(*place)->name))
            return false;
    }
    return true;
}

/* What has no column in it is text from now on. */
static bool flatten(struct compiler *c, struct node *node)
{
    struct buf json = BUF_INIT(TEXT_MAX);
    bool array = node->kind == NODE_ARRAY;
    buf_byte(&json, array ? '[' : '{');
    for (const struct node *child = node->child; child; child = child->next) {
        if (child != node->child)
            buf_byte(&json, ',');
        buf_str(&json, child->name);
        buf_str(&json, child->text);
    }
    buf_byte(&json, array ? ']' : '}');
    node->kind = NODE_TEXT;
    return keep_json(c, &json, &node->text);
}

static bool compile_node(struct compiler *c, const struct spec_node *spec, struct node *node)
{
    *c->at = spec->at;
    switch (spec->kind) {
    case SPEC_TEMPLATE:
        return compile_template(c, spec->text, node);
    case SPEC_LITERAL:
        return compile_literal(c, spec->text, &node->text);
    case SPEC_ARRAY:
        node->kind = NODE_ARRAY;
        break;
    case SPEC_OBJECT:
        node->kind = NODE_OBJECT;
        break;
    }
    if (!compile_children(c, spec, node))
        return false;
    return node->columns || flatten(c, node);
}

/* ---- entries ---- */

/* The bit of an action that this rule knows; 0 for any other name. */
static action_set action_bit(const struct compiled_rule *rule, struct str name)
{
    for (size_t i = 0; i < BUILT_IN; i++)
        if (str_equal(built_in[i], name))
            return (action_set)1 << i;
    for (size_t i = 0; i < rule->n_derived; i++)
        if (str_equal(rule->derived[i].name, name))
            return (action_set)1 << (ACTION_DERIVED + i);
    return 0;
}

/* A name that nobody declared is one that a publisher sends, unless it looks like a slip: a rule
 * that waits for "create" would wait for ever. One letter, because "selected" is not "deleted". */
static bool check_custom(struct compiler *c, struct str name)
{
    struct nearest near = nearest_to(name);
    for (size_t i = 0; i < BUILT_IN; i++)
        nearest_offer(&near, built_in[i]);
    for (size_t i = 0; i < c->rule->n_derived; i++)
        nearest_offer(&near, c->rule->derived[i].name);
    struct str meant = near.best.p && near.distance <= 1 ? near.best : (struct str){0};
    if (str_is(name, "insert") || str_is(name, "inserted"))
        meant = built_in[CHANGE_CREATED];
    if (meant.n)
        return err_set(c->err, "unknown action \"%.*s\" (did you mean \"%.*s\"?)", STR_ARG(name),
                       STR_ARG(meant));
    return true;
}

static bool compile_on(struct compiler *c, const struct spec_texts *on,
                       struct compiled_stale *stale)
{
    stale->every = on->n == 0;
    stale->custom = take(c, on->n ? on->n : 1, sizeof *stale->custom);
    if (!stale->custom)
        return false;
    for (size_t i = 0; i < on->n; i++) {
        struct str name = on->items[i].text;
        *c->at = on->items[i].at;
        if (name.n == 0)
            return err_set(c->err, "an action's name may not be empty");
        action_set bit = action_bit(c->rule, name);
        stale->on |= bit;
        if (!bit && (!check_custom(c, name) || !keep(c, name, &stale->custom[stale->n_custom++])))
            return false;
    }
    return true;
}

static bool compile_stale(struct compiler *c, const struct spec_stale *spec,
                          struct compiled_stale *stale)
{
    *c->at = spec->at;
    stale->at = spec->at;
    stale->at_most_ms = spec->at_most_ms;
    if (!spec->key)
        return err_set(c->err, "an entry of `stale` needs a key");
    if (spec->key->kind != SPEC_ARRAY) {
        *c->at = spec->key->at;
        return err_set(c->err, "a key must be an array, as in [\"tasks\", \"{id}\"]");
    }
    struct node root = {.depth = 0};
    struct node **end = &root.child;
    for (const struct spec_node *part = spec->key->child; part; part = part->next)
        if (!compile_child(c, part, &root, &end))
            return false;
    stale->parts = root.child;
    stale->columns = root.columns;
    if (!compile_on(c, &spec->on, stale) || !column_list(c, &spec->or_changed, &stale->or_changed))
        return false;
    if (stale->every && spec->or_changed.n) {
        *c->at = spec->or_changed.items[0].at;
        return err_set(
            c->err,
            "`or_changed` adds to `on`: without `on` every action makes the key stale already");
    }
    return true;
}

static bool compile_stales(struct compiler *c)
{
    c->rule->stale = take(c, c->spec->n_stale ? c->spec->n_stale : 1, sizeof *c->rule->stale);
    if (!c->rule->stale)
        return false;
    c->rule->n_stale = c->spec->n_stale;
    for (size_t i = 0; i < c->spec->n_stale; i++)
        if (!compile_stale(c, &c->spec->stale[i], &c->rule->stale[i]))
            return false;
    return true;
}

/* ---- derived actions and data ---- */

static bool compile_action(struct compiler *c, const struct spec_action *spec)
{
    struct str name = spec->name.text;
    *c->at = spec->name.at;
    if (name.n == 0)
        return err_set(c->err, "an action's name may not be empty");
    action_set taken = action_bit(c->rule, name);
    if (taken)
        return err_set(c->err,
                       taken >> ACTION_DERIVED
                           ? "the action \"%.*s\" is there twice"
                           : "\"%.*s\" is a built-in action; a derived one needs another name",
                       STR_ARG(name));
    if (c->rule->n_derived == COMPILED_DERIVED)
        return err_set(c->err, "a rule may have %d derived actions", COMPILED_DERIVED);
    if (spec->changed.n == 0)
        return err_set(c->err, "the action \"%.*s\" needs at least one column in `changed`",
                       STR_ARG(name));
    struct compiled_derived *derived = &c->rule->derived[c->rule->n_derived];
    if (!keep(c, name, &derived->name) || !column_list(c, &spec->changed, &derived->changed))
        return false;
    c->rule->n_derived++;
    return true;
}

static bool compile_actions(struct compiler *c)
{
    c->rule->derived = take(c, COMPILED_DERIVED, sizeof *c->rule->derived);
    if (!c->rule->derived)
        return false;
    for (size_t i = 0; i < c->spec->n_actions; i++)
        if (!compile_action(c, &c->spec->actions[i]))
            return false;
    return true;
}

static int data_order(const void *a, const void *b)
{
    const struct spec_data *const *x = a, *const *y = b;
    struct spec_node left = {.name = (*x)->name.text}, right = {.name = (*y)->name.text};
    return member_before(&left, &right) ? -1 : member_before(&right, &left) ? 1 : 0;
}

static bool compile_data(struct compiler *c)
{
    size_t n = c->spec->n_data;
    const struct spec_data **sorted = take(c, n ? n : 1, sizeof *sorted);
    c->rule->data = take(c, n ? n : 1, sizeof *c->rule->data);
    if (!sorted || !c->rule->data)
        return false;
    for (size_t i = 0; i < n; i++)
        sorted[i] = &c->spec->data[i];
    qsort(sorted, n, sizeof *sorted, data_order);
    for (size_t i = 0; i < n; i++) {
        struct compiled_data *data = &c->rule->data[i];
        struct buf json = BUF_INIT(TEXT_MAX);
        *c->at = sorted[i]->name.at;
        if (sorted[i]->name.text.n == 0)
            return err_set(c->err, "a name in `data` may not be empty");
        if (has_control(sorted[i]->name.text))
            return err_set(c->err, "a name in `data` may not contain a control character");
        if (i && str_equal(sorted[i]->name.text, sorted[i - 1]->name.text))
            return err_set(c->err, "`data` has \"%.*s\" twice", STR_ARG(sorted[i]->name.text));
        jsontext_string(&json, sorted[i]->name.text);
        buf_byte(&json, ':');
        if (!keep_json(c, &json, &data->name))
            return false;
        *c->at = sorted[i]->column.at;
        if (!column_number(c, sorted[i]->column.text, USE_VALUE, &data->column))
            return false;
    }
    c->rule->n_data = n;
    return true;
}

/* ---- rules ---- */

static uint32_t resource_hash(const void *item)
{
    const struct compiled_rule *rule = item;
    return (uint32_t)hash_bytes((struct hash_seed){0}, rule->resource);
}

static bool add_rule(struct compiler *c)
{
    struct rules *rules = c->rules;
    struct compiled_rule *rule = c->rule;
    struct str resource = c->spec->resource.text;
    rule->at = *c->at = c->spec->resource.at;
    rule->wildcard = str_is(resource, "*");
    if (resource.n == 0)
        return err_set(c->err, "a rule needs the name of a resource (a table, or \"*\" for all)");
    if (rule->wildcard ? rules->wildcard != NULL : compiled_find(rules, resource) != NULL)
        return err_set(c->err, "the resource \"%.*s\" has a rule already", STR_ARG(resource));
    if (!keep(c, resource, &rule->resource) || !keep(c, c->spec->name.text, &rule->name))
        return false;
    rules->n++;
    if (rule->wildcard)
        rules->wildcard = rule;
    else
        table_add(&rules->by_resource, rule);
    return true;
}

static bool compile_rule(struct compiler *c)
{
    if (!add_rule(c))
        return false;
    /* Ids first, because {id} is one of them; derived actions before `on`, which may name them. */
    if (!compile_ids(c) || !compile_actions(c))
        return false;
    *c->at = c->rule->at;
    if (!compile_scopes(c) || !compile_stales(c) || !compile_data(c))
        return false;
    c->rule->entities = c->rule->n_data || c->spec->changes;
    *c->at = c->rule->at;
    if (c->rule->n_stale == 0 && !c->rule->entities)
        return err_set(
            c->err,
            "the rule for \"%.*s\" marks nothing: it needs `stale`, `data` or `changes: true`",
            STR_ARG(c->rule->resource));
    return true;
}

struct rules *rules_compile(const struct rules_spec *spec, struct place *at, struct err *err)
{
    struct place somewhere = {0};
    struct rules *rules = mem_new(sizeof *rules);
    arena_init(&rules->arena, RULES_MEMORY);
    struct compiler c = {
        .rules = rules, .arena = &rules->arena, .at = at ? at : &somewhere, .err = err};
    table_init(&rules->by_resource, resource_hash);
    rules->rules = take(&c, spec->n ? spec->n : 1, sizeof *rules->rules);
    if (!rules->rules)
        goto wrong;
    for (size_t i = 0; i < spec->n; i++) {
        c.rule = &rules->rules[i];
        c.spec = &spec->rules[i];
        if (!compile_rule(&c))
            goto wrong;
    }
    rules->hash = compiled_hash(rules);
    return rules;
wrong:
    rules_free(rules);
    return NULL;
}
