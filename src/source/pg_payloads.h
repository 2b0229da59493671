/* pg_payloads: notifications become changes of a source. What is not understood, and what a trigger
 * could not say, is a gap or a wide change, is said aloud, and is counted. */
#pragma once

#include "base/arena.h"
#include "base/log.h"
#include "base/str.h"
#include "source/source.h"
#include "source/watch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whose trigger a notification is of. */
enum pg_payload_of { PG_PAYLOAD_OURS, PG_PAYLOAD_FOREIGN };

struct pg_payloads {
    struct source *source;     /* all of these outlive it */
    const struct watch *watch; /* what foreign names of tables may mean */
    const char *channel;       /* of foreign ones; NULL: there are none */
    const struct log *log;
    struct arena _arena;
    uint64_t _understood, _overflows, _errors, _refused;
};

/* The public members are the caller's, set before or after. */
void pg_payloads_init(struct pg_payloads *payloads);
void pg_payloads_free(struct pg_payloads *payloads);
/* Between begin and commit of the source. */
void pg_payloads_hand(struct pg_payloads *payloads, enum pg_payload_of of, struct str payload);
/* How many it wrote; at most 4. */
size_t pg_payloads_numbers(const struct pg_payloads *payloads, struct source_number *out);
