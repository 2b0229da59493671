#include "delivery/dialect.h"

#include "base/jsontext.h"
#include "delivery/events.h"
#include "model/scope.h"
#include "wire/sse.h"
#include "wire/ws.h"

#include <jansson.h>

enum {
    TEXT_MAX = 20 * 1024 * 1024, /* of one message: as much as a notice may be */
    NAME_TEXT_MAX = 4096,        /* of a resource, an action, an id, a scope */
    CHANGES_MAX = 256 * 1024,    /* what is more than this fits nowhere, so it is not written */
};

/* ---- names ---- */

enum name {
    NAME_TIME,
    NAME_SCOPE,
    NAME_CONNECTION,
    NAME_HEARTBEAT,
    NAME_RESOURCE,
    NAME_ACTION,
    NAME_ID,
    NAME_IDS,
    NAME_DATA,
    NAME_TYPE,
    NAME_NOTICE,
    NAME_REASON,
    NAME_SPREAD,
    NAMES
};

static const struct phrase_name ALL[NAMES] = {
    [NAME_TIME] = {"time", PHRASE_WHOLE},
    [NAME_SCOPE] = {"scope", PHRASE_NUMBERED},
    [NAME_CONNECTION] = {"connection", PHRASE_WHOLE},
    [NAME_HEARTBEAT] = {"heartbeat", PHRASE_WHOLE},
    [NAME_RESOURCE] = {"resource", PHRASE_WHOLE},
    [NAME_ACTION] = {"action", PHRASE_WHOLE},
    [NAME_ID] = {"id", PHRASE_WHOLE},
    [NAME_IDS] = {"ids", PHRASE_WHOLE},
    [NAME_DATA] = {"data", PHRASE_NAMED},
    [NAME_TYPE] = {"type", PHRASE_WHOLE},
    [NAME_NOTICE] = {"notice", PHRASE_WHOLE},
    [NAME_REASON] = {"reason", PHRASE_WHOLE},
    [NAME_SPREAD] = {"spread", PHRASE_WHOLE},
};

#define BIT(name)         (UINT64_C(1) << NAME_##name)
#define SCOPED            (BIT(TIME) | BIT(SCOPE))
#define ROW(event, names) [DIALECT_##event] = {ALL, NAMES, (names)}

static const struct phrase_names NAMES_OF[DIALECT_EVENTS] = {
    ROW(READY, SCOPED | BIT(CONNECTION) | BIT(HEARTBEAT)),
    ROW(CHANGE, SCOPED | BIT(RESOURCE) | BIT(ACTION) | BIT(ID) | BIT(DATA)),
    ROW(BATCH, SCOPED | BIT(RESOURCE) | BIT(ACTION) | BIT(IDS)),
    ROW(NOTICE, SCOPED | BIT(TYPE) | BIT(NOTICE) | BIT(DATA)),
    ROW(RESET, SCOPED | BIT(REASON) | BIT(SPREAD)),
    ROW(HEARTBEAT, BIT(TIME)),
};

const struct phrase_names *dialect_names(enum dialect_event event)
{
    return &NAMES_OF[event];
}

const char *dialect_event_name(enum dialect_event event)
{
    static const char *const names[DIALECT_EVENTS] = {
        [DIALECT_READY] = "ready", [DIALECT_CHANGE] = "change",
        [DIALECT_BATCH] = "batch", [DIALECT_NOTICE] = "notice",
        [DIALECT_RESET] = "reset", [DIALECT_HEARTBEAT] = "heartbeat"};
    return names[event];
}

bool dialect_check(const struct dialect *dialect, struct err *err)
{
    const struct phrase *change = dialect->words[DIALECT_CHANGE].data;
    if (!change)
        return err_set(err, "change is missing: what its clients are told of a row");
    if (dialect->reset == DIALECT_RESET_NONE)
        return err_set(err, "reset is missing: what its clients are told when anything may have "
                            "changed, or end");
    if (dialect->reset == DIALECT_RESET_EACH &&
        (phrase_needs(change, NAME_ID) || phrase_needs(change, NAME_DATA)))
        return err_set(err, "a reset with each has no row: change needs {id?} and {data?} with "
                            "their question marks");
    if (dialect->websocket && dialect->resume)
        return err_set(err, "resume is for SSE; a WebSocket has no Last-Event-ID");
    for (unsigned i = 0; i < DIALECT_EVENTS; i++)
        if (dialect->websocket && dialect->words[i].event)
            return err_set(err, "%s has an event; a message of a WebSocket has no name",
                           dialect_event_name((enum dialect_event)i));
    if (dialect->websocket && dialect->words[DIALECT_HEARTBEAT].data)
        return err_set(err, "heartbeat has data; the heartbeat of a WebSocket is a ping");
    return true;
}

