/* The whole way from a transaction to the bytes in a client's hands, in one thread: hub, exchange
 * and crowd are real, the server is a fake whose sockets take as many bytes as the dice say, mails
 * wait in queues and arrive when the dice say. Every history is made from a seed that is printed
 * when it fails:  SIM_SEED=n sim_delivery
 *
 * The oracle is a list of debts. Each mark that is laid is owed to every client that holds the
 * scope, also to one that is away, or whose right to it is being asked about again. A stale event
 * that covers it or a reset pays it. When a position reaches the client, nothing at or below it may
 * still be owed. */
#include "base/check.h"
#include "base/jsontext.h"
#include "base/mem.h"
#include "delivery/crowd.h"
#include "delivery/exchange.h"
#include "hub/hub.h"
#include "model/key.h"
#include "model/scope.h"

#include <inttypes.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define RESPONSE_HEAD "HTTP/1.1 200 OK\r\n\r\n"

enum { WORKERS = 2, CLIENTS = 12, SCOPES = 6, STEPS = 600, HISTORIES = 400 };

static const char *const scope_names[SCOPES] = {"p:1", "p:2", "p:3", "user:1", "all", "org:1:x"};

/* ---- the fake server ---- */

struct conn {
    uint64_t id;
    void *user;
    struct blob *blob; /* in flight */
    uint32_t at, end;
    size_t room; /* bytes that the socket takes now */
    struct buf got;
    uint64_t read; /* bytes of frames or events that the client has read */
    bool past_head;
    bool closing;
};

struct server {
    struct conn *conns[CLIENTS];
    uint64_t next_id;
};

struct conn *conn_find(struct server *server, uint64_t id)
{
    for (size_t i = 0; i < CLIENTS; i++)
        if (server->conns[i] && server->conns[i]->id == id)
            return server->conns[i];
    return NULL;
}

uint64_t conn_id(const struct conn *conn)
{
    return conn->id;
}

void *conn_user(const struct conn *conn)
{
    return conn->user;
}

void conn_set_user(struct conn *conn, void *user)
{
    conn->user = user;
}

void conn_stream(struct conn *conn) {}

void conn_close(struct conn *conn, enum close_reason reason, bool when_out)
{
    conn->closing = true;
}

void server_wake(struct server *server) {}

bool conn_busy(const struct conn *conn)
{
    return conn->blob != NULL;
}

void conn_name(const struct conn *conn, char text[32])
{
    snprintf(text, 32, "c_0_%llx", (unsigned long long)conn->id);
}

void conn_peer(const struct conn *conn, char text[64])
{
    snprintf(text, 64, "nowhere");
}

bool conn_unsent(const struct conn *conn)
{
    return conn->blob != NULL;
}

static uint32_t swallow(struct conn *conn, const char *bytes, uint32_t n)
{
    uint32_t took = n < conn->room ? n : (uint32_t)conn->room;
    buf_add(&conn->got, bytes, took);
    conn->room -= took;
    return took;
}

enum conn_sent conn_send(struct conn *conn, const struct piece *pieces, unsigned n, unsigned *cut)
{
    CHECK(!conn->blob);
    for (unsigned i = 0; i < n; i++) {
        uint32_t want = pieces[i].to - pieces[i].from;
        uint32_t took = swallow(conn, pieces[i].blob->bytes + pieces[i].from, want);
        if (took == want)
            continue;
        conn->blob = blob_ref(pieces[i].blob);
        conn->at = pieces[i].from + took;
        conn->end = pieces[i].to;
        if (cut)
            *cut = i;
        return CONN_CUT;
    }
    return CONN_SENT;
}

/* ---- dice ---- */

struct dice {
    uint64_t state;
};

static uint64_t roll(struct dice *dice, uint64_t sides)
{
    dice->state ^= dice->state << 13;
    dice->state ^= dice->state >> 7;
    dice->state ^= dice->state << 17;
    return (dice->state >> 11) % sides;
}

/* ---- clients and what they are owed ---- */

struct debt {
    unsigned scope; /* index in scope_names */
    uint64_t position;
    bool notice;
    char text[96]; /* key, or the notice's type */
};

