#include "wire/sse.h"

/* `name`: and the text as one line. Whatever would end the line early is left out, and so is NUL,
 * which makes a client ignore an id. */
static void one_line(struct buf *out, const char *name, struct str text)
{
    buf_text(out, name);
    size_t start = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] != '\r' && text.p[i] != '\n' && text.p[i] != '\0')
            continue;
        buf_add(out, text.p + start, i - start);
        start = i + 1;
    }
    buf_add(out, text.p + start, text.n - start);
    buf_byte(out, '\n');
}

/* `name` and a line for each line of the text, ended by CR, LF or CRLF; one at least. */
static void lines(struct buf *out, const char *name, struct str text)
{
    do {
        size_t end = 0;
        while (end < text.n && text.p[end] != '\r' && text.p[end] != '\n')
            end++;
        buf_text(out, name);
        buf_add(out, text.p, end);
        buf_byte(out, '\n');
        if (end == text.n)
            return;
        bool crlf = text.p[end] == '\r' && end + 1 < text.n && text.p[end + 1] == '\n';
        text = (struct str){.p = text.p + end + 1 + crlf, .n = text.n - end - 1 - crlf};
    } while (true);
}

bool sse_begin(struct buf *out, struct str event)
{
    if (event.n)
        one_line(out, "event: ", event);
    return buf_text(out, "data: ");
}

bool sse_end(struct buf *out, struct str id)
{
    buf_byte(out, '\n');
    if (id.n)
        one_line(out, "id: ", id);
    return buf_byte(out, '\n');
}

bool sse_event(struct buf *out, struct str event, struct str data, struct str id)
{
    if (event.n)
        one_line(out, "event: ", event);
    lines(out, "data: ", data);
    if (id.n)
        one_line(out, "id: ", id);
    return buf_byte(out, '\n');
}

bool sse_retry(struct buf *out, uint64_t ms)
{
    buf_text(out, "retry: ");
    buf_u64(out, ms);
    return buf_text(out, "\n\n");
}

bool sse_comment(struct buf *out, struct str text)
{
    lines(out, text.n ? ": " : ":", text);
    return buf_byte(out, '\n');
}
