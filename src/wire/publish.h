/* publish: the bodies of POST /v1/changes and /v1/notices, JSON in, structs out.
 *
 * DESIGN 5: one object or an array; a body is accepted whole or not at all; an error
 * names the index and the field. Unknown fields are errors too (a typo must not be
 * silently ignored), with the nearest known name.
 * Pure. Everything lives in the arena that publish_parse fills. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "model/change.h"

#include <stdbool.h>
#include <stddef.h>

enum publish_kind { PUBLISH_CHANGE, PUBLISH_MARKS, PUBLISH_NOTICE };

struct publish_marks {
    struct str scope; /* checked by scope_check; families ("project:*", "*") are allowed here */
    struct str *keys; /* canonical */
    size_t n;
};

struct publish_notice {
    struct str scope; /* not a family */
    struct str type;
    struct str data; /* canonical JSON; "null" when absent */
};

struct publish_item {
    enum publish_kind kind;
    struct change change; /* sparse; .data canonical */
    struct publish_marks marks;
    struct publish_notice notice;
};

struct publish {
    struct publish_item *items;
    size_t n;
};

enum publish_body { PUBLISH_CHANGES, PUBLISH_NOTICES };

bool publish_parse(enum publish_body body, struct str json, struct arena *arena,
                   struct publish *out, struct err *err);
/* A body of changes or one of notices, of at most `max` bytes. `err` must be given. */
bool publish_parse_any(struct str json, size_t max, struct arena *arena, struct publish *out,
                       struct err *err);
