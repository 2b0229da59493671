/* What can be asked of compiled rules without a change in hand. */
#include "rules/rules.h"

#include "base/hash.h"
#include "rules/compiled.h"

#include <stdlib.h>

void rules_free(struct rules *rules)
{
    if (!rules)
        return;
    table_free(&rules->by_resource);
    arena_free(&rules->arena);
    free(rules);
}

static bool is_resource(const void *item, const void *key)
{
    const struct compiled_rule *rule = item;
    const struct str *resource = key;
    return str_equal(rule->resource, *resource);
}

const struct compiled_rule *compiled_find(const struct rules *rules, struct str resource)
{
    uint32_t hash = (uint32_t)hash_bytes((struct hash_seed){0}, resource);
    return table_find(&rules->by_resource, hash, is_resource, &resource);
}

uint64_t rules_hash(const struct rules *rules)
{
    return rules->hash;
}

size_t rules_count(const struct rules *rules)
{
    return rules->n - (rules->wildcard ? 1 : 0);
}

struct str rules_resource(const struct rules *rules, size_t index, struct place *at)
{
    for (size_t i = 0; i < rules->n; i++) {
        const struct compiled_rule *rule = &rules->rules[i];
        if (rule->wildcard)
            continue;
        if (index-- == 0) {
            if (at)
                *at = rule->at;
            return rule->resource;
        }
    }
    return (struct str){0};
}

bool rules_has_wildcard(const struct rules *rules)
{
    return rules->wildcard != NULL;
}

struct str rules_name(const struct rules *rules, struct str resource)
{
    const struct compiled_rule *rule = compiled_find(rules, resource);
    return rule && rule->name.n ? rule->name : resource;
}

/* What scopes, keys and the id are written with. */
static column_set deriving(const struct compiled_rule *rule, column_set *scopes)
{
    column_set all = 0;
    *scopes = 0;
    for (size_t i = 0; i < rule->n_scopes; i++)
        *scopes |= rule->scopes[i].pattern.columns;
    for (size_t i = 0; i < rule->n_stale; i++)
        all |= rule->stale[i].columns;
    for (size_t i = 0; i < rule->n_ids; i++)
        all |= (column_set)1 << rule->ids[i];
    return all | *scopes;
}

size_t rules_columns(const struct rules *rules, struct str resource, struct rules_column *out,
                     size_t max)
{
    const struct compiled_rule *rule = compiled_find(rules, resource);
    if (!rule)
        return 0;
    column_set scopes, all = deriving(rule, &scopes);
    for (size_t i = 0; i < rule->n_columns && i < max; i++) {
        const struct compiled_column *column = &rule->columns[i];
        column_set bit = (column_set)1 << i;
        out[i] = (struct rules_column){.column = column->name,
                                       .value = column->value,
                                       .differs = column->differs,
                                       .scope = (scopes & bit) != 0,
                                       .data = column->value && !(all & bit),
                                       .at = column->at};
    }
    return rule->n_columns;
}

size_t rules_id_columns(const struct rules *rules, struct str resource, struct str *out, size_t max)
{
    const struct compiled_rule *rule = compiled_find(rules, resource);
    if (!rule)
        return 0;
    for (size_t i = 0; i < rule->n_ids && i < max; i++)
        out[i] = rule->columns[rule->ids[i]].name;
    return rule->n_ids;
}

static void rule_families(const struct compiled_rule *rule,
                          void (*each)(void *ctx, struct str scope), void *ctx)
{
    for (size_t i = 0; rule && i < rule->n_scopes; i++)
        each(ctx, rule->scopes[i].family);
}

void rules_families(const struct rules *rules, struct str resource,
                    void (*each)(void *ctx, struct str scope), void *ctx)
{
    if (resource.n) {
        rule_families(compiled_find(rules, resource), each, ctx);
        rule_families(rules->wildcard, each, ctx);
        return;
    }
    for (size_t i = 0; i < rules->n; i++)
        rule_families(&rules->rules[i], each, ctx);
}
