#include "spec_text.h"

#include "base/buf.h"
#include "base/jsontext.h"

#include <jansson.h>

struct reader {
    struct arena *arena;
    struct str json;
    size_t cursor; /* everything is met in the order in which it is written */
    bool failed;
};

static void *take(struct reader *r, size_t count, size_t size)
{
    void *p = arena_alloc(r->arena, (count ? count : 1) * size);
    r->failed |= !p;
    return p;
}

static struct place find(struct reader *r, struct str needle)
{
    struct str rest = str_from(r->json, r->cursor);
    const char *hit = needle.n && rest.n ? memmem(rest.p, rest.n, needle.p, needle.n) : NULL;
    if (hit)
        r->cursor = (size_t)(hit - r->json.p) + 1;
    return (struct place){.line = 1, .column = (unsigned)r->cursor};
}

static struct place find_text(struct reader *r, struct str text)
{
    struct buf quoted = BUF_INIT(1 << 20);
    jsontext_string(&quoted, text);
    struct place at = find(r, buf_slice(&quoted));
    buf_free(&quoted);
    return at;
}

static struct str copy(struct reader *r, const char *p, size_t n)
{
    struct str text = arena_copy(r->arena, (struct str){.p = p, .n = n});
    r->failed |= !text.p;
    return text;
}

static struct spec_text text_of(struct reader *r, const char *p, size_t n)
{
    struct str text = copy(r, p, n);
    return (struct spec_text){.text = text, .at = find_text(r, text)};
}

static struct spec_text text(struct reader *r, const json_t *value)
{
    if (!json_is_string(value)) {
        r->failed = true;
        return (struct spec_text){0};
    }
    return text_of(r, json_string_value(value), json_string_length(value));
}

/* One text or an array of them. */
static struct spec_texts texts(struct reader *r, const json_t *value)
{
    struct spec_texts list = {0};
    if (!value)
        return list;
    size_t n = json_is_array(value) ? json_array_size(value) : 1;
    list.items = take(r, n, sizeof *list.items);
    for (size_t i = 0; i < n && !r->failed; i++)
        list.items[list.n++] = text(r, json_is_array(value) ? json_array_get(value, i) : value);
    return list;
}

static struct spec_node *node(struct reader *r, json_t *value, unsigned depth);

static struct spec_node **append(struct spec_node **end, struct spec_node *child)
{
    *end = child;
    return child ? &child->next : end;
}

static void children(struct reader *r, json_t *value, struct spec_node *parent, unsigned depth)
{
    struct spec_node **end = &parent->child;
    if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value) && !r->failed; i++)
            end = append(end, node(r, json_array_get(value, i), depth + 1));
        return;
    }
    for (void *at = json_object_iter(value); at && !r->failed;
         at = json_object_iter_next(value, at)) {
        struct spec_text name = text_of(r, json_object_iter_key(at), json_object_iter_key_len(at));
        struct spec_node *member = node(r, json_object_iter_value(at), depth + 1);
        if (member) {
            member->name = name.text;
            member->at = name.at;
        }
        end = append(end, member);
    }
}

static struct spec_node *node(struct reader *r, json_t *value, unsigned depth)
{
    struct spec_node *self = depth > 200 ? NULL : take(r, 1, sizeof *self);
    if (!self) {
        r->failed = true;
        return NULL;
    }
    if (json_is_string(value)) {
        struct spec_text template = text(r, value);
        *self = (struct spec_node){.kind = SPEC_TEMPLATE, .at = template.at, .text = template.text};
    } else if (json_is_array(value) || json_is_object(value)) {
        bool array = json_is_array(value);
        self->kind = array ? SPEC_ARRAY : SPEC_OBJECT;
        self->at = find(r, array ? STR("[") : STR("{"));
        children(r, value, self, depth);
    } else {
        struct buf literal = BUF_INIT(64);
        jsontext_value(&literal, value);
        self->kind = SPEC_LITERAL;
        self->text = copy(r, literal.data, literal.len);
        self->at = find(r, self->text);
        buf_free(&literal);
    }
    return self;
}

