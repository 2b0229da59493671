/* A change goes through a rule in four steps:
 *
 * 1. look: the value of each of the rule's columns on the old and on the new
 *    side of the change, and the sets of columns that are not known to be the
 *    same. Everything later reads only this view.
 * 2. each scope template is written for both sides; one that cannot be is its
 *    family.
 * 3. for each scope and each `stale:` entry, the key is written for both sides.
 *    Sides are told apart by columns, not by text: if none that the scope or the
 *    key depends on may have changed, the row stayed where it was. Otherwise it
 *    left the one and came to the other.
 * 4. entity marks, for the scopes that are known.
 *
 * Nothing is allocated: a scope has at most SCOPE_MAX bytes and a key KEY_MAX,
 * so both are written into arrays on the stack. */
#include "rules/rules.h"

#include "base/jsontext.h"
#include "model/key.h"
#include "model/scope.h"
#include "rules/compiled.h"

enum { OLD, NEW, SIDES };
enum {
    KEY_DEPTH = 32, /* what key_check allows */
    ID_MAX = 512,
    DATA_MAX =
        4096, /* larger data is left out, and the mark kept; the hub has a lower bound of its own */
};

struct view {
    const struct change *change;
    const struct compiled_rule *rule;
    const struct compiled_rule
        *own; /* the resource's own rule, also while `rule` is the "*" rule */
    struct value values[SIDES][COMPILED_COLUMNS];
    bool has[SIDES];    /* which sides the change has */
    bool renamed;       /* the row's id is known to have changed */
    column_set moved;   /* may differ between the sides */
    column_set changed; /* counts as changed for or_changed and derived actions */
    action_set actions; /* the change's own and the derived ones; none for a custom name */
};

/* ---- 1. look ---- */

static struct value side_value(const struct change *change, const struct change_field *field,
                               int side)
{
    if (!field)
        return (struct value){.type = VALUE_ABSENT};
    struct value here = side == OLD ? field->before : field->after;
    struct value there = side == OLD ? field->after : field->before;
    bool same = change->sparse || field->differs == CHANGE_SAME;
    return here.type == VALUE_ABSENT && same ? there : here;
}

/* The column that is the row's id: the rule's single `id:` column, or "id". */
static struct str id_column(const struct view *view)
{
    const struct compiled_rule *rule = compiled_id_rule(view->rule, view->own);
    return rule && rule->n_ids == 1 ? rule->columns[rule->ids[0]].name : STR("id");
}

static struct value look_up(const struct view *view, struct str column, int side)
{
    const struct change *change = view->change;
    struct value value = side_value(change, change_field(change, column), side);
    if (value.type == VALUE_ABSENT && str_equal(column, id_column(view)))
        return change->id;
    return value;
}

static bool may_differ(const struct change_field *field, struct value before, struct value after)
{
    if (field && field->differs != CHANGE_UNKNOWN)
        return field->differs == CHANGE_DIFFERENT;
    return !value_equal(before, after);
}

/* A row with another id is another row: the old one is gone, the new one is there. Not knowing the
 * id is no reason to think so, or every update from a source that does not record it would be one.
 */
static bool is_renamed(const struct view *view)
{
    const struct compiled_rule *rule = compiled_id_rule(view->rule, view->own);
    for (size_t i = 0; i < (rule ? rule->n_ids : 1); i++) {
        struct str column = rule ? rule->columns[rule->ids[i]].name : STR("id");
        struct value before = look_up(view, column, OLD), after = look_up(view, column, NEW);
        bool known = before.type != VALUE_ABSENT && after.type != VALUE_ABSENT;
        if (known && !value_equal(before, after))
            return true;
    }
    return false;
}

static action_set derived_actions(const struct view *view)
{
    const struct compiled_rule *rule = view->rule;
    action_set actions = 0;
    for (size_t i = 0; i < rule->n_derived; i++) {
        const struct compiled_derived *derived = &rule->derived[i];
        if ((derived->changed & view->changed) ||
            str_equal(derived->name, view->change->action_name))
            actions |= (action_set)1 << (ACTION_DERIVED + i);
    }
    return actions;
}

