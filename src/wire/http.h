/* http: HTTP/1.1 requests (RFC 9110, 9112), bytes in, structs out.
 *
 * A strict check of the head stands before the parser library (Debian's
 * http-parser accepts bare LF, "Host :", obs-fold and two Hosts): what could be
 * read in two ways by two servers is refused, never guessed.
 * Pure: no socket, no clock. */
#pragma once

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_limits {
    size_t head;      /* bytes of request line and headers */
    size_t body;      /* bytes, chunked or not */
    unsigned headers; /* count */
};

enum http_method { HTTP_GET_, HTTP_HEAD_, HTTP_POST_, HTTP_OPTIONS_, HTTP_OTHER_ };

struct http_header {
    struct str name;  /* as sent; compare with http_find */
    struct str value; /* without surrounding white space */
};

enum { HTTP_HEADERS_MAX = 64 };

struct http_request {
    enum http_method method;
    struct str method_text; /* lives for ever */
    struct str target;      /* as sent */
    struct str path;        /* up to "?" */
    struct str query;       /* behind "?", or empty */
    unsigned minor;         /* HTTP/1.minor */
    bool keep_alive;
    bool upgrade; /* Connection: upgrade */
    struct http_header headers[HTTP_HEADERS_MAX];
    unsigned n_headers;
    struct str body; /* decoded */
};

/* The value of the first header of that name (ASCII case-insensitive); .p NULL when absent. */
struct str http_find(const struct http_request *request, const char *name);

/* Collects one request from bytes as they come. Allocated while a request is on its way only. */
struct http_reader;

enum http_read {
    HTTP_MORE,    /* needs more bytes */
    HTTP_HEAD,    /* the head is whole and asks for 100-continue: answer "100 Continue", read on */
    HTTP_REQUEST, /* http_reader_request is whole */
    HTTP_REFUSED, /* http_reader_status and _reason say why; the connection must be closed */
};

/* NULL when there is no memory. */
struct http_reader *http_reader_new(const struct http_limits *limits);
void http_reader_free(struct http_reader *reader);
/* Forgets what was read and takes new limits; keeps some memory, for the next request. */
void http_reader_clear(struct http_reader *reader, const struct http_limits *limits);
/* Takes at most n bytes, stops at the end of a request; *used says how many were taken. The next
 * feed begins the next request. After HTTP_REFUSED nothing is taken any more. */
enum http_read http_reader_feed(struct http_reader *reader, struct str bytes, size_t *used);
/* Nothing of the next request was taken yet. */
bool http_reader_idle(const struct http_reader *reader);
bool http_reader_in_body(const struct http_reader *reader);
/* What was read begins as a HEAD does: also what it is refused with has no body. */
bool http_reader_head_only(const struct http_reader *reader);
/* Valid until the next feed. */
const struct http_request *http_reader_request(const struct http_reader *reader);
unsigned http_reader_status(const struct http_reader *reader);
const char *http_reader_reason(const struct http_reader *reader);

struct http_response {
    unsigned status;
    struct str date, headers; /* whole lines with CRLF, or empty */
    struct str body;          /* 1xx, 204 and 304 have none */
    bool keep_alive;
    bool old; /* to HTTP/1.0, where staying has to be said */
    bool
        head_only; /* to HEAD: no body bytes, and without a body no Content-Length (RFC 9110 8.6) */
};

/* Status line, headers, the Content-Length of the body, the body. */
bool http_write_response(struct buf *out, const struct http_response *response);
/* A line "Date: Sat, 21 Nov 2026 15:04:05 GMT" with CRLF (RFC 9110 5.6.7). */
bool http_write_date(struct buf *out, uint64_t unix_seconds);
/* "Not Found"; of an unknown status the name of its class. */
const char *http_status_text(unsigned status);
