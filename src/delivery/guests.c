#include "delivery/guests.h"

#include "base/check.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/table.h"
#include "delivery/catchup.h"
#include "delivery/close_code.h"
#include "delivery/events.h"
#include "delivery/session.h"
#include "model/scope.h"

#include <stdlib.h>
#include <string.h>

struct user;

struct guest {
    uint64_t conn;
    struct identity *identity;
    struct quota *quota;
    struct quota_seat seat;
    uint64_t known_by;    /* 0: it is known */
    uint64_t shown_since; /* tokens are counted from here on */
    unsigned shown;
    struct str *families; /* that it follows; texts are its own */
    size_t n_families;
    struct crowd_scope *suspended; /* what it held, and from where it goes on; texts are its own */
    size_t n_suspended;
    struct user *user; /* NULL: nobody is named */
    struct list of_user;
};

/* The guests of one user. */
struct user {
    uint32_t hash;
    struct list guests;
    size_t n;
    char name[];
};

enum {
    GUESTS_RECHECKS = 100,  /* at a time: some ten milliseconds where signatures are dear */
    GUESTS_EXPIRY_MS = 1000 /* how often at most it is looked for those whose time is over */
};

struct guests {
    struct guests_options options;
    uint64_t *rechecked; /* ids of those who are to be looked at under other settings */
    size_t n_rechecked, next_rechecked;
    const struct authorizer *authorizer;
    struct table table;
    struct table users;
    struct guests_stats stats;
    /* No guest's time ends before it; a guest that goes leaves it too early, never too late. */
    int64_t next_wall;
    uint64_t next_known;
};

/* ---- the tables ---- */

static uint32_t hash_of(uint64_t conn)
{
    return (uint32_t)(conn * 0x9e3779b97f4a7c15u >> 32);
}

static uint32_t guest_hash(const void *item)
{
    return hash_of(((const struct guest *)item)->conn);
}

static bool guest_equal(const void *item, const void *key)
{
    return ((const struct guest *)item)->conn == *(const uint64_t *)key;
}

static struct guest *find(const struct guests *guests, const struct conn *conn)
{
    uint64_t id = conn_id(conn);
    return guests->table.count ? table_find(&guests->table, hash_of(id), guest_equal, &id) : NULL;
}

static uint32_t user_hash_of(struct str name)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < name.n; i++)
        hash = (hash ^ (unsigned char)name.p[i]) * 16777619u;
    return hash;
}

static uint32_t user_hash(const void *item)
{
    return ((const struct user *)item)->hash;
}

static bool user_equal(const void *item, const void *key)
{
    const struct user *user = item;
    return str_equal((struct str){.p = user->name, .n = user->n}, *(const struct str *)key);
}

static struct user *find_user(const struct guests *guests, struct str name)
{
    return guests->users.count ? table_find(&guests->users, user_hash_of(name), user_equal, &name)
                               : NULL;
}

static void join_user(struct guests *guests, struct guest *guest)
{
    struct str name = identity_user(guest->identity);
    if (!name.n)
        return;
    struct user *user = find_user(guests, name);
    if (!user) {
        user = mem_new(sizeof *user + name.n);
        user->hash = user_hash_of(name);
        user->n = name.n;
        memcpy(user->name, name.p, name.n);
        list_init(&user->guests);
        table_add(&guests->users, user);
    }
    guest->user = user;
    list_push_back(&user->guests, &guest->of_user);
}

static void leave_user(struct guests *guests, struct guest *guest)
{
    if (!guest->user)
        return;
    list_remove(&guest->of_user);
    if (list_empty(&guest->user->guests)) {
        table_remove(&guests->users, guest->user);
        free(guest->user);
    }
    guest->user = NULL;
}

/* ---- coming and going ---- */

struct guests *guests_new(const struct guests_options *options)
{
    struct guests *guests = mem_new(sizeof *guests);
    guests->options = *options;
    guests->next_wall = INT64_MAX;
    guests->next_known = UINT64_MAX;
    table_init(&guests->table, guest_hash);
    table_init(&guests->users, user_hash);
    return guests;
}

void guests_free(struct guests *guests)
{
    if (!guests)
        return;
    CHECK(guests->table.count == 0 && guests->users.count == 0);
    table_free(&guests->table);
    table_free(&guests->users);
    free(guests->rechecked);
    free(guests);
}

