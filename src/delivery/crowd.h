/* crowd: all subscribers of one delivery thread: ticks, catch-up rounds, heartbeats.
 *
 * Thread: the delivery thread's.
 *
 * What always holds:
 *  1. A LIVE subscriber has been sent everything of its scopes up to the last tick
 *     that the crowd has finished. So its position need not be stored.
 *  2. Ticks and answers are handled in the order in which the hub sent them; an answer
 *     whose target is T is handled after tick T and before every later one.
 *  3. A subscriber gets at most one write a tick. What of it the kernel does not take makes
 *     the subscriber behind; nothing is queued for it.
 *  4. A bounded number of writes is made in one call, then input is looked at again.
 *  5. A position speaks for every scope that the client may think it holds. While one is suspended
 *     none is told above that scope's: the others go on without, and whoever reconnects meanwhile
 *     resumes from before what was withheld. */
#pragma once

#include "base/hash.h"
#include "base/str.h"
#include "delivery/catchup.h"
#include "delivery/endpoints.h"
#include "delivery/mails.h"
#include "net/server.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crowd;

struct crowd_options {
    unsigned worker;
    struct server *server;
    struct hash_seed seed;
    uint64_t epoch;
    uint64_t heartbeat_ms;
    const struct endpoints *endpoints; /* NULL: none */
    uint64_t spread_ms;
    uint64_t stalled_ms;
    uint64_t start; /* position of the last tick before this thread began */
    void *ctx;
    /* To the hub. */
    void (*post)(void *ctx, struct mail *mail);
    /* The hub's MAIL_STOP, after everything that it sent before. */
    void (*stop)(void *ctx);
};

struct crowd *crowd_new(const struct crowd_options *options);
/* Every connection must be gone. */
void crowd_free(struct crowd *crowd);

struct crowd_scope {
    struct str name;
    uint64_t since; /* a sequence of this epoch, CATCHUP_FRESH or CATCHUP_LOST */
};

/* Makes the connection a subscriber of the scopes (checked, without repeats; none is possible where
 * they can be added later). `head` is sent before the first event; a WebSocket's at once, since its
 * peer may speak from then on. */
void crowd_open(struct crowd *crowd, struct conn *conn, enum format format,
                const struct crowd_scope *scopes, size_t n, struct str head, uint64_t now);
/* Adds scopes to an open stream (checked, without repeats); each is answered by a `ready`, at the
 * next moment at which the stream is at a granted position. One that is held already is asked anew.
 */
void crowd_add(struct crowd *crowd, struct conn *conn, const struct crowd_scope *scopes, size_t n);
/* As crowd_add of one, which nobody asked for: a right came. The `ready` names all scopes that are
 * held then, where the dialect is ours. */
void crowd_grant(struct crowd *crowd, struct conn *conn, const struct crowd_scope *scope);
/* Nothing happens where it is not held. */
void crowd_remove(struct crowd *crowd, struct conn *conn, struct str scope);
/* The right to it has ended: as crowd_remove, and what is on its way from the hub for this stream
 * is thrown away, since it may speak of the scope. False: it was not held. A stream that has not
 * begun yet is closed instead. */
bool crowd_revoke(struct crowd *crowd, struct conn *conn, struct str scope);
/* As crowd_revoke of a scope that it holds, for as long as its right is asked about again. Returns
 * from where it would go on; CATCHUP_LOST: nothing of it was granted yet. */
uint64_t crowd_suspend(struct crowd *crowd, struct conn *conn, struct str scope);
/* As crowd_grant of one that was suspended; `last`: no other one is. */
void crowd_resume(struct crowd *crowd, struct conn *conn, const struct crowd_scope *scope,
                  bool last);
/* None is suspended any more: those that were are not the client's, or it does not want them. */
void crowd_release(struct conn *conn);
size_t crowd_held(const struct conn *conn);
bool crowd_holds(const struct conn *conn, struct str scope);
void crowd_each_held(const struct conn *conn, void (*each)(void *ctx, struct str scope), void *ctx);
/* A pointer of the owner's at the subscriber, NULL at first. */
void *crowd_peer(const struct conn *conn);
void crowd_set_peer(struct conn *conn, void *peer);
/* crowd_close was called. */
bool crowd_closing(const struct conn *conn);
/* The peer has sent something, so it lives. */
void crowd_heard(struct conn *conn, uint64_t now);
/* A heartbeat, as an answer. Nothing while a `ready` is due: it tells all that a heartbeat could,
 * and a position in front of it would not speak for the scopes that it is about. */
void crowd_write_heartbeat(const struct crowd *crowd, const struct conn *conn, uint64_t wall_ms,
                           struct buf *out);
/* For whom the peer asks, where that is another address; shown by crowd_look. */
void crowd_set_client(struct crowd *crowd, const struct conn *conn, const char *client);
/* NULL: it asks for itself. */
const char *crowd_client(const struct crowd *crowd, const struct conn *conn);
enum format crowd_format(const struct conn *conn);
/* Somebody was turned away from an endpoint; for the statistics. */
void crowd_refused(struct crowd *crowd, enum format format);

/* From the server's callbacks, for connections whose user is a subscriber. */
void crowd_writable(struct crowd *crowd, struct conn *conn);
void crowd_closed(struct crowd *crowd, struct conn *conn);

/* From the hub, in order; takes the mail. */
void crowd_mail(struct crowd *crowd, struct mail *mail);
/* Handles what came from the hub; true when the budget ended before the work did. */
bool crowd_work(struct crowd *crowd);
/* How often crowd_beat is to be called. So much too early a heartbeat may come, never too late. */
uint64_t crowd_beat_every(const struct crowd *crowd);
/* Sends the heartbeats that are due; `wall_ms` is what they say. True when more are due now. */
bool crowd_beat(struct crowd *crowd, uint64_t now, uint64_t wall_ms);
/* Ends at most `n` of the streams, first of those that wait for nothing: SSE with a random `retry:`
 * within spread, WebSocket with 1012. `all`: also those that are behind, without a `retry:`. */
void crowd_end(struct crowd *crowd, size_t n, bool all, uint64_t random);
/* Streams that were not ended yet. */
size_t crowd_open_streams(const struct crowd *crowd);
/* From here on; open streams are kept. A longer heartbeat counts once all streams are gone that
 * were told a shorter one: they would take the silence for the end. */
void crowd_set_limits(struct crowd *crowd, uint64_t heartbeat_ms, uint64_t spread_ms,
                      uint64_t stalled_ms, uint64_t now);
/* The list in force from here on; the one before is not looked at any more. Streams of what is
 * served no longer end one by one within the spread. */
void crowd_set_endpoints(struct crowd *crowd, const struct endpoints *endpoints, uint64_t now);
/* Ends a stream, as soon as what is in flight is out: a WebSocket with a close frame, SSE with an
 * event. The first code counts. */
void crowd_close(struct crowd *crowd, struct conn *conn, unsigned code);

/* Position of the last tick that everybody live has. */
uint64_t crowd_ticked(const struct crowd *crowd);
/* Fills the look: streams that were not ended. */
void crowd_look(const struct crowd *crowd, struct mail_look *look, uint64_t now);
void crowd_stats(const struct crowd *crowd, struct mail_stats *stats);
