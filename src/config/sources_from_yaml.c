#include "config/sources_from_yaml.h"

#include "base/check.h"
#include "config/postgres_from_yaml.h"

enum { TOKEN_MAX = 4096 };

/* What surrounds it (a newline, usually) is no part of a token; nothing else in it may be
 * invisible, because it has to stand in a header. */
static bool trim_token(struct str *token)
{
    while (token->n && (unsigned char)token->p[0] <= ' ')
        *token = str_from(*token, 1);
    while (token->n && (unsigned char)token->p[token->n - 1] <= ' ')
        token->n--;
    for (size_t i = 0; i < token->n; i++)
        if (token->p[i] <= ' ' || token->p[i] == 0x7f)
            return false;
    return true;
}

static bool read_token(const struct reader *reader, struct place at, struct config_source *source)
{
    struct buf bytes = BUF_INIT(TOKEN_MAX);
    struct err why = ERR_INIT;
    bool ok = false;
    if (!reader->outside->read(reader->outside->ctx, source->token_file, &bytes, &why)) {
        reader_wrong(reader, at, "token_file: %s: %s", shown(str_of(source->token_file)).text,
                     why.text);
        goto out;
    }
    struct str token = buf_slice(&bytes);
    if (!trim_token(&token)) {
        reader_wrong(reader, at,
                     "token_file: the token in %s has blanks or other than ASCII characters inside",
                     shown(str_of(source->token_file)).text);
        goto out;
    }
    if (token.n == 0) {
        reader_wrong(reader, at, "token_file: %s is empty", shown(str_of(source->token_file)).text);
        goto out;
    }
    source->token = arena_copy(reader->arena, token).p;
    CHECK(source->token);
    ok = true;
out:
    buf_free(&bytes);
    return ok;
}

static bool read_publish(const struct reader *reader, const struct yaml *node,
                         const struct yaml *whole, struct config_source *source)
{
    const struct yaml_entry *file = NULL;
    static const char wanted[] =
        "a mapping: { token_file: PATH }, or { open: true } for a loopback listener";
    if (node->kind != YAML_MAP)
        return reader_mistyped(reader, node, "publish", wanted);
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next) {
        const struct setting *setting = settings_find("publish", entry->name);
        struct spec_text path;
        if (!setting)
            return reader_unknown(reader, "publish", entry);
        if (setting->kind == SETTING_BOOL) {
            if (!reader_setting(reader, setting, entry->value, source))
                return false;
            continue;
        }
        if (!reader_text(reader, entry->value, "token_file", setting->form, &path))
            return false;
        source->token_file = reader_path(reader, path.text);
        file = entry;
    }
    if (source->open && file)
        return reader_wrong(
            reader, node->at,
            "publish has a token_file and is open: true; it can only be one of them");
    if (!source->open && !file)
        return reader_wrong(reader, node->at, "publish is %s", wanted);
    return source->open || read_token(reader, file->value->at, source);
}

static bool read_sqlite(const struct reader *reader, const struct yaml *node,
                        const struct yaml *whole, struct config_source *source)
{
    struct spec_text path;
    for (const struct yaml_entry *entry = whole->first; entry; entry = entry->next)
        if (str_is(entry->name, "poll") &&
            !reader_setting(reader, settings_find("source", entry->name), entry->value, source))
            return false;
    if (!reader_text(reader, node, "sqlite", "the path of a database", &path))
        return false;
    if (str_starts(path.text, STR(":memory:")) || str_starts(path.text, STR("file:")))
        return reader_wrong(
            reader, node->at,
            "sqlite is the path of a file that other programs write; here stands \"%s\"",
            shown(path.text).text);
    source->path = reader_path(reader, path.text);
    return true;
}

static const struct {
    const char *name;
    enum config_source_kind kind;
    bool (*read)(const struct reader *reader, const struct yaml *node, const struct yaml *whole,
                 struct config_source *source);
} KINDS[] = {{"sqlite", CONFIG_SQLITE, read_sqlite},
             {"postgres", CONFIG_POSTGRES, postgres_from_yaml},
             {"publish", CONFIG_PUBLISH, read_publish}};
