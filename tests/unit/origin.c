#include "origin.h"

#include "base/check.h"
#include "base/list.h"
#include "base/mem.h"
#include "unit.h"

#include <netinet/in.h>
#include <stdlib.h>

enum { ANSWER_MAX = 1 << 20, PATIENCE_MS = 20000 };

struct origin {
    uv_tcp_t listener;
    struct list visitors;
    unsigned open; /* handles */
    unsigned requests, connections;
    char url[64];
    bool cut;
    struct buf answer, last;
};

struct visitor {
    struct list node;
    uv_tcp_t tcp;
    struct origin *origin;
    struct buf in;
    char bytes[4096];
};

static void released(struct origin *origin)
{
    if (--origin->open > 0)
        return;
    buf_free(&origin->answer);
    buf_free(&origin->last);
    free(origin);
}

static void listener_closed(uv_handle_t *handle)
{
    released(handle->data);
}

static void visitor_closed(uv_handle_t *handle)
{
    struct visitor *visitor = handle->data;
    released(visitor->origin);
    buf_free(&visitor->in);
    free(visitor);
}

static void leave(struct visitor *visitor)
{
    list_remove(&visitor->node);
    uv_close((uv_handle_t *)&visitor->tcp, visitor_closed);
}

static void lend(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    struct visitor *visitor = handle->data;
    *buf = uv_buf_init(visitor->bytes, sizeof visitor->bytes);
}

struct sent {
    uv_write_t write;
    struct visitor *visitor;
};

static void written(uv_write_t *write, int status)
{
    struct sent *sent = write->data;
    struct visitor *visitor = sent->visitor;
    if (visitor->origin->cut && !uv_is_closing((uv_handle_t *)&visitor->tcp))
        leave(visitor);
    free(sent);
}

/* The length of the whole request at the front, or 0 while it is not there. */
static size_t request_size(const struct buf *in)
{
    const char *end = in->len ? memmem(in->data, in->len, "\r\n\r\n", 4) : NULL;
    if (!end)
        return 0;
    size_t head = (size_t)(end - in->data) + 4, body = 0;
    const char *length = memmem(in->data, head, "Content-Length: ", 16);
    if (length)
        body = strtoul(length + 16, NULL, 10);
    return in->len >= head + body ? head + body : 0;
}

static void heard(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct visitor *visitor = stream->data;
    struct origin *origin = visitor->origin;
    if (n < 0) {
        leave(visitor);
        return;
    }
    buf_add(&visitor->in, buf->base, (size_t)n);
    size_t size = request_size(&visitor->in);
    if (!size)
        return;
    origin->requests++;
    buf_clear(&origin->last);
    buf_add(&origin->last, visitor->in.data, size);
    buf_shift(&visitor->in, size);
    if (!origin->answer.len && !origin->cut)
        return;
    struct sent *sent = mem_new(sizeof *sent);
    uv_buf_t out = uv_buf_init(origin->answer.data, (unsigned)origin->answer.len);
    sent->visitor = visitor;
    sent->write.data = sent;
    CHECK(uv_write(&sent->write, stream, &out, 1, written) == 0);
}

static void visited(uv_stream_t *listener, int status)
{
    struct origin *origin = listener->data;
    struct visitor *visitor = mem_new(sizeof *visitor);
    visitor->origin = origin;
    visitor->in = BUF_INIT(ANSWER_MAX);
    visitor->tcp.data = visitor;
    CHECK(uv_tcp_init(listener->loop, &visitor->tcp) == 0);
    CHECK(uv_accept(listener, (uv_stream_t *)&visitor->tcp) == 0);
    origin->open++;
    origin->connections++;
    list_push_back(&origin->visitors, &visitor->node);
    CHECK(uv_read_start((uv_stream_t *)&visitor->tcp, lend, heard) == 0);
}

struct origin *origin_new(uv_loop_t *loop)
{
    struct origin *origin = mem_new(sizeof *origin);
    struct sockaddr_in address;
    int size = sizeof address;
    list_init(&origin->visitors);
    origin->answer = BUF_INIT(ANSWER_MAX);
    origin->last = BUF_INIT(ANSWER_MAX);
    origin->open = 1;
    origin->listener.data = origin;
    CHECK(uv_tcp_init(loop, &origin->listener) == 0);
    CHECK(uv_ip4_addr("127.0.0.1", 0, &address) == 0);
    CHECK(uv_tcp_bind(&origin->listener, (struct sockaddr *)&address, 0) == 0);
    CHECK(uv_listen((uv_stream_t *)&origin->listener, 16, visited) == 0);
    CHECK(uv_tcp_getsockname(&origin->listener, (struct sockaddr *)&address, &size) == 0);
    snprintf(origin->url, sizeof origin->url, "http://127.0.0.1:%u/keys", ntohs(address.sin_port));
    return origin;
}

void origin_close(struct origin *origin)
{
    LIST_EACH (node, &origin->visitors)
        leave(LIST_ITEM(node, struct visitor, node));
    uv_close((uv_handle_t *)&origin->listener, listener_closed);
}

const char *origin_url(const struct origin *origin)
{
    return origin->url;
}

void origin_answer(struct origin *origin, unsigned status, const char *headers, const char *body)
{
    origin->cut = false;
    buf_clear(&origin->answer);
    buf_printf(&origin->answer, "HTTP/1.1 %u Whatever\r\nContent-Length: %zu\r\n%s\r\n%s", status,
               strlen(body), headers, body);
    CHECK(!origin->answer.overflow);
}

void origin_raw(struct origin *origin, const char *bytes, bool cut)
{
    origin->cut = cut;
    buf_clear(&origin->answer);
    buf_text(&origin->answer, bytes);
}

unsigned origin_requests(const struct origin *origin)
{
    return origin->requests;
}

unsigned origin_connections(const struct origin *origin)
{
    return origin->connections;
}

struct str origin_last(const struct origin *origin)
{
    return buf_slice(&origin->last);
}

static void too_late(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

static void forget(uv_handle_t *handle)
{
    *(bool *)handle->data = true;
}

void origin_turn(uv_loop_t *loop, const unsigned *value, unsigned target)
{
    uv_timer_t timer;
    bool late = false, gone = false;
    uv_timer_init(loop, &timer);
    timer.data = &late;
    uv_timer_start(&timer, too_late, PATIENCE_MS, 0);
    while (*value < target && !late)
        uv_run(loop, UV_RUN_ONCE);
    timer.data = &gone;
    uv_close((uv_handle_t *)&timer, forget);
    while (!gone)
        uv_run(loop, UV_RUN_NOWAIT);
    if (late)
        fail_msg("%u of %u after %d ms", *value, target, PATIENCE_MS);
}
