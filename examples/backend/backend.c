#include "backend.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counts.h"
#include "faults.h"
#include "files.h"

enum { OWN_ROUTES = 5 + SESSION_ROUTES };

struct settings {
    bool listen;
    uint32_t address;
    uint16_t port;
    const char *db;
    const char *ui;
    const char *unstale;
    const char *secret_file;
    bool init;
    int delay_ms;
};

/* An application's route together with the pool that its connection comes from. */
struct app_context {
    const struct backend_route *route;
    struct db_pool *pool;
};

struct backend {
    const struct backend_app *app;
    const struct settings *settings;
    struct db_pool *pool;
    struct counts *counts;
    struct faults *faults;
    struct files *files;
    struct session *session;
    struct resource_context resources[BACKEND_MAX_RESOURCES];
    struct app_context app_routes[BACKEND_MAX_ROUTES];
    struct http_route
        routes[OWN_ROUTES + BACKEND_MAX_ROUTES + BACKEND_MAX_RESOURCES * RESOURCE_ROUTES];
    size_t route_count;
    struct http_options http;
};

/* ---- command line ---- */

static void print_help(FILE *out, const char *program, const char *name)
{
    fprintf(out,
            "Usage: %s --db FILE [--init] [--listen 127.0.0.1:PORT] [options]\n"
            "The backend of the example \"%s\": REST over SQLite, for this machine only.\n\n"
            "  --db FILE                the database\n"
            "  --init                   create it: schema, WAL, sample rows; then end, unless\n"
            "                           --listen is given too\n"
            "  --listen 127.0.0.1:PORT  serve; port 0 takes a free one and prints it\n"
            "  --ui FOLDER              serve the built page\n"
            "  --unstale URL            where the page finds unstale\n"
            "  --secret-file FILE       what sessions are signed with; --init makes it\n"
            "  --delay-ms N             hold every answer back for so long\n"
            "  --help\n",
            program, name);
}

static bool parse_number(const char *text, long most, long *number)
{
    char *end;

    errno = 0;
    *number = strtol(text, &end, 10);
    return *text != '\0' && *end == '\0' && errno == 0 && *number >= 0 && *number <= most;
}

static bool parse_listen(const char *text, struct settings *settings)
{
    const char *colon = strrchr(text, ':');
    char host[INET_ADDRSTRLEN];
    struct in_addr address;
    long port;

    if (colon == NULL || (size_t)(colon - text) >= sizeof host)
        return false;
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    if (inet_pton(AF_INET, host, &address) != 1 || !parse_number(colon + 1, 65535, &port))
        return false;
    settings->listen = true;
    settings->address = ntohl(address.s_addr);
    settings->port = (uint16_t)port;
    return settings->address >> 24 == 127;
}

enum parsed { PARSED_RUN, PARSED_HELP, PARSED_WRONG };

static enum parsed parse_options(int argc, char **argv, struct settings *settings,
                                 struct problem *problem)
{
    static const struct option options[] = {
        {"listen", required_argument, NULL, 'l'},
        {"db", required_argument, NULL, 'd'},
        {"ui", required_argument, NULL, 'u'},
        {"unstale", required_argument, NULL, 's'},
        {"init", no_argument, NULL, 'i'},
        {"help", no_argument, NULL, 'h'},
        {"delay-ms", required_argument, NULL, 'D'},
        {"secret-file", required_argument, NULL, 'S'},
        {NULL, 0, NULL, 0},
    };
    long number;
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'l':
            if (!parse_listen(optarg, settings)) {
                problem_set(problem, 0, "--listen wants 127.0.0.1:PORT, not %.80s", optarg);
                return PARSED_WRONG;
            }
            break;
        case 'D':
            if (!parse_number(optarg, FAULTS_MAX_DELAY_MS, &number)) {
                problem_set(problem, 0, "--delay-ms wants a number up to %d", FAULTS_MAX_DELAY_MS);
                return PARSED_WRONG;
            }
            settings->delay_ms = (int)number;
            break;
        case 'd':
            settings->db = optarg;
            break;
        case 'u':
            settings->ui = optarg;
            break;
        case 's':
            settings->unstale = optarg;
            break;
        case 'S':
            settings->secret_file = optarg;
            break;
        case 'i':
            settings->init = true;
            break;
        case 'h':
            return PARSED_HELP;
        default:
            problem_set(problem, 0, "%.80s is unknown or lacks its value", argv[optind - 1]);
            return PARSED_WRONG;
        }
    }
    if (optind < argc) {
        problem_set(problem, 0, "%.80s is one word too many", argv[optind]);
        return PARSED_WRONG;
    }
    if (settings->db == NULL || (!settings->listen && !settings->init)) {
        problem_set(problem, 0, "--db is needed, and --listen or --init");
        return PARSED_WRONG;
    }
    return PARSED_RUN;
}

