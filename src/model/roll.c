#include "model/roll.h"

#include "base/check.h"

#include <string.h>

/* ---- columns ---- */

static size_t number_of(const struct roll *roll, struct str name)
{
    size_t i = 0;
    while (i < roll->n_columns && !str_equal(roll->columns[i].name, name))
        i++;
    return i;
}

bool roll_column(struct roll *roll, struct str name, struct place at)
{
    if (number_of(roll, name) < roll->n_columns)
        return true;
    if (roll->n_columns == ROLL_COLUMNS_MAX)
        return false;
    roll->columns[roll->n_columns++] = (struct roll_column){.name = name, .at = at};
    return true;
}

static struct str copy(struct str text, struct arena *arena)
{
    struct str copied = arena_copy(arena, text);
    CHECK(copied.p);
    return copied;
}

static void *room(struct arena *arena, size_t n, size_t size)
{
    void *memory = arena_alloc(arena, (n ? n : 1) * size);
    CHECK(memory);
    return memory;
}

static void copy_roll(const struct roll *from, struct roll *to, struct arena *arena)
{
    *to = *from;
    to->text = copy(from->text, arena);
    to->table = copy(from->table, arena);
    for (size_t i = 0; i < from->n_columns; i++)
        to->columns[i].name = copy(from->columns[i].name, arena);
    to->scope.parts = room(arena, from->scope.n, sizeof *to->scope.parts);
    for (size_t i = 0; i < from->scope.n; i++)
        to->scope.parts[i] = (struct template_part){.text = copy(from->scope.parts[i].text, arena),
                                                    .is_column = from->scope.parts[i].is_column};
    to->where = room(arena, from->n_where, sizeof *to->where);
    for (size_t i = 0; i < from->n_where; i++) {
        to->where[i] = from->where[i];
        to->where[i].column = copy(from->where[i].column, arena);
        to->where[i].values = room(arena, from->where[i].n, sizeof *to->where[i].values);
        for (size_t k = 0; k < from->where[i].n; k++)
            to->where[i].values[k] = copy(from->where[i].values[k], arena);
    }
}

struct rolls rolls_copy(const struct rolls *rolls, struct arena *arena)
{
    struct rolls copied = {.items = room(arena, rolls->n, sizeof *copied.items), .n = rolls->n};
    for (size_t i = 0; i < rolls->n; i++)
        copy_roll(&rolls->items[i], &copied.items[i], arena);
    return copied;
}

static bool same_where(const struct roll_where *a, const struct roll_where *b)
{
    if (!str_equal(a->column, b->column) || a->n != b->n || a->null != b->null)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!str_equal(a->values[i], b->values[i]))
            return false;
    return true;
}

static bool same_roll(const struct roll *a, const struct roll *b)
{
    if (!str_equal(a->text, b->text) || !str_equal(a->table, b->table) ||
        !str_equal(a->columns[0].name, b->columns[0].name) || a->n_where != b->n_where)
        return false;
    for (size_t i = 0; i < a->n_where; i++)
        if (!same_where(&a->where[i], &b->where[i]))
            return false;
    return true;
}

bool rolls_equal(const struct rolls *a, const struct rolls *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!same_roll(&a->items[i], &b->items[i]))
            return false;
    return true;
}

/* ---- rows ---- */

static bool is_text(struct value value, struct str text)
{
    char bytes[ROLL_USER_MAX];
    struct buf out = BUF_FIXED(bytes);
    /* SQLite has no truth: what is written as true stands there as 1. */
    if (value.type == VALUE_INT && (str_is(text, "true") || str_is(text, "false")))
        return value.integer == str_is(text, "true");
    return value_write_text(&out, value) && str_equal(buf_slice(&out), text);
}

static bool where_holds(const struct roll_where *where, struct value value)
{
    if (value.type == VALUE_ABSENT)
        return false;
    if (value.type == VALUE_NULL)
        return where->null;
    for (size_t i = 0; i < where->n; i++)
        if (is_text(value, where->values[i]))
            return true;
    return false;
}

static bool write_scope(const struct roll *roll, const struct value *values, struct buf *scope)
{
    for (size_t i = 0; i < roll->scope.n; i++) {
        const struct template_part *part = &roll->scope.parts[i];
        if (!part->is_column)
            buf_str(scope, part->text);
        else if (!scope_write_value(scope, values[number_of(roll, part->text)]))
            return false;
    }
    return !scope->overflow && scope->len > 0 && scope->len <= SCOPE_MAX;
}

static bool grants(const struct roll *roll, const struct value *values)
{
    for (size_t i = 0; i < roll->n_where; i++)
        if (!where_holds(&roll->where[i], values[number_of(roll, roll->where[i].column)]))
            return false;
    return true;
}

