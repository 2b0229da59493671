/* phrase: a JSON document with {names} in it, and what it says once they are known.
 *
 *     {"type":"{resource}.{action}","entity_id":"{id?}","data":{"...":"{data?}","id":null}}
 *
 * What always holds:
 *  1. What is written is JSON in one line, its members in the order of the document. Only a
 *     phrase that is a single text is written as it is, without quotes: a name of an event, or
 *     words that are no JSON.
 *  2. A text that is one {name} alone takes the value as it is, JSON of any type; in a longer one
 *     the value stands as text.
 *  3. {name?} may be absent: then its member (or element) is left out. {name} without "?" may
 *     not: then nothing is written at all.
 *  4. A member called "..." is one {name} alone; the members of that object stand in its place,
 *     but for those that the document names itself. Of what is no object nothing stands there.
 *  5. {name.part} is a part of the value; which ones there are is the caller's matter.
 *
 * Braces are written twice to be themselves (model/template.h). A phrase is immutable and lives in
 * the arena that it was parsed into. Pure. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PHRASE_DEPTH = 16, PHRASE_BYTES = 64 * 1024 };

struct phrase;

enum phrase_parts { PHRASE_WHOLE, PHRASE_NUMBERED, PHRASE_NAMED };

/* A name that a phrase may use, and which parts of it. */
struct phrase_name {
    const char *name;
    enum phrase_parts parts;
};

struct phrase_names {
    const struct phrase_name *items;
    size_t n;         /* at most 64 */
    uint64_t allowed; /* bit i: item i may be used */
};

enum phrase_kind { PHRASE_ABSENT, PHRASE_TEXT, PHRASE_JSON };

struct phrase_value {
    enum phrase_kind kind;
    struct str text; /* UTF-8, or JSON in one line */
};

/* `name` is an index in the phrase_names; `part` is empty for the whole value. The slice lives
 * until the next call. */
typedef struct phrase_value phrase_lookup(void *ctx, size_t name, struct str part);

/* NULL with a sentence: it is no JSON, or too deep, or has a name that is not known. */
struct phrase *phrase_parse(struct str json, const struct phrase_names *names, struct arena *arena,
                            struct err *err);
/* The same judgement of one text of it, for whoever knows where it stands in a file. */
bool phrase_check_text(struct str text, const struct phrase_names *names, struct err *err);

/* False when a name that may not be absent is: `out` is as it was. */
bool phrase_write(const struct phrase *phrase, struct buf *out, phrase_lookup *lookup, void *ctx);
/* {name} stands somewhere without "?". */
bool phrase_needs(const struct phrase *phrase, size_t name);
/* It is one text, and so no JSON. */
bool phrase_is_text(const struct phrase *phrase);
