#include "wire/phrase.h"

#include "base/jsontext.h"
#include "base/nearest.h"
#include "model/template.h"

enum { CHECK_ARENA = 4 * PHRASE_BYTES };

enum kind {
    LITERAL, /* `text` is JSON */
    ALONE,   /* one {name} */
    MIXED,   /* a text with names in it, or without */
    ARRAY,
    OBJECT,
};

struct word {
    struct str literal; /* where it is no name */
    struct str part;
    size_t name;
    bool is_name, optional;
};

struct node {
    enum kind kind;
    bool spread;      /* a member called "..." */
    struct str label; /* of a member: its name as it is, and ready to be written */
    struct str member;
    struct str text;
    struct word *words;
    size_t n_words;
    struct node *child, *next;
};

struct phrase {
    struct node root;
    uint64_t needs; /* bit i: name i stands somewhere without "?" */
};

/* ---- parsing ---- */

struct parser {
    const struct phrase_names *names;
    struct arena *arena;
    struct err *err;
    uint64_t needs;
};

static bool too_large(const struct parser *parser)
{
    return err_set(parser->err, "there is too much of it");
}

static bool is_number(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
    return text.n > 0 && text.n < 3;
}

static bool has_part(enum phrase_parts parts, struct str part)
{
    return parts == PHRASE_NAMED ? part.n > 0 : parts == PHRASE_NUMBERED && is_number(part);
}

static bool parse_name(struct parser *parser, struct str written, struct word *word)
{
    struct str text = written;
    word->is_name = true;
    word->optional = text.n > 1 && text.p[text.n - 1] == '?';
    text.n -= word->optional;
    size_t dot = str_index(text, '.');
    struct str base = {.p = text.p, .n = dot};
    word->part = str_from(text, dot + 1);
    struct nearest near = nearest_to(base);
    for (size_t i = 0; i < parser->names->n; i++) {
        const struct phrase_name *name = &parser->names->items[i];
        if (!(parser->names->allowed >> i & 1))
            continue;
        nearest_offer(&near, str_of(name->name));
        if (!str_is(base, name->name))
            continue;
        if (dot < text.n && !has_part(name->parts, word->part))
            break;
        word->name = i;
        if (!word->optional)
            parser->needs |= UINT64_C(1) << i;
        return true;
    }
    return err_set(parser->err, "{%.*s} is not known here%s", written.n < 64 ? (int)written.n : 64,
                   written.p, str_equal(near.best, base) ? "" : nearest_hint(&near));
}

static bool parse_text(struct parser *parser, struct str text, struct node *node)
{
    struct template template;
    if (!template_parse(text, parser->arena, &template, parser->err))
        return false;
    node->n_words = template.n;
    node->words = arena_alloc(parser->arena, (template.n + 1) * sizeof *node->words);
    if (!node->words)
        return too_large(parser);
    for (size_t i = 0; i < template.n; i++) {
        struct word *word = &node->words[i];
        *word = (struct word){.literal = template.parts[i].text};
        if (template.parts[i].is_column && !parse_name(parser, template.parts[i].text, word))
            return false;
    }
    node->kind = template.n == 1 && node->words[0].is_name ? ALONE : MIXED;
    return true;
}

static bool parse_node(struct parser *parser, const json_t *json, unsigned depth,
                       struct node *node);

static bool parse_member(struct parser *parser, const char *name, const json_t *value,
                         unsigned depth, struct node *node)
{
    struct buf label = BUF_INIT(PHRASE_BYTES * 6);
    struct str text = str_of(name);
    jsontext_string(&label, text);
    buf_byte(&label, ':');
    node->member = arena_copy(parser->arena, text);
    node->label = arena_copy(parser->arena, buf_slice(&label));
    buf_free(&label);
    if (!node->member.p || !node->label.p)
        return too_large(parser);
    node->spread = str_is(text, "...");
    if (!parse_node(parser, value, depth, node))
        return false;
    return !node->spread || node->kind == ALONE ||
           err_set(parser->err, "\"...\" takes one name alone, as in \"...\": \"{data}\"");
}

