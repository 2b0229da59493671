#include "auth/claims.h"

#include "auth/jwt.h"
#include "base/arena.h"
#include "base/mem.h"
#include "model/scope.h"
#include "model/template.h"
#include "wire/json_value.h"

#include <stdlib.h>
#include <string.h>

enum { CLAIMS_MEMORY = 16 * 1024 * 1024 };

struct entry {
    struct template template;
    struct auth_when *when;
    size_t n_when;
};

struct claims {
    struct arena memory;
    struct entry *entries;
    size_t n;
};

/* ---- paths ---- */

typedef bool each_value(void *ctx, const json_t *value);

static bool walk(const json_t *json, struct str path, each_value *each, void *ctx);

static bool walk_elements(const json_t *array, struct str rest, each_value *each, void *ctx)
{
    if (rest.n && rest.p[0] == '.')
        rest = str_from(rest, 1);
    for (size_t i = 0; i < json_array_size(array); i++)
        if (!walk(json_array_get(array, i), rest, each, ctx))
            return false;
    return true;
}

/* The longest member's name that the path begins with: names may have dots in them. */
static bool walk_member(const json_t *object, struct str path, each_value *each, void *ctx)
{
    for (size_t n = path.n; n > 0; n--) {
        if (n < path.n && path.p[n] != '.' && path.p[n] != '[')
            continue;
        const json_t *member = json_object_getn(object, path.p, n);
        if (!member)
            continue;
        struct str rest = str_from(path, n);
        return walk(member, rest.n && rest.p[0] == '.' ? str_from(rest, 1) : rest, each, ctx);
    }
    return true;
}

/* False: `each` wants no more. */
static bool walk(const json_t *json, struct str path, each_value *each, void *ctx)
{
    if (path.n == 0)
        return each(ctx, json);
    if (str_starts(path, STR("[]")))
        return walk_elements(json, str_from(path, 2), each, ctx);
    return walk_member(json, path, each, ctx);
}

/* False, and nothing written: it is nothing that a text can be made of. */
static bool write_text(struct buf *out, const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_STRING:
        return buf_str(out, json_value_text(json));
    case JSON_INTEGER:
        return value_write_text(out, value_int(json_integer_value(json)));
    case JSON_REAL:
        return value_write_text(out,
                                (struct value){.type = VALUE_REAL, .real = json_real_value(json)});
    case JSON_TRUE:
    case JSON_FALSE:
        return buf_text(out, json_is_true(json) ? "true" : "false");
    case JSON_OBJECT:
    case JSON_ARRAY:
    case JSON_NULL:
        break;
    }
    return false;
}

static bool first_text(void *ctx, const json_t *value)
{
    write_text(ctx, value);
    return false;
}

bool claims_text(const json_t *claims, struct str path, struct buf *out)
{
    size_t before = out->len;
    walk(claims, path, first_text, out);
    return out->len > before && !out->overflow;
}

/* ---- conditions ---- */

struct looking {
    const struct auth_texts *values;
    bool found;
};

static bool is_wanted(struct looking *looking, const json_t *value)
{
    struct buf text = BUF_INIT(64 * 1024);
    if (write_text(&text, value))
        for (size_t i = 0; i < looking->values->n; i++)
            if (str_equal(buf_slice(&text), looking->values->items[i]))
                looking->found = true;
    buf_free(&text);
    return !looking->found;
}

static bool look(void *ctx, const json_t *value)
{
    if (!json_is_array(value))
        return is_wanted(ctx, value);
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!is_wanted(ctx, json_array_get(value, i)))
            return false;
    return true;
}

static bool holds(const struct entry *entry, const json_t *claims)
{
    for (size_t i = 0; i < entry->n_when; i++) {
        struct looking looking = {.values = &entry->when[i].values};
        walk(claims, entry->when[i].claim, look, &looking);
        if (!looking.found)
            return false;
    }
    return true;
}

/* ---- rights ---- */

