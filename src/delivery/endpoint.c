#include "delivery/endpoint.h"

#include "base/mem.h"
#include "model/scope.h"
#include "model/template.h"

#include <ctype.h>
#include <stdlib.h>

enum { ENDPOINT_MEMORY = 4 * 1024 * 1024, HEADER_NAME_MAX = 64 };

struct endpoint *endpoint_new(void)
{
    struct endpoint *endpoint = mem_new(sizeof *endpoint);
    endpoint->refs = 1;
    arena_init(&endpoint->memory, ENDPOINT_MEMORY);
    return endpoint;
}

struct endpoint *endpoint_ref(struct endpoint *endpoint)
{
    endpoint->refs++;
    return endpoint;
}

void endpoint_unref(struct endpoint *endpoint)
{
    if (!endpoint || --endpoint->refs > 0)
        return;
    arena_free(&endpoint->memory);
    free(endpoint);
}

/* ---- templates ---- */

static const struct {
    const char *prefix, *what;
} FROM[] = {
    [ENDPOINT_LITERAL] = {"", ""},
    [ENDPOINT_QUERY] = {"query.", "the parameter"},
    [ENDPOINT_HEADER] = {"header.", "the header"},
    [ENDPOINT_CLAIM] = {"claim.", "the claim"},
};

static bool is_header_name(struct str name)
{
    for (size_t i = 0; i < name.n; i++)
        if (!isalnum((unsigned char)name.p[i]) && name.p[i] != '-' && name.p[i] != '_')
            return false;
    return name.n <= HEADER_NAME_MAX;
}

static bool parse_part(const struct template_part *part, struct arena *arena,
                       struct endpoint_part *out, struct err *err)
{
    *out = (struct endpoint_part){.from = ENDPOINT_LITERAL, .text = part->text};
    if (!part->is_column)
        return true;
    for (unsigned from = ENDPOINT_QUERY; from <= ENDPOINT_CLAIM; from++) {
        struct str prefix = str_of(FROM[from].prefix);
        if (!str_starts(part->text, prefix) || part->text.n == prefix.n)
            continue;
        out->from = (enum endpoint_from)from;
        if (from == ENDPOINT_HEADER && !is_header_name(str_from(part->text, prefix.n)))
            return err_set(err, "a header's name has letters, digits, \"-\" and \"_\", at most %d",
                           HEADER_NAME_MAX);
        out->text = arena_copy(arena, str_from(part->text, prefix.n)); /* with a NUL behind it */
        return out->text.p || err_set(err, "there is too much of it");
    }
    return err_set(err,
                   "{%.*s} is not known in a scope; there is {query.NAME}, {header.NAME} and "
                   "{claim.NAME}",
                   part->text.n < 64 ? (int)part->text.n : 64, part->text.p);
}

bool endpoint_parse_scope(struct endpoint *endpoint, struct str text, struct endpoint_scope *scope,
                          struct err *err)
{
    struct template template;
    if (!template_parse(text, &endpoint->memory, &template, err))
        return false;
    scope->n = template.n;
    scope->parts = arena_alloc(&endpoint->memory, (template.n + 1) * sizeof *scope->parts);
    if (!scope->parts)
        return err_set(err, "there is too much of it");
    for (size_t i = 0; i < template.n; i++)
        if (!parse_part(&template.parts[i], &endpoint->memory, &scope->parts[i], err))
            return false;
    /* Somebody has to be able to ask for it. */
    if (template_is_literal(&template) &&
        !scope_check(template.n ? template.parts[0].text : (struct str){0}, err))
        return false;
    struct buf home = BUF_INIT(text.n + 2);
    endpoint_home(text, &home);
    scope->home = arena_copy(&endpoint->memory, buf_slice(&home));
    buf_free(&home);
    return scope->home.p || err_set(err, "there is too much of it");
}

void endpoint_home(struct str template_text, struct buf *out)
{
    size_t colon = str_index(template_text, ':'), brace = str_index(template_text, '{');
    if (brace < colon) {
        buf_byte(out, '*');
    } else if (colon == template_text.n) {
        buf_str(out, template_text);
    } else {
        buf_add(out, template_text.p, colon + 1);
        buf_byte(out, '*');
    }
}

/* ---- requests ---- */

bool endpoint_write_scope(const struct endpoint *endpoint, size_t index, endpoint_value *value,
                          void *ctx, struct buf *out, struct err *err)
{
    const struct endpoint_scope *scope = &endpoint->scopes[index];
    for (size_t i = 0; i < scope->n; i++) {
        const struct endpoint_part *part = &scope->parts[i];
        if (part->from == ENDPOINT_LITERAL)
            buf_str(out, part->text);
        else if (!scope_write_value(out, value_text(value(ctx, part->from, part->text.p))) &&
                 !out->overflow)
            return err_set(err, "%s \"%.*s\" is missing", FROM[part->from].what,
                           STR_ARG(part->text));
    }
    return !out->overflow || err_set(err, "the scope would be longer than %d bytes", SCOPE_MAX);
}
