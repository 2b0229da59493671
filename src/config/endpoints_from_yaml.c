#include "config/endpoints_from_yaml.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/jsontext.h"
#include "base/nearest.h"
#include "config/scalar.h"
#include "delivery/dialects.h"

#include <stdio.h>

enum { JSON_MAX = 4 * 1024 * 1024, PATH_MAX_BYTES = 256 };

/* One entry on its way. */
struct entry {
    const struct reader *reader;
    struct endpoint *endpoint;
    struct place heartbeat, resume;
    bool scoped, pathed;
};

/* ---- phrases ---- */

/* `names` NULL: texts are not looked at. The depth is bounded by the tree's. */
static bool write_json(const struct reader *reader, const struct yaml *node,
                       const struct phrase_names *names, struct buf *out)
{
    struct err why = ERR_INIT;
    if (node->kind == YAML_TEXT) {
        switch (scalar_read(reader, node, out)) {
        case SCALAR_WRONG:
            return false;
        case SCALAR_LITERAL:
            return true;
        case SCALAR_TEXT:
            break;
        }
        if (names && !phrase_check_text(node->text, names, &why))
            return reader_wrong(reader, node->at, "%s", why.text);
        jsontext_string(out, node->text);
        return true;
    }
    if (names && reader_unquoted_template(node))
        return reader_wrong(reader, node->at, "\"{%s}\" needs quotes, else it is a mapping",
                            shown(node->first->name).text);
    bool map = node->kind == YAML_MAP;
    buf_byte(out, map ? '{' : '[');
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next) {
        if (entry != node->first)
            buf_byte(out, ',');
        if (map) {
            jsontext_string(out, entry->name);
            buf_byte(out, ':');
        }
        if (!write_json(reader, entry->value, names, out))
            return false;
    }
    return buf_byte(out, map ? '}' : ']') || !out->overflow;
}

static struct phrase *read_phrase(const struct entry *entry, const struct yaml *node,
                                  const struct phrase_names *names)
{
    struct buf json = BUF_INIT(JSON_MAX);
    struct err why = ERR_INIT;
    struct phrase *phrase = NULL;
    if (write_json(entry->reader, node, names, &json)) {
        phrase = phrase_parse(buf_slice(&json), names, &entry->endpoint->memory, &why);
        if (!phrase)
            reader_wrong(entry->reader, node->at, "%s", why.text);
    }
    buf_free(&json);
    return phrase;
}

static bool read_event(const struct entry *entry, const struct yaml *node, enum dialect_event event,
                       struct dialect_words *words)
{
    if (node->kind != YAML_TEXT || node->text.n == 0 || yaml_is_null(node))
        return reader_mistyped(entry->reader, node, "event", "a text");
    words->event = read_phrase(entry, node, dialect_names(event));
    return words->event;
}

/* `section` is "words", "heartbeat" or "reset"; the last two have keys of their own. */
static bool read_words(struct entry *entry, const struct yaml *node, enum dialect_event event,
                       const char *section)
{
    const struct reader *reader = entry->reader;
    struct dialect *dialect = &entry->endpoint->dialect;
    struct dialect_words words = {0};
    for (const struct yaml_entry *key = node->first; key; key = key->next) {
        const struct setting *own = settings_find(section, key->name);
        bool ok = true;
        if (str_is(key->name, "event"))
            ok = read_event(entry, key->value, event, &words);
        else if (str_is(key->name, "data"))
            ok = (words.data = read_phrase(entry, key->value, dialect_names(event))) != NULL;
        else if (own && str_is(key->name, "every"))
            ok = reader_setting(reader, own, key->value, dialect);
        else if (!own || !str_is(key->name, "each"))
            return reader_unknown(reader, section, key);
        if (!ok)
            return false;
    }
    if (!words.data && words.event)
        return reader_wrong(reader, node->at, "%s has an event and no data",
                            dialect_event_name(event));
    if (words.data)
        dialect->words[event] = words;
    return true;
}