struct client {
    struct conn *conn; /* NULL: away */
    unsigned worker;
    bool holds[SCOPES];
    bool asked[SCOPES]; /* on this connection, and not greeted yet */
    bool added[SCOPES]; /* while it was open: what is granted before they are greeted is not for
                           them */
    bool again[SCOPES]; /* asked for again on this connection: rounds of both may mix their notices
                         */
    bool revoked[SCOPES];     /* on this connection: nothing of it may come ... */
    uint64_t last_of[SCOPES]; /* ... behind so many bytes, which were on their way */
    bool suspended[SCOPES];   /* on this connection ... */
    uint64_t from[SCOPES];    /* ... and where it goes on */
    bool resumed;             /* on this connection: a `ready` that nobody asked for may come */
    bool websocket;
    bool ready;       /* this connection has greeted */
    uint64_t granted; /* highest position it was given; 0: none yet */
    uint64_t shown;   /* of this connection */
    struct debt *debts;
    size_t n_debts, cap_debts;
    uint64_t last_notice[SCOPES];
};

struct world {
    uint64_t seed;
    struct dice dice;
    struct hub *hub;
    struct exchange *exchange;
    struct server servers[WORKERS];
    struct crowd *crowds[WORKERS];
    struct list to_hub, to_worker[WORKERS];
    struct client clients[CLIENTS];
    struct debt *history; /* all that was ever laid, for scopes that are added from the past */
    size_t n_history, cap_history;
    uint64_t now;
    uint64_t n_notices;
    uint64_t resets, covered, positions;
};

#define HOLDS(world, condition, ...)                                  \
    do {                                                              \
        if (!(condition)) {                                           \
            fprintf(stderr, "SIM_SEED=%" PRIu64 ": ", (world)->seed); \
            fprintf(stderr, __VA_ARGS__);                             \
            fprintf(stderr, "\n");                                    \
            fail();                                                   \
        }                                                             \
    } while (0)

static void owe(struct client *client, const struct debt *debt)
{
    if (client->n_debts == client->cap_debts) {
        client->cap_debts = client->cap_debts ? 2 * client->cap_debts : 32;
        client->debts = mem_grow(client->debts, client->cap_debts * sizeof *client->debts);
    }
    client->debts[client->n_debts++] = *debt;
}

static bool names_scope(struct str told, unsigned scope)
{
    struct str name = str_of(scope_names[scope]);
    return str_equal(told, name) || (scope_is_family(told) && scope_in_family(name, told));
}

/* `key` empty: everything of that scope. */
static void pay(struct world *world, struct client *client, struct str told, struct str key)
{
    size_t kept = 0;
    for (size_t i = 0; i < client->n_debts; i++) {
        const struct debt *debt = &client->debts[i];
        bool paid = names_scope(told, debt->scope) &&
                    (key.n == 0 || (!debt->notice && key_covers(key, str_of(debt->text))));
        world->covered += paid;
        if (!paid)
            client->debts[kept++] = *debt;
    }
    client->n_debts = kept;
}

static void forgive_until(struct client *client, unsigned scope, uint64_t position)
{
    size_t kept = 0;
    for (size_t i = 0; i < client->n_debts; i++)
        if (client->debts[i].scope != scope || client->debts[i].position > position)
            client->debts[kept++] = client->debts[i];
    client->n_debts = kept;
}

static uint64_t sequence_of(const json_t *data)
{
    const char *text = json_string_value(json_object_get(data, "position"));
    struct position position;
    assert_non_null(text);
    assert_true(position_parse(str_of(text), &position));
    return position.sequence;
}

static void check_paid(struct world *world, const struct client *client, uint64_t position)
{
    for (size_t i = 0; i < client->n_debts; i++)
        HOLDS(world, client->debts[i].position > position || client->added[client->debts[i].scope],
              "position %" PRIu64 " granted while %s of %s at %" PRIu64 " is owed", position,
              client->debts[i].text, scope_names[client->debts[i].scope],
              client->debts[i].position);
}