enum { N_KINDS = sizeof KINDS / sizeof KINDS[0] };

/* N_KINDS: it is none. */
static size_t kind_of(const struct yaml_entry *entry)
{
    size_t i = 0;
    while (i < N_KINDS && !str_is(entry->name, KINDS[i].name))
        i++;
    return i;
}

static bool read_source(const struct reader *reader, const struct yaml *node,
                        struct config_source *source)
{
    static const char wanted[] =
        "a mapping: sqlite: PATH, postgres: URL, or publish: { token_file: PATH }";
    const struct yaml_entry *found = NULL;
    source->at = node->at;
    settings_defaults("source", source);
    if (node->kind != YAML_MAP)
        return reader_mistyped(reader, node, "a source", wanted);
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next) {
        if (kind_of(entry) == N_KINDS) {
            if (!settings_find("source", entry->name))
                return reader_unknown(reader, "source", entry);
            continue;
        }
        if (found)
            return reader_wrong(reader, entry->at,
                                "this source has %s already; each source is an entry of its own",
                                found->name.p);
        found = entry;
    }
    if (!found)
        return reader_wrong(reader, node->at, "a source is %s", wanted);
    const size_t kind = kind_of(found);
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next) {
        bool poll = str_is(entry->name, "poll");
        enum config_source_kind owner = poll ? CONFIG_SQLITE : CONFIG_POSTGRES;
        if (entry != found && owner != KINDS[kind].kind)
            return reader_wrong(reader, entry->at, "%s belongs to %s source", entry->name.p,
                                poll ? "an sqlite" : "a postgres");
    }
    source->kind = KINDS[kind].kind;
    return KINDS[kind].read(reader, found->value, node, source);
}

/* The next name in a path; "." and "" are none. */
static struct str next_name(struct str *path)
{
    struct str name;
    do {
        size_t n = str_index(*path, '/');
        name = (struct str){.p = path->p, .n = n};
        *path = str_from(*path, n < path->n ? n + 1 : n);
    } while (path->n > 0 && (name.n == 0 || str_is(name, ".")));
    return name;
}

/* Whether it is the same path, written in whatever way. */
static bool same_path(const char *a, const char *b)
{
    struct str left = str_of(a), right = str_of(b);
    bool same = (*a == '/') == (*b == '/');
    while (same && (left.n > 0 || right.n > 0))
        same = str_equal(next_name(&left), next_name(&right));
    return same;
}

/* Twice the same is a slip: both would tell everything twice. */
static bool not_twice(const struct reader *reader, const struct config *config,
                      const struct config_source *source)
{
    for (const struct config_source *other = config->sources; other < source; other++) {
        if (other->kind != source->kind)
            continue;
        if (source->kind == CONFIG_PUBLISH)
            return reader_wrong(reader, source->at,
                                "publish stands here a second time; the first is in line %u",
                                other->at.line);
        if (source->kind == CONFIG_POSTGRES ? strcmp(source->shown, other->shown) == 0
                                            : same_path(source->path, other->path))
            return reader_wrong(reader, source->at,
                                "this database stands here a second time; the first is in line %u",
                                other->at.line);
    }
    return true;
}

bool sources_from_yaml(const struct reader *reader, const struct yaml *node, struct config *config)
{
    if (node->kind != YAML_LIST)
        return reader_mistyped(reader, node, "sources", "a list, as in \"- sqlite: ./app.db\"");
    if (node->n == 0 || node->n > SOURCES_MAX)
        return reader_wrong(reader, node->at,
                            "sources has between 1 and %d entries; here stand %zu", SOURCES_MAX,
                            node->n);
    config->sources = reader_new(reader, node->n, sizeof *config->sources);
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next) {
        struct config_source *source = &config->sources[config->n_sources++];
        if (!read_source(reader, entry->value, source) || !not_twice(reader, config, source))
            return false;
    }
    return true;
}
