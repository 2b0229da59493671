/* pass: one tick on its way through a delivery thread: who is due of it, and what is behind it.
 *
 * Two passes over a tick: the first only marks who is due (no system call, so a tick of ten scopes
 * costs each subscriber one entry in one array), the second writes, a bounded number at a time.
 * Between two slices of the second connections come and go: the array holds ids, and who is gone by
 * then is not found. Thread: the delivery thread's. */
#pragma once

#include "base/blob.h"
#include "delivery/endpoints.h"
#include "delivery/roster.h"
#include "delivery/tick.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pass {
    struct tick *tick; /* NULL: none is being written */
    struct blob *_positions[FORMAT_COUNT];
    uint64_t *_due; /* connection ids */
    size_t _n, _cap, _next;
};

/* Takes the tick; no other is being written. Each live subscriber that it touches is due once. */
void pass_begin(struct pass *pass, struct tick *tick, struct roster *roster);
/* One more who is due; false when there is none. */
bool pass_next(struct pass *pass, uint64_t *conn);
bool pass_is_over(const struct pass *pass);
/* The tick's position as this format says it; made when somebody is due. The pass keeps it. */
struct blob *pass_position(struct pass *pass, enum format format, const struct endpoints *endpoints,
                           uint64_t epoch);
/* Gives the tick back; fine where there is none. */
void pass_end(struct pass *pass);
void pass_free(struct pass *pass);
