#include "wire/ws_handshake.h"

#include "base/check.h"
#include "wire/http_head.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

enum { KEY_TEXT = 24, ACCEPT_TEXT = 28 };

/* A list of RFC 9110 5.6.1 that may be spread over several headers of one name. An empty element
 * counts as absent. */
struct header_list {
    const struct http_request *request;
    const char *name;
    unsigned header;
    size_t at;
};

static struct str trim(struct str text)
{
    while (text.n && (text.p[0] == ' ' || text.p[0] == '\t'))
        text = str_from(text, 1);
    while (text.n && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t'))
        text.n--;
    return text;
}

static bool list_next(struct header_list *list, struct str *element)
{
    for (; list->header < list->request->n_headers; list->header++, list->at = 0) {
        const struct http_header *header = &list->request->headers[list->header];
        if (!http_same(header->name, str_of(list->name)))
            continue;
        while (list->at < header->value.n) {
            struct str rest = str_from(header->value, list->at);
            size_t end = str_index(rest, ',');
            list->at += end + 1;
            *element = trim((struct str){.p = rest.p, .n = end});
            if (element->n)
                return true;
        }
    }
    return false;
}

static bool list_has(const struct http_request *request, const char *name, struct str token)
{
    struct header_list list = {.request = request, .name = name};
    for (struct str element; list_next(&list, &element);)
        if (http_same(element, token))
            return true;
    return false;
}

/* The value of the only header of that name; false when there are several. Absent: .p NULL. */
static bool find_one(const struct http_request *request, const char *name, struct str *value)
{
    unsigned n = 0;
    *value = (struct str){0};
    for (unsigned i = 0; i < request->n_headers; i++) {
        if (!http_same(request->headers[i].name, str_of(name)))
            continue;
        *value = request->headers[i].value;
        n++;
    }
    return n <= 1;
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Base64 of 16 bytes, with nothing in the bits that stand for none. */
static bool key_valid(struct str key)
{
    if (key.n != KEY_TEXT || key.p[KEY_TEXT - 2] != '=' || key.p[KEY_TEXT - 1] != '=')
        return false;
    for (size_t i = 0; i < KEY_TEXT - 2; i++)
        if (base64_digit(key.p[i]) < 0)
            return false;
    return (base64_digit(key.p[KEY_TEXT - 3]) & 0x0f) == 0;
}

static bool offers_valid(const struct http_request *request)
{
    struct ws_offers offers = {0};
    for (struct str offered; ws_offers_next(request, &offers, &offered);)
        if (!http_token(offered))
            return false;
    return true;
}

bool ws_offers_next(const struct http_request *request, struct ws_offers *offers,
                    struct str *subprotocol)
{
    struct header_list list = {.request = request,
                               .name = "Sec-WebSocket-Protocol",
                               .header = offers->_header,
                               .at = offers->_at};
    bool found = list_next(&list, subprotocol);
    *offers = (struct ws_offers){._header = list.header, ._at = list.at};
    return found;
}

static bool was_offered(const struct http_request *request, struct str subprotocol)
{
    struct ws_offers offers = {0};
    for (struct str offered; ws_offers_next(request, &offers, &offered);)
        if (str_equal(offered, subprotocol))
            return true;
    return false;
}

static bool refuse(unsigned *status, unsigned with, struct err *err, const char *sentence)
{
    *status = with;
    return err_set(err, "%s", sentence);
}

/* 426 says what to change to (RFC 9110 15.5.22). */
static bool refuse_upgrade(struct buf *head, unsigned *status, struct err *err,
                           const char *sentence)
{
    buf_text(head, "Connection: Upgrade\r\nUpgrade: websocket\r\n");
    return refuse(status, 426, err, sentence);
}

static bool check(const struct http_request *request, struct buf *head, struct str *key,
                  unsigned *status, struct err *err)
{
    struct str version;
    if (request->method != HTTP_GET_) {
        buf_text(head, "Allow: GET\r\n");
        return refuse(status, 405, err, "a WebSocket is opened by GET");
    }
    if (request->minor == 0) /* RFC 9110 7.8: there, Upgrade means nothing */
        return refuse_upgrade(head, status, err,
                              "a WebSocket takes HTTP/1.1; a proxy in front may speak HTTP/1.0");
    if (!list_has(request, "Upgrade", STR("websocket")) ||
        !list_has(request, "Connection", STR("upgrade")))
        return refuse_upgrade(head, status, err,
                              "a WebSocket is opened with \"Upgrade: websocket\" and \"Connection: "
                              "Upgrade\"; a proxy in front must pass both on");
    if (!find_one(request, "Sec-WebSocket-Version", &version))
        return refuse(status, 400, err, "there are several Sec-WebSocket-Version");
    if (!str_is(version, "13")) {
        buf_text(head, "Sec-WebSocket-Version: 13\r\n");
        return refuse_upgrade(head, status, err, "the Sec-WebSocket-Version that is spoken is 13");
    }
    if (!find_one(request, "Sec-WebSocket-Key", key))
        return refuse(status, 400, err, "there are several Sec-WebSocket-Key");
    if (!key_valid(*key))
        return refuse(status, 400, err, "the Sec-WebSocket-Key is not 16 bytes in base64");
    if (!offers_valid(request))
        return refuse(status, 400, err, "a Sec-WebSocket-Protocol is not a token");
    if (request->body.n)
        return refuse(status, 400, err, "a request that opens a WebSocket has no body");
    return true;
}

/* RFC 6455 4.2.2, 5.4: it proves that this server meant to answer this handshake. */
static bool accept_value(struct str key, char text[ACCEPT_TEXT + 1])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char joined[KEY_TEXT + sizeof guid - 1];
    struct buf both = BUF_FIXED(joined);
    unsigned char digest[SHA_DIGEST_LENGTH];
    buf_str(&both, key);
    buf_text(&both, guid);
    CHECK(both.len == sizeof joined);
    if (!EVP_Digest(joined, sizeof joined, digest, NULL, EVP_sha1(), NULL))
        return false;
    return EVP_EncodeBlock((unsigned char *)text, digest, sizeof digest) == ACCEPT_TEXT;
}

bool ws_handshake(const struct http_request *request, struct str subprotocol, struct buf *head,
                  unsigned *status, struct err *err)
{
    char accept[ACCEPT_TEXT + 1];
    struct str key = {0};
    if (!check(request, head, &key, status, err))
        return false;
    CHECK(subprotocol.n == 0 || was_offered(request, subprotocol));
    if (!accept_value(key, accept))
        return refuse(status, 500, err, "OpenSSL has no SHA-1 here, which WebSockets need");
    size_t begun = head->len;
    buf_text(head, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                   "Connection: Upgrade\r\nSec-WebSocket-Accept: ");
    buf_text(head, accept);
    if (subprotocol.n) {
        buf_text(head, "\r\nSec-WebSocket-Protocol: ");
        buf_str(head, subprotocol);
    }
    buf_text(head, "\r\n\r\n");
    if (head->overflow) {
        buf_cut(head, begun);
        return refuse(status, 431, err, "the Sec-WebSocket-Protocol is too long");
    }
    *status = 101;
    return true;
}
