#include "config/config.h"

#include "base/check.h"
#include "base/mem.h"
#include "config/address.h"
#include "config/auth_from_yaml.h"
#include "config/endpoints_from_yaml.h"
#include "config/membership_from_yaml.h"
#include "config/reader.h"
#include "config/rules_from_yaml.h"
#include "config/sources_from_yaml.h"
#include "rules/rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* The tree, and beside it what is made of it, which is never larger by more than a small factor. */
enum { MEMORY = YAML_MEMORY + 32 * 1024 * 1024 };

/* Where the keys stand that are judged only when all are known. */
struct places {
    struct place auth, admin, stalled, heartbeat, threads, connections;
    bool has_auth;
};

struct top {
    const struct reader *reader;
    struct config *config;
    struct places *places;
};

/* ---- the keys at the top ------------------------------------------------------------------- */

static bool read_auth(struct top *top, const struct yaml_entry *entry)
{
    top->places->auth = entry->at;
    top->places->has_auth = true;
    return auth_from_yaml(top->reader, entry->value, &top->config->auth);
}

static bool read_endpoints(struct top *top, const struct yaml_entry *entry)
{
    return endpoints_from_yaml(top->reader, entry->value, top->config);
}

static bool read_sources(struct top *top, const struct yaml_entry *entry)
{
    return sources_from_yaml(top->reader, entry->value, top->config);
}

static bool read_rules(struct top *top, const struct yaml_entry *entry)
{
    return rules_from_yaml(top->reader, entry->value, &top->config->rules);
}

/* A mapping whose rows are all plain settings. */
static bool read_section(struct top *top, const struct yaml_entry *section)
{
    if (!reader_map(top->reader, section->value, section->name.p))
        return false;
    for (const struct yaml_entry *entry = section->value->first; entry; entry = entry->next) {
        const struct setting *setting = settings_find(section->name.p, entry->name);
        if (!setting)
            return reader_unknown(top->reader, section->name.p, entry);
        if (!reader_setting(top->reader, setting, entry->value, top->config))
            return false;
        if (str_is(entry->name, "stalled"))
            top->places->stalled = entry->value->at;
        else if (str_is(entry->name, "heartbeat"))
            top->places->heartbeat = entry->value->at;
        else if (str_is(entry->name, "connections"))
            top->places->connections = entry->value->at;
    }
    return true;
}

static bool read_address(struct top *top, const struct yaml_entry *entry)
{
    struct address address;
    const struct yaml *node = entry->value;
    if (node->kind != YAML_TEXT || !address_parse(node->text, &address))
        return reader_mistyped(top->reader, node, entry->name.p,
                               "an IP address and a port (127.0.0.1:8080, \"[::1]:8080\")");
    const char *text = arena_copy(top->reader->arena, str_of(address.text)).p;
    CHECK(text);
    if (str_is(entry->name, "admin")) {
        top->config->admin = text;
        top->places->admin = node->at;
    } else {
        top->config->listen = text;
        top->config->listen_at = node->at;
    }
    return true;
}

static bool read_proxies(struct top *top, const struct yaml_entry *entry)
{
    static const char wanted[] = "an address or a network (127.0.0.1, 10.0.0.0/8, \"fd00::/8\")";
    struct spec_texts texts;
    if (!reader_texts(top->reader, entry->value, "trusted_proxies", wanted, &texts))
        return false;
    for (size_t i = 0; i < texts.n; i++)
        if (!proxies_add(&top->config->trusted_proxies, texts.items[i].text))
            return reader_wrong(top->reader, texts.items[i].at,
                                "trusted_proxies is %s, at most %d of them; here stands \"%s\"",
                                wanted, PROXIES_MAX, shown(texts.items[i].text).text);
    return true;
}

static bool read_state(struct top *top, const struct yaml_entry *entry)
{
    struct spec_text path;
    if (!reader_text(top->reader, entry->value, "state", "a path", &path))
        return false;
    top->config->state = reader_path(top->reader, path.text);
    return true;
}

