#include "auth/callback.h"

#include "auth/claims.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/table.h"
#include "wire/cookie.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    HEADERS_MAX = 16,
    HEADERS_BYTES = 64 * 1024, /* the head of a request is smaller */
    HASH_BYTES = 32,
};

/* What was asked once: on its way (a job), or answered and good for a while. */
struct known {
    struct list node; /* of those that are answered, in their order */
    struct callback *callback;
    struct fetch_job *job;
    unsigned char hash[HASH_BYTES];
    enum callback_answer answer;
    uint64_t good_ms; /* from the answer on, by what it says itself */
    char *document;
    size_t n;
    uint64_t ends;
    uint64_t *waiters;
    size_t n_waiters;
};

struct callback {
    struct callback_options options;
    struct table table;
    struct list answered;
    size_t bytes; /* of what is in `answered` */
    bool silent;  /* it was said in the log already */
};

static uint32_t hash(const void *item)
{
    uint32_t first;
    memcpy(&first, ((const struct known *)item)->hash, sizeof first);
    return first;
}

static bool equal(const void *item, const void *key)
{
    return memcmp(((const struct known *)item)->hash, key, HASH_BYTES) == 0;
}

struct callback *callback_new(const struct callback_options *options)
{
    struct callback *callback = mem_new(sizeof *callback);
    callback->options = *options;
    table_init(&callback->table, hash);
    list_init(&callback->answered);
    return callback;
}

static size_t size_of(const struct known *known)
{
    return sizeof *known + known->n;
}

static void drop(struct known *known)
{
    struct callback *callback = known->callback;
    table_remove(&callback->table, known);
    if (!list_empty(&known->node)) {
        list_remove(&known->node);
        callback->bytes -= size_of(known);
    }
    if (known->document)
        explicit_bzero(known->document, known->n);
    free(known->document);
    free(known->waiters);
    free(known);
}

static struct callback_said said_of(const struct known *known)
{
    return (struct callback_said){.answer = known->job ? CALLBACK_WAIT : known->answer,
                                  .document = {.p = known->document, .n = known->n},
                                  .session = {.p = (const char *)known->hash, .n = HASH_BYTES}};
}

/* Each of them once; they may ask again meanwhile. */
static void tell(struct known *known)
{
    struct callback *callback = known->callback;
    uint64_t *waiters = known->waiters;
    size_t n = known->n_waiters;
    known->waiters = NULL;
    known->n_waiters = 0;
    known->ends = UINT64_MAX; /* so that asking again now does not find it too old, and drop it */
    const struct callback_said said = said_of(known);
    for (size_t i = 0; i < n; i++)
        callback->options.done(callback->options.ctx, waiters[i], &said);
    free(waiters);
}

void callback_free(struct callback *callback)
{
    if (!callback)
        return;
    for (;;) {
        size_t cursor = 0;
        struct known *known = table_next(&callback->table, &cursor);
        if (!known)
            break;
        if (known->job)
            fetch_cancel(known->job);
        known->job = NULL;
        known->answer = CALLBACK_SILENT;
        tell(known);
        drop(known);
    }
    table_free(&callback->table);
    free(callback);
}

/* ---- what is asked ---- */

/* Header lines, each with a NUL behind it. */
struct asked {
    struct buf text;
    const char *lines[HEADERS_MAX + 2];
    size_t starts[HEADERS_MAX + 2];
    size_t n;
};

static void begin_line(struct asked *asked, const char *name)
{
    asked->starts[asked->n++] = asked->text.len;
    buf_printf(&asked->text, "%s: ", name);
}

static void add_headers(const struct auth_callback *spec, const struct http_request *request,
                        struct asked *asked)
{
    for (size_t i = 0; i < spec->headers.n && asked->n < HEADERS_MAX; i++) {
        struct str value = http_find(request, spec->headers.items[i].p);
        if (!value.n)
            continue;
        begin_line(asked, spec->headers.items[i].p);
        buf_str(&asked->text, value);
        buf_byte(&asked->text, '\0');
    }
}

