#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool err_set(struct err *err, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
    }
    return false;
}

bool err_prefix(struct err *err, const char *format, ...)
{
    if (err) {
        char old[ERR_MAX];
        char context[ERR_MAX];
        va_list args;
        memcpy(old, err->text, sizeof old);
        va_start(args, format);
        vsnprintf(context, sizeof context, format, args);
        va_end(args);
        err_set(err, "%s: %s", context, old);
    }
    return false;
}
