/* session: who is signed in.
 *
 * It stands for *your* sign-in, so it believes whoever says a name; what comes after is as it would
 * be: a cookie that scripts cannot read, either a JWT (HS256, so that unstale can check it by
 * itself) or an opaque id (so that unstale has to ask: GET /api/session answers 200 with the
 * claims, or 401). `Authorization: Bearer` with the same text is taken, too.
 *
 *   GET    /api/session/users   who may sign in, for the page that asks
 *   POST   /api/session         {"user": LOGIN}: the user, `token` and the cookie
 *   GET    /api/session         the user as the database has it now, with a new cookie; or 401
 *   DELETE /api/session         signed out
 *
 * The claims are the row of `user`, `id` once more as `sub`, and the times. A column named in
 * `json` holds JSON text and becomes a value. Safe from many threads. */
#ifndef EXAMPLE_SESSION_H
#define EXAMPLE_SESSION_H

#include "db.h"
#include "http.h"

enum { SESSION_ROUTES = 4, SESSION_DEFAULT_TTL_S = 3600, SESSION_MAX_SECRET = 256 };

struct session_rules {
    const char *cookie;
    bool opaque;
    long ttl_s;
    const char *login;       /* SQL: ?1 is what was said, gives `id` */
    const char *user;        /* SQL: ?1 is the id, gives the row */
    const char *users;       /* SQL: those who may sign in */
    const char *const *json; /* ended by NULL; or NULL */
};

struct session;

/* `rules` and `pool` outlive it. `secret_file` may be NULL when the id is opaque. */
struct session *session_new(const struct session_rules *rules, struct db_pool *pool,
                            const char *secret_file, struct problem *problem);
void session_free(struct session *session);
/* What has to be there before: the table of opaque ids, or the secret, which is made if its file
 * does not exist. */
bool session_init(const struct session_rules *rules, struct db *db, const char *secret_file,
                  struct problem *problem);
void session_routes(struct session *session, struct http_route routes[SESSION_ROUTES]);

/* The claims of whoever sent the request, the caller's; NULL with a 401 for nobody. */
json_t *session_user(struct session *session, const struct http_request *request,
                     struct problem *problem);

#endif
