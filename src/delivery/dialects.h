/* dialects: the dialects that are compiled in, each as the text of its file in delivery/dialects/.
 */
#pragma once

#include "base/str.h"

#include <stddef.h>

struct dialect_file {
    const char *name;
    const char *text; /* YAML, as keys of an entry of `endpoints:` */
};

size_t dialects_count(void);
const struct dialect_file *dialects_at(size_t index);
/* NULL when there is none of that name. */
const struct dialect_file *dialects_find(struct str name);
