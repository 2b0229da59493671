#include "source/pg_target.h"

#include "base/buf.h"
#include "base/mem.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

enum { PASSWORD_MAX = 4096, NAME_MAX_BYTES = 1024 };

struct pg_target {
    char *url;
    char *password_file;
    char *name;
    PQconninfoOption *options;
};

static const char *option(const struct pg_target *target, const char *keyword)
{
    for (const PQconninfoOption *each = target->options; each && each->keyword; each++)
        if (strcmp(each->keyword, keyword) == 0)
            return each->val && each->val[0] ? each->val : NULL;
    return NULL;
}

/* What libpq will take where the URL says nothing. */
static const char *effective(const struct pg_target *target, const PQconninfoOption *defaults,
                             const char *keyword)
{
    const char *value = option(target, keyword);
    for (const PQconninfoOption *each = defaults; !value && each && each->keyword; each++)
        if (strcmp(each->keyword, keyword) == 0 && each->val && each->val[0])
            value = each->val;
    return value;
}

static void make_name(struct pg_target *target)
{
    PQconninfoOption *defaults = PQconndefaults();
    const char *host = effective(target, defaults, "host");
    const char *port = effective(target, defaults, "port");
    const char *database = effective(target, defaults, "dbname");
    if (!host)
        host = effective(target, defaults, "hostaddr");
    if (port && strspn(port, ",") == strlen(port)) /* several hosts, no port for any of them */
        port = NULL;
    if (!database)
        database = effective(target, defaults, "user");
    struct buf name = BUF_INIT(NAME_MAX_BYTES);
    buf_printf(&name, "%s:%s/%s", host ? host : "local", port ? port : "5432",
               database ? database : "");
    target->name = name.overflow ? mem_copy("postgres", 8) : mem_copy(name.data, name.len);
    buf_free(&name);
    PQconninfoFree(defaults);
}

/* What stands behind an "@", "/" or ":" of a password that is not percent-encoded libpq takes for
 * the host, the port or the database, which are said everywhere. */
static bool has_stray_password(const char *url, const PQconninfoOption *options)
{
    const char *authority = strstr(url, "://");
    if (!authority || (!str_starts(str_of(url), STR("postgres://")) &&
                       !str_starts(str_of(url), STR("postgresql://"))))
        return false;
    struct str rest = str_of(authority + 3);
    rest.n = str_index(rest, '?');
    size_t at = str_index(rest, '@');
    if (at < rest.n)
        return str_index(rest, '/') < at ||
               str_index(str_from(rest, at + 1), '@') < rest.n - at - 1;
    for (const PQconninfoOption *each = options; each->keyword; each++)
        if (strcmp(each->keyword, "port") == 0 && each->val)
            return strspn(each->val, "0123456789,") != strlen(each->val);
    return false;
}

struct pg_target *pg_target_new(const char *url, const char *password_file, struct err *err)
{
    char *why = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &why);
    if (!options) {
        /* libpq repeats parts of what it was given: only where no password can be among them. */
        bool tell = why && strstr(why, "URI query parameter") && !strstr(why, "assword") &&
                    !strchr(why, '@');
        struct err said = ERR_INIT;
        if (tell)
            pg_sentence(&said, why);
        err_set(err, "this is no URL of a PostgreSQL database (postgres://user@host:5432/db)%s%s",
                tell ? ": " : "", said.text);
        PQfreemem(why);
        return NULL;
    }
    if (has_stray_password(url, options)) {
        PQconninfoFree(options);
        err_set(err,
                "this is no URL of a PostgreSQL database (postgres://user@host:5432/db): in user "
                "and password @ is written %%40, / is %%2F, : is %%3A and %% is %%25");
        return NULL;
    }
    struct pg_target *target = mem_new(sizeof *target);
    target->url = mem_copy(url, strlen(url));
    target->password_file = password_file ? mem_copy(password_file, strlen(password_file)) : NULL;
    target->options = options;
    make_name(target);
    return target;
}

/* Not optimised away. */
static void wipe(char *secret)
{
    for (volatile char *c = secret; c && *c; c++)
        *c = '\0';
}

void pg_target_free(struct pg_target *target)
{
    if (!target)
        return;
    wipe(target->url);
    PQconninfoFree(target->options);
    free(target->url);
    free(target->password_file);
    free(target->name);
    free(target);
}

const char *pg_target_name(const struct pg_target *target)
{
    return target->name;
}

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool pg_target_equal(const struct pg_target *a, const struct pg_target *b)
{
    return same(a->url, b->url) && same(a->password_file, b->password_file);
}