static void on_ready(struct world *world, struct client *client, const json_t *data)
{
    uint64_t position = sequence_of(data);
    const json_t *standings = json_object_get(data, "scopes");
    size_t named = 0;
    HOLDS(world, client->websocket || client->resumed || !client->ready, "a second ready");
    /* After adding scopes the client keeps the lower of the two until the next position; one that
     * knows nothing but the last id has this one. */
    if (!client->websocket || !client->ready || position < client->granted)
        client->granted = position;
    client->ready = true;
    client->shown = position;
    for (unsigned s = 0; s < SCOPES; s++) {
        const char *standing = json_string_value(json_object_get(standings, scope_names[s]));
        if (!standing)
            continue;
        named++;
        /* One that was given up, and perhaps asked for again, before it was greeted is still named.
         */
        HOLDS(world, client->asked[s] || client->websocket || client->resumed, "ready names %s",
              scope_names[s]);
        client->asked[s] = client->added[s] = false;
        /* The page refetches whatever it fetched before this event: nothing laid before now is
         * owed. */
        if (strcmp(standing, "exact") != 0)
            forgive_until(client, s, hub_ticked(world->hub));
        world->resets += strcmp(standing, "reset") == 0;
    }
    HOLDS(world, named == json_object_size(standings) && named > 0, "ready names unknown scopes");
    if (client->granted == position)
        check_paid(world, client, position);
}

static void on_notice(struct world *world, struct client *client, const json_t *data)
{
    const char *scope = json_string_value(json_object_get(data, "scope"));
    const char *type =
        json_string_value(json_object_get(data, client->websocket ? "notice" : "type"));
    uint64_t number = strtoull(type, NULL, 10);
    for (unsigned s = 0; s < SCOPES; s++) {
        if (strcmp(scope, scope_names[s]) != 0)
            continue;
        HOLDS(world, client->holds[s] || client->websocket || client->revoked[s],
              "a notice of a scope that was not asked for");
        /* On one connection each comes once and in order; after a reconnect some may come again. */
        HOLDS(world, number > client->last_notice[s] || client->again[s],
              "notice %s of %s came twice", type, scope);
        client->last_notice[s] = number;
        size_t kept = 0;
        for (size_t i = 0; i < client->n_debts; i++) {
            struct debt *debt = &client->debts[i];
            bool paid = debt->notice && debt->scope == s && strcmp(debt->text, type) == 0;
            HOLDS(world,
                  paid || !debt->notice || debt->scope != s || client->again[s] ||
                      number < strtoull(debt->text, NULL, 10),
                  "notice %s of %s came before %s", type, scope, debt->text);
            if (!paid)
                client->debts[kept++] = *debt;
        }
        client->n_debts = kept;
    }
}

static void on_position(struct world *world, struct client *client, uint64_t position)
{
    HOLDS(world, position > client->shown, "position %" PRIu64 " after %" PRIu64, position,
          client->shown);
    client->shown = position;
    if (position > client->granted)
        client->granted = position;
    world->positions++;
    check_paid(world, client, position);
}

/* What was in flight when the right ended, or was suspended, may still come, and nothing else. */
static void check_revoked(struct world *world, struct client *client, const json_t *data)
{
    const char *scope = json_string_value(json_object_get(data, "scope"));
    for (unsigned s = 0; scope && s < SCOPES; s++)
        HOLDS(world,
              !client->revoked[s] || strcmp(scope, scope_names[s]) != 0 ||
                  client->conn->read < client->last_of[s],
              "something of %s, which was revoked", scope);
}

static void on_event(struct world *world, struct client *client, const char *name,
                     const json_t *data)
{
    check_revoked(world, client, data);
    if (strcmp(name, "ready") == 0) {
        on_ready(world, client, data);
    } else if (strcmp(name, "stale") == 0) {
        struct str scope = str_of(json_string_value(json_object_get(data, "scope")));
        size_t i;
        json_t *key;
        json_array_foreach (json_object_get(data, "keys"), i, key) {
            struct buf text = BUF_INIT(4096);
            jsontext_value(&text, key);
            pay(world, client, scope, buf_slice(&text));
            buf_free(&text);
        }
    } else if (strcmp(name, "reset") == 0) {
        world->resets++;
        pay(world, client,
            str_of(json_string_value(json_array_get(json_object_get(data, "scopes"), 0))),
            (struct str){0});
    } else if (strcmp(name, "notice") == 0) {
        on_notice(world, client, data);
    } else if (strcmp(name, "position") == 0) {
        on_position(world, client, sequence_of(data));
    } else if (strcmp(name, "heartbeat") == 0) {
        uint64_t position = sequence_of(data);
        if (position > client->shown)
            on_position(world, client, position);
    } else {
        HOLDS(world, false, "unknown event %s", name);
    }
}

