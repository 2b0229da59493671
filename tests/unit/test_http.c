/* Shapes of requests: one row, one meaning. Each is fed whole, cut in two at every byte, and byte
 * by byte. */
#include "http_digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* As STR, for the middle of a constant. */
#define BYTES(literal)                           \
    {                                            \
        .p = (literal), .n = sizeof(literal) - 1 \
    }

#define H      "Host: a\r\n"
#define GET    "GET / HTTP/1.1\r\n"
#define POST   "POST / HTTP/1.1\r\n" H
#define CHUNKY POST "Transfer-Encoding: chunked\r\n\r\n"

struct row {
    const char *name;
    struct str bytes;
    const char *digest;
};

static const struct http_limits limits = {.head = 512, .body = 32, .headers = 8};

static const struct row served[] = {
    {"the least", BYTES(GET H "\r\n"), "GET / HTTP/1.1 keep [Host=a]; "},
    {"path and query", BYTES("GET /a/b?c=d&e?f HTTP/1.1\r\n" H "\r\n"),
     "GET /a/b?c=d&e?f HTTP/1.1 keep [Host=a]; "},
    {"a query that is empty", BYTES("GET /a? HTTP/1.1\r\n" H "\r\n"),
     "GET /a HTTP/1.1 keep [Host=a]; "},
    {"characters that browsers leave", BYTES("GET /a[]|{}^`'\"\\%7f HTTP/1.1\r\n" H "\r\n"),
     "GET /a[]|{}^`'\"\\%7f HTTP/1.1 keep [Host=a]; "},
    {"HEAD", BYTES("HEAD / HTTP/1.1\r\n" H "\r\n"), "HEAD / HTTP/1.1 keep [Host=a]; "},
    {"a method that others know", BYTES("PATCH / HTTP/1.1\r\n" H "\r\n"),
     "PATCH / HTTP/1.1 keep [Host=a]; "},
    {"OPTIONS of the server", BYTES("OPTIONS * HTTP/1.1\r\n" H "\r\n"),
     "OPTIONS * HTTP/1.1 keep [Host=a]; "},
    {"absolute target", BYTES("GET http://A/b?c HTTP/1.1\r\n" H "\r\n"),
     "GET /b?c HTTP/1.1 keep [Host=a]; "},
    {"absolute target without path", BYTES("GET HTTP://a HTTP/1.1\r\n" H "\r\n"),
     "GET / HTTP/1.1 keep [Host=a]; "},
    {"absolute target, only a query", BYTES("GET http://a?b HTTP/1.1\r\n" H "\r\n"),
     "GET /?b HTTP/1.1 keep [Host=a]; "},
    {"HTTP/1.0 without Host", BYTES("GET / HTTP/1.0\r\n\r\n"), "GET / HTTP/1.0; "},
    {"HTTP/1.0 with Host", BYTES("GET / HTTP/1.0\r\n" H "\r\n"), "GET / HTTP/1.0 [Host=a]; "},
    {"HTTP/1.0 kept", BYTES("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"),
     "GET / HTTP/1.0 keep [Connection=Keep-Alive]; "},
    {"HTTP/1.0 with close and keep",
     BYTES("GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n"),
     "GET / HTTP/1.0 [Connection=close, keep-alive]; "},
    {"closed", BYTES(GET H "Connection: close\r\n\r\n"),
     "GET / HTTP/1.1 [Host=a] [Connection=close]; "},
    {"closed among others", BYTES(GET H "Connection: foo, Close\r\n\r\n"),
     "GET / HTTP/1.1 [Host=a] [Connection=foo, Close]; "},
    {"an upgrade", BYTES(GET H "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n"),
     "GET / HTTP/1.1 keep upgrade [Host=a] [Connection=keep-alive, Upgrade] [Upgrade=websocket]; "},
    {"an upgrade with a body",
     BYTES(POST "Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 2\r\n\r\nhi" GET H "\r\n"),
     "POST / HTTP/1.1 keep upgrade [Host=a] [Connection=upgrade] [Upgrade=x] [Content-Length=2] "
     "body=hi; GET / HTTP/1.1 keep [Host=a]; "},
    {"values are trimmed", BYTES(GET "Host:  a \r\nX:\ty z\t \r\nE:\r\nF: \r\n\r\n"),
     "GET / HTTP/1.1 keep [Host=a] [X=y z] [E=] [F=]; "},
    {"a tab in an ordinary value", BYTES(GET H "X: a\tb\r\n\r\n"),
     "GET / HTTP/1.1 keep [Host=a] [X=a\tb]; "},
    {"bytes above ASCII in a value", BYTES(GET H "Cookie: \xc3\xa9\xff\r\n\r\n"),
     "GET / HTTP/1.1 keep [Host=a] [Cookie=\xc3\xa9\xff]; "},
    {"Host with a port", BYTES(GET "Host: a.example:8080\r\n\r\n"),
     "GET / HTTP/1.1 keep [Host=a.example:8080]; "},
    {"Host in brackets", BYTES(GET "Host: [::1]:80\r\n\r\n"),
     "GET / HTTP/1.1 keep [Host=[::1]:80]; "},
    {"Host with an empty port", BYTES(GET "Host: a:\r\n\r\n"), "GET / HTTP/1.1 keep [Host=a:]; "},
    {"one empty line in front", BYTES("\r\n" GET H "\r\n"), "GET / HTTP/1.1 keep [Host=a]; "},
    {"a body", BYTES(POST "Content-Length: 5\r\n\r\nhello"),
     "POST / HTTP/1.1 keep [Host=a] [Content-Length=5] body=hello; "},
    {"a body of nothing", BYTES(POST "Content-Length: 0\r\n\r\n"),
     "POST / HTTP/1.1 keep [Host=a] [Content-Length=0]; "},
    {"a body of the greatest length",
     BYTES(POST "Content-Length: 32\r\n\r\n0123456789abcdef0123456789abcdef"),
     "POST / HTTP/1.1 keep [Host=a] [Content-Length=32] body=0123456789abcdef0123456789abcdef; "},
    {"a body that did not come whole", BYTES(POST "Content-Length: 5\r\n\r\nhell"), "in the body"},
    {"chunks", BYTES(CHUNKY "3\r\nabc\r\n2;x=\"y z\"\r\nde\r\n0\r\n\r\n"),
     "POST / HTTP/1.1 keep [Host=a] [Transfer-Encoding=chunked] body=abcde; "},
    {"chunks with line ends in the data", BYTES(CHUNKY "0004\r\n\r\n\r\n\r\n0\r\n\r\n"),
     "POST / HTTP/1.1 keep [Host=a] [Transfer-Encoding=chunked] body=\r\n\r\n; "},
    {"no chunk", BYTES(CHUNKY "0\r\n\r\n"),
     "POST / HTTP/1.1 keep [Host=a] [Transfer-Encoding=chunked]; "},
    {"capital hexadecimal digits", BYTES(CHUNKY "A\r\n0123456789\r\n00\r\n\r\n"),
     "POST / HTTP/1.1 keep [Host=a] [Transfer-Encoding=chunked] body=0123456789; "},
    {"trailers are ignored",
     BYTES(CHUNKY "1\r\na\r\n0\r\nX: y\r\nContent-Length: 9\r\nHost: b\r\n\r\n" GET H "\r\n"),
     "POST / HTTP/1.1 keep [Host=a] [Transfer-Encoding=chunked] body=a; "
     "GET / HTTP/1.1 keep [Host=a]; "},
    {"Chunked in capitals", BYTES(POST "Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n"),
     "POST / HTTP/1.1 keep [Host=a] [Transfer-Encoding=CHUNKED]; "},
    {"pipelined", BYTES(GET H "\r\n" POST "Content-Length: 1\r\n\r\nx\r\n" GET H "\r\nGET"),
     "GET / HTTP/1.1 keep [Host=a]; POST / HTTP/1.1 keep [Host=a] [Content-Length=1] body=x; "
     "GET / HTTP/1.1 keep [Host=a]; in the head"},
    {"expects to continue", BYTES(POST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\nx"),
     "continue; POST / HTTP/1.1 keep [Host=a] [Expect=100-Continue] [Content-Length=1] body=x; "},
    {"expects to continue without a body", BYTES(GET H "Expect: 100-continue\r\n\r\n"),
     "GET / HTTP/1.1 keep [Host=a] [Expect=100-continue]; "},
    {"expects in HTTP/1.0",
     BYTES("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx"),
     "POST / HTTP/1.0 [Expect=100-continue] [Content-Length=1] body=x; "},
    {"as many headers as allowed",
     BYTES(GET H "a:1\r\nb:2\r\nc:3\r\nd:4\r\ne:5\r\nf:6\r\ng:7\r\n\r\n"),
     "GET / HTTP/1.1 keep [Host=a] [a=1] [b=2] [c=3] [d=4] [e=5] [f=6] [g=7]; "},
};

static const struct row refused[] = {
    /* Framing: what smugglers use. */
    {"length and chunks", BYTES(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
     "400 there is both a Content-Length and a Transfer-Encoding"},
    {"chunks and length", BYTES(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
     "400 there is both a Content-Length and a Transfer-Encoding"},
    {"two lengths", BYTES(POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"),
     "400 there is more than one Content-Length"},
    {"two equal lengths", BYTES(POST "Content-Length: 5\r\ncontent-length: 5\r\n\r\n"),
     "400 there is more than one Content-Length"},
    {"a list of lengths", BYTES(POST "Content-Length: 5, 5\r\n\r\n"),
     "400 Content-Length is malformed"},
    {"a length with a sign", BYTES(POST "Content-Length: +5\r\n\r\n"),
     "400 Content-Length is malformed"},
    {"a negative length", BYTES(POST "Content-Length: -1\r\n\r\n"),
     "400 Content-Length is malformed"},
    {"a length in hexadecimal", BYTES(POST "Content-Length: 0x5\r\n\r\n"),
     "400 Content-Length is malformed"},
    {"a length with zeros", BYTES(POST "Content-Length: 05\r\n\r\n"),
     "400 Content-Length is malformed"},
    {"an empty length", BYTES(POST "Content-Length: \r\n\r\n"), "400 Content-Length is malformed"},
    {"a length with a space", BYTES(POST "Content-Length: 1 0\r\n\r\n"),
     "400 Content-Length is malformed"},
    {"a length behind a tab", BYTES(POST "Content-Length:\t5\r\n\r\n"),
     "400 a header that decides the framing contains a tab"},
    {"a length that wraps", BYTES(POST "Content-Length: 18446744073709551617\r\n\r\n"),
     "413 the body is too large"},
    {"two encodings",
     BYTES(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
     "400 there is more than one Transfer-Encoding"},
    {"an encoding besides", BYTES(POST "Transfer-Encoding: gzip, chunked\r\n\r\n"),
     "501 the only Transfer-Encoding served here is chunked"},
    {"chunked twice", BYTES(POST "Transfer-Encoding: chunked, chunked\r\n\r\n"),
     "501 the only Transfer-Encoding served here is chunked"},
    {"identity", BYTES(POST "Transfer-Encoding: identity\r\n\r\n"),
     "501 the only Transfer-Encoding served here is chunked"},
    {"an encoding that looks like chunked", BYTES(POST "Transfer-Encoding: xchunked\r\n\r\n"),
     "501 the only Transfer-Encoding served here is chunked"},
    {"an encoding with a vertical tab",
     BYTES(POST "Transfer-Encoding: \x0b"
                "chunked\r\n\r\n"),
     "400 a header's value contains a control character"},
    {"an encoding behind a tab", BYTES(POST "Transfer-Encoding:\tchunked\r\n\r\n"),
     "400 a header that decides the framing contains a tab"},
    {"an empty encoding", BYTES(POST "Transfer-Encoding:\r\n\r\n"),
     "501 the only Transfer-Encoding served here is chunked"},
    {"chunks in HTTP/1.0", BYTES("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
     "400 HTTP/1.0 has no Transfer-Encoding"},
    {"space before the colon", BYTES(POST "Transfer-Encoding : chunked\r\n\r\n"),
     "400 a header's name is malformed"},
    {"tab before the colon", BYTES(GET H "X\t: y\r\n\r\n"), "400 a header's name is malformed"},

    /* Line ends. */
    {"LF after the request line", BYTES("GET / HTTP/1.1\nHost: a\r\n\r\n"),
     "400 a line ends in LF without CR"},
    {"LF after a header", BYTES(GET "Host: a\nX: y\r\n\r\n"), "400 a line ends in LF without CR"},
    {"LF as the empty line", BYTES(GET H "\n"), "400 a line ends in LF without CR"},
    {"LF alone", BYTES("\n"), "400 a line ends in LF without CR"},
    {"CR inside a value", BYTES(GET H "X: a\rb\r\n\r\n"), "400 there is a CR without LF"},
    {"CR CR LF", BYTES(GET "Host: a\r\r\n\r\n"), "400 there is a CR without LF"},
    {"CR in the request line", BYTES("GET /\r HTTP/1.1\r\n" H "\r\n"),
     "400 there is a CR without LF"},
    {"CR alone in front", BYTES("\rGET / HTTP/1.1\r\n" H "\r\n"), "400 there is a CR without LF"},
    {"two empty lines in front", BYTES("\r\n\r\n" GET H "\r\n"),
     "400 the request line is malformed"},
    {"a folded header", BYTES(GET H "X: a\r\n b\r\n\r\n"),
     "400 a header is folded over several lines"},
    {"a folded header with a tab", BYTES(GET H "X: a\r\n\tb\r\n\r\n"),
     "400 a header is folded over several lines"},
    {"a folded first header", BYTES(GET " Host: a\r\n\r\n"),
     "400 a header is folded over several lines"},

    /* Characters. */
    {"NUL in the target", BYTES("GET /a\0b HTTP/1.1\r\n" H "\r\n"),
     "400 there is a NUL in the head"},
    {"NUL in a value", BYTES(GET H "X: a\0b\r\n\r\n"), "400 there is a NUL in the head"},
    {"NUL in a name", BYTES(GET H "X\0: a\r\n\r\n"), "400 there is a NUL in the head"},
    {"a control character in a value", BYTES(GET H "X: a\x01\r\n\r\n"),
     "400 a header's value contains a control character"},
    {"DEL in a value", BYTES(GET H "X: a\x7f\r\n\r\n"),
     "400 a header's value contains a control character"},
    {"a name with a bracket", BYTES(GET H "X(: a\r\n\r\n"), "400 a header's name is malformed"},
    {"a name above ASCII", BYTES(GET H "X\xc3\xa9: a\r\n\r\n"), "400 a header's name is malformed"},
    {"no name", BYTES(GET H ": a\r\n\r\n"), "400 a header's name is malformed"},
    {"no colon", BYTES(GET H "X\r\n\r\n"), "400 a header's name is malformed"},
    {"a space in the target", BYTES("GET /a b HTTP/1.1\r\n" H "\r\n"),
     "400 the request line is malformed"},
    {"a tab in the target", BYTES("GET /a\tb HTTP/1.1\r\n" H "\r\n"),
     "400 the request target contains a character that is not allowed there"},
    {"a byte above ASCII in the target", BYTES("GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n"),
     "400 the request target contains a character that is not allowed there"},
    {"a fragment", BYTES("GET /a#b HTTP/1.1\r\n" H "\r\n"),
     "400 the request target contains a character that is not allowed there"},

    /* The request line. */
    {"two spaces", BYTES("GET  / HTTP/1.1\r\n" H "\r\n"), "400 the request line is malformed"},
    {"a tab for a space", BYTES("GET\t/ HTTP/1.1\r\n" H "\r\n"),
     "400 the request line is malformed"},
    {"a space at the end", BYTES("GET / HTTP/1.1 \r\n" H "\r\n"),
     "400 the request line is malformed"},
    {"no target", BYTES("GET HTTP/1.1\r\n" H "\r\n"), "400 the request line is malformed"},
    {"no version", BYTES("GET /\r\n" H "\r\n"), "400 the request line is malformed"},
    {"a space in front", BYTES(" GET / HTTP/1.1\r\n" H "\r\n"),
     "400 the request line is malformed"},
    {"a bad method", BYTES("G@T / HTTP/1.1\r\n" H "\r\n"), "400 the request line is malformed"},
    {"a method nobody knows", BYTES("FETCH / HTTP/1.1\r\n" H "\r\n"),
     "501 this method is not known here"},
    {"a small method", BYTES("get / HTTP/1.1\r\n" H "\r\n"), "501 this method is not known here"},
    {"the beginning of a method", BYTES("GE / HTTP/1.1\r\n" H "\r\n"),
     "501 this method is not known here"},
    {"CONNECT", BYTES("CONNECT a:80 HTTP/1.1\r\n" H "\r\n"), "501 this method is not served here"},
    {"a target of another kind", BYTES("GET a HTTP/1.1\r\n" H "\r\n"),
     "400 the request target is malformed"},
    {"a star that is not for OPTIONS", BYTES("GET * HTTP/1.1\r\n" H "\r\n"),
     "400 the request target \"*\" is for OPTIONS"},
    {"absolute target with a user", BYTES("GET http://u@a/ HTTP/1.1\r\n" H "\r\n"),
     "400 the request target is malformed"},
    {"absolute target of https", BYTES("GET https://a/ HTTP/1.1\r\n" H "\r\n"),
     "400 the request target is malformed"},
    {"absolute target for another Host", BYTES("GET http://b/ HTTP/1.1\r\n" H "\r\n"),
     "400 the request target and Host name different servers"},
    {"HTTP/2", BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
     "505 only HTTP/1.0 and HTTP/1.1 are served here"},
    {"HTTP/1.2", BYTES("GET / HTTP/1.2\r\n" H "\r\n"),
     "505 only HTTP/1.0 and HTTP/1.1 are served here"},
    {"HTTP/0.9", BYTES("GET / HTTP/0.9\r\n" H "\r\n"),
     "505 only HTTP/1.0 and HTTP/1.1 are served here"},
    {"a small version", BYTES("GET / http/1.1\r\n" H "\r\n"), "400 the request line is malformed"},
    {"a long version", BYTES("GET / HTTP/1.10\r\n" H "\r\n"), "400 the request line is malformed"},
    {"a short version", BYTES("GET / HTTP/1\r\n" H "\r\n"), "400 the request line is malformed"},

    /* Host. */
    {"no Host", BYTES(GET "\r\n"), "400 there is no Host"},
    {"two Hosts", BYTES(GET H H "\r\n"), "400 there is more than one Host"},
    {"two Origins", BYTES(GET H "Origin: http://a\r\norigin: http://b\r\n\r\n"),
     "400 there is more than one Origin"},
    {"two Content-Types", BYTES(POST "Content-Type: a/b\r\nContent-Type: a/b\r\n\r\n"),
     "400 there is more than one Content-Type"},
    {"two Authorizations", BYTES(GET H "Authorization: A b\r\nAuthorization: A b\r\n\r\n"),
     "400 there is more than one Authorization"},
    {"two Hosts in HTTP/1.0", BYTES("GET / HTTP/1.0\r\n" H "hOST: b\r\n\r\n"),
     "400 there is more than one Host"},
    {"an empty Host", BYTES(GET "Host:\r\n\r\n"), "400 Host is malformed"},
    {"a Host with a path", BYTES(GET "Host: a/b\r\n\r\n"), "400 Host is malformed"},
    {"a Host with a user", BYTES(GET "Host: a@b\r\n\r\n"), "400 Host is malformed"},
    {"a Host with a space", BYTES(GET "Host: a b\r\n\r\n"), "400 Host is malformed"},
    {"a list of Hosts", BYTES(GET "Host: a, b\r\n\r\n"), "400 Host is malformed"},
    {"a Host with a bad port", BYTES(GET "Host: a:8x\r\n\r\n"), "400 Host is malformed"},
    {"a Host with a great port", BYTES(GET "Host: a:65536\r\n\r\n"), "400 Host is malformed"},
    {"a Host of a port", BYTES(GET "Host: :80\r\n\r\n"), "400 Host is malformed"},
    {"a Host in open brackets", BYTES(GET "Host: [::1\r\n\r\n"), "400 Host is malformed"},
    {"a Host behind brackets", BYTES(GET "Host: [::1]a\r\n\r\n"), "400 Host is malformed"},
    {"a Host with a bad escape", BYTES(GET "Host: a%2\r\n\r\n"), "400 Host is malformed"},
    {"a Host behind a tab", BYTES(GET "Host:\ta\r\n\r\n"),
     "400 a header that decides the framing contains a tab"},

    /* Expect. */
    {"an Expect of another kind", BYTES(POST "Expect: 200-ok\r\n\r\n"),
     "417 the only Expect served here is 100-continue"},
    {"an empty Expect", BYTES(POST "Expect:\r\n\r\n"),
     "417 the only Expect served here is 100-continue"},

    /* Chunks. */
    {"a chunk without a size", BYTES(CHUNKY "\r\nabc\r\n0\r\n\r\n"),
     "400 the chunks of the body are malformed"},
    {"a chunk's size behind a space", BYTES(CHUNKY " 3\r\nabc\r\n0\r\n\r\n"),
     "400 the chunks of the body are malformed"},
    {"a chunk's size before a space", BYTES(CHUNKY "3 \r\nabc\r\n0\r\n\r\n"),
     "400 the chunks of the body are malformed"},
    {"a chunk's size with 0x", BYTES(CHUNKY "0x3\r\nabc\r\n0\r\n\r\n"),
     "400 the chunks of the body are malformed"},
    {"a chunk's size with a sign", BYTES(CHUNKY "-3\r\nabc\r\n0\r\n\r\n"),
     "400 the chunks of the body are malformed"},
    {"a chunk's size of nine digits", BYTES(CHUNKY "000000003\r\nabc\r\n0\r\n\r\n"),
     "400 the chunks of the body are malformed"},
    {"LF after a chunk's size", BYTES(CHUNKY "3\nabc\r\n0\r\n\r\n"),
     "400 the chunks of the body are malformed"},
    {"another byte for LF", BYTES(CHUNKY "3\rXabc\r\n0\r\n\r\n"),
     "400 the chunks of the body are malformed"},
    {"LF after a chunk", BYTES(CHUNKY "3\r\nabc\n0\r\n\r\n"),
     "400 the chunks of the body are malformed"},
    {"a chunk longer than its size", BYTES(CHUNKY "3\r\nabcd\r\n0\r\n\r\n"),
     "400 the chunks of the body are malformed"},
    {"LF in an extension", BYTES(CHUNKY "3;a\nb\r\nabc\r\n0\r\n\r\n"),
     "400 the chunks of the body are malformed"},
    {"NUL in an extension", BYTES(CHUNKY "3;\0\r\nabc\r\n0\r\n\r\n"),
     "400 the chunks of the body are malformed"},
    {"LF as the last line", BYTES(CHUNKY "0\r\n\n"), "400 the chunks of the body are malformed"},
    {"a folded trailer", BYTES(CHUNKY "0\r\nX: y\r\n z\r\n\r\n"),
     "400 the chunks of the body are malformed"},
    {"a trailer without a name", BYTES(CHUNKY "0\r\n: y\r\n\r\n"),
     "400 the chunks of the body are malformed"},
    {"a trailer without a colon", BYTES(CHUNKY "0\r\nGET / HTTP/1.1\r\n\r\n"),
     "400 the chunks of the body are malformed"},
    {"NUL in a trailer", BYTES(CHUNKY "0\r\nX: \0\r\n\r\n"),
     "400 the chunks of the body are malformed"},

    /* Limits. */
    {"a body too long", BYTES(POST "Content-Length: 33\r\n\r\n"), "413 the body is too large"},
    {"a body much too long", BYTES(POST "Content-Length: 999999999999\r\n\r\n"),
     "413 the body is too large"},
    {"a body too long that waits", BYTES(POST "Expect: 100-continue\r\nContent-Length: 33\r\n\r\n"),
     "413 the body is too large"},
    {"a chunk too long", BYTES(CHUNKY "21\r\n"), "413 the body is too large"},
    {"a chunk of four gigabytes", BYTES(CHUNKY "ffffffff\r\n"), "413 the body is too large"},
    {"chunks too long together", BYTES(CHUNKY "20\r\n0123456789abcdef0123456789abcdef\r\n1\r\n"),
     "413 the body is too large"},
    {"too many headers",
     BYTES(GET H "a:1\r\nb:2\r\nc:3\r\nd:4\r\ne:5\r\nf:6\r\ng:7\r\nh:8\r\n\r\n"),
     "431 there are too many headers"},
};

struct cuts {
    size_t first; /* length of the first piece; then `then` each */
    size_t then;
    bool begun;
};

static size_t next_cut(void *ctx, size_t left)
{
    struct cuts *cuts = ctx;
    size_t n = cuts->begun ? cuts->then : cuts->first;
    cuts->begun = true;
    return n < left ? n : left;
}

static void expect(const struct row *row, size_t first, size_t then)
{
    struct cuts cuts = {.first = first, .then = then};
    struct buf out = BUF_INIT(65536);
    http_digest(&out, row->bytes, &limits, next_cut, &cuts);
    if (!str_is(buf_slice(&out), row->digest))
        fail_msg("%s, cut at %zu: \"%.*s\" instead of \"%s\"", row->name, first,
                 STR_ARG(buf_slice(&out)), row->digest);
    buf_free(&out);
}

static void expect_all(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t first = 1; first <= rows[i].bytes.n; first++)
            expect(&rows[i], first, rows[i].bytes.n);
        expect(&rows[i], 1, 1);
    }
}

static void serves_what_has_one_meaning(void **state)
{
    expect_all(served, sizeof served / sizeof *served);
}

static void refuses_what_can_be_read_in_two_ways(void **state)
{
    expect_all(refused, sizeof refused / sizeof *refused);
}

/* `before`, then `fill` n times, then `after`. */
static void expect_filled(const char *before, char fill, size_t n, const char *after,
                          const char *digest)
{
    struct buf bytes = BUF_INIT(65536);
    struct buf out = BUF_INIT(65536);
    struct cuts cuts = {.first = 100, .then = 7};
    buf_text(&bytes, before);
    for (size_t i = 0; i < n; i++)
        buf_byte(&bytes, fill);
    buf_text(&bytes, after);
    http_digest(&out, buf_slice(&bytes), &limits, next_cut, &cuts);
    buf_byte(&out, '\0');
    assert_string_equal(out.data, digest);
    buf_free(&bytes);
    buf_free(&out);
}

static void refuses_what_is_too_long(void **state)
{
    expect_filled("GET /", 'a', 512, " HTTP/1.1\r\n\r\n", "414 the request target is too long");
    expect_filled("GET /", 'a', 5000, "", "414 the request target is too long");
    expect_filled(GET "X: ", 'a', 512, "\r\n\r\n", "431 the headers are too large");
    expect_filled(CHUNKY "1;", 'a', 1025, "\r\n", "400 the chunks of the body are malformed");
    expect_filled(CHUNKY "0\r\nX: ", 'a', 4096, "\r\n", "400 the chunks of the body are malformed");
}

static void takes_a_head_of_exactly_the_limit(void **state)
{
    size_t fixed = sizeof GET H "X: \r\n\r\n" - 1;
    struct buf digest = BUF_INIT(65536);
    buf_text(&digest, "GET / HTTP/1.1 keep [Host=a] [X=");
    for (size_t i = fixed; i < limits.head; i++)
        buf_byte(&digest, 'a');
    buf_add(&digest, "]; ", sizeof "]; ");
    expect_filled(GET H "X: ", 'a', limits.head - fixed, "\r\n\r\n", digest.data);
    expect_filled(GET H "X: ", 'a', limits.head - fixed + 1, "\r\n\r\n",
                  "431 the headers are too large");
    buf_free(&digest);
}

static void is_idle_only_between_requests(void **state)
{
    struct http_reader *reader = http_reader_new(&limits);
    size_t used = 0;
    assert_true(http_reader_idle(reader));
    assert_int_equal(http_reader_feed(reader, STR("G"), &used), HTTP_MORE);
    assert_false(http_reader_idle(reader));
    assert_false(http_reader_in_body(reader));
    struct str rest = STR("ET / HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\n");
    assert_int_equal(http_reader_feed(reader, rest, &used), HTTP_MORE);
    assert_int_equal(used, rest.n);
    assert_true(http_reader_in_body(reader));
    assert_int_equal(http_reader_feed(reader, STR("xGET"), &used), HTTP_REQUEST);
    assert_int_equal(used, 1);
    assert_true(http_reader_idle(reader));
    http_reader_free(reader);
}

static void takes_nothing_after_it_refused(void **state)
{
    struct http_reader *reader = http_reader_new(&limits);
    size_t used = 0;
    assert_int_equal(http_reader_feed(reader, STR("\n"), &used), HTTP_REFUSED);
    assert_int_equal(http_reader_feed(reader, STR(GET H "\r\n"), &used), HTTP_REFUSED);
    assert_int_equal(used, 0);
    http_reader_clear(reader, &limits);
    assert_int_equal(http_reader_feed(reader, STR(GET H "\r\n"), &used), HTTP_REQUEST);
    http_reader_free(reader);
}

static void finds_the_first_header_in_any_case(void **state)
{
    struct http_reader *reader = http_reader_new(&limits);
    size_t used = 0;
    http_reader_feed(reader, STR(GET H "X-Y: 1\r\nx-y: 2\r\nE:\r\n\r\n"), &used);
    const struct http_request *request = http_reader_request(reader);
    assert_true(str_is(http_find(request, "x-Y"), "1"));
    assert_non_null(http_find(request, "e").p);
    assert_null(http_find(request, "x").p);
    http_reader_free(reader);
}

static void writes_responses(void **state)
{
    static const struct {
        unsigned status;
        const char *headers, *body;
        bool keep_alive, head_only;
        const char *bytes;
    } rows[] = {
        {200, "", "hi", true, false, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"},
        {200, "", "hi", true, true, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"},
        {200, "", "", true, true, "HTTP/1.1 200 OK\r\n\r\n"},
        {405, "Allow: GET\r\n", "", false, false,
         "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\nConnection: close\r\n"
         "Content-Length: 0\r\n\r\n"},
        {204, "", "hi", true, false, "HTTP/1.1 204 No Content\r\n\r\n"},
        {299, "", "", true, false, "HTTP/1.1 299 OK\r\nContent-Length: 0\r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf out = BUF_INIT(1024);
        const struct http_response response = {.status = rows[i].status,
                                               .headers = str_of(rows[i].headers),
                                               .body = str_of(rows[i].body),
                                               .keep_alive = rows[i].keep_alive,
                                               .head_only = rows[i].head_only};
        assert_true(http_write_response(&out, &response));
        buf_byte(&out, '\0');
        assert_string_equal(out.data, rows[i].bytes);
        buf_free(&out);
    }
}

static void writes_what_only_some_responses_have(void **state)
{
    struct buf out = BUF_INIT(1024);
    struct http_response response = {
        .status = 200, .date = STR("Date: D\r\n"), .keep_alive = true, .old = true};
    assert_true(http_write_response(&out, &response));
    assert_true(str_is(buf_slice(&out), "HTTP/1.1 200 OK\r\nDate: D\r\nConnection: keep-alive\r\n"
                                        "Content-Length: 0\r\n\r\n"));
    buf_clear(&out);
    response = (struct http_response){.status = 200, .old = true};
    assert_true(http_write_response(&out, &response));
    assert_true(str_is(buf_slice(&out),
                       "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"));
    buf_free(&out);
}

static void writes_dates(void **state)
{
    static const struct {
        uint64_t seconds;
        const char *line;
    } rows[] = {
        {0, "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"},
        {784111777, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"},
        {951782400, "Date: Tue, 29 Feb 2000 00:00:00 GMT\r\n"},
        {4102444799, "Date: Thu, 31 Dec 2099 23:59:59 GMT\r\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf out = BUF_INIT(64);
        assert_true(http_write_date(&out, rows[i].seconds));
        assert_true(str_is(buf_slice(&out), rows[i].line));
        buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serves_what_has_one_meaning),
        cmocka_unit_test(refuses_what_can_be_read_in_two_ways),
        cmocka_unit_test(refuses_what_is_too_long),
        cmocka_unit_test(takes_a_head_of_exactly_the_limit),
        cmocka_unit_test(is_idle_only_between_requests),
        cmocka_unit_test(takes_nothing_after_it_refused),
        cmocka_unit_test(finds_the_first_header_in_any_case),
        cmocka_unit_test(writes_responses),
        cmocka_unit_test(writes_what_only_some_responses_have),
        cmocka_unit_test(writes_dates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
