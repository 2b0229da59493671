#include "delivery/session.h"

#include "base/mem.h"
#include "delivery/close_code.h"
#include "delivery/events.h"
#include "delivery/scopes.h"
#include "model/scope.h"
#include "wire/ws.h"

#include <jansson.h>
#include <stdlib.h>

enum {
    SESSION_REPLIES_MAX = 64 * 1024, /* of a client that asks and does not read */
    SESSION_MESSAGE_MAX = 64 * 1024,
    SESSION_HELD_MAX = 64 * 1024,
};

struct session {
    struct ws_reader reader;
    struct buf replies;
    struct list unfinished; /* in the api's list while the rest of a message is to come */
    uint64_t begun_at;
    struct conn *conn;
    bool asking;     /* it is asked what somebody may read … */
    struct buf held; /* … and what is said meanwhile waits for it */
    bool heard;      /* its bytes are being looked at: it must not go now */
};

/* One message on its way. */
struct talk {
    const struct session_options *options;
    struct conn *conn;
    struct session *session;
    enum format format;
};

static struct str string_of(const json_t *value)
{
    return (struct str){.p = json_string_value(value), .n = json_string_length(value)};
}

/* False while something of it waits. */
static bool flush(struct session *session)
{
    struct conn *conn = session->conn;
    if (session->replies.len == 0)
        return !conn_busy(conn);
    if (conn_busy(conn))
        return false;
    struct blob *blob = blob_new(buf_slice(&session->replies));
    const struct piece piece = {.blob = blob, .to = blob->len};
    buf_clear(&session->replies);
    conn_send(conn, &piece, 1, NULL);
    blob_unref(blob);
    return !conn_busy(conn);
}

/* A client that reads is never closed for asking much at once. */
static void flush_much(struct session *session)
{
    if (session->replies.len > SESSION_REPLIES_MAX / 2)
        flush(session);
}

/* Nothing more is heard. What was answered before goes out, then the close. */
static void end(struct crowd *crowd, struct session *session, unsigned code)
{
    ws_reader_free(&session->reader);
    list_remove(&session->unfinished);
    if (session->replies.overflow) /* half a frame stands there */
        buf_clear(&session->replies);
    flush(session);
    crowd_close(crowd, session->conn, code);
}

static void say_error(struct talk *talk, struct str scope, const char *sentence)
{
    struct session *session = talk->session;
    /* What cannot be a scope is not repeated: it may be as long as the message. */
    events_error(&session->replies, talk->format, scope.n <= SCOPE_MAX ? scope : (struct str){0},
                 sentence);
    flush_much(session);
}

static void subscribe(struct talk *talk, const json_t *names, const json_t *position)
{
    const struct session_options *options = talk->options;
    struct scopes scopes;
    scopes_init(&scopes, guests_identity(options->guests, talk->conn), options->epoch,
                options->scopes_max);
    uint64_t since = scopes_since(&scopes, position ? string_of(position) : (struct str){0});
    unsigned close = 0; /* where nothing is left to be read */
    for (size_t i = 0; i < json_array_size(names); i++) {
        struct str name = string_of(json_array_get(names, i));
        struct err err = ERR_INIT;
        unsigned status = scopes_add(&scopes, name, since, &err);
        if (status)
            say_error(talk, name, err.text);
        if (status == 401)
            close = CLOSE_CODE_TOKEN;
        if (status == 403 && !close)
            close = CLOSE_CODE_FORBIDDEN;
    }
    size_t held = crowd_held(talk->conn), more = scopes.n;
    for (size_t i = 0; i < scopes.n && held + more > options->scopes_max; i++)
        more -= crowd_holds(talk->conn, scopes.items[i].name);
    if (held + more > options->scopes_max) {
        say_error(talk, (struct str){0}, TOO_MANY_SCOPES);
    } else if (scopes.n > 0) {
        for (size_t i = 0; i < scopes.n_families; i++)
            guests_follow(options->guests, talk->conn, scopes.families[i]);
        crowd_add(options->crowd, talk->conn, scopes.items, scopes.n);
    } else if (close && held == 0) {
        end(options->crowd, talk->session, close);
    }
    scopes_free(&scopes);
}

static void on_subscribe(struct talk *talk, const json_t *message)
{
    const json_t *position = json_object_get(message, "since");
    if (position && !json_is_string(position) && !json_is_null(position))
        say_error(talk, (struct str){0}, "subscribe: \"since\" is a position, a string");
    else
        subscribe(talk, json_object_get(message, "scopes"),
                  json_is_string(position) ? position : NULL);
}

