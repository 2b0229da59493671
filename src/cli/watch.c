/* A live view of a stream, as a page would have it: it resumes from the last position that it was
 * granted, comes back after every failure that is not final, and says so.
 *
 * Coming back: full jitter (a random time up to a bound that doubles), so that many of these do not
 * return together; the bound falls back only after a connection that has lived for a while. */
#include "base/buf.h"
#include "base/jsontext.h"
#include "base/random.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/event_reader.h"
#include "cli/secret.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct args_option OPTIONS[] = {
    {.name = "url", .value = "URL", .help = "the server; http://127.0.0.1:8080 by default"},
    {.name = "since",
     .value = "POSITION",
     .help = "show what went stale after this position first"},
    {.name = "token-file",
     .value = "FILE",
     .help = "the token of somebody who may read the scopes"},
    {.name = "changes", .help = "ask for the changed rows too"},
    {.name = "json", .help = "JSON lines, also on a terminal"},
    {0},
};

enum {
    EVENT_MAX = 1024 * 1024,
    URL_MAX = 64 * 1024,
    TOKEN_MAX = 16 * 1024,
    PATIENCE_MS = 60000, /* until the server has said how often it beats */
    BACKOFF_FIRST_MS = 500,
    BACKOFF_MOST_MS = 30000,
    STABLE_MS = 5000,
};

struct view {
    struct event_reader reader;
    struct buf position;
    uint64_t patience_ms;
    bool json, colour;
    bool current;
    bool live;      /* `ready` came on this connection */
    bool unwritten; /* standard output is gone */
};

/* ---- showing ------------------------------------------------------------------------------- */

static const struct {
    const char *event, *colour;
} COLOURS[] = {{"ready", "32"}, {"stale", "33"},   {"notice", "36"},
               {"reset", "35"}, {"revoked", "31"}, {"error", "31"}};

/* Text of rows must not steer the terminal: C0 and C1 controls become "?". */
static void put_safe(struct str text)
{
    for (size_t i = 0; text.p && i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool c1 = c == 0xc2 && i + 1 < text.n && (unsigned char)text.p[i + 1] < 0xa0;
        putchar(c < 0x20 || c == 0x7f || c1 ? '?' : c);
        i += c1;
    }
}

static void put_json(const json_t *json)
{
    struct buf text = BUF_INIT(EVENT_MAX);
    if (json && jsontext_value(&text, json))
        put_safe(buf_slice(&text));
    buf_free(&text);
}

static void put_text(const json_t *json)
{
    put_safe((struct str){.p = json_string_value(json), .n = json_string_length(json)});
}

static void put_head(const struct view *view, const char *event)
{
    char clock[16];
    struct tm tm;
    time_t now = time(NULL);
    const char *colour = "2";
    if (!localtime_r(&now, &tm) || strftime(clock, sizeof clock, "%H:%M:%S", &tm) == 0)
        clock[0] = '\0';
    for (size_t i = 0; i < sizeof COLOURS / sizeof *COLOURS; i++)
        if (strcmp(COLOURS[i].event, event) == 0)
            colour = COLOURS[i].colour;
    if (view->colour)
        printf("\033[2m%s\033[0m  \033[%sm%-9s\033[0m  ", clock, colour, event);
    else
        printf("%s  %-9s  ", clock, event);
}

static void show_stale(const struct view *view, const json_t *data)
{
    const json_t *keys = json_object_get(data, "keys"), *changes = json_object_get(data, "changes");
    size_t n_keys = json_array_size(keys), n = n_keys + json_array_size(changes);
    for (size_t i = 0; i < n; i++) {
        put_head(view, "stale");
        put_text(json_object_get(data, "scope"));
        fputs("  ", stdout);
        put_json(i < n_keys ? json_array_get(keys, i) : json_array_get(changes, i - n_keys));
        putchar('\n');
    }
}

static void show_ready(const struct view *view, const json_t *data)
{
    json_t *scopes = json_object_get(data, "scopes");
    const char *name;
    json_t *state;
    const char *between = "";
    put_head(view, "ready");
    json_object_foreach(scopes, name, state)
    {
        fputs(between, stdout);
        put_safe(str_of(name));
        putchar(' ');
        put_text(state);
        between = ", ";
    }
    putchar('\n');
}

static void show_reset(const struct view *view, const json_t *data)
{
    const json_t *scopes = json_object_get(data, "scopes");
    put_head(view, "reset");
    for (size_t i = 0; i < json_array_size(scopes); i++) {
        fputs(i ? ", " : "", stdout);
        put_text(json_array_get(scopes, i));
    }
    fputs("  everything may be stale: ", stdout);
    put_text(json_object_get(data, "reason"));
    putchar('\n');
}

