#include "config/auth_from_yaml.h"

#include "auth/claims.h"
#include "auth/jwk.h"
#include "base/check.h"
#include "config/membership_from_yaml.h"
#include "net/fetch.h"
#include "wire/cookie.h"
#include "wire/http_head.h"

#include <stdio.h>
#include <string.h>

/* ---- texts ---------------------------------------------------------------------------------- */

static const char *text_of(const struct reader *reader, struct str text)
{
    const char *copy = arena_copy(reader->arena, text).p;
    CHECK(copy);
    return copy;
}

static bool read_text(const struct reader *reader, const struct yaml_entry *entry,
                      const struct setting *setting, const char **out)
{
    struct spec_text text;
    if (!reader_text(reader, entry->value, setting->name, setting->form, &text))
        return false;
    *out = text_of(reader, text.text);
    return true;
}

static bool read_texts(const struct reader *reader, const struct yaml *node,
                       const struct setting *setting, struct auth_texts *out)
{
    struct spec_texts texts;
    if (!reader_texts(reader, node, setting->name, setting->form, &texts))
        return false;
    out->items = reader_new(reader, texts.n + 1, sizeof *out->items);
    out->n = texts.n;
    for (size_t i = 0; i < texts.n; i++)
        out->items[i] =
            (struct str){.p = text_of(reader, texts.items[i].text), .n = texts.items[i].text.n};
    return true;
}

/* A secret of a file: its last line end is the editor's. */
static bool read_file(const struct reader *reader, const struct yaml_entry *entry,
                      const struct setting *setting, struct str *out)
{
    struct spec_text path;
    struct err why = ERR_INIT;
    struct buf bytes = BUF_INIT(JWK_TEXT_MAX);
    bool ok = false;
    if (!reader_text(reader, entry->value, setting->name, setting->form, &path))
        return false;
    const char *file = reader_path(reader, path.text);
    if (!reader->outside->read(reader->outside->ctx, file, &bytes, &why)) {
        reader_wrong(reader, path.at, "%s: %s: %s", setting->name, shown(str_of(file)).text,
                     why.text);
        goto out;
    }
    struct str content = buf_slice(&bytes);
    while (content.n && (content.p[content.n - 1] == '\n' || content.p[content.n - 1] == '\r'))
        content.n--;
    if (content.n == 0) {
        reader_wrong(reader, path.at, "%s: %s is empty", setting->name, shown(str_of(file)).text);
        goto out;
    }
    *out = (struct str){.p = text_of(reader, content), .n = content.n};
    ok = true;
out:
    if (bytes.data)
        explicit_bzero(bytes.data, bytes.len);
    buf_free(&bytes);
    return ok;
}

/* ---- jwt ------------------------------------------------------------------------------------ */

/* An empty list would let in what its absence lets in: it says the contrary. */
static bool read_some(const struct reader *reader, const struct yaml *node,
                      const struct setting *setting, struct auth_texts *out)
{
    return read_texts(reader, node, setting, out) &&
           (out->n ||
            reader_wrong(reader, node->at, "%s: an empty list lets nobody in", setting->name));
}

static bool read_algorithms(const struct reader *reader, const struct yaml *node,
                            const struct setting *setting, unsigned *algs)
{
    struct spec_texts texts;
    if (!reader_texts(reader, node, setting->name, setting->form, &texts))
        return false;
    for (size_t i = 0; i < texts.n; i++) {
        enum jwk_alg alg = jwk_alg_of(texts.items[i].text);
        if (alg == JWK_ALGS)
            return reader_wrong(reader, texts.items[i].at,
                                "algorithms are HS256, HS384, HS512, RS256, RS384, RS512, PS256, "
                                "PS384, PS512, ES256, ES384 and EdDSA; here stands \"%s\"",
                                shown(texts.items[i].text).text);
        *algs |= JWK_BIT(alg);
    }
    return texts.n ||
           reader_wrong(reader, node->at, "%s: an empty list lets nobody in", setting->name);
}

