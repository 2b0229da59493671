#include "config/settings.h"

#include "base/check.h"
#include "config/config.h"
#include "config/units.h"
#include "delivery/dialect.h"

#include <inttypes.h>
#include <stdio.h>

#define KIB    UINT64_C(1024)
#define MIB    (1024 * KIB)
#define GIB    (1024 * MIB)
#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

#define AT(type, member) \
    .offset = offsetof(struct type, member), .width = sizeof(((struct type *)NULL)->member)

#define DURATION(section_, name_, type, member, min_, max_, standard_, help_)           \
    {                                                                                   \
        .section = section_, .name = name_, .kind = SETTING_DURATION, AT(type, member), \
        .min = min_, .max = max_, .standard = standard_, .help = help_                  \
    }
#define SIZE(section_, name_, type, member, min_, max_, standard_, help_)                        \
    {                                                                                            \
        .section = section_, .name = name_, .kind = SETTING_SIZE, AT(type, member), .min = min_, \
        .max = max_, .standard = standard_, .help = help_                                        \
    }
#define COUNT(section_, name_, type, member, min_, max_, standard_, help_)                        \
    {                                                                                             \
        .section = section_, .name = name_, .kind = SETTING_COUNT, AT(type, member), .min = min_, \
        .max = max_, .standard = standard_, .help = help_                                         \
    }
#define BOOL(section_, name_, type, member, standard_, help_)                       \
    {                                                                               \
        .section = section_, .name = name_, .kind = SETTING_BOOL, AT(type, member), \
        .standard = standard_, .help = help_                                        \
    }
#define CHOICE(section_, name_, type, member, choices_, standard_, help_)             \
    {                                                                                 \
        .section = section_, .name = name_, .kind = SETTING_CHOICE, AT(type, member), \
        .choices = choices_, .standard = standard_, .help = help_                     \
    }
#define TEXT(section_, name_, type, member, form_, standard_, help_)                               \
    {                                                                                              \
        .section = section_, .name = name_, .kind = SETTING_TEXT, AT(type, member), .form = form_, \
        .standard = standard_, .help = help_                                                       \
    }
#define PART(section_, name_, form_, help_)                                                    \
    {                                                                                          \
        .section = section_, .name = name_, .kind = SETTING_PART, .form = form_, .help = help_ \
    }

