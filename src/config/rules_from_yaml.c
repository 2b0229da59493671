#include "config/rules_from_yaml.h"

#include "base/check.h"
#include "config/scalar.h"

/* ---- keys ---------------------------------------------------------------------------------- */

/* The depth is bounded by the tree's. */
static bool read_part(const struct reader *reader, const struct yaml *node, struct spec_node *out)
{
    out->at = node->at;
    if (node->kind == YAML_TEXT) {
        struct buf json = BUF_INIT(64);
        enum scalar scalar = scalar_read(reader, node, &json);
        out->kind = scalar == SCALAR_LITERAL ? SPEC_LITERAL : SPEC_TEMPLATE;
        out->text =
            scalar == SCALAR_LITERAL ? arena_copy(reader->arena, buf_slice(&json)) : node->text;
        CHECK(out->text.p);
        buf_free(&json);
        return scalar != SCALAR_WRONG;
    }
    if (reader_unquoted_template(node))
        return reader_wrong(reader, node->at, "\"{%s}\" needs quotes, else it is a mapping",
                            shown(node->first->name).text);
    out->kind = node->kind == YAML_LIST ? SPEC_ARRAY : SPEC_OBJECT;
    struct spec_node **tail = &out->child;
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next) {
        struct spec_node *child = reader_new(reader, 1, sizeof *child);
        child->name = entry->name;
        if (!read_part(reader, entry->value, child))
            return false;
        *tail = child;
        tail = &child->next;
    }
    return true;
}

static bool read_key(const struct reader *reader, const struct yaml *node, struct spec_stale *stale)
{
    if (node->kind != YAML_LIST)
        return reader_mistyped(reader, node, "a key",
                               "a list, as in [\"tasks\", \"detail\", \"{id}\"]");
    stale->key = reader_new(reader, 1, sizeof *stale->key);
    return read_part(reader, node, stale->key);
}

/* ---- entries of stale: --------------------------------------------------------------------- */

static bool read_stale(const struct reader *reader, const struct yaml *node,
                       struct spec_stale *stale)
{
    stale->at = node->at;
    if (node->kind == YAML_LIST)
        return read_key(reader, node, stale);
    if (node->kind != YAML_MAP)
        return reader_mistyped(
            reader, node, "an entry of stale",
            "a key, which is a list itself: - [\"tasks\", \"detail\", \"{id}\"]");
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next) {
        const struct setting *setting = settings_find("stale", entry->name);
        bool ok;
        if (!setting)
            return reader_unknown(reader, "stale", entry);
        if (str_is(entry->name, "key"))
            ok = read_key(reader, entry->value, stale);
        else if (str_is(entry->name, "on"))
            ok = reader_texts(reader, entry->value, "on", setting->form, &stale->on);
        else if (str_is(entry->name, "or_changed"))
            ok =
                reader_texts(reader, entry->value, "or_changed", setting->form, &stale->or_changed);
        else
            ok = reader_setting(reader, setting, entry->value, stale);
        if (!ok)
            return false;
        /* An empty list would mean the same as none: every action, never a change. Nobody means
         * that. */
        if (entry->value->kind == YAML_LIST && entry->value->n == 0 && !str_is(entry->name, "key"))
            return reader_wrong(reader, entry->value->at, "%s is empty; leave it out",
                                entry->name.p);
    }
    return stale->key ||
           reader_wrong(reader, node->at,
                        "an entry of stale has a key: { key: [\"tasks\", \"{id}\"], ... }");
}

static bool read_stales(const struct reader *reader, const struct yaml *node,
                        struct spec_rule *rule)
{
    if (!reader_list(reader, node, "stale"))
        return false;
    if (node->n && node->first->value->kind == YAML_TEXT)
        return reader_wrong(reader, node->first->at,
                            "stale is a list of keys, and each key is a list: [[\"%s\", ...]]",
                            shown(node->first->value->text).text);
    rule->stale = reader_new(reader, node->n, sizeof *rule->stale);
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next)
        if (!read_stale(reader, entry->value, &rule->stale[rule->n_stale++]))
            return false;
    return true;
}

/* ---- actions: and data: -------------------------------------------------------------------- */