static void on_unsubscribe(struct talk *talk, const json_t *message)
{
    const struct session_options *options = talk->options;
    const json_t *names = json_object_get(message, "scopes");
    for (size_t i = 0; i < json_array_size(names); i++) {
        struct str name = string_of(json_array_get(names, i));
        if (scope_is_family(name))
            guests_unfollow(options->guests, talk->conn, name);
        else
            crowd_remove(options->crowd, talk->conn, name);
        guests_forget(options->guests, talk->conn, name);
    }
}

/* It is one of whom it is known now whether, and as whom, it may stay. */
static void sign_in(struct talk *talk, struct admission *admission)
{
    const struct session_options *options = talk->options;
    bool nobody = identity_way(guests_identity(options->guests, talk->conn)) == IDENTITY_NOBODY;
    if (admission->answer != AUTHORIZER_YES) {
        say_error(talk, (struct str){0}, admission->err.text);
        /* Who was let in stays so until the first token's end. */
        if (nobody)
            end(options->crowd, talk->session,
                admission->answer == AUTHORIZER_LATER ? WS_TRY_LATER : CLOSE_CODE_TOKEN);
    } else if (nobody && !options->seat(options->ctx, talk->conn, admission->identity)) {
        identity_free(admission->identity);
        say_error(talk, (struct str){0}, "there are too many streams of you already; close some");
        end(options->crowd, talk->session, WS_TRY_LATER);
    } else {
        guests_replace(options->guests, talk->conn, admission->identity);
    }
}

/* Refreshes in place: nothing is interrupted, and rights that are other ones now take effect. */
static void on_token(struct talk *talk, const json_t *message)
{
    const struct session_options *options = talk->options;
    const struct identity *old = guests_identity(options->guests, talk->conn);
    const json_t *token = json_object_get(message, "token");
    struct admission admission = {.err = ERR_INIT};
    if (!json_is_string(token)) {
        say_error(talk, (struct str){0}, "token: \"token\" is missing");
        return;
    }
    if (identity_way(old) == IDENTITY_EVERYONE)
        return; /* without authentication there is nothing that a token could change */
    if (!guests_may_show(options->guests, talk->conn, options->now)) {
        say_error(talk, (struct str){0}, "too many tokens at once; come back with one in a moment");
        return;
    }
    options->authorizer->renew(options->authorizer->ctx, old, string_of(token), &admission);
    if (identity_way(old) == IDENTITY_NOBODY && admission.answer == AUTHORIZER_YES &&
        !options->complete(options->ctx, talk->conn, &admission)) {
        guests_named(options->guests, talk->conn);
        talk->session->asking = true;
        return;
    }
    sign_in(talk, &admission);
}

static void on_ping(struct talk *talk, const json_t *message)
{
    crowd_write_heartbeat(talk->options->crowd, talk->conn, talk->options->wall_ms,
                          &talk->session->replies);
}

static const struct verb {
    const char *type;
    bool scopes; /* needs "scopes", an array of strings */
    void (*act)(struct talk *talk, const json_t *message);
} verbs[] = {
    {"subscribe", true, on_subscribe},
    {"unsubscribe", true, on_unsubscribe},
    {"token", false, on_token},
    {"ping", false, on_ping},
};

static bool is_names(const json_t *names)
{
    if (json_array_size(names) == 0)
        return false;
    for (size_t i = 0; i < json_array_size(names); i++)
        if (!json_is_string(json_array_get(names, i)))
            return false;
    return true;
}

static void on_text(struct talk *talk, struct str text)
{
    json_t *message = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    struct str type = string_of(json_object_get(message, "type"));
    const struct verb *verb = NULL;
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (type.p && str_is(type, verbs[i].type))
            verb = &verbs[i];
    if (!verb)
        say_error(talk, (struct str){0},
                  "not understood; there is {\"type\":\"subscribe\",\"scopes\":[...]}, "
                  "unsubscribe, token and ping");
    else if (verb->scopes && !is_names(json_object_get(message, "scopes")))
        say_error(talk, (struct str){0}, "\"scopes\" is an array of scope names");
    else if (verb->scopes &&
             json_array_size(json_object_get(message, "scopes")) > talk->options->scopes_max)
        say_error(talk, (struct str){0}, TOO_MANY_SCOPES);
    else
        verb->act(talk, message);
    json_decref(message);
}

