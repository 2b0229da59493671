/* log: one line an event, to standard error, as text or JSON.
 *
 * Thread: any; a line is one write(2). NULL logs nothing. `part` names the component ("sqlite",
 * "delivery"), the message is a sentence. Secrets and tokens never go in.
 *
 * Lines of one kind (one place in the source) are limited: LOG_BURST of them in LOG_WINDOW_MS, then
 * one that says how many more there were. Debug lines are not: who asks for them wants them all. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

enum { LOG_BURST = 20, LOG_WINDOW_MS = 10000 };

struct log_kinds;

struct log {
    atomic_int level; /* lower levels are dropped */
    atomic_bool json;
    int fd;
    struct log_kinds *_kinds;
};

void log_open(struct log *log, enum log_level level, bool json, int fd);
/* Says what was left out, and frees. */
void log_close(struct log *log);
/* May change while others write. */
void log_set(struct log *log, enum log_level level, bool json);
/* Says how many lines were left out in windows that have ended; to be called now and then. */
void log_rest(const struct log *log);

static inline bool log_has(const struct log *log, enum log_level level)
{
    return log && (int)level >= atomic_load(&log->level);
}

/* `connection`: whom the line is about, in the words in which that peer knows itself; or NULL. */
void log_write(const struct log *log, enum log_level level, const char *part,
               const char *connection, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

#define log_debug(log, part, ...) log_write(log, LOG_DEBUG, part, NULL, __VA_ARGS__)
#define log_info(log, part, ...)  log_write(log, LOG_INFO, part, NULL, __VA_ARGS__)
#define log_warn(log, part, ...)  log_write(log, LOG_WARN, part, NULL, __VA_ARGS__)
#define log_error(log, part, ...) log_write(log, LOG_ERROR, part, NULL, __VA_ARGS__)
/* About one connection. */
#define log_conn(log, level, part, connection, ...) \
    log_write(log, level, part, connection, __VA_ARGS__)
