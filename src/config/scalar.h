/* scalar: what one scalar of the file is as JSON: a number, true, false or null, or a text. */
#pragma once

#include "config/reader.h"

enum scalar { SCALAR_TEXT, SCALAR_LITERAL, SCALAR_WRONG };

/* LITERAL: its canonical JSON was appended. TEXT: nothing was, it is node->text; so are integers
 * that JavaScript would round. WRONG: the error is set. */
enum scalar scalar_read(const struct reader *reader, const struct yaml *node, struct buf *json);