/* Whole frames only; server frames are not masked. */
static void read_frames(struct world *world, struct client *client)
{
    struct buf *got = &client->conn->got;
    for (;;) {
        const unsigned char *at = (const unsigned char *)got->data;
        size_t head = got->len < 2 ? SIZE_MAX : at[1] < 126 ? 2 : at[1] == 126 ? 4 : 10;
        if (head == SIZE_MAX || got->len < head)
            return;
        uint64_t n = head == 2 ? at[1] : 0;
        for (size_t i = 2; i < head; i++)
            n = n << 8 | at[i];
        if (got->len < head + n)
            return;
        HOLDS(world, at[0] == 0x81 || at[0] == 0x89, "frame 0x%02x", at[0]);
        if (at[0] == 0x81) {
            json_t *data = json_loadb(got->data + head, n, 0, NULL);
            HOLDS(world, data, "not JSON: %.*s", (int)n, got->data + head);
            on_event(world, client, json_string_value(json_object_get(data, "type")), data);
            json_decref(data);
        }
        buf_shift(got, head + n);
        client->conn->read += head + n;
    }
}

/* Whole events only; the rest stays. */
static void read_events(struct world *world, struct client *client)
{
    struct buf *got = &client->conn->got;
    const struct str head = STR(RESPONSE_HEAD);
    if (!client->conn->past_head) {
        if (got->len < head.n)
            return;
        buf_shift(got, head.n);
        client->conn->read += head.n;
        client->conn->past_head = true;
    }
    if (client->websocket) {
        read_frames(world, client);
        return;
    }
    for (;;) {
        const char *end = got->len ? memmem(got->data, got->len, "\n\n", 2) : NULL;
        if (!end)
            return;
        char name[32] = "", *line = got->data;
        json_t *data = NULL;
        while (line < end + 1) {
            char *stop = memchr(line, '\n', got->len);
            *stop = '\0';
            if (strncmp(line, "event: ", 7) == 0)
                snprintf(name, sizeof name, "%s", line + 7);
            if (strncmp(line, "data: ", 6) == 0) {
                data = json_loads(line + 6, 0, NULL);
                HOLDS(world, data, "not JSON: %s", line);
            }
            line = stop + 1;
        }
        if (data)
            on_event(world, client, name, data);
        json_decref(data);
        client->conn->read += (size_t)(end + 2 - got->data);
        buf_shift(got, (size_t)(end + 2 - got->data));
    }
}

/* ---- moving things ---- */

static void post_to_hub(void *ctx, struct mail *mail)
{
    struct world *world = ctx;
    list_push_back(&world->to_hub, &mail->node);
}

static void send_to_worker(void *ctx, unsigned worker, struct mail *mail)
{
    struct world *world = ctx;
    list_push_back(&world->to_worker[worker], &mail->node);
}

static void no_stop(void *ctx) {}

static struct mail *take_mail(struct list *list)
{
    struct list *node = list->next;
    list_remove(node);
    return LIST_ITEM(node, struct mail, node);
}

static void hub_reads(struct world *world)
{
    while (!list_empty(&world->to_hub))
        exchange_mail(world->exchange, take_mail(&world->to_hub));
}

static void hub_ticks(struct world *world)
{
    if (exchange_ready(world->exchange) && hub_due(world->hub, world->now) <= world->now)
        exchange_tick(world->exchange, world->now);
}

static void worker_works(struct world *world, unsigned worker)
{
    while (!list_empty(&world->to_worker[worker]))
        crowd_mail(world->crowds[worker], take_mail(&world->to_worker[worker]));
    while (crowd_work(world->crowds[worker])) {
    }
}