static bool read_heartbeat(struct entry *entry, const struct yaml *node)
{
    entry->heartbeat = node->at;
    if (node->kind == YAML_TEXT)
        return reader_setting(entry->reader, settings_find("heartbeat", STR("every")), node,
                              &entry->endpoint->dialect);
    if (node->kind != YAML_MAP)
        return reader_mistyped(entry->reader, node, "heartbeat",
                               "a duration, or a mapping with every, event and data");
    return read_words(entry, node, DIALECT_HEARTBEAT, "heartbeat");
}

static struct str keep(const struct entry *entry, struct str text)
{
    struct str kept = arena_copy(&entry->endpoint->memory, text);
    CHECK(kept.p); /* the file is bounded, and far smaller */
    return kept;
}

static void *room(const struct entry *entry, size_t count, size_t size)
{
    void *memory = arena_alloc(&entry->endpoint->memory, (count + 1) * size);
    CHECK(memory);
    return memory;
}

static bool read_reset(struct entry *entry, const struct yaml *node)
{
    static const char wanted[] = "end, or a mapping with event and data, or with each";
    struct dialect *dialect = &entry->endpoint->dialect;
    const struct yaml *each = NULL;
    struct spec_texts actions = {0};
    dialect->n_each = 0;
    dialect->words[DIALECT_RESET] = (struct dialect_words){0};
    if (node->kind == YAML_TEXT && str_is(node->text, "end")) {
        dialect->reset = DIALECT_RESET_END;
        return true;
    }
    if (node->kind != YAML_MAP || node->n == 0)
        return reader_mistyped(entry->reader, node, "reset", wanted);
    for (const struct yaml_entry *key = node->first; key; key = key->next)
        if (str_is(key->name, "each"))
            each = key->value;
    if (each && node->n > 1)
        return reader_wrong(entry->reader, node->at, "reset is %s; each stands alone", wanted);
    if (each) {
        if (!reader_texts(entry->reader, each, "each", "an action or a list of actions", &actions))
            return false;
        if (actions.n == 0)
            return reader_wrong(entry->reader, each->at, "each is empty");
        dialect->each = room(entry, actions.n, sizeof *dialect->each);
        for (size_t i = 0; i < actions.n; i++)
            dialect->each[dialect->n_each++] = keep(entry, actions.items[i].text);
        dialect->reset = DIALECT_RESET_EACH;
        return true;
    }
    dialect->reset = DIALECT_RESET_SAID;
    return read_words(entry, node, DIALECT_RESET, "reset") &&
           (dialect->words[DIALECT_RESET].data ||
            reader_wrong(entry->reader, node->at, "reset is %s", wanted));
}

/* ---- names ---- */

static bool read_pairs(const struct entry *entry, const struct yaml *node, struct naming *naming)
{
    if (!reader_map(entry->reader, node, "names"))
        return false;
    naming->pairs = room(entry, node->n, sizeof *naming->pairs);
    naming->n = 0;
    for (const struct yaml_entry *pair = node->first; pair; pair = pair->next) {
        struct spec_text to;
        if (!reader_text(entry->reader, pair->value, "a name", "a text", &to))
            return false;
        naming->pairs[naming->n++] =
            (struct naming_pair){.from = keep(entry, pair->name), .to = keep(entry, to.text)};
    }
    return true;
}

static bool read_naming(const struct entry *entry, const struct yaml *node, const char *what,
                        struct naming *naming)
{
    const struct reader *reader = entry->reader;
    bool actions = strcmp(what, "actions") == 0;
    if (!reader_map(reader, node, what))
        return false;
    *naming = (struct naming){0};
    for (const struct yaml_entry *key = node->first; key; key = key->next) {
        const struct setting *setting = settings_find("names", key->name);
        struct spec_text others;
        bool ok;
        if (!setting)
            return reader_unknown(reader, "names", key);
        if (actions ? str_is(key->name, "number") : str_is(key->name, "others"))
            return reader_wrong(reader, key->at, "%s does not have %s", what, setting->name);
        if (str_is(key->name, "names")) {
            ok = read_pairs(entry, key->value, naming);
        } else if (str_is(key->name, "others")) {
            ok = reader_text(reader, key->value, "others", setting->form, &others);
            if (ok)
                naming->others = keep(entry, others.text);
        } else {
            ok = reader_setting(reader, setting, key->value, naming);
        }
        if (!ok)
            return false;
    }
    return true;
}

