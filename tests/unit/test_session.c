/* What a WebSocket client says, against a crowd and a socket that are faked: when they are busy,
 * who may read what, and time are the test's to decide. The real ones:
 * tests/integration/ws*.test.ts. */
#include "base/check.h"
#include "base/mem.h"
#include "delivery/close_code.h"
#include "delivery/scopes.h"
#include "delivery/session.h"
#include "model/position.h"
#include "model/scope.h"
#include "wire/ws.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { EPOCH = 77, SCOPES_MAX = 4, MESSAGE_MS = 1000 };

/* ---- a crowd of one, and its socket ---- */

struct conn {
    void *peer;
    bool busy;
    struct buf sent;  /* frames, as they left */
    struct buf calls; /* "+scope@since ", "-scope " and "close code " */
    char held[SCOPES_MAX][SCOPE_MAX];
    size_t n_held;
    unsigned closing;
    bool shown_too_often;
};

void *crowd_peer(const struct conn *conn)
{
    return conn->peer;
}

void crowd_set_peer(struct conn *conn, void *peer)
{
    conn->peer = peer;
}

enum format crowd_format(const struct conn *conn)
{
    return FORMAT_WS;
}

bool crowd_closing(const struct conn *conn)
{
    return conn->closing != 0;
}

void crowd_close(struct crowd *crowd, struct conn *conn, unsigned code)
{
    if (!conn->closing)
        conn->closing = code;
    if (conn->busy)
        return;
    ws_close(&conn->sent, conn->closing, str_of(close_code_sentence(conn->closing)));
    buf_printf(&conn->calls, "close %u ", conn->closing);
}

size_t crowd_held(const struct conn *conn)
{
    return conn->n_held;
}

bool crowd_holds(const struct conn *conn, struct str scope)
{
    for (size_t i = 0; i < conn->n_held; i++)
        if (str_is(scope, conn->held[i]))
            return true;
    return false;
}

void crowd_add(struct crowd *crowd, struct conn *conn, const struct crowd_scope *scopes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_printf(&conn->calls, "+%.*s@", STR_ARG(scopes[i].name));
        if (scopes[i].since == CATCHUP_FRESH)
            buf_text(&conn->calls, "fresh ");
        else if (scopes[i].since == CATCHUP_LOST)
            buf_text(&conn->calls, "lost ");
        else
            buf_printf(&conn->calls, "%llu ", (unsigned long long)scopes[i].since);
        if (!crowd_holds(conn, scopes[i].name)) {
            CHECK(conn->n_held < SCOPES_MAX);
            snprintf(conn->held[conn->n_held++], SCOPE_MAX, "%.*s", STR_ARG(scopes[i].name));
        }
    }
}

void crowd_remove(struct crowd *crowd, struct conn *conn, struct str scope)
{
    buf_printf(&conn->calls, "-%.*s ", STR_ARG(scope));
}

void crowd_write_heartbeat(const struct crowd *crowd, const struct conn *conn, uint64_t wall_ms,
                           struct buf *out)
{
    ws_text(out, STR("{\"type\":\"heartbeat\"}"));
}

bool conn_busy(const struct conn *conn)
{
    return conn->busy;
}

enum conn_sent conn_send(struct conn *conn, const struct piece *pieces, unsigned n, unsigned *cut)
{
    assert_false(conn->busy);
    for (unsigned i = 0; i < n; i++)
        buf_add(&conn->sent, pieces[i].blob->bytes + pieces[i].from, pieces[i].to - pieces[i].from);
    return CONN_SENT;
}

/* ---- the client ---- */

/* Everybody's, or of somebody who may read "a" to "e". */
static struct identity *identity_of_all;

const struct identity *guests_identity(const struct guests *guests, const struct conn *conn)
{
    return identity_of_all ? identity_of_all : identity_everyone();
}

void guests_follow(struct guests *guests, struct conn *conn, struct str family)
{
    buf_printf(&conn->calls, "follow %.*s ", STR_ARG(family));
}

void guests_unfollow(struct guests *guests, struct conn *conn, struct str family)
{
    buf_printf(&conn->calls, "unfollow %.*s ", STR_ARG(family));
}

void guests_forget(struct guests *guests, struct conn *conn, struct str scope) {}

void guests_named(struct guests *guests, struct conn *conn)
{
    buf_text(&conn->calls, "named ");
}

bool guests_may_show(struct guests *guests, struct conn *conn, uint64_t now)
{
    return !conn->shown_too_often;
}

