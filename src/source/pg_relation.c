#include "source/pg_relation.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/table.h"
#include "source/pg_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    TABLES_MAX = 100000,
    TYPES_MAX = 10000, /* beyond it a domain is text */
    NAME_BYTES = 1024, /* PostgreSQL's own are below 64 */
    COLUMNS_MEMORY = 64 << 20,
    ROW_MEMORY = 16 << 20, /* of what is written anew; beyond it a value is ABSENT */
    ID_BYTES = 64 * 1024,
};

/* A column that is handed on, in the order of the table. */
struct picked {
    struct str name; /* in the description */
    size_t index;    /* in the table */
    enum pg_kind kind;
    bool identity;
};

struct known {
    struct pg_relation relation;
    struct pgoutput_relation described; /* slices of `bytes` */
    char *bytes;
    char *root; /* SCHEMA.NAME of the table whose rows these are; NULL: its own */
    struct picked *picked;
    size_t n_picked;
    size_t *key; /* indexes into `picked`, where the primary key is the id */
    size_t n_key;
    struct str *names; /* `missing` and `uncovered` */
    size_t size;       /* of what is allocated for its columns */
};

struct domain {
    uint32_t oid;
    enum pg_kind kind;
};

struct pg_relations {
    const struct watch *watch;
    struct table tables, domains;
    size_t size;
    struct known *last; /* that of the row before: most rows are of the same table */
    /* The row in hand. */
    struct arena arena;
    struct change_field *fields;
    size_t room; /* in `fields` */
    struct buf id_text;
};

