#include "delivery/format.h"

#include "wire/sse.h"
#include "wire/ws.h"

bool format_reads_entities(enum format format)
{
    return format == FORMAT_SSE_CHANGES || format == FORMAT_WS_CHANGES || format_is_dialect(format);
}

bool format_is_websocket(enum format format)
{
    return format == FORMAT_WS || format == FORMAT_WS_CHANGES || format >= FORMAT_DIALECT_WS;
}

bool format_is_dialect(enum format format)
{
    return format >= FORMAT_DIALECT_SSE;
}

struct event event_begin(struct buf *out, enum format format, const char *name)
{
    struct event event = {.out = out, .format = format, .start = out->len};
    if (format_is_websocket(format)) {
        ws_text_begin(out);
        buf_printf(out, "{\"type\":\"%s\",", name);
    } else {
        sse_begin(out, str_of(name));
        buf_byte(out, '{');
    }
    return event;
}

void event_end(const struct event *event, struct str id)
{
    buf_byte(event->out, '}');
    if (format_is_websocket(event->format))
        ws_text_end(event->out, event->start);
    else
        sse_end(event->out, id);
}
