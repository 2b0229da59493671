/* pg_text: writing pieces of PostgreSQL's SQL, beside sqltext_name (source/sqltext.h).
 *
 * What is written means the same whatever the session's standard_conforming_strings says. Pure. */
#pragma once

#include "base/buf.h"
#include "base/str.h"

/* "schema"."name" */
bool pg_text_table(struct buf *out, struct str schema, struct str name);
/* 'text', quoted. */
bool pg_text_string(struct buf *out, struct str text);
/* $tag$text$tag$, with a tag that does not occur in the text. */
bool pg_text_body(struct buf *out, struct str text);
