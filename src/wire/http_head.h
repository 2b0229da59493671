/* http_head: the strict check of a request's head, before the parser library sees it.
 *
 * Everything that servers are known to read in different ways is refused here
 * (RFC 9112 sections 2.2, 3, 5, 6.3; RFC 9110 5.5, 7.2, 10.1.1), so what passes
 * has one meaning: one line end, one white space, one Host, one framing.
 * Pure, no allocation. */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum http_framing { HTTP_NO_BODY, HTTP_LENGTH, HTTP_CHUNKED };

struct http_head {
    unsigned minor; /* HTTP/1.minor */
    enum http_framing framing;
    uint64_t length; /* with HTTP_LENGTH */
    bool expects_continue;
    unsigned status; /* of the refusal */
    const char *reason;
};

/* `head` is the request line and the headers with all their line ends, the empty line too.
 * False: status and reason say why it is refused. */
bool http_head_check(struct str head, unsigned max_headers, struct http_head *out);

/* A token of RFC 9110 5.6.2. */
bool http_token(struct str text);
/* The text of a field's value: no control character but the tab. */
bool http_field_text(struct str text);
/* Equal but for the case of ASCII letters. */
bool http_same(struct str a, struct str b);
