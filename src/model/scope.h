/* scope: who is told; "project:42", "user:7", "all".
 *
 * Text without control characters, at most SCOPE_MAX bytes. Values that come
 * from rows or claims are percent-encoded (":", "%", "*", controls, and bytes
 * that are not UTF-8) so that no value can forge another scope; the template
 * around them is not.
 *
 * Family: the hidden scope above: the text up to the first ":" plus ":*"
 * ("org:1:project:2" -> "org:*"), and "*" above all. A scope without ":" has
 * only "*" above it. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "model/value.h"

#include <stdbool.h>

enum { SCOPE_MAX = 256 };

#define SCOPE_EVERY STR("*")

/* A name that a client may ask for: not empty, within SCOPE_MAX, UTF-8, no
 * controls, and not a family itself. The sentence says what is wrong. */
bool scope_check(struct str scope, struct err *err);
/* "x:*" or "*". */
bool scope_is_family(struct str scope);
/* The part of a family before its "*": "project:" for "project:*", "" for "*".
 * For an ordinary scope: its text up to and including the first ":", or "". */
struct str scope_stem(struct str scope);
/* Appends the family's name ("project:*", or "*" for a scope without ":"). */
bool scope_family(struct buf *out, struct str scope);
/* Whether `family` stands above `scope` ("project:*" or "*" above "project:42"). */
bool scope_in_family(struct str scope, struct str family);
/* Appends the value, percent-encoded. False, and nothing appended, when the
 * value is absent, null or empty: such a value gives no scope. */
bool scope_write_value(struct buf *out, struct value value);