/* The socket takes `room` more bytes; what was in flight goes first. */
static void client_reads(struct world *world, struct client *client, size_t room)
{
    struct conn *conn = client->conn;
    if (!conn)
        return;
    conn->room = room;
    if (conn->blob) {
        conn->at += swallow(conn, conn->blob->bytes + conn->at, conn->end - conn->at);
        if (conn->at == conn->end) {
            blob_unref(conn->blob);
            conn->blob = NULL;
            crowd_writable(world->crowds[client->worker], conn);
        }
    }
    read_events(world, client);
}

static void client_leaves(struct world *world, struct client *client)
{
    struct conn *conn = client->conn;
    if (!conn)
        return;
    read_events(world, client);
    crowd_closed(world->crowds[client->worker], conn);
    struct server *server = &world->servers[client->worker];
    for (size_t i = 0; i < CLIENTS; i++)
        if (server->conns[i] == conn)
            server->conns[i] = NULL;
    blob_unref(conn->blob);
    buf_free(&conn->got);
    free(conn);
    client->conn = NULL;
}

static void client_comes(struct world *world, struct client *client)
{
    if (client->conn)
        return;
    struct crowd_scope scopes[SCOPES];
    bool changed[SCOPES] = {false};
    size_t n = 0;
    /* Now and then it adds a scope, which it did not hold at its position. */
    unsigned add = (unsigned)roll(&world->dice, 2 * SCOPES);
    bool forgets = roll(&world->dice, 8) == 0;
    if (add < SCOPES && !client->holds[add])
        client->holds[add] = changed[add] = true;
    for (unsigned s = 0; s < SCOPES; s++) {
        if (!client->holds[s])
            continue;
        uint64_t since = client->granted;
        if (changed[s] || client->added[s] || client->granted == 0)
            since = CATCHUP_FRESH;
        else if (forgets)
            since = CATCHUP_LOST;
        client->added[s] = since == CATCHUP_FRESH;
        scopes[n++] = (struct crowd_scope){.name = str_of(scope_names[s]), .since = since};
    }
    if (n == 0)
        return;
    client->worker = (unsigned)roll(&world->dice, WORKERS);
    struct server *server = &world->servers[client->worker];
    struct conn *conn = mem_new(sizeof *conn);
    conn->id = ++server->next_id;
    conn->got = BUF_INIT(64 * 1024 * 1024);
    for (size_t i = 0; i < CLIENTS; i++) {
        if (!server->conns[i]) {
            server->conns[i] = conn;
            break;
        }
    }
    client->conn = conn;
    client->ready = false;
    client->shown = 0;
    memset(client->last_notice, 0, sizeof client->last_notice);
    enum format format = (enum format)roll(&world->dice, FORMAT_COUNT);
    client->websocket = format_is_websocket(format);
    memcpy(client->asked, client->holds, sizeof client->asked);
    memset(client->again, 0, sizeof client->again);
    memset(client->revoked, 0, sizeof client->revoked);
    memset(client->suspended, 0, sizeof client->suspended);
    client->resumed = false;
    crowd_open(world->crowds[client->worker], conn, format, scopes, n, STR(RESPONSE_HEAD),
               world->now);
}

/* What is on its way from the hub is thrown away. */
static void note_revoked(struct client *client, unsigned s)
{
    struct conn *conn = client->conn;
    client->revoked[s] = true;
    client->last_of[s] = conn->read + conn->got.len + (conn->blob ? conn->end - conn->at : 0);
    /* The round that is lost may have told notices of the others already. */
    for (unsigned i = 0; i < SCOPES; i++)
        client->again[i] = true;
}

/* True: there was a suspension, and it was the last one. */
static bool end_suspension(struct client *client, unsigned s)
{
    bool was = client->suspended[s], others = false;
    client->suspended[s] = false;
    for (unsigned i = 0; i < SCOPES; i++)
        others = others || client->suspended[i];
    return was && !others;
}

static void goes_on(struct world *world, struct client *client, unsigned s, bool missed)
{
    const struct crowd_scope scope = {.name = str_of(scope_names[s]),
                                      .since = missed ? CATCHUP_LOST : client->from[s]};
    client->revoked[s] = false;
    client->resumed = true;
    crowd_resume(world->crowds[client->worker], client->conn, &scope, end_suspension(client, s));
}

