/* events: the native events of DESIGN 5, written in a format.
 *
 * Each function appends one whole event. Nothing here decides anything. */
#pragma once

#include "base/buf.h"
#include "base/str.h"
#include "delivery/format.h"
#include "hub/hub.h"
#include "model/position.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum standing { STANDING_FRESH, STANDING_EXACT, STANDING_RESET };

struct events_ready {
    unsigned worker; /* with `connection` the name: ids are a thread's own */
    uint64_t connection;
    const struct str *scopes;
    const enum standing *standings;
    size_t n;
    struct position position; /* granted */
    uint64_t heartbeat_ms;
    uint64_t spread_ms; /* 0 when nothing is reset */
    bool current;
};

void events_ready(struct buf *out, enum format format, const struct events_ready *ready);

struct events_stale {
    struct str scope;
    const struct str *keys; /* canonical JSON arrays */
    size_t n_keys;
    const struct hub_entity *entities;
    size_t n_entities;
    bool without_data; /* leaves every entity's data out */
};

void events_stale(struct buf *out, enum format format, const struct events_stale *stale);
void events_reset(struct buf *out, enum format format, struct str scope, const char *reason,
                  uint64_t spread_ms);
void events_notice(struct buf *out, enum format format, struct str scope,
                   const struct hub_notice *notice);
void events_position(struct buf *out, enum format format, struct position position);
void events_heartbeat(struct buf *out, enum format format, uint64_t now_ms, bool current,
                      struct position position);

/* The right to it has ended. */
void events_revoked(struct buf *out, enum format format, struct str scope);
/* The last event of an SSE stream that ends for a reason; WebSocket has its close frame. */
void events_closed(struct buf *out, unsigned code, const char *sentence);
/* About one scope, or (`scope` empty) about what the client sent. WebSocket only. */
void events_error(struct buf *out, enum format format, struct str scope, const char *sentence);

/* "2026-11-21T08:15:00.123Z" */
void events_time(struct buf *out, uint64_t unix_ms);
