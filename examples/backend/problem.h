/* problem: why a request, or the start of the program, failed.
 *
 * A plain value on the caller's stack; nothing to free. `status` is an HTTP
 * status, so the callee decides what the client is told; outside of a request
 * it is ignored. `text` is one sentence for a person, always terminated. */
#ifndef EXAMPLE_PROBLEM_H
#define EXAMPLE_PROBLEM_H

#include <stdbool.h>

struct problem {
    unsigned status;
    char text[256];
};

/* Fills `p` and returns false, so that a failing function can end with it. */
__attribute__((format(printf, 3, 4))) bool problem_set(struct problem *p, unsigned status,
                                                       const char *format, ...);

#endif
