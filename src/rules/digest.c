/* One number for what rules derive, so that a restart knows whether the index it
 * kept was filled by the same rules.
 *
 * Places in the file do not count, nor does order where it means nothing: the
 * digests of the members of a set are added up. Columns count by name, since
 * their numbers depend on the order in which they were met. */
#include "base/hash.h"
#include "rules/compiled.h"

static uint64_t fold(uint64_t digest, struct str bytes)
{
    return hash_bytes((struct hash_seed){.k0 = digest, .k1 = UINT64_C(0x756e7374616c65)}, bytes);
}

static uint64_t fold_number(uint64_t digest, uint64_t number)
{
    char bytes[8];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(unsigned char)(number >> (8 * i));
    return fold(digest, (struct str){.p = bytes, .n = sizeof bytes});
}

static uint64_t fold_columns(uint64_t digest, const struct compiled_rule *rule, column_set columns)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < rule->n_columns; i++)
        if (columns >> i & 1)
            sum += fold(0, rule->columns[i].name);
    return fold_number(digest, sum);
}

static uint64_t fold_pattern(uint64_t digest, const struct compiled_rule *rule,
                             const struct pattern *pattern)
{
    for (size_t i = 0; i < pattern->n; i++) {
        const struct pattern_part *part = &pattern->parts[i];
        digest = fold_number(digest, part->is_column);
        digest = fold(digest, part->is_column ? rule->columns[part->column].name : part->literal);
    }
    return fold_number(digest, pattern->n);
}

static uint64_t fold_nodes(uint64_t digest, const struct compiled_rule *rule,
                           const struct node *node)
{
    size_t n = 0;
    for (; node; node = node->next, n++) {
        digest = fold_number(digest, node->kind);
        digest = fold(digest, node->name);
        digest = fold(digest, node->text);
        digest = fold_pattern(digest, rule, &node->pattern);
        digest = fold_nodes(digest, rule, node->child);
    }
    return fold_number(digest, n);
}

static uint64_t stale_digest(const struct compiled_rule *rule, const struct compiled_stale *stale)
{
    uint64_t digest = fold_nodes(0, rule, stale->parts);
    uint64_t names = 0;
    for (size_t i = 0; i < stale->n_custom; i++)
        names += fold(0, stale->custom[i]);
    for (size_t i = 0; i < rule->n_derived; i++)
        if (stale->on >> (ACTION_DERIVED + i) & 1)
            names += fold(1, rule->derived[i].name);
    digest = fold_number(digest, names);
    digest = fold_number(digest, stale->on & (((action_set)1 << ACTION_DERIVED) - 1));
    digest = fold_number(digest, stale->every);
    digest = fold_columns(digest, rule, stale->or_changed);
    return fold_number(digest, stale->at_most_ms);
}

static uint64_t rule_digest(const struct compiled_rule *rule)
{
    uint64_t scopes = 0, stale = 0, derived = 0, data = 0;
    for (size_t i = 0; i < rule->n_scopes; i++)
        scopes += fold_pattern(0, rule, &rule->scopes[i].pattern);
    for (size_t i = 0; i < rule->n_stale; i++)
        stale += stale_digest(rule, &rule->stale[i]);
    for (size_t i = 0; i < rule->n_derived; i++)
        derived += fold_columns(fold(0, rule->derived[i].name), rule, rule->derived[i].changed);
    for (size_t i = 0; i < rule->n_data; i++)
        data += fold(fold(0, rule->data[i].name), rule->columns[rule->data[i].column].name);

    uint64_t digest = fold(0, rule->resource);
    digest = fold(digest, rule->name.n ? rule->name : rule->resource);
    for (size_t i = 0; i < rule->n_ids; i++)
        digest = fold(digest, rule->columns[rule->ids[i]].name);
    digest = fold_number(digest, rule->n_ids);
    digest = fold_number(digest, scopes);
    digest = fold_number(digest, stale);
    digest = fold_number(digest, derived);
    digest = fold_number(digest, data);
    return fold_number(digest, rule->entities);
}

uint64_t compiled_hash(const struct rules *rules)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < rules->n; i++)
        sum += rule_digest(&rules->rules[i]);
    return fold_number(0, sum);
}
