#include "source/sqlite_replay.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/table.h"
#include "source/sqlite_layout.h"
#include "source/sqlite_schema.h"
#include "source/sqltext.h"

#include <stdlib.h>

enum {
    LAYOUTS_MAX = 10000,
    LAYOUT_MEMORY = 64 << 20,
    HELD_MEMORY = 64 << 20, /* beyond it a table is truncated */
    NAME_BYTES = 1 << 20,   /* of the values that name a row */
};

/* A table whose rows can be read. */
struct known {
    struct sqlite_layout layout;
    size_t *id; /* indexes into the values: the columns of `id:`; n_id 0: the key is the id */
    size_t n_id;
    bool own_id;          /* the rule has `id:` */
    bool wide;            /* truncated at the end of the snapshot */
    sqlite3_stmt *lookup; /* the row with this key; prepared when first needed */
};

/* A row that was in the way. */
struct displaced {
    struct list list;
    struct known *known;
    bool gone; /* not in the snapshot any more */
    uint64_t time_ms;
    struct value *values; /* owned, text included */
    struct str key;       /* its bytes stand behind this struct */
    struct str id;
    uint32_t key_hash, id_hash;
    size_t size;
};

struct sqlite_replay {
    const struct watch *watch;
    struct sqlite_replay_sink sink;
    struct hash_seed seed;
    struct arena arena; /* of the layouts */
    struct known *known;
    size_t n_known;
    struct known *last; /* that of the row before: most rows are of the same table */
    struct list held;   /* displaced, oldest first */
    struct table by_key;
    struct table by_id; /* those that are gone and whose rule has `id:` */
    size_t held_size;
    /* The row in hand. */
    struct value *before, *after;
    enum change_known *differs;
    struct change_field *fields;
    struct buf id_text;
    struct buf name;
};

static uint32_t key_hash(const void *item)
{
    return ((const struct displaced *)item)->key_hash;
}

static uint32_t id_hash(const void *item)
{
    return ((const struct displaced *)item)->id_hash;
}

/* What is looked for in by_key and by_id. */
struct wanted {
    const struct known *known;
    struct str bytes;
};

static bool has_key(const void *item, const void *key)
{
    const struct displaced *displaced = item;
    const struct wanted *wanted = key;
    return displaced->known == wanted->known && str_equal(displaced->key, wanted->bytes);
}

static bool has_id(const void *item, const void *key)
{
    const struct displaced *displaced = item;
    const struct wanted *wanted = key;
    return displaced->known == wanted->known && str_equal(displaced->id, wanted->bytes);
}

struct sqlite_replay *sqlite_replay_new(const struct watch *watch,
                                        const struct sqlite_replay_sink *sink)
{
    struct sqlite_replay *replay = mem_new(sizeof *replay);
    replay->watch = watch;
    replay->sink = *sink;
    sqlite3_randomness((int)sizeof replay->seed, &replay->seed);
    arena_init(&replay->arena, LAYOUT_MEMORY);
    list_init(&replay->held);
    table_init(&replay->by_key, key_hash);
    table_init(&replay->by_id, id_hash);
    replay->id_text = BUF_INIT(NAME_BYTES);
    replay->name = BUF_INIT(NAME_BYTES);
    return replay;
}

static void drop_lookups(struct sqlite_replay *replay)
{
    for (size_t i = 0; i < replay->n_known; i++) {
        sqlite3_finalize(replay->known[i].lookup);
        replay->known[i].lookup = NULL;
        replay->known[i].wide = false;
    }
}

static void free_row(struct sqlite_replay *replay)
{
    free(replay->before);
    free(replay->after);
    free(replay->differs);
    free(replay->fields);
}

void sqlite_replay_free(struct sqlite_replay *replay)
{
    if (!replay)
        return;
    sqlite_replay_drop(replay);
    free_row(replay);
    free(replay->known);
    arena_free(&replay->arena);
    table_free(&replay->by_key);
    table_free(&replay->by_id);
    buf_free(&replay->id_text);
    buf_free(&replay->name);
    free(replay);
}

/* ---- layouts ---- */