static bool is_chosen(const struct auth_callback *spec, struct str name)
{
    for (size_t i = 0; i < spec->cookies.n; i++)
        if (str_equal(spec->cookies.items[i], name))
            return true;
    return false;
}

static void add_cookies(const struct auth_callback *spec, const struct http_request *request,
                        struct asked *asked)
{
    size_t before = asked->text.len, n = asked->n;
    begin_line(asked, "Cookie");
    size_t empty = asked->text.len;
    if (spec->all_cookies) {
        buf_str(&asked->text, http_find(request, "cookie"));
    } else {
        struct str rest = http_find(request, "cookie");
        struct cookie cookie;
        while (cookie_next(&rest, &cookie)) {
            if (!is_chosen(spec, cookie.name))
                continue;
            if (asked->text.len > empty)
                buf_text(&asked->text, "; ");
            buf_str(&asked->text, cookie.name);
            buf_byte(&asked->text, '=');
            buf_str(&asked->text, cookie.value);
        }
    }
    if (asked->text.len == empty) {
        buf_cut(&asked->text, before);
        asked->n = n;
        return;
    }
    buf_byte(&asked->text, '\0');
}

/* ---- what is answered ---- */

/* How long what the document says is good. Then the application may say something else: a session
 * that goes on has another `exp` by now. */
static uint64_t good_for(const json_t *document)
{
    const json_t *exp = json_object_get(document, "exp");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    double seconds = json_number_value(exp) - (double)now.tv_sec - (double)now.tv_nsec / 1e9;
    if (!json_is_number(exp))
        return UINT64_MAX;
    return seconds > 0 ? (uint64_t)(seconds * 1000) : 0;
}

static enum callback_answer read_answer(struct callback *callback,
                                        const struct fetch_answer *answer, uint64_t *good_ms)
{
    const char *why = answer->error;
    char text[64];
    struct err err = ERR_INIT;
    if (answer->end == FETCH_ANSWERED) {
        json_t *document = NULL;
        switch (answer->status) {
        case 200:
            document = json_loadb(answer->body.p, answer->body.n, JSON_REJECT_DUPLICATES, NULL);
            if (claims_document(document, &err)) {
                *good_ms = good_for(document);
                json_decref(document);
                callback->silent = false;
                return CALLBACK_SOMEBODY;
            }
            json_decref(document);
            why = err.text;
            break;
        case 401:
        case 302: /* to a login page */
        case 303:
        case 307:
            callback->silent = false;
            return CALLBACK_NOBODY;
        case 403:
            callback->silent = false;
            return CALLBACK_FORBIDDEN;
        default:
            snprintf(text, sizeof text, "it answered with the status %u", answer->status);
            why = text;
        }
    }
    if (!callback->silent)
        log_warn(callback->options.log, "auth", "callback %.*s: %s; new sign-ins get 503",
                 STR_ARG(fetch_url_shown(callback->options.spec->url)), why ? why : "no answer");
    callback->silent = true;
    return CALLBACK_SILENT;
}

static void forget_old(struct callback *callback, uint64_t now)
{
    LIST_EACH (node, &callback->answered) {
        struct known *known = LIST_ITEM(node, struct known, node);
        if (known->ends > now && callback->bytes <= CALLBACK_CACHE_BYTES)
            return;
        drop(known);
    }
}