/* clang-format off */
static const struct setting SETTINGS[] = {
    TEXT("", "listen", config, listen, "an address and a port", "127.0.0.1:8080",
         "Where pages connect and changes are published. With auth: none it has to be a loopback address."),
    TEXT("", "admin", config, admin, "an address and a port", NULL,
         "Where /metrics, /livez, /readyz and /debug are served; without it they are not."),
    PART("", "sources", "a list of sources",
         "Where changes come from; at least one."),
    PART("", "auth", "none, or a mapping with jwt, callback or tickets",
         "Who may read what. With none everyone may read every scope, on a loopback listener only."),
    PART("", "rules", "a mapping from a table to its rule",
         "Which scopes are told of a change, and which query keys it makes stale."),
    PART("", "endpoints", "a list of endpoints",
         "Streams in the words of clients that exist already: a path, a dialect, and whose scopes; at most 16."),
    PART("", "limits", "a mapping",
         "Times and bounds."),
    PART("", "log", "a mapping",
         "What is logged, and how."),
    TEXT("", "state", config, state, "a path", NULL,
         "The file that carries what is stale over an orderly restart; by default unstale.state in $STATE_DIRECTORY, "
         "else a file with the ending .state beside the configuration."),
    PART("", "trusted_proxies", "an address or a network, or a list of them",
         "Networks whose X-Forwarded-For is believed, for logs, /debug/connections and "
         "connections_per_address; at most 32."),
    COUNT("", "threads", config, threads, 1, 64, "1",
          "Delivery threads; one is enough for tens of thousands of connections."),

    PART("auth", "jwt", "a mapping with the keys",
         "Tokens: signed by somebody else, checked here."),
    PART("auth", "callback", "a mapping with url",
         "Sessions that only the application understands: it is asked whose the cookies are."),
    PART("auth", "tickets", "a mapping, which may be empty",
         "One-time passes for a URL, issued to the backend by POST /v1/tickets."),
    PART("auth", "scopes", "a list of texts with {claims} in them, or of mappings with scope and when",
         "What may be read, from the claims; project:{projects[]} is one scope for each element."),
    PART("auth", "membership", "a list of mappings with scope, table and user",
         "Tables of the database that say who may read what besides; asked when a stream opens, and kept true while it is open."),
    PART("auth", "origins", "an origin or a list of them",
         "Pages of other origins that may talk to this server, https://app.example.com; its own name always may."),

    PART("jwt", "keys_file", "a path",
         "A JWK set, a JWK or PEM, relative to the configuration file. The keys come from one of keys_file, pem, "
         "secret_file, secret and jwks_url."),
    PART("jwt", "pem", "PEM text",
         "Public keys or certificates in the configuration itself."),
    PART("jwt", "secret_file", "a path",
         "A file with the secret of HS256, HS384 or HS512; a line end behind it is no part of it."),
    PART("jwt", "secret", "a text",
         "The secret itself, for ${VARIABLE}."),
    PART("jwt", "jwks_url", "a URL",
         "Where the issuer publishes its keys; fetched at the start, again and again, and when a token names an unknown one."),
    PART("jwt", "algorithms", "an algorithm or a list of them",
         "Narrows what the keys may be used for: HS256 to EdDSA."),
    PART("jwt", "issuer", "a text or a list of texts",
         "iss has to be one of these."),
    PART("jwt", "audience", "a text or a list of texts",
         "aud has to have one of these; without it a token may have no aud."),
    DURATION("jwt", "leeway", auth_jwt, leeway_ms, 0, 10 * MINUTE, "30s",
             "How wrong clocks may be."),
    BOOL("jwt", "require_exp", auth_jwt, require_exp, "true",
         "A token without exp is refused."),
    PART("jwt", "cookie", "the name of a cookie",
         "Tokens are taken from this cookie, too."),
    PART("jwt", "query", "the name of a parameter",
         "Tokens are taken from this parameter of the URL, too, where they end up in the logs of proxies."),
    PART("jwt", "user", "a claim",
         "Which claim names the user, for connections_per_user and membership; by default sub."),

    PART("callback", "url", "a URL",
         "GET with the cookies and headers of the request; 200 with {sub, scopes, exp}, 401 or 403. Required."),
    PART("callback", "cookies", "true, false, or a list of names",
         "Which cookies go to the application; by default all do."),
    PART("callback", "headers", "a name or a list of names",
         "Which headers go to the application besides."),
    DURATION("callback", "cache", auth_callback, cache_ms, 0, 10 * MINUTE, "5s",
             "Whoever asks the same within this time gets the same answer."),
    DURATION("callback", "timeout", auth_callback, timeout_ms, 10, MINUTE, "3s",
             "How long the application may take; then the answer is 503."),
    DURATION("callback", "max_age", auth_callback, max_age_ms, 1 * SECOND, 720 * HOUR, "1h",
             "A stream is asked about again after this time at the latest: it ends with 4401 and comes back."),
    SIZE("callback", "max_answer", auth_callback, max_answer, KIB, MIB, "64KiB",
         "Bytes of the application's answer."),

    DURATION("tickets", "ttl", auth_tickets, ttl_ms, 100, 10 * MINUTE, "30s",
             "How long a ticket may be used, once."),
    COUNT("tickets", "max", auth_tickets, max, 1, 1000000, "10000",
          "Open tickets; one more gets 503."),
    DURATION("tickets", "max_age", auth_tickets, max_age_ms, 1 * SECOND, 720 * HOUR, "1h",
             "A stream opened with a ticket ends after this time at the latest, or at its exp."),

    PART("membership", "scope", "a text with columns in it",
         "The scope that a row grants. Required; it begins with its kind and a colon."),
    PART("membership", "table", "a table",
         "Whose rows grant it. Required; prepared by unstale setup like the tables of rules, with a rule or without."),
    PART("membership", "user", "a column",
         "Says to whom: it has the text of the claim that names the user (auth: jwt: user), byte by byte. Required."),
    PART("membership", "where", "a mapping from a column to its value, or to a list of values",
         "Only rows where each of these columns has one of its values; null is a value."),

    TEXT("grant", "scope", auth_scope, text, "a text with {claims} in it", NULL,
         "The scope or scopes that may be read. Required."),
    PART("grant", "when", "a mapping from a claim to its value, or to a list of values",
         "Only whoever has such a claim; all of them have to hold."),

    TEXT("source", "sqlite", config_source, path, "a path", NULL,
         "An SQLite database, prepared by unstale setup sqlite; relative to the configuration file."),
    DURATION("source", "poll", config_source, poll_ms, 1, 10 * SECOND, "50ms",
             "How often the SQLite database is asked whether something was committed."),
    TEXT("source", "postgres", config_source, url, "a URL", NULL,
         "A PostgreSQL database, prepared by unstale setup postgres: postgres://user@host:5432/database, with the options of "
         "libpq behind a question mark (sslmode=verify-full)."),
    CHOICE("source", "capture", config_source, capture, "logical|notify", "logical",
           "How changes come: by logical replication, or by triggers and NOTIFY where the server does not allow that."),
    TEXT("source", "publication", config_source, publication, "a name", "unstale",
         "logical: the publication that is read."),
    CHOICE("source", "slot", config_source, permanent, "temporary|permanent", "temporary",
           "logical: a temporary slot leaves nothing behind, and a lost connection is a reset; a permanent one goes on where it was, "
           "and keeps WAL on the server while nobody reads it (only where max_slot_wal_keep_size is finite)."),
    TEXT("source", "slot_name", config_source, slot_name, "a name", "unstale",
         "logical: the name of a permanent slot, of small letters, digits and underscores; one for each unstale."),
    TEXT("source", "channel", config_source, channel, "a name", NULL,
         "notify: the channel on which triggers of your own speak; without it those of unstale setup postgres are listened to."),
    TEXT("source", "visible_on", config_source, visible_on, "a URL", NULL,
         "logical: the server that the application reads from, where that is a replica; a change is told when it can be seen there."),
    TEXT("source", "password_file", config_source, password_file, "a path", NULL,
         "A file with the password, read for each connection; relative to the configuration file. Without it libpq looks in PGPASSWORD "
         "and in its password file."),
    DURATION("source", "timeout", config_source, timeout_ms, SECOND, 10 * MINUTE, "20s",
             "PostgreSQL: how long connecting, an answer, and silence may take."),
    DURATION("source", "unready_after", config_source, unready_ms, 0, HOUR, "30s",
             "PostgreSQL: /readyz fails when changes were not captured for so long; pages are told at once."),
    PART("source", "publish", "a mapping with token_file, or with open: true",
         "Changes, marks and notices by HTTP: POST /v1/changes and POST /v1/notices."),

    TEXT("publish", "token_file", config_source, token_file, "a path", NULL,
         "A file with the token that publishers send as Authorization: Bearer; relative to the configuration file."),
    BOOL("publish", "open", config_source, open, "false",
         "Anybody who reaches the listener may publish; loopback only."),

    TEXT("rule", "name", spec_rule, name, "a text", NULL,
         "The resource's name on the wire; by default the table's."),
    PART("rule", "id", "a column or a list of columns",
         "What identifies a row; by default the primary key."),
    PART("rule", "scope", "a text or a list of texts",
         "Who is told: scopes with {column} in them. Required."),
    PART("rule", "stale", "a list of keys",
         "The query keys that a change makes stale, each a list, or a mapping with key and conditions."),
    PART("rule", "actions", "a mapping from a name to { changed: [column, ...] }",
         "Actions of your own, derived from an update by the columns that it changed."),
    PART("rule", "data", "a mapping from the name sent to the column",
         "Columns that are sent along; by default none are."),
    BOOL("rule", "changes", spec_rule, changes, "false",
         "Keeps which rows changed for readers that ask with ?changes=1, although there is no data."),

    PART("stale", "key", "a list",
         "The query key. Required."),
    PART("stale", "on", "an action or a list of actions",
         "Only these actions make the key stale: created, updated, deleted, or one of actions; by default all."),
    PART("stale", "or_changed", "a column or a list of columns",
         "Besides the actions of on, an update that changed one of these columns makes the key stale."),
    DURATION("stale", "at_most", spec_stale, at_most_ms, 0, HOUR, "0",
             "The key goes stale at most once in this time; what comes earlier waits."),

    PART("action", "changed", "a column or a list of columns",
         "The update has this action when one of these columns changed. Required."),

    DURATION("limits", "batch", config, limits.batch_ms, 0, 10 * SECOND, "100ms",
             "Marks are sent at once, but not more often than this; those in between go out together."),
    DURATION("limits", "heartbeat", config, limits.heartbeat_ms, 100, HOUR, "25s",
             "A quiet stream says this often that it lives."),
    DURATION("limits", "stalled", config, limits.stalled_ms, 200, HOUR, "60s",
             "A peer that accepts no byte for so long is closed; at least two heartbeats."),
    DURATION("limits", "spread", config, limits.spread_ms, 0, 10 * MINUTE, "5s",
             "After a reset pages refetch at a random time within this."),
    DURATION("limits", "drain", config, limits.drain_ms, 0, 10 * MINUTE, "10s",
             "An orderly stop ends the streams one by one within this time."),
    SIZE("limits", "index_memory", config, limits.index_memory, MIB, 1024 * GIB, "256MiB",
         "Memory for what is stale; beyond it the oldest marks become resets."),
    SIZE("limits", "notice_memory", config, limits.notice_memory, 64 * KIB, 1024 * GIB, "64MiB",
         "Memory for notices; beyond it the oldest are dropped, with a reset."),
    COUNT("limits", "max_keys", config, limits.max_keys, 4, 1000000, "200",
          "Keys of one scope; beyond it they widen to shorter ones."),
    COUNT("limits", "max_entities", config, limits.max_entities, 1, 1000000, "200",
          "Changed rows kept of one scope, for readers that ask for them."),
    COUNT("limits", "notices", config, limits.notices, 1, 1000000, "1000",
          "Notices kept of one scope."),
    COUNT("limits", "held", config, limits.held, 0, 10000000, "10000",
          "Keys that at_most may hold back at a time; beyond it they go out at once."),
    COUNT("limits", "families", config, limits.families, 0, 1000000, "1000",
          "Families of scopes besides those of the rules; beyond it their marks go to everyone."),
    COUNT("limits", "connections", config, limits.connections, 1, 10000000, "100000",
          "Open connections in total, an even share of them for each of threads; one more is refused for now."),
    COUNT("limits", "connections_per_user", config, limits.connections_per_user, 1, 1000000, "20",
          "Open streams of one user; one more gets 429. With auth: none nobody is known by name."),
    COUNT("limits", "connections_per_token", config, limits.connections_per_token, 0, 1000000, "20",
          "Open streams of one token or session; one more gets 429; 0 is no bound."),
    COUNT("limits", "connections_per_address", config, limits.connections_per_address, 0, 1000000, "0",
          "Open streams of one client address (of IPv6, its first 64 bits), behind trusted_proxies the one that they name; 0 is no bound."),
    COUNT("limits", "scopes", config, limits.scopes, 1, 10000, "100",
          "Scopes of one subscription."),
    SIZE("limits", "publish_body", config, limits.publish_body, KIB, 64 * MIB, "1MiB",
         "Bytes of a published body; a longer one gets 413."),
    COUNT("limits", "publish_queue", config, limits.publish_queue, 1, 1000000, "1000",
          "Published bodies that wait to be taken in; one more gets 503."),
    SIZE("limits", "head", config, limits.head, KIB, 64 * KIB, "16KiB",
         "Bytes of a request's first line and headers."),
    DURATION("limits", "head_time", config, limits.head_ms, 100, 10 * MINUTE, "10s",
             "How long a request's head may take."),
    DURATION("limits", "body_time", config, limits.body_ms, 100, 10 * MINUTE, "30s",
             "How long a request's body may take, or a message of a WebSocket client."),
    DURATION("limits", "keepalive", config, limits.keepalive_ms, 100, HOUR, "75s",
             "How long a connection may stay open between two requests."),

    CHOICE("log", "level", config, log_level, "debug|info|warn|error", "info",
           "The least important lines that are logged."),
    CHOICE("log", "format", config, log_json, "text|json", "text",
           "How a line looks."),

    PART("endpoint", "path", "a path",
         "Where these clients connect. Required; /v1/ is unstale's own."),
    CHOICE("endpoint", "transport", dialect, websocket, "sse|ws", "sse",
         "Server-sent events, or a WebSocket; by default that of the dialect."),
    PART("endpoint", "dialect", "registry, recordings, devhive, content-studio or documents",
         "The words to begin with; every key below replaces a part of them, and without a dialect makes them."),
    PART("endpoint", "scope", "a text or a list of texts",
         "Which scopes a client gets, with {query.NAME}, {header.NAME} and {claim.NAME} in them. Required."),
    CHOICE("endpoint", "on_connect", dialect, reset_on_connect, "none|reset", "none",
         "Whether a client is told that anything may have changed when it connects and nothing says how far it is."),
    BOOL("endpoint", "resume", dialect, resume, "false",
         "SSE only: sends positions as ids without an event, so that the browser's Last-Event-ID goes on exactly."),
    PART("endpoint", "ready", "a mapping with event and data",
         "What a client is told when it is connected; by default nothing."),
    PART("endpoint", "change", "a mapping with event and data",
         "What it is told of a row. Required without a dialect."),
    PART("endpoint", "batch", "a mapping with event and data",
         "What it is told of several updates of one resource without data; by default each is told by itself."),
    PART("endpoint", "notice", "a mapping with event and data",
         "What it is told of a notice; by default nothing."),
    PART("endpoint", "reset", "end, or a mapping with event and data, or with each",
         "What it is told when anything may have changed; end ends the stream. Required without a dialect."),
    PART("endpoint", "heartbeat", "a duration, or a mapping with every, event and data",
         "How often, and how, a quiet stream says that it lives; by default a comment, for a WebSocket always a ping."),
    PART("endpoint", "resources", "a mapping with number, letters and names",
         "What resources are called here."),
    PART("endpoint", "actions", "a mapping with letters, names and others",
         "What actions are called here."),

    PART("words", "event", "a text",
         "The name of the event; SSE only, without it the event has none."),
    PART("words", "data", "a text or JSON",
         "Its data, with {names} in it. Required."),

    DURATION("heartbeat", "every", dialect, heartbeat_ms, 100, HOUR, NULL,
         "How often; by default heartbeat of limits."),

    PART("reset", "each", "an action or a list of actions",
         "A change of every resource of the scope, without an id, for each of these actions."),

    CHOICE("names", "number", naming, number, NAMING_NUMBERS, "as_is",
         "Singular or plural, by the rules of English."),
    CHOICE("names", "letters", naming, letters, NAMING_LETTERS, "as_is",
         "How words are joined, and which letters are capitals."),
    PART("names", "names", "a mapping from a name to what it is called",
         "Names that are called otherwise; they stand above number and letters."),
    PART("names", "others", "a text",
         "Actions only: what any other than created, updated and deleted that names does not have is taken for."),
};
/* clang-format on */