struct jwt_places {
    const struct yaml_entry *keys[5]; /* those that name keys */
    size_t n;
    bool public; /* keys_file or pem */
};

static bool read_key(const struct reader *reader, const struct yaml_entry *entry,
                     const struct setting *setting, struct auth_jwt *jwt, struct jwt_places *places)
{
    const char *text = NULL;
    struct err why = ERR_INIT;
    places->keys[places->n++] = entry;
    if (places->n > 1)
        return reader_wrong(reader, entry->at,
                            "jwt has %s already; the keys come from one place: keys_file, pem, "
                            "secret_file, secret or jwks_url",
                            places->keys[0]->name.p);
    if (str_is(entry->name, "keys_file"))
        return read_file(reader, entry, setting, &jwt->keys);
    if (str_is(entry->name, "secret_file"))
        return read_file(reader, entry, setting, &jwt->secret);
    if (!read_text(reader, entry, setting, &text))
        return false;
    if (str_is(entry->name, "pem"))
        jwt->keys = str_of(text);
    else if (str_is(entry->name, "secret"))
        jwt->secret = str_of(text);
    else if (!fetch_url_ok(text, &why))
        return reader_wrong(reader, entry->value->at, "jwks_url: %s", why.text);
    else
        jwt->jwks_url = text;
    return true;
}

static bool is_key(struct str name)
{
    return str_is(name, "keys_file") || str_is(name, "pem") || str_is(name, "secret_file") ||
           str_is(name, "secret") || str_is(name, "jwks_url");
}

/* What would fail at the start fails here, where the line is known. */
static bool check_keys(const struct reader *reader, const struct auth_jwt *jwt,
                       const struct yaml_entry *entry)
{
    struct jwk_set *set = jwk_set_new();
    struct err why = ERR_INIT;
    unsigned algs = jwt->algs ? jwt->algs : JWK_ANY;
    bool ok = (!jwt->keys.p || jwk_set_add_text(set, jwt->keys, algs, &why)) &&
              (!jwt->secret.p || jwk_set_add_secret(set, jwt->secret, algs, &why));
    jwk_set_unref(set);
    return ok || reader_wrong(reader, entry->value->at, "%s: %s", entry->name.p, why.text);
}

static bool read_cookie_name(const struct reader *reader, const struct yaml_entry *entry,
                             const struct setting *setting, const char **out)
{
    if (!read_text(reader, entry, setting, out))
        return false;
    return cookie_name_ok(str_of(*out)) ||
           reader_wrong(reader, entry->value->at, "no cookie can be called \"%s\"",
                        shown(str_of(*out)).text);
}

/* A parameter of its own. */
static bool read_query(const struct reader *reader, const struct yaml_entry *entry,
                       const struct setting *setting, const char **out)
{
    static const char *const taken[] = {"scope", "since", "fresh", "changes", "ticket"};
    if (!read_text(reader, entry, setting, out))
        return false;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strcmp(*out, taken[i]) == 0)
            return reader_wrong(reader, entry->value->at,
                                "query: \"%s\" means something else in a URL already", *out);
    return true;
}