void guests_replace(struct guests *guests, struct conn *conn, struct identity *identity)
{
    buf_printf(&conn->calls, "is %.*s ", STR_ARG(identity_user(identity)));
    identity_free(identity);
}

static struct identity *somebody(const char *user)
{
    static const char *const scopes[] = {"a", "b", "c", "d", "e", "q:1"};
    const struct identity_options options = {
        .way = IDENTITY_TOKEN, .user = str_of(user), .expires_ms = INT64_MAX};
    struct identity *identity = identity_new(&options);
    for (size_t i = 0; i < sizeof scopes / sizeof scopes[0]; i++)
        identity_grant(identity, str_of(scopes[i]), IDENTITY_CLAIMS);
    return identity;
}

/* The token is the user's name; "bad" is none, "later" cannot be looked at now. */
static void renew(void *ctx, const struct identity *asks, struct str token, struct admission *out)
{
    char user[32];
    snprintf(user, sizeof user, "%.*s", STR_ARG(token));
    err_set(&out->err, "no");
    out->answer = str_is(token, "bad")     ? AUTHORIZER_BAD
                  : str_is(token, "later") ? AUTHORIZER_LATER
                                           : AUTHORIZER_YES;
    if (out->answer == AUTHORIZER_YES)
        out->identity = somebody(user);
}

/* "full" has all its streams already. */
static bool seat(void *ctx, struct conn *conn, const struct identity *identity)
{
    return !str_is(identity_user(identity), "full");
}

/* What "slow" may read is known later. */
static struct admission held_back;

static bool complete(void *ctx, struct conn *conn, struct admission *admission)
{
    if (!str_is(identity_user(admission->identity), "slow"))
        return true;
    held_back = *admission;
    return false;
}

static const struct authorizer authorizer = {.renew = renew};

struct rig {
    struct list unfinished;
    struct session_options options;
    struct conn conn;
};

static void rig_conn(struct conn *conn)
{
    *conn = (struct conn){.sent = BUF_INIT(1 << 24), .calls = BUF_INIT(1 << 20)};
}

static struct rig *rig_new(void)
{
    struct rig *rig = mem_new(sizeof *rig);
    list_init(&rig->unfinished);
    rig->options = (struct session_options){.authorizer = &authorizer,
                                            .seat = seat,
                                            .complete = complete,
                                            .epoch = EPOCH,
                                            .scopes_max = SCOPES_MAX,
                                            .message_ms = MESSAGE_MS,
                                            .unfinished = &rig->unfinished,
                                            .now = 5000};
    rig_conn(&rig->conn);
    return rig;
}

static void conn_end(struct conn *conn)
{
    session_free(conn);
    buf_free(&conn->sent);
    buf_free(&conn->calls);
}

static void rig_free(struct rig *rig)
{
    conn_end(&rig->conn);
    assert_true(list_empty(&rig->unfinished));
    free(rig);
}

/* A client's frame, under a mask of zeros. */
static void frame(struct buf *out, unsigned first, struct str payload)
{
    buf_byte(out, (char)first);
    if (payload.n < 126) {
        buf_byte(out, (char)(0x80 | payload.n));
    } else {
        buf_byte(out, (char)(0x80 | 126));
        buf_byte(out, (char)(payload.n >> 8));
        buf_byte(out, (char)(payload.n & 0xff));
    }
    buf_add(out, "\0\0\0\0", 4);
    buf_str(out, payload);
}

static void hears(struct rig *rig, struct conn *conn, struct str bytes)
{
    session_bytes(&rig->options, conn, bytes);
}

static void says(struct rig *rig, const char *text)
{
    struct buf bytes = BUF_INIT(1 << 16);
    frame(&bytes, 0x81, str_of(text));
    hears(rig, &rig->conn, buf_slice(&bytes));
    buf_free(&bytes);
}

static void called(struct rig *rig, const char *want)
{
    buf_byte(&rig->conn.calls, '\0');
    assert_string_equal(rig->conn.calls.data, want);
    buf_clear(&rig->conn.calls);
}

