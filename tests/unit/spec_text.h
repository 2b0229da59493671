/* spec_text: rules written as JSON, for tests and fuzzing; the same members as in the YAML file.
 *
 *     {"tasks": {"scope": ["project:{project_id}"],
 *                "stale": [["tasks"], {"key": ["tasks", "{id}"], "on": ["created"], "at_most":
 * 5000}]}}
 *
 * Where JSON cannot say a thing twice, an array of pairs stands for an object:
 *     [["tasks", {...}], ["tasks", {...}]]       "data": [["a", "x"], ["a", "y"]]
 *
 * Places: line 1, and the column where the text, array or object stands in the JSON. */
#pragma once

#include "base/arena.h"
#include "base/str.h"
#include "rules/spec.h"

#include <stdbool.h>

struct spec_text_file {
    struct arena arena;
    struct rules_spec spec;
};

/* False when this is not JSON of that shape. To be freed either way. */
bool spec_text_parse(struct spec_text_file *file, struct str json);
void spec_text_free(struct spec_text_file *file);
