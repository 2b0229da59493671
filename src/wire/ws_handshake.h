/* ws_handshake: how an HTTP request becomes a WebSocket (RFC 6455, section 4, the server's side).
 *
 * Extensions are offered in vain: none is agreed on, which is no error. Who may open one (Host,
 * Origin, token) is looked at elsewhere. Pure. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "wire/http.h"

#include <stdbool.h>
#include <stddef.h>

/* What is offered, a subprotocol a call, in the client's order; `offers` starts zeroed. A browser
 * that offers some and is given none ends the connection, and it can send a token in no other
 * place: it offers the token and a name, and is given the name. */
struct ws_offers {
    unsigned _header;
    size_t _at;
};

bool ws_offers_next(const struct http_request *request, struct ws_offers *offers,
                    struct str *subprotocol);

/* Enough for `head`, besides the subprotocol. */
enum { WS_HEAD_MAX = 256 };

/* True: `head` is the whole answer, and frames follow it. `subprotocol` is one that was offered, or
 * empty.
 * False: refuse with *status and what `err` says; `head` has header lines that belong to it. */
bool ws_handshake(const struct http_request *request, struct str subprotocol, struct buf *head,
                  unsigned *status, struct err *err);
