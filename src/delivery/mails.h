/* mails: everything that the hub's thread and the delivery threads say to each other.
 *
 * A mail that asks is the same memory as its answer: it travels there and back, so a
 * subscriber that is behind owns one small allocation, and who finds the other
 * side gone just frees it. */
#pragma once

#include "base/arena.h"
#include "base/blob.h"
#include "base/err.h"
#include "delivery/close_code.h"
#include "delivery/quota.h"
#include "delivery/tick.h"
#include "net/mailbox.h"
#include "net/proxies.h"
#include "net/server.h"
#include "wire/publish.h"

#include <stdbool.h>
#include <stdint.h>

enum mail_kind {
    /* to the hub */
    MAIL_JOINED,  /* struct mail_interest: a scope or family has its first subscriber on this thread
                   */
    MAIL_LEFT,    /* struct mail_interest: it lost its last one */
    MAIL_ASK,     /* struct catchup */
    MAIL_PUBLISH, /* struct mail_publish */
    MAIL_TICKED,  /* struct mail_ticked: a thread has written a tick */
    MAIL_STATS,   /* struct mail_stats */
    MAIL_DRAINED, /* struct mail_from: a thread has no stream left, or its time is over */
    MAIL_LIMITED, /* struct mail_limits: a thread goes by the new ones and has forgotten the old */
    MAIL_LOOKED,  /* struct mail_look */
    MAIL_MEMBER,  /* struct mail_member: somebody wants in; what may he read by the database? */
    MAIL_MEMBER_LEFT, /* struct mail_user: one stream less of who was admitted */
    MAIL_STOPPED,     /* struct mail_from: a thread has closed everything */
    /* to a delivery thread */
    MAIL_TICK,      /* struct mail_tick */
    MAIL_ANSWER,    /* struct catchup */
    MAIL_PUBLISHED, /* struct mail_publish */
    MAIL_CURRENT,   /* struct mail_current */
    MAIL_LIMITS,    /* struct mail_limits */
    MAIL_LOOK,      /* struct mail_look */
    MAIL_DRAIN,     /* struct mail_drain */
    MAIL_ADMITTED,  /* struct mail_member */
    MAIL_RIGHT,     /* struct mail_right */
    MAIL_STOP,      /* struct mail */
};

/* A mail of any kind that reached nobody, with what it holds. */
void mail_free(struct mail *mail);

struct mail_interest {
    struct mail mail;
    uint32_t n;
    char scope[];
};

struct mail_interest *mail_interest_new(enum mail_kind kind, struct str scope);

struct mail_tick {
    struct mail mail;
    struct tick *tick; /* one reference */
};

struct mail_ticked {
    struct mail mail;
    unsigned worker;
};

struct mail_from {
    struct mail mail;
    unsigned worker;
};

/* Who opens a stream, and what he may read by the tables of auth.membership. */
struct mail_member {
    struct mail mail;
    unsigned worker;
    uint64_t conn;
    struct str user;   /* its own */
    bool admitted;     /* else the database could not say it in time */
    struct buf scopes; /* each with a NUL behind it */
};

struct mail_member *mail_member_new(unsigned worker, uint64_t conn, struct str user);

struct mail_user {
    struct mail mail;
    uint32_t n;
    char user[];
};

struct mail_user *mail_user_new(enum mail_kind kind, struct str user);

/* A right of that user by the database. Before it comes a tick that has what was committed before.
 */
enum mail_right_kind {
    MAIL_RIGHT_GRANTED,
    MAIL_RIGHT_SUSPENDED, /* not now; RESUMED, RENEWED or REVOKED follows */
    MAIL_RIGHT_RESUMED,   /* it was there all the while: nothing is missed */
    MAIL_RIGHT_RENEWED,   /* as GRANTED, of who held the scope */
    MAIL_RIGHT_REVOKED,
};

struct mail_right {
    struct mail mail;
    enum mail_right_kind kind;
    struct str user, scope; /* behind it */
    char text[];
};

struct mail_right *mail_right_new(enum mail_right_kind kind, struct str user, struct str scope);

/* Who is connected to a thread: at most `limit` rows, of those that hold `scope` if there is one.
 */
struct mail_look {
    struct mail mail;
    uint64_t id;
    unsigned limit, shown;
    size_t total;
    struct buf rows; /* JSON objects with commas between them */
    uint32_t n;
    char scope[];
};

struct mail_look *mail_look_new(uint64_t id, struct str scope, unsigned limit);
void mail_look_free(struct mail_look *look);

struct mail_drain {
    struct mail mail;
    uint64_t ms; /* streams end one by one within this */
};

struct authorizer;
struct endpoints;
struct quota;

/* Everything of a delivery thread that a reload changes. */
struct worker_limits {
    struct server_limits server;
    uint64_t heartbeat_ms, spread_ms;
    unsigned scopes_max;
    unsigned publishes_max;
    size_t publish_body;
    struct proxies proxies;
    unsigned streams_max[QUOTA_KINDS];
    struct quota *quota;                 /* of all threads; lives longer than they */
    const struct authorizer *authorizer; /* lives until every thread has said MAIL_LIMITED */
    const struct endpoints *endpoints;   /* likewise; NULL: none */
};

struct mail_limits {
    struct mail mail;
    struct worker_limits limits;
};

struct mail_current {
    struct mail mail;
    bool current;
};

struct mail_publish {
    struct mail mail;
    unsigned worker;
    uint64_t conn;
    struct arena arena; /* holds `publish` and `headers` */
    struct publish publish;
    struct str headers; /* that the answer carries */
    bool accepted;
    uint64_t position; /* of an accepted one */
    struct err err;    /* of one that was not: nothing of it was applied */
};

void mail_publish_free(struct mail_publish *publish);

/* Of one endpoint. */
struct mail_endpoint {
    unsigned open;
    uint64_t opened, refused;
};

/* Of the guests of a thread (guests.h). */
struct guests_stats {
    uint64_t expired;   /* streams whose identity ended */
    uint64_t unknown;   /* WebSockets that did not say in time who they are */
    uint64_t renewed;   /* `token` messages that were taken */
    uint64_t revoked;   /* scopes taken away */
    uint64_t granted;   /* scopes added to who follows their family */
    uint64_t forbidden; /* streams that ended since nothing was left */
};

struct mail_stats {
    struct mail mail;
    unsigned worker;
    struct server_stats server;
    unsigned subscribers, behind, scopes;
    uint64_t deliveries, cuts, rounds, heartbeats;
    uint64_t close_codes[CLOSE_CODE_COUNT]; /* sent */
    struct mail_endpoint endpoints[FORMAT_COUNT - FORMAT_NATIVE];
    struct guests_stats guests;
};
