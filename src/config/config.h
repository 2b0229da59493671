/* config: the YAML file as plain structs.
 *
 * config_load reads and checks everything that can be said without a database; the
 * first thing that is wrong stops it, with "file:line:column: sentence (did you mean ...?)".
 * The structs are plain and complete (defaults filled in); whoever needs a part takes a pointer
 * to that part. Everything is owned by the config and immutable. */
#pragma once

#include "auth/spec.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "delivery/endpoints.h"
#include "net/proxies.h"
#include "rules/spec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_source_kind { CONFIG_SQLITE, CONFIG_PUBLISH, CONFIG_POSTGRES };
enum config_capture { CONFIG_LOGICAL, CONFIG_NOTIFY };

struct config_source {
    enum config_source_kind kind;
    struct place at;
    const char *path;  /* sqlite: relative paths are relative to the config file */
    uint64_t poll_ms;  /* sqlite */
    const char *token; /* publish: content of token_file, trimmed; NULL: open */
    const char *token_file;
    bool open;                 /* publish: { open: true } */
    const char *url;           /* postgres; perhaps with a password, so it is never shown */
    const char *shown;         /* postgres: "host:port/database" */
    const char *password_file; /* postgres; NULL: none */
    const char *visible_on;    /* postgres: URL of the server that readers use; NULL: the same */
    enum config_capture capture;
    bool permanent; /* postgres: the slot */
    const char *slot_name, *publication;
    const char *channel; /* postgres, notify: of triggers that are the application's; NULL: ours */
    uint64_t timeout_ms, unready_ms; /* postgres */
};

struct config_limits {
    uint64_t batch_ms, heartbeat_ms, stalled_ms, spread_ms, drain_ms;
    size_t index_memory, notice_memory, publish_body;
    unsigned max_keys, max_entities, notices, held, families;
    unsigned connections, connections_per_user, connections_per_token, connections_per_address;
    unsigned scopes;        /* per subscription */
    unsigned publish_queue; /* bodies that wait for the hub */
    size_t head;            /* of a request */
    uint64_t head_ms, body_ms, keepalive_ms;
};

/* Where an entry of `endpoints:` stands. */
struct config_endpoint_at {
    struct place at, heartbeat;
};

struct config {
    const char *file;
    const char *listen;
    struct place listen_at;
    const char *admin; /* NULL: no admin listener */
    const char *state; /* state file */
    unsigned threads;
    struct proxies trusted_proxies;
    struct config_source *sources;
    size_t n_sources;
    struct auth_spec auth;
    struct rules_spec rules;
    struct endpoint_wanted *endpoints; /* one reference each */
    struct config_endpoint_at *endpoints_at;
    size_t n_endpoints;
    struct config_limits limits;
    enum log_level log_level;
    bool log_json;
    struct arena _arena;
};

/* What reading asks of the world around the file. */
struct config_outside {
    void *ctx;
    /* The value of an environment variable, or NULL. */
    const char *(*variable)(void *ctx, const char *name);
    /* Appends the content of a file; false with the reason (also when it is more than out->max). */
    bool (*read)(void *ctx, const char *path, struct buf *out, struct err *err);
};

/* NULL with err, which already has "file:line:column: " in front. */
struct config *config_load(const char *file, struct err *err);
/* The same from memory; `file` is what errors call it, and what relative paths are relative to. */
struct config *config_parse(const char *file, struct str text, const struct config_outside *outside,
                            struct err *err);
void config_free(struct config *config);
/* "file:line:column: " in front of the sentence: for what is found out later (a missing column). */
bool config_wrong(const struct config *config, struct place at, struct err *err);
/* 127.0.0.0/8, ::1 or localhost. */
bool config_is_loopback(const char *listen);