static void on_event(struct talk *talk, enum ws_read read, const struct ws_event *event)
{
    struct crowd *crowd = talk->options->crowd;
    switch (read) {
    case WS_TEXT:
        if (!format_is_dialect(talk->format)) /* there nobody listens */
            on_text(talk, event->text);
        break;
    case WS_PING:
        ws_pong(&talk->session->replies, event->text);
        break;
    case WS_CLOSE:
        end(crowd, talk->session, event->code == WS_NO_CODE ? WS_NORMAL : event->code);
        break;
    case WS_FAILED:
        end(crowd, talk->session, event->code);
        break;
    case WS_MORE:
    case WS_PONG:
        break;
    }
}

static void release(struct session *session)
{
    if (!session->heard && !session->asking && ws_reader_idle(&session->reader) &&
        session->replies.len == 0)
        session_free(session->conn);
}

static struct session *session_of(struct conn *conn)
{
    struct session *session = crowd_peer(conn);
    if (session)
        return session;
    session = mem_new(sizeof *session);
    session->reader = WS_READER_INIT(SESSION_MESSAGE_MAX);
    session->replies = BUF_INIT(SESSION_REPLIES_MAX);
    session->held = BUF_INIT(SESSION_HELD_MAX);
    session->conn = conn;
    list_init(&session->unfinished);
    crowd_set_peer(conn, session);
    return session;
}

void session_say(struct crowd *crowd, struct conn *conn, struct str event)
{
    struct session *session = session_of(conn);
    buf_str(&session->replies, event);
    if (session->replies.overflow)
        end(crowd, session, WS_POLICY);
    flush(session);
    release(session);
}

static void hear(struct talk *talk, struct str bytes)
{
    const struct session_options *options = talk->options;
    struct session *session = talk->session;
    session->heard = true;
    while (bytes.n > 0 && !crowd_closing(talk->conn) && !session->asking) {
        struct ws_event event;
        size_t used = 0;
        enum ws_read read = ws_reader_feed(&session->reader, bytes, &used, &event);
        bytes = str_from(bytes, used);
        on_event(talk, read, &event);
        if (session->replies.overflow)
            end(options->crowd, session, WS_POLICY);
        flush_much(session);
        if (ws_reader_idle(&session->reader))
            list_remove(&session->unfinished);
    }
    if (session->asking && !crowd_closing(talk->conn)) {
        buf_str(&session->held, bytes);
        if (session->held.overflow)
            end(options->crowd, session, WS_POLICY);
    }
    if (!crowd_closing(talk->conn) && !ws_reader_idle(&session->reader) &&
        list_empty(&session->unfinished)) {
        session->begun_at = options->now;
        list_push_back(options->unfinished, &session->unfinished);
    }
    session->heard = false;
    flush(session);
    release(session);
}

static struct talk talk_with(const struct session_options *options, struct conn *conn)
{
    return (struct talk){.options = options,
                         .conn = conn,
                         .session = session_of(conn),
                         .format = crowd_format(conn)};
}

void session_bytes(const struct session_options *options, struct conn *conn, struct str bytes)
{
    struct talk talk = talk_with(options, conn);
    hear(&talk, bytes);
}

void session_known(const struct session_options *options, struct conn *conn,
                   struct admission *admission)
{
    struct talk talk = talk_with(options, conn);
    struct buf held = talk.session->held;
    talk.session->held = BUF_INIT(SESSION_HELD_MAX);
    talk.session->asking = false;
    if (crowd_closing(conn)) {
        identity_free(admission->identity);
    } else {
        talk.session->heard = true;
        sign_in(&talk, admission);
    }
    hear(&talk, buf_slice(&held));
    buf_free(&held);
}

void session_expire(const struct session_options *options)
{
    LIST_EACH (node, options->unfinished) {
        struct session *session = LIST_ITEM(node, struct session, unfinished);
        if (options->now - session->begun_at < options->message_ms)
            return;
        end(options->crowd, session, CLOSE_CODE_SLOW);
        release(session);
    }
}

bool session_writable(struct conn *conn)
{
    struct session *session = crowd_peer(conn);
    if (!session)
        return true;
    bool free = flush(session);
    release(session);
    return free;
}

void session_free(struct conn *conn)
{
    struct session *session = crowd_peer(conn);
    if (!session)
        return;
    crowd_set_peer(conn, NULL);
    list_remove(&session->unfinished);
    ws_reader_free(&session->reader);
    buf_free(&session->replies);
    buf_free(&session->held);
    free(session);
}
