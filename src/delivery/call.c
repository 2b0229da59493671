#include "delivery/call.h"

#include "base/jsontext.h"

enum { CALL_BACKOFF_S = 1 };

void call_respond(struct call *call, unsigned status, struct str body)
{
    buf_text(&call->headers, "Content-Type: application/json\r\nCache-Control: no-store\r\n");
    if (call->last)
        conn_respond_close(call->conn, status, buf_slice(&call->headers), body);
    else
        conn_respond(call->conn, status, buf_slice(&call->headers), body);
}

void call_refuse(struct call *call, unsigned status, const char *sentence)
{
    struct buf body = BUF_INIT(8192);
    buf_text(&body, "{\"error\":");
    jsontext_string(&body, str_of(sentence));
    buf_text(&body, "}\n");
    if (status == 503 || status == 429)
        buf_printf(&call->headers, "Retry-After: %d\r\n", CALL_BACKOFF_S);
    if (status == 401)
        buf_text(&call->headers, call->bad_token
                                     ? "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n"
                                     : "WWW-Authenticate: Bearer\r\n");
    call_respond(call, status, buf_slice(&body));
    buf_free(&body);
}
