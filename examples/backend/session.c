#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { MAC_SIZE = 32, MAC_TEXT = 43, MAX_CLAIMS = 4096, ID_BYTES = 16 };

struct session {
    const struct session_rules *rules;
    struct db_pool *pool;
    char secret[SESSION_MAX_SECRET];
    size_t secret_length;
};

/* ---- base64url ---- */

static void to_url_alphabet(char *text)
{
    size_t length = strcspn(text, "=");

    text[length] = '\0';
    for (size_t i = 0; i < length; i++)
        text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
}

/* `out` has room for 4 * ((size + 2) / 3) + 1. */
static void encode(const unsigned char *bytes, size_t size, char *out)
{
    EVP_EncodeBlock((unsigned char *)out, bytes, (int)size);
    to_url_alphabet(out);
}

/* The decoded bytes, the caller's; NULL for what is no base64url. */
static char *decode(const char *text, size_t length, size_t *size)
{
    size_t padded = (length + 3) / 4 * 4;
    char *copy = malloc(padded + 1);
    char *out = malloc(padded + 1);
    int written = -1;

    if (copy != NULL && out != NULL) {
        for (size_t i = 0; i < padded; i++)
            copy[i] = (char)(i >= length      ? '='
                             : text[i] == '-' ? '+'
                             : text[i] == '_' ? '/'
                                              : text[i]);
        written = EVP_DecodeBlock((unsigned char *)out, (const unsigned char *)copy, (int)padded);
    }
    free(copy);
    if (written < 0) {
        free(out);
        return NULL;
    }
    *size = (size_t)written - (padded - length);
    return out;
}

/* ---- tokens ---- */

static void sign(const struct session *session, const char *text, size_t length,
                 char mac_text[MAC_TEXT + 2])
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    HMAC(EVP_sha256(), session->secret, (int)session->secret_length, (const unsigned char *)text,
         length, mac, &size);
    encode(mac, MAC_SIZE, mac_text);
}

