/* Templates and values that nobody would write, through compile and apply.
 *
 * The input is read as a script: first a rule, whose scopes, key parts and names
 * are its bytes, then a change. Whatever comes out must be fit for the wire: keys
 * are canonical and short, scopes are such that a client may ask for them, or
 * families, all of them below what rules_families announced; ids and data are
 * JSON; no entity mark is in a family. */
#include "base/arena.h"
#include "base/check.h"
#include "base/jsontext.h"
#include "model/key.h"
#include "model/scope.h"
#include "rules/rules.h"

#include <stdint.h>
#include <stdlib.h>

enum { FIELDS = 4, PARTS = 4, ENTRIES = 3, LONG = 300000 };

struct feed {
    const uint8_t *p;
    size_t n;
    struct arena *arena;
};

static unsigned take_byte(struct feed *feed)
{
    if (feed->n == 0)
        return 0;
    feed->n--;
    return *feed->p++;
}

static uint64_t take_word(struct feed *feed)
{
    uint64_t word = 0;
    for (unsigned i = 0; i < 8; i++)
        word = word << 8 | take_byte(feed);
    return word;
}

static void *room(struct feed *feed, size_t size)
{
    void *p = arena_alloc(feed->arena, size);
    CHECK(p);
    return p;
}

static struct str take_text(struct feed *feed)
{
    size_t n = take_byte(feed) % 64;
    n = n < feed->n ? n : feed->n;
    struct str text = arena_copy(feed->arena, (struct str){.p = (const char *)feed->p, .n = n});
    feed->p += n;
    feed->n -= n;
    return text;
}

/* Names that meet often, or any text. */
static struct str take_name(struct feed *feed)
{
    static const char *const names[] = {"a", "b",       "id",      "c",   "t",
                                        "*", "created", "deleted", "done"};
    unsigned pick = take_byte(feed) % 12;
    return pick < 9 ? str_of(names[pick]) : take_text(feed);
}

static struct str take_template(struct feed *feed)
{
    static const char *const texts[] = {"{a}",        "{b}",       "{id}",    "{c}",
                                        "p:{a}",      "p:{a}:{b}", "{a}:{b}", "x{id}",
                                        "o:{{{a}}}:", "plain",     "{a}{a}é", "all"};
    unsigned pick = take_byte(feed) % 16;
    return pick < 12 ? str_of(texts[pick]) : take_text(feed);
}

static struct spec_texts take_list(struct feed *feed, size_t max, bool templates)
{
    struct spec_texts list = {.n = take_byte(feed) % (max + 1)};
    list.items = room(feed, (list.n + 1) * sizeof *list.items);
    for (size_t i = 0; i < list.n; i++)
        list.items[i].text = templates ? take_template(feed) : take_name(feed);
    return list;
}

static struct spec_node *take_node(struct feed *feed, unsigned depth)
{
    static const char *const literals[] = {
        "1", "-0.5", "true", "null", "1e400", "{", "99999999999999999999"};
    struct spec_node *node = room(feed, sizeof *node);
    unsigned pick = take_byte(feed) % 8;
    node->name = take_name(feed);
    if (pick < 5 || depth > 40) {
        node->text = take_template(feed);
    } else if (pick < 6) {
        node->kind = SPEC_LITERAL;
        node->text = str_of(literals[take_byte(feed) % 7]);
    } else {
        node->kind = pick == 6 ? SPEC_ARRAY : SPEC_OBJECT;
        struct spec_node **end = &node->child;
        for (size_t n = take_byte(feed) % 4; n; n--) {
            *end = take_node(feed, depth + 1);
            end = &(*end)->next;
        }
    }
    return node;
}

static void take_rule(struct feed *feed, struct spec_rule *rule)
{
    rule->resource.text = take_byte(feed) % 8 ? STR("t") : take_name(feed);
    rule->name.text = take_name(feed);
    rule->id = take_list(feed, 3, false);
    rule->scope = take_list(feed, 3, true);
    rule->stale = room(feed, ENTRIES * sizeof *rule->stale);
    rule->n_stale = take_byte(feed) % (ENTRIES + 1);
    for (size_t i = 0; i < rule->n_stale; i++) {
        struct spec_stale *stale = &rule->stale[i];
        stale->key = room(feed, sizeof *stale->key);
        stale->key->kind = SPEC_ARRAY;
        struct spec_node **end = &stale->key->child;
        for (size_t n = take_byte(feed) % (PARTS + 1); n; n--) {
            *end = take_node(feed, 0);
            end = &(*end)->next;
        }
        stale->on = take_list(feed, 2, false);
        if (stale->on.n)
            stale->or_changed = take_list(feed, 2, false);
    }
    rule->n_actions = take_byte(feed) % 2;
    rule->actions = room(feed, sizeof *rule->actions);
    rule->actions[0] =
        (struct spec_action){.name = {.text = STR("done")}, .changed = take_list(feed, 2, false)};
    rule->n_data = take_byte(feed) % 3;
    rule->data = room(feed, 2 * sizeof *rule->data);
    for (size_t i = 0; i < rule->n_data; i++)
        rule->data[i] =
            (struct spec_data){.name.text = take_name(feed), .column.text = take_name(feed)};
    rule->changes = take_byte(feed) % 2;
}

/* As a source hands on JSON: parsed and canonical, or else it is text. */
static struct value json_value(struct feed *feed, struct str text)
{
    struct value value = value_text(text);
    json_t *parsed = json_loadb(text.p, text.n, 0, NULL);
    struct buf canonical = BUF_INIT(1 << 16);
    if (parsed && jsontext_value(&canonical, parsed))
        value = (struct value){.type = VALUE_JSON,
                               .text = arena_copy(feed->arena, buf_slice(&canonical))};
    json_decref(parsed);
    buf_free(&canonical);
    return value;
}

