#include "wire/http_chunk.h"

/* One state for each place in
 *     1*8HEX [ ";" extension ] CR LF data CR LF ... "0" CR LF *( trailer CR LF ) CR LF      */
enum {
    AT_SIZE, /* zero, so that a zeroed struct starts here */
    AT_EXTENSION,
    AT_SIZE_LF,
    AT_DATA,
    AT_DATA_CR,
    AT_DATA_LF,
    AT_TRAILER_START,
    AT_TRAILER_NAME,
    AT_TRAILER_VALUE,
    AT_TRAILER_LF,
    AT_END_LF,
    AT_END,
};

enum { DIGITS_MAX = 8 };

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_text(char c)
{
    unsigned char u = (unsigned char)c;
    return (u >= 0x20 && u != 0x7f) || u == '\t';
}

static bool is_name(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static bool in_trailer(unsigned state)
{
    return state >= AT_TRAILER_NAME && state <= AT_TRAILER_LF;
}

/* One byte of the framing. False: it may not stand there. */
static bool step(struct http_chunk *chunk, char c)
{
    switch (chunk->_state) {
    case AT_SIZE:
        if (hex(c) >= 0) {
            chunk->_size = chunk->_size * 16 + (uint64_t)hex(c);
            return ++chunk->_digits <= DIGITS_MAX;
        }
        if (chunk->_digits == 0 || (c != ';' && c != '\r'))
            return false;
        chunk->_state = c == ';' ? AT_EXTENSION : AT_SIZE_LF;
        return true;
    case AT_EXTENSION:
        if (c == '\r') {
            chunk->_state = AT_SIZE_LF;
            return true;
        }
        return is_text(c) && ++chunk->_extensions <= HTTP_CHUNK_EXTENSIONS_MAX;
    case AT_SIZE_LF:
        chunk->_left = chunk->_size;
        chunk->_state = chunk->_size ? AT_DATA : AT_TRAILER_START;
        chunk->_size = chunk->_digits = 0;
        return c == '\n';
    case AT_DATA_CR:
        chunk->_state = AT_DATA_LF;
        return c == '\r';
    case AT_DATA_LF:
        chunk->_state = AT_SIZE;
        return c == '\n';
    case AT_TRAILER_START:
        chunk->_state = c == '\r' ? AT_END_LF : AT_TRAILER_NAME;
        return c == '\r' || (is_name(c) && ++chunk->_trailers <= HTTP_TRAILERS_MAX);
    case AT_TRAILER_NAME:
        if (c == ':')
            chunk->_state = AT_TRAILER_VALUE;
        return (c == ':' || is_name(c)) && ++chunk->_trailers <= HTTP_TRAILERS_MAX;
    case AT_TRAILER_VALUE:
        if (c == '\r')
            chunk->_state = AT_TRAILER_LF;
        return (c == '\r' || is_text(c)) && ++chunk->_trailers <= HTTP_TRAILERS_MAX;
    case AT_TRAILER_LF:
        chunk->_state = AT_TRAILER_START;
        return c == '\n';
    case AT_END_LF:
        chunk->_state = AT_END;
        return c == '\n';
    default:
        return false;
    }
}

enum http_chunk_scan http_chunk_scan(struct http_chunk *chunk, struct str bytes, uint64_t max,
                                     size_t *used)
{
    size_t i = 0;
    enum http_chunk_scan result = HTTP_CHUNK_MORE;
    while (i < bytes.n && result == HTTP_CHUNK_MORE) {
        if (chunk->_state == AT_DATA) {
            size_t n = chunk->_left < bytes.n - i ? (size_t)chunk->_left : bytes.n - i;
            chunk->_left -= n;
            i += n;
            if (chunk->_left == 0)
                chunk->_state = AT_DATA_CR;
            continue;
        }
        bool trailer_begins = chunk->_state == AT_TRAILER_START && bytes.p[i] != '\r';
        if ((trailer_begins || in_trailer(chunk->_state)) && i > 0)
            return *used = i, HTTP_CHUNK_MORE;
        if (trailer_begins || in_trailer(chunk->_state)) {
            do {
                if (!step(chunk, bytes.p[i++]))
                    return *used = i, HTTP_CHUNK_BAD;
            } while (i < bytes.n && in_trailer(chunk->_state));
            return *used = i, HTTP_CHUNK_SKIP;
        }
        bool size_ends = chunk->_state == AT_SIZE_LF;
        if (!step(chunk, bytes.p[i++]))
            result = HTTP_CHUNK_BAD;
        else if (chunk->_state == AT_END)
            result = HTTP_CHUNK_END;
        else if (size_ends && (chunk->_total += chunk->_left) > max)
            result = HTTP_CHUNK_LARGE;
    }
    *used = i;
    return result;
}
