#include "config/postgres_from_yaml.h"

#include "base/check.h"
#include "source/pg_target.h"
#include "source/pg_trigger_body.h"

#include <string.h>

enum { NAME_MAX_BYTES = 63, PASSWORD_MAX = 4096 };

static const char *keep(const struct reader *reader, struct str text)
{
    const char *kept = arena_copy(reader->arena, text).p;
    CHECK(kept);
    return kept;
}

/* The sentence never repeats the URL: a password may stand in it. */
static bool read_url(const struct reader *reader, const struct yaml *node, const char *key,
                     const char **url, const char **shown_as)
{
    struct spec_text text;
    struct err why = ERR_INIT;
    if (node->kind == YAML_MAP || node->kind == YAML_LIST)
        return reader_wrong(reader, node->at, "%s is a URL (postgres://user@host:5432/db)", key);
    if (!reader_text(reader, node, key, "a URL (postgres://user@host:5432/db)", &text))
        return false;
    *url = keep(reader, text.text);
    struct pg_target *target = pg_target_new(*url, NULL, &why);
    if (!target)
        return reader_wrong(reader, node->at, "%s: %s", key, why.text);
    *shown_as = keep(reader, str_of(pg_target_name(target)));
    pg_target_free(target);
    return true;
}

static bool read_password_file(const struct reader *reader, const struct yaml *node,
                               struct config_source *source)
{
    struct spec_text path;
    struct err why = ERR_INIT;
    struct buf bytes = BUF_INIT(PASSWORD_MAX);
    if (!reader_text(reader, node, "password_file", "a path", &path))
        return false;
    source->password_file = reader_path(reader, path.text);
    bool ok = reader->outside->read(reader->outside->ctx, source->password_file, &bytes, &why);
    if (!ok)
        reader_wrong(reader, node->at, "password_file: %s: %s",
                     shown(str_of(source->password_file)).text, why.text);
    buf_free(&bytes);
    return ok;
}

static bool read_name(const struct reader *reader, const struct yaml *node, const char *key,
                      bool slot, const char **out)
{
    struct spec_text name;
    if (!reader_text(reader, node, key, "a name", &name))
        return false;
    bool good = name.text.n <= NAME_MAX_BYTES;
    for (size_t i = 0; good && i < name.text.n; i++) {
        char c = name.text.p[i];
        good = slot ? (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'
                    : (unsigned char)c >= ' ' && c != 0x7f;
    }
    if (!good)
        return reader_wrong(
            reader, node->at, "%s has at most %d %s; here stands \"%s\"", key, NAME_MAX_BYTES,
            slot ? "small letters, digits and underscores" : "bytes", shown(name.text).text);
    *out = keep(reader, name.text);
    return true;
}

static bool read_entry(const struct reader *reader, const struct yaml_entry *entry,
                       struct config_source *source)
{
    const char *ignored;
    if (str_is(entry->name, "postgres"))
        return true;
    if (str_is(entry->name, "visible_on"))
        return read_url(reader, entry->value, "visible_on", &source->visible_on, &ignored);
    if (str_is(entry->name, "password_file"))
        return read_password_file(reader, entry->value, source);
    if (str_is(entry->name, "publication"))
        return read_name(reader, entry->value, "publication", false, &source->publication);
    if (str_is(entry->name, "channel"))
        return read_name(reader, entry->value, "channel", false, &source->channel);
    if (str_is(entry->name, "slot_name"))
        return read_name(reader, entry->value, "slot_name", true, &source->slot_name);
    return reader_setting(reader, settings_find("source", entry->name), entry->value, source);
}

/* What means nothing where it stands is a slip. */
static bool check_entry(const struct reader *reader, const struct yaml_entry *entry,
                        const struct config_source *source)
{
    static const char *const logical[] = {"publication", "slot", "slot_name", "visible_on"};
    for (size_t i = 0; i < sizeof logical / sizeof logical[0]; i++)
        if (source->capture == CONFIG_NOTIFY && str_is(entry->name, logical[i]))
            return reader_wrong(reader, entry->at, "%s belongs to capture: logical", logical[i]);
    if (source->capture != CONFIG_NOTIFY && str_is(entry->name, "channel"))
        return reader_wrong(reader, entry->at, "channel belongs to capture: notify");
    if (source->channel && strcmp(source->channel, PG_CHANNEL) == 0)
        return reader_wrong(reader, entry->at,
                            "channel is that of our own triggers: leave it out to use them");
    if (!source->permanent && str_is(entry->name, "slot_name"))
        return reader_wrong(reader, entry->at, "slot_name belongs to slot: permanent");
    return true;
}

bool postgres_from_yaml(const struct reader *reader, const struct yaml *node,
                        const struct yaml *whole, struct config_source *source)
{
    source->publication = settings_find("source", STR("publication"))->standard;
    source->slot_name = settings_find("source", STR("slot_name"))->standard;
    if (!read_url(reader, node, "postgres", &source->url, &source->shown))
        return false;
    for (const struct yaml_entry *entry = whole->first; entry; entry = entry->next)
        if (!read_entry(reader, entry, source))
            return false;
    for (const struct yaml_entry *entry = whole->first; entry; entry = entry->next)
        if (!check_entry(reader, entry, source))
            return false;
    return true;
}
