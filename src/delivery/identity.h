/* identity: who somebody is, what that one may read, and until when.
 *
 * Resolved when a stream opens (authorizer.h) and kept beside it (guests.h); from then on every
 * question is answered from here, at once. A right is a scope, or a family ("project:*", "*") that
 * stands for each of its scopes. Where rights come from is kept with them: what the claims gave and
 * what the database gives (membership) come and go by themselves, and a scope may be read while
 * either gives it.
 *
 * What always holds:
 *  1. Without a right there is no reading: nobody() may read nothing, everyone() everything.
 *  2. At most IDENTITY_RIGHTS_MAX rights; one more is refused, never dropped silently.
 *
 * Thread and owner: one, that of its stream; everyone() and nobody() never change and belong to
 * no one. */
#pragma once

#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IDENTITY_RIGHTS_MAX = 10000 };

enum identity_way {
    IDENTITY_EVERYONE, /* auth: none */
    IDENTITY_NOBODY,   /* a WebSocket that has not said yet who it is */
    IDENTITY_TOKEN,    /* a JWT */
    IDENTITY_CALLBACK, /* the application said who its cookies belong to */
    IDENTITY_TICKET
};

/* Where a right comes from; a set of them is a sum. */
enum { IDENTITY_CLAIMS = 1, IDENTITY_LIVE = 2 };

struct identity;

struct identity_options {
    enum identity_way way;
    struct str user;      /* "" where nobody is named: there is no limit per user then */
    struct str proof;     /* what identified it, to be looked at again after a reload; a secret */
    struct str session;   /* the same for the same session of an application; "": there is none */
    int64_t expires_ms;   /* Unix time; INT64_MAX: never */
    const json_t *claims; /* copied by reference; may be NULL */
};

/* Copies. Without a right so far. */
struct identity *identity_new(const struct identity_options *options);
/* NULL, everyone and nobody are allowed. Overwrites the proof. */
void identity_free(struct identity *identity);
struct identity *identity_everyone(void);
struct identity *identity_nobody(void);

enum identity_way identity_way(const struct identity *identity);
struct str identity_user(const struct identity *identity);
struct str identity_proof(const struct identity *identity);
/* What connections_per_token counts: the token, or the session. "" for a ticket: it opens one. */
struct str identity_session(const struct identity *identity);
int64_t identity_expires(const struct identity *identity);
/* An object, or NULL: only until the stream is open, then they are let go. */
const json_t *identity_claims(const struct identity *identity);
void identity_forget_claims(struct identity *identity);

/* `scope` is a checked scope or a family. False: there is no room. */
bool identity_grant(struct identity *identity, struct str scope, unsigned from);
/* True: that was the last reason, the right is gone. */
bool identity_revoke(struct identity *identity, struct str scope, unsigned from);

/* Grants `to` what `of` may read for these reasons: another identity of the same user. */
void identity_carry(struct identity *to, const struct identity *of, unsigned from);

enum identity_answer {
    IDENTITY_YES,
    IDENTITY_NO,
    IDENTITY_WHO,      /* nobody: say first who you are */
    IDENTITY_UNBOUNDED /* a family of which every scope may be read: it has no list */
};

/* A family is answered with YES where at least one right in it can be named, or may come while the
 * stream is open (identity_set_lease). */
enum identity_answer identity_may_read(const struct identity *identity, struct str scope);
/* Each scope of the family that it may read, in no order. Slices live as long as the right. */
void identity_each(const struct identity *identity, struct str family,
                   void (*each)(void *ctx, struct str scope), void *ctx);
size_t identity_rights(const struct identity *identity);

/* Whoever keeps its rights by the database true (auth/live.h) is told when it is freed; at most
 * once. `ctx` must outlive it. */
void identity_set_lease(struct identity *identity, void (*ended)(void *ctx, struct str user),
                        void *ctx);
/* What `old` has by the database is now `identity`'s, and so is the lease. */
void identity_take_live(struct identity *old, struct identity *identity);
