/* Two things of libpq shape this file.
 *
 * Connecting opens and closes sockets as it tries addresses, and may get the same number again. A
 * closed descriptor leaves epoll by itself, behind libuv's back; so the poll is always stopped
 * before PQconnectPoll is called, and a handle is made anew where the number is another one.
 *
 * What was read may hold more than one message, and TLS may hold bytes that the socket no longer
 * shows. So messages are taken until libpq has none, in slices: an idle handle goes on in the next
 * turn of the loop, and other I/O has its turn. */
#include "source/pg_conn.h"

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"

#include <stdlib.h>

enum { SLICE = 500 /* messages a loop turn */ };

enum state {
    STARTING,
    CONNECTING,
    READY,
    ASKING,
    COPYING,
    LOST,
    CLOSING,
    STATES,
};

static const bool moves[STATES][STATES] = {
    [STARTING] = {[CONNECTING] = true, [LOST] = true, [CLOSING] = true},
    [CONNECTING] = {[READY] = true, [LOST] = true, [CLOSING] = true},
    [READY] = {[ASKING] = true, [LOST] = true, [CLOSING] = true},
    [ASKING] = {[READY] = true, [COPYING] = true, [LOST] = true, [CLOSING] = true},
    [COPYING] = {[LOST] = true, [CLOSING] = true},
    [LOST] = {[CLOSING] = true},
};

/* A handle for one descriptor. */
struct watched {
    uv_poll_t poll;
    struct pg_conn *conn;
    int fd;
};

struct pg_conn {
    struct pg_conn_options options;
    enum state state;
    uv_work_t work;
    bool working; /* on the pool */
    struct err start_err;
    struct err last_words; /* what the server said before it closed, while nothing was asked */
    PGconn *pg;
    struct watched *watched;
    uv_timer_t timer;
    uv_idle_t idle;
    unsigned handles;

    uint64_t heard;
    PGresult *result; /* of the query that is being answered */
    pg_conn_answer *answer;
    void *answer_ctx;
    char *pending; /* a message that `data` did not take */
    int pending_n;
    bool paused;
    bool broken; /* sending failed inside a call; said from the loop */
    bool failed_copy;

    void (*closed)(void *ctx);
    void *closed_ctx;
};

static void move(struct pg_conn *conn, enum state to)
{
    CHECK(moves[conn->state][to]);
    conn->state = to;
}

static bool is_open(const struct pg_conn *conn)
{
    return conn->state != LOST && conn->state != CLOSING;
}

/* ---- the handles ---- */

static void free_when_closed(struct pg_conn *conn)
{
    if (conn->handles > 0 || conn->working)
        return;
    if (conn->pg)
        PQfinish(conn->pg);
    PQclear(conn->result);
    PQfreemem(conn->pending);
    if (conn->closed)
        conn->closed(conn->closed_ctx);
    free(conn);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct pg_conn *conn = handle->data;
    conn->handles--;
    free_when_closed(conn);
}

static void on_watched_closed(uv_handle_t *handle)
{
    struct watched *watched = handle->data;
    struct pg_conn *conn = watched->conn;
    free(watched);
    conn->handles--;
    free_when_closed(conn);
}

static void unwatch(struct pg_conn *conn)
{
    if (!conn->watched)
        return;
    uv_poll_stop(&conn->watched->poll);
    uv_close((uv_handle_t *)&conn->watched->poll, on_watched_closed);
    conn->watched = NULL;
}

static void lose(struct pg_conn *conn, const char *why)
{
    if (!is_open(conn))
        return;
    move(conn, LOST);
    unwatch(conn);
    uv_timer_stop(&conn->timer);
    uv_idle_stop(&conn->idle);
    conn->options.ops->lost(conn->options.ctx, conn, why);
}

/* libpq would write it to the standard error. */
static void on_notice(void *ctx, const PGresult *result)
{
    struct pg_conn *conn = ctx;
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    bool last = severity && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0);
    if (last && primary)
        pg_sentence(&conn->last_words, primary);
}

