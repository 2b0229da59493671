#include "state.h"

#include "base/hash.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_NAME  "unstale-state "
#define STATE_MAGIC STATE_NAME "1\n"

enum { STATE_MAX = 1 << 30, STATE_SOURCES_MAX = 64 };

/* Against torn files, not against people: whoever can write here can write anything. */
static const struct hash_seed state_seed = {.k0 = 0x756e7374616c65U, .k1 = 0x7374617465U};

static void put_u64(struct buf *out, uint64_t value)
{
    buf_add(out, &value, sizeof value);
}

static void put_str(struct buf *out, struct str text)
{
    put_u64(out, text.n);
    buf_str(out, text);
}

static bool get_u64(struct str *in, uint64_t *value)
{
    if (in->n < sizeof *value)
        return false;
    memcpy(value, in->p, sizeof *value);
    *in = str_from(*in, sizeof *value);
    return true;
}

static bool get_str(struct str *in, struct str *text)
{
    uint64_t n;
    if (!get_u64(in, &n) || n > in->n)
        return false;
    *text = (struct str){.p = in->p, .n = (size_t)n};
    if (n == 0) /* `in` may have no bytes at all, and then there is nothing to point past. */
        return true;
    *in = (struct str){.p = in->p + n, .n = in->n - (size_t)n};
    return true;
}

static bool write_all(int fd, struct str bytes)
{
    while (bytes.n) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes = (struct str){.p = bytes.p + n, .n = bytes.n - (size_t)n};
    }
    return true;
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? mem_copy(path, (size_t)(slash - path) + 1) : mem_copy(".", 1);
}

bool state_expect(const char *path, struct err *err)
{
    char *folder = folder_of(path);
    bool ok = access(folder, W_OK | X_OK) == 0 ||
              err_set(err, "state file %s: nothing can be written to %s: %s", path, folder,
                      strerror(errno));
    free(folder);
    return ok;
}

/* Makes what happened to the name of the file outlast a power cut. Where a folder cannot be synced,
 * its file system does without. */
static void sync_folder(const char *path)
{
    char *folder = folder_of(path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(folder);
}

/* Of any version, or torn. Whoever names a file of his own by mistake, his database perhaps, finds
 * it as it was. */
static bool is_ours(int fd, const char *path, struct err *err)
{
    char bytes[sizeof STATE_NAME - 1];
    struct stat info;
    ssize_t n = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size <= STATE_MAX
                    ? pread(fd, bytes, sizeof bytes, 0)
                    : -1;
    return (n >= 0 && memcmp(bytes, STATE_NAME, (size_t)n) == 0) ||
           err_set(err, "state file %s: what stands there is not one of ours, and is left alone",
                   path);
}

static bool may_replace(const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool ok = fd < 0 || is_ours(fd, path, err);
    if (fd >= 0)
        close(fd);
    return ok;
}

bool state_write(const char *path, const struct state *state, struct err *err)
{
    struct buf out = BUF_INIT(STATE_MAX);
    struct buf temporary = BUF_INIT(4096);
    int fd = -1;
    bool ok = false;
    if (!may_replace(path, err))
        return false;
    buf_text(&out, STATE_MAGIC);
    put_u64(&out, state->rules);
    put_str(&out, state->hub);
    put_u64(&out, state->n_cursors);
    for (size_t i = 0; i < state->n_cursors; i++) {
        put_str(&out, state->cursors[i].source);
        put_str(&out, state->cursors[i].cursor);
    }
    put_u64(&out, hash_bytes(state_seed, buf_slice(&out)));
    buf_printf(&temporary, "%s.new", path);
    buf_byte(&temporary, '\0');
    if (out.overflow || temporary.overflow) {
        err_set(err, "state file %s: too large to write", path);
        goto out;
    }
    fd = open(temporary.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || !write_all(fd, buf_slice(&out)) || fsync(fd) != 0 ||
        rename(temporary.data, path) != 0) {
        err_set(err, "state file %s: %s", path, strerror(errno));
        if (fd >= 0)
            unlink(temporary.data);
        goto out;
    }
    sync_folder(path);
    ok = true;
out:
    if (fd >= 0)
        close(fd);
    buf_free(&temporary);
    buf_free(&out);
    return ok;
}

static bool parse(struct str bytes, struct state *state)
{
    struct str magic = STR(STATE_MAGIC);
    uint64_t hash, n;
    if (!str_starts(bytes, magic) || bytes.n < magic.n + sizeof hash)
        return false;
    memcpy(&hash, bytes.p + bytes.n - sizeof hash, sizeof hash);
    bytes.n -= sizeof hash;
    if (hash_bytes(state_seed, bytes) != hash)
        return false;
    bytes = str_from(bytes, magic.n);
    if (!get_u64(&bytes, &state->rules) || !get_str(&bytes, &state->hub) || !get_u64(&bytes, &n) ||
        n > STATE_SOURCES_MAX)
        return false;
    state->cursors = mem_array(n ? (size_t)n : 1, sizeof *state->cursors);
    for (; state->n_cursors < n; state->n_cursors++) {
        struct state_cursor *cursor = &state->cursors[state->n_cursors];
        if (!get_str(&bytes, &cursor->source) || !get_str(&bytes, &cursor->cursor))
            return false;
    }
    return bytes.n == 0;
}

bool state_take(const char *path, struct state *state, struct err *err)
{
    struct stat info;
    bool ok = false;
    *state = (struct state){0};
    err_set(err, "%s", "");
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? false : err_set(err, "state file %s: %s", path, strerror(errno));
    if (!is_ours(fd, path, err))
        goto out;
    /* Unlinked before it is used: whatever happens from here on, it is not used twice. A power cut
     * must not bring it back either: the same epoch would hand out the same positions again. */
    if (fstat(fd, &info) != 0 || unlink(path) != 0) {
        err_set(err, "state file %s: %s", path, strerror(errno));
        goto out;
    }
    sync_folder(path);
    state->_bytes = mem_new((size_t)info.st_size + 1);
    size_t n = 0;
    ssize_t got;
    while ((got = read(fd, state->_bytes + n, (size_t)info.st_size - n)) > 0)
        n += (size_t)got;
    ok = got == 0 && parse((struct str){.p = state->_bytes, .n = n}, state);
    if (!ok)
        err_set(err, "state file %s: not whole; starting a new epoch", path);
out:
    close(fd);
    if (!ok)
        state_free(state);
    return ok;
}

struct str state_cursor(const struct state *state, struct str source)
{
    for (size_t i = 0; i < state->n_cursors; i++)
        if (str_equal(state->cursors[i].source, source))
            return state->cursors[i].cursor;
    return (struct str){0};
}

void state_free(struct state *state)
{
    free(state->cursors);
    free(state->_bytes);
    *state = (struct state){0};
}
