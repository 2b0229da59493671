/* json_value: a piece of JSON that a peer sent, as a value.
 *
 * Objects and arrays become canonical JSON text. Copies into the arena; bounded by it, and in depth
 * by JSON_VALUE_DEPTH. Pure. */
#pragma once

#include "base/arena.h"
#include "base/str.h"
#include "model/value.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { JSON_VALUE_DEPTH = 32 };

enum json_value {
    JSON_VALUE_OK,
    JSON_VALUE_DEEP, /* nested deeper than JSON_VALUE_DEPTH */
    JSON_VALUE_FULL, /* the arena has no room for it */
};

enum json_value json_value(const json_t *json, struct arena *arena, struct value *out);
/* Whether it nests at most JSON_VALUE_DEPTH arrays and objects. */
bool json_value_shallow(const json_t *json);
/* The whole of it as canonical text; false when the arena is full. */
bool json_value_canonical(const json_t *json, struct arena *arena, struct str *out);
/* What a JSON string holds; lives as long as the string. */
struct str json_value_text(const json_t *string);

/* jansson iterates only over objects that are not const; nothing is changed. */
#define JSON_EACH_MEMBER(at, object)                            \
    void *at = json_object_iter((json_t *)(uintptr_t)(object)); \
    at;                                                         \
    at = json_object_iter_next((json_t *)(uintptr_t)(object), at)
struct str json_value_member(void *at);