static const struct watch_table *find_watch(const struct watch *watch, struct str resource)
{
    for (size_t i = 0; i < watch->n_tables; i++)
        if (str_equal(watch->tables[i].table, resource))
            return &watch->tables[i];
    return NULL;
}

static bool add_known(struct sqlite_replay *replay, struct str resource, struct str text)
{
    struct known known = {.wide = false};
    if (!sqlite_layout_parse(text, resource, &replay->arena, &known.layout, NULL))
        return false;
    const struct watch_table *watched = find_watch(replay->watch, resource);
    known.own_id = watched && watched->n_id > 0;
    if (known.own_id) {
        known.id = arena_alloc(&replay->arena, watched->n_id * sizeof *known.id);
        if (!known.id)
            return false;
        for (size_t i = 0; i < watched->n_id; i++) {
            known.id[i] = sqlite_layout_value(&known.layout, watched->id[i]);
            known.n_id += known.id[i] < known.layout.n_values;
        }
        if (known.n_id < watched->n_id)
            known.n_id = 0; /* recorded before the rule had this id */
    }
    replay->known[replay->n_known++] = known;
    return true;
}

static void make_room(struct sqlite_replay *replay)
{
    size_t values = 1;
    size_t differs = 1;
    for (size_t i = 0; i < replay->n_known; i++) {
        const struct sqlite_layout *layout = &replay->known[i].layout;
        values = layout->n_values > values ? layout->n_values : values;
        differs = layout->n_differs > differs ? layout->n_differs : differs;
    }
    free_row(replay);
    replay->before = mem_array(values, sizeof *replay->before);
    replay->after = mem_array(values, sizeof *replay->after);
    replay->differs = mem_array(differs, sizeof *replay->differs);
    replay->fields = mem_array(values + differs, sizeof *replay->fields);
}

int sqlite_replay_layouts(struct sqlite_replay *replay, sqlite3 *db)
{
    sqlite_replay_drop(replay);
    arena_clear(&replay->arena);
    replay->n_known = 0;
    replay->last = NULL;
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db,
                                "SELECT substr(name, 7), value FROM main.\"" SQLITE_META "\" "
                                "WHERE name LIKE 'table:%' ORDER BY name LIMIT ?1",
                                -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int(stmt, 1, LAYOUTS_MAX);
    while (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
        struct str name = str_of((const char *)sqlite3_column_text(stmt, 0));
        struct str value = str_of((const char *)sqlite3_column_text(stmt, 1));
        if (replay->n_known % 64 == 0)
            replay->known = mem_grow(replay->known, (replay->n_known + 64) * sizeof *replay->known);
        if (!add_known(replay, name, value))
            replay->sink.unreadable(replay->sink.ctx, name);
    }
    int end = sqlite3_finalize(stmt);
    make_room(replay);
    return rc == SQLITE_OK ? end : rc;
}

static struct known *find_known(struct sqlite_replay *replay, struct str resource)
{
    if (replay->last && str_equal(replay->last->layout.resource, resource))
        return replay->last;
    for (size_t i = 0; i < replay->n_known; i++)
        if (str_equal(replay->known[i].layout.resource, resource))
            return replay->last = &replay->known[i];
    return NULL;
}

/* ---- values ---- */

static struct value read_value(sqlite3_stmt *row, size_t slot)
{
    int i = SQLITE_REPLAY_VALUES + (int)slot;
    if (i >= sqlite3_column_count(row))
        return (struct value){.type = VALUE_ABSENT};
    switch (sqlite3_column_type(row, i)) {
    case SQLITE_INTEGER:
        return value_int(sqlite3_column_int64(row, i));
    case SQLITE_FLOAT:
        return (struct value){.type = VALUE_REAL, .real = sqlite3_column_double(row, i)};
    case SQLITE_TEXT: {
        const char *text = (const char *)sqlite3_column_text(row, i);
        return value_text((struct str){.p = text, .n = (size_t)sqlite3_column_bytes(row, i)});
    }
    case SQLITE_NULL:
        return (struct value){.type = VALUE_NULL};
    default:
        return (struct value){.type = VALUE_ABSENT};
    }
}