static void look(struct view *view)
{
    const struct change *change = view->change;
    const struct compiled_rule *rule = view->rule;
    view->has[OLD] = change->action != CHANGE_CREATED && change->action != CHANGE_TRUNCATED;
    view->has[NEW] = change->action != CHANGE_DELETED;
    for (size_t i = 0; i < rule->n_columns; i++) {
        column_set bit = (column_set)1 << i;
        /* In a "*" rule {id} is the id of whatever resource changed. */
        struct str name = rule->wildcard && str_is(rule->columns[i].name, "id")
                              ? id_column(view)
                              : rule->columns[i].name;
        for (int side = OLD; side < SIDES; side++) {
            struct value absent = {.type = VALUE_ABSENT};
            view->values[side][i] =
                change->action == CHANGE_TRUNCATED ? absent : look_up(view, name, side);
        }
        if (may_differ(change_field(change, name), view->values[OLD][i], view->values[NEW][i]))
            view->moved |= bit;
        if (change_differs(change, name) != CHANGE_SAME)
            view->changed |= bit;
    }
    if (change->action != CHANGE_CUSTOM)
        view->actions = (action_set)1 << change->action;
    if (view->has[OLD] && view->has[NEW]) {
        view->actions |= derived_actions(view);
        view->renamed = is_renamed(view);
    }
}

/* ---- 2. scopes ---- */

enum standing {
    STANDS,  /* the scope is known */
    OUTSIDE, /* known to be in no scope: a value is null or empty */
    UNKNOWN, /* not recorded, or too long to be a scope */
};

struct told {
    enum standing standing;
    struct buf text; /* the scope, or its family */
    char bytes[SCOPE_MAX];
};

static void write_scope(const struct view *view, const struct compiled_scope *scope, int side,
                        struct told *told)
{
    told->standing = STANDS;
    told->text = BUF_FIXED(told->bytes);
    for (size_t i = 0; i < scope->pattern.n && told->standing == STANDS; i++) {
        const struct pattern_part *part = &scope->pattern.parts[i];
        if (!part->is_column) {
            buf_str(&told->text, part->literal);
            continue;
        }
        struct value value = view->values[side][part->column];
        if (value.type == VALUE_ABSENT)
            told->standing = UNKNOWN;
        else if (!scope_write_value(&told->text, value) && !told->text.overflow)
            told->standing = OUTSIDE;
    }
    if (told->text.overflow)
        told->standing = UNKNOWN;
    if (told->standing != STANDS) {
        buf_clear(&told->text);
        buf_str(&told->text, scope->family);
    }
}

/* ---- 3. keys ---- */

/* How many arrays and objects stand in each other at the deepest place of canonical JSON. */
static unsigned json_depth(struct str text)
{
    unsigned depth = 0, deepest = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '[' || c == '{'))
            deepest = ++depth > deepest ? depth : deepest;
        else if (!quoted && (c == ']' || c == '}'))
            depth--;
    }
    return deepest;
}

static bool write_mixed(struct buf *out, const struct view *view, int side,
                        const struct pattern *pattern)
{
    char bytes[KEY_MAX];
    struct buf text = BUF_FIXED(bytes);
    for (size_t i = 0; i < pattern->n; i++) {
        const struct pattern_part *part = &pattern->parts[i];
        if (!part->is_column)
            buf_str(&text, part->literal);
        else if (view->values[side][part->column].type == VALUE_ABSENT)
            return false;
        else
            value_write_text(&text, view->values[side][part->column]);
    }
    return !text.overflow && jsontext_string(out, buf_slice(&text));
}

static bool write_value(struct buf *out, const struct view *view, int side, const struct node *node)
{
    struct value value = view->values[side][node->pattern.parts[0].column];
    if (value.type == VALUE_ABSENT)
        return false;
    if (value.type == VALUE_JSON &&
        (value.text.n > KEY_MAX || node->depth + json_depth(value.text) > KEY_DEPTH))
        return false;
    return value_write_json(out, value);
}

/* False when it cannot be computed or does not fit. Recursion ends at KEY_DEPTH, see compile.c. */
static bool write_node(struct buf *out, const struct view *view, int side, const struct node *node)
{
    buf_str(out, node->name);
    switch (node->kind) {
    case NODE_TEXT:
        return buf_str(out, node->text);
    case NODE_VALUE:
        return write_value(out, view, side, node);
    case NODE_MIXED:
        return write_mixed(out, view, side, &node->pattern);
    case NODE_ARRAY:
    case NODE_OBJECT:
        break;
    }
    bool array = node->kind == NODE_ARRAY;
    buf_byte(out, array ? '[' : '{');
    for (const struct node *child = node->child; child; child = child->next) {
        if (child != node->child)
            buf_byte(out, ',');
        if (!write_node(out, view, side, child))
            return false;
    }
    return buf_byte(out, array ? ']' : '}');
}

/* The longest prefix of the key that can be computed and that fits KEY_MAX. With `public_only`
 * it ends before the first part in which a row's value stands. */
