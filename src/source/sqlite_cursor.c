#include "source/sqlite_cursor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LINE = 160 };

struct sqlite_cursor sqlite_cursor_parse(struct str text)
{
    struct sqlite_cursor cursor = {.known = false};
    char line[LINE];
    int end = 0;
    if (text.n == 0 || text.n >= sizeof line)
        return cursor;
    memcpy(line, text.p, text.n);
    line[text.n] = '\0';
    int n = sscanf(line, "sqlite1 %39s %" SCNd64 " %" SCNx64 " %" SCNx64 "%n", cursor.instance,
                   &cursor.id, &cursor.row, &cursor.schema, &end);
    cursor.known = n == 4 && (size_t)end == text.n && cursor.id > 0;
    return cursor;
}

bool sqlite_cursor_write(struct buf *out, const struct sqlite_cursor *cursor)
{
    return buf_printf(out, "sqlite1 %s %" PRId64 " %" PRIx64 " %" PRIx64, cursor->instance,
                      cursor->id, cursor->row, cursor->schema);
}
