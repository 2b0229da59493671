#include "wire/http_head.h"

enum { METHOD_MAX = 32 };

static bool refuse(struct http_head *out, unsigned status, const char *reason)
{
    out->status = status;
    out->reason = reason;
    return false;
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

bool http_same(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

bool http_token(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (!is_alnum(text.p[i]) && !one_of(text.p[i], "!#$%&'*+-.^_`|~"))
            return false;
    return text.n > 0;
}

bool http_field_text(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static struct str trim(struct str text)
{
    while (text.n && (text.p[0] == ' ' || text.p[0] == '\t'))
        text = str_from(text, 1);
    while (text.n && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t'))
        text.n--;
    return text;
}

/* uri-host [ ":" port ] of RFC 3986, not empty. */
static bool host_valid(struct str host)
{
    size_t i = 0;
    if (host.n && host.p[0] == '[') {
        for (i = 1; i < host.n && host.p[i] != ']'; i++)
            if (!is_hex(host.p[i]) && !one_of(host.p[i], ":."))
                return false;
        if (i < 3 || i == host.n)
            return false;
        i++;
    } else {
        for (; i < host.n && host.p[i] != ':'; i++) {
            if (host.p[i] == '%') {
                if (host.n - i < 3 || !is_hex(host.p[i + 1]) || !is_hex(host.p[i + 2]))
                    return false;
            } else if (!is_alnum(host.p[i]) && !one_of(host.p[i], "-._~!$&'()*+,;=")) {
                return false;
            }
        }
        if (i == 0)
            return false;
    }
    if (i == host.n)
        return true;
    if (host.p[i] != ':' || host.n - i > 6)
        return false;
    unsigned port = 0;
    for (i++; i < host.n; i++) {
        if (!is_digit(host.p[i]))
            return false;
        port = port * 10 + (unsigned)(host.p[i] - '0');
    }
    return port <= 65535;
}

/* What the request line says that later lines are compared with. */
struct line {
    struct str method;
    struct str authority; /* of an absolute target; .p NULL otherwise */
};

static bool check_target(struct str target, struct line *line, struct http_head *out)
{
    for (size_t i = 0; i < target.n; i++)
        if ((unsigned char)target.p[i] <= 0x20 || (unsigned char)target.p[i] >= 0x7f ||
            target.p[i] == '#')
            return refuse(out, 400,
                          "the request target contains a character that is not allowed there");
    if (target.n && target.p[0] == '/')
        return true;
    if (str_is(target, "*")) {
        if (!str_is(line->method, "OPTIONS"))
            return refuse(out, 400, "the request target \"*\" is for OPTIONS");
        return true;
    }
    struct str scheme = STR("http://");
    if (target.n > scheme.n && http_same((struct str){.p = target.p, .n = scheme.n}, scheme)) {
        struct str rest = str_from(target, scheme.n);
        size_t end = 0;
        while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?')
            end++;
        line->authority = (struct str){.p = rest.p, .n = end};
        if (host_valid(line->authority))
            return true;
    }
    return refuse(out, 400, "the request target is malformed");
}

static bool check_request_line(struct str text, struct line *line, struct http_head *out)
{
    size_t space = str_index(text, ' ');
    line->method = (struct str){.p = text.p, .n = space};
    if (!http_token(line->method))
        return refuse(out, 400, "the request line is malformed");
    struct str rest = str_from(text, space + 1);
    space = str_index(rest, ' ');
    struct str target = {.p = rest.p, .n = space};
    struct str version = str_from(rest, space + 1);
    if (target.n == 0 || version.n != 8 || !str_starts(version, STR("HTTP/")) ||
        !is_digit(version.p[5]) || version.p[6] != '.' || !is_digit(version.p[7]))
        return refuse(out, 400, "the request line is malformed");
    if (version.p[5] != '1' || version.p[7] > '1')
        return refuse(out, 505, "only HTTP/1.0 and HTTP/1.1 are served here");
    out->minor = (unsigned)(version.p[7] - '0');
    if (line->method.n > METHOD_MAX || str_is(line->method, "CONNECT"))
        return refuse(out, 501, "this method is not served here");
    return check_target(target, line, out);
}

/* Digits without a sign, a list, or leading zeros, so that nobody reads another number. */
static bool check_length(struct str value, struct http_head *out)
{
    uint64_t length = 0;
    if (value.n == 0 || (value.n > 1 && value.p[0] == '0'))
        return refuse(out, 400, "Content-Length is malformed");
    for (size_t i = 0; i < value.n; i++) {
        if (!is_digit(value.p[i]))
            return refuse(out, 400, "Content-Length is malformed");
        length = length > UINT64_MAX / 10 - 1 ? UINT64_MAX / 10
                                              : length * 10 + (uint64_t)(value.p[i] - '0');
    }
    out->framing = HTTP_LENGTH;
    out->length = length;
    return true;
}

enum field {
    FIELD_HOST,
    FIELD_LENGTH,
    FIELD_ENCODING,
    FIELD_CONNECTION,
    FIELD_EXPECT,
    FIELD_UPGRADE,
    FIELD_ORIGIN,
    FIELD_TYPE,
    FIELD_AUTHORIZATION,
    FIELD_OTHER
};

/* The fields that decide where a message ends, for whom it is, and whether it may be. */
static enum field field_of(struct str name)
{
    static const char *const names[] = {
        [FIELD_HOST] = "host",
        [FIELD_LENGTH] = "content-length",
        [FIELD_ENCODING] = "transfer-encoding",
        [FIELD_CONNECTION] = "connection",
        [FIELD_EXPECT] = "expect",
        [FIELD_UPGRADE] = "upgrade",
        [FIELD_ORIGIN] = "origin",
        [FIELD_TYPE] = "content-type",
        [FIELD_AUTHORIZATION] = "authorization",
    };
    for (unsigned i = 0; i < FIELD_OTHER; i++)
        if (http_same(name, str_of(names[i])))
            return (enum field)i;
    return FIELD_OTHER;
}

struct seen {
    unsigned hosts, lengths, encodings, expects, origins, types, authorizations;
    struct str host;
};

static bool check_field(struct str text, struct seen *seen, struct http_head *out)
{
    if (text.p[0] == ' ' || text.p[0] == '\t')
        return refuse(out, 400, "a header is folded over several lines");
    size_t colon = str_index(text, ':');
    struct str name = {.p = text.p, .n = colon};
    if (colon == text.n || !http_token(name))
        return refuse(out, 400, "a header's name is malformed");
    struct str raw = str_from(text, colon + 1);
    if (!http_field_text(raw))
        return refuse(out, 400, "a header's value contains a control character");
    enum field field = field_of(name);
    /* Some parsers take only the space for white space, and so see another value. */
    if (field <= FIELD_UPGRADE && str_index(raw, '\t') != raw.n)
        return refuse(out, 400, "a header that decides the framing contains a tab");
    struct str value = trim(raw);
    switch (field) {
    case FIELD_HOST:
        if (++seen->hosts > 1)
            return refuse(out, 400, "there is more than one Host");
        if (!host_valid(value))
            return refuse(out, 400, "Host is malformed");
        seen->host = value;
        return true;
    case FIELD_LENGTH:
        if (++seen->lengths > 1)
            return refuse(out, 400, "there is more than one Content-Length");
        return check_length(value, out);
    case FIELD_ENCODING:
        if (++seen->encodings > 1)
            return refuse(out, 400, "there is more than one Transfer-Encoding");
        if (!http_same(value, STR("chunked")))
            return refuse(out, 501, "the only Transfer-Encoding served here is chunked");
        return true;
    case FIELD_EXPECT:
        if (++seen->expects > 1 || !http_same(value, STR("100-continue")))
            return refuse(out, 417, "the only Expect served here is 100-continue");
        out->expects_continue = true;
        return true;
    /* A proxy that allowed one of them may have looked at the other one. */
    case FIELD_ORIGIN:
        return ++seen->origins == 1 || refuse(out, 400, "there is more than one Origin");
    case FIELD_TYPE:
        return ++seen->types == 1 || refuse(out, 400, "there is more than one Content-Type");
    case FIELD_AUTHORIZATION:
        return ++seen->authorizations == 1 ||
               refuse(out, 400, "there is more than one Authorization");
    case FIELD_CONNECTION:
    case FIELD_UPGRADE:
    case FIELD_OTHER:
        break;
    }
    return true;
}

/* The next line without its CRLF. Every LF in the head has a CR in front of it, or the line still
 * holds a CR and is refused for the control character. */
static struct str next_line(struct str *rest)
{
    size_t end = str_index(*rest, '\n');
    struct str line = {.p = rest->p, .n = end};
    *rest = str_from(*rest, end + 1);
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    return line;
}

bool http_head_check(struct str head, unsigned max_headers, struct http_head *out)
{
    *out = (struct http_head){.framing = HTTP_NO_BODY};
    for (size_t i = 0; i < head.n; i++) {
        if (head.p[i] == '\n' && (i == 0 || head.p[i - 1] != '\r'))
            return refuse(out, 400, "a line ends in LF without CR");
        if (head.p[i] == '\r' && (i + 1 == head.n || head.p[i + 1] != '\n'))
            return refuse(out, 400, "there is a CR without LF");
        if (head.p[i] == '\0')
            return refuse(out, 400, "there is a NUL in the head");
    }
    struct line line = {0};
    struct seen seen = {0};
    if (!check_request_line(next_line(&head), &line, out))
        return false;
    unsigned n = 0;
    for (struct str text = next_line(&head); text.n; text = next_line(&head)) {
        if (++n > max_headers)
            return refuse(out, 431, "there are too many headers");
        if (!check_field(text, &seen, out))
            return false;
    }
    if (seen.encodings && seen.lengths)
        return refuse(out, 400, "there is both a Content-Length and a Transfer-Encoding");
    if (seen.encodings && out->minor == 0)
        return refuse(out, 400, "HTTP/1.0 has no Transfer-Encoding");
    if (seen.encodings)
        out->framing = HTTP_CHUNKED;
    if (seen.hosts == 0 && out->minor > 0)
        return refuse(out, 400, "there is no Host");
    /* RFC 9112 3.2.2 lets the target win over Host; two names for one request are refused instead.
     */
    if (line.authority.p && seen.hosts && !http_same(line.authority, seen.host))
        return refuse(out, 400, "the request target and Host name different servers");
    /* RFC 9110 10.1.1: HTTP/1.0 knows no interim answers; without a body there is nothing to wait
     * for. */
    if (out->minor == 0 || out->framing == HTTP_NO_BODY ||
        (out->framing == HTTP_LENGTH && out->length == 0))
        out->expects_continue = false;
    return true;
}
