#include "delivery/format.h"

#include "wire/sse.h"

bool format_reads_entities(enum format format)
{
    return format == FORMAT_SSE_CHANGES;
}

struct event event_begin(struct buf *out, enum format format, const char *name)
{
    sse_begin(out, str_of(name));
    return (struct event){.out = out, .format = format};
}

void event_end(const struct event *event, struct str id)
{
    sse_end(event->out, id);
}
