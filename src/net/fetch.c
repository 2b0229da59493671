/* libcurl says which sockets it waits for and until when, libuv waits. A job is one easy handle; a
 * spot is one socket that libcurl watches, which may serve several jobs and outlive them all, since
 * connections are kept.
 *
 * libcurl may not be asked to forget a handle from within its own callbacks, and a `done` may start
 * and cancel. So answers are only collected, one by one, after libcurl has returned. */
#include "net/fetch.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/list.h"
#include "base/mem.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <strings.h>

enum { JOBS = 256, CONNECTIONS = 16, HEADERS_MAX = 64 * 1024, URL_MAX = 8192 };

struct fetch {
    uv_loop_t *loop;
    uv_timer_t timer;
    CURLM *multi;
    struct list jobs;
    unsigned n_jobs, max_jobs;
    unsigned handles; /* of libuv, that hold this struct */
    bool closed;
};

struct spot {
    uv_poll_t poll;
    struct fetch *fetch;
    curl_socket_t socket;
};

struct fetch_job {
    struct list node;
    struct fetch *fetch;
    CURL *easy;
    struct curl_slist *headers;
    struct buf body;
    size_t header_bytes;
    int64_t max_age_s;
    fetch_done *done;
    void *ctx;
    char error[CURL_ERROR_SIZE];
};

/* ---- handles ------------------------------------------------------------------------------- */

static void released(struct fetch *fetch)
{
    if (--fetch->handles == 0)
        free(fetch);
}

static void timer_closed(uv_handle_t *handle)
{
    released(handle->data);
}

static void spot_closed(uv_handle_t *handle)
{
    struct spot *spot = handle->data;
    released(spot->fetch);
    free(spot);
}

static void job_free(struct fetch_job *job)
{
    list_remove(&job->node);
    job->fetch->n_jobs--;
    curl_multi_remove_handle(job->fetch->multi, job->easy);
    curl_easy_cleanup(job->easy);
    curl_slist_free_all(job->headers);
    buf_free(&job->body);
    free(job);
}

/* ---- answers ------------------------------------------------------------------------------- */

static void finish(struct fetch_job *job, CURLcode code)
{
    struct fetch_answer answer = {.end = FETCH_ANSWERED, .max_age_s = job->max_age_s};
    long status = 0;
    (void)curl_easy_getinfo(job->easy, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_OK) {
        answer.status = (unsigned)status;
        answer.body = buf_slice(&job->body);
    } else if (job->body.overflow || code == CURLE_FILESIZE_EXCEEDED) {
        answer.end = FETCH_TOO_LARGE;
        answer.error = "the answer is too long";
    } else {
        answer.end = code == CURLE_OPERATION_TIMEDOUT ? FETCH_TIMED_OUT : FETCH_FAILED;
        answer.error = *job->error ? job->error : curl_easy_strerror(code);
    }
    job->done(job->ctx, &answer);
}

static void collect(struct fetch *fetch)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(fetch->multi, &left)) != NULL) {
        struct fetch_job *job = NULL;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &job);
        finish(job, code);
        job_free(job);
    }
}

static void act(struct fetch *fetch, curl_socket_t socket, int events)
{
    int running;
    (void)curl_multi_socket_action(fetch->multi, socket, events, &running);
    collect(fetch);
}