bool roll_row(const struct roll *roll, struct str user, const struct value *values,
              struct buf *scope)
{
    return user.n > 0 && is_text(values[0], user) && grants(roll, values) &&
           write_scope(roll, values, scope);
}

/* ---- changes ---- */

/* One side of a change. What is null or empty, or too long for a user, is nobody's. */
static void touch_by(const struct roll *roll, const struct value *values, struct roll_touch *touch)
{
    *touch = (struct roll_touch){.user = BUF_INIT(ROLL_USER_MAX), .scope = BUF_INIT(SCOPE_MAX + 1)};
    touch->any_user = values[0].type == VALUE_ABSENT;
    if (!touch->any_user && !value_write_text(&touch->user, values[0]))
        buf_clear(&touch->user);
    for (size_t i = 0; i < roll->scope.n; i++) {
        const struct template_part *part = &roll->scope.parts[i];
        touch->any_scope =
            touch->any_scope ||
            (part->is_column && values[number_of(roll, part->text)].type == VALUE_ABSENT);
    }
    if (touch->any_scope || !write_scope(roll, values, &touch->scope))
        buf_clear(&touch->scope);
}

static bool means_something(const struct roll_touch *touch)
{
    return (touch->any_user || touch->user.len) && (touch->any_scope || touch->scope.len);
}

static void touch_free(struct roll_touch *touch)
{
    buf_free(&touch->user);
    buf_free(&touch->scope);
    *touch = (struct roll_touch){0};
}

void roll_untouch(struct roll_touch touches[2])
{
    touch_free(&touches[0]);
    touch_free(&touches[1]);
}

/* Before and after, of every column of the roll; what an update does not say is unknown. */
static void sides(const struct roll *roll, const struct change *change, struct value *before,
                  struct value *after)
{
    for (size_t i = 0; i < roll->n_columns; i++) {
        const struct change_field *field = change_field(change, roll->columns[i].name);
        before[i] = field ? field->before : (struct value){.type = VALUE_ABSENT};
        after[i] = field ? field->after : (struct value){.type = VALUE_ABSENT};
        if (field && (change->sparse || field->differs == CHANGE_SAME)) {
            before[i] = before[i].type == VALUE_ABSENT ? after[i] : before[i];
            after[i] = after[i].type == VALUE_ABSENT ? before[i] : after[i];
        }
    }
}

/* A source that cannot pair old and new rows says of each that it is different. */
static bool moves_nothing(const struct roll *roll, const struct change *change,
                          const struct value *before, const struct value *after)
{
    for (size_t i = 0; i < roll->n_columns; i++) {
        const struct change_field *field = change_field(change, roll->columns[i].name);
        if ((field && field->differs == CHANGE_DIFFERENT) || !value_equal(before[i], after[i]))
            return false;
    }
    return true;
}

size_t roll_touches(const struct roll *roll, const struct change *change,
                    struct roll_touch touches[2])
{
    struct value before[ROLL_COLUMNS_MAX] = {0}, after[ROLL_COLUMNS_MAX] = {0};
    size_t n = 0;
    touches[0] = touches[1] = (struct roll_touch){0};
    if (!str_equal(change->resource, roll->table))
        return 0;
    sides(roll, change, before, after);
    bool update = change->action == CHANGE_UPDATED || change->action == CHANGE_CUSTOM;
    if (change->action == CHANGE_TRUNCATED) {
        touches[0] = (struct roll_touch){.any_user = true, .any_scope = true, .lost = true};
        return 1;
    }
    if (update && moves_nothing(roll, change, before, after))
        return 0;
    if (update || change->action == CHANGE_DELETED) {
        touch_by(roll, before, &touches[n]);
        touches[n].lost = true;
        if (means_something(&touches[n]))
            n++;
        else
            touch_free(&touches[n]);
    }
    if (update || change->action == CHANGE_CREATED) {
        touch_by(roll, after, &touches[n]);
        if (!means_something(&touches[n])) {
            touch_free(&touches[n]);
        } else if (n == 1 && str_equal(buf_slice(&touches[0].user), buf_slice(&touches[1].user)) &&
                   str_equal(buf_slice(&touches[0].scope), buf_slice(&touches[1].scope)) &&
                   !touches[0].any_user && !touches[0].any_scope) {
            /* The same right all the while, unless a condition was or is not met. */
            touches[0].lost = !grants(roll, before) || !grants(roll, after);
            touch_free(&touches[1]);
        } else {
            n++;
        }
    }
    return n;
}