/* ---- one entry ---- */

static bool read_path(struct entry *entry, const struct yaml *node)
{
    static const char wanted[] = "a path such as /api/events: it begins with \"/\", without \"?\", "
                                 "\"#\" and blanks, at most "
                                 "256 bytes";
    struct spec_text path;
    if (!reader_text(entry->reader, node, "path", "a path such as /api/events", &path))
        return false;
    bool ok = path.text.p[0] == '/' && path.text.n <= PATH_MAX_BYTES;
    for (size_t i = 0; i < path.text.n && ok; i++)
        ok = path.text.p[i] > ' ' && path.text.p[i] < 0x7f && path.text.p[i] != '?' &&
             path.text.p[i] != '#';
    if (!ok)
        return reader_mistyped(entry->reader, node, "path", wanted);
    if (str_starts(path.text, STR("/v1/")))
        return reader_wrong(entry->reader, node->at,
                            "path %s: /v1/ is unstale's own; choose another one",
                            shown(path.text).text);
    entry->endpoint->path = keep(entry, path.text);
    entry->pathed = true;
    return true;
}

static bool read_scope(struct entry *entry, const struct yaml *node)
{
    struct endpoint *endpoint = entry->endpoint;
    struct spec_texts texts;
    struct err why = ERR_INIT;
    if (!reader_texts(entry->reader, node, "scope", "a text or a list of texts", &texts))
        return false;
    endpoint->scopes = room(entry, texts.n, sizeof *endpoint->scopes);
    for (size_t i = 0; i < texts.n; i++) {
        if (!endpoint_parse_scope(endpoint, texts.items[i].text, &endpoint->scopes[i], &why))
            return reader_wrong(entry->reader, texts.items[i].at, "%s", why.text);
        endpoint->n_scopes++;
    }
    entry->scoped = texts.n > 0;
    return true;
}

static bool read_key(struct entry *entry, const struct yaml_entry *key)
{
    static const enum dialect_event PLAIN[] = {DIALECT_READY, DIALECT_CHANGE, DIALECT_BATCH,
                                               DIALECT_NOTICE};
    const struct reader *reader = entry->reader;
    const struct yaml *node = key->value;
    struct dialect *dialect = &entry->endpoint->dialect;
    const struct setting *setting = settings_find("endpoint", key->name);
    if (!setting)
        return reader_unknown(reader, "endpoint", key);
    for (size_t i = 0; i < sizeof PLAIN / sizeof *PLAIN; i++) {
        if (!str_is(key->name, dialect_event_name(PLAIN[i])))
            continue;
        if (!reader_map(reader, node, key->name.p) || !read_words(entry, node, PLAIN[i], "words"))
            return false;
        return dialect->words[PLAIN[i]].data ||
               reader_wrong(reader, node->at, "%s has no data", key->name.p);
    }
    if (str_is(key->name, "path"))
        return read_path(entry, node);
    if (str_is(key->name, "scope"))
        return read_scope(entry, node);
    if (str_is(key->name, "reset"))
        return read_reset(entry, node);
    if (str_is(key->name, "heartbeat"))
        return read_heartbeat(entry, node);
    if (str_is(key->name, "resources"))
        return read_naming(entry, node, "resources", &dialect->resources);
    if (str_is(key->name, "actions"))
        return read_naming(entry, node, "actions", &dialect->actions);
    if (str_is(key->name, "resume"))
        entry->resume = node->at;
    return str_is(key->name, "dialect") || reader_setting(reader, setting, node, dialect);
}

