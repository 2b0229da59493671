#include "base/log.h"

#include "base/buf.h"
#include "base/jsontext.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    KINDS = 128, /* what comes beyond shares the last one */
    MESSAGE_MAX = 2048,
    SAMPLE_MAX = 256,
};

/* The lines of one place in the source; the format is a literal, so its address names the place. */
struct log_kind {
    const char *format;
    const char *part;
    enum log_level level;
    uint64_t since; /* of the window */
    unsigned said, more;
    char sample[SAMPLE_MAX]; /* the last one that was left out */
};

struct log_kinds {
    pthread_mutex_t lock;
    unsigned n;
    struct log_kind items[KINDS];
};

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};

void log_open(struct log *log, enum log_level level, bool json, int fd)
{
    atomic_init(&log->level, (int)level);
    atomic_init(&log->json, json);
    log->fd = fd;
    log->_kinds = mem_new(sizeof *log->_kinds);
    pthread_mutex_init(&log->_kinds->lock, NULL);
}

void log_set(struct log *log, enum log_level level, bool json)
{
    atomic_store(&log->level, (int)level);
    atomic_store(&log->json, json);
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void write_line(const struct log *log, enum log_level level, const char *part,
                       const char *connection, const char *message)
{
    struct timespec now;
    struct tm utc;
    char stamp[40];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t n = strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(stamp + n, sizeof stamp - n, ".%03ldZ", now.tv_nsec / 1000000);

    struct buf line = BUF_INIT(16384);
    if (atomic_load(&log->json)) {
        buf_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"part\":", stamp, level_names[level]);
        jsontext_string(&line, str_of(part));
        if (connection) {
            buf_text(&line, ",\"connection\":");
            jsontext_string(&line, str_of(connection));
        }
        buf_text(&line, ",\"message\":");
        jsontext_string(&line, str_of(message));
        buf_text(&line, "}\n");
    } else {
        buf_printf(&line, "%s %-5s %s: ", stamp, level_names[level], part);
        if (connection)
            buf_printf(&line, "%s: ", connection);
        /* One event stays one line, whatever a peer put into it. */
        for (const char *c = message; *c; c++)
            buf_byte(&line, (unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c);
        buf_byte(&line, '\n');
    }
    if (write(log->fd, line.data, line.len) < 0) {
        /* Nobody is left to be told. */
    }
    buf_free(&line);
}

/* ---- limits ---- */

static struct log_kind *kind_of(struct log_kinds *kinds, const char *format)
{
    for (unsigned i = 0; i < kinds->n; i++)
        if (kinds->items[i].format == format)
            return &kinds->items[i];
    if (kinds->n < KINDS)
        kinds->n++;
    struct log_kind *kind = &kinds->items[kinds->n - 1];
    kind->format = format;
    return kind;
}

static void say_more(const struct log *log, struct log_kind *kind)
{
    char message[SAMPLE_MAX + 64];
    if (kind->more == 0)
        return;
    snprintf(message, sizeof message, "and %u more like: %s", kind->more, kind->sample);
    write_line(log, kind->level, kind->part, NULL, message);
    kind->more = 0;
}

/* May this line be written now? */
static bool passes(const struct log *log, enum log_level level, const char *part,
                   const char *format, const char *message)
{
    struct log_kinds *kinds = log->_kinds;
    if (!kinds || level == LOG_DEBUG)
        return true;
    pthread_mutex_lock(&kinds->lock);
    uint64_t now = now_ms();
    struct log_kind *kind = kind_of(kinds, format);
    if (kind->said == 0 || now - kind->since >= LOG_WINDOW_MS) {
        say_more(log, kind);
        kind->since = now;
        kind->said = 0;
    }
    bool pass = kind->said < LOG_BURST;
    if (pass) {
        kind->said++;
    } else {
        kind->more++;
        kind->part = part;
        kind->level = level;
        snprintf(kind->sample, sizeof kind->sample, "%.*s", SAMPLE_MAX - 1, message);
    }
    pthread_mutex_unlock(&kinds->lock);
    return pass;
}

static void rest(const struct log *log, uint64_t older_ms)
{
    struct log_kinds *kinds = log->_kinds;
    if (!kinds)
        return;
    pthread_mutex_lock(&kinds->lock);
    uint64_t now = now_ms();
    for (unsigned i = 0; i < kinds->n; i++)
        if (now - kinds->items[i].since >= older_ms)
            say_more(log, &kinds->items[i]);
    pthread_mutex_unlock(&kinds->lock);
}

void log_rest(const struct log *log)
{
    if (log)
        rest(log, LOG_WINDOW_MS);
}

void log_close(struct log *log)
{
    rest(log, 0);
    if (!log->_kinds)
        return;
    pthread_mutex_destroy(&log->_kinds->lock);
    free(log->_kinds);
    log->_kinds = NULL;
}

void log_write(const struct log *log, enum log_level level, const char *part,
               const char *connection, const char *format, ...)
{
    if (!log_has(log, level))
        return;
    char message[MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (passes(log, level, part, format, message))
        write_line(log, level, part, connection, message);
}