static bool read_jwt(const struct reader *reader, const struct yaml *node, struct auth_jwt *jwt)
{
    struct jwt_places places = {.n = 0};
    jwt->on = true;
    jwt->user = "sub";
    settings_defaults("jwt", jwt);
    if (!reader_map(reader, node, "jwt"))
        return false;
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next) {
        const struct setting *setting = settings_find("jwt", entry->name);
        bool ok;
        if (!setting)
            return reader_unknown(reader, "jwt", entry);
        if (is_key(entry->name))
            ok = read_key(reader, entry, setting, jwt, &places);
        else if (str_is(entry->name, "issuer"))
            ok = read_some(reader, entry->value, setting, &jwt->issuers);
        else if (str_is(entry->name, "audience"))
            ok = read_some(reader, entry->value, setting, &jwt->audiences);
        else if (str_is(entry->name, "algorithms"))
            ok = read_algorithms(reader, entry->value, setting, &jwt->algs);
        else if (str_is(entry->name, "cookie"))
            ok = read_cookie_name(reader, entry, setting, &jwt->cookie);
        else if (str_is(entry->name, "query"))
            ok = read_query(reader, entry, setting, &jwt->query);
        else if (str_is(entry->name, "user"))
            ok = read_text(reader, entry, setting, &jwt->user);
        else
            ok = reader_setting(reader, setting, entry->value, jwt);
        if (!ok)
            return false;
    }
    if (places.n == 0)
        return reader_wrong(reader, node->at,
                            "jwt needs keys to check tokens with: keys_file, pem, secret_file, "
                            "secret or jwks_url");
    if (jwt->jwks_url && jwt->algs && !(jwt->algs & ~JWK_HMAC))
        return reader_wrong(reader, places.keys[0]->value->at,
                            "jwks_url: what stands at a URL are public keys, and the algorithms "
                            "that are allowed need a secret");
    return check_keys(reader, jwt, places.keys[0]);
}

/* ---- callback, tickets ---------------------------------------------------------------------- */

/* Cookies; what a hop says to the next one (RFC 9110, 7.6.1); what the question has of its own. */
static const char *const OF_THE_HOP[] = {"cookie",
                                         "host",
                                         "connection",
                                         "content-length",
                                         "transfer-encoding",
                                         "keep-alive",
                                         "proxy-authenticate",
                                         "proxy-authorization",
                                         "proxy-connection",
                                         "te",
                                         "trailer",
                                         "upgrade",
                                         "expect",
                                         "http2-settings"};

static bool lower_header(const struct reader *reader, const struct yaml *node, struct str *name)
{
    char *text = (char *)(uintptr_t)name->p;
    if (!http_token(*name))
        return reader_wrong(reader, node->at, "no header can be called \"%s\"", shown(*name).text);
    for (size_t i = 0; i < name->n; i++)
        if (text[i] >= 'A' && text[i] <= 'Z')
            text[i] = (char)(text[i] | 0x20);
    for (size_t i = 0; i < sizeof OF_THE_HOP / sizeof *OF_THE_HOP; i++)
        if (str_is(*name, OF_THE_HOP[i]))
            return reader_wrong(reader, node->at, "headers: \"%s\" is not passed on%s", name->p,
                                i == 0 ? "; cookies have a key of their own"
                                       : ": it is about this one connection");
    return true;
}

static bool read_cookies(const struct reader *reader, const struct yaml *node,
                         const struct setting *setting, struct auth_callback *callback)
{
    bool truth;
    if (node->kind == YAML_TEXT && yaml_is_bool(node, &truth)) {
        callback->all_cookies = truth;
        return true;
    }
    callback->all_cookies = false;
    if (!read_texts(reader, node, setting, &callback->cookies))
        return false;
    for (size_t i = 0; i < callback->cookies.n; i++)
        if (!cookie_name_ok(callback->cookies.items[i]))
            return reader_wrong(reader, node->at, "no cookie can be called \"%s\"",
                                shown(callback->cookies.items[i]).text);
    return true;
}