/* The words of a dialect that is compiled in; `digest` gets what they are. */
static bool read_dialect(struct entry *entry, const struct yaml *node, struct buf *digest)
{
    const struct reader *reader = entry->reader;
    struct spec_text name;
    struct place at = {0};
    struct err why = ERR_INIT;
    if (!reader_text(reader, node, "dialect", settings_find("endpoint", STR("dialect"))->form,
                     &name))
        return false;
    const struct dialect_file *file = dialects_find(name.text);
    struct nearest near = nearest_to(name.text);
    for (size_t i = 0; i < dialects_count(); i++)
        nearest_offer(&near, str_of(dialects_at(i)->name));
    if (!file)
        return reader_wrong(reader, node->at, "there is no dialect \"%s\"%s; there is %s",
                            shown(name.text).text, nearest_hint(&near),
                            settings_find("endpoint", STR("dialect"))->form);
    const struct yaml *words = yaml_read(str_of(file->text), reader->outside->variable,
                                         reader->outside->ctx, reader->arena, &at, &why);
    if (!words)
        return reader_wrong(reader, node->at, "the dialect %s does not fit any more: %s",
                            file->name, why.text);
    for (const struct yaml_entry *key = words->first; key; key = key->next)
        if (!read_key(entry, key))
            return false;
    return write_json(reader, words, NULL, digest);
}

static bool check_endpoint(const struct entry *entry, const struct yaml *node)
{
    const struct reader *reader = entry->reader;
    const struct dialect *dialect = &entry->endpoint->dialect;
    struct err why = ERR_INIT;
    if (!entry->pathed)
        return reader_wrong(reader, node->at, "an endpoint has a path: { path: /api/events, ... }");
    if (!entry->scoped)
        return reader_wrong(reader, node->at,
                            "the endpoint %.*s does not say whose changes it tells: "
                            "scope: [\"project:{query.project_id}\"]",
                            STR_ARG(entry->endpoint->path));
    return dialect_check(dialect, &why) || reader_wrong(reader, node->at, "the endpoint %.*s: %s",
                                                        STR_ARG(entry->endpoint->path), why.text);
}

static bool read_endpoint(struct entry *entry, const struct yaml *node)
{
    const struct reader *reader = entry->reader;
    struct buf digest = BUF_INIT(JSON_MAX);
    bool ok = true;
    if (!reader_map(reader, node, "an endpoint"))
        return false;
    settings_defaults("endpoint", &entry->endpoint->dialect);
    for (const struct yaml_entry *key = node->first; key && ok; key = key->next)
        if (str_is(key->name, "dialect"))
            ok = read_dialect(entry, key->value, &digest);
    for (const struct yaml_entry *key = node->first; key && ok; key = key->next)
        ok = read_key(entry, key);
    ok = ok && check_endpoint(entry, node) && write_json(reader, node, NULL, &digest);
    if (ok)
        entry->endpoint->hash = hash_bytes((struct hash_seed){0}, buf_slice(&digest));
    buf_free(&digest);
    return ok;
}

bool endpoints_from_yaml(const struct reader *reader, const struct yaml *node,
                         struct config *config)
{
    if (yaml_is_null(node))
        return true;
    if (!reader_list(reader, node, "endpoints"))
        return false;
    if (node->n > ENDPOINTS_MAX)
        return reader_wrong(reader, node->at, "there are %zu endpoints; at most %d are possible",
                            node->n, ENDPOINTS_MAX);
    config->endpoints = reader_new(reader, node->n, sizeof *config->endpoints);
    config->endpoints_at = reader_new(reader, node->n, sizeof *config->endpoints_at);
    for (const struct yaml_entry *item = node->first; item; item = item->next) {
        struct entry entry = {.reader = reader, .endpoint = endpoint_new()};
        struct config_endpoint_at *at = &config->endpoints_at[config->n_endpoints];
        config->endpoints[config->n_endpoints++].endpoint = entry.endpoint;
        if (!read_endpoint(&entry, item->value))
            return false;
        *at = (struct config_endpoint_at){.at = item->value->at,
                                          .heartbeat = entry.heartbeat.line ? entry.heartbeat
                                                                            : item->value->at};
        for (size_t i = 0; i + 1 < config->n_endpoints; i++)
            if (str_equal(config->endpoints[i].endpoint->path, entry.endpoint->path))
                return reader_wrong(reader, item->value->at, "there are two endpoints at %.*s",
                                    STR_ARG(entry.endpoint->path));
    }
    return true;
}

/* ---- with the rest of the file ---- */

/* The homes of an endpoint and of a rule's scope have a scope in common. */
static bool meet(struct str a, struct str b)
{
    return str_equal(a, b) || str_is(a, "*") || str_is(b, "*");
}

