/* state: the file that carries an orderly stop over to the next start.
 *
 * Read and unlinked in one go: a crash after that finds no file, and so begins a new
 * epoch. Written whole or not at all (temporary file, fsync, rename), mode 0600. A file that is not
 * one of ours is neither removed nor replaced.
 *
 *     "unstale-state 1\n" · rules hash · hub bytes · n × (source name, cursor) · SipHash of all
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct state_cursor {
    struct str source, cursor;
};

struct state {
    uint64_t rules;
    struct str hub;
    struct state_cursor *cursors;
    size_t n_cursors;
    char *_bytes; /* what the slices point at, after state_take */
};

/* Whether state_write will find a folder that it may write to, as far as that can be known now. */
bool state_expect(const char *path, struct err *err);
bool state_write(const char *path, const struct state *state, struct err *err);
/* Reads and unlinks. False without a sentence (err->text empty) when there is no file; false with
 * one when it cannot be used. */
bool state_take(const char *path, struct state *state, struct err *err);
/* Empty when the file has none for it. */
struct str state_cursor(const struct state *state, struct str source);
void state_free(struct state *state);