static bool parse_children(struct parser *parser, const json_t *json, unsigned depth,
                           struct node *node)
{
    struct node **tail = &node->child;
    bool object = json_is_object(json);
    void *at = object ? json_object_iter((json_t *)(uintptr_t)json) : NULL;
    for (size_t i = 0; object ? at != NULL : i < json_array_size(json); i++) {
        struct node *child = arena_alloc(parser->arena, sizeof *child);
        if (!child)
            return too_large(parser);
        if (object ? !parse_member(parser, json_object_iter_key(at), json_object_iter_value(at),
                                   depth, child)
                   : !parse_node(parser, json_array_get(json, i), depth, child))
            return false;
        *tail = child;
        tail = &child->next;
        if (object)
            at = json_object_iter_next((json_t *)(uintptr_t)json, at);
    }
    return true;
}

/* Recursion ends at PHRASE_DEPTH. */
static bool parse_node(struct parser *parser, const json_t *json, unsigned depth, struct node *node)
{
    if (depth > PHRASE_DEPTH)
        return err_set(parser->err, "it is nested deeper than %d", PHRASE_DEPTH);
    if (json_is_string(json))
        return parse_text(parser,
                          (struct str){.p = json_string_value(json), .n = json_string_length(json)},
                          node);
    if (json_is_object(json) || json_is_array(json)) {
        node->kind = json_is_object(json) ? OBJECT : ARRAY;
        return parse_children(parser, json, depth + 1, node);
    }
    struct buf text = BUF_INIT(64);
    jsontext_value(&text, json);
    node->kind = LITERAL;
    node->text = arena_copy(parser->arena, buf_slice(&text));
    buf_free(&text);
    return node->text.p || too_large(parser);
}

struct phrase *phrase_parse(struct str json, const struct phrase_names *names, struct arena *arena,
                            struct err *err)
{
    struct parser parser = {.names = names, .arena = arena, .err = err};
    struct phrase *phrase = arena_alloc(arena, sizeof *phrase);
    json_error_t why;
    if (!phrase || json.n > PHRASE_BYTES) {
        too_large(&parser);
        return NULL;
    }
    json_t *document = json_loadb(
        json.p, json.n, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_REJECT_DUPLICATES, &why);
    if (!document) {
        err_set(err, "it is no JSON: %s", why.text);
        return NULL;
    }
    bool ok = parse_node(&parser, document, 0, &phrase->root);
    phrase->needs = parser.needs;
    json_decref(document);
    return ok ? phrase : NULL;
}

bool phrase_check_text(struct str text, const struct phrase_names *names, struct err *err)
{
    struct arena arena;
    arena_init(&arena, CHECK_ARENA);
    struct parser parser = {.names = names, .arena = &arena, .err = err};
    struct node node = {0};
    bool ok = parse_text(&parser, text, &node);
    arena_free(&arena);
    return ok;
}

/* ---- writing ---- */

enum wrote { WROTE, LEFT_OUT, IMPOSSIBLE };

struct writer {
    struct buf *out;
    phrase_lookup *lookup;
    void *ctx;
};

static enum wrote missing(const struct word *word)
{
    return word->optional ? LEFT_OUT : IMPOSSIBLE;
}

static enum wrote write_alone(const struct writer *writer, const struct word *word, bool raw)
{
    struct phrase_value value = writer->lookup(writer->ctx, word->name, word->part);
    if (value.kind == PHRASE_ABSENT)
        return missing(word);
    if (value.kind == PHRASE_JSON || raw)
        buf_str(writer->out, value.text);
    else
        jsontext_string(writer->out, value.text);
    return WROTE;
}