/* Appends a value so that equal bytes are the same value of the same type. False for what does not
 * name a row: NULL, and what was too long to be recorded. */
static bool write_name(struct buf *out, sqlite3_stmt *row, int i)
{
    if (i >= sqlite3_column_count(row))
        return false;
    int type = sqlite3_column_type(row, i);
    buf_byte(out, (char)('0' + type));
    if (type == SQLITE_INTEGER) {
        sqlite3_int64 integer = sqlite3_column_int64(row, i);
        return buf_add(out, &integer, sizeof integer);
    }
    if (type == SQLITE_FLOAT) {
        double real = sqlite3_column_double(row, i);
        return buf_add(out, &real, sizeof real);
    }
    if (type == SQLITE_NULL)
        return false;
    /* Text as UTF-8, whatever the database's encoding is. */
    const void *bytes = type == SQLITE_TEXT ? (const void *)sqlite3_column_text(row, i)
                                            : sqlite3_column_blob(row, i);
    size_t n = (size_t)sqlite3_column_bytes(row, i);
    if (type == SQLITE_BLOB && n == 0)
        return false;
    return buf_add(out, &n, sizeof n) && buf_add(out, bytes, n);
}

/* Which of a row's two sides. */
typedef size_t slot_of(size_t value);

static bool write_names(struct buf *out, sqlite3_stmt *row, const size_t *values, size_t n,
                        slot_of *slot)
{
    buf_clear(out);
    for (size_t i = 0; i < n; i++)
        if (!write_name(out, row, SQLITE_REPLAY_VALUES + (int)slot(values[i])))
            return false;
    return n > 0;
}

static void read_row(struct sqlite_replay *replay, const struct sqlite_layout *layout,
                     sqlite3_stmt *row)
{
    for (size_t i = 0; i < layout->n_values; i++) {
        replay->before[i] = read_value(row, sqlite_layout_before(i));
        replay->after[i] = read_value(row, sqlite_layout_after(i));
    }
    for (size_t i = 0; i < layout->n_differs; i++) {
        struct value value = read_value(row, sqlite_layout_differs(layout, i));
        replay->differs[i] =
            value.type == VALUE_INT && value.integer == 0 ? CHANGE_SAME : CHANGE_DIFFERENT;
    }
}

/* ---- handing on ---- */

static struct value make_id(struct sqlite_replay *replay, const struct known *known,
                            const struct value *values)
{
    const struct sqlite_layout *layout = &known->layout;
    if (known->own_id || layout->n_key == 0)
        return (struct value){.type = VALUE_ABSENT};
    if (layout->n_key == 1)
        return values[layout->key[0]];
    struct buf *out = &replay->id_text;
    buf_clear(out);
    for (size_t i = 0; i < layout->n_key; i++) {
        if (values[layout->key[i]].type == VALUE_ABSENT)
            return (struct value){.type = VALUE_ABSENT};
        buf_byte(out, i > 0 ? ',' : '[');
        value_write_json(out, values[layout->key[i]]);
    }
    if (!buf_byte(out, ']'))
        return (struct value){.type = VALUE_ABSENT};
    return (struct value){.type = VALUE_JSON, .text = buf_slice(out)};
}

/* `before` and `after`: the values, or NULL on the side that a created or deleted row lacks.
 * `differs` NULL: nobody knows. */
static void emit(struct sqlite_replay *replay, const struct known *known, enum change_action action,
                 const struct value *before, const struct value *after,
                 const enum change_known *differs, uint64_t time_ms)
{
    const struct sqlite_layout *layout = &known->layout;
    size_t n = 0;
    CHECK(before || after);
    for (size_t i = 0; i < layout->n_values; i++)
        replay->fields[n++] = (struct change_field){
            .column = layout->values[i],
            .before = before ? before[i] : (struct value){.type = VALUE_ABSENT},
            .after = after ? after[i] : (struct value){.type = VALUE_ABSENT},
        };
    for (size_t i = 0; i < layout->n_differs; i++)
        replay->fields[n++] = (struct change_field){
            .column = layout->differs[i],
            .differs = differs ? differs[i] : CHANGE_UNKNOWN,
        };
    struct change change = {
        .resource = layout->resource,
        .action = action,
        .action_name = change_action_name(action),
        .fields = replay->fields,
        .n_fields = n,
        .id = make_id(replay, known, after ? after : before),
        .time_ms = time_ms,
    };
    replay->sink.change(replay->sink.ctx, &change);
}

