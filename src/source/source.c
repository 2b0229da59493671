#include "source/source.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void source_say(struct source *source, bool current, const char *format, ...)
{
    struct source_said *said = &source->said;
    char why[sizeof said->why];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    if (said->any && said->current == current && strcmp(said->why, why) == 0)
        return;
    said->any = true;
    said->current = current;
    memcpy(said->why, why, sizeof why);
    source->sink.current(source->sink.ctx, source, current, said->why);
}

void source_gap(struct source *source, struct str resource, const char *reason)
{
    source->sink.gap(source->sink.ctx, source, resource, reason);
}