static uint32_t mix(uint32_t oid)
{
    return (uint32_t)((oid * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
}

static uint32_t known_hash(const void *item)
{
    return mix(((const struct known *)item)->relation.oid);
}

static bool known_is(const void *item, const void *key)
{
    return ((const struct known *)item)->relation.oid == *(const uint32_t *)key;
}

static uint32_t domain_hash(const void *item)
{
    return mix(((const struct domain *)item)->oid);
}

static bool domain_is(const void *item, const void *key)
{
    return ((const struct domain *)item)->oid == *(const uint32_t *)key;
}

struct pg_relations *pg_relations_new(const struct watch *watch)
{
    struct pg_relations *relations = mem_new(sizeof *relations);
    relations->watch = watch;
    table_init(&relations->tables, known_hash);
    table_init(&relations->domains, domain_hash);
    arena_init(&relations->arena, ROW_MEMORY);
    relations->id_text = BUF_INIT(ID_BYTES);
    return relations;
}

static void free_columns(struct pg_relations *relations, struct known *known)
{
    relations->size -= known->size;
    free(known->picked);
    free(known->key);
    free(known->names);
    known->picked = NULL;
    known->key = NULL;
    known->names = NULL;
    known->n_picked = known->n_key = known->size = 0;
    known->relation.n_missing = known->relation.n_uncovered = 0;
    known->relation.missing = known->relation.uncovered = NULL;
}

static void free_known(struct pg_relations *relations, struct known *known)
{
    free_columns(relations, known);
    free(known->bytes);
    free(known->root);
    free(known);
}

void pg_relations_clear(struct pg_relations *relations)
{
    size_t cursor = 0;
    for (void *item; (item = table_next(&relations->tables, &cursor));)
        free_known(relations, item);
    cursor = 0;
    for (void *item; (item = table_next(&relations->domains, &cursor));)
        free(item);
    table_free(&relations->tables);
    table_free(&relations->domains);
    table_init(&relations->tables, known_hash);
    table_init(&relations->domains, domain_hash);
    relations->last = NULL;
}

void pg_relations_free(struct pg_relations *relations)
{
    if (!relations)
        return;
    pg_relations_clear(relations);
    table_free(&relations->tables);
    table_free(&relations->domains);
    arena_free(&relations->arena);
    buf_free(&relations->id_text);
    free(relations->fields);
    free(relations);
}

static struct known *find(const struct pg_relations *relations, uint32_t oid)
{
    return table_find(&relations->tables, mix(oid), known_is, &oid);
}

const struct pg_relation *pg_relations_find(const struct pg_relations *relations, uint32_t oid)
{
    struct known *known = find(relations, oid);
    return known ? &known->relation : NULL;
}

/* ---- what is known of a table ---- */

/* `qualified`: SCHEMA.NAME with a schema of n bytes. */
static void name_resource(const struct watch *watch, struct str qualified, size_t n,
                          struct pg_relation *relation)
{
    struct str schema = {.p = qualified.p, .n = n}, name = str_from(qualified, n + 1);
    bool is_public = str_is(schema, "public");
    relation->watched = NULL;
    relation->resource = is_public ? name : qualified;
    for (size_t i = 0; i < watch->n_tables && !relation->watched; i++) {
        struct str table = watch->tables[i].table;
        if (str_equal(table, qualified) || (is_public && str_equal(table, name))) {
            relation->watched = &watch->tables[i];
            relation->resource = table;
        }
    }
}

/* All that is kept of the message: SCHEMA.NAME, and the columns behind it. */
static void copy_description(struct known *known, const struct pgoutput_relation *told,
                             const struct watch *watch)
{
    size_t qualified = told->schema.n + 1 + told->name.n;
    char *bytes = mem_new(qualified + told->bytes.n + 1);
    memcpy(bytes, told->schema.p, told->schema.n);
    bytes[told->schema.n] = '.';
    if (told->name.n > 0)
        memcpy(bytes + told->schema.n + 1, told->name.p, told->name.n);
    if (told->bytes.n > 0)
        memcpy(bytes + qualified, told->bytes.p, told->bytes.n);
    free(known->bytes);
    known->bytes = bytes;
    known->described = *told;
    known->described.schema.p = bytes;
    known->described.name.p = bytes + told->schema.n + 1;
    known->described.bytes.p = bytes + qualified;
    struct pg_relation *relation = &known->relation;
    relation->oid = told->oid;
    relation->schema = known->described.schema;
    relation->name = known->described.name;
    relation->identity = told->identity;
    relation->n_columns = told->n;
    if (!known->root)
        name_resource(watch, (struct str){.p = bytes, .n = qualified}, told->schema.n, relation);
}

static bool among(struct str name, const struct str *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_equal(names[i], name))
            return true;
    return false;
}

static const struct watch_column *watched_column(const struct watch_table *watched, struct str name)
{
    for (size_t i = 0; watched && i < watched->n_columns; i++)
        if (str_equal(watched->columns[i].name, name))
            return &watched->columns[i];
    return NULL;
}

static enum pg_kind kind_of(const struct pg_relations *relations, uint32_t type)
{
    const struct domain *domain = table_find(&relations->domains, mix(type), domain_is, &type);
    return domain ? domain->kind : pg_kind_of(type);
}

/* The columns that the watch names and the picked ones do not have, or have without the old value.
 */
static void note_lacks(struct known *known)
{
    struct pg_relation *relation = &known->relation;
    const struct watch_table *watched = relation->watched;
    size_t n = watched ? watched->n_columns : 0;
    known->names = mem_array(2 * n + 1, sizeof *known->names);
    struct str *missing = known->names, *uncovered = known->names + n;
    relation->missing = missing;
    relation->uncovered = uncovered;
    for (size_t i = 0; i < n; i++) {
        struct str name = watched->columns[i].name;
        const struct picked *picked = NULL;
        for (size_t j = 0; j < known->n_picked && !picked; j++)
            if (str_equal(known->picked[j].name, name))
                picked = &known->picked[j];
        if (!picked)
            missing[relation->n_missing++] = name;
        else if (!picked->identity && !watched->columns[i].data)
            uncovered[relation->n_uncovered++] = name;
    }
}

/* `key`: the primary key; NULL where the replica identity is the key, as far as there is one. */
static void pick_columns(struct pg_relations *relations, struct known *known, const struct str *key,
                         size_t n_key)
{
    struct pg_relation *relation = &known->relation;
    const struct watch_table *watched = relation->watched;
    bool wanted = watched || relations->watch->every_table;
    bool own_id = watched && watched->n_id > 0;
    free_columns(relations, known);
    size_t n = wanted ? relation->n_columns : 0;
    size_t size = n * (sizeof *known->picked + sizeof *known->key + sizeof *known->names * 2) +
                  known->described.bytes.n;
    relation->opaque = wanted && size > COLUMNS_MEMORY - relations->size;
    if (!wanted || relation->opaque)
        return;
    relations->size += known->size = size;
    known->picked = mem_array(n + 1, sizeof *known->picked);
    known->key = mem_array(n + 1, sizeof *known->key);
    struct pgoutput_relation walk = known->described;
    struct pgoutput_attribute attribute;
    for (size_t i = 0; pgoutput_next_attribute(&walk, &attribute); i++) {
        bool in_key = key ? among(attribute.name, key, n_key)
                          : attribute.identity && relation->identity == 'd';
        bool is_id = in_key && !own_id;
        if (!is_id && !watched_column(watched, attribute.name))
            continue;
        if (is_id)
            known->key[known->n_key++] = known->n_picked;
        known->picked[known->n_picked++] =
            (struct picked){.name = attribute.name,
                            .index = i,
                            .kind = kind_of(relations, attribute.type),
                            .identity = attribute.identity};
    }
    if (key && known->n_key < n_key)
        known->n_key = 0; /* a column of it is not sent: what is left names no row */
    note_lacks(known);
    if (known->n_picked > relations->room) {
        relations->room = known->n_picked;
        relations->fields =
            mem_grow(relations->fields, relations->room * sizeof *relations->fields);
    }
}

void pg_relations_set_key(struct pg_relations *relations, uint32_t oid, const struct str *columns,
                          size_t n)
{
    struct known *known = find(relations, oid);
    static const struct str none;
    if (known && known->relation.identity != 'd')
        pick_columns(relations, known, columns ? columns : &none, n);
}

void pg_relations_set_root(struct pg_relations *relations, uint32_t oid, struct str schema,
                           struct str name)
{
    struct known *known = find(relations, oid);
    if (!known)
        return;
    size_t n = schema.n + 1 + name.n;
    char *root = mem_new(n + 1);
    snprintf(root, n + 1, "%.*s.%.*s", STR_ARG(schema), STR_ARG(name));
    free(known->root);
    known->root = root;
    name_resource(relations->watch, (struct str){.p = root, .n = n}, schema.n, &known->relation);
    pick_columns(relations, known, NULL, 0);
}

static bool is_same(const struct pgoutput_relation *a, const struct pgoutput_relation *b)
{
    return str_equal(a->schema, b->schema) && str_equal(a->name, b->name) &&
           a->identity == b->identity && a->n == b->n && str_equal(a->bytes, b->bytes);
}

static bool learn_table(struct pg_relations *relations, const struct pgoutput_relation *told,
                        enum pg_learned *learned, const struct pg_relation **relation,
                        struct err *err)
{
    struct known *known = find(relations, told->oid);
    if (known && is_same(&known->described, told)) {
        *relation = &known->relation;
        return true;
    }
    if (told->schema.n > NAME_BYTES || told->name.n > NAME_BYTES)
        return err_set(err, "the server described a table with a name of %zu bytes",
                       told->schema.n + told->name.n);
    if (!known && relations->tables.count >= TABLES_MAX)
        return err_set(err, "the server described more than %d tables; publish fewer", TABLES_MAX);
    *learned = known ? PG_LEARNED_SHAPE : PG_LEARNED_TABLE;
    if (!known)
        known = mem_new(sizeof *known);
    bool added = *learned == PG_LEARNED_TABLE;
    copy_description(known, told, relations->watch);
    if (added)
        table_add(&relations->tables, known);
    pick_columns(relations, known, NULL, 0);
    *relation = &known->relation;
    return true;
}

static void learn_type(struct pg_relations *relations, const struct pgoutput_type *told)
{
    struct domain *domain = table_find(&relations->domains, mix(told->oid), domain_is, &told->oid);
    enum pg_kind kind = str_is(told->schema, "pg_catalog") ? pg_kind_named(told->name) : PG_PLAIN;
    if (!domain && kind == PG_PLAIN)
        return;
    if (!domain) {
        if (relations->domains.count >= TYPES_MAX)
            return;
        domain = mem_new(sizeof *domain);
        domain->oid = told->oid;
        table_add(&relations->domains, domain);
    }
    domain->kind = kind;
}

bool pg_relations_learn(struct pg_relations *relations, const struct pgoutput_message *message,
                        enum pg_learned *learned, const struct pg_relation **relation,
                        struct err *err)
{
    const struct pg_relation *none;
    relation = relation ? relation : &none;
    *learned = PG_LEARNED_NOTHING;
    *relation = NULL;
    if (message->kind == PGOUTPUT_RELATION)
        return learn_table(relations, &message->relation, learned, relation, err);
    if (message->kind == PGOUTPUT_TYPE)
        learn_type(relations, &message->type);
    return true;
}

/* ---- rows ---- */

static struct value field_side(const struct change_field *field, bool before)
{
    struct value here = before ? field->before : field->after;
    struct value there = before ? field->after : field->before;
    return here.type == VALUE_ABSENT && field->differs == CHANGE_SAME ? there : here;
}

/* The id where the primary key is it; ABSENT where a part of it is not known. */
static struct value make_id(struct pg_relations *relations, const struct known *known, bool before)
{
    const struct change_field *fields = relations->fields;
    if (known->n_key == 0)
        return (struct value){.type = VALUE_ABSENT};
    if (known->n_key == 1)
        return field_side(&fields[known->key[0]], before);
    struct buf *out = &relations->id_text;
    buf_clear(out);
    for (size_t i = 0; i < known->n_key; i++) {
        struct value part = field_side(&fields[known->key[i]], before);
        if (part.type == VALUE_ABSENT)
            return part;
        buf_byte(out, i > 0 ? ',' : '[');
        value_write_json(out, part);
    }
    if (!buf_byte(out, ']'))
        return (struct value){.type = VALUE_ABSENT};
    return (struct value){.type = VALUE_JSON, .text = buf_slice(out)};
}

/* The primary key is the id, and it is known to have changed. */
static bool is_renamed(const struct pg_relations *relations, const struct known *known)
{
    bool differs = false;
    for (size_t i = 0; i < known->n_key; i++) {
        const struct change_field *field = &relations->fields[known->key[i]];
        struct value before = field_side(field, true), after = field_side(field, false);
        if (before.type == VALUE_ABSENT || after.type == VALUE_ABSENT)
            return false;
        differs = differs || (field->differs != CHANGE_SAME && !value_equal(before, after));
    }
    return differs;
}

static void emit(struct pg_relations *relations, const struct known *known,
                 enum change_action action, struct value id, uint64_t time_ms,
                 const struct pg_relations_sink *sink)
{
    const struct change change = {
        .resource = known->relation.resource,
        .action = action,
        .action_name = change_action_name(action),
        .fields = action == CHANGE_TRUNCATED ? NULL : relations->fields,
        .n_fields = action == CHANGE_TRUNCATED ? 0 : known->n_picked,
        .id = id,
        .time_ms = time_ms,
    };
    sink->change(sink->ctx, &change);
}

static void truncated(struct pg_relations *relations, const struct known *known, uint64_t time_ms,
                      const struct pg_relations_sink *sink)
{
    emit(relations, known, CHANGE_TRUNCATED, (struct value){.type = VALUE_ABSENT}, time_ms, sink);
}

static struct value read_value(struct pg_relations *relations, enum pg_kind kind,
                               const struct pgoutput_column *column)
{
    switch (column->datum) {
    case PGOUTPUT_NULL:
        return (struct value){.type = VALUE_NULL};
    case PGOUTPUT_TEXT:
        return pg_value(kind, column->bytes, &relations->arena);
    case PGOUTPUT_UNCHANGED:
    case PGOUTPUT_BINARY:
        break;
    }
    return (struct value){.type = VALUE_ABSENT};
}

/* A tuple read along with the picked columns, which are in its order. */
struct walk {
    struct pgoutput_tuple tuple;
    size_t at; /* columns read */
};

static struct pgoutput_column walk_to(struct walk *walk, size_t index)
{
    struct pgoutput_column column = {.datum = PGOUTPUT_UNCHANGED};
    while (walk->at <= index && pgoutput_next(&walk->tuple, &column))
        walk->at++;
    return column;
}

static void read_row(struct pg_relations *relations, const struct known *known,
                     const struct pgoutput_row *row, enum pgoutput_kind kind)
{
    struct walk before = {.tuple = row->before}, after = {.tuple = row->after};
    bool updated = kind == PGOUTPUT_UPDATE;
    arena_clear(&relations->arena);
    for (size_t i = 0; i < known->n_picked; i++) {
        const struct picked *picked = &known->picked[i];
        struct change_field *field = &relations->fields[i];
        struct pgoutput_column old = walk_to(&before, picked->index);
        struct pgoutput_column new = walk_to(&after, picked->index);
        bool has_old = row->old_kind == PGOUTPUT_OLD_ROW ||
                       (row->old_kind == PGOUTPUT_OLD_KEY && picked->identity);
        /* With FULL an old row is always sent: without it nothing is known to be the same. */
        bool same = new.datum == PGOUTPUT_UNCHANGED ||
                    (row->old_kind == PGOUTPUT_OLD_NONE && picked->identity &&
                     known->relation.identity != 'f');
        *field = (struct change_field){.column = picked->name};
        if (has_old)
            field->before = read_value(relations, picked->kind, &old);
        if (kind != PGOUTPUT_DELETE)
            field->after = read_value(relations, picked->kind, &new);
        if (updated && same)
            field->differs = CHANGE_SAME;
    }
}

/* The row with the old id is gone. */
static void emit_gone(struct pg_relations *relations, const struct known *known, uint64_t time_ms,
                      const struct pg_relations_sink *sink)
{
    emit(relations, known, CHANGE_DELETED, make_id(relations, known, true), time_ms, sink);
}

static void emit_row(struct pg_relations *relations, const struct known *known,
                     enum pgoutput_kind kind, uint64_t time_ms,
                     const struct pg_relations_sink *sink)
{
    if (kind == PGOUTPUT_DELETE) {
        emit_gone(relations, known, time_ms, sink);
        return;
    }
    bool renamed = kind == PGOUTPUT_UPDATE && is_renamed(relations, known);
    enum change_action action =
        kind == PGOUTPUT_INSERT || renamed ? CHANGE_CREATED : CHANGE_UPDATED;
    if (renamed)
        emit_gone(relations, known, time_ms, sink);
    emit(relations, known, action, make_id(relations, known, false), time_ms, sink);
}

static bool fits(const struct known *known, const struct pgoutput_row *row, enum pgoutput_kind kind)
{
    size_t n = known->relation.n_columns;
    return (row->old_kind == PGOUTPUT_OLD_NONE || row->before.n == n) &&
           (kind == PGOUTPUT_DELETE || row->after.n == n);
}

static bool apply_row(struct pg_relations *relations, const struct pgoutput_row *row,
                      enum pgoutput_kind kind, uint64_t time_ms,
                      const struct pg_relations_sink *sink, struct err *err)
{
    struct known *known = relations->last;
    if (!known || known->relation.oid != row->relation)
        known = relations->last = find(relations, row->relation);
    if (!known)
        return err_set(
            err, "the server sent a row of a table (OID %" PRIu32 ") that it has not described",
            row->relation);
    if (!fits(known, row, kind))
        return err_set(err, "the server sent a row of %.*s that has not the table's %zu columns",
                       STR_ARG(known->relation.resource), known->relation.n_columns);
    if (!known->relation.watched && !relations->watch->every_table)
        return true;
    if (known->relation.opaque) {
        truncated(relations, known, time_ms, sink);
        return true;
    }
    read_row(relations, known, row, kind);
    emit_row(relations, known, kind, time_ms, sink);
    return true;
}

static bool apply_truncate(struct pg_relations *relations, struct pgoutput_truncate truncate,
                           uint64_t time_ms, const struct pg_relations_sink *sink, struct err *err)
{
    uint32_t oid;
    struct pgoutput_truncate check = truncate;
    while (pgoutput_next_relation(&check, &oid))
        if (!find(relations, oid))
            return err_set(
                err, "the server truncated a table (OID %" PRIu32 ") that it has not described",
                oid);
    while (pgoutput_next_relation(&truncate, &oid)) {
        const struct known *known = find(relations, oid);
        if (known->relation.watched || relations->watch->every_table)
            truncated(relations, known, time_ms, sink);
    }
    return true;
}

bool pg_relations_apply(struct pg_relations *relations, const struct pgoutput_message *message,
                        uint64_t time_ms, const struct pg_relations_sink *sink, struct err *err)
{
    switch (message->kind) {
    case PGOUTPUT_INSERT:
    case PGOUTPUT_UPDATE:
    case PGOUTPUT_DELETE:
        return apply_row(relations, &message->row, message->kind, time_ms, sink, err);
    case PGOUTPUT_TRUNCATE:
        return apply_truncate(relations, message->truncate, time_ms, sink, err);
    case PGOUTPUT_BEGIN:
    case PGOUTPUT_COMMIT:
    case PGOUTPUT_ORIGIN:
    case PGOUTPUT_RELATION:
    case PGOUTPUT_TYPE:
    case PGOUTPUT_MESSAGE:
        break;
    }
    return true;
}