void sqlite_replay_truncated(struct sqlite_replay *replay, struct str resource, uint64_t time_ms)
{
    struct change change = {
        .resource = resource,
        .action = CHANGE_TRUNCATED,
        .action_name = change_action_name(CHANGE_TRUNCATED),
        .time_ms = time_ms,
    };
    replay->sink.change(replay->sink.ctx, &change);
}

/* ---- rows that were in the way ---- */

static struct displaced *find(struct sqlite_replay *replay, const struct table *table,
                              table_equal *equal, const struct known *known)
{
    struct wanted wanted = {.known = known, .bytes = buf_slice(&replay->name)};
    uint32_t hash = (uint32_t)hash_bytes(replay->seed, wanted.bytes);
    return table_find(table, hash, equal, &wanted);
}

static void forget(struct sqlite_replay *replay, struct displaced *displaced)
{
    if (displaced->key.n > 0)
        table_remove(&replay->by_key, displaced);
    if (displaced->id.n > 0)
        table_remove(&replay->by_id, displaced);
    list_remove(&displaced->list);
    replay->held_size -= displaced->size;
    for (size_t i = 0; i < displaced->known->layout.n_values; i++)
        if (displaced->values[i].type == VALUE_TEXT)
            free((char *)displaced->values[i].text.p);
    free(displaced->values);
    free((char *)displaced->key.p);
    free((char *)displaced->id.p);
    free(displaced);
}

static struct displaced *find_key(struct sqlite_replay *replay, const struct known *known,
                                  sqlite3_stmt *row, slot_of *slot)
{
    if (list_empty(&replay->held) ||
        !write_names(&replay->name, row, known->layout.key, known->layout.n_key, slot))
        return NULL;
    return find(replay, &replay->by_key, has_key, known);
}

static struct displaced *find_id(struct sqlite_replay *replay, const struct known *known,
                                 sqlite3_stmt *row)
{
    if (replay->by_id.count == 0 ||
        !write_names(&replay->name, row, known->id, known->n_id, sqlite_layout_after))
        return NULL;
    return find(replay, &replay->by_id, has_id, known);
}

static bool prepare_lookup(struct known *known, sqlite3 *db)
{
    const struct sqlite_layout *layout = &known->layout;
    struct buf sql = BUF_INIT(NAME_BYTES);
    buf_text(&sql, "SELECT ");
    for (size_t i = 0; i < layout->n_key; i++) {
        buf_text(&sql, i > 0 ? ", " : "");
        sqltext_name(&sql, layout->values[layout->key[i]]);
    }
    buf_text(&sql, " FROM main.");
    sqltext_name(&sql, layout->table);
    for (size_t i = 0; i < layout->n_key; i++) {
        buf_text(&sql, i > 0 ? " AND " : " WHERE ");
        sqltext_name(&sql, layout->values[layout->key[i]]);
        buf_printf(&sql, " = ?%zu", i + 1);
    }
    bool ok = !sql.overflow &&
              sqlite3_prepare_v2(db, sql.data, (int)sql.len, &known->lookup, NULL) == SQLITE_OK;
    buf_free(&sql);
    return ok;
}

enum standing { STANDING_GONE, STANDING_THERE, STANDING_UNKNOWN };

/* Whether the snapshot has a row with exactly this key. By the table's own collation a row may be
 * found whose key is merely similar ('A' and 'a'): that is another one. */
