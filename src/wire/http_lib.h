/* http_lib: the parser library (Debian's http-parser 2.9.4), behind names of our own.
 *
 * Its header takes names that are ours in wire/http.h; so it is included in
 * http_lib.c alone, which is also the one file to change for llhttp.
 * It sees only bytes that http_head and http_chunk let pass, and one message at
 * a time. */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct http_lib;

/* The head must be fed in one piece: each of these is called once for each part of it. */
struct http_lib_events {
    void (*target)(void *ctx, struct str text);
    void (*name)(void *ctx, struct str text);
    void (*value)(void *ctx, struct str text);
    bool (*body)(void *ctx, struct str bytes); /* false stops */
};

struct http_lib_facts {
    struct str method;
    unsigned minor;
    bool keep_alive;
    bool upgrade;
    bool chunked;
    bool has_length;
    uint64_t length;
    bool head_whole;
    bool whole;
};

/* `events` must outlive it. NULL when there is no memory. */
struct http_lib *http_lib_new(const struct http_lib_events *events, void *ctx);
void http_lib_free(struct http_lib *lib);
/* Ready for the next message. */
void http_lib_reset(struct http_lib *lib);
/* False: the library refuses the bytes, or `body` did. */
bool http_lib_feed(struct http_lib *lib, struct str bytes);
/* The library does not know the method. */
bool http_lib_method_unknown(const struct http_lib *lib);
const struct http_lib_facts *http_lib_facts(const struct http_lib *lib);
