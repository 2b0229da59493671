/* secret: a token or a key from a file, as the server reads its own: without the blanks and line
 * ends around it. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdio.h>

/* All of a stream; `what` names it in the sentence. */
bool secret_read_stream(const char *what, FILE *file, struct buf *out, struct err *err);
/* `out` is NUL-terminated; the NUL does not count. Its maximum is the file's. */
bool secret_read(const char *path, struct buf *out, struct err *err);