static bool read_callback(const struct reader *reader, const struct yaml *node,
                          struct auth_callback *callback)
{
    struct err why = ERR_INIT;
    callback->on = true;
    callback->all_cookies = true;
    settings_defaults("callback", callback);
    if (!reader_map(reader, node, "callback"))
        return false;
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next) {
        const struct setting *setting = settings_find("callback", entry->name);
        bool ok;
        if (!setting)
            return reader_unknown(reader, "callback", entry);
        if (str_is(entry->name, "url")) {
            ok = read_text(reader, entry, setting, &callback->url);
            if (ok && !fetch_url_ok(callback->url, &why))
                return reader_wrong(reader, entry->value->at, "url: %s", why.text);
        } else if (str_is(entry->name, "headers")) {
            ok = read_texts(reader, entry->value, setting, &callback->headers);
            for (size_t i = 0; ok && i < callback->headers.n; i++)
                ok = lower_header(reader, entry->value, &callback->headers.items[i]);
        } else if (str_is(entry->name, "cookies")) {
            ok = read_cookies(reader, entry->value, setting, callback);
        } else {
            ok = reader_setting(reader, setting, entry->value, callback);
        }
        if (!ok)
            return false;
    }
    if (!callback->url)
        return reader_wrong(reader, node->at,
                            "callback needs the url of the application's sign-in: { url: "
                            "http://127.0.0.1:3000/unstale/session }");
    if (!callback->all_cookies && callback->cookies.n == 0 && callback->headers.n == 0)
        return reader_wrong(reader, node->at,
                            "callback passes neither cookies nor headers on: nobody could be "
                            "known by it");
    return true;
}

static bool read_tickets(const struct reader *reader, const struct yaml *node,
                         struct auth_tickets *tickets)
{
    tickets->on = true;
    settings_defaults("tickets", tickets);
    if (yaml_is_null(node))
        return true;
    if (!reader_map(reader, node, "tickets"))
        return false;
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next) {
        const struct setting *setting = settings_find("tickets", entry->name);
        if (!setting)
            return reader_unknown(reader, "tickets", entry);
        if (!reader_setting(reader, setting, entry->value, tickets))
            return false;
    }
    return true;
}

/* ---- scopes, origins ------------------------------------------------------------------------ */

static bool read_when(const struct reader *reader, const struct yaml *node,
                      struct auth_scope *scope)
{
    static const struct setting value = {.name = "when",
                                         .form = "a mapping from a claim to its value, or to a "
                                                 "list of values"};
    if (node->kind != YAML_MAP || node->n == 0)
        return reader_mistyped(reader, node, "when", value.form);
    scope->when = reader_new(reader, node->n, sizeof *scope->when);
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next) {
        struct auth_when *when = &scope->when[scope->n_when++];
        when->claim = (struct str){.p = text_of(reader, entry->name), .n = entry->name.n};
        if (!read_texts(reader, entry->value, &value, &when->values))
            return false;
        if (when->values.n == 0)
            return reader_wrong(reader, entry->value->at,
                                "when: %s has no value that it could have",
                                shown(entry->name).text);
    }
    return true;
}

static bool read_grant(const struct reader *reader, const struct yaml *node,
                       struct auth_scope *scope)
{
    static const char wanted[] =
        "a text with {claims} in it, or a mapping: { scope: admin, when: { role: admin } }";
    struct spec_text text;
    scope->at = node->at;
    if (node->kind == YAML_TEXT || reader_unquoted_template(node)) {
        if (!reader_text(reader, node, "an entry of scopes", wanted, &text))
            return false;
        scope->text = (struct str){.p = text_of(reader, text.text), .n = text.text.n};
        return true;
    }
    if (node->kind != YAML_MAP)
        return reader_mistyped(reader, node, "an entry of scopes", wanted);
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next) {
        const struct setting *setting = settings_find("grant", entry->name);
        if (!setting)
            return reader_unknown(reader, "grant", entry);
        if (str_is(entry->name, "when")) {
            if (!read_when(reader, entry->value, scope))
                return false;
            continue;
        }
        if (!reader_text(reader, entry->value, "scope", setting->form, &text))
            return false;
        scope->text = (struct str){.p = text_of(reader, text.text), .n = text.text.n};
        scope->at = text.at;
    }
    return scope->text.n || reader_wrong(reader, node->at, "an entry of scopes has a scope");
}

