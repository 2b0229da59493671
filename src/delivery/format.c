#include "delivery/format.h"

bool format_reads_entities(enum format format)
{
    return format == FORMAT_SSE_CHANGES;
}

struct event event_begin(struct buf *out, enum format format, const char *name)
{
    buf_text(out, "event: ");
    buf_text(out, name);
    buf_text(out, "\ndata: ");
    return (struct event){.out = out, .format = format};
}

void event_end(const struct event *event, struct str id)
{
    buf_byte(event->out, '\n');
    if (id.n) {
        buf_text(event->out, "id: ");
        buf_str(event->out, id);
        buf_byte(event->out, '\n');
    }
    buf_byte(event->out, '\n');
}