/* When its time ends, at the latest then somebody has to look. */
static void note_times(struct guests *guests, const struct guest *guest)
{
    if (identity_expires(guest->identity) < guests->next_wall)
        guests->next_wall = identity_expires(guest->identity);
    if (guest->known_by && guest->known_by < guests->next_known)
        guests->next_known = guest->known_by;
}

void guests_add(struct guests *guests, struct conn *conn, struct identity *identity,
                struct quota *quota, const struct quota_seat *seat, uint64_t known_by)
{
    struct guest *guest = mem_new(sizeof *guest);
    guest->conn = conn_id(conn);
    guest->identity = identity;
    guest->quota = quota;
    guest->seat = *seat;
    guest->known_by = known_by;
    list_init(&guest->of_user);
    identity_forget_claims(identity);
    join_user(guests, guest);
    table_add(&guests->table, guest);
    note_times(guests, guest);
}

static void forget_families(struct guest *guest)
{
    for (size_t i = 0; i < guest->n_families; i++)
        free((char *)(uintptr_t)guest->families[i].p);
    free(guest->families);
    guest->families = NULL;
    guest->n_families = 0;
}

static void forget_last(struct guest *guest)
{
    free((char *)(uintptr_t)guest->suspended[--guest->n_suspended].name.p);
}

void guests_remove(struct guests *guests, struct conn *conn)
{
    struct guest *guest = find(guests, conn);
    if (!guest)
        return;
    table_remove(&guests->table, guest);
    leave_user(guests, guest);
    if (guest->quota)
        quota_give_back(guest->quota, &guest->seat);
    identity_free(guest->identity);
    forget_families(guest);
    while (guest->n_suspended)
        forget_last(guest);
    free(guest->suspended);
    free(guest);
}

const struct identity *guests_identity(const struct guests *guests, const struct conn *conn)
{
    const struct guest *guest = find(guests, conn);
    return guest ? guest->identity : identity_everyone();
}

void guests_seat(struct guests *guests, struct conn *conn, struct quota *quota,
                 const struct quota_seat *seat)
{
    struct guest *guest = find(guests, conn);
    if (!guest)
        return;
    if (guest->quota)
        quota_give_back(guest->quota, &guest->seat);
    guest->quota = quota;
    guest->seat = *seat;
}

void guests_named(struct guests *guests, struct conn *conn)
{
    struct guest *guest = find(guests, conn);
    if (guest)
        guest->known_by = 0;
}

bool guests_may_show(struct guests *guests, struct conn *conn, uint64_t now)
{
    struct guest *guest = find(guests, conn);
    if (!guest)
        return true;
    if (guest->shown == 0 || now - guest->shown_since >= GUESTS_TOKENS_MS) {
        guest->shown_since = now;
        guest->shown = 0;
    }
    return guest->shown++ < GUESTS_TOKENS;
}

/* ---- families ---- */

static size_t follows(const struct guest *guest, struct str family)
{
    size_t i = 0;
    while (i < guest->n_families && !str_equal(guest->families[i], family))
        i++;
    return i;
}

void guests_follow(struct guests *guests, struct conn *conn, struct str family)
{
    struct guest *guest = find(guests, conn);
    if (!guest || follows(guest, family) < guest->n_families ||
        guest->n_families >= guests->options.scopes_max)
        return;
    guest->families = mem_grow(guest->families, (guest->n_families + 1) * sizeof *guest->families);
    guest->families[guest->n_families++] =
        (struct str){.p = mem_copy(family.p, family.n), .n = family.n};
}

void guests_unfollow(struct guests *guests, struct conn *conn, struct str family)
{
    struct guest *guest = find(guests, conn);
    size_t i = guest ? follows(guest, family) : 0;
    if (!guest || i == guest->n_families)
        return;
    free((char *)(uintptr_t)guest->families[i].p);
    guest->families[i] = guest->families[--guest->n_families];
}

/* ---- rights that come and go ---- */

static void say_revoked(struct guests *guests, struct conn *conn, struct str scope)
{
    enum format format = crowd_format(conn);
    guests->stats.revoked++;
    if (crowd_closing(conn) || format_is_dialect(format))
        return; /* a dialect has no word for it */
    struct buf text = BUF_INIT(4096);
    events_revoked(&text, format, scope);
    session_say(guests->options.crowd, conn, buf_slice(&text));
    buf_free(&text);
}

static void revoke_scope(struct guests *guests, struct conn *conn, struct str scope)
{
    if (crowd_revoke(guests->options.crowd, conn, scope))
        say_revoked(guests, conn, scope);
}