/* By itself, or since its right ends: then also the answer that is on its way is nothing for it. */
static void give_up(struct world *world, struct client *client, unsigned s)
{
    struct conn *conn = client->conn;
    struct crowd *crowd = world->crowds[client->worker];
    client->holds[s] = client->asked[s] = client->added[s] = false;
    forgive_until(client, s, UINT64_MAX);
    if (client->suspended[s]) {
        if (end_suspension(client, s))
            crowd_release(conn);
        return;
    }
    if (!client->ready || roll(&world->dice, 2)) {
        crowd_remove(crowd, conn, str_of(scope_names[s]));
        return;
    }
    CHECK(crowd_revoke(crowd, conn, str_of(scope_names[s])));
    note_revoked(client, s);
}

/* Its right is asked about again, or that was answered: it is there, was gone for a moment, or is
 * gone. */
static void client_is_asked_about(struct world *world, struct client *client)
{
    unsigned s = (unsigned)roll(&world->dice, SCOPES);
    if (!client->conn || !client->ready || !client->holds[s])
        return;
    if (!client->suspended[s]) {
        client->from[s] =
            crowd_suspend(world->crowds[client->worker], client->conn, str_of(scope_names[s]));
        client->suspended[s] = true;
        note_revoked(client, s);
        return;
    }
    unsigned answer = (unsigned)roll(&world->dice, 8);
    if (answer == 0)
        give_up(world, client, s);
    else
        goes_on(world, client, s, answer == 1);
}

/* A WebSocket client asks for one more scope, from the past or from now on, or gives one up. */
static void client_changes_its_mind(struct world *world, struct client *client)
{
    unsigned s = (unsigned)roll(&world->dice, SCOPES);
    /* A client that asks twice before it was answered could not tell the answers apart. */
    if (!client->conn || !client->websocket || client->asked[s])
        return;
    if (client->holds[s]) {
        size_t held = crowd_held(client->conn);
        if (held < 2)
            return;
        give_up(world, client, s);
        return;
    }
    struct crowd_scope scope = {.name = str_of(scope_names[s]), .since = CATCHUP_FRESH};
    client->holds[s] = client->asked[s] = client->added[s] = true;
    client->again[s] = true;
    client->revoked[s] = false;
    if (client->granted > 0 && roll(&world->dice, 2)) {
        scope.since = roll(&world->dice, client->granted + 1);
        for (size_t i = 0; i < world->n_history; i++)
            if (world->history[i].scope == s && world->history[i].position > scope.since)
                owe(client, &world->history[i]);
    }
    crowd_add(world->crowds[client->worker], client->conn, &scope, 1);
}

/* What a session does with {"type":"ping"}: also in the middle of a round. */
static void client_pings(struct world *world, struct client *client)
{
    if (!client->conn || !client->websocket || conn_busy(client->conn))
        return;
    struct buf text = BUF_INIT(4096);
    crowd_write_heartbeat(world->crowds[client->worker], client->conn, world->now, &text);
    if (text.len > 0) {
        struct blob *blob = blob_new(buf_slice(&text));
        const struct piece piece = {.blob = blob, .to = blob->len};
        conn_send(client->conn, &piece, 1, NULL);
        blob_unref(blob);
    }
    buf_free(&text);
}

/* Everybody who holds the scope is owed it. */
static void owe_all(struct world *world, const struct debt *debt)
{
    if (world->n_history == world->cap_history) {
        world->cap_history = world->cap_history ? 2 * world->cap_history : 256;
        world->history = mem_grow(world->history, world->cap_history * sizeof *world->history);
    }
    world->history[world->n_history++] = *debt;
    for (size_t c = 0; c < CLIENTS; c++)
        if (world->clients[c].holds[debt->scope])
            owe(&world->clients[c], debt);
}