/* "HEAD.CLAIMS.MAC", the caller's. */
static char *make_token(const struct session *session, const json_t *claims)
{
    static const char head[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
    char *text = json_dumps(claims, JSON_COMPACT);
    size_t length = text == NULL ? 0 : strlen(text), used;
    char *token = NULL;

    if (text == NULL || length > MAX_CLAIMS)
        goto out;
    token = malloc(64 + (length + 2) / 3 * 4 + 1 + MAC_TEXT + 2);
    if (token == NULL)
        goto out;
    encode((const unsigned char *)head, sizeof head - 1, token);
    used = strlen(token);
    token[used++] = '.';
    encode((const unsigned char *)text, length, token + used);
    used = strlen(token);
    token[used] = '.';
    sign(session, token, used, token + used + 1);
out:
    free(text);
    return token;
}

/* The claims of a token that is ours and not expired, the caller's; or NULL. */
static json_t *read_token(const struct session *session, const char *token)
{
    const char *first = strchr(token, '.');
    const char *last = strrchr(token, '.');
    char mac[MAC_TEXT + 2];
    json_t *claims = NULL;
    size_t size = 0;
    char *text;

    if (first == NULL || first == last || strlen(last + 1) != MAC_TEXT)
        return NULL;
    sign(session, token, (size_t)(last - token), mac);
    if (CRYPTO_memcmp(mac, last + 1, MAC_TEXT) != 0)
        return NULL;
    text = decode(first + 1, (size_t)(last - first - 1), &size);
    if (text != NULL)
        claims = json_loadb(text, size, 0, NULL);
    free(text);
    if (json_integer_value(json_object_get(claims, "exp")) > (json_int_t)time(NULL))
        return claims;
    json_decref(claims);
    return NULL;
}

/* ---- users ---- */

static json_t *row_for(struct db *db, const char *sql, const char *value, struct problem *problem)
{
    json_t *params = json_pack("[s]", value);
    json_t *row = params == NULL ? NULL : db_row(db, sql, params, problem);

    json_decref(params);
    if (params == NULL)
        problem_set(problem, 400, "that is not UTF-8");
    return row;
}

/* The claims of the user with this id, the caller's; NULL with a 401 when there is none. */
static json_t *read_user(const struct session *session, struct db *db, const char *id,
                         struct problem *problem)
{
    const struct session_rules *rules = session->rules;
    json_t *row = row_for(db, rules->user, id, problem);
    json_int_t now = (json_int_t)time(NULL);

    if (row == NULL)
        return NULL;
    if (json_is_null(row)) {
        json_decref(row);
        problem_set(problem, 401, "there is no such user any more");
        return NULL;
    }
    for (size_t i = 0; rules->json != NULL && rules->json[i] != NULL; i++) {
        const char *text = json_string_value(json_object_get(row, rules->json[i]));

        if (text != NULL)
            json_object_set_new(row, rules->json[i], json_loads(text, JSON_DECODE_ANY, NULL));
    }
    json_object_set(row, "sub", json_object_get(row, "id"));
    json_object_set_new(row, "iat", json_integer(now));
    json_object_set_new(row, "exp", json_integer(now + rules->ttl_s));
    return row;
}

/* ---- requests ---- */

static const char *sent_token(const struct session *session, const struct http_request *request)
{
    const char *header = http_request_header(request, "Authorization");

    if (header != NULL && strncmp(header, "Bearer ", 7) == 0)
        return header + 7;
    return http_request_cookie(request, session->rules->cookie);
}

json_t *session_user(struct session *session, const struct http_request *request,
                     struct problem *problem)
{
    const char *token = sent_token(session, request);
    json_t *user = NULL, *row = NULL;
    struct db *db;

    problem_set(problem, 401, "sign in first");
    if (token == NULL)
        return NULL;
    if (!session->rules->opaque)
        return read_token(session, token);
    db = db_pool_take(session->pool, problem);
    if (db != NULL)
        row = row_for(db, "SELECT user_id FROM backend_sessions WHERE id = ?1", token, problem);
    if (json_is_object(row))
        user = read_user(session, db, json_string_value(json_object_get(row, "user_id")), problem);
    json_decref(row);
    db_pool_give(session->pool, db);
    return user;
}

/* An opaque id for the user; the caller's. */
static char *open_opaque(struct db *db, const char *user, struct problem *problem)
{
    unsigned char bytes[ID_BYTES];
    char *id = malloc((ID_BYTES + 2) / 3 * 4 + 1);
    json_t *params;
    bool ok;

    if (id == NULL || getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
        problem_set(problem, 500, "no random bytes");
        free(id);
        return NULL;
    }
    encode(bytes, sizeof bytes, id);
    params = json_pack("[s, s]", id, user);
    ok = db_run(db, "INSERT INTO backend_sessions (id, user_id) VALUES (?1, ?2)", params, NULL,
                problem);
    json_decref(params);
    if (ok)
        return id;
    free(id);
    return NULL;
}

static bool answer_with(const struct session *session, json_t *user, const char *token,
                        struct http_reply *reply)
{
    json_object_set_new(user, "token", json_string(token));
    http_reply_cookie(reply, "%s=%s; Path=/; Max-Age=%ld; HttpOnly; SameSite=Lax",
                      session->rules->cookie, token, session->rules->ttl_s);
    return http_reply_json(reply, 200, user);
}

static bool sign_in(void *context, const struct http_request *request, struct http_reply *reply,
                    struct problem *problem)
{
    struct session *session = context;
    const char *said = json_string_value(json_object_get(request->body, "user"));
    struct db *db;
    json_t *found = NULL, *user = NULL;
    char *token = NULL;
    bool ok = false;

    if (said == NULL)
        return problem_set(problem, 400, "user is missing: who signs in?");
    db = db_pool_take(session->pool, problem);
    if (db == NULL)
        return false;
    found = row_for(db, session->rules->login, said, problem);
    if (json_is_null(found))
        problem_set(problem, 401, "there is no user %.80s", said);
    if (json_is_object(found))
        user = read_user(session, db, json_string_value(json_object_get(found, "id")), problem);
    if (user != NULL)
        token = session->rules->opaque
                    ? open_opaque(db, json_string_value(json_object_get(user, "id")), problem)
                    : make_token(session, user);
    if (token != NULL) {
        ok = answer_with(session, user, token, reply);
        user = NULL;
    }
    free(token);
    json_decref(user);
    json_decref(found);
    db_pool_give(session->pool, db);
    return ok;
}

static bool who(void *context, const struct http_request *request, struct http_reply *reply,
                struct problem *problem)
{
    struct session *session = context;
    json_t *claims = session_user(session, request, problem);
    json_t *user = NULL;
    struct db *db;
    char *token = NULL;
    bool ok = false;

    if (claims == NULL)
        return false;
    db = db_pool_take(session->pool, problem);
    if (db != NULL)
        user = read_user(session, db, json_string_value(json_object_get(claims, "sub")), problem);
    db_pool_give(session->pool, db);
    json_decref(claims);
    if (user == NULL)
        return false;
    token =
        session->rules->opaque ? strdup(sent_token(session, request)) : make_token(session, user);
    if (token != NULL)
        ok = answer_with(session, user, token, reply);
    else
        json_decref(user);
    free(token);
    return ok;
}

static bool sign_out(void *context, const struct http_request *request, struct http_reply *reply,
                     struct problem *problem)
{
    struct session *session = context;
    const char *token = sent_token(session, request);
    bool ok = true;

    if (session->rules->opaque && token != NULL) {
        struct db *db = db_pool_take(session->pool, problem);
        json_t *params = json_pack("[s]", token);

        ok = db != NULL && params != NULL &&
             db_run(db, "DELETE FROM backend_sessions WHERE id = ?1", params, NULL, problem);
        json_decref(params);
        db_pool_give(session->pool, db);
    }
    http_reply_cookie(reply, "%s=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax",
                      session->rules->cookie);
    return ok && http_reply_empty(reply, 204);
}

static bool list_users(void *context, const struct http_request *request, struct http_reply *reply,
                       struct problem *problem)
{
    struct session *session = context;
    struct db *db = db_pool_take(session->pool, problem);
    json_t *users = db == NULL ? NULL : db_rows(db, session->rules->users, NULL, problem);

    (void)request;
    db_pool_give(session->pool, db);
    return users != NULL && http_reply_json(reply, 200, users);
}

void session_routes(struct session *session, struct http_route routes[SESSION_ROUTES])
{
    const struct http_route mine[SESSION_ROUTES] = {
        {"GET", "/api/session/users", list_users, session, NULL},
        {"POST", "/api/session", sign_in, session, NULL},
        {"GET", "/api/session", who, session, NULL},
        {"DELETE", "/api/session", sign_out, session, NULL}};

    memcpy(routes, mine, sizeof mine);
}

/* ---- life ---- */

static bool make_secret(const char *path, struct problem *problem)
{
    unsigned char bytes[MAC_SIZE];
    char text[2 * MAC_SIZE + 1];
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok;

    if (fd < 0)
        return errno == EEXIST || problem_set(problem, 0, "%.160s: %s", path, strerror(errno));
    ok = getrandom(bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes;
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    ok = ok && write(fd, text, 2 * MAC_SIZE) == 2 * MAC_SIZE;
    return close(fd) == 0 && ok ? true : problem_set(problem, 0, "%.160s cannot be written", path);
}

static bool read_secret(struct session *session, const char *path, struct problem *problem)
{
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return problem_set(problem, 0, "%.160s: %s; --init makes it", path, strerror(errno));
    session->secret_length = fread(session->secret, 1, sizeof session->secret, file);
    fclose(file);
    while (session->secret_length > 0 && session->secret[session->secret_length - 1] == '\n')
        session->secret_length--;
    return session->secret_length >= MAC_SIZE ||
           problem_set(problem, 0, "%.160s: a secret of %d bytes or more is needed", path,
                       MAC_SIZE);
}

bool session_init(const struct session_rules *rules, struct db *db, const char *secret_file,
                  struct problem *problem)
{
    if (rules->opaque)
        return db_exec(db,
                       "CREATE TABLE IF NOT EXISTS backend_sessions (id TEXT PRIMARY KEY, "
                       "user_id TEXT NOT NULL)",
                       problem);
    if (secret_file == NULL)
        return problem_set(problem, 0, "--secret-file is needed: what tokens are signed with");
    return make_secret(secret_file, problem);
}

struct session *session_new(const struct session_rules *rules, struct db_pool *pool,
                            const char *secret_file, struct problem *problem)
{
    struct session *session = calloc(1, sizeof *session);

    if (session == NULL) {
        problem_set(problem, 0, "out of memory");
        return NULL;
    }
    session->rules = rules;
    session->pool = pool;
    if (!rules->opaque &&
        (secret_file == NULL
             ? !problem_set(problem, 0, "--secret-file is needed: what tokens are signed with")
             : !read_secret(session, secret_file, problem))) {
        session_free(session);
        return NULL;
    }
    return session;
}

void session_free(struct session *session)
{
    if (session == NULL)
        return;
    OPENSSL_cleanse(session->secret, sizeof session->secret);
    free(session);
}