/* ---- routes of every application ---- */

static bool get_config(void *context, const struct http_request *request, struct http_reply *reply,
                       struct problem *problem)
{
    const struct backend *backend = context;
    char path[PATH_MAX];
    const char *db = realpath(backend->settings->db, path);

    (void)request;
    (void)problem;
    return http_reply_json(reply, 200,
                           json_pack("{s:s, s:s?, s:s?}", "name", backend->app->name, "unstale",
                                     backend->settings->unstale, "database", db));
}

static bool get_counts(void *context, const struct http_request *request, struct http_reply *reply,
                       struct problem *problem)
{
    const struct backend *backend = context;

    (void)request;
    (void)problem;
    return http_reply_json(reply, 200, counts_json(backend->counts));
}

static bool delete_counts(void *context, const struct http_request *request,
                          struct http_reply *reply, struct problem *problem)
{
    const struct backend *backend = context;

    (void)request;
    (void)problem;
    counts_clear(backend->counts);
    return http_reply_empty(reply, 204);
}

static bool get_faults(void *context, const struct http_request *request, struct http_reply *reply,
                       struct problem *problem)
{
    const struct backend *backend = context;

    (void)request;
    (void)problem;
    return http_reply_json(reply, 200, faults_json(backend->faults));
}

static bool patch_faults(void *context, const struct http_request *request,
                         struct http_reply *reply, struct problem *problem)
{
    const struct backend *backend = context;

    return faults_set(backend->faults, request->body, problem) &&
           http_reply_json(reply, 200, faults_json(backend->faults));
}

static bool run_app_route(void *context, const struct http_request *request,
                          struct http_reply *reply, struct problem *problem)
{
    const struct app_context *self = context;
    struct db *db = db_pool_take(self->pool, problem);
    const struct backend_route *route = self->route;
    bool ok = db != NULL && (route->handle != NULL
                                 ? route->handle(db, request, reply, problem)
                                 : statement_handle(route->statement, db, request, reply, problem));

    db_pool_give(self->pool, db);
    return ok;
}

static bool is_measured(const struct http_request *request)
{
    return strncmp(request->path, "/api/", 5) == 0 && strncmp(request->path, "/api/_", 6) != 0;
}

/* Whether the request may be answered at all; sets its user. */
static bool is_allowed(struct backend *backend, struct http_request *request,
                       struct problem *problem)
{
    const char *role;

    if (backend->session == NULL || strcmp(request->path, "/api/session") == 0 ||
        strncmp(request->path, "/api/session/", 13) == 0)
        return true;
    request->user = session_user(backend->session, request, problem);
    if (request->user == NULL)
        return false;
    role = json_string_value(json_object_get(request->user, "role"));
    return request->role == NULL || (role != NULL && strcmp(role, request->role) == 0) ||
           problem_set(problem, 403, "this is for those with the role %s", request->role);
}

static bool admit(void *context, struct http_request *request, struct problem *problem)
{
    struct backend *backend = context;
    bool reads = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;

    if (!is_measured(request))
        return true;
    counts_add(backend->counts, request->method, request->target);
    if (!reads && faults_fail_write(backend->faults))
        return problem_set(problem, 500, "this write was asked to fail");
    return is_allowed(backend, request, problem);
}

static void hold(void *context, const struct http_request *request)
{
    struct backend *backend = context;

    if (is_measured(request))
        faults_wait(backend->faults);
}

static void add_route(struct backend *backend, const char *method, const char *pattern,
                      http_handler *handle, void *context)
{
    backend->routes[backend->route_count++] =
        (struct http_route){method, pattern, handle, context, NULL};
}

static bool add_routes(struct backend *backend, struct problem *problem)
{
    const struct backend_app *app = backend->app;

    add_route(backend, "GET", "/config.json", get_config, backend);
    add_route(backend, "GET", "/api/_counts", get_counts, backend);
    add_route(backend, "DELETE", "/api/_counts", delete_counts, backend);
    add_route(backend, "GET", "/api/_faults", get_faults, backend);
    add_route(backend, "PATCH", "/api/_faults", patch_faults, backend);
    if (backend->session != NULL) {
        session_routes(backend->session, &backend->routes[backend->route_count]);
        backend->route_count += SESSION_ROUTES;
    }
    for (size_t i = 0; app->routes != NULL && app->routes[i].method != NULL; i++) {
        if (i == BACKEND_MAX_ROUTES)
            return problem_set(problem, 0, "an application may have %d routes", BACKEND_MAX_ROUTES);
        backend->app_routes[i] = (struct app_context){&app->routes[i], backend->pool};
        add_route(backend, app->routes[i].method, app->routes[i].pattern, run_app_route,
                  &backend->app_routes[i]);
        backend->routes[backend->route_count - 1].role = app->routes[i].role;
    }
    for (size_t i = 0; app->resources[i] != NULL; i++) {
        if (i == BACKEND_MAX_RESOURCES)
            return problem_set(problem, 0, "an application may have %d resources",
                               BACKEND_MAX_RESOURCES);
        resource_routes(&backend->resources[i], app->resources[i], backend->pool,
                        &backend->routes[backend->route_count]);
        backend->route_count += RESOURCE_ROUTES;
    }
    return true;
}