static enum standing look_up(struct sqlite_replay *replay, struct known *known, sqlite3 *db,
                             sqlite3_stmt *row)
{
    const struct sqlite_layout *layout = &known->layout;
    if (!known->lookup && !prepare_lookup(known, db))
        return STANDING_UNKNOWN;
    for (size_t i = 0; i < layout->n_key; i++) {
        int slot = SQLITE_REPLAY_VALUES + (int)sqlite_layout_before(layout->key[i]);
        if (sqlite3_bind_value(known->lookup, (int)i + 1, sqlite3_column_value(row, slot)) !=
            SQLITE_OK)
            return STANDING_UNKNOWN;
    }
    enum standing standing = STANDING_GONE;
    int rc;
    struct buf found = BUF_INIT(NAME_BYTES);
    while ((rc = sqlite3_step(known->lookup)) == SQLITE_ROW) {
        buf_clear(&found);
        bool whole = true;
        for (size_t i = 0; i < layout->n_key; i++)
            whole = write_name(&found, known->lookup, (int)i) && whole;
        if (whole && str_equal(buf_slice(&found), buf_slice(&replay->name)))
            standing = STANDING_THERE;
    }
    buf_free(&found);
    sqlite3_reset(known->lookup);
    return rc == SQLITE_DONE ? standing : STANDING_UNKNOWN;
}

static struct str copy_name(const struct buf *name)
{
    return (struct str){.p = mem_copy(name->data, name->len), .n = name->len};
}

static void hold(struct sqlite_replay *replay, struct known *known, sqlite3_stmt *row, bool gone,
                 uint64_t time_ms)
{
    size_t n = known->layout.n_values;
    struct displaced *displaced = mem_new(sizeof *displaced);
    *displaced = (struct displaced){.known = known, .gone = gone, .time_ms = time_ms};
    displaced->size = sizeof *displaced + n * sizeof(struct value) + 2 * replay->name.len;
    displaced->values = mem_array(n + 1, sizeof *displaced->values);
    for (size_t i = 0; i < n; i++) {
        displaced->values[i] = replay->before[i];
        if (replay->before[i].type == VALUE_TEXT) {
            struct str text = replay->before[i].text;
            displaced->values[i].text.p = mem_copy(text.p, text.n);
            displaced->size += text.n;
        }
    }
    displaced->key = copy_name(&replay->name);
    displaced->key_hash = (uint32_t)hash_bytes(replay->seed, displaced->key);
    table_add(&replay->by_key, displaced);
    if (gone && write_names(&replay->name, row, known->id, known->n_id, sqlite_layout_before)) {
        displaced->id = copy_name(&replay->name);
        displaced->id_hash = (uint32_t)hash_bytes(replay->seed, displaced->id);
        table_add(&replay->by_id, displaced);
    }
    list_push_back(&replay->held, &displaced->list);
    replay->held_size += displaced->size;
}

static void in_the_way(struct sqlite_replay *replay, struct known *known, sqlite3 *db,
                       sqlite3_stmt *row, uint64_t time_ms)
{
    struct displaced *earlier = find_key(replay, known, row, sqlite_layout_before);
    if (earlier)
        forget(replay, earlier); /* it was there again, or still: this record is the newer one */
    const struct sqlite_layout *layout = &known->layout;
    if (!write_names(&replay->name, row, layout->key, layout->n_key, sqlite_layout_before) ||
        replay->held_size > HELD_MEMORY) {
        known->wide = true;
        return;
    }
    enum standing standing = look_up(replay, known, db, row);
    if (standing == STANDING_UNKNOWN)
        known->wide = true;
    else
        hold(replay, known, row, standing == STANDING_GONE, time_ms);
}

/* ---- rows ---- */

static void created(struct sqlite_replay *replay, struct known *known, sqlite3_stmt *row,
                    uint64_t time_ms)
{
    known->wide = known->wide || known->layout.opaque;
    struct displaced *replaced = find_key(replay, known, row, sqlite_layout_after);
    if (!replaced)
        replaced = find_id(replay, known, row);
    if (!replaced) {
        emit(replay, known, CHANGE_CREATED, NULL, replay->after, NULL, time_ms);
        return;
    }
    emit(replay, known, CHANGE_UPDATED, replaced->values, replay->after, NULL, time_ms);
    forget(replay, replaced);
}

