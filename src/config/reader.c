#include "config/reader.h"

#include "base/check.h"
#include "base/nearest.h"

#include <stdarg.h>
#include <stdio.h>

bool reader_wrong(const struct reader *reader, struct place at, const char *format, ...)
{
    char sentence[ERR_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    err_set(reader->err, "%s", sentence);
    if (at.line == 0)
        return err_prefix(reader->err, "%s", reader->file);
    return err_prefix(reader->err, "%s:%u:%u", reader->file, at.line, at.column);
}

void *reader_new(const struct reader *reader, size_t count, size_t size)
{
    CHECK(count <= YAML_NODES);
    void *memory = arena_alloc(reader->arena, (count ? count : 1) * size);
    CHECK(memory);
    return memory;
}

const char *reader_path(const struct reader *reader, struct str path)
{
    if (path.n && path.p[0] == '/')
        return path.p; /* texts of the tree end in NUL */
    size_t folder = strlen(reader->folder);
    char *joined = arena_alloc(reader->arena, folder + path.n + 1);
    CHECK(joined);
    memcpy(joined, reader->folder, folder);
    if (path.n)
        memcpy(joined + folder, path.p, path.n);
    return joined;
}

struct shown shown(struct str text)
{
    struct shown out;
    size_t n = text.n;
    const size_t most = sizeof out.text - 4;
    if (n > most) {
        n = most;
        while (n && ((unsigned char)text.p[n] & 0xc0) == 0x80)
            n--; /* not in the middle of a letter */
    }
    for (size_t i = 0; i < n; i++)
        out.text[i] = (unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f ? '?' : text.p[i];
    memcpy(out.text + n, text.n > n ? "..." : "", text.n > n ? 4 : 1);
    return out;
}

bool reader_unquoted_template(const struct yaml *node)
{
    return node->kind == YAML_MAP && node->n == 1 && yaml_is_null(node->first->value) &&
           node->first->value->text.n == 0;
}

bool reader_mistyped(const struct reader *reader, const struct yaml *node, const char *what,
                     const char *expected)
{
    const char *is = "";
    bool truth;
    struct shown text;
    switch (node->kind) {
    case YAML_LIST:
        is = node->n ? "a list" : "an empty list";
        break;
    case YAML_MAP:
        if (reader_unquoted_template(node))
            return reader_wrong(reader, node->at,
                                "%s is %s; here stands a mapping: \"{%s}\" needs quotes", what,
                                expected, shown(node->first->name).text);
        is = "a mapping";
        break;
    case YAML_TEXT:
        text = shown(node->text);
        if (yaml_is_null(node))
            is = node->text.n ? "null" : "nothing";
        else if (yaml_is_number(node) || yaml_is_bool(node, &truth))
            return reader_wrong(reader, node->at, "%s is %s; here stands %s", what, expected,
                                text.text);
        else
            return reader_wrong(reader, node->at, "%s is %s; here stands \"%s\"", what, expected,
                                text.text);
        break;
    }
    return reader_wrong(reader, node->at, "%s is %s; here stands %s", what, expected, is);
}

bool reader_unknown(const struct reader *reader, const char *section,
                    const struct yaml_entry *entry)
{
    struct nearest near = nearest_to(entry->name);
    const struct setting *setting;
    for (size_t i = 0; (setting = settings_at(i)) != NULL; i++)
        if (strcmp(setting->section, section) == 0)
            nearest_offer(&near, str_of(setting->name));
    /* A limit at the top, a log level among the limits: right name, wrong place. */
    for (size_t i = 0; !near.best.p && (setting = settings_at(i)) != NULL; i++)
        if (str_is(entry->name, setting->name) &&
            (setting->width || setting->kind == SETTING_PART)) {
            static const struct {
                const char *section, *where;
            } wheres[] = {{"", "at the top of the file"},
                          {"limits", "in limits:"},
                          {"log", "in log:"},
                          {"auth", "in auth:"},
                          {"jwt", "in auth: jwt:"},
                          {"callback", "in auth: callback:"},
                          {"tickets", "in auth: tickets:"},
                          {"grant", "in an entry of auth: scopes:"},
                          {"membership", "in an entry of auth: membership:"},
                          {"source", "in an entry of sources:"},
                          {"publish", "in publish:"},
                          {"rule", "in a rule"},
                          {"stale", "in an entry of stale:"},
                          {"action", "in an entry of actions:"},
                          {"endpoint", "in an entry of endpoints:"}};
            for (size_t k = 0; k < sizeof wheres / sizeof *wheres; k++)
                if (strcmp(wheres[k].section, setting->section) == 0)
                    return reader_wrong(reader, entry->at, "unknown key \"%s\" (it belongs %s)",
                                        setting->name, wheres[k].where);
        }
    return reader_wrong(reader, entry->at, "unknown key \"%s\"%s", shown(entry->name).text,
                        nearest_hint(&near));
}

bool reader_map(const struct reader *reader, const struct yaml *node, const char *what)
{
    return node->kind == YAML_MAP || reader_mistyped(reader, node, what, "a mapping");
}

bool reader_list(const struct reader *reader, const struct yaml *node, const char *what)
{
    return node->kind == YAML_LIST || reader_mistyped(reader, node, what, "a list");
}

bool reader_text(const struct reader *reader, const struct yaml *node, const char *what,
                 const char *expected, struct spec_text *out)
{
    if (node->kind != YAML_TEXT || node->text.n == 0 || yaml_is_null(node))
        return reader_mistyped(reader, node, what, expected);
    *out = (struct spec_text){.text = node->text, .at = node->at};
    return true;
}

bool reader_texts(const struct reader *reader, const struct yaml *node, const char *what,
                  const char *expected, struct spec_texts *out)
{
    if (node->kind != YAML_LIST) {
        out->items = reader_new(reader, 1, sizeof *out->items);
        out->n = 1;
        return reader_text(reader, node, what, expected, out->items);
    }
    out->items = reader_new(reader, node->n, sizeof *out->items);
    out->n = 0;
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next)
        if (!reader_text(reader, entry->value, what, expected, &out->items[out->n++]))
            return false;
    return true;
}

bool reader_setting(const struct reader *reader, const struct setting *setting,
                    const struct yaml *node, void *base)
{
    char expects[160], bounds[80];
    enum setting_parsed parsed =
        node->kind == YAML_TEXT ? setting_parse(setting, node->text, base) : SETTING_MISTYPED;
    if (parsed == SETTING_OUT_OF_BOUNDS)
        return reader_wrong(reader, node->at, "%s is %s; it has to be %s", setting->name,
                            shown(node->text).text, setting_bounds(setting, bounds));
    return parsed == SETTING_OK ||
           reader_mistyped(reader, node, setting->name, setting_expects(setting, expects));
}