/* ---- what the names stand for ---- */

struct telling {
    const struct dialect *dialect;
    const struct dialect_place *place;
    const struct dialect_ready *ready;
    struct str resource, action; /* already in the words of the dialect */
    struct str id;               /* JSON, as the hub has it; empty: unknown */
    struct str ids;              /* JSON */
    struct str data;             /* JSON; empty: none */
    const struct hub_notice *notice;
    const char *reason;
    uint64_t spread_ms;
    struct buf scratch; /* of the last answer */
};

static struct phrase_value text_value(struct str text)
{
    return (struct phrase_value){.kind = PHRASE_TEXT, .text = text};
}

static struct phrase_value json_value_of(struct str json)
{
    return (struct phrase_value){.kind = json.n ? PHRASE_JSON : PHRASE_ABSENT, .text = json};
}

static struct phrase_value number_value(struct telling *telling, double number)
{
    buf_printf(&telling->scratch, "%g", number);
    return json_value_of(buf_slice(&telling->scratch));
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* What scope_write_value has encoded. */
static void write_decoded(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        int high = -1, low = -1;
        if (text.p[i] == '%' && i + 2 < text.n) {
            high = hex_digit(text.p[i + 1]);
            low = hex_digit(text.p[i + 2]);
        }
        if (high >= 0 && low >= 0) {
            buf_byte(out, (char)(high * 16 + low));
            i += 2;
        } else {
            buf_byte(out, text.p[i]);
        }
    }
}

/* A family stands for scopes that nobody knows, so it has no parts. */
static struct phrase_value scope_value(struct telling *telling, struct str part)
{
    struct str rest = telling->place->scope;
    if (scope_is_family(rest))
        return (struct phrase_value){0};
    if (!part.n)
        return text_value(rest);
    size_t wanted = (size_t)(part.p[0] - '0');
    if (part.n > 1)
        wanted = wanted * 10 + (size_t)(part.p[1] - '0');
    for (; wanted > 0; wanted--) {
        size_t colon = str_index(rest, ':');
        if (colon == rest.n)
            return (struct phrase_value){0};
        rest = str_from(rest, colon + 1);
    }
    rest.n = str_index(rest, ':');
    write_decoded(&telling->scratch, rest);
    return text_value(buf_slice(&telling->scratch));
}

/* Always one text: the ids of a key of several columns stand with colons between them. */
static struct phrase_value id_value(struct telling *telling)
{
    json_t *id = json_loadb(telling->id.p, telling->id.n,
                            JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL);
    size_t n = json_is_array(id) ? json_array_size(id) : 1;
    for (size_t i = 0; i < n; i++) {
        const json_t *part = json_is_array(id) ? json_array_get(id, i) : id;
        if (i)
            buf_byte(&telling->scratch, ':');
        buf_add(&telling->scratch, json_string_value(part), json_string_length(part));
    }
    bool known = json_is_string(id) || json_array_size(id) > 0;
    json_decref(id);
    return known ? text_value(buf_slice(&telling->scratch)) : (struct phrase_value){0};
}

static struct phrase_value data_value(struct telling *telling, struct str part)
{
    if (!part.n)
        return json_value_of(telling->data);
    json_t *data = json_loadb(telling->data.p, telling->data.n,
                              JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL);
    const json_t *member = json_object_getn(data, part.p, part.n);
    if (member)
        jsontext_value(&telling->scratch, member);
    bool text = json_is_string(member);
    if (text) {
        buf_clear(&telling->scratch);
        buf_add(&telling->scratch, json_string_value(member), json_string_length(member));
    }
    json_decref(data);
    return text ? text_value(buf_slice(&telling->scratch))
                : json_value_of(buf_slice(&telling->scratch));
}

static struct phrase_value look_up(void *ctx, size_t name, struct str part)
{
    struct telling *telling = ctx;
    buf_clear(&telling->scratch);
    switch ((enum name)name) {
    case NAME_TIME:
        events_time(&telling->scratch, telling->place->now);
        return text_value(buf_slice(&telling->scratch));
    case NAME_SCOPE:
        return scope_value(telling, part);
    case NAME_CONNECTION:
        buf_printf(&telling->scratch, "c_%x_%llx", telling->ready->worker,
                   (unsigned long long)telling->ready->connection);
        return text_value(buf_slice(&telling->scratch));
    case NAME_HEARTBEAT:
        return number_value(telling, (double)telling->ready->heartbeat_ms / 1000);
    case NAME_RESOURCE:
        return text_value(telling->resource);
    case NAME_ACTION:
        return text_value(telling->action);
    case NAME_ID:
        return telling->id.n ? id_value(telling) : (struct phrase_value){0};
    case NAME_IDS:
        return json_value_of(telling->ids);
    case NAME_DATA:
        return telling->data.n ? data_value(telling, part) : (struct phrase_value){0};
    case NAME_TYPE:
        return text_value(telling->notice->type);
    case NAME_NOTICE:
        return text_value(telling->notice->id);
    case NAME_REASON:
        return text_value(str_of(telling->reason));
    case NAME_SPREAD:
        return number_value(telling, (double)telling->spread_ms);
    case NAMES:
        break;
    }
    return (struct phrase_value){0};
}

