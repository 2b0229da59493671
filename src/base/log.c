#include "base/log.h"

#include "base/buf.h"
#include "base/jsontext.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};

void log_write(const struct log *log, enum log_level level, const char *part, const char *format,
               ...)
{
    if (!log || level < log->level)
        return;
    char message[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);

    struct timespec now;
    struct tm utc;
    char stamp[40];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t n = strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(stamp + n, sizeof stamp - n, ".%03ldZ", now.tv_nsec / 1000000);

    struct buf line = BUF_INIT(16384);
    if (log->json) {
        buf_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"part\":", stamp, level_names[level]);
        jsontext_string(&line, str_of(part));
        buf_text(&line, ",\"message\":");
        jsontext_string(&line, str_of(message));
        buf_text(&line, "}\n");
    } else {
        buf_printf(&line, "%s %-5s %s: ", stamp, level_names[level], part);
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
