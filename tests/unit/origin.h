/* origin: an HTTP server for tests of what goes out, on the test's own loop and a free port of
 * 127.0.0.1. It answers every request with the same bytes until it is told others. */
#pragma once

#include "base/buf.h"

#include <uv.h>

struct origin;

struct origin *origin_new(uv_loop_t *loop);
/* Closes; freed when the loop has run its closing callbacks. */
void origin_close(struct origin *origin);
/* "http://127.0.0.1:PORT/keys", in the origin. */
const char *origin_url(const struct origin *origin);
/* A whole answer: `headers` are lines with their ends, or "". */
void origin_answer(struct origin *origin, unsigned status, const char *headers, const char *body);
/* These bytes as they are, and then the end of the connection if `cut`. "" and no cut: silence. */
void origin_raw(struct origin *origin, const char *bytes, bool cut);
unsigned origin_requests(const struct origin *origin);
unsigned origin_connections(const struct origin *origin);
/* Head and body of the last request. */
struct str origin_last(const struct origin *origin);
/* Turns the loop until `*value` is at least `target`; fails the test after some seconds. */
void origin_turn(uv_loop_t *loop, const unsigned *value, unsigned target);
