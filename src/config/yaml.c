/* libyaml's events rather than its document API: both carry the marks, but with events the bounds
 * on depth, size and aliases hold while the text is read, not after it has been taken in, and a
 * cycle
 * (`&a [*a]`) never comes to exist.
 *
 * Aliases share the node that they name. What bounds the tree is therefore its expanded weight,
 * which every node carries: nine levels of nine aliases each are refused at the level that is too
 * much. */
#include "config/yaml.h"

#include "base/buf.h"
#include "base/check.h"

#include <yaml.h>

struct anchor {
    struct str name;
    struct yaml *node; /* NULL while it is being read */
    struct anchor *next;
};

struct reading {
    yaml_parser_t parser;
    yaml_event_t event;
    bool has_event;
    struct str text;
    yaml_variable *variable;
    void *ctx;
    struct arena *arena;
    struct anchor *anchors;
    unsigned n_anchors;
    size_t weight; /* of everything read so far, aliases expanded */
    size_t added;  /* bytes from variables */
    struct place *at;
    struct err *err;
};

static void *new (struct reading *r, size_t size)
{
    void *memory = arena_alloc(r->arena, size);
    CHECK(memory); /* the bounds in the header are below YAML_MEMORY together */
    return memory;
}

static struct str copy(struct reading *r, struct str text)
{
    struct str mine = arena_copy(r->arena, text);
    CHECK(mine.p);
    return mine;
}

static struct place place_of(yaml_mark_t mark)
{
    return (struct place){.line = (unsigned)mark.line + 1, .column = (unsigned)mark.column + 1};
}

#define WRONG(r, place, ...) (*(r)->at = (place), err_set((r)->err, __VA_ARGS__))

/* The reader of libyaml knows only the byte at which the text stops being UTF-8. */
static struct place place_of_byte(struct str text, size_t offset)
{
    struct place at = {.line = 1, .column = 1};
    for (size_t i = 0; i < offset && i < text.n; i++) {
        if (text.p[i] == '\n')
            at = (struct place){.line = at.line + 1, .column = 1};
        else if ((text.p[i] & 0xc0) != 0x80)
            at.column++;
    }
    return at;
}

/* The byte at a mark of libyaml, which counts letters. */
static char byte_at(struct str text, size_t letter)
{
    for (size_t i = 0; i < text.n; i++)
        if ((text.p[i] & 0xc0) != 0x80 && letter-- == 0)
            return text.p[i];
    return '\0';
}

static bool parser_failed(struct reading *r)
{
    const yaml_parser_t *p = &r->parser;
    const char *problem = p->problem ? p->problem : "it cannot be read";
    if (p->error == YAML_READER_ERROR)
        return WRONG(r, place_of_byte(r->text, p->problem_offset), "this is not YAML text: %s",
                     problem);
    if (p->error == YAML_MEMORY_ERROR)
        return WRONG(r, place_of(p->mark), "there is not enough memory to read this");
    bool colon = strstr(problem, "unexpected ':'") || strstr(problem, "expected ',' or") ||
                 strstr(problem, "mapping values are not allowed");
    bool tab = strstr(problem, "cannot start any token") &&
               byte_at(r->text, p->problem_mark.index) == '\t';
    const char *hint = colon ? " (a text with a colon or braces in it needs quotes)"
                       : tab ? " (it is a tab; YAML indents with spaces)"
                             : "";
    if (p->context)
        return WRONG(r, place_of(p->problem_mark),
                     "not valid YAML: %s, %s that begins in line %u%s", problem, p->context,
                     (unsigned)p->context_mark.line + 1, hint);
    return WRONG(r, place_of(p->problem_mark), "not valid YAML: %s%s", problem, hint);
}

static bool next_event(struct reading *r)
{
    if (r->has_event)
        yaml_event_delete(&r->event);
    r->has_event = yaml_parser_parse(&r->parser, &r->event) != 0;
    return r->has_event || parser_failed(r);
}

/* ---- anchors ------------------------------------------------------------------------------- */

static struct anchor *find_anchor(const struct reading *r, struct str name)
{
    for (struct anchor *anchor = r->anchors; anchor; anchor = anchor->next)
        if (str_equal(anchor->name, name))
            return anchor;
    return NULL;
}