struct granting {
    const struct template *template;
    const json_t *claims;
    struct identity *identity;
    size_t part; /* that comes next */
    struct buf scope;
    size_t *steps;
    bool full;
};

static bool grant_rest(struct granting *granting);

static bool grant_value(void *ctx, const json_t *value)
{
    struct granting *granting = ctx;
    struct buf text = BUF_INIT(4 * SCOPE_MAX);
    size_t before = granting->scope.len;
    bool more = true;
    if (++*granting->steps > CLAIMS_STEPS_MAX) {
        granting->full = true;
        return false;
    }
    if (write_text(&text, value) && text.len > 0) {
        if (scope_write_value(&granting->scope, value_text(buf_slice(&text)))) {
            granting->part++;
            more = grant_rest(granting);
            granting->part--;
        }
        buf_cut(&granting->scope, before);
    }
    buf_free(&text);
    return more;
}

/* What stands before the part is written. False: enough. */
static bool grant_rest(struct granting *granting)
{
    if (granting->part == granting->template->n) {
        struct str scope = buf_slice(&granting->scope);
        if (granting->scope.overflow || (!scope_is_family(scope) && !scope_check(scope, NULL)))
            return true;
        granting->full = !identity_grant(granting->identity, scope, IDENTITY_CLAIMS);
        return !granting->full;
    }
    const struct template_part *part = &granting->template->parts[granting->part];
    if (part->is_column)
        return walk(granting->claims, part->text, grant_value, granting);
    size_t before = granting->scope.len;
    buf_str(&granting->scope, part->text);
    granting->part++;
    bool more = grant_rest(granting);
    granting->part--;
    buf_cut(&granting->scope, before);
    return more;
}

static bool too_many(struct err *err)
{
    return err_set(err, "the sign-in grants more than %d scopes", IDENTITY_RIGHTS_MAX);
}

bool claims_grant(const struct claims *claims, const json_t *from, struct identity *identity,
                  struct err *err)
{
    size_t steps = 0;
    for (size_t i = 0; i < claims->n; i++) {
        if (!holds(&claims->entries[i], from))
            continue;
        struct granting granting = {.template = &claims->entries[i].template,
                                    .claims = from,
                                    .identity = identity,
                                    .scope = BUF_INIT(SCOPE_MAX),
                                    .steps = &steps};
        grant_rest(&granting);
        buf_free(&granting.scope);
        if (granting.full)
            return too_many(err);
    }
    return true;
}

static bool check_named(const json_t *names, struct err *err)
{
    if (!names || json_is_null(names))
        return true;
    if (!json_is_array(names))
        return err_set(err, "\"scopes\" is an array of scope names");
    for (size_t i = 0; i < json_array_size(names); i++) {
        const json_t *name = json_array_get(names, i);
        if (!json_is_string(name))
            return err_set(err, "\"scopes\" is an array of scope names");
        struct str scope = json_value_text(name);
        if (!scope_is_family(scope) && !scope_check(scope, err))
            return err_prefix(err, "\"scopes\"");
    }
    return true;
}

bool claims_grant_named(const json_t *names, struct identity *identity, struct err *err)
{
    if (!check_named(names, err))
        return false;
    for (size_t i = 0; i < json_array_size(names); i++)
        if (!identity_grant(identity, json_value_text(json_array_get(names, i)), IDENTITY_CLAIMS))
            return too_many(err);
    return true;
}

bool claims_document(const json_t *document, struct err *err)
{
    const json_t *sub = json_object_get(document, "sub"), *exp = json_object_get(document, "exp");
    double seconds = json_number_value(exp);
    if (!json_is_object(document))
        return err_set(err, "the answer is not a JSON object");
    if (json_is_object(sub) || json_is_array(sub))
        return err_set(err, "\"sub\" is a text or a number");
    if (exp && !json_is_null(exp) &&
        (!json_is_number(exp) || !(seconds >= 0 && seconds <= (double)JWT_SECONDS_MAX)))
        return err_set(err, "\"exp\" is a number of seconds since 1970");
    return check_named(json_object_get(document, "scopes"), err);
}

