/* entrance: a stream's way from the request to the crowd: who is it, and is there a seat?
 *
 * Where the application has to be asked, the request waits here. What then happens is the
 * route's: it gets the entry with an identity and a seat, or with the status of the refusal.
 *
 * Thread: the delivery thread's. Bound: ENTRANCE_WAITING_MAX wait, one more is 503. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "delivery/authorizer.h"
#include "delivery/call.h"
#include "delivery/quota.h"
#include "delivery/scopes.h"
#include "wire/query.h"

#include <stdbool.h>
#include <stdint.h>

enum { ENTRANCE_WAITING_MAX = 1000 };

struct entrance;
struct entry;

/* The route's part. Ends with entry_welcome after crowd_open, or with entry_refuse, or
 * with entry_give_back. */
typedef void entrance_enter(struct entry *entry);

struct entry {
    struct call *call;
    entrance_enter *enter;
    struct arena arena; /* of the query */
    struct query query;
    struct admission admission; /* YES: with an identity, until it is welcomed or given back */
    struct quota_seat seat;
    bool seated;
    unsigned status; /* 0, or of the refusal, with a sentence */
    struct err err;
};

struct entrance *entrance_new(const struct api_options *options);
void entrance_free(struct entrance *entrance);
/* The authorizer of the limits is another one now; the old one lives until this returns. */
void entrance_set_authorizer(struct entrance *entrance, const struct authorizer *old);
/* From here on everybody is refused with 503. */
void entrance_drain(struct entrance *entrance);
/* Nobody waits any more; its handles go with the loop's next turns. */
void entrance_close(struct entrance *entrance);
/* MAIL_ADMITTED; takes it. */
void entrance_answered(struct entrance *entrance, struct mail *mail);
/* The connection is gone. */
void entrance_gone(struct entrance *entrance, struct conn *conn);

/* Calls `enter` now or later, unless the connection goes. */
void entrance_begin(struct entrance *entrance, struct call *call, bool websocket,
                    entrance_enter *enter);
/* The crowd has it: it is somebody's from here on, and follows the families of `scopes`. */
void entry_welcome(struct entry *entry, const struct scopes *scopes);
/* An HTTP answer. */
void entry_refuse(struct entry *entry, unsigned status, const char *sentence);
void entry_give_back(struct entry *entry);
/* For whom the request was made: what a proxy says, or the peer. True: a proxy says it. */
bool entry_client(const struct call *call, char client[PROXIES_CLIENT_MAX]);

/* An open WebSocket has said who it is: what may that one read? True: the admission is complete.
 * False: `known` gets it, once, unless the connection goes; the identity is its own then. */
typedef void entrance_known(void *ctx, struct conn *conn, struct admission *admission);
bool entrance_complete(struct entrance *entrance, struct conn *conn, struct admission *admission,
                       entrance_known *known, void *ctx);
/* It is let in: takes another seat for it. */
bool entrance_reseat(struct entrance *entrance, struct conn *conn, const struct identity *identity);
