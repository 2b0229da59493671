#include "cli/secret.h"

#include <errno.h>
#include <string.h>

bool secret_read_stream(const char *what, FILE *file, struct buf *out, struct err *err)
{
    char bytes[16384];
    size_t n;
    while ((n = fread(bytes, 1, sizeof bytes, file)) > 0)
        if (!buf_add(out, bytes, n))
            return err_set(err, "%s is larger than %zu bytes", what, out->max);
    return !ferror(file) || err_set(err, "%s cannot be read: %s", what, strerror(errno));
}

static bool is_around(enum secret_kind kind, char c)
{
    return kind == SECRET_TOKEN ? (unsigned char)c <= ' ' : c == '\n' || c == '\r';
}

bool secret_read(enum secret_kind kind, const char *path, struct buf *out, struct err *err)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return err_set(err, "%s cannot be read: %s", path, strerror(errno));
    bool ok = secret_read_stream(path, file, out, err);
    (void)fclose(file);
    while (ok && out->len && is_around(kind, out->data[out->len - 1]))
        out->len--;
    while (ok && kind == SECRET_TOKEN && out->len && is_around(kind, out->data[0]))
        buf_shift(out, 1);
    if (!ok || !buf_byte(out, '\0'))
        return ok && err_set(err, "%s is larger than %zu bytes", path, out->max);
    out->len--;
    return true;
}