size_t settings_count(void)
{
    return sizeof SETTINGS / sizeof *SETTINGS;
}

const struct setting *settings_at(size_t index)
{
    return index < settings_count() ? &SETTINGS[index] : NULL;
}

const struct setting *settings_find(const char *section, struct str name)
{
    for (size_t i = 0; i < settings_count(); i++)
        if (strcmp(SETTINGS[i].section, section) == 0 && str_is(name, SETTINGS[i].name))
            return &SETTINGS[i];
    return NULL;
}

void settings_defaults(const char *section, void *base)
{
    for (size_t i = 0; i < settings_count(); i++) {
        const struct setting *setting = &SETTINGS[i];
        if (strcmp(setting->section, section) == 0 && setting->standard &&
            setting->kind < SETTING_TEXT)
            CHECK(setting_parse(setting, str_of(setting->standard), base) == SETTING_OK);
    }
}

const char *setting_expects(const struct setting *setting, char out[160])
{
    switch (setting->kind) {
    case SETTING_DURATION:
        return "a duration (100ms, 5s, 1m, 2h, 0)";
    case SETTING_SIZE:
        return "a size (64KiB, 256MiB, 1MB, 1000)";
    case SETTING_COUNT:
        return "a whole number";
    case SETTING_BOOL:
        return "true or false";
    case SETTING_CHOICE: {
        size_t n = 0;
        for (const char *c = setting->choices; *c && n < 150; c++)
            n += (size_t)snprintf(out + n, 160 - n,
                                  *c == '|' ? (strchr(c + 1, '|') ? ", " : " or ") : "%c", *c);
        return out;
    }
    case SETTING_TEXT:
    case SETTING_PART:
        break;
    }
    return setting->form;
}