static bool read_scopes(const struct reader *reader, const struct yaml *node,
                        struct auth_spec *spec)
{
    struct place at = {0};
    struct err why = ERR_INIT;
    if (!reader_list(reader, node, "scopes"))
        return false;
    spec->scopes = reader_new(reader, node->n + 1, sizeof *spec->scopes);
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next)
        if (!read_grant(reader, entry->value, &spec->scopes[spec->n_scopes++]))
            return false;
    struct claims *claims = claims_compile(spec->scopes, spec->n_scopes, &at, &why);
    if (!claims)
        return reader_wrong(reader, at, "%s", why.text);
    claims_free(claims);
    return true;
}

/* As a browser writes it: scheme and host, in small letters, a port where it is not the usual one,
 * nothing behind. */
static bool is_origin(struct str text)
{
    struct str plain = STR("http://"), secure = STR("https://"), host;
    if (str_starts(text, plain))
        host = str_from(text, plain.n);
    else if (str_starts(text, secure))
        host = str_from(text, secure.n);
    else
        return false;
    for (size_t i = 0; i < host.n; i++)
        if (host.p[i] <= ' ' || host.p[i] == '/' || host.p[i] == '*' || host.p[i] == '?' ||
            host.p[i] == '#' || host.p[i] == '@' || (unsigned char)host.p[i] >= 0x7f)
            return false;
    size_t usual = str_starts(text, plain) ? 3 : 4;
    if (host.n > usual &&
        str_equal(str_from(host, host.n - usual), usual == 3 ? STR(":80") : STR(":443")))
        return false; /* no browser writes it: no page would ever be let in */
    return host.n > 0 && text.n <= 300;
}

static bool read_origins(const struct reader *reader, const struct yaml *node,
                         const struct setting *setting, struct auth_texts *origins)
{
    struct spec_texts texts;
    if (!reader_texts(reader, node, setting->name, setting->form, &texts))
        return false;
    for (size_t i = 0; i < texts.n; i++) {
        if (str_is(texts.items[i].text, "*"))
            return reader_wrong(reader, texts.items[i].at,
                                "origins names each of them; with \"*\" every web site could use "
                                "the sign-in of its visitors");
        if (!is_origin(texts.items[i].text))
            return reader_wrong(reader, texts.items[i].at,
                                "origins are as a browser sends them, https://app.example.com or "
                                "http://127.0.0.1:5173, without a path or the usual port; here "
                                "stands \"%s\"",
                                shown(texts.items[i].text).text);
    }
    return read_texts(reader, node, setting, origins);
}

bool auth_from_yaml(const struct reader *reader, const struct yaml *node, struct auth_spec *spec)
{
    static const char wanted[] = "none, or a mapping with jwt, callback or tickets";
    if (node->kind == YAML_TEXT && str_is(node->text, "none")) {
        spec->none = true;
        return true;
    }
    if (node->kind != YAML_MAP)
        return reader_mistyped(reader, node, "auth", wanted);
    for (const struct yaml_entry *entry = node->first; entry; entry = entry->next) {
        const struct setting *setting = settings_find("auth", entry->name);
        bool ok;
        if (!setting)
            return reader_unknown(reader, "auth", entry);
        if (str_is(entry->name, "jwt"))
            ok = read_jwt(reader, entry->value, &spec->jwt);
        else if (str_is(entry->name, "callback"))
            ok = read_callback(reader, entry->value, &spec->callback);
        else if (str_is(entry->name, "tickets"))
            ok = read_tickets(reader, entry->value, &spec->tickets);
        else if (str_is(entry->name, "scopes"))
            ok = read_scopes(reader, entry->value, spec);
        else if (str_is(entry->name, "membership"))
            ok = membership_from_yaml(reader, entry->value, spec);
        else
            ok = read_origins(reader, entry->value, setting, &spec->origins);
        if (!ok)
            return false;
    }
    if (!spec->jwt.on && !spec->callback.on && !spec->tickets.on)
        return reader_wrong(reader, node->at, "auth says not who may come in: it is %s", wanted);
    return true;
}