static struct value deep_value(struct feed *feed)
{
    size_t depth = take_byte(feed) % 48 + 1;
    char *text = room(feed, depth * 2);
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    return (struct value){.type = VALUE_JSON, .text = {.p = text, .n = depth * 2}};
}

static struct value long_value(struct feed *feed)
{
    char *text = room(feed, LONG);
    memset(text, (int)take_byte(feed), LONG);
    return value_text((struct str){.p = text, .n = LONG >> (take_byte(feed) % 16)});
}

static struct value take_value(struct feed *feed)
{
    uint64_t bits;
    struct value value = {.type = VALUE_ABSENT};
    switch (take_byte(feed) % 10) {
    case 0:
        return value;
    case 1:
        return (struct value){.type = VALUE_NULL};
    case 2:
        return (struct value){.type = VALUE_BOOL, .boolean = take_byte(feed) % 2};
    case 3:
        return value_int((int64_t)take_word(feed));
    case 4:
        bits = take_word(feed);
        value.type = VALUE_REAL;
        memcpy(&value.real, &bits, sizeof bits);
        return value;
    case 5:
        return json_value(feed, take_text(feed));
    case 6:
        return deep_value(feed);
    case 7:
        return long_value(feed);
    default:
        return value_text(take_text(feed));
    }
}

static void take_change(struct feed *feed, struct change *change,
                        struct change_field fields[FIELDS])
{
    static const char *const actions[] = {"created",   "updated", "deleted",
                                          "truncated", "done",    "archived"};
    static const char *const columns[FIELDS] = {"a", "b", "id", "c"};
    change->resource = STR("t");
    change->action_name = str_of(actions[take_byte(feed) % 6]);
    change->action = change_action_of(change->action_name);
    change->sparse = take_byte(feed) % 2;
    change->id = take_value(feed);
    for (size_t i = 0; i < FIELDS; i++) {
        fields[i].column = str_of(columns[i]);
        fields[i].before = take_value(feed);
        fields[i].after = take_byte(feed) % 2 ? take_value(feed) : fields[i].before;
        fields[i].differs = (enum change_known)(take_byte(feed) % 3);
    }
    change->fields = fields;
    change->n_fields = FIELDS;
    struct value data = json_value(feed, take_text(feed));
    if (data.type == VALUE_JSON && data.text.p[0] == '{')
        change->data = data.text;
}

/* ---- what must hold of every answer ---- */

struct watch {
    const struct rules *rules;
    struct str scope;
    size_t marks;
    bool covered;
};

static void cover(void *ctx, struct str widest)
{
    struct watch *watch = ctx;
    watch->covered |= str_equal(watch->scope, widest) || scope_in_family(watch->scope, widest);
}

static void check_scope(struct watch *watch, struct str scope)
{
    watch->scope = scope;
    watch->covered = false;
    rules_families(watch->rules, STR("t"), cover, watch);
    CHECK(watch->covered);
}

static void check_json(struct str text)
{
    json_t *value = json_loadb(text.p, text.n,
                               JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL);
    CHECK(value);
    json_decref(value);
}

static void on_mark(void *ctx, struct str scope, struct str key, uint64_t at_most_ms,
                    struct place rule)
{
    struct watch *watch = ctx;
    (void)at_most_ms;
    (void)rule;
    watch->marks++;
    CHECK(scope_is_family(scope) || scope_check(scope, NULL));
    CHECK(key.n <= KEY_MAX && key_check(key));
    check_scope(watch, scope);
}

static void on_entity(void *ctx, struct str scope, const struct rules_entity *entity,
                      struct place rule)
{
    (void)rule;
    CHECK(scope_check(scope, NULL));
    CHECK(entity->action.n);
    check_scope(ctx, scope);
    if (entity->id.n)
        check_json(entity->id);
    if (entity->data.n)
        check_json(entity->data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    arena_init(&arena, 64 << 20);
    struct feed feed = {.p = data, .n = size, .arena = &arena};
    struct spec_rule specs[2];
    struct change_field fields[FIELDS];
    struct change change;
    memset(specs, 0, sizeof specs);
    memset(fields, 0, sizeof fields);
    memset(&change, 0, sizeof change);
    struct err err = ERR_INIT;
    struct place at;

    size_t n = 1 + take_byte(&feed) % 2;
    take_rule(&feed, &specs[0]);
    if (n == 2)
        take_rule(&feed, &specs[1]);
    struct rules_spec spec = {.rules = specs, .n = n};
    struct rules *rules = rules_compile(&spec, &at, &err);
    if (!rules) {
        CHECK(err.text[0]);
        goto out;
    }
    struct rules *again = rules_compile(&spec, &at, &err);
    CHECK(again && rules_hash(again) == rules_hash(rules));
    rules_free(again);

    take_change(&feed, &change, fields);
    struct watch watch = {.rules = rules};
    struct rules_sink sink = {.ctx = &watch, .mark = on_mark, .entity = on_entity};
    bool known = rules_apply(rules, &change, &sink);
    CHECK(known || watch.marks == 0);
    for (size_t i = 0; i < n; i++) {
        struct str resource = specs[i].resource.text;
        bool applies = str_is(resource, "t") || str_is(resource, "*");
        if (applies && specs[i].n_stale && change.action == CHANGE_TRUNCATED)
            CHECK(watch.marks); /* TRUNCATE matches every entry */
    }
out:
    rules_free(rules);
    arena_free(&arena);
    return 0;
}