/* ---- life ---- */

static bool create_database(const struct backend_app *app, const struct settings *settings,
                            struct problem *problem)
{
    struct db *db = db_open(settings->db, DB_CREATE, problem);
    bool ok =
        db != NULL && db_begin(db, true, problem) && db_exec(db, app->schema, problem) &&
        (app->fill != NULL ? app->fill(db, problem) : db_exec(db, app->sample, problem)) &&
        (app->session == NULL || session_init(app->session, db, settings->secret_file, problem)) &&
        db_exec(db, "COMMIT", problem);

    db_close(db);
    return ok;
}

static void wait_for_signal(void)
{
    sigset_t signals;
    int received;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigwait(&signals, &received);
}

/* Before any thread starts, so that all of them inherit the mask. */
static void block_signals(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

static void print_address(const struct settings *settings, uint16_t port)
{
    struct in_addr address = {.s_addr = htonl(settings->address)};
    char host[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &address, host, sizeof host);
    printf("listening on http://%s:%u\n", host, (unsigned)port);
    (void)fflush(stdout);
}

static bool prepare(struct backend *backend, struct problem *problem)
{
    const struct settings *settings = backend->settings;
    struct db *db;

    backend->pool = db_pool_new(settings->db);
    backend->counts = counts_new();
    backend->faults = faults_new(settings->delay_ms);
    if (backend->pool == NULL || backend->counts == NULL || backend->faults == NULL)
        return problem_set(problem, 0, "out of memory");
    if (settings->ui != NULL && (backend->files = files_open(settings->ui, problem)) == NULL)
        return false;
    /* A wrong file shall stop the start, not the first request. */
    db = db_pool_take(backend->pool, problem);
    if (db == NULL)
        return false;
    db_pool_give(backend->pool, db);
    if (backend->app->session != NULL) {
        backend->session =
            session_new(backend->app->session, backend->pool, settings->secret_file, problem);
        if (backend->session == NULL)
            return false;
    }
    return add_routes(backend, problem);
}

static bool serve(struct backend *backend, struct problem *problem)
{
    struct http_server *server;

    if (!prepare(backend, problem))
        return false;
    backend->http = (struct http_options){.address = backend->settings->address,
                                          .port = backend->settings->port,
                                          .routes = backend->routes,
                                          .route_count = backend->route_count,
                                          .fallback = files_handle,
                                          .fallback_context = backend->files,
                                          .admit = admit,
                                          .hold = hold,
                                          .hook_context = backend};
    server = http_start(&backend->http, problem);
    if (server == NULL)
        return false;
    print_address(backend->settings, http_port(server));
    wait_for_signal();
    faults_release(backend->faults);
    http_stop(server);
    return true;
}

static bool run(const struct backend_app *app, const struct settings *settings,
                struct problem *problem)
{
    struct backend *backend = NULL;
    bool ok = false;

    if (settings->init && !create_database(app, settings, problem))
        goto out;
    if (!settings->listen) {
        ok = true;
        goto out;
    }
    backend = calloc(1, sizeof *backend);
    if (backend == NULL) {
        problem_set(problem, 0, "out of memory");
        goto out;
    }
    backend->app = app;
    backend->settings = settings;
    ok = serve(backend, problem);
out:
    if (backend != NULL) {
        files_close(backend->files);
        faults_free(backend->faults);
        counts_free(backend->counts);
        session_free(backend->session);
        db_pool_free(backend->pool);
        free(backend);
    }
    return ok;
}

int backend_main(int argc, char **argv, const struct backend_app *app)
{
    struct settings settings = {.listen = false};
    struct problem problem = {.text = ""};

    switch (parse_options(argc, argv, &settings, &problem)) {
    case PARSED_HELP:
        print_help(stdout, argv[0], app->name);
        return 0;
    case PARSED_WRONG:
        fprintf(stderr, "%s: %s (--help tells more)\n", argv[0], problem.text);
        return 2;
    case PARSED_RUN:
        break;
    }
    block_signals();
    if (!run(app, &settings, &problem)) {
        fprintf(stderr, "%s: %s\n", argv[0], problem.text);
        return 1;
    }
    return 0;
}
