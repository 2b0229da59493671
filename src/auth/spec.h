/* spec: `auth:` as it is written, checked in itself; plain structs that `config` fills.
 *
 * All text is owned by whoever filled it and must outlive what is made of it only where that
 * says so. */
#pragma once

#include "base/str.h"
#include "model/place.h"
#include "model/roll.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct auth_texts {
    struct str *items; /* each NUL-terminated */
    size_t n;
};

/* `when: { role: [admin, owner] }`: the claim is one of these, or an array that has one of them. */
struct auth_when {
    struct str claim;
    struct auth_texts values;
};

/* A template over claims: what it gives may be read. */
struct auth_scope {
    struct str text;
    struct place at;
    struct auth_when *when; /* all of them must hold */
    size_t n_when;
};

struct auth_jwt {
    bool on;
    struct str keys; /* content of keys_file, or what stands in `pem`; .p NULL: none */
    struct str secret;
    const char *jwks_url;
    unsigned algs; /* of auth/jwk.h; 0: what the keys allow */
    struct auth_texts issuers, audiences;
    uint64_t leeway_ms;
    bool require_exp;
    const char *cookie; /* NULL: not from a cookie */
    const char *query;  /* NULL: not from the URL */
    const char *user;   /* the claim that names the user */
};

struct auth_callback {
    bool on;
    const char *url;
    struct auth_texts headers; /* that go to the application, in small letters */
    bool all_cookies;
    struct auth_texts cookies; /* the names of those that go, unless all do */
    uint64_t cache_ms, timeout_ms, max_age_ms;
    size_t max_answer;
};

struct auth_tickets {
    bool on;
    uint64_t ttl_ms, max_age_ms;
    unsigned max;
};

struct auth_spec {
    bool none; /* `auth: none` */
    struct auth_jwt jwt;
    struct auth_callback callback;
    struct auth_tickets tickets;
    struct auth_scope *scopes;
    size_t n_scopes;
    struct auth_texts origins;
    struct rolls membership;
    struct place membership_at;
};
