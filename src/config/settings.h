/* settings: every key of the configuration file as one row: its section, kind, bounds, default and
 * what it is for.
 *
 * One table for reading the file, for the hints at unknown keys, and for the manuals: the test of
 * docs/configuration.md and of the man page goes through it row by row.
 *
 * A section is the kind of mapping in which a key stands: "" (the top of the file), "limits",
 * "log", "source" (an entry of `sources:`), "publish", "rule" (an entry of `rules:`), "stale" (an
 * entry of `stale:` that is a mapping), "action" (an entry of `actions:`), "endpoint" (an entry of
 * `endpoints:`), and of that "words" (ready, change, batch, notice), "heartbeat" and "reset", which
 * are words with more keys, "names" (resources, actions); "membership" (an entry of `auth:
 * membership:`). */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum setting_kind {
    SETTING_DURATION, /* uint64_t, milliseconds */
    SETTING_SIZE,     /* size_t, bytes */
    SETTING_COUNT,    /* unsigned */
    SETTING_BOOL,     /* bool */
    SETTING_CHOICE,   /* unsigned-sized enum or bool: the index in `choices` */
    SETTING_TEXT,     /* const char *, in the arena */
    SETTING_PART,     /* has a structure of its own and a function that reads it */
};

struct setting {
    const char *section;
    const char *name;
    enum setting_kind kind;
    size_t offset; /* in the struct that the section fills */
    size_t width;
    uint64_t min, max;    /* DURATION, SIZE, COUNT */
    const char *standard; /* the default as it would be written; NULL: none */
    const char *choices;  /* CHOICE: "debug|info|warn|error" */
    const char *form;     /* TEXT, PART: what it looks like, for the manuals and for errors */
    const char *help;
};

size_t settings_count(void);
const struct setting *settings_at(size_t index);
const struct setting *settings_find(const char *section, struct str name);
/* Writes the defaults of a section's DURATION, SIZE, COUNT, BOOL and CHOICE rows. */
void settings_defaults(const char *section, void *base);

/* What kind of value it takes: "a duration (100ms, 5s, 1m, 0)". */
const char *setting_expects(const struct setting *setting, char out[160]);
enum setting_parsed { SETTING_OK, SETTING_MISTYPED, SETTING_OUT_OF_BOUNDS };
/* For every kind but TEXT and PART; stores only what is OK. */
enum setting_parsed setting_parse(const struct setting *setting, struct str text, void *base);
/* "between 100ms and 1h". */
const char *setting_bounds(const struct setting *setting, char out[80]);
/* The word for the manuals: "duration". */
const char *setting_kind_name(enum setting_kind kind);