/* ---- frames ---- */

/* False, and nothing written, where a name is absent that may not be. */
static bool say(struct telling *telling, enum dialect_event event, struct buf *out)
{
    const struct dialect_words *words = &telling->dialect->words[event];
    struct buf name = BUF_INIT(NAME_TEXT_MAX), data = BUF_INIT(TEXT_MAX);
    size_t start = out->len;
    telling->scratch = BUF_INIT(TEXT_MAX);
    bool said = phrase_write(words->data, &data, look_up, telling) &&
                (!words->event || phrase_write(words->event, &name, look_up, telling));
    if (said && telling->dialect->websocket)
        ws_text(out, buf_slice(&data));
    else if (said)
        sse_event(out, buf_slice(&name), buf_slice(&data), (struct str){0});
    if (data.overflow || name.overflow) {
        buf_cut(out, start);
        said = false;
    }
    buf_free(&telling->scratch);
    buf_free(&name);
    buf_free(&data);
    return said;
}

void dialect_say_ready(const struct dialect *dialect, struct buf *out,
                       const struct dialect_place *place, const struct dialect_ready *ready)
{
    struct telling telling = {.dialect = dialect, .place = place, .ready = ready};
    if (dialect->words[DIALECT_READY].data)
        say(&telling, DIALECT_READY, out);
}

void dialect_say_notice(const struct dialect *dialect, struct buf *out,
                        const struct dialect_place *place, const struct hub_notice *notice)
{
    struct telling telling = {
        .dialect = dialect, .place = place, .notice = notice, .data = notice->data};
    if (dialect->words[DIALECT_NOTICE].data)
        say(&telling, DIALECT_NOTICE, out);
}

void dialect_say_heartbeat(const struct dialect *dialect, struct buf *out, uint64_t now)
{
    const struct dialect_place place = {.now = now};
    struct telling telling = {.dialect = dialect, .place = &place};
    if (dialect->websocket)
        ws_ping(out, (struct str){0});
    else if (!dialect->words[DIALECT_HEARTBEAT].data || !say(&telling, DIALECT_HEARTBEAT, out))
        sse_comment(out, (struct str){0});
}

void dialect_say_position(const struct dialect *dialect, struct buf *out, struct position position)
{
    if (dialect->websocket || !dialect->resume)
        return;
    /* An event without data: nobody hears of it, and the browser keeps its id. */
    buf_text(out, "id: ");
    position_write(out, position);
    buf_text(out, "\n\n");
}

/* ---- changes ---- */

static bool say_change(const struct dialect *dialect, struct buf *out,
                       const struct dialect_place *place, const struct hub_entity *entity)
{
    struct buf resource = BUF_INIT(NAME_TEXT_MAX), action = BUF_INIT(NAME_TEXT_MAX);
    naming_write(&dialect->resources, entity->name, &resource);
    naming_write(&dialect->actions, entity->action, &action);
    struct telling telling = {.dialect = dialect,
                              .place = place,
                              .resource = buf_slice(&resource),
                              .action = buf_slice(&action),
                              .id = entity->id,
                              .data = entity->data};
    bool said = say(&telling, DIALECT_CHANGE, out);
    buf_free(&resource);
    buf_free(&action);
    return said;
}

/* The marks of one answer, which are told together. */
struct saying {
    const struct dialect *dialect;
    const struct dialect_place *place;
    const struct hub_entity *entities;
    size_t n;
    bool without_data;
};

/* An action of the rules' own that has no word here is called as another one is, which the same
 * row has, too: said twice. */
static bool is_repeat(const struct saying *saying, size_t at)
{
    const struct naming *actions = &saying->dialect->actions;
    const struct hub_entity *entity = &saying->entities[at];
    if (!actions->others.n || str_equal(entity->action, actions->others) ||
        !naming_means(actions, entity->action, actions->others))
        return false;
    for (size_t i = 0; i < saying->n; i++) {
        const struct hub_entity *other = &saying->entities[i];
        if (str_equal(other->action, actions->others) && str_equal(other->name, entity->name) &&
            str_equal(other->id, entity->id) && str_equal(other->data, entity->data))
            return true;
    }
    return false;
}

