/* findings: what `unstale doctor` found out, check by check, as text for people or as JSON.
 *
 * Texts are copied; control characters and what is not UTF-8 come out harmless. Bounded: beyond
 * FINDINGS_MAX they are only counted. */
#pragma once

#include "base/arena.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { FINDINGS_MAX = 10000 };

enum finding_level {
    FINDING_OK,
    FINDING_WARNING, /* it works, and could be better or safer */
    FINDING_PROBLEM, /* changes are not captured, or will not be */
};

struct finding {
    const char *source; /* of which source; owned by the caller */
    const char *check;  /* a constant: "wal_level" */
    enum finding_level level;
    struct str sentence;
    struct str mend; /* SQL, or a command ("unstale setup …"); empty: none */
};

struct findings {
    struct finding *items;
    size_t n;
    size_t counts[FINDING_PROBLEM + 1];
    struct arena _arena;
};

void findings_init(struct findings *findings);
void findings_free(struct findings *findings);
/* `mend` may be empty. */
void findings_add(struct findings *findings, const char *source, const char *check,
                  enum finding_level level, struct str mend, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
void findings_print(const struct findings *findings, FILE *out);
void findings_print_json(const struct findings *findings, FILE *out);
