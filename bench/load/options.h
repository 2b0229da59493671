/* options: the command line of bench/load. */
#pragma once

#include "base/err.h"
#include "probe.h"
#include "template.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

enum transport {
    TRANSPORT_SSE,
    TRANSPORT_WS,
    TRANSPORT_LINE, /* bare TCP: `hello` subscribes */
};

/* What counts as a delivery. */
enum delivery {
    DELIVERY_MESSAGE,  /* a payload of ours */
    DELIVERY_POSITION, /* a granted position: as many as sequence numbers were passed */
};

struct options {
    struct sockaddr_in server, publish;
    enum transport transport;
    enum delivery count;
    unsigned subscribers, topics;
    uint64_t messages;
    const char *path, *hello, *body, *publish_path, *content_type, *name;
    bool publish_line;   /* a line each instead of HTTP; a line is an acknowledgement */
    unsigned array;      /* objects in one body, as a JSON array; 0: the object alone */
    unsigned keys;       /* %k runs from 0 to keys - 1 */
    size_t size;         /* of the payload */
    double rate;         /* messages a second; 0: as the window allows */
    uint64_t window;     /* messages that not everybody has; 0: any number */
    unsigned publishers; /* connections */
    unsigned depth;      /* requests of one connection that are not answered yet */
    unsigned connecting; /* at a time */
    double slow;         /* the share of subscribers that never reads, in percent */
    int slow_buffer;     /* their SO_RCVBUF; 0: the kernel's choice */
    double idle_s;       /* between the last connection and the first message */
    double drain_s;      /* without any progress, after which it is given up */
    double max_s;        /* for each phase */
    struct probe_pids pids;
};

/* False: *err says what is wrong; with an empty sentence, help was asked for. */
bool options_read(struct options *options, int argc, char **argv, struct err *err);
void options_help(void);
