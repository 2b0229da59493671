/* secret: a token or a key from a file, as the server reads its own. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdio.h>

/* All of a stream; `what` names it in the sentence. */
bool secret_read_stream(const char *what, FILE *file, struct buf *out, struct err *err);
/* What does not count: blanks and line ends around a token, which has none inside; behind a secret,
 * which may have any bytes, only the editor's line end. */
enum secret_kind { SECRET_TOKEN, SECRET_BYTES };

/* `out` is NUL-terminated; the NUL does not count. Its maximum is the file's. */
bool secret_read(enum secret_kind kind, const char *path, struct buf *out, struct err *err);