static void lay(struct world *world)
{
    static const char *const keys[] = {"[\"t\",\"d\",\"%u\"]", "[\"t\",\"l\",%u]", "[\"t\"]",
                                       "[\"s\",{\"a\":%u}]"};
    unsigned n = 1 + (unsigned)roll(&world->dice, 6);
    hub_begin(world->hub, world->now);
    uint64_t position = hub_sequence(world->hub) + 1;
    for (unsigned i = 0; i < n; i++) {
        unsigned scope = (unsigned)roll(&world->dice, SCOPES);
        struct debt debt = {.scope = scope, .position = position};
        unsigned what = (unsigned)roll(&world->dice, 40);
        struct str target = str_of(scope_names[scope]);
        bool family = false;
        if (what < 6) {
            debt.notice = true;
            snprintf(debt.text, sizeof debt.text, "%" PRIu64, ++world->n_notices);
            struct buf data = BUF_INIT(4096);
            buf_byte(&data, '"');
            for (uint64_t k = roll(&world->dice, 900); k > 0; k--)
                buf_byte(&data, 'x');
            buf_byte(&data, '"');
            hub_notice(world->hub, target, str_of(debt.text), buf_slice(&data), NULL);
            buf_free(&data);
        } else if (what == 6) {
            snprintf(debt.text, sizeof debt.text, "[]");
            hub_mark(world->hub, target, KEY_ALL, 0);
        } else {
            char key[96];
            const char *form = keys[roll(&world->dice, sizeof keys / sizeof keys[0])];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(key, sizeof key, form, (unsigned)roll(&world->dice, 60));
#pragma GCC diagnostic pop
            snprintf(debt.text, sizeof debt.text, "%s", key);
            family = what == 7;
            struct buf name = BUF_INIT(SCOPE_MAX + 2);
            if (family)
                scope_family(&name, target);
            else
                buf_str(&name, target);
            hub_mark(world->hub, buf_slice(&name), str_of(key), 0);
            if (!family && roll(&world->dice, 2)) {
                const struct hub_entity entity = {.name = STR("t"),
                                                  .id = STR("\"1\""),
                                                  .action = STR("updated"),
                                                  .data = STR("{\"a\":1}")};
                hub_entity(world->hub, target, &entity);
            }
            if (family)
                for (unsigned s = 0; s < SCOPES; s++) {
                    if (s == scope || !scope_in_family(str_of(scope_names[s]), buf_slice(&name)))
                        continue;
                    struct debt also = debt;
                    also.scope = s;
                    owe_all(world, &also);
                }
            buf_free(&name);
        }
        owe_all(world, &debt);
    }
    hub_commit(world->hub);
}