static void show_notice(const struct view *view, const json_t *data)
{
    put_head(view, "notice");
    put_text(json_object_get(data, "scope"));
    fputs("  ", stdout);
    put_text(json_object_get(data, "type"));
    putchar(' ');
    put_json(json_object_get(data, "data"));
    putchar('\n');
}

static void show_current(struct view *view, const json_t *data)
{
    const json_t *current = json_object_get(data, "current");
    if (!json_is_boolean(current) || json_is_true(current) == view->current)
        return;
    view->current = json_is_true(current);
    put_head(view, "capture");
    puts(view->current ? "is current" : "is not current: changes may be missing until it is");
}

static void show(struct view *view, struct str name, const json_t *data, struct str raw)
{
    if (str_is(name, "stale"))
        show_stale(view, data);
    else if (str_is(name, "ready"))
        show_ready(view, data);
    else if (str_is(name, "reset"))
        show_reset(view, data);
    else if (str_is(name, "notice"))
        show_notice(view, data);
    else if (!str_is(name, "heartbeat") && !str_is(name, "position")) {
        char text[32];
        snprintf(text, sizeof text, "%.*s", STR_ARG(name));
        for (char *c = text; *c; c++)
            if ((unsigned char)*c < 0x20 || *c == 0x7f)
                *c = '?';
        put_head(view, text);
        put_safe(raw);
        putchar('\n');
    }
    if (str_is(name, "ready") || str_is(name, "heartbeat"))
        show_current(view, data);
}

/* The same objects as a WebSocket would carry: "type" is added, and makes room for itself. */
static void show_line(struct str name, json_t *data, struct str raw)
{
    struct buf text = BUF_INIT(EVENT_MAX);
    if (json_is_object(data)) {
        if (str_is(name, "notice"))
            json_object_set(data, "notice", json_object_get(data, "type"));
        json_object_set_new(data, "type", json_stringn_nocheck(name.p, name.n));
        jsontext_value(&text, data);
    } else {
        buf_text(&text, "{\"data\":");
        jsontext_string(&text, raw);
        buf_text(&text, ",\"type\":");
        jsontext_string(&text, name);
        buf_byte(&text, '}');
    }
    printf("%.*s\n", STR_ARG(buf_slice(&text)));
    buf_free(&text);
}

/* ---- the stream ---------------------------------------------------------------------------- */

static void on_event(void *ctx, const struct event *event)
{
    struct view *view = ctx;
    json_t *data =
        json_loadb(event->data.p ? event->data.p : "", event->data.n, JSON_ALLOW_NUL, NULL);
    if (str_is(event->name, "ready")) {
        const json_t *heartbeat = json_object_get(data, "heartbeat");
        double seconds = json_number_value(heartbeat);
        view->live = true;
        if (seconds > 0 && seconds < 86400)
            view->patience_ms = (uint64_t)(seconds * 2000) + 1000;
    }
    if (view->json)
        show_line(event->name, data, event->data);
    else
        show(view, event->name, data, event->data);
    json_decref(data);
    if (fflush(stdout) != 0)
        view->unwritten = true;
    if (event->id.n) {
        buf_clear(&view->position);
        buf_str(&view->position, event->id);
    }
}

static bool on_bytes(void *ctx, struct str bytes)
{
    struct view *view = ctx;
    return event_reader_feed(&view->reader, bytes, on_event, view) && !view->unwritten;
}

static uint64_t patience(void *ctx)
{
    const struct view *view = ctx;
    return view->patience_ms;
}

static bool write_url(const struct args *args, const struct view *view, struct buf *url)
{
    const char *base = args_value(args, "url");
    struct str root = str_of(base ? base : "http://127.0.0.1:8080");
    while (root.n && root.p[root.n - 1] == '/')
        root.n--;
    buf_clear(url);
    buf_str(url, root);
    buf_text(url, "/v1/stream");
    for (size_t i = 0; i < args->n_words; i++) {
        buf_text(url, i ? "&scope=" : "?scope=");
        client_write_query(url, str_of(args->words[i]));
    }
    if (view->position.len) {
        buf_text(url, "&since=");
        client_write_query(url, buf_slice(&view->position));
    }
    if (args_flag(args, "changes"))
        buf_text(url, "&changes=1");
    return buf_byte(url, '\0');
}

/* Up to `bound`, each as likely. */
static uint64_t jitter(uint64_t bound)
{
    return bound * (uint32_t)random_u64() / UINT32_MAX;
}

/* A refusal after which asking again the same can only be refused again. */
static bool is_final(long status)
{
    return status / 100 == 4 && status != 408 && status != 429;
}

