#include "problem.h"

#include <stdarg.h>
#include <stdio.h>

bool problem_set(struct problem *p, unsigned status, const char *format, ...)
{
    va_list args;

    p->status = status;
    va_start(args, format);
    vsnprintf(p->text, sizeof p->text, format, args);
    va_end(args);
    return false;
}