static void write_key(const struct view *view, const struct compiled_stale *stale, int side,
                      bool public_only, struct buf *out)
{
    out->max = KEY_MAX - 1; /* keeps the room for the bracket */
    buf_byte(out, '[');
    for (const struct node *part = stale->parts; part; part = part->next) {
        size_t end = out->len;
        if (public_only && part->columns)
            break;
        if (part != stale->parts)
            buf_byte(out, ',');
        if (!write_node(out, view, side, part)) {
            buf_cut(out, end);
            break;
        }
    }
    out->max = KEY_MAX;
    buf_byte(out, ']');
}

static bool matches(const struct view *view, const struct compiled_stale *stale, action_set actions)
{
    if (stale->every || view->change->action == CHANGE_TRUNCATED)
        return true;
    if ((stale->on & actions) || (stale->or_changed & view->changed))
        return true;
    for (size_t i = 0; i < stale->n_custom; i++)
        if (str_equal(stale->custom[i], view->change->action_name))
            return true;
    return false;
}

static void mark_stale(const struct view *view, const struct compiled_scope *scope,
                       const struct told told[SIDES], const struct compiled_stale *stale,
                       const struct rules_sink *sink)
{
    static const action_set side_action[SIDES] = {
        [OLD] = (action_set)1 << CHANGE_DELETED,
        [NEW] = (action_set)1 << CHANGE_CREATED,
    };
    bool both = view->has[OLD] && view->has[NEW];
    bool moved =
        both && (view->renamed || ((scope->pattern.columns | stale->columns) & view->moved));
    char bytes[SIDES][KEY_MAX];
    struct buf keys[SIDES] = {BUF_FIXED(bytes[OLD]), BUF_FIXED(bytes[NEW])};
    bool wanted[SIDES];
    for (int side = OLD; side < SIDES; side++) {
        wanted[side] =
            view->has[side] && !(both && !moved && side == OLD) &&
            matches(view, stale, moved ? view->actions | side_action[side] : view->actions);
        if (wanted[side])
            write_key(view, stale, side, told[side].standing != STANDS, &keys[side]);
    }
    if (wanted[OLD] && wanted[NEW] &&
        str_equal(buf_slice(&told[OLD].text), buf_slice(&told[NEW].text)) &&
        str_equal(buf_slice(&keys[OLD]), buf_slice(&keys[NEW])))
        wanted[OLD] = false;
    for (int side = OLD; side < SIDES; side++)
        if (wanted[side])
            sink->mark(sink->ctx, buf_slice(&told[side].text), buf_slice(&keys[side]),
                       stale->at_most_ms, stale->at);
}

/* ---- 4. entity marks ---- */

/* What is said of the row, written once a change and rule. */
struct row {
    struct str name;
    struct buf id[SIDES]; /* JSON; empty when unknown */
    char id_bytes[SIDES][ID_MAX];
    bool renamed; /* both ids are known, and they differ */
    struct buf data;
    char data_bytes[DATA_MAX];
};

static bool write_id_value(struct buf *out, struct value value)
{
    char bytes[ID_MAX];
    struct buf text = BUF_FIXED(bytes);
    if (value.type == VALUE_ABSENT || value.type == VALUE_NULL)
        return false;
    return value_write_text(&text, value) && jsontext_string(out, buf_slice(&text));
}

/* Always strings: what is an integer here may be text in the next database, and the page compares.
 */
static void write_id(const struct view *view, int side, struct buf *out)
{
    const struct compiled_rule *rule = compiled_id_rule(view->rule, view->own);
    struct value given = view->change->id;
    bool ok = true;
    if (given.type != VALUE_ABSENT) {
        ok = given.type == VALUE_JSON ? value_write_json(out, given) : write_id_value(out, given);
    } else if (!rule || rule->n_ids == 1) {
        ok = write_id_value(out, look_up(view, id_column(view), side));
    } else {
        for (size_t i = 0; i < rule->n_ids && ok; i++) {
            buf_byte(out, i ? ',' : '[');
            ok = write_id_value(out, look_up(view, rule->columns[rule->ids[i]].name, side));
        }
        buf_byte(out, ']');
    }
    if (!ok || out->overflow)
        buf_clear(out);
}

/* What the publisher sent stands above what the row says. */
static void merge_data(struct buf *out, struct str over)
{
    json_t *row = json_loadb(out->data, out->len, JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL);
    json_t *sent = json_loadb(over.p, over.n, JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL);
    if (row && sent && json_object_update(row, sent) == 0) {
        buf_clear(out);
        jsontext_value(out, row);
    }
    json_decref(row);
    json_decref(sent);
}

