#include "model/change.h"

static const char *const action_names[] = {
    [CHANGE_CREATED] = "created",
    [CHANGE_UPDATED] = "updated",
    [CHANGE_DELETED] = "deleted",
    [CHANGE_TRUNCATED] = "truncated",
};

enum { ACTION_NAMES = sizeof action_names / sizeof action_names[0] };

const struct change_field *change_field(const struct change *change, struct str column)
{
    for (size_t i = 0; i < change->n_fields; i++)
        if (str_equal(change->fields[i].column, column))
            return &change->fields[i];
    return NULL;
}

enum change_known change_differs(const struct change *change, struct str column)
{
    if (change->action == CHANGE_CREATED || change->action == CHANGE_DELETED)
        return CHANGE_DIFFERENT;
    const struct change_field *field = change_field(change, column);
    if (!field)
        return CHANGE_UNKNOWN;
    if (field->differs != CHANGE_UNKNOWN)
        return field->differs;
    if (field->before.type == VALUE_ABSENT || field->after.type == VALUE_ABSENT)
        return CHANGE_UNKNOWN;
    return value_equal(field->before, field->after) ? CHANGE_SAME : CHANGE_DIFFERENT;
}

enum change_action change_action_of(struct str name)
{
    for (size_t i = 0; i < ACTION_NAMES; i++)
        if (str_is(name, action_names[i]))
            return (enum change_action)i;
    return CHANGE_CUSTOM;
}

struct str change_action_name(enum change_action action)
{
    return (size_t)action < ACTION_NAMES ? str_of(action_names[action]) : STR("custom");
}
