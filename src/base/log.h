/* log: one line an event, to standard error, as text or JSON.
 *
 * Thread: any; a line is one write(2). The struct is set up once and read only
 * afterwards; NULL logs nothing. `part` names the component ("sqlite",
 * "delivery"), the message is a sentence. Secrets and tokens never go in. */
#pragma once

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log {
    enum log_level level; /* lower levels are dropped */
    bool json;
    int fd;
};

void log_write(const struct log *log, enum log_level level, const char *part, const char *format,
               ...) __attribute__((format(printf, 4, 5)));

#define log_debug(log, part, ...) log_write(log, LOG_DEBUG, part, __VA_ARGS__)
#define log_info(log, part, ...)  log_write(log, LOG_INFO, part, __VA_ARGS__)
#define log_warn(log, part, ...)  log_write(log, LOG_WARN, part, __VA_ARGS__)
#define log_error(log, part, ...) log_write(log, LOG_ERROR, part, __VA_ARGS__)