/* Whether an update gave the row another key; not where the key cannot be compared. */
static bool has_moved(struct sqlite_replay *replay, const struct sqlite_layout *layout,
                      sqlite3_stmt *row)
{
    if (!write_names(&replay->name, row, layout->key, layout->n_key, sqlite_layout_before))
        return false;
    size_t n = replay->name.len;
    for (size_t i = 0; i < layout->n_key; i++) {
        size_t slot = sqlite_layout_after(layout->key[i]);
        if (!write_name(&replay->name, row, SQLITE_REPLAY_VALUES + (int)slot))
            return false;
    }
    return !str_equal((struct str){.p = replay->name.data, .n = n},
                      str_from(buf_slice(&replay->name), n));
}

static void updated(struct sqlite_replay *replay, struct known *known, sqlite3_stmt *row,
                    uint64_t time_ms)
{
    const struct sqlite_layout *layout = &known->layout;
    known->wide = known->wide || layout->opaque;
    bool moved = has_moved(replay, layout, row);
    /* An update of the row itself proves that it was not displaced. */
    struct displaced *self = find_key(replay, known, row, sqlite_layout_before);
    if (self)
        forget(replay, self);
    struct displaced *replaced = moved ? find_key(replay, known, row, sqlite_layout_after) : NULL;
    if (!replaced && moved && !known->own_id) {
        emit(replay, known, CHANGE_DELETED, replay->before, NULL, NULL, time_ms);
        emit(replay, known, CHANGE_CREATED, NULL, replay->after, NULL, time_ms);
        return;
    }
    if (!replaced) {
        emit(replay, known, CHANGE_UPDATED, replay->before, replay->after, replay->differs,
             time_ms);
        return;
    }
    emit(replay, known, CHANGE_DELETED, replay->before, NULL, NULL, time_ms);
    emit(replay, known, CHANGE_UPDATED, replaced->values, replay->after, NULL, time_ms);
    forget(replay, replaced);
}

static void deleted(struct sqlite_replay *replay, struct known *known, sqlite3_stmt *row,
                    uint64_t time_ms)
{
    struct displaced *self = find_key(replay, known, row, sqlite_layout_before);
    if (self)
        forget(replay, self);
    emit(replay, known, CHANGE_DELETED, replay->before, NULL, NULL, time_ms);
}

void sqlite_replay_row(struct sqlite_replay *replay, sqlite3 *db, sqlite3_stmt *row)
{
    struct str resource = str_of((const char *)sqlite3_column_text(row, SQLITE_REPLAY_TABLE));
    struct str op = str_of((const char *)sqlite3_column_text(row, SQLITE_REPLAY_OP));
    sqlite3_int64 at = sqlite3_column_int64(row, SQLITE_REPLAY_AT);
    uint64_t time_ms = at > 0 ? (uint64_t)at : 0;
    if (str_is(op, "S"))
        return;
    struct known *known = find_known(replay, resource);
    if (!known) {
        replay->sink.unreadable(replay->sink.ctx, resource);
        return;
    }
    read_row(replay, &known->layout, row);
    if (str_is(op, "C"))
        created(replay, known, row, time_ms);
    else if (str_is(op, "U"))
        updated(replay, known, row, time_ms);
    else if (str_is(op, "D"))
        deleted(replay, known, row, time_ms);
    else if (str_is(op, "R"))
        in_the_way(replay, known, db, row, time_ms);
    else
        replay->sink.unreadable(replay->sink.ctx, resource);
}

void sqlite_replay_end(struct sqlite_replay *replay)
{
    LIST_EACH (node, &replay->held) {
        struct displaced *displaced = LIST_ITEM(node, struct displaced, list);
        if (displaced->gone)
            emit(replay, displaced->known, CHANGE_DELETED, displaced->values, NULL, NULL,
                 displaced->time_ms);
    }
    for (size_t i = 0; i < replay->n_known; i++)
        if (replay->known[i].wide)
            sqlite_replay_truncated(replay, replay->known[i].layout.resource, 0);
    sqlite_replay_drop(replay);
}

void sqlite_replay_drop(struct sqlite_replay *replay)
{
    LIST_EACH (node, &replay->held)
        forget(replay, LIST_ITEM(node, struct displaced, list));
    drop_lookups(replay);
}