static bool read_action(const struct reader *reader, const struct yaml_entry *entry,
                        struct spec_action *action)
{
    const struct yaml *node = entry->value;
    action->name = (struct spec_text){.text = entry->name, .at = entry->at};
    if (node->kind != YAML_MAP)
        return reader_mistyped(reader, node, "an action", "a mapping: { changed: [column] }");
    for (const struct yaml_entry *key = node->first; key; key = key->next) {
        const struct setting *setting = settings_find("action", key->name);
        if (!setting)
            return reader_unknown(reader, "action", key);
        if (!reader_texts(reader, key->value, "changed", setting->form, &action->changed))
            return false;
    }
    return action->changed.n ||
           reader_wrong(reader, node->at, "an action says which columns: { changed: [column] }");
}

static bool read_actions(const struct reader *reader, const struct yaml *node,
                         struct spec_rule *rule)
{
    if (!reader_map(reader, node, "actions"))
        return false;
    rule->actions = reader_new(reader, node->n, sizeof *rule->actions);
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next)
        if (!read_action(reader, entry, &rule->actions[rule->n_actions++]))
            return false;
    return true;
}

static bool read_data(const struct reader *reader, const struct yaml *node, struct spec_rule *rule)
{
    if (node->kind != YAML_MAP)
        return reader_mistyped(reader, node, "data", "a mapping: { name_sent: column }");
    rule->data = reader_new(reader, node->n, sizeof *rule->data);
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next) {
        struct spec_data *data = &rule->data[rule->n_data++];
        data->name = (struct spec_text){.text = entry->name, .at = entry->at};
        if (!reader_text(reader, entry->value, "data", "the name of a column", &data->column))
            return false;
    }
    return true;
}

/* ---- rules --------------------------------------------------------------------------------- */

static bool read_field(const struct reader *reader, const struct setting *setting,
                       const struct yaml *node, struct spec_rule *rule)
{
    struct str name = str_of(setting->name);
    if (str_is(name, "name"))
        return reader_text(reader, node, "name", setting->form, &rule->name);
    if (str_is(name, "id"))
        return reader_texts(reader, node, "id", setting->form, &rule->id) &&
               (rule->id.n > 0 || reader_wrong(reader, node->at, "id is empty; leave it out"));
    if (str_is(name, "scope"))
        return reader_texts(reader, node, "scope", setting->form, &rule->scope);
    if (str_is(name, "stale"))
        return read_stales(reader, node, rule);
    if (str_is(name, "actions"))
        return read_actions(reader, node, rule);
    if (str_is(name, "data"))
        return read_data(reader, node, rule);
    return reader_setting(reader, setting, node, rule);
}

static bool read_rule(const struct reader *reader, const struct yaml_entry *entry,
                      struct spec_rule *rule)
{
    const struct yaml *node = entry->value;
    rule->resource = (struct spec_text){.text = entry->name, .at = entry->at};
    if (entry->name.n == 0)
        return reader_wrong(reader, entry->at, "a rule has the name of its table");
    if (node->kind != YAML_MAP)
        return reader_mistyped(reader, node, "a rule", "a mapping with scope and stale");
    for (const struct yaml_entry *key = node->first; key; key = key->next) {
        const struct setting *setting = settings_find("rule", key->name);
        if (!setting)
            return reader_unknown(reader, "rule", key);
        if (!read_field(reader, setting, key->value, rule))
            return false;
    }
    if (rule->scope.n == 0)
        return reader_wrong(reader, entry->at,
                            "the rule of \"%s\" does not say who is told: scope: [\"...\"]",
                            shown(entry->name).text);
    if (rule->n_stale == 0 && rule->n_data == 0 && !rule->changes)
        return reader_wrong(reader, entry->at,
                            "the rule of \"%s\" does not say what goes stale: stale: [[\"...\"]]",
                            shown(entry->name).text);
    return true;
}

bool rules_from_yaml(const struct reader *reader, const struct yaml *node, struct rules_spec *spec)
{
    if (node->kind != YAML_MAP)
        return reader_mistyped(reader, node, "rules", "a mapping from a table to its rule");
    spec->rules = reader_new(reader, node->n, sizeof *spec->rules);
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next)
        if (!read_rule(reader, entry, &spec->rules[spec->n++]))
            return false;
    return true;
}
