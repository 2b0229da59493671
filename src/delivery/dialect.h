/* dialect: how the events of one endpoint look on the wire; data, not code (DESIGN 5).
 *
 * A dialect says six things, each as an event name (SSE only) and a phrase (wire/phrase.h):
 *
 *     ready       the stream is open                 {connection} {heartbeat}
 *     change      a row changed                      {resource} {action} {id} {data}
 *     batch       several updates of one resource    {resource} {action} {ids}
 *     notice      a published message                {type} {notice} {data}
 *     reset       anything may have changed          {reason} {spread}
 *     heartbeat   nothing happened
 *
 * {time} is everywhere; but for the heartbeat, which is the same for every stream, there are also
 * {scope} and {scope.0}, {scope.1}, ... its parts between colons, percent signs undone.
 *
 * A dialect names rows, not query keys. What cannot be said of rows (a mark of a family, [], a
 * change without the {id} that the dialect needs) is a reset, never silence.
 *
 * What a dialect does not have is not sent, but for change and reset, which every one has, and for
 * the heartbeat: without one SSE gets a comment; WebSocket always gets a ping.
 *
 * Plain and immutable once made; its memory is the endpoint's. Everything here is pure. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "delivery/naming.h"
#include "hub/hub.h"
#include "model/position.h"
#include "wire/phrase.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dialect_event {
    DIALECT_READY,
    DIALECT_CHANGE,
    DIALECT_BATCH,
    DIALECT_NOTICE,
    DIALECT_RESET,
    DIALECT_HEARTBEAT,
    DIALECT_EVENTS
};

/* The names that the phrases of an event may use. */
const struct phrase_names *dialect_names(enum dialect_event event);
const char *dialect_event_name(enum dialect_event event);

enum dialect_reset {
    DIALECT_RESET_NONE, /* not said yet: no dialect in use */
    DIALECT_RESET_SAID, /* by the phrase */
    DIALECT_RESET_EACH, /* a change of every resource of the scope, with each action of `each` */
    DIALECT_RESET_END,  /* the stream ends; the client refetches when it comes back */
};

struct dialect_words {
    struct phrase *event; /* NULL: an unnamed one */
    struct phrase *data;  /* NULL: the dialect does not have it */
};

struct dialect {
    bool websocket;
    struct dialect_words words[DIALECT_EVENTS];
    enum dialect_reset reset;
    struct str *each; /* actions, as they are called here */
    size_t n_each;
    struct naming resources, actions;
    bool reset_on_connect;
    bool resume; /* SSE: positions are sent as ids of nothing, which Last-Event-ID repeats */
    uint64_t heartbeat_ms; /* 0: that of the limits */
};

/* Whether it says what every dialect has to; the sentence says what is wrong. */
bool dialect_check(const struct dialect *dialect, struct err *err);

/* Of what is written: for which scope, and at what time of the hub's (Unix ms). */
struct dialect_place {
    struct str scope;
    uint64_t now;
};

/* A resource of which changes are told in the scopes of a family. */
struct dialect_resource {
    struct str name; /* before the dialect's naming */
    struct str home; /* a family ("project:*", "*"), or a scope without ":" */
};

struct dialect_ready {
    unsigned worker;
    uint64_t connection;
    uint64_t heartbeat_ms;
};

void dialect_say_ready(const struct dialect *dialect, struct buf *out,
                       const struct dialect_place *place, const struct dialect_ready *ready);
/* False, and nothing said, where a change among them cannot be said: a reset is due. */
bool dialect_say_changes(const struct dialect *dialect, struct buf *out,
                         const struct dialect_place *place, const struct hub_entity *entities,
                         size_t n, bool without_data);
void dialect_say_notice(const struct dialect *dialect, struct buf *out,
                        const struct dialect_place *place, const struct hub_notice *notice);
/* True: the stream has to end. `place` may be a family's. */
bool dialect_say_reset(const struct dialect *dialect, struct buf *out,
                       const struct dialect_place *place, const struct dialect_resource *resources,
                       size_t n, const char *reason, uint64_t spread_ms);
/* Without a message of its own, what keeps the connection alive. */
void dialect_say_heartbeat(const struct dialect *dialect, struct buf *out, uint64_t now);
void dialect_say_position(const struct dialect *dialect, struct buf *out, struct position position);
