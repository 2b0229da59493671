/* pg_canary: notifications of our own, which prove that somebody listens, and that everything in
 * front of them has come.
 *
 * One is out at a time. As a fence: who asks `want` gets a number, and may go on when
 * pg_canary_passed has reached it: then a canary that was sent later has come, and everything that
 * stood in front of it is complete and handed on. Pure: times are of the caller's clock, and it
 * sends. */
#pragma once

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum { PG_CANARY_MAX = 64 };

struct pg_canary {
    char _text[PG_CANARY_MAX]; /* of the one that is out */
    uint64_t _until;           /* 0: none is out */
    /* Numbers of the last fence that was wanted, sent, has come, has come with everything in front
     * of it complete, has all of that handed on. */
    uint64_t _wanted, _sent, _came, _closed, _passed;
};

/* Adds the statement that sends the next one, which answers with the number of the server's
 * process. `random` makes it ours alone; it is expected until `until`. */
void pg_canary_write(struct pg_canary *canary, struct buf *sql, uint64_t random, uint64_t until);
/* Any server's canary. */
bool pg_canary_is_one(struct str payload);
/* Ours, that is out. It is out no more. */
bool pg_canary_take(struct pg_canary *canary, struct str payload);
/* It will not come, nor will what was wanted with it: the next one counts. */
void pg_canary_forget(struct pg_canary *canary);

/* Another one is expected until then, whoever sends it. */
void pg_canary_expect(struct pg_canary *canary, uint64_t until);
bool pg_canary_is_out(const struct pg_canary *canary);
bool pg_canary_is_missing(const struct pg_canary *canary, uint64_t now);

/* A fence behind everything that was committed up to now. */
uint64_t pg_canary_want(struct pg_canary *canary);
/* One is wanted that was not sent, and may be. */
bool pg_canary_is_wanted(const struct pg_canary *canary);
/* The next one that is written is for all that is wanted. */
void pg_canary_serve(struct pg_canary *canary);
/* What came so far is complete. */
void pg_canary_close(struct pg_canary *canary);
/* What was complete is handed on. */
void pg_canary_pass(struct pg_canary *canary);
uint64_t pg_canary_passed(const struct pg_canary *canary);