/* The newest of a name wins, as YAML says, so it goes in front. */
static bool add_anchor(struct reading *r, const yaml_char_t *name, struct place at,
                       struct anchor **out)
{
    *out = NULL;
    if (!name)
        return true;
    if (r->n_anchors++ == YAML_ANCHORS)
        return WRONG(r, at, "there are more than %d anchors", YAML_ANCHORS);
    struct anchor *anchor = new (r, sizeof *anchor);
    anchor->name = copy(r, str_of((const char *)name));
    anchor->next = r->anchors;
    r->anchors = anchor;
    *out = anchor;
    return true;
}

/* ---- variables ----------------------------------------------------------------------------- */

static bool is_name_byte(char c, bool first)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           (!first && c >= '0' && c <= '9');
}

static bool expand_one(struct reading *r, struct str name, struct place at, struct buf *out)
{
    enum { NAME_MAX_ = 128 };
    char text[NAME_MAX_ + 1];
    if (name.n > NAME_MAX_)
        return WRONG(r, at, "the name of a variable has at most %d letters", NAME_MAX_);
    memcpy(text, name.p, name.n);
    text[name.n] = '\0';
    const char *value = r->variable ? r->variable(r->ctx, text) : NULL;
    if (!value)
        return WRONG(r, at,
                     "the environment variable %s is not set (a column is written {%s}, the text "
                     "itself $${%s})",
                     text, text, text);
    size_t n = strlen(value);
    if (n > YAML_VARIABLES - r->added)
        return WRONG(r, at, "the variables are more than %d bytes together", YAML_VARIABLES);
    r->added += n;
    return buf_add(out, value, n) || WRONG(r, at, "the value with its variables is too long");
}

/* *changed stays false when there is nothing to replace, and then `out` is empty. */
static bool expand(struct reading *r, struct str text, struct place at, struct buf *out,
                   bool *changed)
{
    *changed = false;
    size_t start = 0;
    for (size_t i = 0; i + 1 < text.n; i++) {
        if (text.p[i] != '$')
            continue;
        if (text.p[i + 1] == '$' && i + 2 < text.n && text.p[i + 2] == '{') {
            *changed = true;
            buf_add(out, text.p + start, i - start);
            start = i + 1; /* the second dollar and the brace are text */
            i += 2;
            continue;
        }
        if (text.p[i + 1] != '{')
            continue;
        size_t from = i + 2, end = from;
        while (end < text.n && is_name_byte(text.p[end], end == from))
            end++;
        if (end == from || end == text.n || text.p[end] != '}')
            return WRONG(r, at,
                         "\"${\" begins a variable, as in ${HOME}; the text itself is written $${");
        *changed = true;
        buf_add(out, text.p + start, i - start);
        if (!expand_one(r, (struct str){.p = text.p + from, .n = end - from}, at, out))
            return false;
        i = end;
        start = end + 1;
    }
    if (*changed && !buf_add(out, text.p + start, text.n - start))
        return WRONG(r, at, "the value with its variables is too long");
    return true;
}

/* ---- nodes --------------------------------------------------------------------------------- */

static bool read_node(struct reading *r, unsigned depth, struct yaml **out);

static bool count(struct reading *r, size_t weight, struct place at)
{
    r->weight += weight;
    return r->weight <= YAML_NODES ||
           WRONG(r, at, "this is too much: more than %d values (aliases count each time)",
                 YAML_NODES);
}

static bool no_tag(struct reading *r, const yaml_char_t *tag, struct place at)
{
    return !tag ||
           WRONG(r, at, "tags such as %s are not used here; quotes make anything text", tag);
}

static bool check_text(struct reading *r, struct str text, struct place at)
{
    return !text.n || !memchr(text.p, 0, text.n) ||
           WRONG(r, at, "a text must not contain a NUL character");
}

static bool read_text(struct reading *r, struct yaml *node)
{
    struct str raw = {.p = (const char *)r->event.data.scalar.value,
                      .n = r->event.data.scalar.length};
    struct buf expanded = BUF_INIT(YAML_BYTES + YAML_VARIABLES);
    bool changed = false;
    bool ok = no_tag(r, r->event.data.scalar.tag, node->at) && check_text(r, raw, node->at) &&
              expand(r, raw, node->at, &expanded, &changed);
    if (ok) {
        node->text = copy(r, changed ? buf_slice(&expanded) : raw);
        node->plain = r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !changed;
    }
    buf_free(&expanded);
    return ok;
}