static void due(uv_timer_t *timer)
{
    act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static void ready(uv_poll_t *poll, int status, int events)
{
    struct spot *spot = poll->data;
    int what = status < 0 ? CURL_CSELECT_ERR : 0;
    if (events & UV_READABLE)
        what |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        what |= CURL_CSELECT_OUT;
    act(spot->fetch, spot->socket, what);
}

/* ---- what libcurl calls -------------------------------------------------------------------- */

static int on_timer(CURLM *multi, long ms, void *ctx)
{
    struct fetch *fetch = ctx;
    if (fetch->closed || ms < 0)
        uv_timer_stop(&fetch->timer);
    else
        uv_timer_start(&fetch->timer, due, (uint64_t)ms, 0);
    return 0;
}

static int on_socket(CURL *easy, curl_socket_t socket, int what, void *ctx, void *at_socket)
{
    struct fetch *fetch = ctx;
    struct spot *spot = at_socket;
    if (what == CURL_POLL_REMOVE) {
        if (spot) {
            (void)curl_multi_assign(fetch->multi, socket, NULL);
            uv_poll_stop(&spot->poll);
            uv_close((uv_handle_t *)&spot->poll, spot_closed);
        }
        return 0;
    }
    if (!spot) {
        spot = mem_new(sizeof *spot);
        if (uv_poll_init_socket(fetch->loop, &spot->poll, socket) != 0) {
            free(spot);
            return -1;
        }
        spot->fetch = fetch;
        spot->socket = socket;
        spot->poll.data = spot;
        fetch->handles++;
        (void)curl_multi_assign(fetch->multi, socket, spot);
    }
    uv_poll_start(
        &spot->poll,
        (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0), ready);
    return 0;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *ctx)
{
    struct fetch_job *job = ctx;
    return buf_add(&job->body, bytes, size * n) ? size * n : 0;
}

/* The seconds behind "max-age=" (RFC 9111, 5.2.2); 0 for no-store and no-cache; -1 for neither. */
static int64_t max_age(struct str value)
{
    int64_t age = -1;
    while (value.n) {
        struct str part = {.p = value.p, .n = str_index(value, ',')};
        value = str_from(value, part.n + 1);
        while (part.n && (*part.p == ' ' || *part.p == '\t'))
            part = str_from(part, 1);
        if (part.n >= 8 &&
            (strncasecmp(part.p, "no-store", 8) == 0 || strncasecmp(part.p, "no-cache", 8) == 0))
            return 0;
        if (part.n < 9 || strncasecmp(part.p, "max-age=", 8) != 0)
            continue;
        age = 0;
        for (size_t i = 8; i < part.n && part.p[i] >= '0' && part.p[i] <= '9'; i++)
            age = age < 1000000000 ? age * 10 + (part.p[i] - '0') : age;
    }
    return age;
}

static size_t on_header(char *bytes, size_t size, size_t n, void *ctx)
{
    static const struct str name = {.p = "Cache-Control:", .n = 14};
    struct fetch_job *job = ctx;
    struct str line = {.p = bytes, .n = size * n};
    job->header_bytes += line.n;
    if (job->header_bytes > HEADERS_MAX)
        return 0;
    if (line.n > name.n && strncasecmp(line.p, name.p, name.n) == 0)
        job->max_age_s = max_age(str_from(line, name.n));
    return line.n;
}

/* ---- the whole ----------------------------------------------------------------------------- */

struct fetch *fetch_new(uv_loop_t *loop, const struct fetch_options *options, struct err *err)
{
    struct fetch *fetch;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        err_set(err, "libcurl cannot be started");
        return NULL;
    }
    fetch = mem_new(sizeof *fetch);
    fetch->multi = curl_multi_init();
    if (!fetch->multi) {
        free(fetch);
        curl_global_cleanup();
        err_set(err, "libcurl has no memory");
        return NULL;
    }
    fetch->loop = loop;
    fetch->max_jobs = options && options->max_jobs ? options->max_jobs : JOBS;
    fetch->handles = 1;
    list_init(&fetch->jobs);
    CHECK(uv_timer_init(loop, &fetch->timer) == 0);
    fetch->timer.data = fetch;
    long connections =
        options && options->max_connections ? (long)options->max_connections : CONNECTIONS;
    (void)curl_multi_setopt(fetch->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(fetch->multi, CURLMOPT_SOCKETDATA, fetch);
    (void)curl_multi_setopt(fetch->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    (void)curl_multi_setopt(fetch->multi, CURLMOPT_TIMERDATA, fetch);
    (void)curl_multi_setopt(fetch->multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections);
    (void)curl_multi_setopt(fetch->multi, CURLMOPT_MAXCONNECTS, connections);
    return fetch;
}

void fetch_close(struct fetch *fetch)
{
    fetch->closed = true;
    while (!list_empty(&fetch->jobs))
        job_free(LIST_ITEM(fetch->jobs.next, struct fetch_job, node));
    /* Gives back the sockets too, by on_socket. */
    curl_multi_cleanup(fetch->multi);
    curl_global_cleanup();
    uv_timer_stop(&fetch->timer);
    uv_close((uv_handle_t *)&fetch->timer, timer_closed);
}

bool fetch_url_ok(const char *url, struct err *err)
{
    CURLU *parts = curl_url();
    char *scheme = NULL, *host = NULL, *user = NULL;
    bool parsed = parts && strlen(url) < URL_MAX &&
                  curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
                  curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                  curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK && *host;
    bool ok = false;
    if (!parsed)
        err_set(err, "it is not a URL: https://host/path");
    else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        err_set(err, "only http and https are fetched");
    else if (curl_url_get(parts, CURLUPART_USER, &user, 0) == CURLUE_OK)
        err_set(err, "a URL with a user name would end in logs; use a header instead");
    else
        ok = true;
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_url_cleanup(parts);
    return ok;
}

struct str fetch_url_shown(const char *url)
{
    return (struct str){.p = url, .n = strcspn(url, "?#")};
}

static bool add_headers(struct fetch_job *job, const struct fetch_request *request, struct err *err)
{
    for (size_t i = 0; i < request->n_headers; i++) {
        struct curl_slist *longer;
        if (strpbrk(request->headers[i], "\r\n"))
            return err_set(err, "a header of the request has a line end in it");
        longer = curl_slist_append(job->headers, request->headers[i]);
        if (!longer)
            return err_set(err, "libcurl has no memory");
        job->headers = longer;
    }
    /* A body is sent at once: nobody asks first whether it is welcome. */
    struct curl_slist *longer = curl_slist_append(job->headers, "Expect:");
    if (longer)
        job->headers = longer;
    return longer || err_set(err, "libcurl has no memory");
}

static void set_up(struct fetch_job *job, const struct fetch_request *request)
{
    CURL *easy = job->easy;
    (void)curl_easy_setopt(easy, CURLOPT_URL, request->url);
    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, job);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "unstale/" UNSTALE_VERSION);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)request->timeout_ms);
    (void)curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)request->max_body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, job);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, job);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, job->error);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, job->headers);
    if (request->body.p) {
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.n);
        (void)curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->body.p);
    }
}