static const struct {
    const char *name;
    bool (*read)(struct top *top, const struct yaml_entry *entry);
} TOP[] = {{"listen", read_address},  {"admin", read_address},
           {"sources", read_sources}, {"auth", read_auth},
           {"rules", read_rules},     {"endpoints", read_endpoints},
           {"limits", read_section},  {"log", read_section},
           {"state", read_state},     {"trusted_proxies", read_proxies}};

static bool read_top(struct top *top, const struct yaml_entry *entry)
{
    const struct setting *setting = settings_find("", entry->name);
    if (!setting)
        return reader_unknown(top->reader, "", entry);
    for (size_t i = 0; i < sizeof TOP / sizeof *TOP; i++)
        if (str_is(entry->name, TOP[i].name))
            return TOP[i].read(top, entry);
    if (str_is(entry->name, "threads"))
        top->places->threads = entry->value->at;
    return reader_setting(top->reader, setting, entry->value, top->config);
}

/* ---- defaults and what has to fit together ------------------------------------------------- */

/* $STATE_DIRECTORY is systemd's; it may be several, joined by ":". */
static const char *default_state(const struct reader *reader)
{
    const char *variable = reader->outside->variable(reader->outside->ctx, "STATE_DIRECTORY");
    struct str directory = str_of(variable ? variable : "");
    directory.n = str_index(directory, ':');
    struct buf path = BUF_INIT(64 * 1024);
    if (directory.n) {
        buf_str(&path, directory);
        buf_text(&path, "/unstale.state");
    } else {
        struct str name = str_of(reader->file);
        if (name.n > 5 && str_is(str_from(name, name.n - 5), ".yaml"))
            name.n -= 5;
        else if (name.n > 4 && str_is(str_from(name, name.n - 4), ".yml"))
            name.n -= 4;
        buf_str(&path, name);
        buf_text(&path, ".state");
    }
    const char *text =
        path.overflow ? "unstale.state" : arena_copy(reader->arena, buf_slice(&path)).p;
    CHECK(text);
    buf_free(&path);
    return text;
}

static bool check_auth(const struct reader *reader, const struct config *config,
                       const struct places *places)
{
    if (!places->has_auth)
        return reader_wrong(reader, places->auth,
                            "auth is missing; write \"auth: none\" if everyone who reaches the "
                            "listener may read every scope");
    if (config_is_loopback(config->listen))
        return true;
    if (config->auth.none)
        return reader_wrong(reader, config->listen_at,
                            "with \"auth: none\" listen has to be a loopback address such as "
                            "127.0.0.1:8080; here stands %s",
                            config->listen);
    for (size_t i = 0; i < config->n_sources; i++)
        if (config->sources[i].kind == CONFIG_PUBLISH && config->sources[i].open)
            return reader_wrong(reader, config->sources[i].at,
                                "with \"publish: { open: true }\" listen has to be a loopback "
                                "address such as 127.0.0.1:8080; here stands %s",
                                config->listen);
    return true;
}

static bool check_whole(const struct reader *reader, const struct config *config,
                        const struct places *places)
{
    bool database = false, any_port = false;
    struct address address;
    if (!check_auth(reader, config, places))
        return false;
    if (address_parse(str_of(config->listen), &address))
        any_port = address.any_port;
    if (config->admin && !any_port && strcmp(config->admin, config->listen) == 0)
        return reader_wrong(reader, places->admin, "admin and listen are the same address");
    if (config->n_sources == 0)
        return reader_wrong(reader, (struct place){0},
                            "sources is missing: where do changes come from? "
                            "As in \"sources: [{ sqlite: ./app.db }]\"");
    for (size_t i = 0; i < config->n_sources; i++)
        database = database || config->sources[i].kind != CONFIG_PUBLISH;
    if (database && config->rules.n == 0)
        return reader_wrong(reader, (struct place){0},
                            "rules is missing: a database needs at least one rule");
    if (!membership_fits(reader, config))
        return false;
    if (config->limits.stalled_ms < 2 * config->limits.heartbeat_ms)
        return reader_wrong(reader, places->stalled.line ? places->stalled : places->heartbeat,
                            "stalled (60s by default) has to be at least two heartbeats, "
                            "since a quiet connection sends nothing else");
    if (config->limits.connections < config->threads)
        return reader_wrong(reader,
                            places->connections.line ? places->connections : places->threads,
                            "there are fewer connections than threads, which each take an even "
                            "share of them");
    return true;
}