static void append(struct yaml *parent, struct yaml_entry ***tail, struct yaml_entry *entry)
{
    **tail = entry;
    *tail = &entry->next;
    parent->n++;
    parent->weight += entry->value->weight;
    if (parent->height <= entry->value->height)
        parent->height = entry->value->height + 1;
}

static bool read_list(struct reading *r, unsigned depth, struct yaml *node)
{
    struct yaml_entry **tail = &node->first;
    if (!no_tag(r, r->event.data.sequence_start.tag, node->at))
        return false;
    for (;;) {
        if (!next_event(r))
            return false;
        if (r->event.type == YAML_SEQUENCE_END_EVENT)
            return true;
        struct yaml_entry *entry = new (r, sizeof *entry);
        entry->at = place_of(r->event.start_mark);
        if (!read_node(r, depth + 1, &entry->value))
            return false;
        append(node, &tail, entry);
    }
}

static bool read_name(struct reading *r, const struct yaml *map, struct yaml_entry *entry)
{
    entry->at = place_of(r->event.start_mark);
    if (r->event.type != YAML_SCALAR_EVENT)
        return WRONG(r, entry->at, "the name in a mapping has to be a text");
    struct str name = {.p = (const char *)r->event.data.scalar.value,
                       .n = r->event.data.scalar.length};
    if (!no_tag(r, r->event.data.scalar.tag, entry->at) || !check_text(r, name, entry->at))
        return false;
    if (r->event.data.scalar.anchor)
        return WRONG(r, entry->at, "a name in a mapping cannot have an anchor");
    if (str_is(name, "<<") && r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        return WRONG(r, entry->at,
                     "merge keys (<<) are not used here; an alias can stand for a whole value");
    if (name.n && memmem(name.p, name.n, "${", 2))
        return WRONG(r, entry->at, "variables are replaced in values only, not in names");
    if (map->n == YAML_NAMES)
        return WRONG(r, entry->at, "a mapping has at most %d names", YAML_NAMES);
    for (const struct yaml_entry *other = map->first; other; other = other->next)
        if (str_equal(other->name, name))
            return WRONG(r, entry->at,
                         "\"%.*s\" stands here a second time; the first is in line %u",
                         STR_ARG(name), other->at.line);
    entry->name = copy(r, name);
    return true;
}

static bool read_map(struct reading *r, unsigned depth, struct yaml *node)
{
    struct yaml_entry **tail = &node->first;
    if (!no_tag(r, r->event.data.mapping_start.tag, node->at))
        return false;
    for (;;) {
        if (!next_event(r))
            return false;
        if (r->event.type == YAML_MAPPING_END_EVENT)
            return true;
        struct yaml_entry *entry = new (r, sizeof *entry);
        if (!read_name(r, node, entry) || !next_event(r) || !read_node(r, depth + 1, &entry->value))
            return false;
        append(node, &tail, entry);
    }
}

static bool read_alias(struct reading *r, unsigned depth, struct place at, struct yaml **out)
{
    const char *name = (const char *)r->event.data.alias.anchor;
    const struct anchor *anchor = find_anchor(r, str_of(name));
    if (!anchor)
        return WRONG(r, at, "there is no anchor &%s above", name);
    if (!anchor->node)
        return WRONG(r, at, "*%s stands inside of what it names", name);
    if (depth + anchor->node->height - 1 > YAML_DEPTH)
        return WRONG(r, at, "this is nested more than %d levels deep", YAML_DEPTH);
    *out = anchor->node;
    return count(r, anchor->node->weight, at);
}

/* Reads the node that the current event begins; leaves its last event as the current one. */
static bool read_node(struct reading *r, unsigned depth, struct yaml **out)
{
    struct place at = place_of(r->event.start_mark);
    if (depth > YAML_DEPTH)
        return WRONG(r, at, "this is nested more than %d levels deep", YAML_DEPTH);
    if (r->event.type == YAML_ALIAS_EVENT)
        return read_alias(r, depth, at, out);
    if (!count(r, 1, at))
        return false;
    struct yaml *node = new (r, sizeof *node);
    struct anchor *anchor = NULL;
    bool ok = false;
    node->at = at;
    node->weight = 1;
    node->height = 1;
    switch (r->event.type) {
    case YAML_SCALAR_EVENT:
        node->kind = YAML_TEXT;
        ok = add_anchor(r, r->event.data.scalar.anchor, at, &anchor) && read_text(r, node);
        break;
    case YAML_SEQUENCE_START_EVENT:
        node->kind = YAML_LIST;
        ok = add_anchor(r, r->event.data.sequence_start.anchor, at, &anchor) &&
             read_list(r, depth, node);
        break;
    case YAML_MAPPING_START_EVENT:
        node->kind = YAML_MAP;
        ok = add_anchor(r, r->event.data.mapping_start.anchor, at, &anchor) &&
             read_map(r, depth, node);
        break;
    default:
        return WRONG(r, at, "a value was expected here");
    }
    if (anchor && ok)
        anchor->node = node;
    *out = node;
    return ok;
}

static bool next_is(struct reading *r, yaml_event_type_t type)
{
    return next_event(r) && r->event.type == type;
}

static bool read_document(struct reading *r, struct yaml **root)
{
    if (!next_is(r, YAML_STREAM_START_EVENT) || !next_event(r))
        return false;
    if (r->event.type == YAML_STREAM_END_EVENT) {
        *root = new (r, sizeof **root);
        **root = (struct yaml){.kind = YAML_MAP, .at = {1, 1}, .weight = 1, .height = 1};
        return true;
    }
    if (!next_event(r) || !read_node(r, 1, root) || !next_is(r, YAML_DOCUMENT_END_EVENT) ||
        !next_event(r))
        return false;
    if (r->event.type != YAML_STREAM_END_EVENT)
        return WRONG(r, place_of(r->event.start_mark),
                     "the file has to be one document; a second one begins here");
    return true;
}

struct yaml *yaml_read(struct str text, yaml_variable *variable, void *ctx, struct arena *arena,
                       struct place *at, struct err *err)
{
    static const char mark[] = "\xef\xbb\xbf";
    struct place nowhere;
    /* Some editors begin a file with the byte order mark. libyaml counts it as a letter of the
     * first line, whose indent is then another one than that of the lines below. */
    if (text.n >= strlen(mark) && memcmp(text.p, mark, strlen(mark)) == 0)
        text = (struct str){.p = text.p + strlen(mark), .n = text.n - strlen(mark)};
    struct reading r = {.text = text,
                        .variable = variable,
                        .ctx = ctx,
                        .arena = arena,
                        .at = at ? at : &nowhere,
                        .err = err};
    struct yaml *root = NULL;
    if (text.n > YAML_BYTES) {
        WRONG(&r, ((struct place){0}), "the file is larger than %d bytes", YAML_BYTES);
        return NULL;
    }
    if (!yaml_parser_initialize(&r.parser)) {
        WRONG(&r, ((struct place){0}), "there is not enough memory to read this");
        return NULL;
    }
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)(text.n ? text.p : ""), text.n);
    bool ok = read_document(&r, &root);
    if (r.has_event)
        yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    return ok ? root : NULL;
}