/* A client that held something and has nothing left is told by the close: it may come back when a
 * right does. Who waits for rights of a family may as well. */
static void end_if_empty(struct guests *guests, const struct guest *guest, struct conn *conn,
                         size_t held_before)
{
    if (held_before == 0 || crowd_held(conn) + guest->n_suspended > 0 || crowd_closing(conn))
        return;
    guests->stats.forbidden++;
    crowd_close(guests->options.crowd, conn, CLOSE_CODE_FORBIDDEN);
}

struct names {
    struct str *items;
    size_t n;
};

static void keep_name(void *ctx, struct str scope)
{
    struct names *names = ctx;
    names->items = mem_grow(names->items, (names->n + 1) * sizeof *names->items);
    names->items[names->n++] = (struct str){.p = mem_copy(scope.p, scope.n), .n = scope.n};
}

static void free_names(struct names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free((char *)(uintptr_t)names->items[i].p);
    free(names->items);
}

/* A followed family that has grown beyond the limit: as much is said as where it is opened. Who
 * speaks on a WebSocket goes on without the rest, and knows; the others come back to be told. */
static void say_too_many(struct guests *guests, struct conn *conn, struct str scope)
{
    enum format format = crowd_format(conn);
    if (!format_is_websocket(format) || format_is_dialect(format)) {
        crowd_close(guests->options.crowd, conn, CLOSE_CODE_BAD_MESSAGE);
        return;
    }
    struct buf text = BUF_INIT(4096);
    events_error(&text, format, scope, TOO_MANY_SCOPES);
    session_say(guests->options.crowd, conn, buf_slice(&text));
    buf_free(&text);
}

/* False where the limit leaves no room for it. */
static bool add_scope(struct guests *guests, struct conn *conn, struct str scope)
{
    const struct crowd_scope added = {.name = scope, .since = CATCHUP_LOST};
    if (crowd_closing(conn) || crowd_holds(conn, scope))
        return true;
    if (crowd_held(conn) >= guests->options.scopes_max)
        return false;
    guests->stats.granted++;
    crowd_grant(guests->options.crowd, conn, &added);
    return true;
}

/* Said once, however many of the family have no room: the errors have to fit into what a client
 * that does not read may leave waiting. */
static void add_family(struct guests *guests, struct guest *guest, struct conn *conn,
                       struct str family)
{
    struct names names = {0};
    bool room = true;
    identity_each(guest->identity, family, keep_name, &names);
    for (size_t i = 0; i < names.n; i++)
        room = add_scope(guests, conn, names.items[i]) && room;
    if (!room)
        say_too_many(guests, conn, family);
    free_names(&names);
}

static void add_followed(struct guests *guests, struct guest *guest, struct conn *conn)
{
    for (size_t i = 0; i < guest->n_families; i++)
        if (identity_may_read(guest->identity, guest->families[i]) == IDENTITY_YES)
            add_family(guests, guest, conn, guest->families[i]);
}

static size_t suspended(const struct guest *guest, struct str scope)
{
    size_t i = 0;
    while (i < guest->n_suspended && !str_equal(guest->suspended[i].name, scope))
        i++;
    return i;
}

/* Its name is the caller's now. */
static struct crowd_scope take_suspended(struct guest *guest, size_t i)
{
    struct crowd_scope taken = guest->suspended[i];
    guest->suspended[i] = guest->suspended[--guest->n_suspended];
    return taken;
}

static void forget(struct guest *guest, struct conn *conn, size_t i)
{
    struct crowd_scope taken = take_suspended(guest, i);
    free((char *)(uintptr_t)taken.name.p);
    if (guest->n_suspended == 0)
        crowd_release(conn);
}

/* The one that was suspended may be read again. */
static void go_on(struct guests *guests, struct guest *guest, struct conn *conn, size_t i,
                  bool missed)
{
    struct crowd_scope again = take_suspended(guest, i);
    if (missed)
        again.since = CATCHUP_LOST;
    if (!crowd_closing(conn) && !crowd_holds(conn, again.name))
        crowd_resume(guests->options.crowd, conn, &again, guest->n_suspended == 0);
    else if (guest->n_suspended == 0)
        crowd_release(conn);
    free((char *)(uintptr_t)again.name.p);
}

