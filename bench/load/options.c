#include "options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum value { TEXT, NUMBER, REAL, FLAG, ADDRESS, PIDS, WORD };

/* One row an option: what it takes, and where that goes. */
struct row {
    const char *name;
    enum value value;
    size_t at;
    double low, high;
    const char *help;
};

#define AT(field) offsetof(struct options, field)

static const struct row rows[] = {
    {"server", ADDRESS, AT(server), 0, 0, "ADDRESS:PORT of the server, of 127.0.0.0/8"},
    {"publish", ADDRESS, AT(publish), 0, 0, "ADDRESS:PORT to publish to; by default the server"},
    {"transport", WORD, AT(transport), 0, 0, "sse, ws or line"},
    {"count", WORD, AT(count), 0, 0, "message or position: what is a delivery"},
    {"subscribers", NUMBER, AT(subscribers), 0, 60000, "connections"},
    {"topics", NUMBER, AT(topics), 1, 60000, "that they are spread over, round robin"},
    {"messages", NUMBER, AT(messages), 0, 1e9, "to publish, to the topics in turn"},
    {"path", TEXT, AT(path), 0, 0, "of a subscription; %d is the topic"},
    {"hello", TEXT, AT(hello), 0, 0, "what a subscriber says when it is connected (ws, line)"},
    {"publish-path", TEXT, AT(publish_path), 0, 0, "where messages are posted; %d is the topic"},
    {"content-type", TEXT, AT(content_type), 0, 0, "of what is posted"},
    {"body", TEXT, AT(body), 0, 0, "of a message: %d topic, %k key, %b payload"},
    {"publish-line", FLAG, AT(publish_line), 0, 0, "bodies alone, no HTTP; a line each answers"},
    {"array", NUMBER, AT(array), 0, 100000, "messages in one body, as a JSON array"},
    {"keys", NUMBER, AT(keys), 1, 1e9, "how many values %k has"},
    {"size", NUMBER, AT(size), 64, 65536, "bytes of a payload"},
    {"rate", REAL, AT(rate), 0, 1e7, "messages a second; 0: as the window allows"},
    {"window", NUMBER, AT(window), 0, 1e9, "messages that are under way at a time; 0: any number"},
    {"publishers", NUMBER, AT(publishers), 1, 1000, "publishing connections"},
    {"depth", NUMBER, AT(depth), 1, 100000, "unanswered requests of one of them"},
    {"connecting", NUMBER, AT(connecting), 1, 10000, "connections that are being made at a time"},
    {"slow", REAL, AT(slow), 0, 100, "percent of the subscribers that never read"},
    {"slow-buffer", NUMBER, AT(slow_buffer), 0, 1 << 30, "their receive buffer in bytes"},
    {"idle", REAL, AT(idle_s), 0, 600, "seconds of silence before the first message"},
    {"drain", REAL, AT(drain_s), 0, 600, "seconds without any progress after which it is given up"},
    {"max-time", REAL, AT(max_s), 1, 3600,
     "seconds that connecting, and then publishing, may take"},
    {"pids", PIDS, AT(pids), 0, 0, "processes of the server, whose cost is measured: 1,2"},
    {"name", TEXT, AT(name), 0, 0, "that the result carries"},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

void options_help(void)
{
    printf("load: subscribers and publishers for a fan-out server; prints one line of JSON.\n");
    for (size_t i = 0; i < ROWS; i++)
        printf("  --%-14s %s\n", rows[i].name, rows[i].help);
}

static bool address(const char *text, struct sockaddr_in *out, struct err *err)
{
    char host[INET_ADDRSTRLEN];
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;
    size_t n = colon ? (size_t)(colon - text) : 0;
    *out = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (!colon || *end || port == 0 || port > 65535 || n >= sizeof host)
        return err_set(err, "\"%s\" is no address and port", text);
    memcpy(host, text, n);
    host[n] = '\0';
    if (inet_pton(AF_INET, host, &out->sin_addr) != 1)
        return err_set(err, "\"%s\" is no IPv4 address", host);
    if (ntohl(out->sin_addr.s_addr) >> 24 != 127)
        return err_set(err, "%s is not of this machine: 127.0.0.0/8 only", host);
    return true;
}

static bool pids(const char *text, struct probe_pids *out, struct err *err)
{
    for (const char *p = text; *p;) {
        char *end = NULL;
        long pid = strtol(p, &end, 10);
        if (pid <= 0 || (*end && *end != ','))
            return err_set(err, "\"%s\" is no list of process ids", text);
        if (out->n == PROBE_PIDS)
            return err_set(err, "more than %d processes", PROBE_PIDS);
        out->pid[out->n++] = (pid_t)pid;
        p = *end ? end + 1 : end;
    }
    return true;
}

static bool number(const struct row *row, const char *text, double *out, struct err *err)
{
    char *end = NULL;
    *out = strtod(text, &end);
    if (end == text || *end || *out < row->low || *out > row->high)
        return err_set(err, "\"%s\" is no number from %g to %g", text, row->low, row->high);
    return true;
}

static bool word(struct options *options, const char *text, struct err *err)
{
    if (strcmp(text, "sse") == 0)
        options->transport = TRANSPORT_SSE;
    else if (strcmp(text, "ws") == 0)
        options->transport = TRANSPORT_WS;
    else if (strcmp(text, "line") == 0)
        options->transport = TRANSPORT_LINE;
    else if (strcmp(text, "message") == 0)
        options->count = DELIVERY_MESSAGE;
    else if (strcmp(text, "position") == 0)
        options->count = DELIVERY_POSITION;
    else
        return err_set(err, "\"%s\" is not known", text);
    return true;
}

/* The fields that take a number differ in their type. */
static void put_number(struct options *options, const struct row *row, double value)
{
    switch (row->at) {
    case AT(messages):
        options->messages = (uint64_t)value;
        break;
    case AT(window):
        options->window = (uint64_t)value;
        break;
    case AT(size):
        options->size = (size_t)value;
        break;
    default:
        *(unsigned *)(void *)((char *)options + row->at) = (unsigned)value;
    }
}

static bool take(struct options *options, const struct row *row, const char *text, struct err *err)
{
    char *field = (char *)options + row->at;
    double value = 0;
    switch (row->value) {
    case TEXT:
        *(const char **)(void *)field = text;
        return true;
    case NUMBER:
        if (!number(row, text, &value, err))
            return false;
        put_number(options, row, value);
        return true;
    case REAL:
        return number(row, text, (double *)(void *)field, err);
    case FLAG:
        *(bool *)(void *)field = true;
        return true;
    case ADDRESS:
        return address(text, (struct sockaddr_in *)(void *)field, err);
    case PIDS:
        return pids(text, (struct probe_pids *)(void *)field, err);
    case WORD:
        return word(options, text, err);
    }
    return false;
}

bool options_read(struct options *options, int argc, char **argv, struct err *err)
{
    struct option known[ROWS + 2];
    for (int i = 0; i < ROWS; i++)
        known[i] =
            (struct option){.name = rows[i].name, .has_arg = rows[i].value != FLAG, .val = i};
    known[ROWS] = (struct option){.name = "help", .val = ROWS};
    known[ROWS + 1] = (struct option){0};
    *options = (struct options){.subscribers = 1000,
                                .topics = 1,
                                .path = "/%d",
                                .publish_path = "/%d",
                                .body = "%b",
                                .name = "",
                                .keys = 1,
                                .size = 150,
                                .publishers = 1,
                                .depth = 1,
                                .connecting = 200,
                                .drain_s = 5,
                                .max_s = 60};
    for (;;) {
        int i = getopt_long(argc, argv, "", known, NULL);
        if (i == -1)
            break;
        if (i == ROWS || i == '?')
            return err_set(err, "%s", i == '?' ? "see --help" : "");
        if (!take(options, &rows[i], optarg, err))
            return err_prefix(err, "--%s", rows[i].name);
    }
    if (optind < argc)
        return err_set(err, "\"%s\" is no option", argv[optind]);
    if (options->server.sin_port == 0)
        return err_set(err, "--server is missing");
    if (options->window && options->array > options->window)
        return err_set(err, "--array %u is more than --window %lu lets out", options->array,
                       (unsigned long)options->window);
    if (options->count == DELIVERY_POSITION && options->topics > 1)
        return err_set(err, "--count position needs one topic: each position counts for everybody");
    if (options->publish.sin_port == 0)
        options->publish = options->server;
    return true;
}