/* Calls for each scope template of the rule that the endpoint may serve. */
static bool is_served(const struct endpoint *endpoint, struct str home)
{
    for (size_t i = 0; i < endpoint->n_scopes; i++)
        if (meet(endpoint->scopes[i].home, home))
            return true;
    return false;
}

static struct str home_of(const struct reader *reader, struct str template_text)
{
    struct buf home = BUF_INIT(template_text.n + 2);
    endpoint_home(template_text, &home);
    struct str kept = arena_copy(reader->arena, buf_slice(&home));
    CHECK(kept.p);
    buf_free(&home);
    return kept;
}

struct serving {
    struct endpoint_wanted *wanted;
    struct dialect_resource *resources;
    size_t room;
};

static void add_resource(struct serving *serving, struct str name, struct str home)
{
    struct endpoint_wanted *wanted = serving->wanted;
    for (size_t i = 0; i < wanted->n; i++)
        if (str_equal(serving->resources[i].name, name) &&
            str_equal(serving->resources[i].home, home))
            return;
    CHECK(wanted->n < serving->room);
    serving->resources[wanted->n++] = (struct dialect_resource){.name = name, .home = home};
}

static struct str name_on_the_wire(const struct spec_rule *rule)
{
    return rule->name.text.n ? rule->name.text : rule->resource.text;
}

static bool is_wildcard(const struct spec_rule *rule)
{
    return str_is(rule->resource.text, "*");
}

/* A rule of "*" tells of every resource that has a rule of its own. */
static void serve_rule(const struct reader *reader, struct serving *serving,
                       const struct rules_spec *rules, struct spec_rule *rule)
{
    for (size_t s = 0; s < rule->scope.n; s++) {
        struct str home = home_of(reader, rule->scope.items[s].text);
        if (!is_served(serving->wanted->endpoint, home))
            continue;
        rule->changes = true;
        if (!is_wildcard(rule))
            add_resource(serving, name_on_the_wire(rule), home);
        for (size_t r = 0; is_wildcard(rule) && r < rules->n; r++)
            if (!is_wildcard(&rules->rules[r]))
                add_resource(serving, name_on_the_wire(&rules->rules[r]), home);
    }
}

static size_t most_resources(const struct rules_spec *rules)
{
    size_t n = 0;
    for (size_t r = 0; r < rules->n; r++)
        n += rules->rules[r].scope.n * (is_wildcard(&rules->rules[r]) ? rules->n : 1);
    return n;
}

static bool check_claims(const struct reader *reader, const struct config *config, size_t index)
{
    const struct endpoint *endpoint = config->endpoints[index].endpoint;
    for (size_t s = 0; s < endpoint->n_scopes; s++)
        for (size_t p = 0; p < endpoint->scopes[s].n; p++)
            if (config->auth.none && endpoint->scopes[s].parts[p].from == ENDPOINT_CLAIM)
                return reader_wrong(reader, config->endpoints_at[index].at,
                                    "the endpoint %.*s: with \"auth: none\" nobody has claims, so "
                                    "{claim.%.*s} is never known",
                                    STR_ARG(endpoint->path),
                                    STR_ARG(endpoint->scopes[s].parts[p].text));
    return true;
}

bool endpoints_serve(const struct reader *reader, struct config *config)
{
    size_t most = most_resources(&config->rules);
    for (size_t i = 0; i < config->n_endpoints; i++) {
        struct endpoint_wanted *wanted = &config->endpoints[i];
        struct serving serving = {.wanted = wanted,
                                  .resources = reader_new(reader, most, sizeof *serving.resources),
                                  .room = most};
        if (!check_claims(reader, config, i))
            return false;
        if (config->limits.stalled_ms < 2 * wanted->endpoint->dialect.heartbeat_ms)
            return reader_wrong(reader, config->endpoints_at[i].heartbeat,
                                "the endpoint %.*s: its heartbeat has to be at most half of "
                                "stalled (limits)",
                                STR_ARG(wanted->endpoint->path));
        for (size_t r = 0; r < config->rules.n; r++)
            serve_rule(reader, &serving, &config->rules, &config->rules.rules[r]);
        wanted->resources = serving.resources;
    }
    return true;
}
