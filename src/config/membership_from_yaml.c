#include "config/membership_from_yaml.h"

#include "base/check.h"

static bool add_column(const struct reader *reader, struct roll *roll, struct str name,
                       struct place at)
{
    return roll_column(roll, name, at) ||
           reader_wrong(reader, at, "an entry of membership names at most %d columns",
                        ROLL_COLUMNS_MAX);
}

static bool read_scope(const struct reader *reader, const struct yaml *node, struct roll *roll)
{
    struct spec_text text;
    struct err why = ERR_INIT;
    static const char wanted[] = "a text with columns in it (\"project:{project_id}\")";
    if (!reader_text(reader, node, "scope", wanted, &text))
        return false;
    roll->text = text.text;
    if (!template_parse(text.text, reader->arena, &roll->scope, &why))
        return reader_wrong(reader, node->at, "scope: %s", why.text);
    /* A family, or a row's value where the scope's kind should stand, would open more than one. */
    const struct template_part *first = &roll->scope.parts[0];
    if (template_is_literal(&roll->scope)
            ? !scope_check(first->text, &why)
            : first->is_column || str_index(first->text, ':') == first->text.n)
        return reader_wrong(reader, node->at,
                            "scope: \"%s\" does not begin with its kind and a colon, as in "
                            "\"project:{project_id}\"",
                            shown(text.text).text);
    for (size_t i = 0; i < roll->scope.n; i++) {
        const struct template_part *part = &roll->scope.parts[i];
        if (part->is_column ? !add_column(reader, roll, part->text, node->at)
                            : str_index(part->text, '*') < part->text.n)
            return part->is_column
                       ? false
                       : reader_wrong(reader, node->at,
                                      "scope: a star is a family; membership grants scopes");
    }
    return true;
}

/* One condition's values: what a scalar says is compared as text. */
static bool read_values(const struct reader *reader, const struct yaml *node,
                        struct roll_where *where)
{
    size_t n = node->kind == YAML_LIST ? node->n : 1;
    where->values = reader_new(reader, n, sizeof *where->values);
    const struct yaml_entry *entry = node->first;
    for (size_t i = 0; i < n; i++) {
        const struct yaml *value = node->kind == YAML_LIST ? entry->value : node;
        if (value->kind != YAML_TEXT)
            return reader_mistyped(reader, value, "a value of where",
                                   "a text, a number, true, "
                                   "false or null");
        if (yaml_is_null(value))
            where->null = true;
        else
            where->values[where->n++] = value->text;
        entry = entry ? entry->next : NULL;
    }
    return n > 0 || reader_wrong(reader, node->at, "where: an empty list never holds");
}

static bool read_where(const struct reader *reader, const struct yaml *node, struct roll *roll)
{
    if (!reader_map(reader, node, "where"))
        return false;
    roll->where = reader_new(reader, node->n, sizeof *roll->where);
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next) {
        struct roll_where *where = &roll->where[roll->n_where++];
        *where = (struct roll_where){.column = entry->name, .at = entry->at};
        if (!add_column(reader, roll, entry->name, entry->at) ||
            !read_values(reader, entry->value, where))
            return false;
    }
    return true;
}

static bool read_roll(const struct reader *reader, const struct yaml *node, struct roll *roll)
{
    const struct yaml *scope = NULL, *where = NULL;
    struct spec_text user = {.text = {0}}, table = {.text = {0}};
    roll->at = node->at;
    if (node->kind != YAML_MAP)
        return reader_mistyped(reader, node, "an entry of membership",
                               "a mapping with scope, table and user");
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next) {
        if (!settings_find("membership", entry->name))
            return reader_unknown(reader, "membership", entry);
        if (str_is(entry->name, "scope"))
            scope = entry->value;
        else if (str_is(entry->name, "where"))
            where = entry->value;
        else if (!reader_text(reader, entry->value, entry->name.p,
                              str_is(entry->name, "user") ? "a column" : "a table",
                              str_is(entry->name, "user") ? &user : &table))
            return false;
    }
    if (!scope || !user.text.n || !table.text.n)
        return reader_wrong(reader, node->at, "an entry of membership needs %s",
                            !scope          ? "scope: which scope a row grants"
                            : !table.text.n ? "table: whose rows grant it"
                                            : "user: the column that says to whom");
    roll->table = table.text;
    roll->table_at = table.at;
    return add_column(reader, roll, user.text, user.at) && read_scope(reader, scope, roll) &&
           (!where || read_where(reader, where, roll));
}

bool membership_from_yaml(const struct reader *reader, const struct yaml *node,
                          struct auth_spec *spec)
{
    if (!reader_list(reader, node, "membership"))
        return false;
    if (node->n > ROLLS_MAX)
        return reader_wrong(reader, node->at, "membership has at most %d entries; here stand %zu",
                            ROLLS_MAX, node->n);
    spec->membership.items = reader_new(reader, node->n, sizeof *spec->membership.items);
    spec->membership_at = node->at;
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next)
        if (!read_roll(reader, entry->value, &spec->membership.items[spec->membership.n++]))
            return false;
    return true;
}

bool membership_fits(const struct reader *reader, const struct config *config)
{
    size_t databases = 0;
    if (config->auth.membership.n == 0)
        return true;
    for (size_t i = 0; i < config->n_sources; i++) {
        const struct config_source *source = &config->sources[i];
        databases += source->kind != CONFIG_PUBLISH;
        if (source->kind == CONFIG_POSTGRES && source->channel)
            return reader_wrong(reader, config->auth.membership_at,
                                "membership cannot be kept true by triggers of your own "
                                "(channel:); it takes those of unstale setup postgres");
    }
    return databases == 1 ||
           reader_wrong(reader, config->auth.membership_at,
                        "membership is asked of the database in sources; there %s",
                        databases ? "are several, and it takes exactly one" : "is none");
}