static void run_history(uint64_t seed)
{
    struct world *world = mem_new(sizeof *world);
    world->seed = seed;
    world->dice.state = seed * 0x9e3779b97f4a7c15U + 1;
    world->now = 1000000;
    const struct hub_options hub = {
        .limits = {.index_memory = roll(&world->dice, 3) ? 1 << 20 : 8 * 1024,
                   .notice_memory = roll(&world->dice, 3) ? 1 << 20 : 8 * 1024,
                   .max_keys = roll(&world->dice, 2) ? 200 : 8,
                   .max_entities = 5,
                   .notices = roll(&world->dice, 2) ? 100 : 4,
                   .held_max = 100,
                   .families_max = 100,
                   .batch_ms = roll(&world->dice, 3) * 50},
        .epoch = 77,
        .seed = {.k0 = seed, .k1 = 2},
    };
    world->hub = hub_new(&hub);
    const struct exchange_options exchange = {.hub = world->hub,
                                              .workers = WORKERS,
                                              .heartbeat_ms = 400,
                                              .spread_ms = 5000,
                                              .tick_bytes = roll(&world->dice, 2) ? 1 << 20 : 300,
                                              .ctx = world,
                                              .send = send_to_worker};
    world->exchange = exchange_new(&exchange);
    list_init(&world->to_hub);
    for (unsigned w = 0; w < WORKERS; w++) {
        list_init(&world->to_worker[w]);
        const struct crowd_options crowd = {.worker = w,
                                            .server = &world->servers[w],
                                            .epoch = 77,
                                            .heartbeat_ms = 400,
                                            .spread_ms = 5000,
                                            .ctx = world,
                                            .post = post_to_hub,
                                            .stop = no_stop};
        world->crowds[w] = crowd_new(&crowd);
    }
    for (size_t c = 0; c < CLIENTS; c++)
        world->clients[c].holds[c % SCOPES] = true;

    for (unsigned step = 0; step < STEPS; step++) {
        struct client *client = &world->clients[roll(&world->dice, CLIENTS)];
        switch (roll(&world->dice, 13)) {
        case 0:
            client_comes(world, client);
            break;
        case 1:
            if (roll(&world->dice, 5) == 0)
                client_leaves(world, client);
            break;
        case 2:
        case 3:
            lay(world);
            break;
        case 4:
        case 5:
            client_reads(world, client, (size_t)roll(&world->dice, 3000));
            break;
        case 6:
            hub_reads(world);
            hub_ticks(world);
            break;
        case 7:
            hub_ticks(world);
            break;
        case 9:
            client_changes_its_mind(world, client);
            break;
        case 10:
            client_pings(world, client);
            break;
        case 11:
            client_is_asked_about(world, client);
            break;
        case 8:
            worker_works(world, (unsigned)roll(&world->dice, WORKERS));
            break;
        default:
            world->now += roll(&world->dice, 80);
            crowd_beat(world->crowds[roll(&world->dice, WORKERS)], world->now, world->now);
        }
    }

    /* Quiet: everybody is there, may read, and reads all; then nobody may be owed anything. */
    for (size_t c = 0; c < CLIENTS; c++)
        for (unsigned s = 0; s < SCOPES; s++)
            if (world->clients[c].conn && world->clients[c].suspended[s])
                goes_on(world, &world->clients[c], s, false);
    for (unsigned turn = 0; turn < 200; turn++) {
        world->now += 60;
        for (size_t c = 0; c < CLIENTS; c++) {
            client_comes(world, &world->clients[c]);
            client_reads(world, &world->clients[c], SIZE_MAX);
            if (world->clients[c].conn)
                crowd_heard(world->clients[c].conn, world->now);
        }
        hub_reads(world);
        hub_ticks(world);
        for (unsigned w = 0; w < WORKERS; w++) {
            worker_works(world, w);
            crowd_beat(world->crowds[w], world->now, world->now);
        }
    }
    for (size_t c = 0; c < CLIENTS; c++) {
        struct client *client = &world->clients[c];
        HOLDS(world, client->ready, "client %zu was never greeted", c);
        HOLDS(world, client->shown == hub_ticked(world->hub),
              "client %zu was granted %" PRIu64 " of %" PRIu64, c, client->shown,
              hub_ticked(world->hub));
        HOLDS(world, client->n_debts == 0, "client %zu is owed %s of %s at %" PRIu64, c,
              client->debts[0].text, scope_names[client->debts[0].scope],
              client->debts[0].position);
    }
    for (unsigned w = 0; w < WORKERS; w++) {
        struct mail_stats stats = {0};
        crowd_stats(world->crowds[w], &stats);
        HOLDS(world, stats.behind == 0, "%u subscribers stay behind", stats.behind);
    }
    assert_true(world->positions > 0 && world->covered > 0);

    for (size_t c = 0; c < CLIENTS; c++) {
        client_leaves(world, &world->clients[c]);
        free(world->clients[c].debts);
    }
    hub_reads(world);
    for (unsigned w = 0; w < WORKERS; w++) {
        worker_works(world, w);
        crowd_free(world->crowds[w]);
    }
    while (!list_empty(&world->to_hub))
        free(take_mail(&world->to_hub));
    exchange_free(world->exchange);
    hub_free(world->hub);
    free(world->history);
    free(world);
}

static void every_mark_is_paid_before_its_position_is_granted(void **state)
{
    const char *one = getenv("SIM_SEED");
    if (one) {
        run_history(strtoull(one, NULL, 10));
        return;
    }
    const char *many = getenv("SIM_HISTORIES");
    uint64_t n = many ? strtoull(many, NULL, 10) : HISTORIES;
    for (uint64_t seed = 1; seed <= n; seed++)
        run_history(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mark_is_paid_before_its_position_is_granted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
