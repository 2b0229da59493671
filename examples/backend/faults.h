/* faults: latency and failures on demand, for tests and for showing what an
 * optimistic update looks like when it is taken back.
 *
 * The delay is spent after the database was read and before the answer leaves,
 * because that is the hard case: a change that commits in between makes the
 * answer old before it arrives. Safe from many threads. */
#ifndef EXAMPLE_FAULTS_H
#define EXAMPLE_FAULTS_H

#include <jansson.h>
#include <stdbool.h>

#include "problem.h"

enum { FAULTS_MAX_DELAY_MS = 30000, FAULTS_MAX_FAILURES = 1000 };

struct faults;

struct faults *faults_new(int delay_ms);
void faults_free(struct faults *faults);
/* {"delayMs": 300, "failWrites": 1}, either or both. Another delay holds for the
 * answers that wait now, too: counted from when each began to wait. */
bool faults_set(struct faults *faults, json_t *body, struct problem *problem);
/* The settings as faults_set takes them, and `held`: how many answers wait now.
 * The caller's. */
json_t *faults_json(struct faults *faults);
/* True when this write shall fail; counts it down. */
bool faults_fail_write(struct faults *faults);
/* Blocks for the delay, or until faults_release. */
void faults_wait(struct faults *faults);
/* From now on nobody waits any more. */
void faults_release(struct faults *faults);

#endif