void guests_replace(struct guests *guests, struct conn *conn, struct identity *identity)
{
    struct guest *guest = find(guests, conn);
    if (!guest) {
        identity_free(identity);
        return;
    }
    struct names held = {0};
    size_t before = crowd_held(conn);
    /* What the database gives is the same for every token of a user. */
    if (str_equal(identity_user(guest->identity), identity_user(identity)))
        identity_carry(identity, guest->identity, IDENTITY_LIVE);
    leave_user(guests, guest);
    identity_free(guest->identity);
    guest->identity = identity;
    guest->known_by = 0;
    guests->stats.renewed++;
    identity_forget_claims(identity);
    join_user(guests, guest);
    note_times(guests, guest);
    crowd_each_held(conn, keep_name, &held);
    for (size_t i = 0; i < held.n; i++)
        if (identity_may_read(identity, held.items[i]) != IDENTITY_YES)
            revoke_scope(guests, conn, held.items[i]);
    free_names(&held);
    /* What the database is asked about again the claims may give now. */
    for (size_t i = guest->n_suspended; i-- > 0;)
        if (identity_may_read(identity, guest->suspended[i].name) == IDENTITY_YES)
            go_on(guests, guest, conn, i, false);
    add_followed(guests, guest, conn);
    end_if_empty(guests, guest, conn, before);
}

/* Adds what is followed. */
static void granted(struct guests *guests, struct guest *guest, struct conn *conn, struct str scope)
{
    for (size_t i = 0; i < guest->n_families; i++) {
        if (!scope_in_family(scope, guest->families[i]))
            continue;
        if (!add_scope(guests, conn, scope))
            say_too_many(guests, conn, scope);
        return;
    }
}

typedef void guest_act(struct guests *guests, struct guest *guest, struct conn *conn,
                       struct str scope, unsigned from);

/* What is done may close the connection, never free it. */
static void each_of(struct guests *guests, struct str name, struct str scope, unsigned from,
                    guest_act *act)
{
    struct user *user = find_user(guests, name);
    for (struct list *node = user ? user->guests.next : NULL; user && node != &user->guests;) {
        struct guest *guest = LIST_ITEM(node, struct guest, of_user);
        struct conn *conn = conn_find(guests->options.server, guest->conn);
        node = node->next;
        if (conn)
            act(guests, guest, conn, scope, from);
    }
}

static void grant_one(struct guests *guests, struct guest *guest, struct conn *conn,
                      struct str scope, unsigned from)
{
    bool new = identity_may_read(guest->identity, scope) != IDENTITY_YES;
    if (identity_grant(guest->identity, scope, from) && new)
        granted(guests, guest, conn, scope);
}

static void revoke_one(struct guests *guests, struct guest *guest, struct conn *conn,
                       struct str scope, unsigned from)
{
    size_t before = crowd_held(conn) + guest->n_suspended, i = suspended(guest, scope);
    identity_revoke(guest->identity, scope, from);
    if (identity_may_read(guest->identity, scope) == IDENTITY_YES)
        return;
    if (i < guest->n_suspended) {
        forget(guest, conn, i);
        say_revoked(guests, conn, scope);
    } else {
        revoke_scope(guests, conn, scope);
    }
    end_if_empty(guests, guest, conn, before);
}

static void suspend_one(struct guests *guests, struct guest *guest, struct conn *conn,
                        struct str scope, unsigned from)
{
    identity_revoke(guest->identity, scope, from);
    if (identity_may_read(guest->identity, scope) == IDENTITY_YES || !crowd_holds(conn, scope))
        return;
    const struct crowd_scope kept = {.name = {.p = mem_copy(scope.p, scope.n), .n = scope.n},
                                     .since = crowd_suspend(guests->options.crowd, conn, scope)};
    guest->suspended =
        mem_grow(guest->suspended, (guest->n_suspended + 1) * sizeof *guest->suspended);
    guest->suspended[guest->n_suspended++] = kept;
}

static void give_back(struct guests *guests, struct guest *guest, struct conn *conn,
                      struct str scope, unsigned from, bool missed)
{
    size_t i = suspended(guest, scope);
    bool new = identity_may_read(guest->identity, scope) != IDENTITY_YES;
    if (!identity_grant(guest->identity, scope, from))
        return;
    if (i == guest->n_suspended) {
        if (new)
            granted(guests, guest, conn, scope);
        return;
    }
    go_on(guests, guest, conn, i, missed);
}

static void resume_one(struct guests *guests, struct guest *guest, struct conn *conn,
                       struct str scope, unsigned from)
{
    give_back(guests, guest, conn, scope, from, false);
}

