#include "wire/http_lib.h"

#include "base/mem.h"

#include <http_parser.h>
#include <stdlib.h>

struct http_lib {
    http_parser parser;
    const struct http_lib_events *events;
    void *ctx;
    struct http_lib_facts facts;
};

static struct http_lib *lib_of(http_parser *parser)
{
    return parser->data;
}

static int on_url(http_parser *parser, const char *p, size_t n)
{
    struct http_lib *lib = lib_of(parser);
    lib->events->target(lib->ctx, (struct str){.p = p, .n = n});
    return 0;
}

static int on_name(http_parser *parser, const char *p, size_t n)
{
    struct http_lib *lib = lib_of(parser);
    lib->events->name(lib->ctx, (struct str){.p = p, .n = n});
    return 0;
}

static int on_value(http_parser *parser, const char *p, size_t n)
{
    struct http_lib *lib = lib_of(parser);
    lib->events->value(lib->ctx, (struct str){.p = p, .n = n});
    return 0;
}

static int on_head(http_parser *parser)
{
    struct http_lib *lib = lib_of(parser);
    const char *method = http_method_str((enum http_method)parser->method);
    lib->facts = (struct http_lib_facts){
        .method = str_of(method),
        .minor = parser->http_minor,
        /* The library lets keep-alive win over close in HTTP/1.0. */
        .keep_alive = http_should_keep_alive(parser) && !(parser->flags & F_CONNECTION_CLOSE),
        .upgrade = (parser->flags & F_CONNECTION_UPGRADE) != 0,
        .chunked = (parser->flags & F_CHUNKED) != 0,
        .has_length = (parser->flags & F_CONTENTLENGTH) != 0,
        .length = parser->content_length,
        .head_whole = true,
    };
    return 0;
}

static int on_body(http_parser *parser, const char *p, size_t n)
{
    struct http_lib *lib = lib_of(parser);
    return !lib->events->body(lib->ctx, (struct str){.p = p, .n = n});
}

static int on_whole(http_parser *parser)
{
    lib_of(parser)->facts.whole = true;
    return 0;
}

static const http_parser_settings settings = {
    .on_url = on_url,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_headers_complete = on_head,
    .on_body = on_body,
    .on_message_complete = on_whole,
};

struct http_lib *http_lib_new(const struct http_lib_events *events, void *ctx)
{
    struct http_lib *lib = mem_try(sizeof *lib);
    if (lib) {
        *lib = (struct http_lib){.events = events, .ctx = ctx};
        http_lib_reset(lib);
    }
    return lib;
}

void http_lib_free(struct http_lib *lib)
{
    free(lib);
}

void http_lib_reset(struct http_lib *lib)
{
    http_parser_init(&lib->parser, HTTP_REQUEST);
    lib->parser.data = lib;
    lib->facts = (struct http_lib_facts){0};
}

bool http_lib_feed(struct http_lib *lib, struct str bytes)
{
    size_t n = http_parser_execute(&lib->parser, &settings, bytes.p, bytes.n);
    return n == bytes.n && HTTP_PARSER_ERRNO(&lib->parser) == HPE_OK;
}

bool http_lib_method_unknown(const struct http_lib *lib)
{
    return HTTP_PARSER_ERRNO(&lib->parser) == HPE_INVALID_METHOD;
}

const struct http_lib_facts *http_lib_facts(const struct http_lib *lib)
{
    return &lib->facts;
}