/* What the server's frames are, a letter each: t(ext), p(ong), c(lose). Whole ones only. */
static void sent(struct conn *conn, const char *want)
{
    char got[4096];
    size_t n = 0;
    for (size_t at = 0; at < conn->sent.len;) {
        const unsigned char *p = (const unsigned char *)conn->sent.data + at;
        assert_true(conn->sent.len - at >= 2);
        size_t head = p[1] < 126 ? 2 : 4;
        size_t length = head == 2 ? p[1] : (size_t)p[2] << 8 | p[3];
        assert_true(p[1] < 127 && conn->sent.len - at >= head + length);
        assert_true(n < sizeof got - 1);
        got[n++] = p[0] == 0x81 ? 't' : p[0] == 0x8a ? 'p' : p[0] == 0x88 ? 'c' : '?';
        at += head + length;
    }
    got[n] = '\0';
    assert_string_equal(got, want);
    buf_clear(&conn->sent);
}

/* ---- */

static void an_idle_client_has_no_session(void **state)
{
    struct rig *rig = rig_new();
    says(rig, "{\"type\":\"subscribe\",\"scopes\":[\"a\",\"b\"],\"since\":\"-\"}");
    says(rig, "{\"type\":\"ping\"}");
    assert_null(rig->conn.peer);
    hears(rig, &rig->conn, STR("\x81"));
    assert_non_null(rig->conn.peer);
    assert_false(list_empty(&rig->unfinished));
    rig_free(rig);
}

