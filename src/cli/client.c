#include "cli/client.h"

#include "base/check.h"
#include "base/mem.h"

#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum {
    ANSWER_MAX = 1024 * 1024,
    BEARER_MAX = 32 * 1024,
    CONNECT_MS = 10000,
    POST_MS = 60000,
    LOOK_MS = 250
};

struct client {
    CURLM *multi;
    int signals;
    bool stopped;
    sigset_t before;
};

#define NO_ROOM "HTTP: there is not enough memory, or the token is too long"

/* One transfer. */
struct transfer {
    CURL *easy;
    const struct client_stream *stream; /* NULL: the body is collected */
    struct client_answer *answer;
    uint64_t heard_ms; /* when bytes came last */
    bool refused;      /* by the stream's own callback */
};

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

struct client *client_new(struct err *err)
{
    sigset_t set;
    struct client *client = mem_new(sizeof *client);
    client->signals = -1;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, &client->before);
    client->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (client->signals >= 0 && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
        client->multi = curl_multi_init();
    if (client->multi)
        return client;
    err_set(err, "HTTP: there is not enough memory, or there are too many open files");
    client_free(client);
    return NULL;
}

void client_free(struct client *client)
{
    if (!client)
        return;
    if (client->multi)
        curl_multi_cleanup(client->multi);
    curl_global_cleanup();
    if (client->signals >= 0)
        close(client->signals);
    sigprocmask(SIG_SETMASK, &client->before, NULL);
    free(client);
}

bool client_stopped(const struct client *client)
{
    return client->stopped;
}

void client_answer_free(struct client_answer *answer)
{
    buf_free(&answer->body);
}

static void look_for_signals(struct client *client)
{
    struct signalfd_siginfo info;
    if (read(client->signals, &info, sizeof info) == (ssize_t)sizeof info)
        client->stopped = true;
}

/* libcurl's signature. NOLINTNEXTLINE(readability-non-const-parameter) */
static size_t on_bytes(char *bytes, size_t size, size_t n, void *ctx)
{
    struct transfer *transfer = ctx;
    struct str text = {.p = bytes, .n = size * n};
    long status = 0;
    transfer->heard_ms = now_ms();
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    if (!transfer->stream || status != 200)
        return buf_str(&transfer->answer->body, text) ? text.n : 0;
    if (transfer->stream->bytes(transfer->stream->ctx, text))
        return text.n;
    transfer->refused = true;
    return 0;
}

static bool silent(const struct transfer *transfer)
{
    return transfer->stream &&
           now_ms() - transfer->heard_ms > transfer->stream->patience(transfer->stream->ctx);
}

/* *result stays CURLE_OK with *done false when it was ended from here. */
static bool run(struct client *client, struct transfer *transfer, CURLcode *result, struct err *err)
{
    int running = 1;
    while (running) {
        struct curl_waitfd signals = {.fd = client->signals, .events = CURL_WAIT_POLLIN};
        if (curl_multi_perform(client->multi, &running) != CURLM_OK)
            return err_set(err, "HTTP: the transfer failed");
        if (!running)
            break;
        curl_multi_poll(client->multi, &signals, 1, LOOK_MS, NULL);
        look_for_signals(client);
        if (client->stopped)
            return err_set(err, "stopped");
        if (silent(transfer))
            return err_set(err, "the server has been silent for too long");
    }
    int left;
    CURLMsg *message;
    *result = CURLE_OK;
    while ((message = curl_multi_info_read(client->multi, &left)) != NULL)
        if (message->msg == CURLMSG_DONE && message->easy_handle == transfer->easy)
            *result = message->data.result;
    return true;
}

static bool transfer_run(struct client *client, struct transfer *transfer, const char *url,
                         struct curl_slist *headers, struct err *err)
{
    CURL *easy = transfer->easy;
    char why[CURL_ERROR_SIZE] = "";
    CURLcode result = CURLE_OK;
    curl_off_t retry = 0;
    transfer->answer->body = BUF_INIT(ANSWER_MAX);
    transfer->heard_ms = now_ms();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "unstale/" UNSTALE_VERSION);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_multi_add_handle(client->multi, easy);
    bool ok = run(client, transfer, &result, err);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &transfer->answer->status);
    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry);
    if (retry > 0 && retry < 86400)
        transfer->answer->retry_after_ms = (uint64_t)retry * 1000;
    if (ok && transfer->refused)
        ok = err_set(err, "the server sent an event that is too long");
    else if (ok && result != CURLE_OK)
        ok = err_set(err, "%s: %s", url, *why ? why : curl_easy_strerror(result));
    curl_multi_remove_handle(client->multi, easy);
    return ok;
}

static bool add_token(struct curl_slist *headers, const char *token)
{
    struct buf bearer = BUF_INIT(BEARER_MAX);
    bool ok = buf_printf(&bearer, "Authorization: Bearer %s", token) && buf_byte(&bearer, '\0') &&
              curl_slist_append(headers, bearer.data);
    buf_free(&bearer);
    return ok;
}

bool client_post(struct client *client, const char *url, const char *token, struct str body,
                 struct client_answer *answer, struct err *err)
{
    struct transfer transfer = {.easy = curl_easy_init(), .answer = answer};
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    *answer = (struct client_answer){0};
    bool ok = transfer.easy && headers && (!token || add_token(headers, token));
    if (ok) {
        curl_easy_setopt(transfer.easy, CURLOPT_POST, 1L);
        curl_easy_setopt(transfer.easy, CURLOPT_POSTFIELDS, body.n ? body.p : "");
        curl_easy_setopt(transfer.easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
        curl_easy_setopt(transfer.easy, CURLOPT_TIMEOUT_MS, (long)POST_MS);
        ok = transfer_run(client, &transfer, url, headers, err);
    } else {
        err_set(err, NO_ROOM);
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(transfer.easy);
    return ok;
}

bool client_get(struct client *client, const char *url, const char *token,
                const struct client_stream *stream, struct client_answer *answer, struct err *err)
{
    struct transfer transfer = {.easy = curl_easy_init(), .stream = stream, .answer = answer};
    struct curl_slist *headers = curl_slist_append(NULL, "Accept: text/event-stream");
    *answer = (struct client_answer){0};
    bool ok = transfer.easy && headers && (!token || add_token(headers, token))
                  ? transfer_run(client, &transfer, url, headers, err)
                  : err_set(err, NO_ROOM);
    curl_slist_free_all(headers);
    curl_easy_cleanup(transfer.easy);
    return ok;
}

bool client_wait(struct client *client, uint64_t ms)
{
    uint64_t until = now_ms() + ms;
    for (uint64_t now = now_ms(); now < until && !client->stopped; now = now_ms()) {
        struct pollfd signals = {.fd = client->signals, .events = POLLIN};
        if (poll(&signals, 1, (int)(until - now)) > 0)
            look_for_signals(client);
    }
    return !client->stopped;
}

bool client_write_query(struct buf *out, struct str text)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] && strchr(plain, text.p[i]))
            buf_byte(out, text.p[i]);
        else
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)text.p[i]);
    }
    return !out->overflow;
}