static void refusal(const struct client_answer *answer, struct err *err)
{
    struct str body = buf_slice(&answer->body);
    json_t *json = json_loadb(body.n ? body.p : "", body.n, 0, NULL);
    const char *why = json_string_value(json_object_get(json, "error"));
    if (answer->status == 200)
        err_set(err, "the server ended the stream");
    else if (why)
        err_set(err, "refused with %ld: %s", answer->status, why);
    else
        err_set(err, "refused with %ld", answer->status);
    json_decref(json);
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* One connection. False: do not come back; *exit is the command's. */
static bool connect_once(struct view *view, struct client *client, const char *url,
                         const char *token, uint64_t *wait, uint64_t *bound, enum cli_exit *exit)
{
    const struct client_stream stream = {.bytes = on_bytes, .patience = patience, .ctx = view};
    struct client_answer answer = {0};
    struct err err = ERR_INIT;
    bool again = false;
    uint64_t began = now_ms();
    event_reader_restart(&view->reader);
    view->live = false;
    view->patience_ms = PATIENCE_MS;
    if (client_get(client, url, token, &stream, &answer, &err))
        refusal(&answer, &err);
    if (client_stopped(client)) {
        *exit = CLI_OK;
    } else if (view->unwritten) {
        *exit = CLI_FAILED; /* nobody reads any more; there is nobody to tell */
    } else if (is_final(answer.status)) {
        *exit = cli_fail(CLI_FAILED, "%s", err.text);
    } else {
        again = true;
        if (view->live && now_ms() - began >= STABLE_MS)
            *bound = BACKOFF_FIRST_MS;
        *wait = jitter(*bound);
        if (*wait < answer.retry_after_ms)
            *wait = answer.retry_after_ms;
        /* Random for each client, from a server that stops in order. */
        if (view->live && *wait < view->reader.retry_ms)
            *wait =
                view->reader.retry_ms < BACKOFF_MOST_MS ? view->reader.retry_ms : BACKOFF_MOST_MS;
        *bound = *bound * 2 < BACKOFF_MOST_MS ? *bound * 2 : BACKOFF_MOST_MS;
        cli_note("%s; trying again in %llu.%llu s", err.text, (unsigned long long)(*wait / 1000),
                 (unsigned long long)(*wait % 1000 / 100));
    }
    client_answer_free(&answer);
    return again;
}

static enum cli_exit run(const struct args *args)
{
    struct view view = {.position = BUF_INIT(256), .current = true};
    struct buf url = BUF_INIT(URL_MAX), token = BUF_INIT(TOKEN_MAX);
    struct err err = ERR_INIT;
    enum cli_exit exit = CLI_FAILED;
    uint64_t wait = 0, bound = BACKOFF_FIRST_MS;
    if (args->n_words == 0)
        return cli_misused(&cli_watch);
    struct client *client = client_new(&err);
    if (!client)
        return cli_fail(CLI_FAILED, "%s", err.text);
    const char *file = args_value(args, "token-file");
    const char *since = args_value(args, "since"), *terminal = getenv("TERM");
    bool tty = isatty(STDOUT_FILENO) == 1;
    view.json = args_flag(args, "json") || !tty;
    view.colour = tty && !getenv("NO_COLOR") && terminal && strcmp(terminal, "dumb") != 0;
    event_reader_init(&view.reader, EVENT_MAX);
    if (since)
        buf_text(&view.position, since);
    do {
        if (!write_url(args, &view, &url)) {
            exit = cli_fail(CLI_USAGE, "the URL and the scopes are too long");
            break;
        }
        /* Again each time: somebody may keep a good one there. */
        buf_clear(&token);
        if (file && !secret_read(SECRET_TOKEN, file, &token, &err)) {
            exit = cli_fail(CLI_FAILED, "%s", err.text);
            break;
        }
        if (!connect_once(&view, client, url.data, file ? token.data : NULL, &wait, &bound, &exit))
            break;
        exit = CLI_OK;
    } while (client_wait(client, wait));
    event_reader_free(&view.reader);
    client_free(client);
    buf_free(&view.position);
    buf_free(&token);
    buf_free(&url);
    return exit;
}

const struct cli_command cli_watch = {
    .name = "watch",
    .usage = "[--url URL] [--token-file FILE] [--since POSITION] [--changes] [--json] SCOPE ...",
    .summary = "show live what goes stale in some scopes",
    .help =
        "Subscribes as a page would, and shows what comes until Ctrl-C: in colour on a "
        "terminal, as one\n"
        "JSON object a line elsewhere. When the connection is lost it comes back and resumes "
        "from the last\n"
        "position, so nothing is missed; a final refusal (a scope that may not be read) is exit "
        "code 1.",
    .options = OPTIONS,
    .run = run,
};
