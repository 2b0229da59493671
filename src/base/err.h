/* err: one sentence that says what went wrong, where, and what to do.
 *
 * The callee writes the sentence, callers add context in front:
 *     source ./app.db: open: file is not a database
 * Every function here returns false, so that `return err_set(...)` reads well.
 * `err` may be NULL where the caller only wants to know that it failed. */
#pragma once

#include <stdbool.h>

#define ERR_MAX 1024

struct err {
    char text[ERR_MAX]; /* always NUL-terminated; longer sentences are cut */
};

#define ERR_INIT ((struct err){.text = ""})

bool err_set(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "context: " in front of what is there. */
bool err_prefix(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