static void lose_pg(struct pg_conn *conn)
{
    struct err why = ERR_INIT;
    pg_conn_complaint(conn, NULL, &why);
    if (conn->last_words.text[0])
        why = conn->last_words;
    lose(conn, why.text[0] ? why.text : "the server closed the connection");
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void watch(struct pg_conn *conn, int events)
{
    int fd = PQsocket(conn->pg);
    if (conn->watched && conn->watched->fd != fd)
        unwatch(conn);
    if (!conn->watched) {
        struct watched *watched = mem_new(sizeof *watched);
        *watched = (struct watched){.conn = conn, .fd = fd};
        if (fd < 0 || uv_poll_init(conn->options.loop, &watched->poll, fd) != 0) {
            free(watched);
            conn->broken = true;
            return;
        }
        watched->poll.data = watched;
        conn->watched = watched;
        conn->handles++;
    }
    uv_poll_start(&conn->watched->poll, events, on_poll);
}

static void on_broken(uv_timer_t *timer)
{
    lose_pg(timer->data);
}

/* Reads unless it is paused, and writes while libpq has something left. */
static void watch_traffic(struct pg_conn *conn)
{
    if (!is_open(conn) || conn->state == CONNECTING || conn->state == STARTING)
        return;
    int left = conn->broken ? -1 : PQflush(conn->pg);
    int events = (conn->paused ? 0 : UV_READABLE) | (left > 0 ? UV_WRITABLE : 0);
    conn->broken = conn->broken || left < 0;
    if (!conn->broken && events)
        watch(conn, events);
    else if (conn->watched)
        uv_poll_stop(&conn->watched->poll);
    if (conn->broken)
        uv_timer_start(&conn->timer, on_broken, 0, 0);
}

/* ---- answers ---- */

static bool is_bad(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE;
}

static void give_answer(struct pg_conn *conn, enum state next)
{
    PGresult *result = conn->result;
    conn->result = NULL;
    uv_timer_stop(&conn->timer);
    move(conn, next);
    conn->answer(conn->answer_ctx, conn, result);
    PQclear(result);
}

static void take_results(struct pg_conn *conn)
{
    while (conn->state == ASKING && !PQisBusy(conn->pg)) {
        PGresult *result = PQgetResult(conn->pg);
        if (!result) {
            if (PQstatus(conn->pg) == CONNECTION_BAD)
                lose_pg(conn);
            else
                give_answer(conn, READY);
            return;
        }
        if (conn->result && is_bad(conn->result)) {
            PQclear(result);
            continue;
        }
        PQclear(conn->result);
        conn->result = result;
        if (PQresultStatus(result) == PGRES_COPY_BOTH) {
            give_answer(conn, COPYING);
            return;
        }
    }
}

/* Of the SQLSTATE the classes of errors that are nobody's fault for long: the connection, too few
 * resources, the operator. */
static bool is_passing(const char *sqlstate)
{
    static const char *const classes[] = {"08", "53", "57"};
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (strncmp(sqlstate, classes[i], strlen(classes[i])) == 0)
            return true;
    return false;
}

/* The server ended the copy: what it says about that is in the next result. */
static void end_copy(struct pg_conn *conn)
{
    struct err why = ERR_INIT;
    PGresult *result = PQgetResult(conn->pg);
    const char *sqlstate = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    conn->failed_copy = sqlstate && !is_passing(sqlstate);
    pg_conn_complaint(conn, result, &why);
    PQclear(result);
    lose(conn, why.text[0] ? why.text : "the server ended the replication");
}

/* True: there is more for the next turn. */
static bool take_data(struct pg_conn *conn)
{
    for (unsigned i = 0; i < SLICE && conn->state == COPYING && !conn->paused; i++) {
        if (!conn->pending) {
            conn->pending_n = PQgetCopyData(conn->pg, &conn->pending, 1);
            if (conn->pending_n == -1)
                end_copy(conn);
            else if (conn->pending_n < 0)
                lose_pg(conn);
            if (conn->pending_n <= 0)
                return false;
        }
        char *bytes = conn->pending;
        int n = conn->pending_n;
        bool taken = conn->options.ops->data(conn->options.ctx, conn,
                                             (struct str){.p = bytes, .n = (size_t)n});
        if (taken) {
            PQfreemem(bytes);
            conn->pending = NULL;
        } else {
            conn->paused = true;
        }
    }
    return conn->state == COPYING && !conn->paused;
}

static void on_idle(uv_idle_t *idle);

static void take_notifies(struct pg_conn *conn)
{
    PGnotify *notify;
    while (is_open(conn) && (notify = PQnotifies(conn->pg)) != NULL) {
        if (conn->options.ops->notified)
            conn->options.ops->notified(conn->options.ctx, conn, str_of(notify->relname),
                                        str_of(notify->extra));
        PQfreemem(notify);
    }
}

/* Everything that was read and can be worked on. What was notified before an answer is told before
 * it. */
static void work_off(struct pg_conn *conn)
{
    take_notifies(conn);
    take_results(conn);
    take_notifies(conn);
    if (conn->state == COPYING && take_data(conn))
        uv_idle_start(&conn->idle, on_idle);
    watch_traffic(conn);
}

static void on_idle(uv_idle_t *idle)
{
    struct pg_conn *conn = idle->data;
    uv_idle_stop(idle);
    work_off(conn);
}

/* ---- connecting ---- */

static void on_prepared(void *ctx, struct pg_conn *conn, const PGresult *result)
{
    if (PQresultStatus(result) == PGRES_COMMAND_OK) {
        conn->options.ops->ready(conn->options.ctx, conn);
        return;
    }
    struct err why = ERR_INIT;
    lose(conn, pg_conn_complaint(conn, result, &why));
}

static void on_silence(uv_timer_t *timer)
{
    lose(timer->data, "the server does not answer");
}

static void begin_query(struct pg_conn *conn, int sent, uint64_t timeout_ms, pg_conn_answer *answer,
                        void *ctx)
{
    conn->answer = answer;
    conn->answer_ctx = ctx;
    conn->broken = conn->broken || !sent;
    move(conn, ASKING);
    if (timeout_ms)
        uv_timer_start(&conn->timer, on_silence, timeout_ms, 0);
    watch_traffic(conn);
}

static void connected(struct pg_conn *conn)
{
    PQsetnonblocking(conn->pg, 1);
    uv_timer_stop(&conn->timer);
    conn->heard = uv_now(conn->options.loop);
    move(conn, READY);
    if (conn->options.kind == PG_TARGET_ORDINARY) {
        watch_traffic(conn);
        conn->options.ops->ready(conn->options.ctx, conn);
        return;
    }
    pg_conn_query(conn,
                  "SET DateStyle = 'ISO, MDY'; SET TimeZone = 'UTC'; SET IntervalStyle = "
                  "'postgres'; SET extra_float_digits = 3; SET bytea_output = 'hex'; SET "
                  "statement_timeout = 0; SET lock_timeout = 0",
                  conn->options.timeout_ms, on_prepared, conn);
}

static void connect_on(struct pg_conn *conn)
{
    switch (PQconnectPoll(conn->pg)) {
    case PGRES_POLLING_READING:
        watch(conn, UV_READABLE);
        break;
    case PGRES_POLLING_WRITING:
        watch(conn, UV_WRITABLE);
        break;
    case PGRES_POLLING_OK:
        connected(conn);
        return;
    default:
        lose_pg(conn);
        return;
    }
    if (conn->broken)
        lose(conn, "the connection has no socket that can be waited for");
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct pg_conn *conn = ((struct watched *)poll->data)->conn;
    if (conn->state == CONNECTING) {
        uv_poll_stop(poll);
        connect_on(conn);
        return;
    }
    if (status < 0) {
        lose(conn, "the connection broke");
        return;
    }
    if ((events & UV_READABLE) && !PQconsumeInput(conn->pg)) {
        /* What came before the end is still to be read: the server says why it hangs up. */
        while (conn->state == COPYING && take_data(conn)) {
        }
        if (is_open(conn))
            lose_pg(conn);
        return;
    }
    if (events & UV_READABLE)
        conn->heard = uv_now(conn->options.loop);
    work_off(conn);
}

static void on_connect_timeout(uv_timer_t *timer)
{
    lose(timer->data, "no connection in time");
}

static void on_work(uv_work_t *work)
{
    struct pg_conn *conn = work->data;
    struct pg_params params;
    if (!pg_params_new(conn->options.target, conn->options.kind, &params, &conn->start_err))
        return;
    conn->pg = PQconnectStartParams(params.keywords, params.values, 0);
    pg_params_free(&params);
    if (!conn->pg)
        err_set(&conn->start_err, "out of memory");
    else if (PQstatus(conn->pg) == CONNECTION_BAD)
        pg_sentence(&conn->start_err, PQerrorMessage(conn->pg));
}

static void on_started(uv_work_t *work, int status)
{
    struct pg_conn *conn = work->data;
    conn->working = false;
    if (conn->state == CLOSING) {
        free_when_closed(conn);
        return;
    }
    if (conn->state == LOST) /* the time was over */
        return;
    if (conn->start_err.text[0]) {
        lose(conn, conn->start_err.text);
        return;
    }
    PQsetNoticeReceiver(conn->pg, on_notice, conn);
    move(conn, CONNECTING);
    watch(conn, UV_WRITABLE);
    if (conn->broken)
        lose(conn, "the connection has no socket that can be waited for");
}

struct pg_conn *pg_conn_new(const struct pg_conn_options *options)
{
    struct pg_conn *conn = mem_new(sizeof *conn);
    conn->options = *options;
    conn->start_err = conn->last_words = ERR_INIT;
    conn->heard = uv_now(options->loop);
    uv_timer_init(options->loop, &conn->timer);
    uv_idle_init(options->loop, &conn->idle);
    conn->timer.data = conn->idle.data = conn->work.data = conn;
    conn->handles = 2;
    uv_timer_start(&conn->timer, on_connect_timeout, options->timeout_ms, 0);
    conn->working = true;
    CHECK(uv_queue_work(options->loop, &conn->work, on_work, on_started) == 0);
    return conn;
}

void pg_conn_close(struct pg_conn *conn, void (*closed)(void *ctx), void *ctx)
{
    move(conn, CLOSING);
    conn->closed = closed;
    conn->closed_ctx = ctx;
    unwatch(conn);
    uv_close((uv_handle_t *)&conn->timer, on_handle_closed);
    uv_close((uv_handle_t *)&conn->idle, on_handle_closed);
    if (conn->working)
        uv_cancel((uv_req_t *)&conn->work); /* where it has not begun */
}

/* ---- what is asked ---- */

void pg_conn_query(struct pg_conn *conn, const char *sql, uint64_t timeout_ms,
                   pg_conn_answer *answer, void *ctx)
{
    CHECK(conn->state == READY);
    begin_query(conn, PQsendQuery(conn->pg, sql), timeout_ms, answer, ctx);
}

void pg_conn_ask(struct pg_conn *conn, const char *sql, int n, const char *const *values,
                 uint64_t timeout_ms, pg_conn_answer *answer, void *ctx)
{
    CHECK(conn->state == READY);
    begin_query(conn, PQsendQueryParams(conn->pg, sql, n, NULL, values, NULL, NULL, 0), timeout_ms,
                answer, ctx);
}

bool pg_conn_ready(const struct pg_conn *conn)
{
    return conn->state == READY;
}

void pg_conn_put(struct pg_conn *conn, struct str bytes)
{
    if (conn->state != COPYING)
        return;
    if (PQputCopyData(conn->pg, bytes.p, (int)bytes.n) < 0)
        conn->broken = true;
    watch_traffic(conn);
}

void pg_conn_resume(struct pg_conn *conn)
{
    if (!conn->paused || conn->state != COPYING)
        return;
    conn->paused = false;
    uv_idle_start(&conn->idle, on_idle);
}

bool pg_conn_is_failed_copy(const struct pg_conn *conn)
{
    return conn->failed_copy;
}

int pg_conn_version(const struct pg_conn *conn)
{
    return conn->pg ? PQserverVersion(conn->pg) : 0;
}

int pg_conn_backend(const struct pg_conn *conn)
{
    return conn->pg ? PQbackendPID(conn->pg) : 0;
}

uint64_t pg_conn_heard(const struct pg_conn *conn)
{
    return conn->heard;
}

const char *pg_conn_complaint(const struct pg_conn *conn, const PGresult *result, struct err *err)
{
    const char *primary = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *hint = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_HINT) : NULL;
    pg_sentence(err, primary ? primary : PQerrorMessage(conn->pg));
    if (primary && hint) {
        struct err first = *err, second = ERR_INIT;
        pg_sentence(&second, hint);
        err_set(err, "%.500s (%.500s)", first.text, second.text);
    }
    return err->text;
}