static void renew_one(struct guests *guests, struct guest *guest, struct conn *conn,
                      struct str scope, unsigned from)
{
    give_back(guests, guest, conn, scope, from, true);
}

void guests_grant(struct guests *guests, struct str user, struct str scope, unsigned from)
{
    each_of(guests, user, scope, from, grant_one);
}

void guests_revoke(struct guests *guests, struct str user, struct str scope, unsigned from)
{
    each_of(guests, user, scope, from, revoke_one);
}

void guests_suspend(struct guests *guests, struct str user, struct str scope, unsigned from)
{
    each_of(guests, user, scope, from, suspend_one);
}

void guests_resume(struct guests *guests, struct str user, struct str scope, unsigned from,
                   bool missed)
{
    each_of(guests, user, scope, from, missed ? renew_one : resume_one);
}

void guests_forget(struct guests *guests, struct conn *conn, struct str scope)
{
    struct guest *guest = find(guests, conn);
    size_t i = guest ? suspended(guest, scope) : 0;
    if (guest && i < guest->n_suspended)
        forget(guest, conn, i);
}

/* ---- time, and other settings ---- */

/* Ids of all guests: who is looked at may go meanwhile, and the table does not like that. */
static uint64_t *all(const struct guests *guests, size_t *n)
{
    uint64_t *ids = mem_array(guests->table.count + 1, sizeof *ids);
    size_t cursor = 0;
    const struct guest *guest;
    *n = 0;
    while ((guest = table_next(&guests->table, &cursor)))
        ids[(*n)++] = guest->conn;
    return ids;
}

static void expire(struct guests *guests, struct guest *guest, struct conn *conn, uint64_t now,
                   int64_t wall_ms)
{
    bool unknown = guest->known_by && guest->known_by <= now;
    if (crowd_closing(conn))
        return;
    if (!unknown && identity_expires(guest->identity) > wall_ms) {
        note_times(guests, guest);
        return;
    }
    if (unknown)
        guests->stats.unknown++;
    else
        guests->stats.expired++;
    crowd_close(guests->options.crowd, conn, CLOSE_CODE_TOKEN);
}

void guests_expire(struct guests *guests, uint64_t now, uint64_t wall_ms)
{
    if ((int64_t)wall_ms < guests->next_wall && now < guests->next_known)
        return;
    size_t n = 0;
    uint64_t *ids = all(guests, &n);
    guests->next_wall = INT64_MAX;
    guests->next_known = UINT64_MAX;
    for (size_t i = 0; i < n; i++) {
        struct conn *conn = conn_find(guests->options.server, ids[i]);
        struct guest *guest = conn ? find(guests, conn) : NULL;
        if (guest)
            expire(guests, guest, conn, now, (int64_t)wall_ms);
    }
    free(ids);
    /* Many end one after the other. */
    if (guests->next_wall < (int64_t)wall_ms + GUESTS_EXPIRY_MS)
        guests->next_wall = (int64_t)wall_ms + GUESTS_EXPIRY_MS;
}

void guests_recheck(struct guests *guests, const struct authorizer *authorizer)
{
    free(guests->rechecked);
    guests->rechecked = all(guests, &guests->n_rechecked);
    guests->next_rechecked = 0;
    guests->authorizer = authorizer;
}

static void recheck(struct guests *guests, uint64_t id)
{
    struct conn *conn = conn_find(guests->options.server, id);
    struct guest *guest = conn ? find(guests, conn) : NULL;
    struct admission admission = {.err = ERR_INIT};
    if (!guest || identity_way(guest->identity) == IDENTITY_NOBODY)
        return;
    guests->authorizer->recheck(guests->authorizer->ctx, guest->identity, &admission);
    if (admission.answer == AUTHORIZER_YES)
        guests_replace(guests, conn, admission.identity);
    else if (admission.answer != AUTHORIZER_LATER && !crowd_closing(conn))
        crowd_close(guests->options.crowd, conn, CLOSE_CODE_TOKEN);
}

bool guests_work(struct guests *guests)
{
    for (unsigned i = 0; i < GUESTS_RECHECKS && guests->next_rechecked < guests->n_rechecked; i++)
        recheck(guests, guests->rechecked[guests->next_rechecked++]);
    if (guests->next_rechecked < guests->n_rechecked)
        return true;
    free(guests->rechecked);
    guests->rechecked = NULL;
    guests->n_rechecked = guests->next_rechecked = 0;
    return false;
}

void guests_stats(const struct guests *guests, struct guests_stats *stats)
{
    *stats = guests->stats;
}
