/* stream: one subscriber of the scope "project:0" over SSE, for measurements of a single event. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct stream {
    int fd;
    char seen[8192];
    size_t n;
};

/* `server` is ADDRESS:PORT. */
bool stream_open(struct stream *stream, const char *server, struct err *err);
void stream_close(struct stream *stream);
/* Reads what is there, or waits for it, and says whether `text` came; then all that came is
 * forgotten. False with a sentence when the stream ended. */
bool stream_read(struct stream *stream, const char *text, bool *came, struct err *err);
/* Until `text` came; other events before it do not matter. */
bool stream_await(struct stream *stream, const char *text, struct err *err);