/* Called as an update is, and with nothing to tell of it but its id. */
static bool fits_batch(const struct saying *saying, size_t at)
{
    const struct hub_entity *entity = &saying->entities[at];
    return saying->dialect->words[DIALECT_BATCH].data && entity->id.n &&
           (saying->without_data || !entity->data.n) &&
           naming_means(&saying->dialect->actions, entity->action, STR("updated")) &&
           !is_repeat(saying, at);
}

static bool same_batch(const struct saying *saying, size_t first, size_t at)
{
    return str_equal(saying->entities[first].name, saying->entities[at].name) &&
           fits_batch(saying, at);
}

static bool is_batched(const struct saying *saying, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (same_batch(saying, at, i))
            return true;
    return false;
}

/* One batch of `first` and all that belong to it; false when there is no second. */
static bool say_batch(const struct saying *saying, size_t first, struct buf *out, bool *said)
{
    const struct dialect *dialect = saying->dialect;
    struct buf ids = BUF_INIT(CHANGES_MAX), resource = BUF_INIT(NAME_TEXT_MAX),
               action = BUF_INIT(NAME_TEXT_MAX);
    size_t count = 0;
    for (size_t i = first; i < saying->n && !ids.overflow; i++) {
        if (!same_batch(saying, first, i))
            continue;
        struct telling one = {.id = saying->entities[i].id, .scratch = BUF_INIT(NAME_TEXT_MAX)};
        buf_byte(&ids, count++ ? ',' : '[');
        jsontext_string(&ids, id_value(&one).text);
        buf_free(&one.scratch);
    }
    buf_byte(&ids, ']');
    naming_write(&dialect->resources, saying->entities[first].name, &resource);
    naming_write(&dialect->actions, STR("updated"), &action);
    struct telling telling = {.dialect = dialect,
                              .place = saying->place,
                              .resource = buf_slice(&resource),
                              .action = buf_slice(&action),
                              .ids = buf_slice(&ids)};
    *said = count < 2 || (!ids.overflow && say(&telling, DIALECT_BATCH, out));
    buf_free(&ids);
    buf_free(&resource);
    buf_free(&action);
    return count > 1;
}

static bool say_mark(const struct saying *saying, size_t at, struct buf *out)
{
    struct hub_entity entity = saying->entities[at];
    bool said = true;
    /* All rows of a table at once, or something that has no row at all. */
    if (entity.name.n == 0 || str_is(entity.action, "truncated"))
        return false;
    if (is_repeat(saying, at))
        return true;
    if (fits_batch(saying, at) && (is_batched(saying, at) || say_batch(saying, at, out, &said)))
        return said;
    if (saying->without_data)
        entity.data = (struct str){0};
    return say_change(saying->dialect, out, saying->place, &entity);
}

bool dialect_say_changes(const struct dialect *dialect, struct buf *out,
                         const struct dialect_place *place, const struct hub_entity *entities,
                         size_t n, bool without_data)
{
    const struct saying saying = {.dialect = dialect,
                                  .place = place,
                                  .entities = entities,
                                  .n = n,
                                  .without_data = without_data};
    size_t start = out->len;
    bool said = true;
    for (size_t i = 0; i < n && said && out->len - start <= CHANGES_MAX; i++)
        said = say_mark(&saying, i, out);
    if (!said && !out->overflow)
        buf_cut(out, start);
    return said;
}

/* ---- resets ---- */

static bool is_home(struct str home, struct str scope)
{
    if (str_equal(scope, SCOPE_EVERY) || str_equal(home, SCOPE_EVERY) || str_equal(home, scope))
        return true;
    return scope_in_family(scope, home);
}

/* False where it cannot be said. */
static bool say_each(const struct dialect *dialect, struct buf *out,
                     const struct dialect_place *place, const struct dialect_resource *resources,
                     size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < dialect->n_each && is_home(resources[i].home, place->scope); k++) {
            const struct hub_entity any = {.name = resources[i].name, .action = dialect->each[k]};
            if (!say_change(dialect, out, place, &any))
                return false;
        }
    }
    return true;
}

bool dialect_say_reset(const struct dialect *dialect, struct buf *out,
                       const struct dialect_place *place, const struct dialect_resource *resources,
                       size_t n, const char *reason, uint64_t spread_ms)
{
    struct telling telling = {
        .dialect = dialect, .place = place, .reason = reason, .spread_ms = spread_ms};
    size_t start = out->len;
    bool said = false;
    if (dialect->reset == DIALECT_RESET_SAID)
        said = say(&telling, DIALECT_RESET, out);
    else if (dialect->reset == DIALECT_RESET_EACH)
        said = say_each(dialect, out, place, resources, n);
    if (!said && !out->overflow)
        buf_cut(out, start);
    return !said;
}