static void on_done(void *ctx, const struct fetch_answer *answer)
{
    struct known *known = ctx;
    struct callback *callback = known->callback;
    const struct callback_options *options = &callback->options;
    static const enum tally_callback counts[] = {[CALLBACK_SOMEBODY] = TALLY_GOOD,
                                                 [CALLBACK_NOBODY] = TALLY_NOT_GOOD,
                                                 [CALLBACK_FORBIDDEN] = TALLY_NOT_GOOD,
                                                 [CALLBACK_SILENT] = TALLY_NO_ANSWER};
    known->job = NULL;
    known->good_ms = UINT64_MAX;
    known->answer = read_answer(callback, answer, &known->good_ms);
    tally_add(&options->tally->callbacks[counts[known->answer]]);
    if (known->answer == CALLBACK_SOMEBODY) {
        known->document = mem_copy(answer->body.p, answer->body.n);
        known->n = answer->body.n;
    }
    tell(known);
    uint64_t keep = options->spec->cache_ms;
    if (known->good_ms < keep)
        keep = known->good_ms;
    if (known->answer == CALLBACK_SILENT || keep == 0) {
        drop(known);
        return;
    }
    known->ends = uv_now(options->loop) + keep;
    list_push_back(&callback->answered, &known->node);
    callback->bytes += size_of(known);
    forget_old(callback, uv_now(options->loop));
}

/* ---- asking ---- */

static void wait_for(struct known *known, uint64_t waiter)
{
    known->waiters = mem_grow(known->waiters, (known->n_waiters + 1) * sizeof *known->waiters);
    known->waiters[known->n_waiters++] = waiter;
}

static bool start(struct known *known, struct asked *asked)
{
    struct callback *callback = known->callback;
    const struct auth_callback *spec = callback->options.spec;
    struct err err = ERR_INIT;
    for (size_t i = 0; i < asked->n; i++)
        asked->lines[i] = asked->text.data + asked->starts[i];
    asked->lines[asked->n] = "Accept: application/json";
    const struct fetch_request request = {.url = spec->url,
                                          .headers = asked->lines,
                                          .n_headers = asked->n + 1,
                                          .timeout_ms = spec->timeout_ms,
                                          .max_body = spec->max_answer};
    known->job = fetch_start(callback->options.fetch, &request, on_done, known, &err);
    if (!known->job)
        log_warn(callback->options.log, "auth", "callback %.*s: %s",
                 STR_ARG(fetch_url_shown(spec->url)), err.text);
    return known->job != NULL;
}

struct callback_said callback_ask(struct callback *callback, const struct http_request *request,
                                  uint64_t waiter)
{
    const struct callback_options *options = &callback->options;
    struct asked asked = {.text = BUF_INIT(HEADERS_BYTES)};
    unsigned char key[HASH_BYTES];
    uint32_t first;
    struct callback_said said = {.answer = CALLBACK_EMPTY};
    add_headers(options->spec, request, &asked);
    add_cookies(options->spec, request, &asked);
    if (asked.n == 0 || asked.text.overflow)
        goto out;
    forget_old(callback, uv_now(options->loop));
    CHECK(EVP_Digest(asked.text.data, asked.text.len, key, NULL, EVP_sha256(), NULL) == 1);
    memcpy(&first, key, sizeof first);
    struct known *known =
        callback->table.count ? table_find(&callback->table, first, equal, key) : NULL;
    if (known && !known->job && known->ends <= uv_now(options->loop)) {
        drop(known);
        known = NULL;
    }
    if (known) {
        tally_add(&options->tally->callbacks[TALLY_CACHED]);
        said = said_of(known);
        if (known->job)
            wait_for(known, waiter);
        goto out;
    }
    known = mem_new(sizeof *known);
    known->callback = callback;
    memcpy(known->hash, key, sizeof key);
    list_init(&known->node);
    table_add(&callback->table, known);
    tally_add(&options->tally->callbacks[TALLY_ASKED]);
    said.answer = start(known, &asked) ? CALLBACK_WAIT : CALLBACK_SILENT;
    if (said.answer == CALLBACK_WAIT)
        wait_for(known, waiter);
    else
        drop(known);
out:
    if (asked.text.data)
        explicit_bzero(asked.text.data, asked.text.len);
    buf_free(&asked.text);
    return said;
}

void callback_cancel(struct callback *callback, uint64_t waiter)
{
    size_t cursor = 0;
    struct known *known;
    while ((known = table_next(&callback->table, &cursor)))
        for (size_t i = 0; i < known->n_waiters; i++)
            if (known->waiters[i] == waiter)
                known->waiters[i--] = known->waiters[--known->n_waiters];
}
