/* reader: what all parts of reading a configuration share: where the file is, how an error is said,
 * and the few shapes that values have.
 *
 * Every function that can fail returns false with "file:line:column: sentence" in `err`; `what` is
 * the name of the key as the sentence shall call it. Memory comes from the configuration's arena.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "config/config.h"
#include "config/settings.h"
#include "config/yaml.h"
#include "rules/spec.h"

struct reader {
    const char *file;   /* as the user named it */
    const char *folder; /* of the file, with its "/", or "" */
    const struct config_outside *outside;
    struct arena *arena;
    struct err *err;
};

bool reader_wrong(const struct reader *reader, struct place at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Zeroed; never NULL: the tree is bounded, and so is what is made of it. */
void *reader_new(const struct reader *reader, size_t count, size_t size);
/* `path` beside the configuration file unless it is absolute. */
const char *reader_path(const struct reader *reader, struct str path);

/* `expected` is what stands there instead of `node`: "log is a mapping; here stands the text
 * \"x\"". */
bool reader_mistyped(const struct reader *reader, const struct yaml *node, const char *what,
                     const char *expected);
/* {id} without quotes: a mapping to YAML, though nobody who wrote it meant that. */
bool reader_unquoted_template(const struct yaml *node);
/* "unknown key "lsiten" (did you mean "listen"?)". */
bool reader_unknown(const struct reader *reader, const char *section,
                    const struct yaml_entry *entry);

bool reader_map(const struct reader *reader, const struct yaml *node, const char *what);
bool reader_list(const struct reader *reader, const struct yaml *node, const char *what);
/* A text that is not empty. */
bool reader_text(const struct reader *reader, const struct yaml *node, const char *what,
                 const char *expected, struct spec_text *out);
/* One text or a list of them; the list may be empty. */
bool reader_texts(const struct reader *reader, const struct yaml *node, const char *what,
                  const char *expected, struct spec_texts *out);
/* A row that is neither TEXT nor PART. */
bool reader_setting(const struct reader *reader, const struct setting *setting,
                    const struct yaml *node, void *base);

/* A text of the file, short and without control characters, for a sentence. */
struct shown {
    char text[80];
};
struct shown shown(struct str text);
