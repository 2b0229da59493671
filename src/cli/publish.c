#include "base/buf.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/secret.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const struct args_option OPTIONS[] = {
    {.name = "url", .value = "URL", .help = "the server; http://127.0.0.1:8080 by default"},
    {.name = "token-file", .value = "FILE", .help = "the token of the configuration's publish:"},
    {.name = "notice", .help = "the JSON is a notice, not a change"},
    {0},
};

enum { BODY_MAX = 64 * 1024 * 1024, TOKEN_MAX = 4096, URL_MAX = 4096 };

/* The sentence of {"error": ...}, or the position of an accepted body. */
static struct str field_of(const json_t *json, const char *name)
{
    const json_t *text = json_object_get(json, name);
    return (struct str){.p = json_string_value(text), .n = json_string_length(text)};
}

static enum cli_exit report(const struct client_answer *answer)
{
    struct str body = buf_slice(&answer->body);
    json_t *json = json_loadb(body.n ? body.p : "", body.n, 0, NULL);
    struct str position = field_of(json, "position"), error = field_of(json, "error");
    enum cli_exit exit = CLI_OK;
    if (answer->status / 100 == 2 && position.n)
        printf("%.*s\n", STR_ARG(position));
    else if (answer->status / 100 == 2)
        exit = cli_fail(CLI_FAILED, "the server answered %ld without a position; is it unstale?",
                        answer->status);
    else if (error.n)
        exit = cli_fail(CLI_FAILED, "refused with %ld: %.*s", answer->status, STR_ARG(error));
    else
        exit = cli_fail(CLI_FAILED, "refused with %ld", answer->status);
    json_decref(json);
    return exit;
}

static enum cli_exit run(const struct args *args)
{
    struct client *client = NULL;
    struct client_answer answer = {0};
    struct buf body = BUF_INIT(BODY_MAX), token = BUF_INIT(TOKEN_MAX), url = BUF_INIT(URL_MAX);
    struct err err = ERR_INIT;
    enum cli_exit exit = CLI_FAILED;
    const char *base = args_value(args, "url"), *file = args_value(args, "token-file");
    if (args->n_words != 1)
        return cli_misused(&cli_publish);
    struct str root = str_of(base ? base : "http://127.0.0.1:8080");
    while (root.n && root.p[root.n - 1] == '/')
        root.n--;
    buf_str(&url, root);
    buf_text(&url, args_flag(args, "notice") ? "/v1/notices" : "/v1/changes");
    bool ready = buf_byte(&url, '\0') || err_set(&err, "the URL is too long");
    ready = ready && (strcmp(args->words[0], "-") == 0
                          ? secret_read_stream("standard input", stdin, &body, &err)
                          : buf_text(&body, args->words[0]));
    ready = ready && (!file || secret_read(SECRET_TOKEN, file, &token, &err));
    if (!ready || (client = client_new(&err)) == NULL ||
        !client_post(client, url.data, file ? token.data : NULL, buf_slice(&body), &answer, &err))
        exit = cli_fail(CLI_FAILED, "%s", err.text);
    else
        exit = report(&answer);
    client_answer_free(&answer);
    client_free(client);
    buf_free(&body);
    buf_free(&token);
    buf_free(&url);
    return exit;
}

const struct cli_command cli_publish = {
    .name = "publish",
    .usage = "[--url URL] [--token-file FILE] [--notice] JSON|-",
    .summary = "publish changes, marks or notices to a running server",
    .help =
        "Sends the JSON (one object or an array; - reads it from standard input) to POST "
        "/v1/changes, or\n"
        "with --notice to POST /v1/notices, and prints the position at which it is in the "
        "index:\n\n"
        "    unstale publish "
        "'{\"resource\":\"tasks\",\"action\":\"updated\",\"new\":{\"id\":7,\"project_id\":42}}'\n"
        "    unstale publish '{\"scope\":\"project:42\",\"keys\":[[\"tasks\"]]}'",
    .options = OPTIONS,
    .run = run,
};