/* ---- what a plain text means --------------------------------------------------------------- */

static bool is_one_of(const struct yaml *node, const char *const *words, size_t n)
{
    if (node->kind != YAML_TEXT || !node->plain)
        return false;
    for (size_t i = 0; i < n; i++)
        if (str_is(node->text, words[i]))
            return true;
    return false;
}

bool yaml_is_null(const struct yaml *node)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    return is_one_of(node, words, sizeof words / sizeof *words);
}

bool yaml_is_bool(const struct yaml *node, bool *value)
{
    static const char *const yes[] = {"true", "True", "TRUE"};
    static const char *const no[] = {"false", "False", "FALSE"};
    *value = is_one_of(node, yes, sizeof yes / sizeof *yes);
    return *value || is_one_of(node, no, sizeof no / sizeof *no);
}

static size_t digits(struct str text, size_t from)
{
    while (from < text.n && text.p[from] >= '0' && text.p[from] <= '9')
        from++;
    return from;
}

bool yaml_is_number(const struct yaml *node)
{
    if (node->kind != YAML_TEXT || !node->plain)
        return false;
    struct str t = node->text;
    size_t i = t.n && t.p[0] == '-' ? 1 : 0;
    size_t end = digits(t, i);
    if (end == i || (t.p[i] == '0' && end > i + 1))
        return false;
    if (end < t.n && t.p[end] == '.') {
        i = end + 1;
        end = digits(t, i);
        if (end == i)
            return false;
    }
    if (end < t.n && (t.p[end] == 'e' || t.p[end] == 'E')) {
        i = end + 1;
        if (i < t.n && (t.p[i] == '+' || t.p[i] == '-'))
            i++;
        end = digits(t, i);
        if (end == i)
            return false;
    }
    return end == t.n;
}