/* ---- what libpq is given ---- */

static char *read_password(const char *path, struct err *err)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        err_set(err, "password_file %s cannot be read: %s", path, strerror(errno));
        return NULL;
    }
    char *password = mem_new(PASSWORD_MAX + 1);
    size_t n = fread(password, 1, PASSWORD_MAX, file);
    bool failed = ferror(file) != 0;
    (void)fclose(file);
    while (n > 0 && (password[n - 1] == '\n' || password[n - 1] == '\r'))
        n--;
    password[n] = '\0';
    if (failed || n == 0) {
        err_set(err, failed ? "password_file %s cannot be read" : "password_file %s is empty",
                path);
        wipe(password);
        free(password);
        return NULL;
    }
    return password;
}

struct adding {
    struct pg_params *params;
    size_t n;
};

static void add(struct adding *adding, const char *keyword, const char *value)
{
    adding->params->keywords[adding->n] = keyword;
    adding->params->values[adding->n++] = value;
}

bool pg_params_new(const struct pg_target *target, enum pg_target_kind kind, struct pg_params *out,
                   struct err *err)
{
    /* A peer that vanished is noticed also while nothing is asked of it. */
    static const char *const standard[][2] = {{"fallback_application_name", "unstale"},
                                              {"keepalives_idle", "10"},
                                              {"keepalives_interval", "5"},
                                              {"keepalives_count", "3"},
                                              {"tcp_user_timeout", "20000"}};
    size_t n = sizeof standard / sizeof standard[0] + 5;
    *out = (struct pg_params){0};
    if (target->password_file) {
        out->_password = read_password(target->password_file, err);
        if (!out->_password)
            return false;
    }
    for (const PQconninfoOption *each = target->options; each->keyword; each++)
        n++;
    out->keywords = mem_array(n, sizeof *out->keywords);
    out->values = mem_array(n, sizeof *out->values);
    struct adding adding = {.params = out};
    for (const PQconninfoOption *each = target->options; each->keyword; each++) {
        bool ours = strcmp(each->keyword, "replication") == 0 ||
                    strcmp(each->keyword, "client_encoding") == 0 ||
                    (out->_password && strcmp(each->keyword, "password") == 0);
        if (each->val && each->val[0] && !ours)
            add(&adding, each->keyword, each->val);
    }
    for (size_t i = 0; i < sizeof standard / sizeof standard[0]; i++)
        if (!option(target, standard[i][0]))
            add(&adding, standard[i][0], standard[i][1]);
    add(&adding, "client_encoding", "UTF8");
    if (out->_password)
        add(&adding, "password", out->_password);
    if (kind == PG_TARGET_REPLICATION)
        add(&adding, "replication", "database");
    return true;
}

void pg_params_free(struct pg_params *params)
{
    wipe(params->_password);
    free(params->_password);
    free(params->keywords);
    free(params->values);
    *params = (struct pg_params){0};
}

/* libpq takes a repeated keyword's last value, so the bound stands behind what the URL says. */
PGconn *pg_params_connect(struct pg_params *params, unsigned seconds, struct err *err)
{
    char bound[16];
    size_t n = 0;
    while (params->keywords[n])
        n++;
    snprintf(bound, sizeof bound, "%u", seconds);
    params->keywords[n] = "connect_timeout";
    params->values[n] = bound;
    PGconn *conn = PQconnectdbParams(params->keywords, params->values, 0);
    params->keywords[n] = params->values[n] = NULL; /* `bound` ends here */
    if (PQstatus(conn) == CONNECTION_OK)
        return conn;
    pg_sentence(err, PQerrorMessage(conn));
    PQfinish(conn);
    return NULL;
}

void pg_sentence(struct err *err, const char *text)
{
    size_t n = 0;
    struct str rest = str_of(text);
    while (rest.n && (unsigned char)rest.p[rest.n - 1] <= ' ')
        rest.n--;
    for (size_t i = 0; i < rest.n && n + 3 < sizeof err->text; i++) {
        bool blank = (unsigned char)rest.p[i] <= ' ';
        if (rest.p[i] == '\n') {
            err->text[n++] = ';';
            err->text[n++] = ' ';
        } else if (!blank) {
            err->text[n++] = rest.p[i];
        } else if (n && err->text[n - 1] != ' ') {
            err->text[n++] = ' ';
        }
    }
    err->text[n] = '\0';
}