static enum wrote write_words(const struct writer *writer, const struct node *node, struct buf *out)
{
    for (size_t i = 0; i < node->n_words; i++) {
        const struct word *word = &node->words[i];
        struct str text = word->literal;
        if (word->is_name) {
            struct phrase_value value = writer->lookup(writer->ctx, word->name, word->part);
            if (value.kind == PHRASE_ABSENT)
                return missing(word);
            text = value.text;
        }
        buf_str(out, text);
    }
    return WROTE;
}

static enum wrote write_mixed(const struct writer *writer, const struct node *node)
{
    struct buf text = BUF_INIT(writer->out->max);
    enum wrote wrote = write_words(writer, node, &text);
    if (wrote == WROTE)
        jsontext_string(writer->out, buf_slice(&text));
    if (text.overflow)
        writer->out->overflow = true;
    buf_free(&text);
    return wrote;
}

static bool names_member(const struct node *object, struct str name)
{
    for (const struct node *child = object->child; child; child = child->next)
        if (!child->spread && str_equal(child->member, name))
            return true;
    return false;
}

static enum wrote write_spread(const struct writer *writer, const struct node *object,
                               const struct word *word, size_t *n)
{
    struct phrase_value value = writer->lookup(writer->ctx, word->name, word->part);
    if (value.kind == PHRASE_ABSENT)
        return missing(word);
    json_t *members =
        value.kind == PHRASE_JSON
            ? json_loadb(value.text.p, value.text.n,
                         JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL)
            : NULL;
    const char *name;
    json_t *member;
    json_object_foreach(members, name, member)
    {
        if (names_member(object, str_of(name)))
            continue;
        if ((*n)++)
            buf_byte(writer->out, ',');
        jsontext_string(writer->out, str_of(name));
        buf_byte(writer->out, ':');
        jsontext_value(writer->out, member);
    }
    json_decref(members);
    return WROTE;
}

static enum wrote write_node(const struct writer *writer, const struct node *node);

static enum wrote write_children(const struct writer *writer, const struct node *node)
{
    size_t n = 0;
    buf_byte(writer->out, node->kind == OBJECT ? '{' : '[');
    for (const struct node *child = node->child; child; child = child->next) {
        size_t before = writer->out->len;
        enum wrote wrote;
        if (child->spread) {
            wrote = write_spread(writer, node, child->words, &n);
        } else {
            if (n)
                buf_byte(writer->out, ',');
            buf_str(writer->out, child->label);
            wrote = write_node(writer, child);
            n += wrote == WROTE;
        }
        if (wrote == IMPOSSIBLE)
            return IMPOSSIBLE;
        if (wrote == LEFT_OUT && !writer->out->overflow)
            buf_cut(writer->out, before);
    }
    buf_byte(writer->out, node->kind == OBJECT ? '}' : ']');
    return WROTE;
}

static enum wrote write_node(const struct writer *writer, const struct node *node)
{
    switch (node->kind) {
    case LITERAL:
        buf_str(writer->out, node->text);
        return WROTE;
    case ALONE:
        return write_alone(writer, node->words, false);
    case MIXED:
        return write_mixed(writer, node);
    case ARRAY:
    case OBJECT:
        break;
    }
    return write_children(writer, node);
}

bool phrase_write(const struct phrase *phrase, struct buf *out, phrase_lookup *lookup, void *ctx)
{
    const struct writer writer = {.out = out, .lookup = lookup, .ctx = ctx};
    const struct node *root = &phrase->root;
    size_t before = out->len;
    enum wrote wrote = root->kind == ALONE   ? write_alone(&writer, root->words, true)
                       : root->kind == MIXED ? write_words(&writer, root, out)
                                             : write_node(&writer, root);
    if (wrote == WROTE)
        return true;
    if (!out->overflow)
        buf_cut(out, before);
    return wrote == LEFT_OUT;
}

bool phrase_needs(const struct phrase *phrase, size_t name)
{
    return phrase->needs >> name & 1;
}

bool phrase_is_text(const struct phrase *phrase)
{
    return phrase->root.kind == ALONE || phrase->root.kind == MIXED;
}
