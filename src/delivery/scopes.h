/* scopes: the list of scopes that one subscription asks for, checked one by one.
 *
 * The names are the caller's and must live until the list was handed to the crowd. */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "delivery/catchup.h"
#include "delivery/crowd.h"
#include "delivery/identity.h"

#include <stddef.h>
#include <stdint.h>

struct scopes {
    const struct identity *identity;
    uint64_t epoch;
    unsigned max;
    struct crowd_scope *items; /* room for `max` */
    size_t n;
    struct str *families; /* that were asked for, room for `max`: to be followed */
    size_t n_families;
};

void scopes_init(struct scopes *scopes, const struct identity *identity, uint64_t epoch,
                 unsigned max);
void scopes_free(struct scopes *scopes);

/* Adds one, or sets `since` of one that is there; a family adds all of it that may be read, whose
 * names are the identity's. Returns 0, or the HTTP status of the refusal (400, 401, 403) with a
 * sentence. */
unsigned scopes_add(struct scopes *scopes, struct str name, uint64_t since, struct err *err);
/* A position as a client sends it: its sequence; CATCHUP_FRESH when empty, CATCHUP_LOST when it is
 * not one of this epoch. */
uint64_t scopes_since(const struct scopes *scopes, struct str text);