static struct spec_stale stale(struct reader *r, json_t *value)
{
    if (json_is_array(value)) {
        struct spec_stale plain = {.key = node(r, value, 0)};
        if (plain.key)
            plain.at = plain.key->at;
        return plain;
    }
    struct spec_stale entry = {.at = find(r, STR("{"))};
    json_t *key = json_object_get(value, "key");
    if (key) {
        find(r, STR("\"key\":"));
        r->cursor += strlen("\"key\"");
        entry.key = node(r, key, 0);
    }
    entry.on = texts(r, json_object_get(value, "on"));
    entry.or_changed = texts(r, json_object_get(value, "or_changed"));
    entry.at_most_ms = (uint64_t)json_integer_value(json_object_get(value, "at_most"));
    r->failed |= !json_is_object(value);
    return entry;
}

/* Members of an object, or pairs of an array: calls `each` with the name and the value. */
static size_t pairs(const json_t *value)
{
    return json_is_array(value) ? json_array_size(value) : json_object_size(value);
}

struct pair {
    struct spec_text name;
    json_t *value;
};

static struct pair pair_at(struct reader *r, json_t *value, size_t i, void **iter)
{
    struct pair pair = {0};
    if (json_is_array(value)) {
        json_t *item = json_array_get(value, i);
        pair.name = text(r, json_array_get(item, 0));
        pair.value = json_array_get(item, 1);
        return pair;
    }
    *iter = *iter ? json_object_iter_next(value, *iter) : json_object_iter(value);
    pair.name = text_of(r, json_object_iter_key(*iter), json_object_iter_key_len(*iter));
    pair.value = json_object_iter_value(*iter);
    return pair;
}

static void rule(struct reader *r, const struct pair *from, struct spec_rule *to)
{
    json_t *value = from->value;
    to->resource = from->name;
    r->failed |= !json_is_object(value);
    if (json_object_get(value, "name"))
        to->name = text(r, json_object_get(value, "name"));
    to->id = texts(r, json_object_get(value, "id"));
    to->scope = texts(r, json_object_get(value, "scope"));

    json_t *list = json_object_get(value, "stale");
    size_t n = json_array_size(list);
    if (n)
        find(r, STR("\"stale\":"));
    if (n)
        find(r, STR("["));
    to->stale = take(r, n, sizeof *to->stale);
    for (; to->n_stale < n && !r->failed; to->n_stale++)
        to->stale[to->n_stale] = stale(r, json_array_get(list, to->n_stale));

    void *iter = NULL;
    list = json_object_get(value, "actions");
    to->actions = take(r, pairs(list), sizeof *to->actions);
    for (size_t i = 0; i < pairs(list) && !r->failed; i++) {
        struct pair pair = pair_at(r, list, i, &iter);
        to->actions[to->n_actions++] = (struct spec_action){
            .name = pair.name, .changed = texts(r, json_object_get(pair.value, "changed"))};
    }

    iter = NULL;
    list = json_object_get(value, "data");
    to->data = take(r, pairs(list), sizeof *to->data);
    for (size_t i = 0; i < pairs(list) && !r->failed; i++) {
        struct pair pair = pair_at(r, list, i, &iter);
        to->data[to->n_data++] =
            (struct spec_data){.name = pair.name, .column = text(r, pair.value)};
    }
    to->changes = json_is_true(json_object_get(value, "changes"));
}

bool spec_text_parse(struct spec_text_file *file, struct str json)
{
    *file = (struct spec_text_file){0};
    arena_init(&file->arena, 64 << 20);
    json_t *root = json_loadb(json.p, json.n, JSON_ALLOW_NUL, NULL);
    struct reader r = {.arena = &file->arena, .json = json};
    if (!root)
        return false;
    file->spec.rules = take(&r, pairs(root), sizeof *file->spec.rules);
    void *iter = NULL;
    for (size_t i = 0; i < pairs(root) && !r.failed; i++) {
        struct pair pair = pair_at(&r, root, i, &iter);
        rule(&r, &pair, &file->spec.rules[file->spec.n++]);
    }
    json_decref(root);
    return !r.failed;
}

void spec_text_free(struct spec_text_file *file)
{
    arena_free(&file->arena);
    file->spec = (struct rules_spec){0};
}
