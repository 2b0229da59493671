/* http_chunk: the strict check of a chunked body's framing (RFC 9112 7.1).
 *
 * The parser library, as Debian builds it, takes any byte for the LF of a chunk's
 * line and any extension of any length; this check says which bytes it may see.
 * Pure; a plain value, zeroed at the start of each body. */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Bytes of all extensions of a body together, and of all its trailers. */
enum { HTTP_CHUNK_EXTENSIONS_MAX = 1024, HTTP_TRAILERS_MAX = 4096 };

struct http_chunk {
    unsigned _state;
    unsigned _digits;
    unsigned _extensions, _trailers;
    uint64_t _size;
    uint64_t _left;
    uint64_t _total;
};

enum http_chunk_scan {
    HTTP_CHUNK_MORE, /* all bytes were looked at */
    HTTP_CHUNK_SKIP, /* as MORE or less; the bytes are a trailer: keep them from the library */
    HTTP_CHUNK_END,  /* the body ends behind the bytes used */
    HTTP_CHUNK_BAD,
    HTTP_CHUNK_LARGE, /* the data is longer than `max` */
};

/* Looks at bytes until the answer changes; *used says how many. Call again for the rest. */
enum http_chunk_scan http_chunk_scan(struct http_chunk *chunk, struct str bytes, uint64_t max,
                                     size_t *used);