/* ---- compiling ---- */

static struct str copy(struct arena *arena, struct str text)
{
    struct str copied = arena_copy(arena, text);
    return copied.p ? copied : (struct str){0};
}

/* Members between dots, with "[]" behind any of them. */
static bool check_path(struct str path, struct err *err)
{
    for (size_t i = 0; i < path.n; i++) {
        if (path.p[i] == '[' && (i + 1 == path.n || path.p[i + 1] != ']'))
            return err_set(err, "\"{%.*s}\": \"[\" is followed by \"]\": {projects[]}",
                           STR_ARG(path));
        if (path.p[i] == ']' && (i == 0 || path.p[i - 1] != '['))
            return err_set(err, "\"{%.*s}\": \"]\" follows \"[\": {projects[]}", STR_ARG(path));
        if (path.p[i] == ']' && i + 1 < path.n && path.p[i + 1] != '.' && path.p[i + 1] != '[')
            return err_set(err, "\"{%.*s}\": behind \"[]\" comes a dot or nothing: {teams[].id}",
                           STR_ARG(path));
    }
    return true;
}

static bool check_template(const struct template *template, struct str text, struct err *err)
{
    bool literal = template_is_literal(template);
    if (literal && !scope_is_family(text) && !scope_check(text, err))
        return false;
    for (size_t i = 0; i < template->n; i++) {
        const struct template_part *part = &template->parts[i];
        if (part->is_column && !check_path(part->text, err))
            return false;
        if (!part->is_column && !literal && memchr(part->text.p, '*', part->text.n))
            return err_set(err, "\"%.*s\": a family of scopes has no {claims} in it",
                           STR_ARG(text));
    }
    /* A value where the kind should stand could make it a scope of any other. */
    const struct template_part *first = &template->parts[0];
    return literal || (first->is_column && template->n == 1) ||
           (!first->is_column && str_index(first->text, ':') < first->text.n) ||
           err_set(err, "\"%.*s\" does not begin with its kind and a colon, as in \"user:{sub}\"",
                   STR_ARG(text));
}

static bool copy_when(struct claims *claims, const struct auth_scope *scope, struct entry *entry)
{
    entry->n_when = scope->n_when;
    entry->when = arena_alloc(&claims->memory, (scope->n_when + 1) * sizeof *entry->when);
    for (size_t i = 0; entry->when && i < scope->n_when; i++) {
        struct auth_when *when = &entry->when[i];
        const struct auth_when *from = &scope->when[i];
        when->claim = copy(&claims->memory, from->claim);
        when->values.n = from->values.n;
        when->values.items =
            arena_alloc(&claims->memory, (from->values.n + 1) * sizeof *when->values.items);
        if (!when->values.items || !when->claim.p)
            return false;
        for (size_t k = 0; k < from->values.n; k++)
            when->values.items[k] = copy(&claims->memory, from->values.items[k]);
    }
    return entry->when != NULL;
}

struct claims *claims_compile(const struct auth_scope *scopes, size_t n, struct place *at,
                              struct err *err)
{
    struct claims *claims = mem_new(sizeof *claims);
    arena_init(&claims->memory, CLAIMS_MEMORY);
    claims->entries = arena_alloc(&claims->memory, (n + 1) * sizeof *claims->entries);
    for (size_t i = 0; claims->entries && i < n; i++) {
        struct entry *entry = &claims->entries[i];
        *at = scopes[i].at;
        if (!template_parse(scopes[i].text, &claims->memory, &entry->template, err) ||
            !check_template(&entry->template, scopes[i].text, err))
            goto fail;
        if (!copy_when(claims, &scopes[i], entry)) {
            err_set(err, "auth: scopes: there is too much of it");
            goto fail;
        }
        claims->n++;
    }
    return claims;
fail:
    claims_free(claims);
    return NULL;
}

void claims_free(struct claims *claims)
{
    if (!claims)
        return;
    arena_free(&claims->memory);
    free(claims);
}
