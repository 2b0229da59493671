#include "delivery/events.h"

#include "base/calendar.h"
#include "base/jsontext.h"

static struct str position_text(struct buf *text, struct position position)
{
    position_write(text, position);
    return buf_slice(text);
}

static void add_position(struct buf *out, struct str text)
{
    buf_text(out, "\"position\":\"");
    buf_str(out, text);
    buf_byte(out, '"');
}

static void add_bool(struct buf *out, const char *name, bool value)
{
    buf_printf(out, "\"%s\":%s", name, value ? "true" : "false");
}

void events_time(struct buf *out, uint64_t unix_ms)
{
    const struct calendar utc = calendar_utc(unix_ms / 1000);
    buf_printf(out, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", utc.year, utc.month, utc.day, utc.hour,
               utc.minute, utc.second, (unsigned)(unix_ms % 1000));
}

void events_ready(struct buf *out, enum format format, const struct events_ready *ready)
{
    static const char *const names[] = {
        [STANDING_FRESH] = "fresh", [STANDING_EXACT] = "exact", [STANDING_RESET] = "reset"};
    struct buf text = BUF_INIT(POSITION_TEXT_MAX);
    struct str position = position_text(&text, ready->position);
    struct event event = event_begin(out, format, "ready");
    buf_printf(out, "\"connection\":\"c_%x_%llx\",\"scopes\":{", ready->worker,
               (unsigned long long)ready->connection);
    for (size_t i = 0; i < ready->n; i++) {
        if (i)
            buf_byte(out, ',');
        jsontext_string(out, ready->scopes[i]);
        buf_printf(out, ":\"%s\"", names[ready->standings[i]]);
    }
    buf_text(out, "},");
    add_position(out, position);
    buf_printf(out, ",\"heartbeat\":%g,", (double)ready->heartbeat_ms / 1000);
    add_bool(out, "current", ready->current);
    buf_printf(out, ",\"spread\":%llu", (unsigned long long)ready->spread_ms);
    event_end(&event, position);
    buf_free(&text);
}

static void add_change(struct buf *out, const struct hub_entity *entity, bool without_data)
{
    buf_text(out, "{\"resource\":");
    jsontext_string(out, entity->name);
    buf_text(out, ",\"action\":");
    jsontext_string(out, entity->action);
    if (entity->id.n) {
        buf_text(out, ",\"id\":");
        buf_str(out, entity->id);
    }
    if (entity->data.n && !without_data) {
        buf_text(out, ",\"data\":");
        buf_str(out, entity->data);
    }
    buf_byte(out, '}');
}

void events_stale(struct buf *out, enum format format, const struct events_stale *stale)
{
    struct event event = event_begin(out, format, "stale");
    buf_text(out, "\"scope\":");
    jsontext_string(out, stale->scope);
    buf_text(out, ",\"keys\":[");
    for (size_t i = 0; i < stale->n_keys; i++) {
        if (i)
            buf_byte(out, ',');
        buf_str(out, stale->keys[i]);
    }
    buf_text(out, "],\"spread\":0");
    for (size_t i = 0; i < stale->n_entities; i++) {
        buf_text(out, i ? "," : ",\"changes\":[");
        add_change(out, &stale->entities[i], stale->without_data);
    }
    if (stale->n_entities)
        buf_byte(out, ']');
    event_end(&event, (struct str){0});
}

void events_reset(struct buf *out, enum format format, struct str scope, const char *reason,
                  uint64_t spread_ms)
{
    struct event event = event_begin(out, format, "reset");
    buf_text(out, "\"scopes\":[");
    jsontext_string(out, scope);
    buf_printf(out, "],\"reason\":\"%s\",\"spread\":%llu", reason, (unsigned long long)spread_ms);
    event_end(&event, (struct str){0});
}

void events_notice(struct buf *out, enum format format, struct str scope,
                   const struct hub_notice *notice)
{
    struct event event = event_begin(out, format, "notice");
    buf_text(out, "\"id\":");
    jsontext_string(out, notice->id);
    buf_text(out, ",\"scope\":");
    jsontext_string(out, scope);
    /* In a WebSocket message "type" is already the event's. */
    buf_text(out, format_is_websocket(format) ? ",\"notice\":" : ",\"type\":");
    jsontext_string(out, notice->type);
    buf_text(out, ",\"data\":");
    buf_str(out, notice->data);
    event_end(&event, (struct str){0});
}

void events_position(struct buf *out, enum format format, struct position position)
{
    struct buf text = BUF_INIT(POSITION_TEXT_MAX);
    struct str written = position_text(&text, position);
    struct event event = event_begin(out, format, "position");
    add_position(out, written);
    event_end(&event, written);
    buf_free(&text);
}

void events_heartbeat(struct buf *out, enum format format, uint64_t now_ms, bool current,
                      struct position position)
{
    struct buf text = BUF_INIT(POSITION_TEXT_MAX);
    struct str written = position_text(&text, position);
    struct event event = event_begin(out, format, "heartbeat");
    buf_text(out, "\"time\":\"");
    events_time(out, now_ms);
    buf_text(out, "\",");
    add_bool(out, "current", current);
    buf_byte(out, ',');
    add_position(out, written);
    event_end(&event, written);
    buf_free(&text);
}

void events_revoked(struct buf *out, enum format format, struct str scope)
{
    struct event event = event_begin(out, format, "revoked");
    buf_text(out, "\"scope\":");
    jsontext_string(out, scope);
    event_end(&event, (struct str){0});
}

void events_closed(struct buf *out, unsigned code, const char *sentence)
{
    struct event event = event_begin(out, FORMAT_SSE, "closed");
    buf_printf(out, "\"code\":%u,\"error\":", code);
    jsontext_string(out, str_of(sentence));
    event_end(&event, (struct str){0});
}

void events_error(struct buf *out, enum format format, struct str scope, const char *sentence)
{
    struct event event = event_begin(out, format, "error");
    buf_text(out, "\"error\":");
    jsontext_string(out, str_of(sentence));
    if (scope.n) {
        buf_text(out, ",\"scope\":");
        jsontext_string(out, scope);
    }
    event_end(&event, (struct str){0});
}