struct fetch_job *fetch_start(struct fetch *fetch, const struct fetch_request *request,
                              fetch_done *done, void *ctx, struct err *err)
{
    if (!fetch_url_ok(request->url, err))
        return NULL;
    if (fetch->closed || fetch->n_jobs >= fetch->max_jobs) {
        err_set(err, "there are %u requests under way already", fetch->n_jobs);
        return NULL;
    }
    struct fetch_job *job = mem_new(sizeof *job);
    job->fetch = fetch;
    job->easy = curl_easy_init();
    job->body = BUF_INIT(request->max_body);
    job->max_age_s = -1;
    job->done = done;
    job->ctx = ctx;
    list_push_back(&fetch->jobs, &job->node);
    fetch->n_jobs++;
    bool ok = job->easy != NULL || err_set(err, "libcurl has no memory");
    ok = ok && add_headers(job, request, err);
    if (ok) {
        set_up(job, request);
        /* Only arms the timer: nothing is connected before the loop turns. */
        ok = curl_multi_add_handle(fetch->multi, job->easy) == CURLM_OK ||
             err_set(err, "libcurl takes no more requests");
    }
    if (!ok) {
        job_free(job);
        job = NULL;
    }
    return job;
}

void fetch_cancel(struct fetch_job *job)
{
    job_free(job);
}