/* What the rules mean; compiled only to hear what is wrong, whoever needs them compiles them again.
 */
static bool check_rules(const struct reader *reader, const struct config *config)
{
    struct place at = {0};
    struct err why = ERR_INIT;
    struct rules *rules = rules_compile(&config->rules, &at, &why);
    if (!rules)
        return reader_wrong(reader, at, "%s", why.text);
    rules_free(rules);
    return true;
}

/* ---- loading ------------------------------------------------------------------------------- */

static const char *folder_of(const char *file, struct arena *arena)
{
    const char *slash = strrchr(file, '/');
    const char *folder =
        slash ? arena_copy(arena, (struct str){.p = file, .n = (size_t)(slash - file) + 1}).p : "";
    CHECK(folder);
    return folder;
}

struct config *config_parse(const char *file, struct str text, const struct config_outside *outside,
                            struct err *err)
{
    struct config *config = mem_new(sizeof *config);
    arena_init(&config->_arena, MEMORY);
    config->file = arena_copy(&config->_arena, str_of(file)).p;
    CHECK(config->file);
    config->listen = settings_find("", STR("listen"))->standard;
    settings_defaults("", config);
    settings_defaults("limits", config);
    settings_defaults("log", config);

    struct reader reader = {.file = config->file,
                            .folder = folder_of(config->file, &config->_arena),
                            .outside = outside,
                            .arena = &config->_arena,
                            .err = err};
    struct places places = {0};
    struct top top = {.reader = &reader, .config = config, .places = &places};
    struct place at = {0};
    struct err why = ERR_INIT;
    const struct yaml *root =
        yaml_read(text, outside->variable, outside->ctx, &config->_arena, &at, &why);
    if (!root) {
        reader_wrong(&reader, at, "%s", why.text);
        goto fail;
    }
    if (!reader_map(&reader, root, "a configuration"))
        goto fail;
    for (const struct yaml_entry *entry = root->first; entry; entry = entry->next)
        if (!read_top(&top, entry))
            goto fail;
    if (!config->state)
        config->state = default_state(&reader);
    if (check_whole(&reader, config, &places) && endpoints_serve(&reader, config) &&
        check_rules(&reader, config))
        return config;
fail:
    config_free(config);
    return NULL;
}

static const char *variable(void *ctx, const char *name)
{
    return getenv(name);
}

static bool read_file(void *ctx, const char *path, struct buf *out, struct err *err)
{
    char bytes[4096];
    size_t n;
    FILE *file = fopen(path, "re");
    if (!file)
        return err_set(err, "it cannot be read: %s", strerror(errno));
    errno = 0;
    while ((n = fread(bytes, 1, sizeof bytes, file)) > 0)
        if (!buf_add(out, bytes, n))
            break;
    bool failed = ferror(file) != 0;
    int why = errno;
    (void)fclose(file);
    if (failed)
        return err_set(err, "it cannot be read: %s", strerror(why));
    return !out->overflow || err_set(err, "it is larger than %zu bytes", out->max);
}

struct config *config_load(const char *file, struct err *err)
{
    static const struct config_outside world = {.variable = variable, .read = read_file};
    struct buf text = BUF_INIT(YAML_BYTES);
    struct config *config = NULL;
    if (read_file(NULL, file, &text, err))
        config = config_parse(file, buf_slice(&text), &world, err);
    else
        err_prefix(err, "%s", file);
    buf_free(&text);
    return config;
}

void config_free(struct config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < config->n_endpoints; i++)
        endpoint_unref(config->endpoints[i].endpoint);
    struct arena arena = config->_arena;
    free(config);
    arena_free(&arena);
}

bool config_wrong(const struct config *config, struct place at, struct err *err)
{
    if (at.line == 0)
        return err_prefix(err, "%s", config->file);
    return err_prefix(err, "%s:%u:%u", config->file, at.line, at.column);
}

bool config_is_loopback(const char *listen)
{
    struct address address;
    return address_parse(str_of(listen), &address) && address.loopback;
}
