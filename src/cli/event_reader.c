#include "cli/event_reader.h"

void event_reader_init(struct event_reader *reader, size_t max)
{
    *reader = (struct event_reader){._line = BUF_INIT(max),
                                    ._name = BUF_INIT(max),
                                    ._data = BUF_INIT(max),
                                    ._id = BUF_INIT(max)};
}

void event_reader_free(struct event_reader *reader)
{
    buf_free(&reader->_line);
    buf_free(&reader->_name);
    buf_free(&reader->_data);
    buf_free(&reader->_id);
}

void event_reader_restart(struct event_reader *reader)
{
    buf_clear(&reader->_line);
    buf_clear(&reader->_name);
    buf_clear(&reader->_data);
    reader->_after_cr = reader->_began = reader->_has_data = false;
}

static void dispatch(struct event_reader *reader, event_each *each, void *ctx)
{
    if (reader->_has_data) {
        struct str data = buf_slice(&reader->_data);
        data.n--; /* every data line added a newline; the last is none of the data's */
        const struct event event = {.name = reader->_name.len ? buf_slice(&reader->_name)
                                                              : STR("message"),
                                    .data = data,
                                    .id = buf_slice(&reader->_id)};
        each(ctx, &event);
    }
    buf_clear(&reader->_name);
    buf_clear(&reader->_data);
    reader->_has_data = false;
}

static void take_retry(struct event_reader *reader, struct str value)
{
    uint64_t ms = 0;
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] < '0' || value.p[i] > '9' || ms > UINT32_MAX)
            return;
        ms = ms * 10 + (uint64_t)(value.p[i] - '0');
    }
    if (value.n)
        reader->retry_ms = ms;
}

static bool take_line(struct event_reader *reader, event_each *each, void *ctx)
{
    struct str line = buf_slice(&reader->_line);
    if (!reader->_began && str_starts(line, STR("\xef\xbb\xbf")))
        line = str_from(line, 3);
    reader->_began = true;
    if (line.n == 0) {
        dispatch(reader, each, ctx);
        return true;
    }
    size_t colon = str_index(line, ':');
    struct str name = {.p = line.p, .n = colon};
    struct str value = str_from(line, colon + 1);
    if (value.n && value.p[0] == ' ')
        value = str_from(value, 1);
    if (str_is(name, "data")) {
        reader->_has_data = true;
        return buf_str(&reader->_data, value) && buf_byte(&reader->_data, '\n');
    }
    if (str_is(name, "event")) {
        buf_clear(&reader->_name);
        return buf_str(&reader->_name, value);
    }
    if (str_is(name, "id") && str_index(value, '\0') == value.n) {
        buf_clear(&reader->_id);
        return buf_str(&reader->_id, value);
    }
    if (str_is(name, "retry"))
        take_retry(reader, value);
    return true;
}

bool event_reader_feed(struct event_reader *reader, struct str bytes, event_each *each, void *ctx)
{
    for (size_t i = 0; i < bytes.n; i++) {
        char c = bytes.p[i];
        bool second_half = reader->_after_cr && c == '\n';
        reader->_after_cr = c == '\r';
        if (second_half)
            continue;
        if (c != '\r' && c != '\n') {
            if (!buf_byte(&reader->_line, c))
                return false;
            continue;
        }
        if (!take_line(reader, each, ctx))
            return false;
        buf_clear(&reader->_line);
    }
    return true;
}