static void write_data(const struct view *view, struct buf *out)
{
    const struct compiled_rule *rule = view->rule;
    struct str sent = view->change->data;
    size_t n = 0;
    if (view->has[NEW]) {
        for (size_t i = 0; i < rule->n_data; i++) {
            struct value value = view->values[NEW][rule->data[i].column];
            if (value.type == VALUE_ABSENT)
                continue;
            buf_byte(out, n++ ? ',' : '{');
            buf_str(out, rule->data[i].name);
            value_write_json(out, value);
        }
        if (n)
            buf_byte(out, '}');
    }
    if (sent.n && n && !out->overflow)
        merge_data(out, sent);
    else if (sent.n && !n)
        buf_str(out, sent);
    if (out->overflow)
        buf_clear(out);
}

static void describe(const struct view *view, struct row *row)
{
    row->name = view->rule->name;
    if (row->name.n == 0 && view->own)
        row->name = view->own->name;
    if (row->name.n == 0)
        row->name = view->change->resource;
    for (int side = OLD; side < SIDES; side++) {
        row->id[side] = BUF_FIXED(row->id_bytes[side]);
        if (view->has[side] && view->change->action != CHANGE_TRUNCATED)
            write_id(view, side, &row->id[side]);
    }
    row->renamed = row->id[OLD].len && row->id[NEW].len &&
                   !str_equal(buf_slice(&row->id[OLD]), buf_slice(&row->id[NEW]));
    row->data = BUF_FIXED(row->data_bytes);
    write_data(view, &row->data);
}

static void tell(const struct view *view, const struct row *row, const struct told *told, int side,
                 struct str action, bool with_data, const struct rules_sink *sink)
{
    struct rules_entity entity = {
        .name = row->name,
        .id = buf_slice(&row->id[side]),
        .action = action,
        .data = with_data ? buf_slice(&row->data) : (struct str){0},
        .has_data = view->rule->n_data > 0,
    };
    sink->entity(sink->ctx, buf_slice(&told->text), &entity, view->rule->at);
}

/* The row left the old scope (or its old id is gone): `deleted` there, without data, since the
 * row is no longer for these eyes. It came to the new one: `created`. Where that is not known,
 * it is what it says it is. */
static void mark_entities(const struct view *view, const struct row *row,
                          const struct told told[SIDES], const struct rules_sink *sink)
{
    struct str action = view->change->action_name;
    if (!(view->has[OLD] && view->has[NEW])) {
        int side = view->has[OLD] ? OLD : NEW;
        if (told[side].standing == STANDS)
            tell(view, row, &told[side], side, action, true, sink);
        return;
    }
    bool other_scope = !str_equal(buf_slice(&told[OLD].text), buf_slice(&told[NEW].text));
    bool known = told[OLD].standing != UNKNOWN && told[NEW].standing != UNKNOWN;
    bool moved = row->renamed || (known && other_scope);
    bool custom = view->change->action == CHANGE_CUSTOM;

    if (told[OLD].standing == STANDS && moved)
        tell(view, row, &told[OLD], OLD, STR("deleted"), false, sink);
    else if (told[OLD].standing == STANDS && told[NEW].standing != STANDS)
        tell(view, row, &told[OLD], OLD, action, false, sink);

    if (told[NEW].standing != STANDS)
        return;
    if (moved)
        tell(view, row, &told[NEW], NEW, STR("created"), true, sink);
    if (!moved || custom)
        tell(view, row, &told[NEW], NEW, action, true, sink);
    for (size_t i = 0; i < view->rule->n_derived; i++) {
        struct str name = view->rule->derived[i].name;
        if ((view->actions >> (ACTION_DERIVED + i) & 1) && !(custom && str_equal(name, action)))
            tell(view, row, &told[NEW], NEW, name, true, sink);
    }
}

static void apply_rule(const struct compiled_rule *rule, const struct compiled_rule *own,
                       const struct change *change, const struct rules_sink *sink)
{
    struct view view = {.change = change, .rule = rule, .own = own};
    look(&view);
    bool entities = rule->entities && sink->entity;
    struct row row;
    if (entities)
        describe(&view, &row);
    for (size_t i = 0; i < rule->n_scopes; i++) {
        struct told told[SIDES];
        for (int side = OLD; side < SIDES; side++)
            write_scope(&view, &rule->scopes[i], side, &told[side]);
        for (size_t j = 0; j < rule->n_stale; j++)
            mark_stale(&view, &rule->scopes[i], told, &rule->stale[j], sink);
        if (entities)
            mark_entities(&view, &row, told, sink);
    }
}

bool rules_apply(const struct rules *rules, const struct change *change,
                 const struct rules_sink *sink)
{
    const struct compiled_rule *own = compiled_find(rules, change->resource);
    if (own)
        apply_rule(own, own, change, sink);
    if (rules->wildcard)
        apply_rule(rules->wildcard, own, change, sink);
    return own || rules->wildcard;
}