static bool choice_of(const char *choices, struct str text, uint64_t *index)
{
    *index = 0;
    for (struct str rest = str_of(choices);; ++*index) {
        size_t end = str_index(rest, '|');
        if (str_equal((struct str){.p = rest.p, .n = end}, text))
            return true;
        if (end == rest.n)
            return false;
        rest = str_from(rest, end + 1);
    }
}

static void store(const struct setting *setting, uint64_t value, void *base)
{
    char *at = (char *)base + setting->offset;
    if (setting->width == sizeof(uint64_t)) {
        memcpy(at, &value, sizeof value);
    } else if (setting->width == sizeof(unsigned)) {
        unsigned narrow = (unsigned)value;
        memcpy(at, &narrow, sizeof narrow);
    } else {
        CHECK(setting->width == sizeof(bool));
        bool flag = value != 0;
        memcpy(at, &flag, sizeof flag);
    }
}

enum setting_parsed setting_parse(const struct setting *setting, struct str text, void *base)
{
    uint64_t value = 0;
    bool parsed = false;
    switch (setting->kind) {
    case SETTING_DURATION:
        parsed = units_duration(text, &value);
        break;
    case SETTING_SIZE:
        parsed = units_size(text, &value);
        break;
    case SETTING_COUNT:
        parsed = units_count(text, &value);
        break;
    case SETTING_BOOL:
        parsed = choice_of("false|true", text, &value);
        break;
    case SETTING_CHOICE:
        parsed = choice_of(setting->choices, text, &value);
        break;
    case SETTING_TEXT:
    case SETTING_PART:
        check_failed("a setting without a value of its own", __FILE__, __LINE__);
    }
    if (!parsed)
        return SETTING_MISTYPED;
    if (setting->max && (value < setting->min || value > setting->max))
        return SETTING_OUT_OF_BOUNDS;
    store(setting, value, base);
    return SETTING_OK;
}

const char *setting_bounds(const struct setting *setting, char out[80])
{
    char min[UNITS_TEXT_MAX], max[UNITS_TEXT_MAX];
    if (setting->kind == SETTING_DURATION) {
        units_write_duration(setting->min, min);
        units_write_duration(setting->max, max);
    } else if (setting->kind == SETTING_SIZE) {
        units_write_size(setting->min, min);
        units_write_size(setting->max, max);
    } else {
        snprintf(min, sizeof min, "%" PRIu64, setting->min);
        snprintf(max, sizeof max, "%" PRIu64, setting->max);
    }
    snprintf(out, 80, "between %s and %s", min, max);
    return out;
}

const char *setting_kind_name(enum setting_kind kind)
{
    static const char *const names[] = {
        [SETTING_DURATION] = "duration",  [SETTING_SIZE] = "size",     [SETTING_COUNT] = "number",
        [SETTING_BOOL] = "true or false", [SETTING_CHOICE] = "choice", [SETTING_TEXT] = "text",
        [SETTING_PART] = "part"};
    return names[kind];
}
