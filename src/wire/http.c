/* A request is read in three steps, each of which refuses for itself:
 *
 *  1. bytes are collected up to the empty line, at most limits.head of them;
 *  2. the strict checks look at them (http_head, and http_chunk for the body);
 *  3. the parser library is fed what they let pass (http_lib), and must come to the same
 *     method, framing and end of message as they did.
 *
 * So a shape is served only where two readers agree about it. */
#include "wire/http.h"

#include "base/calendar.h"
#include "base/mem.h"
#include "wire/http_chunk.h"
#include "wire/http_head.h"
#include "wire/http_lib.h"

#include <stdlib.h>

enum {
    HEAD_FIRST = 1024,     /* most heads fit */
    BODY_FIRST = 1024,     /* doubled while the body comes: nobody gets memory for a promise */
    BODY_KEEP = 64 * 1024, /* more is given back after the request */
};

enum state { AT_START, AT_EMPTY_LINE, IN_HEAD, IN_BODY, WHOLE, REFUSED };

struct bytes {
    char *p;
    size_t n, cap;
};

struct http_reader {
    struct http_limits limits;
    enum state state;
    bool empty_line; /* the one that may stand before a request was there */
    bool overflow;   /* no memory for a byte of the body */
    size_t line;     /* where the present line of the head begins */
    struct bytes head, body;
    struct http_head check;
    struct http_chunk chunk;
    uint64_t left; /* of a body with a length */
    struct http_lib *lib;
    struct http_request request;
    unsigned status;
    const char *reason;
};

/* As buf_add, but no memory is an answer: the size is the peer's choice. */
static bool bytes_add(struct bytes *bytes, struct str more, size_t first)
{
    if (more.n > bytes->cap - bytes->n) {
        size_t cap = bytes->cap ? bytes->cap : first;
        while (cap - bytes->n < more.n)
            cap *= 2;
        char *p = mem_try(cap);
        if (!p)
            return false;
        if (bytes->n)
            memcpy(p, bytes->p, bytes->n);
        free(bytes->p);
        bytes->p = p;
        bytes->cap = cap;
    }
    if (more.n)
        memcpy(bytes->p + bytes->n, more.p, more.n);
    bytes->n += more.n;
    return true;
}

static void bytes_free(struct bytes *bytes)
{
    free(bytes->p);
    *bytes = (struct bytes){0};
}

static void on_target(void *ctx, struct str text)
{
    struct http_reader *reader = ctx;
    reader->request.target = text;
}

static void on_name(void *ctx, struct str text)
{
    struct http_reader *reader = ctx;
    if (reader->request.n_headers < HTTP_HEADERS_MAX)
        reader->request.headers[reader->request.n_headers].name = text;
}

