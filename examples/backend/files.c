#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct files {
    int folder;
};

struct files *files_open(const char *folder, struct problem *problem)
{
    struct files *files = calloc(1, sizeof *files);

    if (files == NULL) {
        problem_set(problem, 500, "out of memory");
        return NULL;
    }
    files->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (files->folder < 0) {
        problem_set(problem, 500, "cannot open the folder %s: %s", folder, strerror(errno));
        free(files);
        return NULL;
    }
    return files;
}

void files_close(struct files *files)
{
    if (files == NULL)
        return;
    close(files->folder);
    free(files);
}

static const char *type_of(const char *name)
{
    static const struct {
        const char *ending, *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".ico", "image/x-icon"},
        {".json", "application/json"},
        {".map", "application/json"},
        {".woff2", "font/woff2"},
        {".txt", "text/plain; charset=utf-8"},
    };
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot != NULL && i < sizeof types / sizeof types[0]; i++)
        if (strcmp(dot, types[i].ending) == 0)
            return types[i].type;
    return "application/octet-stream";
}

static bool path_is_plain(const char *path)
{
    for (const char *segment = path; segment != NULL; segment = strchr(segment, '/')) {
        if (*segment == '/')
            segment++;
        if (*segment == '.')
            return false;
    }
    return true;
}

static int open_regular(const struct files *files, const char *name, uint64_t *size)
{
    struct stat status;
    int fd = openat(files->folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd >= 0 && (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))) {
        close(fd);
        fd = -1;
    }
    if (fd >= 0)
        *size = (uint64_t)status.st_size;
    return fd;
}

bool files_handle(void *context, const struct http_request *request, struct http_reply *reply,
                  struct problem *problem)
{
    const struct files *files = context;
    const char *name = request->path + strspn(request->path, "/");
    const char *slash = strrchr(name, '/');
    uint64_t size = 0;
    int fd = -1;

    if (files == NULL)
        return problem_set(problem, 404, "no page is served here: start with --ui FOLDER");
    if (*name == '\0')
        name = "index.html";
    if (path_is_plain(name)) {
        fd = open_regular(files, name, &size);
        if (fd < 0 && strchr(slash != NULL ? slash : name, '.') == NULL) {
            name = "index.html";
            fd = open_regular(files, name, &size);
        }
    }
    if (fd < 0)
        return problem_set(problem, 404, "there is nothing at %.160s", request->path);
    return http_reply_file(reply, fd, size, type_of(name),
                           strncmp(name, "assets/", 7) == 0 ? "public, max-age=31536000, immutable"
                                                            : "no-cache");
}