static void a_subscription_becomes_scopes_with_a_since(void **state)
{
    static const struct {
        const char *say, *calls, *sends;
    } rows[] = {
        {"{\"type\":\"subscribe\",\"scopes\":[\"a\",\"b\"]}", "+a@fresh +b@fresh ", ""},
        {"{\"type\":\"subscribe\",\"scopes\":[\"a\",\"a\"],\"since\":\"x\"}", "+a@lost ", ""},
        {"{\"type\":\"subscribe\",\"scopes\":[\"a\"],\"since\":\"\"}", "+a@fresh ", ""},
        {"{\"type\":\"subscribe\",\"scopes\":[\"a\"],\"since\":null}", "+a@fresh ", ""},
        {"{\"type\":\"subscribe\",\"scopes\":[\"p:*\",\"a\",\"\"]}", "+a@fresh ", "tt"},
        {"{\"type\":\"subscribe\",\"scopes\":[\"a\",\"b\",\"c\",\"d\",\"e\"]}", "", "t"},
        {"{\"type\":\"unsubscribe\",\"scopes\":[\"a\",\"\",\"*\"]}", "-a - unfollow * ", ""},
        {"{\"type\":\"subscribe\",\"scopes\":[\"p:*\"]}", "", "t"},
        {"{\"type\":\"token\",\"token\":\"x\"}", "", ""},
        {"{\"type\":\"ping\"}", "", "t"},
        {"[]", "", "t"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rig *rig = rig_new();
        says(rig, rows[i].say);
        called(rig, rows[i].calls);
        sent(&rig->conn, rows[i].sends);
        rig_free(rig);
    }
}

static void positions_are_read_strictly(void **state)
{
    struct scopes scopes = {.epoch = EPOCH};
    struct buf text = BUF_INIT(POSITION_TEXT_MAX);
    position_write(&text, (struct position){.epoch = EPOCH, .sequence = 12});
    assert_int_equal(scopes_since(&scopes, buf_slice(&text)), 12);
    buf_byte(&text, ' ');
    assert_true(scopes_since(&scopes, buf_slice(&text)) == CATCHUP_LOST);
    buf_clear(&text);
    position_write(&text, (struct position){.epoch = EPOCH + 1, .sequence = 12});
    assert_true(scopes_since(&scopes, buf_slice(&text)) == CATCHUP_LOST);
    for (uint64_t sequence = UINT64_MAX - 3; sequence >= UINT64_MAX - 3; sequence++) {
        buf_clear(&text);
        position_write(&text, (struct position){.epoch = EPOCH, .sequence = sequence});
        uint64_t since = scopes_since(&scopes, buf_slice(&text));
        assert_true(since == (sequence < CATCHUP_FRESH ? sequence : CATCHUP_LOST));
    }
    assert_true(scopes_since(&scopes, (struct str){0}) == CATCHUP_FRESH);
    buf_free(&text);
}

static void a_scope_that_is_held_is_no_more_at_the_limit(void **state)
{
    struct rig *rig = rig_new();
    says(rig, "{\"type\":\"subscribe\",\"scopes\":[\"a\",\"b\",\"c\"]}");
    says(rig, "{\"type\":\"subscribe\",\"scopes\":[\"b\",\"c\",\"d\"]}");
    called(rig, "+a@fresh +b@fresh +c@fresh +b@fresh +c@fresh +d@fresh ");
    sent(&rig->conn, "");
    says(rig, "{\"type\":\"subscribe\",\"scopes\":[\"a\",\"e\"]}");
    called(rig, "");
    sent(&rig->conn, "t");
    rig_free(rig);
}

static void who_may_read_nothing_is_told_why_and_closed(void **state)
{
    static const struct {
        bool nobody;
        const char *say, *calls, *sends;
    } rows[] = {
        {false, "{\"type\":\"subscribe\",\"scopes\":[\"no:1\",\"no:*\"]}", "close 4403 ", "ttc"},
        {true, "{\"type\":\"subscribe\",\"scopes\":[\"a\",\"no:*\"]}", "close 4401 ", "ttc"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rig *rig = rig_new();
        struct identity *me = somebody("me");
        identity_of_all = rows[i].nobody ? identity_nobody() : me;
        says(rig, rows[i].say);
        called(rig, rows[i].calls);
        sent(&rig->conn, rows[i].sends);
        rig_free(rig);

        /* With something held it stays. */
        rig = rig_new();
        identity_of_all = me;
        says(rig, "{\"type\":\"subscribe\",\"scopes\":[\"a\"]}");
        identity_of_all = rows[i].nobody ? identity_nobody() : me;
        says(rig, rows[i].say);
        called(rig, "+a@fresh ");
        sent(&rig->conn, "tt");
        rig_free(rig);
        identity_of_all = NULL;
        identity_free(me);
    }
}

static void a_family_is_what_may_be_read_of_it_and_is_followed(void **state)
{
    struct rig *rig = rig_new();
    struct identity *me = somebody("me");
    identity_of_all = me;
    says(rig, "{\"type\":\"subscribe\",\"scopes\":[\"q:*\",\"no\"]}");
    called(rig, "follow q:* +q:1@fresh ");
    sent(&rig->conn, "t");
    says(rig, "{\"type\":\"unsubscribe\",\"scopes\":[\"q:*\"]}");
    called(rig, "unfollow q:* ");
    identity_of_all = NULL;
    identity_free(me);
    rig_free(rig);
}

static void a_token_says_who_one_is_or_goes_on_being(void **state)
{
    static const struct {
        bool nobody;
        const char *say, *calls, *sends;
    } rows[] = {
        {true, "{\"type\":\"token\",\"token\":\"me\"}", "is me ", ""},
        {true, "{\"type\":\"token\",\"token\":\"bad\"}", "close 4401 ", "tc"},
        {true, "{\"type\":\"token\",\"token\":\"later\"}", "close 1013 ", "tc"},
        {true, "{\"type\":\"token\",\"token\":\"full\"}", "close 1013 ", "tc"},
        {true, "{\"type\":\"token\"}", "", "t"},
        {false, "{\"type\":\"token\",\"token\":\"me\"}", "is me ", ""},
        {false, "{\"type\":\"token\",\"token\":\"bad\"}", "", "t"},
        {false, "{\"type\":\"token\",\"token\":\"later\"}", "", "t"},
        {false, "{\"type\":\"token\",\"token\":7}", "", "t"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rig *rig = rig_new();
        struct identity *me = somebody("me");
        identity_of_all = rows[i].nobody ? identity_nobody() : me;
        says(rig, rows[i].say);
        called(rig, rows[i].calls);
        sent(&rig->conn, rows[i].sends);
        identity_of_all = NULL;
        identity_free(me);
        rig_free(rig);
    }
}

static void who_shows_tokens_too_often_is_told_so_and_none_is_looked_at(void **state)
{
    struct rig *rig = rig_new();
    struct identity *me = somebody("me");
    identity_of_all = me;
    rig->conn.shown_too_often = true;
    says(rig, "{\"type\":\"token\",\"token\":\"me\"}");
    called(rig, "");
    sent(&rig->conn, "t");
    identity_of_all = NULL;
    identity_free(me);
    rig_free(rig);
}

static void what_is_said_while_it_is_asked_what_one_may_read_waits(void **state)
{
    for (unsigned known = 0; known < 4; known++) {
        struct rig *rig = rig_new();
        struct buf bytes = BUF_INIT(1 << 16);
        identity_of_all = identity_nobody();
        frame(&bytes, 0x81, STR("{\"type\":\"token\",\"token\":\"slow\"}"));
        frame(&bytes, 0x81, STR("{\"type\":\"unsubscribe\",\"scopes\":[\"a\"]}"));
        frame(&bytes, 0x89, STR("first"));
        hears(rig, &rig->conn, (struct str){.p = bytes.data, .n = bytes.len - 3});
        hears(rig, &rig->conn, (struct str){.p = bytes.data + bytes.len - 3, .n = 3});
        called(rig, "named ");
        sent(&rig->conn, "");
        if (known == 1) { /* it cannot be asked */
            identity_free(held_back.identity);
            held_back = (struct admission){.answer = AUTHORIZER_LATER, .err = ERR_INIT};
        }
        if (known == 2) /* it was ended meanwhile */
            crowd_close(NULL, &rig->conn, CLOSE_CODE_TOKEN);
        if (known == 3) { /* it says too much */
            struct buf much = BUF_INIT(1 << 20);
            for (unsigned i = 0; i < 600; i++)
                frame(&much, 0x89,
                      STR("a ping as long as a ping may be, which is not very much, but "
                          "many of them are, and nobody has to keep them all"));
            hears(rig, &rig->conn, buf_slice(&much));
            buf_free(&much);
        }
        session_known(&rig->options, &rig->conn, &held_back);
        called(rig, known == 0   ? "is slow -a "
                    : known == 1 ? "close 1013 "
                    : known == 2 ? "close 4401 "
                                 : "close 1008 ");
        sent(&rig->conn, known == 0 ? "p" : known == 1 ? "tc" : "c");
        assert_null(rig->conn.peer);
        identity_of_all = NULL;
        buf_free(&bytes);
        rig_free(rig);
    }
}

static void answers_wait_for_a_busy_socket_and_go_before_the_close(void **state)
{
    struct rig *rig = rig_new();
    rig->conn.busy = true;
    says(rig, "{\"type\":\"ping\"}");
    struct identity *me = somebody("me");
    identity_of_all = me;
    says(rig, "{\"type\":\"subscribe\",\"scopes\":[\"no\"]}");
    identity_of_all = NULL;
    identity_free(me);
    says(rig, "{\"type\":\"ping\"}"); /* is not heard any more */
    sent(&rig->conn, "");
    called(rig, "");
    assert_false(session_writable(&rig->conn));
    rig->conn.busy = false;
    assert_true(session_writable(&rig->conn));
    crowd_close(NULL, &rig->conn, rig->conn.closing); /* as crowd_writable does */
    sent(&rig->conn, "ttc");
    assert_null(rig->conn.peer);
    rig_free(rig);
}

static void what_waits_is_bounded_and_never_sent_by_halves(void **state)
{
    struct rig *rig = rig_new();
    struct buf pings = BUF_INIT(1 << 20);
    char payload[125];
    memset(payload, 'p', sizeof payload);
    for (unsigned i = 0; i < 400; i++)
        frame(&pings, 0x89, (struct str){.p = payload, .n = sizeof payload});
    /* To who reads, as much as it likes. */
    for (unsigned i = 0; i < 20; i++)
        hears(rig, &rig->conn, buf_slice(&pings));
    assert_int_equal(rig->conn.sent.len, 20 * 400 * 127);
    buf_clear(&rig->conn.sent);
    assert_null(rig->conn.peer);
    rig->conn.busy = true;
    hears(rig, &rig->conn, buf_slice(&pings));
    assert_int_equal(rig->conn.closing, 0);
    hears(rig, &rig->conn, buf_slice(&pings));
    assert_int_equal(rig->conn.closing, WS_POLICY);
    rig->conn.busy = false;
    session_writable(&rig->conn);
    sent(&rig->conn, "");
    assert_null(rig->conn.peer);
    buf_free(&pings);
    rig_free(rig);
}

static void many_errors_of_one_message_reach_who_reads(void **state)
{
    struct rig *rig = rig_new();
    rig->options.scopes_max = 1000;
    struct buf message = BUF_INIT(1 << 16);
    struct buf bytes = BUF_INIT(1 << 16);
    buf_text(&message, "{\"type\":\"subscribe\",\"scopes\":[\"*\"");
    for (unsigned i = 0; i < 600; i++)
        buf_printf(&message, ",\"%u\\t%078u\"", i, 0);
    buf_text(&message, "]}");
    frame(&bytes, 0x81, buf_slice(&message));
    hears(rig, &rig->conn, buf_slice(&bytes));
    assert_int_equal(rig->conn.closing, 0);
    assert_true(rig->conn.sent.len > 100 * 1024);
    buf_free(&message);
    buf_free(&bytes);
    rig_free(rig);
}

static void half_a_message_ends_in_time_and_nothing_makes_it_younger(void **state)
{
    struct rig *rig = rig_new();
    struct conn other;
    struct buf bytes = BUF_INIT(4096);
    rig_conn(&other);
    uint64_t begun = rig->options.now;

    frame(&bytes, 0x01, STR("{"));
    hears(rig, &rig->conn, buf_slice(&bytes));
    for (unsigned i = 1; i <= 9; i++) {
        rig->options.now = begun + i * 100;
        buf_clear(&bytes);
        frame(&bytes, 0x89, STR("x"));
        frame(&bytes, 0x00, STR(" "));
        hears(rig, &rig->conn, buf_slice(&bytes));
        /* One message ends and the next begins, always in the middle: that is never late. */
        buf_clear(&bytes);
        frame(&bytes, 0x81, STR("{\"type\":\"token\",\"token\":\"\"}"));
        struct str whole = buf_slice(&bytes);
        if (i > 1)
            hears(rig, &other, str_from(whole, 5));
        hears(rig, &other, (struct str){.p = whole.p, .n = 5});
        session_expire(&rig->options);
    }
    rig->options.now = begun + MESSAGE_MS - 1;
    session_expire(&rig->options);
    sent(&rig->conn, "ppppppppp");
    called(rig, "");
    rig->options.now = begun + MESSAGE_MS;
    session_expire(&rig->options);
    called(rig, "close 4408 ");
    sent(&rig->conn, "c");
    assert_null(rig->conn.peer);
    assert_int_equal(other.closing, 0);
    session_expire(&rig->options);
    rig->options.now = begun + 900 + MESSAGE_MS;
    session_expire(&rig->options);
    assert_int_equal(other.closing, CLOSE_CODE_SLOW);
    buf_free(&bytes);
    conn_end(&other);
    rig_free(rig);
}

/* The same bytes, cut anywhere, are the same calls and the same answers. */
static void cuts_do_not_matter(void **state)
{
    struct buf script = BUF_INIT(1 << 16);
    frame(&script, 0x89, STR("one"));
    frame(&script, 0x81, STR("{\"type\":\"subscribe\",\"scopes\":[\"a\",\"p:*\"]}"));
    frame(&script, 0x01, STR("{\"type\":\"sub"));
    frame(&script, 0x89, STR("two"));
    frame(&script, 0x00, STR("scribe\",\"sco"));
    frame(&script, 0x8a, STR("three"));
    frame(&script, 0x80, STR("pes\":[\"b\"]}"));
    frame(&script, 0x81, STR("x"));
    frame(&script, 0x81, STR("{\"type\":\"unsubscribe\",\"scopes\":[\"a\"]}"));
    frame(&script, 0x81, STR("{\"type\":\"ping\"}"));
    frame(&script, 0x88, STR("\x03\xe9"));
    frame(&script, 0x89, STR("behind"));
    for (size_t first = 0; first <= script.len; first++) {
        for (size_t then = 1; then <= 40; then += 13) {
            struct rig *rig = rig_new();
            struct str rest = buf_slice(&script);
            for (size_t n = first; rest.n > 0; n = then) {
                if (n > rest.n)
                    n = rest.n;
                hears(rig, &rig->conn, (struct str){.p = rest.p, .n = n});
                rest = str_from(rest, n);
            }
            called(rig, "+a@fresh +b@fresh -a close 1001 ");
            sent(&rig->conn, "ptpttc");
            rig_free(rig);
        }
    }
    buf_free(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_client_has_no_session),
        cmocka_unit_test(a_subscription_becomes_scopes_with_a_since),
        cmocka_unit_test(positions_are_read_strictly),
        cmocka_unit_test(a_scope_that_is_held_is_no_more_at_the_limit),
        cmocka_unit_test(who_may_read_nothing_is_told_why_and_closed),
        cmocka_unit_test(a_family_is_what_may_be_read_of_it_and_is_followed),
        cmocka_unit_test(a_token_says_who_one_is_or_goes_on_being),
        cmocka_unit_test(who_shows_tokens_too_often_is_told_so_and_none_is_looked_at),
        cmocka_unit_test(what_is_said_while_it_is_asked_what_one_may_read_waits),
        cmocka_unit_test(answers_wait_for_a_busy_socket_and_go_before_the_close),
        cmocka_unit_test(what_waits_is_bounded_and_never_sent_by_halves),
        cmocka_unit_test(many_errors_of_one_message_reach_who_reads),
        cmocka_unit_test(half_a_message_ends_in_time_and_nothing_makes_it_younger),
        cmocka_unit_test(cuts_do_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