static void on_value(void *ctx, struct str text)
{
    struct http_reader *reader = ctx;
    while (text.n && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t'))
        text.n--;
    if (reader->request.n_headers < HTTP_HEADERS_MAX)
        reader->request.headers[reader->request.n_headers++].value = text;
}

static bool on_body(void *ctx, struct str bytes)
{
    struct http_reader *reader = ctx;
    reader->overflow = !bytes_add(&reader->body, bytes, BODY_FIRST);
    return !reader->overflow;
}

static const struct http_lib_events lib_events = {
    .target = on_target, .name = on_name, .value = on_value, .body = on_body};

static void forget(struct http_reader *reader)
{
    reader->state = AT_START;
    reader->empty_line = reader->overflow = false;
    reader->line = 0;
    reader->head.n = reader->body.n = 0;
    if (reader->body.cap > BODY_KEEP)
        bytes_free(&reader->body);
    reader->chunk = (struct http_chunk){0};
    reader->request.n_headers = 0;
    reader->status = 0;
    reader->reason = "";
    http_lib_reset(reader->lib);
}

struct http_reader *http_reader_new(const struct http_limits *limits)
{
    struct http_reader *reader = mem_try(sizeof *reader);
    if (!reader)
        return NULL;
    *reader = (struct http_reader){.limits = *limits};
    reader->lib = http_lib_new(&lib_events, reader);
    if (!reader->lib) {
        free(reader);
        return NULL;
    }
    forget(reader);
    return reader;
}

void http_reader_free(struct http_reader *reader)
{
    if (!reader)
        return;
    http_lib_free(reader->lib);
    bytes_free(&reader->head);
    bytes_free(&reader->body);
    free(reader);
}

void http_reader_clear(struct http_reader *reader, const struct http_limits *limits)
{
    reader->limits = *limits;
    forget(reader);
}

static enum http_read refuse(struct http_reader *reader, unsigned status, const char *reason)
{
    reader->state = REFUSED;
    reader->status = status;
    reader->reason = reason;
    return HTTP_REFUSED;
}

static enum http_method method_of(struct str text)
{
    static const char *const names[] = {[HTTP_GET_] = "GET",
                                        [HTTP_HEAD_] = "HEAD",
                                        [HTTP_POST_] = "POST",
                                        [HTTP_OPTIONS_] = "OPTIONS"};
    for (unsigned i = 0; i < HTTP_OTHER_; i++)
        if (str_is(text, names[i]))
            return (enum http_method)i;
    return HTTP_OTHER_;
}

/* Path and query out of the target; of an absolute target, without what http_head compared. */
static void split_target(struct http_request *request)
{
    struct str rest = request->target;
    if (rest.p[0] != '/' && rest.p[0] != '*') {
        rest = str_from(rest, sizeof "http://" - 1);
        size_t end = 0;
        while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?')
            end++;
        rest = (struct str){.p = rest.p + end, .n = rest.n - end};
    }
    size_t mark = str_index(rest, '?');
    request->path = mark ? (struct str){.p = rest.p, .n = mark} : STR("/");
    request->query = str_from(rest, mark + 1);
}

static enum http_read whole(struct http_reader *reader)
{
    reader->request.body = (struct str){.p = reader->body.p, .n = reader->body.n};
    reader->state = WHOLE;
    return HTTP_REQUEST;
}

static enum http_read library_refuses(struct http_reader *reader)
{
    if (reader->overflow)
        return refuse(reader, 503, "there is no memory for this body now");
    if (http_lib_method_unknown(reader->lib))
        return refuse(reader, 501, "this method is not known here");
    return refuse(reader, 400, "the request is malformed");
}

/* The head is collected: check it, parse it, compare. */
static enum http_read take_head(struct http_reader *reader)
{
    struct str head = {.p = reader->head.p, .n = reader->head.n};
    struct http_head *check = &reader->check;
    unsigned max =
        reader->limits.headers < HTTP_HEADERS_MAX ? reader->limits.headers : HTTP_HEADERS_MAX;
    if (!http_head_check(head, max, check))
        return refuse(reader, check->status, check->reason);
    if (check->framing == HTTP_LENGTH && check->length > reader->limits.body)
        return refuse(reader, 413, "the body is too large");
    if (!http_lib_feed(reader->lib, head))
        return library_refuses(reader);

    const struct http_lib_facts *facts = http_lib_facts(reader->lib);
    bool empty =
        check->framing == HTTP_NO_BODY || (check->framing == HTTP_LENGTH && check->length == 0);
    if (!facts->head_whole || facts->minor != check->minor ||
        facts->chunked != (check->framing == HTTP_CHUNKED) ||
        facts->has_length != (check->framing == HTTP_LENGTH) ||
        (facts->has_length && facts->length != check->length) || facts->whole != empty)
        return refuse(reader, 400, "the request can be read in two ways");

    struct http_request *request = &reader->request;
    request->method_text = facts->method;
    request->method = method_of(facts->method);
    request->minor = facts->minor;
    request->keep_alive = facts->keep_alive;
    request->upgrade = facts->upgrade;
    split_target(request);
    if (empty)
        return whole(reader);
    reader->left = check->length;
    reader->state = IN_BODY;
    return check->expects_continue ? HTTP_HEAD : HTTP_MORE;
}

/* Collects up to the empty line. Looks at each line end as it comes, so that a peer that sends
 * only LF is told so and does not wait for the time-out. */
static enum http_read read_head(struct http_reader *reader, struct str bytes, size_t *used)
{
    size_t room = reader->limits.head - reader->head.n;
    struct str seen = {.p = bytes.p, .n = bytes.n < room ? bytes.n : room};
    size_t lf = str_index(seen, '\n');
    struct str line = {.p = seen.p, .n = lf < seen.n ? lf + 1 : seen.n};
    if (!bytes_add(&reader->head, line, HEAD_FIRST))
        return refuse(reader, 503, "there is no memory for this request now");
    *used += line.n;
    if (lf == seen.n) {
        if (seen.n < room)
            return HTTP_MORE;
        return reader->line == 0 ? refuse(reader, 414, "the request target is too long")
                                 : refuse(reader, 431, "the headers are too large");
    }
    size_t length = reader->head.n - reader->line;
    if (length < 2 || reader->head.p[reader->head.n - 2] != '\r')
        return refuse(reader, 400, "a line ends in LF without CR");
    reader->line = reader->head.n;
    return length == 2 ? take_head(reader) : HTTP_MORE;
}

static enum http_read read_length(struct http_reader *reader, struct str bytes, size_t *used)
{
    struct str part = {.p = bytes.p, .n = bytes.n < reader->left ? bytes.n : (size_t)reader->left};
    *used += part.n;
    reader->left -= part.n;
    if (!http_lib_feed(reader->lib, part))
        return library_refuses(reader);
    if (reader->left > 0)
        return HTTP_MORE;
    return http_lib_facts(reader->lib)->whole
               ? whole(reader)
               : refuse(reader, 400, "the body can be read in two ways");
}

static enum http_read read_chunked(struct http_reader *reader, struct str bytes, size_t *used)
{
    size_t n = 0;
    enum http_chunk_scan scan = http_chunk_scan(&reader->chunk, bytes, reader->limits.body, &n);
    *used += n;
    if (scan == HTTP_CHUNK_BAD)
        return refuse(reader, 400, "the chunks of the body are malformed");
    if (scan == HTTP_CHUNK_LARGE)
        return refuse(reader, 413, "the body is too large");
    if (scan != HTTP_CHUNK_SKIP && !http_lib_feed(reader->lib, (struct str){.p = bytes.p, .n = n}))
        return library_refuses(reader);
    if (http_lib_facts(reader->lib)->whole != (scan == HTTP_CHUNK_END))
        return refuse(reader, 400, "the body can be read in two ways");
    return scan == HTTP_CHUNK_END ? whole(reader) : HTTP_MORE;
}

/* RFC 9112 2.2: one empty line before a request is ignored; some clients end a body with it. */
static enum http_read read_start(struct http_reader *reader, char c, size_t *used)
{
    if (reader->state == AT_EMPTY_LINE) {
        if (c != '\n')
            return refuse(reader, 400, "there is a CR without LF");
        *used += 1;
        reader->state = AT_START;
        reader->empty_line = true;
    } else if (c == '\r' && !reader->empty_line) {
        *used += 1;
        reader->state = AT_EMPTY_LINE;
    } else {
        reader->state = IN_HEAD;
    }
    return HTTP_MORE;
}

enum http_read http_reader_feed(struct http_reader *reader, struct str bytes, size_t *used)
{
    *used = 0;
    if (reader->state == WHOLE)
        forget(reader);
    enum http_read result = reader->state == REFUSED ? HTTP_REFUSED : HTTP_MORE;
    while (result == HTTP_MORE && *used < bytes.n) {
        struct str rest = str_from(bytes, *used);
        switch (reader->state) {
        case AT_START:
        case AT_EMPTY_LINE:
            result = read_start(reader, rest.p[0], used);
            break;
        case IN_HEAD:
            result = read_head(reader, rest, used);
            break;
        case IN_BODY:
            result = reader->check.framing == HTTP_CHUNKED ? read_chunked(reader, rest, used)
                                                           : read_length(reader, rest, used);
            break;
        case WHOLE:
        case REFUSED:
            break;
        }
    }
    return result;
}

bool http_reader_idle(const struct http_reader *reader)
{
    return (reader->state == AT_START && !reader->empty_line) || reader->state == WHOLE;
}

bool http_reader_in_body(const struct http_reader *reader)
{
    return reader->state == IN_BODY;
}

bool http_reader_head_only(const struct http_reader *reader)
{
    return str_starts((struct str){.p = reader->head.p, .n = reader->head.n}, STR("HEAD "));
}

const struct http_request *http_reader_request(const struct http_reader *reader)
{
    return &reader->request;
}

unsigned http_reader_status(const struct http_reader *reader)
{
    return reader->status;
}

const char *http_reader_reason(const struct http_reader *reader)
{
    return reader->reason;
}

struct str http_find(const struct http_request *request, const char *name)
{
    for (unsigned i = 0; i < request->n_headers; i++)
        if (http_same(request->headers[i].name, str_of(name)))
            return request->headers[i].value;
    return (struct str){0};
}

const char *http_status_text(unsigned status)
{
    static const struct {
        unsigned status;
        const char *text;
    } texts[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    static const char *const classes[] = {"Continue", "OK", "Multiple Choices", "Bad Request",
                                          "Internal Server Error"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].status == status)
            return texts[i].text;
    return status >= 100 && status < 600 ? classes[status / 100 - 1] : "Unknown";
}

bool http_write_response(struct buf *out, const struct http_response *response)
{
    unsigned status = response->status;
    bool bodiless = status < 200 || status == 204 || status == 304;
    buf_text(out, "HTTP/1.1 ");
    buf_u64(out, status);
    buf_byte(out, ' ');
    buf_text(out, http_status_text(status));
    buf_text(out, "\r\n");
    buf_str(out, response->date);
    buf_str(out, response->headers);
    if (!response->keep_alive)
        buf_text(out, "Connection: close\r\n");
    else if (response->old)
        buf_text(out, "Connection: keep-alive\r\n");
    if (!bodiless && (!response->head_only || response->body.n)) {
        buf_text(out, "Content-Length: ");
        buf_u64(out, response->body.n);
        buf_text(out, "\r\n");
    }
    buf_text(out, "\r\n");
    if (!bodiless && !response->head_only)
        buf_str(out, response->body);
    return !out->overflow;
}

bool http_write_date(struct buf *out, uint64_t unix_seconds)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const struct calendar utc = calendar_utc(unix_seconds);
    return buf_printf(out, "Date: %s, %02u %s %u %02u:%02u:%02u GMT\r\n", days[utc.weekday],
                      utc.day, months[utc.month - 1], utc.year, utc.hour, utc.minute, utc.second);
}
